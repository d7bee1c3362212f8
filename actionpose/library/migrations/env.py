"""Alembic's entry point: migrate over the connection that `actionpose.library.database` hands in."""

from alembic import context

from actionpose.library.rows import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
context.run_migrations()
