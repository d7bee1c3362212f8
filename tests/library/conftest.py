"""Clips and libraries to test with."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from actionpose.library import TemplateLibrary
from actionpose.pose import PoseSequence
from actionpose.skeleton import UPPER_BODY_6
from actionpose.template import Template
from tests.library.postgres import Server, find_programs, serve

MakeTemplate = Callable[..., Template]


def make_sequence(seed: int = 0, *, n_frames: int = 5) -> PoseSequence:
    generator = np.random.default_rng(seed)
    position = generator.normal(size=(n_frames, 6, 3))
    position[1, 2] = np.nan
    return PoseSequence(
        skeleton=UPPER_BODY_6,
        time=np.arange(n_frames) / 30,
        position=position,
        image_position=generator.uniform(0, 640, size=(n_frames, 6, 2)),
    )


def make_template(label: str = "wave", seed: int = 0, **fields: object) -> Template:
    return Template(label=label, sequence=make_sequence(seed), **fields)  # type: ignore[arg-type]


def fill(library: TemplateLibrary) -> TemplateLibrary:
    """Add two waves, the second switched off, and a clap, with a tag and notes."""
    library.add_all(
        [make_template("wave", 0, id="a"), make_template("wave", 1, id="b"), make_template("clap", 2, id="c")]
    )
    library.set_tags("wave", ["hand"])
    library.set_notes("clap", "loud")
    library.set_enabled("b", False)
    return library


def assert_same(actual: Template, expected: Template) -> None:
    """Assert that two templates agree in everything, arrays to the last bit."""
    for name in ("id", "label", "enabled", "created", "provenance"):
        assert getattr(actual, name) == getattr(expected, name), name
    np.testing.assert_equal(dict(actual.quality), dict(expected.quality))
    a, b = actual.sequence, expected.sequence
    assert a.skeleton == b.skeleton
    for name in ("time", "position", "confidence", "image_position"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)


def execute(location: str | Path, statement: str, **values: object) -> None:
    """Run SQL on a library as another program would, which heeds no references between tables."""
    url = str(location).replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        connection.execute(sa.text(statement), values)
    engine.dispose()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A PostgreSQL server of our own, shared by all workers of a test run."""
    programs = find_programs()
    if programs is None or importlib.util.find_spec("psycopg") is None:
        reason = "install Debian's package postgresql, and psycopg, to run this test"
        if os.environ.get("ACTIONPOSE_REQUIRE_POSTGRES"):
            pytest.fail(f"ACTIONPOSE_REQUIRE_POSTGRES is set: {reason}")
        pytest.skip(reason)
    of_run = tmp_path_factory.getbasetemp()
    with serve(programs, of_run.parent if "PYTEST_XDIST_WORKER" in os.environ else of_run) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """The address of an empty database."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest) -> str:
    """Where a library may be made, on each kind of database: what uses it is tested on all."""
    name = {"sqlite": "path", "postgresql": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def library(location: str) -> Iterator[TemplateLibrary]:
    with TemplateLibrary.open(location) as opened:
        yield opened
