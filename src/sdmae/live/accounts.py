"""What became of every frame, exactly: received = scored + unscored + shed + waiting, at every moment."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from sdmae.live.store.records import FrameCounts


class Accounts:
    """The counts of all cameras. Any thread may count; what is read is never half-way between two counts."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._counts = {name: FrameCounts() for name in cameras}

    def receive(self, camera: str, frames: int = 1) -> None:
        """Frames that the detector is to look at have been decoded: they wait."""
        if frames < 0:
            raise ValueError(f"{frames} frames cannot be received")
        with self._lock:
            before = self._counts[camera]
            self._counts[camera] = FrameCounts(before.received + frames, before.scored, before.unscored, before.shed)

    def settle(self, camera: str, *, scored: int = 0, unscored: int = 0, shed: int = 0) -> None:
        """The fate of frames that waited is known. Raises ValueError where fewer waited: a frame has one fate."""
        if min(scored, unscored, shed) < 0:
            raise ValueError(f"camera {camera}: a fate is never taken back")
        with self._lock:
            before = self._counts[camera]
            after = FrameCounts(
                before.received, before.scored + scored, before.unscored + unscored, before.shed + shed
            )
            if after.waiting < 0:
                raise ValueError(f"camera {camera}: {before.waiting} frames wait, not {scored + unscored + shed}")
            self._counts[camera] = after

    def give_up(self, camera: str) -> int:
        """All that waits can have no score any more: the camera was lost, or the program stops. Gives how many."""
        with self._lock:
            before = self._counts[camera]
            self._counts[camera] = FrameCounts(
                before.received, before.scored, before.unscored + before.waiting, before.shed
            )
            return before.waiting

    def of(self, camera: str) -> FrameCounts:
        """The counts of one camera."""
        with self._lock:
            return self._counts[camera]

    def all(self) -> dict[str, FrameCounts]:
        """The counts of every camera, of one moment."""
        with self._lock:
            return dict(self._counts)
