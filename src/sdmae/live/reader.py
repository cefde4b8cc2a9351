"""The thread that fetches one camera's frames: whatever becomes of the camera, only this thread waits for it."""

from __future__ import annotations

import threading
import time

from sdmae.errors import SdmaeError
from sdmae.live.batcher import Batcher
from sdmae.live.lane import Lane
from sdmae.video import Frame

LOOK = 0.25
"""Seconds between two looks at how the camera is, where no frame comes."""


class Reader:
    """Runs until it is stopped, or its file has ended."""

    def __init__(self, lane: Lane, batcher: Batcher) -> None:
        self._lane = lane
        self._batcher = batcher
        self._stop = threading.Event()
        self.beat = time.monotonic()
        """When it showed its last sign of life."""
        self.ended = False
        """Whether a file has been played."""
        self._thread = threading.Thread(target=self._run, name=f"reader {lane.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Begins to end it."""
        self._stop.set()
        self._lane.camera.stop()

    def close(self, patience: float) -> bool:
        """Ends it, and its camera. Whether it did."""
        self.stop()
        until = time.monotonic() + patience
        closing = threading.Thread(target=self._lane.camera.close, daemon=True)
        closing.start()
        closing.join(patience)
        self._thread.join(max(until - time.monotonic(), 0.0))
        return not self._thread.is_alive() and not closing.is_alive()

    def _run(self) -> None:
        came = time.monotonic()
        gone = False
        while not self._stop.is_set():
            frame = self._lane.camera.get(LOOK)
            self.beat = time.monotonic()
            if frame is not None:
                came, gone = self.beat, False
                self._fetched(frame)
                continue
            state = self._lane.camera.status.state
            if state == "streaming" or gone:
                continue
            # A short gap need not end an event; what waits for neighbours never gets them.
            gone = state == "ended" or self.beat - came > self._lane.detector.config.events.merge
            self._batcher.end(self._lane, lost=gone)
            if state == "ended":
                self.ended = True
                return

    def _fetched(self, frame: Frame) -> None:
        lane = self._lane
        lane.receive(frame)
        if lane.state.broken is None and self._prepared(frame):
            self._batcher.offer(lane, frame)
        else:
            lane.leave_out()

    def _prepared(self, frame: Frame) -> bool:
        info = self._lane.camera.info
        assert info is not None
        try:
            self._lane.prepare(frame, info)
        except SdmaeError as error:
            self._lane.give_up(error)
            return False
        return True
