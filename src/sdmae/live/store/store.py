"""The store of events: one process writes it, through one thread; anybody reads it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, delete
from sqlalchemy.exc import SQLAlchemyError

from sdmae.errors import StoreError
from sdmae.live.store import rows
from sdmae.live.store.engine import make_private, open_engine, put_down, shown, sqlite_file
from sdmae.live.store.history import Minute
from sdmae.live.store.lock import only_writer
from sdmae.live.store.migrate import migrate
from sdmae.live.store.notice import Kind, Notice
from sdmae.live.store.read import Reader
from sdmae.live.store.records import Ending, Hook, NewEvent, Peak, StoredEvent, Verdict
from sdmae.live.store.schema import outbox
from sdmae.live.store.writer import Writer

T = TypeVar("T")


class Store:
    """Events, their history and the posts that wait. Make one with `open_store`.

    What writes gives a future: its result is there once the disk has it, and then survives the end of this process,
    whatever ends it. The future raises `StoreError`, one line, where it could not be written. The call itself waits
    only where too much waits to be written, and raises `StoreError` where that lasts.
    """

    def __init__(
        self,
        url: str,
        media: Path,
        writer: Writer,
        hooks: Sequence[Hook],
        recovered: Sequence[StoredEvent],
        let_go: Callable[[], None],
    ) -> None:
        self.url = url
        """Where it is; not to be shown, it may hold a password."""
        self.read = Reader(url)
        """Answers questions."""
        self.media = media
        """Folder of clips and thumbnails."""
        self.recovered = tuple(recovered)
        """Events that a crash had left open, closed when this store was opened."""
        self.dropped = 0
        """Posts that had to go since there was no more room in the outbox."""
        self._writer = writer
        self._hooks = tuple(hooks)
        self._let_go = let_go

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at the moment, in one line; None: nothing is known to be wrong."""
        return self._writer.trouble

    @property
    def waiting(self) -> int:
        """Writes that wait."""
        return self._writer.waiting

    def register(self, camera: str, source: str, detector: str) -> Future[None]:
        """A camera that is watched. source: as it may be seen; detector: its fingerprint."""
        now = time.time()
        return self.write(lambda connection: rows.register(connection, camera, source, detector, now))

    def start(self, event: NewEvent) -> Future[StoredEvent]:
        """A new event, and its posts."""
        return self.write(lambda connection: self._told(connection, "start", rows.add_event(connection, event)))

    def update(self, number: int, end: float, peak: Peak | None = None) -> Future[StoredEvent]:
        """An open event goes on, at `end` so far; with a new peak, if it has one. And its posts."""
        return self.write(
            lambda connection: self._told(
                connection, "update", rows.advance_event(connection, number, end, peak, None)
            )
        )

    def end(self, number: int, end: float, peak: Peak | None = None, *, by: Ending = "scores") -> Future[StoredEvent]:
        """An open event is over. And its posts."""
        return self.write(
            lambda connection: self._told(connection, "end", rows.advance_event(connection, number, end, peak, by))
        )

    def attach(self, number: int, *, clip: str | None = None, thumbnail: str | None = None) -> Future[StoredEvent]:
        """Files of an event that are whole, as paths within the media folder. Missing ones count no bytes."""
        values: dict[str, str | int] = {}
        for name, path in (("clip", clip), ("thumbnail", thumbnail)):
            if path is not None:
                values |= {name: path, f"{name}_bytes": _bytes(self.media / path)}
        return self.write(lambda connection: rows.change_event(connection, number, **values))

    def acknowledge(self, number: int, by: str) -> Future[StoredEvent]:
        """Somebody has seen it."""
        now = time.time()
        return self.write(
            lambda connection: rows.change_event(connection, number, acknowledged_by=by[:128], acknowledged_at=now)
        )

    def judge(self, number: int, verdict: Verdict | None, by: str) -> Future[StoredEvent]:
        """Somebody says what it was, and so has seen it. None: takes it back, and the acknowledgement stays."""
        now = time.time()
        return self.write(
            lambda connection: rows.change_event(
                connection, number, verdict=verdict, acknowledged_by=by[:128], acknowledged_at=now
            )
        )

    def forget(self, number: int) -> Future[StoredEvent]:
        """Nobody has seen it, after all: takes back the acknowledgement, and with it what was said of the event."""
        return self.write(
            lambda connection: rows.change_event(
                connection, number, verdict=None, acknowledged_by=None, acknowledged_at=None
            )
        )

    def keep(self, number: int, keep: bool = True) -> Future[StoredEvent]:
        """Retention never deletes it."""
        return self.write(lambda connection: rows.change_event(connection, number, keep=keep))

    def add_minute(self, minute: Minute) -> Future[None]:
        """A minute of a camera's history."""
        return self.write(lambda connection: rows.add_minute(connection, minute))

    def post_done(self, post: int) -> Future[None]:
        """A post that need not wait any more."""

        def job(connection: Connection) -> None:
            connection.execute(delete(outbox).where(outbox.c.id == post))

        return self.write(job)

    def write(self, job: Callable[[Connection], T]) -> Future[T]:
        """Any statements, in a transaction of the one writer; see `Writer.submit`."""
        return self._writer.submit(job)

    def close(self, patience: float = 5.0) -> bool:
        """Writes what waits, for up to `patience` seconds. Whether all of it was written."""
        done = self._writer.close(patience)
        self.read.close()
        self._let_go()
        return done

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _told(self, connection: Connection, kind: Kind, event: StoredEvent) -> StoredEvent:
        self.dropped += _post(connection, self._hooks, kind, event)
        return event


def open_store(
    url: str, media: Path, *, hooks: Sequence[Hook] = (), queue: int = 2000, patience: float = 60.0
) -> Store:
    """The store at that URL, made if it is not there, brought to this version, its left-open events closed.

    media: the folder of clips and thumbnails, made if it is not there. hooks: what goes into the outbox. queue:
    writes that wait, at most. patience: seconds for which a full disk, a lock or a lost server is waited out before a
    write is given up. Raises `StoreError` where it cannot be opened, is of a newer program or of something else, or
    another process writes to it.
    """
    engine = open_engine(url, writes=True)
    path = sqlite_file(url)
    with ExitStack() as taken:
        taken.callback(engine.dispose)
        try:
            media.mkdir(parents=True, exist_ok=True)
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                make_private(path)
            taken.callback(only_writer(url, engine))
            recovered = _prepared(engine, url, hooks)
        except SQLAlchemyError as error:
            raise put_down(error, url) from None
        except OSError as error:
            name = error.filename or shown(url)
            raise StoreError(
                f"{name}: cannot be written to ({error.strerror}); name another store or media"
            ) from None
        writer = Writer(engine, url, size=queue, patience=patience)
        return Store(url, media, writer, hooks, recovered, taken.pop_all().close)


def _prepared(engine: Engine, url: str, hooks: Sequence[Hook]) -> list[StoredEvent]:
    with engine.begin() as connection:
        migrate(connection, shown(url))
        left = rows.close_left_open(connection)
        for event in left:
            _post(connection, hooks, "end", event)
    return left


def _post(connection: Connection, hooks: Sequence[Hook], kind: Kind, event: StoredEvent) -> int:
    wanted = [hook for hook in hooks if kind in hook.when]
    body = Notice(kind, event).json() if wanted else ""
    now = time.time()
    return sum(rows.put_into_outbox(connection, hook, event, kind, body, now) for hook in wanted)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
