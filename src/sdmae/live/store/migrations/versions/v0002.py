"""Events can be marked to be kept; the history of scores; posts that wait."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """From version 1."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.add_column("events", sa.Column("keep", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "minutes",
        sa.Column("camera_id", number, sa.ForeignKey("cameras.id"), primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("scores", sa.LargeBinary, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("received", "scored", "unscored", "shed")),
    )
    op.create_index("minutes_by_start", "minutes", ["start"])
    op.create_table(
        "outbox",
        sa.Column("id", number, primary_key=True),
        sa.Column("hook", sa.String(128), nullable=False),
        sa.Column("event_id", number, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("added", sa.Double, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_by_hook", "outbox", ["hook", "id"])
