"""Whoever wants to be told while the program runs: the page's browsers, benchmarks, tests."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sdmae.live.health import CameraState
from sdmae.live.store import Notice
from sdmae.live.views import CameraChanged, CameraView, Push, Scored

PACE = 0.25
"""Seconds between two pushes of a camera's scores, at least."""
_log = logging.getLogger(__name__)


class Listeners:
    """An outlet (see `live.announce`) that hands on to functions, on whatever thread it is told on itself."""

    name = "listeners"
    dropped = 0

    def __init__(self, view: Callable[[str], CameraView]) -> None:
        """`view`: how a camera is now."""
        self._view = view
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[Push], object], ...] = ()
        self._highest: dict[str, Scored] = {}
        self._pushed: dict[str, float] = {}

    def add(self, listener: Callable[[Push], object]) -> Callable[[], None]:
        """Has it told until what this gives is called. It must not wait for anything."""
        with self._lock:
            self._listeners += (listener,)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return end

    def tell(self, notice: Notice) -> None:
        """The disk has an event."""
        self._push(notice)

    def camera(self, name: str, state: CameraState) -> None:
        """A camera is in another state, or has other thresholds."""
        if self._listeners:
            self._push(CameraChanged(self._view(name)))

    def scored(self, camera: str, time_: float, score: float, latency: float) -> None:
        """A frame has its score; on one thread for all cameras."""
        before = self._highest.get(camera)
        if before is None or score >= before.score:
            now = Scored(camera, time_, score, max(latency, before.latency if before else 0.0))
        else:
            now = Scored(camera, before.time, before.score, max(latency, before.latency))
        self._highest[camera] = now
        if time.monotonic() - self._pushed.get(camera, 0.0) >= PACE:
            self._pushed[camera] = time.monotonic()
            del self._highest[camera]
            self._push(now)

    def close(self, patience: float) -> None:
        """Nobody is told any more."""
        with self._lock:
            self._listeners = ()

    def _push(self, push: Push) -> None:
        for listener in self._listeners:
            try:
                listener(push)
            except Exception:
                # A listener's mistake is not ours.
                _log.exception("whoever listens failed")
