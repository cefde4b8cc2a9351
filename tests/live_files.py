"""What the tests of live cameras share: a store in a folder, events to put into it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sdmae.live.store import Hook, NewEvent, Peak, Store, open_store

DETECTOR = "0123456789abcdef0123456789abcdef"


def until(what: Callable[[], object], seconds: float = 30.0) -> None:
    """Waits until it is so. Fails where that takes longer than anything here should."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/events.db"


def open_in(folder: Path, *, hooks: Sequence[Hook] = (), patience: float = 0.5) -> Store:
    """A store in that folder, with a camera `yard`."""
    store = open_store(url_of(folder), folder / "media", hooks=hooks, patience=patience)
    store.register("yard", "rtsp://…@10.0.0.5/s", DETECTOR).result()
    return store


def event_at(start: float, camera: str = "yard", score: float = 0.7) -> NewEvent:
    peak = Peak(start + 0.5, score, (10.0, 20.0, 30.5, 40.0), "error", {"error": 0.5, "classifier": 0.1})
    return NewEvent(camera, start, 0.5, DETECTOR, peak, end=start + 1)
