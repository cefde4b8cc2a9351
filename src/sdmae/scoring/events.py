"""From scores to events: an alarm is one event, opened at the threshold and closed well below it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sdmae.config import EventConfig
from sdmae.scoring.types import TERMS, FrameScore, Region


@dataclass(frozen=True, slots=True)
class Event:
    """An unbroken time in which something was not normal."""

    start: float
    """Seconds since the clip's first frame at which the score passed the threshold."""
    end: float
    """Seconds at which the score was last above the level at which an event closes."""
    peak: float
    """The highest score."""
    time: float
    """Seconds of the frame that shows it best: the one with the highest score before smoothing over time."""
    frame: int
    """Position of that frame in the clip, from 0."""
    box: tuple[float, float, float, float] | None
    """x_min, y_min, x_max, y_max of the strongest region of that frame, as shares of its width and height; in source
    pixels in what `Detector.events` gives."""
    term: str | None
    """Which of `TERMS` carried the score there: the one furthest above what it is in normal video."""
    parts: dict[str, float]
    """What each term adds there, in that frame alone: the score is a mean over its neighbours, too."""

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Levels:
    """The two levels of the hysteresis, and what normal video has."""

    opens: float
    """An event begins with a score above it: the threshold."""
    closes: float
    """An event goes on while scores are above it; at most `opens`."""
    normal_parts: tuple[float, ...] = (0.0,) * len(TERMS)
    """What each of `TERMS` adds to the score in normal video: its median."""

    @classmethod
    def of(
        cls, threshold: float, median: float, config: EventConfig, normal_parts: tuple[float, ...] | None = None
    ) -> Levels:
        """The levels of a threshold, given the median score of normal video."""
        closes = threshold - config.hysteresis * max(threshold - median, 0.0)
        return cls(threshold, closes, normal_parts or (0.0,) * len(TERMS))


class EventFormer:
    """Scores go in frame by frame, events come out when they have ended. Memory does not grow."""

    def __init__(self, levels: Levels, merge: float) -> None:
        """`merge`: seconds for which scores must stay at or below `levels.closes` before an event has ended."""
        self.levels = levels
        """May be set anew at any time; an open event then ends by the new ones."""
        self._merge = merge
        self._start: float | None = None
        self._end = 0.0
        self._peak: FrameScore | None = None
        self._clearest: FrameScore | None = None
        self._time = float("-inf")

    @property
    def open(self) -> bool:
        """Whether an event is going on."""
        return self._peak is not None

    def push(self, frame: FrameScore) -> Event | None:
        """Takes the next frame; gives the event that has ended, if one has. Raises ValueError if time falls."""
        if frame.time < self._time:
            raise ValueError(f"time falls from {self._time} to {frame.time} s")
        self._time = frame.time
        ended = None
        # A video that breaks off and goes on later must not stretch an event over the time in between.
        if self._peak is not None and frame.time - self._end > self._merge:
            ended = self.flush()
        if frame.score > self.levels.opens or (self._peak is not None and frame.score > self.levels.closes):
            if self._peak is None:
                self._start = frame.time
                self._clearest = frame
            if self._peak is None or frame.score > self._peak.score:
                self._peak = frame
            # Smoothed scores are highest where strange moments lie closest, not in one of them.
            if self._clearest is None or frame.raw > self._clearest.raw:
                self._clearest = frame
            self._end = frame.time
        return ended

    def flush(self) -> Event | None:
        """The event that is still open when the video has ended, if there is one."""
        event = self.current
        self._peak = self._clearest = None
        return event

    @property
    def current(self) -> Event | None:
        """The event that is going on, as far as it has come; None where there is none."""
        peak, shown = self._peak, self._clearest
        if peak is None or shown is None or self._start is None:
            return None
        term, parts = _carrier(shown.region, self.levels.normal_parts)
        box = shown.region.box if shown.region else None
        return Event(self._start, self._end, peak.score, shown.time, shown.index, box, term, parts)


def find_events(frames: Iterable[FrameScore], levels: Levels, merge: float) -> Iterator[Event]:
    """The events of one clip, each as soon as it has ended."""
    former = EventFormer(levels, merge)
    for frame in frames:
        event = former.push(frame)
        if event is not None:
            yield event
    last = former.flush()
    if last is not None:
        yield last


def _carrier(region: Region | None, normal: tuple[float, ...]) -> tuple[str | None, dict[str, float]]:
    if region is None:
        return None, {}
    above = [part - usual for part, usual in zip(region.parts, normal, strict=True)]
    return TERMS[above.index(max(above))], dict(zip(TERMS, region.parts, strict=True))
