"""How a camera is, in one word and why: from what its source says and what its scores are worth."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from sdmae.live.health import CameraState
from sdmae.live.settings import CameraSettings
from sdmae.video.live import Status


@dataclass(frozen=True, slots=True)
class Said:
    """What is told of it."""

    state: CameraState
    why: str
    since: float
    """Seconds since 1970."""


class State:
    """Of one camera. Safe to be used by several threads."""

    def __init__(self, settings: CameraSettings) -> None:
        self.broken: str | None = None
        """Why it can never work as it is set up; None: it can."""
        self._enabled = settings.enabled
        self._minutes = settings.warm_up
        self._lock = threading.Lock()
        self._said = Said("starting" if settings.enabled else "off", "", time.time())

    @property
    def said(self) -> Said:
        """How it is."""
        return self._said

    def changed(self, status: Status, warm_up: float | None, *, scored: bool) -> bool:
        """Looks anew; whether it is in another state than before.

        status: of its source; warm_up: share of it that is done, None where there is none; scored: whether a frame
        of this connection has been.
        """
        with self._lock:
            before = self._said
            state, why = self._now(before, status, warm_up, scored)
            if state == before.state:
                self._said = Said(state, why, before.since)
                return False
            self._said = Said(state, why, time.time())
            return True

    def _now(self, before: Said, status: Status, warm_up: float | None, scored: bool) -> tuple[CameraState, str]:
        if not self._enabled:
            return "off", ""
        if self.broken:
            return "degraded", self.broken
        if status.state == "streaming":
            if warm_up is not None:
                return "warming up", f"its threshold is learnt from {self._minutes:g} minutes; no alarms until then"
            return ("watching", "") if scored else ("warming up", "the first frames wait for their neighbours")
        if status.state == "connecting":
            # Another attempt is no news: what it was before holds until frames come.
            return ("lost", before.why) if before.state == "watching" else (before.state, before.why)
        return ("degraded" if status.degraded else "lost"), status.why
