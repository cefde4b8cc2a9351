"""An event goes into the store first; once the disk has it, everybody is told."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from sdmae.live.health import CameraState
from sdmae.live.store import Ending, Kind, NewEvent, Notice, Peak, Store, StoredEvent

_log = logging.getLogger(__name__)


class Outlet(Protocol):
    """Somebody who is told. No method but `close` may wait for anything, or raise."""

    @property
    def name(self) -> str:
        """In metrics."""

    @property
    def dropped(self) -> int:
        """What could not be told, so far."""

    def tell(self, notice: Notice) -> None:
        """An event has begun, goes on, or is over."""

    def camera(self, name: str, state: CameraState) -> None:
        """How a camera is now."""

    def close(self, patience: float) -> None:
        """Says what can be said within `patience` seconds, and ends."""


class Announcer:
    """Writes events and tells of them, in the order in which the disk has them."""

    def __init__(self, store: Store, outlets: Sequence[Outlet]) -> None:
        """Begins with the events that a crash had left open: that they are over."""
        self._store = store
        self._outlets = tuple(outlets)
        for event in store.recovered:
            self._tell(Notice("end", event))

    def start(self, event: NewEvent) -> Future[StoredEvent]:
        """As `Store.start`."""
        return self._told("start", self._store.start(event))

    def update(self, number: int, end: float, peak: Peak | None = None) -> Future[StoredEvent]:
        """As `Store.update`."""
        return self._told("update", self._store.update(number, end, peak))

    def end(self, number: int, end: float, peak: Peak | None = None, *, by: Ending = "scores") -> Future[StoredEvent]:
        """As `Store.end`."""
        return self._told("end", self._store.end(number, end, peak, by=by))

    def camera(self, name: str, state: CameraState) -> None:
        """How a camera is now, for whoever wants to know."""
        for outlet in self._outlets:
            outlet.camera(name, state)

    def dropped(self) -> dict[str, int]:
        """What could not be told so far, by outlet; posts that had no more room on the disk are `spool`."""
        return {outlet.name: outlet.dropped for outlet in self._outlets} | {"spool": self._store.dropped}

    def close(self, patience: float) -> None:
        """Closes the outlets, not the store."""
        for outlet in self._outlets:
            outlet.close(patience / max(len(self._outlets), 1))

    def _told(self, kind: Kind, future: Future[StoredEvent]) -> Future[StoredEvent]:
        # The writer's thread calls this in the order of its commits.
        future.add_done_callback(lambda done: self._committed(kind, done))
        return future

    def _committed(self, kind: Kind, future: Future[StoredEvent]) -> None:
        if future.cancelled():
            return
        if error := future.exception():
            _log.error("the %s of an event could not be kept: %s", kind, error)
            return
        self._tell(Notice(kind, future.result()))

    def _tell(self, notice: Notice) -> None:
        for outlet in self._outlets:
            outlet.tell(notice)
