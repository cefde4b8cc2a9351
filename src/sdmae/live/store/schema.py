"""The tables as they are now. How older ones become these: `migrations/versions`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
)

metadata = MetaData()
ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only where the column is called INTEGER."""

cameras = Table(
    "cameras",
    metadata,
    Column("id", ID, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("source", Text, nullable=False),  # as it may be seen: without user and password
    Column("detector", String(64), nullable=False),  # the fingerprint of the detector it has now
    Column("added", Double, nullable=False),
)
"""Every camera that ever had an event or a score."""

events = Table(
    "events",
    metadata,
    Column("id", ID, primary_key=True),
    Column("camera_id", ID, ForeignKey("cameras.id"), nullable=False),
    Column("start", Double, nullable=False),
    Column("end", Double, nullable=False),  # while it is open: the last moment known
    Column("ended_by", String(16)),  # null: it is open
    Column("peak_time", Double, nullable=False),
    Column("peak_score", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("x_min", Double),
    Column("y_min", Double),
    Column("x_max", Double),
    Column("y_max", Double),
    Column("term", String(32)),
    Column("parts", Text, nullable=False),  # JSON
    Column("detector", String(64), nullable=False),
    Column("clip", Text),
    Column("clip_bytes", BigInteger, nullable=False, server_default="0"),
    Column("thumbnail", Text),
    Column("thumbnail_bytes", BigInteger, nullable=False, server_default="0"),
    Column("acknowledged_by", String(128)),
    Column("acknowledged_at", Double),
    Column("verdict", String(8)),
    Column("keep", Boolean, nullable=False, server_default=false()),
    Index("events_by_start", "start"),
    Index("events_by_camera", "camera_id", "start"),
    sqlite_autoincrement=True,  # the number of a deleted event is never given to another
)
"""One row an event. Times are seconds since 1970, UTC."""

minutes = Table(
    "minutes",
    metadata,
    Column("camera_id", ID, ForeignKey("cameras.id"), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("detector", String(64), nullable=False),
    Column("scores", LargeBinary, nullable=False),  # see history.py
    Column("received", BigInteger, nullable=False),
    Column("scored", BigInteger, nullable=False),
    Column("unscored", BigInteger, nullable=False),
    Column("shed", BigInteger, nullable=False),
    Index("minutes_by_start", "start"),
)
"""One row a camera and minute: the history of its causal scores, and what became of its frames."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hook", String(128), nullable=False),
    Column("event_id", ID, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("body", Text, nullable=False),  # JSON, as it is posted
    Column("added", Double, nullable=False),
    Index("outbox_by_hook", "hook", "id"),
    sqlite_autoincrement=True,
)
"""Posts that have not got through yet, written in the transaction of the event they tell of."""
