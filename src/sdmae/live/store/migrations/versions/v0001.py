"""Cameras and their events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """From an empty database."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "cameras",
        sa.Column("id", number, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("added", sa.Double, nullable=False),
    )
    op.create_table(
        "events",
        sa.Column("id", number, primary_key=True),
        sa.Column("camera_id", number, sa.ForeignKey("cameras.id"), nullable=False),
        sa.Column("start", sa.Double, nullable=False),
        sa.Column("end", sa.Double, nullable=False),
        sa.Column("ended_by", sa.String(16)),
        sa.Column("peak_time", sa.Double, nullable=False),
        sa.Column("peak_score", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        *(sa.Column(side, sa.Double) for side in ("x_min", "y_min", "x_max", "y_max")),
        sa.Column("term", sa.String(32)),
        sa.Column("parts", sa.Text, nullable=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("clip", sa.Text),
        sa.Column("clip_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("thumbnail", sa.Text),
        sa.Column("thumbnail_bytes", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("acknowledged_by", sa.String(128)),
        sa.Column("acknowledged_at", sa.Double),
        sa.Column("verdict", sa.String(8)),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_start", "events", ["start"])
    op.create_index("events_by_camera", "events", ["camera_id", "start"])
