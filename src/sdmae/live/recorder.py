"""The thread that has events written, and their pictures and clips: scoring never waits for a disk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from sdmae.errors import SdmaeError, StoreError
from sdmae.live.announce import Announcer
from sdmae.live.shot import Shot, write_thumbnail
from sdmae.live.store import Ending, NewEvent, Peak, Store
from sdmae.video.live import Camera

T = TypeVar("T")
QUEUE = 2000
"""Things that wait to be written, at most: whatever comes then is lost, and logged."""
LATE = 5.0
"""Seconds after its end for which a clip waits for a camera that sends no more."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Ticket:
    """An event on its way to the disk."""

    camera: str
    start: float
    """Seconds since 1970."""
    number: int | None = None
    """Its number in the store; None until it is there, or where it could not be written."""


@dataclass(frozen=True, slots=True)
class ClipOrder:
    """A clip that is to be written once its camera has sent all of it."""

    camera: Camera
    start: float
    """Seconds of the camera."""
    end: float
    due: float = field(default=0.0, compare=False)
    """time.monotonic() at which it is written whatever has come."""


class Recorder:
    """Does what it is told in that order."""

    def __init__(self, announcer: Announcer, store: Store) -> None:
        self._announcer = announcer
        self._store = store
        self._queue: queue.Queue[Callable[[], object] | None] = queue.Queue(QUEUE)
        self._clips: list[tuple[Ticket, ClipOrder]] = []
        self._closing = threading.Event()
        self.beat = time.monotonic()
        """When it showed its last sign of life."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Things that wait to be written."""
        return self._queue.qsize() + len(self._clips)

    def begin(self, event: NewEvent, shot: Shot) -> Ticket:
        """An event has begun."""
        ticket = Ticket(event.camera, event.start)
        self.do(lambda: self._begin(ticket, event, shot))
        return ticket

    def update(self, ticket: Ticket, end: float, peak: Peak | None) -> None:
        """It goes on. A slow disk gets fewer of these."""
        if self._queue.qsize() < QUEUE // 2:
            self.do(lambda: self._update(ticket, end, peak))

    def end(self, ticket: Ticket, end: float, peak: Peak, shot: Shot, *, by: Ending) -> None:
        """It is over."""
        self.do(lambda: self._end(ticket, end, peak, shot, by))

    def clip(self, ticket: Ticket, order: ClipOrder) -> None:
        """Its clip, as soon as the camera has sent it."""
        self.do(lambda: self._clips.append((ticket, order)))

    def do(self, job: Callable[[], object]) -> None:
        """Anything else that must wait for a disk. What it raises is logged."""
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            _log.error("what is to be written waits for a disk: more of it is lost")

    def kept(self, future: Future[T]) -> T:
        """For jobs: waits until the disk has what was written. Raises `StoreError` where it never does."""
        while True:
            self.beat = time.monotonic()
            try:
                return future.result(timeout=1.0)
            except TimeoutError:
                if self._closing.is_set():
                    raise StoreError(
                        "the store cannot be written: an event may be closed at the next start"
                    ) from None

    def close(self, patience: float) -> bool:
        """Does what waits, for up to `patience` seconds, clips as far as they came. Whether all was done."""
        self._closing.set()
        try:
            self._queue.put(None, timeout=patience)
        except queue.Full:
            return False
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self.beat = time.monotonic()
            try:
                job = self._queue.get(timeout=0.25 if self._clips else 1.0)
            except queue.Empty:
                self._write_clips()
                continue
            if job is None:
                break
            self._safely(job)
            self._write_clips()
        self._write_clips(all_of_them=True)

    def _safely(self, job: Callable[[], object]) -> None:
        try:
            job()
        except SdmaeError as error:
            _log.error("%s", error)
        except Exception:
            # This thread must live: other cameras' events come through it.
            _log.exception("something could not be written")

    def _begin(self, ticket: Ticket, event: NewEvent, shot: Shot) -> None:
        ticket.number = self.kept(self._announcer.start(event)).id
        self._thumbnail(ticket, shot)

    def _update(self, ticket: Ticket, end: float, peak: Peak | None) -> None:
        if ticket.number is not None:
            self.kept(self._announcer.update(ticket.number, end, peak))

    def _end(self, ticket: Ticket, end: float, peak: Peak, shot: Shot, by: Ending) -> None:
        if ticket.number is not None:
            # The picture first: whoever is told that an event is over finds the one that shows it best.
            self._safely(lambda: self._thumbnail(ticket, shot))
            self.kept(self._announcer.end(ticket.number, end, peak, by=by))

    def _thumbnail(self, ticket: Ticket, shot: Shot) -> None:
        name, path = self._place(ticket, "jpg")
        write_thumbnail(path, shot)
        assert ticket.number is not None
        self.kept(self._store.attach(ticket.number, thumbnail=name))

    def _write_clips(self, *, all_of_them: bool = False) -> None:
        for ticket, order in list(self._clips):
            span = order.camera.ring.span if order.camera.ring else None
            whole = span is not None and span[1] >= order.end
            if whole or all_of_them or time.monotonic() > order.due:
                self._clips.remove((ticket, order))
                if ticket.number is not None:
                    self._safely(partial(self._write_clip, ticket, order))

    def _write_clip(self, ticket: Ticket, order: ClipOrder) -> None:
        name, path = self._place(ticket, "mp4")
        order.camera.write_clip(path, order.start, order.end)
        assert ticket.number is not None
        self.kept(self._store.attach(ticket.number, clip=name))

    def _place(self, ticket: Ticket, suffix: str) -> tuple[str, Path]:
        """Where a file of an event goes, within the media folder and at all: a folder for each camera and day."""
        day = datetime.fromtimestamp(ticket.start).strftime("%Y-%m-%d")
        name = f"{ticket.camera}/{day}/{ticket.number}.{suffix}"
        path = self._store.media / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot be made ({error.strerror})") from None
        return name, path
