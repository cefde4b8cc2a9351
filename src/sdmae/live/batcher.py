"""The thread on which networks run: frames of all cameras of one network go through it together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sdmae.detector.together import Part, maps_together
from sdmae.live.accounts import Accounts
from sdmae.live.lane import Lane, Seen
from sdmae.video import Frame

EACH = 4
"""Frames of one camera in a batch, at most: whoever is busy takes as many of each, so that each gets its share."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Taken:
    lane: Lane
    part: Part
    seen: list[Seen]


class Batcher:
    """Takes what waits, network after network in turn, as soon as anything does.

    Idle, a frame is scored at once and alone; busy, more wait meanwhile, and batches grow to `EACH` frames a camera.
    Where that is not enough, cameras shed what has waited longest; files wait instead.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._changed = threading.Condition()
        self._lanes: list[Lane] = []
        self._groups: list[str] = []
        self._stop = False
        self.beat = time.monotonic()
        """When it showed its last sign of life."""
        self.batches = 0
        """Batches so far."""
        self.frames = 0
        """Frames in them."""
        self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)

    def start(self, lanes: Sequence[Lane]) -> None:
        """Begins; to be called once."""
        self._lanes = list(lanes)
        self._groups = list(dict.fromkeys(lane.group for lane in lanes))
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Frames that could be scored now."""
        with self._changed:
            return sum(lane.waiting.ready for lane in self._lanes)

    def offer(self, lane: Lane, frame: Frame) -> None:
        """The next frame of a camera. Waits where the camera is a file and too much does."""
        with self._changed:
            if lane.waits:
                self._changed.wait_for(lambda: lane.waiting.ready < lane.limit or self._stop)
            lane.broken_off = False  # it is back before its last scores were: its event ends by them
            lane.add(frame, EACH)
            if not lane.waits and (over := lane.waiting.ready - lane.limit) > 0:
                self._accounts.settle(lane.name, shed=lane.waiting.shed(over))
            self._changed.notify_all()

    def end(self, lane: Lane, *, lost: bool) -> None:
        """Nothing that comes is a neighbour of what waits. lost: nor does it belong to the same event."""
        with self._changed:
            lane.waiting.end()
            lane.broken_off = lane.broken_off or lost
            self._changed.notify_all()

    def close(self, patience: float) -> bool:
        """Ends after the batch that is being scored. Whether it did."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stop or self._due(), timeout=1.0)
                self.beat = time.monotonic()
                if self._stop:
                    return
                taken = self._take()
                ended = [lane for lane in self._lanes if lane.broken_off and not lane.waiting.waiting]
            if taken:
                self._score(taken)
            for lane in ended:
                lane.lost()

    def _due(self) -> bool:
        return any(lane.waiting.ready or (lane.broken_off and not lane.waiting.waiting) for lane in self._lanes)

    def _take(self) -> list[_Taken]:
        """Some frames of every camera of the next network that has any."""
        for _ in self._groups:
            group = self._groups.pop(0)
            self._groups.append(group)
            taken = []
            came = False
            for lane in (lane for lane in self._lanes if lane.group == group and lane.waiting.ready):
                came = True
                samples, unscored = lane.waiting.take(EACH)
                self._accounts.settle(lane.name, unscored=unscored)
                if samples is not None and lane.stream is not None:
                    part = Part(lane.detector, lane.stream, samples)
                    taken.append(_Taken(lane, part, lane.seen(samples.indices.tolist())))
            if came:
                self._changed.notify_all()  # there is room again
            if taken:
                return taken
        return []

    def _score(self, taken: list[_Taken]) -> None:
        try:
            found = maps_together([one.part for one in taken])
        except Exception:
            # This thread must live: other cameras' frames come through it.
            _log.exception("a batch could not be scored")
            for one in taken:
                self._accounts.settle(one.lane.name, unscored=len(one.seen))
            return
        self.batches += 1
        self.frames += sum(len(maps) for maps in found)
        for one, maps in zip(taken, found, strict=True):
            try:
                one.lane.score(maps, one.seen)
            except Exception:
                _log.exception("camera %s: its scores could not be taken", one.lane.name)
