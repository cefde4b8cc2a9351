"""The statements that write: each a function of a connection within the writer's transaction."""

from __future__ import annotations

import json
import math
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update

from sdmae.errors import StoreError
from sdmae.live.store.history import Minute
from sdmae.live.store.records import FrameCounts, Hook, NewEvent, Peak, StoredEvent
from sdmae.live.store.schema import cameras, events, minutes, outbox


def select_events() -> Select[Any]:
    """All events with the names of their cameras."""
    return select(events, cameras.c.name.label("camera")).join_from(events, cameras)


def event_of(row: RowMapping) -> StoredEvent:
    """The event of a row of `select_events`."""
    box = (row["x_min"], row["y_min"], row["x_max"], row["y_max"])
    parts = json.loads(row["parts"])
    peak = Peak(row["peak_time"], row["peak_score"], None if box[0] is None else box, row["term"], parts)
    names = ("id", "camera", "start", "end", "ended_by", "threshold", "detector", "clip", "thumbnail")
    marks = ("acknowledged_by", "acknowledged_at", "verdict", "keep")
    return StoredEvent(peak=peak, **{name: row[name] for name in (*names, *marks)})


def event_by_id(connection: Connection, number: int) -> StoredEvent:
    """Raises `StoreError` where there is none."""
    row = connection.execute(select_events().where(events.c.id == number)).mappings().first()
    if row is None:
        raise StoreError(f"there is no event {number}")
    return event_of(row)


def camera_id(connection: Connection, name: str) -> int:
    """Raises `StoreError` for a camera that was never registered."""
    found = connection.execute(select(cameras.c.id).where(cameras.c.name == name)).scalar()
    if found is None:
        raise StoreError(f"there is no camera {name} in the store")
    return int(found)


def register(connection: Connection, name: str, source: str, detector: str, now: float) -> None:
    """A camera's row, new or renewed."""
    values = {"source": source, "detector": detector}
    if not connection.execute(update(cameras).where(cameras.c.name == name).values(values)).rowcount:
        connection.execute(insert(cameras).values(name=name, added=now, **values))


def add_event(connection: Connection, event: NewEvent) -> StoredEvent:
    """A new, open event."""
    row = {
        "camera_id": camera_id(connection, event.camera),
        "start": _finite(event.start),
        "end": _finite(event.start if event.end is None else event.end),
        "threshold": _finite(event.threshold),
        "detector": event.detector,
        **_peak_columns(event.peak),
    }
    number = connection.execute(insert(events).values(row)).inserted_primary_key
    assert number is not None
    return event_by_id(connection, number[0])


def change_event(connection: Connection, number: int, **values: Any) -> StoredEvent:
    """The event after some of its columns were changed. Raises `StoreError` where there is none."""
    connection.execute(update(events).where(events.c.id == number).values(values))
    return event_by_id(connection, number)


def advance_event(
    connection: Connection, number: int, end: float, peak: Peak | None, ended_by: str | None
) -> StoredEvent:
    """An open event that goes on, or is over. Raises `StoreError` where it is over already."""
    if not event_by_id(connection, number).open:
        raise StoreError(f"event {number} is over")
    return change_event(
        connection, number, end=_finite(end), ended_by=ended_by, **({} if peak is None else _peak_columns(peak))
    )


def close_left_open(connection: Connection) -> list[StoredEvent]:
    """The events that a crash left open, now over at the last moment known."""
    left = connection.execute(select(events.c.id).where(events.c.ended_by.is_(None)).order_by(events.c.id)).scalars()
    return [change_event(connection, number, ended_by="crash") for number in left.all()]


def put_into_outbox(connection: Connection, hook: Hook, event: StoredEvent, kind: str, body: str, now: float) -> int:
    """One post more for a hook; gives how many of the oldest had to go for it."""
    connection.execute(insert(outbox).values(hook=hook.name, event_id=event.id, kind=kind, body=body, added=now))
    own = outbox.c.hook == hook.name
    over = connection.execute(select(func.count()).select_from(outbox).where(own)).scalar_one() - hook.limit
    if over <= 0:
        return 0
    oldest = connection.execute(select(outbox.c.id).where(own).order_by(outbox.c.id).limit(over)).scalars().all()
    connection.execute(delete(outbox).where(outbox.c.id.in_(oldest)))
    return len(oldest)


def add_minute(connection: Connection, minute: Minute) -> None:
    """A minute of history; one that is there already, of the same detector, is completed."""
    owner = camera_id(connection, minute.camera)
    own = (minutes.c.camera_id == owner) & (minutes.c.start == minute.start)
    row = connection.execute(select(minutes).where(own)).mappings().first()
    if row is not None:
        minute = minute.joined(minute_of(minute.camera, row))
    counts = {name: getattr(minute.counts, name) for name in ("received", "scored", "unscored", "shed")}
    values = {"detector": minute.detector, "scores": minute.packed(), **counts}
    if row is None:
        connection.execute(insert(minutes).values(camera_id=owner, start=minute.start, **values))
    else:
        connection.execute(update(minutes).where(own).values(values))


def minute_of(camera: str, row: RowMapping) -> Minute:
    """The minute of a row."""
    counts = FrameCounts(row["received"], row["scored"], row["unscored"], row["shed"])
    return Minute.unpacked(camera, row["start"], row["detector"], row["scores"], counts)


def _peak_columns(peak: Peak) -> dict[str, Any]:
    names = ("x_min", "y_min", "x_max", "y_max")
    box = (None,) * 4 if peak.box is None else tuple(map(_finite, peak.box))
    return {
        "peak_time": _finite(peak.time),
        "peak_score": _finite(peak.score),
        "term": peak.term,
        "parts": json.dumps({name: _finite(part) for name, part in peak.parts.items()}),
        **dict(zip(names, box, strict=True)),
    }


def _finite(value: float) -> float:
    """A number of Python's own, whatever kind came: databases and JSON know no other, and no nan."""
    if not math.isfinite(value):
        raise StoreError(f"an event with {value} in it cannot be kept")
    return float(value)
