"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them, with a revision counter at 0."""
    library = op.create_table(
        "library",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
    )
    op.bulk_insert(library, [{"id": 1, "revision": 0}])
    op.create_table(
        "skeletons",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
    )
    op.create_table(
        "sequences",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("skeleton_id", sa.String(64), sa.ForeignKey("skeletons.id"), nullable=False),
        sa.Column("time", sa.LargeBinary, nullable=False),
        sa.Column("position", sa.LargeBinary, nullable=False),
        sa.Column("confidence", sa.LargeBinary, nullable=False),
        sa.Column("image_position", sa.LargeBinary),
        sa.Column("angles", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "actions",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("label", sa.String(100), nullable=False, unique=True),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
    )
    op.create_table(
        "removals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.DateTime, nullable=False),
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("action_id", sa.Integer, sa.ForeignKey("actions.id"), nullable=False, index=True),
        sa.Column("sequence_id", sa.Integer, sa.ForeignKey("sequences.id"), nullable=False, unique=True),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("provenance", sa.JSON, nullable=False),
        sa.Column("quality", sa.JSON, nullable=False),
        sa.Column("removal_id", sa.Integer, sa.ForeignKey("removals.id"), index=True),
    )
    op.create_table(
        "backgrounds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("sequence_id", sa.Integer, sa.ForeignKey("sequences.id"), nullable=False, unique=True),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("provenance", sa.JSON, nullable=False),
        sa.Column("removal_id", sa.Integer, sa.ForeignKey("removals.id"), index=True),
    )
