"""What can happen to a library on a server, and on no other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from actionpose.errors import LibraryError, LibraryLockedError
from actionpose.library import TemplateLibrary
from tests.library.conftest import make_template
from tests.library.postgres import Server, database_name
from tests.library.test_opening import changes


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_the_address_works(postgres_url: str, scheme: str) -> None:
    with TemplateLibrary.open(postgres_url.replace("postgresql", scheme, 1)) as library:
        assert library.add(make_template()).label == "wave"


def test_a_lost_connection_is_made_anew(postgres: Server, postgres_url: str) -> None:
    with TemplateLibrary.open(postgres_url) as library:
        library.add(make_template())
        for call in (library.labels, lambda: library.set_notes("wave", "right hand")):
            postgres.disconnect(postgres_url)
            call()
        assert library.actions()[0].notes == "right hand"


def write_and_lose_the_connection(library: TemplateLibrary, disconnect: Callable[[], None]) -> None:
    with library.transaction():
        library.set_notes("wave", "gone")
        disconnect()


def test_a_connection_that_is_lost_in_the_middle_of_a_change_loses_all_of_it(
    postgres: Server, postgres_url: str
) -> None:
    with TemplateLibrary.open(postgres_url) as library:
        library.add(make_template("wave"))
        with pytest.raises(LibraryError, match=r"failed|cannot be reached"):
            write_and_lose_the_connection(library, partial(postgres.disconnect, postgres_url))
        assert library.actions()[0].notes == ""


def test_a_user_who_may_only_read(postgres: Server, postgres_url: str) -> None:
    database = database_name(postgres_url)
    with TemplateLibrary.open(postgres_url) as library:
        library.add(make_template())
    postgres.run("DROP ROLE IF EXISTS reader")
    postgres.run("CREATE ROLE reader LOGIN")
    try:
        postgres.run("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader", database)
        with TemplateLibrary.open(postgres.url(database, user="reader")) as library:
            assert library.labels() == ["wave"]
            for change in changes(library):
                with pytest.raises(LibraryLockedError, match=r"does not let this user do that\. Ask who runs"):
                    change()
    finally:
        postgres.run("DROP OWNED BY reader", database)
        postgres.run("DROP ROLE reader")


def test_a_database_that_is_only_read(postgres: Server, postgres_url: str) -> None:
    database = database_name(postgres_url)
    TemplateLibrary.open(postgres_url).close()
    postgres.run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with TemplateLibrary.open(postgres_url) as library:
        assert library.labels() == []
        with pytest.raises(LibraryLockedError, match="only be read"):
            library.validate_writable()


@pytest.mark.parametrize("address", ["me:secret@127.0.0.1:1/actions", "nobody:secret@/actions?host=/nowhere"])
def test_a_server_that_is_not_there_is_named_without_the_password(address: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(LibraryError, match=r"cannot be reached: .*Check that the server runs") as caught:
        TemplateLibrary.open(f"postgresql://{address}")
    assert "secret" not in str(caught.value)


def test_a_database_that_is_not_there(postgres: Server) -> None:
    with pytest.raises(LibraryError, match=r'cannot be reached: .*database "none" does not exist'):
        TemplateLibrary.open(postgres.url("none"))
