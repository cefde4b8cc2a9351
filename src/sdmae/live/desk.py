"""What all cameras have in common: where their counts, scores, events and states go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sdmae.config import SourceConfig
from sdmae.live.accounts import Accounts
from sdmae.live.metrics import Metrics
from sdmae.live.recorder import Recorder
from sdmae.live.store import Minute, Store


@dataclass(frozen=True, slots=True)
class Desk:
    """Nothing in it waits for a disk."""

    accounts: Accounts
    metrics: Metrics
    recorder: Recorder
    store: Store
    source: SourceConfig
    """How cameras are opened."""
    changed: Callable[[str], object]
    """Told of each camera that is in another state."""
    scored: Callable[[str, float, float, float], object]
    """Told of each score: camera, seconds since 1970, score, seconds from the frame to it."""

    def keep_minute(self, minute: Minute) -> None:
        """A minute of a camera's history, into the store."""
        self.recorder.do(lambda: self.recorder.kept(self.store.add_minute(minute)))

    def register(self, camera: str, source: str, detector: str) -> None:
        """A camera that is watched, into the store; detector: its fingerprint."""
        self.recorder.do(lambda: self.recorder.kept(self.store.register(camera, source, detector)))

    def levels_path(self, camera: str) -> Path:
        """Where a camera's thresholds are kept: those set while running, and those learnt."""
        return self.store.media / camera / "levels.json"
