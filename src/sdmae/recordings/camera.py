"""One camera from the command line: its alarms as JSON lines, as they come."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sdmae.data.schedule import parse_schedule
from sdmae.detector import Detector
from sdmae.detector.live import loss, score_camera
from sdmae.recordings.annotate import event_rows
from sdmae.scoring import Event, EventFormer, FrameScore, Levels
from sdmae.video import Frame
from sdmae.video.live import Camera, Status, StreamInfo


class CameraWatch:
    """What becomes of one camera's frames: a line when an alarm opens, and one when it has closed.

    An alarm that is open when its camera is lost, or when the watch ends, closes then. All that `write` gets is a
    line of JSON without its end; times are seconds since the first frame, and `began` and `ended` the local time.
    """

    def __init__(self, detector: Detector, levels: Levels, write: Callable[[str], object]) -> None:
        self._detector = detector
        self._write = write
        self._schedule = parse_schedule(detector.config.events.schedule)
        self._former = EventFormer(levels, detector.config.events.merge)
        self._lock = threading.Lock()
        self._ahead = 0.0  # from the camera's time to seconds since 1970
        self._told = False
        self._number = 0
        self.scored = 0
        """Frames."""
        self.unscored = 0
        """Frames whose neighbours never came."""
        self._camera: Camera | None = None
        self._info: StreamInfo | None = None

    def run(self, camera: Camera, info: StreamInfo) -> None:
        """Watches until the camera is closed or Ctrl-C comes; a file in real time until its end."""
        self._camera, self._info = camera, info
        try:
            frames = self._seen(camera)
            for score in score_camera(self._detector, frames, info, unscored=self._leave_out):
                self._take(score)
        finally:
            self._close()

    def on_status(self, status: Status, say: Callable[[str], object]) -> None:
        """To be told of what becomes of the camera; says what a person wants to know of it."""
        if self._camera is None or status.state != "lost":
            return
        say(loss(self._camera.name, status))
        self._close()

    def _seen(self, camera: Camera) -> Iterator[Frame]:
        for frame in camera:
            if frame.wall is not None:
                self._ahead = frame.wall - frame.time
            yield frame

    def _leave_out(self, count: int) -> None:
        self.unscored += count

    def _take(self, score: FrameScore) -> None:
        self.scored += 1
        with self._lock:
            event = self._former.push(score)
            if event:
                self._tell_closed(event)
            if self._former.open and not self._told and self._counts(score.time):
                self._told = True
                self._number += 1
                line = {"event": "opened", "start": round(score.time, 3), "began": self._local(score.time)}
                self._line(line | {"score": round(score.score, 6)})

    def _close(self) -> None:
        with self._lock:
            if event := self._former.flush():
                self._tell_closed(event)

    def _tell_closed(self, event: Event) -> None:
        if not self._told:
            return
        self._told = False
        assert self._info is not None
        size = self._camera.info.size if self._camera and self._camera.info else self._info.size
        row = event_rows([event], size, [])[0]
        del row["id"], row["thumbnail"]
        self._line({"event": "closed", "began": self._local(event.start), "ended": self._local(event.end)} | row)

    def _line(self, about: dict[str, Any]) -> None:
        name = self._camera.name if self._camera else ""
        self._write(json.dumps({"source": name, "number": self._number} | about))

    def _counts(self, time: float) -> bool:
        """Whether alarms count at that moment."""
        return self._schedule is None or self._schedule.open_at(datetime.fromtimestamp(time + self._ahead))

    def _local(self, time: float) -> str:
        return datetime.fromtimestamp(time + self._ahead).astimezone().isoformat(timespec="milliseconds")
