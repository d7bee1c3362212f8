"""The journal of changes, by which they can be undone; labels in Unicode's normal form C, as they are looked for."""

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create it; what was changed before cannot be undone by it."""
    op.create_table(
        "changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("before", sa.JSON, nullable=False),
    )
    _normalize_labels(op.get_bind())


def _normalize_labels(connection: sa.Connection) -> None:
    """Join actions whose names look the same and are only encoded in two ways."""
    actions = sa.table("actions", sa.column("id"), sa.column("label"))
    templates = sa.table("templates", sa.column("action_id"))
    id_by_label = {row.label: row.id for row in connection.execute(sa.select(actions.c.id, actions.c.label))}
    for label, id_ in list(id_by_label.items()):
        normal = unicodedata.normalize("NFC", label)
        kept_id = id_by_label.setdefault(normal, id_)
        if normal != label and kept_id == id_:
            connection.execute(sa.update(actions).where(actions.c.id == id_).values(label=normal))
        elif kept_id != id_:
            connection.execute(sa.update(templates).where(templates.c.action_id == id_).values(action_id=kept_id))
            connection.execute(sa.delete(actions).where(actions.c.id == id_))
