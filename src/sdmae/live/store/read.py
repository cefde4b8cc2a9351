"""The questions that a store answers, to any number of threads and processes, while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select, text, tuple_
from sqlalchemy.exc import SQLAlchemyError

from sdmae.errors import StoreError
from sdmae.live.store.engine import open_engine, put_down, sqlite_file
from sdmae.live.store.history import MINUTE, Minute
from sdmae.live.store.records import EventCounts, StoredCamera, StoredEvent, StoreSize, Verdict
from sdmae.live.store.rows import event_by_id, event_of, minute_of, select_events
from sdmae.live.store.schema import cameras, events, minutes, outbox


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are asked for; all of it must hold."""

    camera: str | None = None
    """Of this camera."""
    since: float | None = None
    """Over at this time or later, seconds since 1970."""
    until: float | None = None
    """Begun before this time."""
    open: bool | None = None
    """Going on, or over."""
    acknowledged: bool | None = None
    """Seen by a person, or not."""
    verdict: Verdict | None = None
    """What a person said of it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post that waits in the outbox."""

    id: int
    """Rising in the order in which they came."""
    event_id: int
    """Of the event it tells of."""
    kind: str
    """start, update or end."""
    body: str
    """JSON."""
    added: float
    """When, in seconds since 1970."""


class Reader:
    """Answers from one database. Every method raises `StoreError` where it cannot be read."""

    def __init__(self, url: str) -> None:
        """`url`: as the settings have it. Nothing is opened yet."""
        self._url = url
        self._engine = open_engine(url, writes=False)

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        path = sqlite_file(self._url)
        if path is not None and not path.exists():
            raise StoreError(f"{path}: there is no such store; sdmae serve makes it")
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise put_down(error, self._url) from None

    def event(self, number: int) -> StoredEvent:
        """One event. Raises `StoreError` where there is none of that number."""
        with self._asked() as connection:
            return event_by_id(connection, number)

    def find(self, number: int) -> StoredEvent | None:
        """One event; None where there is none of that number."""
        with self._asked() as connection:
            row = connection.execute(select_events().where(events.c.id == number)).mappings().first()
            return None if row is None else event_of(row)

    def events(
        self, wanted: Wanted | None = None, *, limit: int = 100, after: tuple[float, int] | None = None
    ) -> list[StoredEvent]:
        """The latest events first, `limit` at most. `after`: start and id of the last one of the page before."""
        wanted = wanted or Wanted()
        query = select_events().order_by(events.c.start.desc(), events.c.id.desc()).limit(limit)
        if wanted.camera is not None:
            query = query.where(cameras.c.name == wanted.camera)
        if wanted.since is not None:
            query = query.where(events.c.end >= wanted.since)
        if wanted.until is not None:
            query = query.where(events.c.start < wanted.until)
        if wanted.open is not None:
            query = query.where(events.c.ended_by.is_(None) if wanted.open else events.c.ended_by.is_not(None))
        if wanted.acknowledged is not None:
            seen = events.c.acknowledged_at
            query = query.where(seen.is_not(None) if wanted.acknowledged else seen.is_(None))
        if wanted.verdict is not None:
            query = query.where(events.c.verdict == wanted.verdict)
        if after is not None:
            query = query.where(tuple_(events.c.start, events.c.id) < tuple_(*after))
        with self._asked() as connection:
            return [event_of(row) for row in connection.execute(query).mappings()]

    def cameras(self) -> list[StoredCamera]:
        """All that were ever registered, by name."""
        columns = (cameras.c.name, cameras.c.source, cameras.c.detector, cameras.c.added)
        with self._asked() as connection:
            return [StoredCamera(*row) for row in connection.execute(select(*columns).order_by(cameras.c.name))]

    def counts(self) -> dict[str, EventCounts]:
        """The number of events of each camera, by what has become of them."""
        marks = (
            events.c.id.is_not(None),
            events.c.id.is_not(None) & events.c.ended_by.is_(None),
            events.c.id.is_not(None) & events.c.acknowledged_at.is_(None),
            events.c.verdict == "normal",
            events.c.verdict == "real",
        )
        sums = [func.coalesce(func.sum(case((mark, 1), else_=0)), 0) for mark in marks]
        query = select(cameras.c.name, *sums).join_from(cameras, events, isouter=True).group_by(cameras.c.name)
        with self._asked() as connection:
            return {row[0]: EventCounts(*map(int, row[1:])) for row in connection.execute(query)}

    def minutes(self, camera: str, since: float, until: float, *, detector: str | None = None) -> list[Minute]:
        """The history of a camera's scores from `since` up to `until`, in the order of time.

        detector: only the scores of the one of this fingerprint; another one's cannot be compared.
        """
        query = (
            select(minutes)
            .join_from(minutes, cameras)
            .where(cameras.c.name == camera, minutes.c.start > since - MINUTE, minutes.c.start < until)
            .order_by(minutes.c.start)
        )
        if detector is not None:
            query = query.where(minutes.c.detector == detector)
        with self._asked() as connection:
            return [minute_of(camera, row) for row in connection.execute(query).mappings()]

    def posts(self, hook: str, limit: int = 1) -> list[Post]:
        """The oldest posts that wait for one address."""
        columns = (outbox.c.id, outbox.c.event_id, outbox.c.kind, outbox.c.body, outbox.c.added)
        query = select(*columns).where(outbox.c.hook == hook).order_by(outbox.c.id).limit(limit)
        with self._asked() as connection:
            return [Post(*row) for row in connection.execute(query)]

    def waiting_posts(self) -> dict[str, int]:
        """How many posts wait, by address; one for which none waits is not in it."""
        query = select(outbox.c.hook, func.count()).group_by(outbox.c.hook)
        with self._asked() as connection:
            return {hook: int(count) for hook, count in connection.execute(query)}

    def size(self) -> StoreSize:
        """How large the store is."""
        of_media = func.coalesce(func.sum(events.c.clip_bytes + events.c.thumbnail_bytes), 0)
        with self._asked() as connection:
            if sqlite_file(self._url) is None:
                database = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
            else:
                pages, free, page = (
                    connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                    for name in ("page_count", "freelist_count", "page_size")
                )
                database = (pages - free) * page
            return StoreSize(int(database), int(connection.execute(select(of_media)).scalar_one()))

    def damage(self) -> list[str]:
        """What SQLite's integrity_check finds; empty where all is well, and for PostgreSQL, which checks itself."""
        if sqlite_file(self._url) is None:
            return []
        with self._asked() as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            foreign = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        return [line for line in found if line != "ok"] + [f"a row of {row[0]} belongs to nothing" for row in foreign]

    def close(self) -> None:
        """Lets go of all connections."""
        self._engine.dispose()
