"""From the scores of one camera to its events, told as they begin, go on and end."""

from __future__ import annotations

import time
from datetime import datetime

from sdmae.data.schedule import Schedule
from sdmae.live.levels import CameraLevels
from sdmae.live.recorder import LATE, ClipOrder, Recorder, Ticket
from sdmae.live.settings import CameraSettings
from sdmae.live.shot import Shot
from sdmae.live.store import Box, Ending, NewEvent, Peak
from sdmae.scoring import Event, EventFormer, FrameScore
from sdmae.video.live import Camera

HIGHER, GOING_ON = 1.0, 10.0
"""Seconds between two updates of an event, at least: with a higher peak, and otherwise."""


class Alarm:
    """Takes scores in the order of time, on one thread."""

    def __init__(
        self,
        settings: CameraSettings,
        camera: Camera,
        levels: CameraLevels,
        recorder: Recorder,
        *,
        merge: float,
        hours: Schedule | None,
        detector: str,
    ) -> None:
        """merge: see `EventFormer`; hours: when alarms count, None always; detector: its fingerprint."""
        self._settings = settings
        self._camera = camera
        self._levels = levels
        self._recorder = recorder
        self._merge = merge
        self._hours = hours
        self._detector = detector
        self._former: EventFormer | None = None
        self._ticket: Ticket | None = None
        self._shot: Shot | None = None
        self._ahead = 0.0  # from the camera's time to seconds since 1970, the same for all of an event
        self._clipped = False
        self._told = (0.0, 0.0)  # time of the last update, and its peak

    @property
    def ticket(self) -> Ticket | None:
        """The event that is going on; None where none is."""
        return self._ticket

    def push(self, score: FrameScore, shot: Shot, ahead: float) -> bool:
        """Takes the next score, with its frame and the seconds from its time to those since 1970.

        Whether an event has begun.
        """
        levels = self._levels.levels
        if levels is None:
            return False
        if self._former is None:
            self._former = EventFormer(levels, self._merge)
        self._former.levels = levels
        if event := self._former.push(score):
            self._over(event, "scores")
        event = self._former.current
        if event is None:
            return False
        if self._shot is None:
            self._ahead = ahead
        if self._shot is None or event.frame == score.index:
            self._shot = shot
        began = self._ticket is None and self._counts(score.time)
        if began:
            self._begin(event, levels.opens)
        elif self._ticket is not None:
            self._go_on(event, score.time)
        return began

    def close(self, by: Ending) -> None:
        """The scores end here, and with them an open event."""
        event = self._former.flush() if self._former else None
        if event:
            self._over(event, by)

    def _begin(self, event: Event, threshold: float) -> None:
        assert self._shot is not None
        new = NewEvent(
            self._settings.name,
            event.start + self._ahead,
            threshold,
            self._detector,
            self._peak(event),
            event.end + self._ahead,
        )
        self._ticket = self._recorder.begin(new, self._shot)
        self._clipped = False
        self._told = event.end, event.peak

    def _go_on(self, event: Event, now: float) -> None:
        assert self._ticket is not None
        since, told = now - self._told[0], self._told[1]
        if (event.peak > told and since >= HIGHER) or since >= GOING_ON:
            self._told = now, event.peak
            peak = self._peak(event) if event.peak > told else None
            self._recorder.update(self._ticket, event.end + self._ahead, peak)
        if not self._clipped and now - event.start + self._settings.before >= self._settings.max_clip:
            self._clip(event)

    def _over(self, event: Event, by: Ending) -> None:
        ticket, shot = self._ticket, self._shot
        if ticket is not None and shot is not None:
            self._recorder.end(ticket, event.end + self._ahead, self._peak(event), shot, by=by)
            if not self._clipped:
                self._clip(event)
        self._ticket = self._shot = None

    def _clip(self, event: Event) -> None:
        self._clipped = True
        if self._camera.ring is None or self._ticket is None:
            return
        start = max(event.start - self._settings.before, 0.0)
        end = min(event.end + self._settings.after, start + self._settings.max_clip)
        due = time.monotonic() + self._settings.after + LATE
        self._recorder.clip(self._ticket, ClipOrder(self._camera, start, end, due))

    def _peak(self, event: Event) -> Peak:
        size = self._shot.size if self._shot else None
        box: Box | None = None
        if event.box is not None and size is not None:
            x0, y0, x1, y1 = event.box
            box = (x0 * size.width, y0 * size.height, x1 * size.width, y1 * size.height)
        return Peak(event.time + self._ahead, event.peak, box, event.term, event.parts)

    def _counts(self, moment: float) -> bool:
        """Whether alarms count then, by the camera's hours."""
        return self._hours is None or self._hours.open_at(datetime.fromtimestamp(moment + self._ahead))
