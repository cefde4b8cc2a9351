"""What is old, or more than there is room for, goes: in small steps, the oldest first, files after their rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, delete, func, select

from sdmae.live.settings.fields import RetentionSettings
from sdmae.live.store.engine import sqlite_file
from sdmae.live.store.history import MINUTE
from sdmae.live.store.schema import events, minutes
from sdmae.live.store.store import Store

STEP = 100
"""Rows of one step: in between, others may write."""
PAGES = 256
"""Pages given back to the disk in one step."""
DAY = 86400.0
ORPHAN = 3600.0
"""Seconds after which a file in the media folder that no event names is one that a crash left."""
SUFFIXES = (".mp4", ".jpg", ".part")
"""Of the files that are ours; whatever else lies in the media folder is left alone."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    events: int
    """Events deleted."""
    minutes: int
    """Minutes of history deleted."""
    files: int
    """Files deleted."""
    over: int
    """Bytes still beyond the limit, since what is left is open or marked to be kept."""


def sweep(store: Store, policy: RetentionSettings, now: float, *, pause: Callable[[], bool] | None = None) -> Swept:
    """Deletes what the settings do not keep; never an event that is open or marked to be kept.

    now: seconds since 1970. pause: called between two steps; where it gives true, the sweep ends there, and the next
    one goes on. Rows go before their files: cut off in between, files are left that no event names, and those go an
    hour later. Raises `StoreError` where the store cannot be written.
    """
    stop = pause or (lambda: False)
    gone = files = 0
    rows = 0
    if policy.days is not None:
        before = now - policy.days * DAY
        while not stop() and (step := _drop(store, lambda c: _oldest(c, STEP, before))):
            gone, files = gone + step[0], files + step[1]
    if policy.history_days is not None:
        last = now - policy.history_days * DAY
        while not stop() and (count := store.write(lambda c: _drop_minutes(c, last)).result()):
            rows += count
    over = 0
    if policy.size is not None:
        while (over := max(store.read.size().total - policy.size, 0)) and not stop():
            # History goes by the same clock: never all events for the sake of old scores, nor the other way round.
            if count := store.write(partial(_drop_history, now=now)).result():
                rows += count
            elif step := _drop(store, partial(_make_room, excess=over)):
                gone, files = gone + step[0], files + step[1]
            else:
                break
        if over:
            _log.warning("%d bytes more than retention.size: the rest is open, kept, or history", over)
    files += _drop_orphans(store, now, stop)
    if gone or rows:
        _give_back(store, stop)
    return Swept(gone, rows, files, over)


_Row = tuple[int, str | None, str | None, int]
"""id, clip, thumbnail, bytes of both."""


def _oldest(connection: Connection, count: int, ended_before: float | None) -> list[_Row]:
    query = (
        select(events.c.id, events.c.clip, events.c.thumbnail, events.c.clip_bytes + events.c.thumbnail_bytes)
        .where(events.c.ended_by.is_not(None), events.c.keep.is_(False))
        .order_by(events.c.end)
        .limit(count)
    )
    if ended_before is not None:
        query = query.where(events.c.end < ended_before)
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def _make_room(connection: Connection, excess: int) -> list[_Row]:
    """The oldest events that make room for `excess` bytes, and no more than those."""
    chosen: list[_Row] = []
    for row in _oldest(connection, STEP, None):
        if excess <= 0:
            break
        chosen.append(row)
        excess -= row[3]
    return chosen


def _drop(store: Store, chosen: Callable[[Connection], list[_Row]]) -> tuple[int, int] | None:
    """Deletes some events, then their files; gives how many of each, or None where there was none."""

    def job(connection: Connection) -> list[_Row]:
        found = chosen(connection)
        connection.execute(delete(events).where(events.c.id.in_([row[0] for row in found])))
        return found

    gone = store.write(job).result()
    if not gone:
        return None
    paths = [path for row in gone for path in row[1:3] if path is not None]
    return len(gone), sum(_unlink(store.media, store.media / path) for path in paths)


def _drop_minutes(connection: Connection, before: float) -> int:
    key = (minutes.c.camera_id, minutes.c.start)
    found = connection.execute(select(*key).where(minutes.c.start < before).limit(STEP)).all()
    for camera, start in found:
        connection.execute(delete(minutes).where(key[0] == camera, key[1] == start))
    return len(found)


def _drop_history(connection: Connection, now: float) -> int:
    """Deletes history from before the oldest event that could be deleted, or any if there is none."""
    mine = events.c.ended_by.is_not(None) & events.c.keep.is_(False)
    oldest = connection.execute(select(func.min(events.c.end)).where(mine)).scalar()
    return _drop_minutes(connection, now if oldest is None else oldest - MINUTE)


def _drop_orphans(store: Store, now: float, stop: Callable[[], bool]) -> int:
    dropped = 0
    batch: list[Path] = []
    for path in store.media.rglob("*"):
        if stop():
            return dropped
        if path.suffix in SUFFIXES and not path.is_symlink() and _age(path, now) > ORPHAN:
            batch.append(path)
        if len(batch) == STEP:
            dropped += _drop_unnamed(store, batch)
            batch = []
    return dropped + (_drop_unnamed(store, batch) if batch else 0)


def _drop_unnamed(store: Store, paths: list[Path]) -> int:
    names = [path.relative_to(store.media).as_posix() for path in paths]

    def job(connection: Connection) -> set[str]:
        known: set[str] = set()
        for column in (events.c.clip, events.c.thumbnail):
            known |= set(connection.execute(select(column).where(column.in_(names))).scalars())
        return known

    known = store.write(job).result()
    orphans = [path for path, name in zip(paths, names, strict=True) if name not in known]
    return sum(_unlink(store.media, path) for path in orphans)


def _give_back(store: Store, stop: Callable[[], bool]) -> None:
    """Pages of an SQLite file that nothing is in any more; PostgreSQL sees to that itself."""
    if sqlite_file(store.url) is None:
        return

    def job(connection: Connection) -> int:
        # A page goes with every row that is fetched, and the rows have no columns, which SQLAlchemy does not fetch.
        connection.connection.cursor().execute(f"PRAGMA incremental_vacuum({PAGES})").fetchall()
        return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())

    while not stop() and store.write(job).result():
        time.sleep(0.01)


def _age(path: Path, now: float) -> float:
    try:
        return now - path.stat().st_mtime
    except OSError:
        return 0.0


def _unlink(media: Path, path: Path) -> int:
    """Deletes a file within the media folder; gives 1, or 0 where there was none."""
    try:
        if not path.resolve().is_relative_to(media.resolve()):
            return 0
        path.unlink()
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            _log.warning("%s: cannot be deleted (%s)", path, error.strerror)
        return 0
    return 1
