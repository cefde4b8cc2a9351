"""What an operator notices: which events raise an alarm, how late, and how often there is one for nothing.

Events and alarms are times from a start up to an end in seconds of their video: (n, 2) for each video, where n may
be 0. The start belongs to them and the end does not, and each lasts some time: a frame lasts until the next begins
(`frame_ends`), so an event of a single frame has the duration of that frame, and one without any duration is refused.
An alarm and an event that share some time belong together: the event is found, and the alarm is not false. Where one
ends as the other starts, they share none. An alarm that is already on when an event starts finds it without delay, so
one that is always on would be perfect: `false_share`, the share of normal time with an alarm on, gives it away.

False alarms per hour are per hour of normal time, that is outside all events, since only there can one be false: the
figure then does not depend on how much of the footage is abnormal.

All functions raise ValueError, naming the video by its position from 0, for times that are not finite, times that end
when they start or before, and different numbers of videos.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

HOUR, DAY = 3600.0, 86400.0
"""Seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class AlarmReport:
    """What alarms are worth on videos with events."""

    events: int
    """Events of all videos."""
    events_found: int
    """Those with an alarm."""
    share_found: float | None
    """Share of events found, 0 to 1; None without events."""
    delays: Floats
    """(events,) seconds from the start of each event to its first alarm, nan where there is none, by video."""
    median_delay: float | None
    """Median of the delays of events found; None if none is."""
    alarms: int
    """Alarms of all videos."""
    false_alarms: int
    """Alarms that share no time with an event."""
    normal_hours: float
    """Hours of video outside all events."""
    false_alarms_per_hour: float | None
    """False alarms per hour of normal time; None without normal time."""
    false_share: float | None
    """Share of normal time with an alarm on, whether that alarm is false or not, 0 to 1; None without normal time."""


@dataclass(frozen=True, slots=True, eq=False)
class OperatingPoint:
    """The highest threshold at which enough events are found, and what it costs."""

    threshold: float
    """Frames that score this much or more are an alarm."""
    report: AlarmReport
    """What the alarms at this threshold are worth."""


def event_delays(events: ArrayLike, alarms: ArrayLike) -> Floats:
    """(E,) seconds from the start of each event of one video to its first alarm, 0 or more; nan without an alarm."""
    return _delays(_spans(events, 0, "events"), _spans(alarms, 0, "alarms"))


def false_alarms(events: ArrayLike, alarms: ArrayLike) -> NDArray[np.bool_]:
    """(A,): which alarms of a video share no time with an event."""
    return np.isnan(_delays(_spans(alarms, 0, "alarms"), _spans(events, 0, "events")))


def alarm_report(events: Sequence[ArrayLike], alarms: Sequence[ArrayLike], durations: Sequence[float]) -> AlarmReport:
    """Events found, delays and false alarms over all videos.

    events: (E_i, 2), alarms: (A_i, 2) seconds of video i. durations: seconds of each video, which lasts from 0 to
    there; the time of events and alarms beyond its ends is no time of the video.
    """
    if not len(events) == len(alarms) == len(durations):
        raise ValueError(f"events of {len(events)} videos, alarms of {len(alarms)}, durations of {len(durations)}")
    delays: list[Floats] = [np.zeros(0)]
    false, raised, normal, loud = 0, 0, 0.0, 0.0
    for video, (some_events, some_alarms, duration) in enumerate(zip(events, alarms, durations, strict=True)):
        happened, found_by = _spans(some_events, video, "events"), _spans(some_alarms, video, "alarms")
        if not (math.isfinite(duration) and duration >= 0):
            raise ValueError(f"video {video}: lasts {duration} seconds")
        delays.append(_delays(happened, found_by))
        false += int(np.count_nonzero(np.isnan(_delays(found_by, happened))))
        raised += len(found_by)
        abnormal = _covered(happened, duration)
        normal += duration - abnormal
        loud += _covered(np.concatenate([happened, found_by]), duration) - abnormal
    every = np.concatenate(delays)
    found = every[~np.isnan(every)]
    return AlarmReport(
        events=len(every),
        events_found=len(found),
        share_found=len(found) / len(every) if len(every) else None,
        delays=every,
        median_delay=float(np.median(found)) if len(found) else None,
        alarms=raised,
        false_alarms=false,
        normal_hours=normal / HOUR,
        false_alarms_per_hour=false / (normal / HOUR) if normal > 0 else None,
        false_share=min(1.0, loud / normal) if normal > 0 else None,
    )


def alarms_per_day(alarms: Sequence[ArrayLike], durations: Sequence[float]) -> float:
    """Alarms per 24 hours of normal video, every one of which is false. Arguments as for `alarm_report`.

    Raises ValueError where the videos last no time.
    """
    report = alarm_report([np.zeros((0, 2))] * len(alarms), alarms, durations)
    if report.false_alarms_per_hour is None:
        raise ValueError("the videos last no time")
    return report.false_alarms_per_hour * DAY / HOUR


def frame_ends(times: ArrayLike, end: float | None = None) -> Floats:
    """(N,) seconds at which each frame of a video ends: when the next one begins.

    times: (N,) seconds at which frames begin, not falling; of those that begin together each lasts until a later one.
    end: seconds at which the last one ends; None: it lasts as long as the usual one, for which there must be two.

    Raises ValueError for times that are not finite or fall, and for an end that is not after the last of them.
    """
    moments = np.asarray(times, np.float64)
    if moments.ndim != 1 or not np.isfinite(moments).all() or (np.diff(moments) < 0).any():
        raise ValueError("times must be finite numbers that do not fall, one for each frame")
    if not len(moments):
        return np.zeros(0)
    if end is None:
        steps = np.diff(moments)
        if not (steps > 0).any():
            raise ValueError("the times do not say how long a frame lasts; give the end of the last one")
        end = float(moments[-1] + np.median(steps[steps > 0]))
    if not (math.isfinite(end) and end > moments[-1]):
        raise ValueError(f"the last frame begins at {moments[-1]} s and cannot end at {end} s")
    return np.append(moments, end)[np.searchsorted(moments, moments, "right")]


def runs_above(
    scores: ArrayLike, times: ArrayLike, threshold: float, gap: float = 0.0, *, end: float | None = None
) -> Floats:
    """Alarms of one video: (A, 2) seconds from the first frame of each run of frames at or above `threshold` up to
    the end of its last.

    scores: (N,) finite. times: (N,) seconds, rising. Runs are one where the last frame of one and the first of the
    next begin no more than `gap` seconds apart. end: as for `frame_ends`.
    """
    values, moments, ends = _checked_frames(scores, times, end, 0)
    return _runs(values, moments, ends, threshold, gap)


def operating_point(
    events: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    times: Sequence[ArrayLike],
    share_found: float,
    *,
    gap: float = 0.0,
    durations: Sequence[float] | None = None,
) -> OperatingPoint:
    """False alarms per hour at a given detection rate: the alarms at the highest threshold that finds enough events.

    events: (E_i, 2) seconds of video i. scores: (N_i,) finite. times: (N_i,) seconds, rising. share_found: above 0,
    at most 1: the share of events that must be found. gap: as for `runs_above`, and an event in the gap between two
    runs that are one is found. durations: seconds of each video, at which its last frame ends; None: that lasts as
    long as the usual one of its video.

    The threshold comes from the labels: this says how separable the scores are, not what a detector set up without
    labels would do. Raises ValueError also where there are no events, and where too few of them have a frame.
    """
    if not len(events) == len(scores) == len(times):
        raise ValueError(f"events of {len(events)} videos, scores of {len(scores)}, times of {len(times)}")
    if durations is not None and len(durations) != len(times):
        raise ValueError(f"durations of {len(durations)} videos, times of {len(times)}")
    if not 0 < share_found <= 1:
        raise ValueError(f"share_found is {share_found}; it must be above 0 and at most 1")
    lasting = [None] * len(times) if durations is None else durations
    frames = [_checked_frames(*one, i) for i, one in enumerate(zip(scores, times, lasting, strict=True))]
    happened = [_spans(some, video, "events") for video, some in enumerate(events)]
    total = sum(len(some) for some in happened)
    if not total:
        raise ValueError("no events: without them there is nothing to find")

    def found(threshold: float) -> int:
        delays = (_delays(some, _runs(*one, threshold, gap)) for some, one in zip(happened, frames, strict=True))
        return sum(int(np.count_nonzero(~np.isnan(some))) for some in delays)

    # The lower the threshold, the more time has an alarm, gaps too: a run only grows, and a gap only shrinks or goes.
    # So events once found stay found, and halving finds the last threshold that still finds enough. By the quotient:
    # the product share x events may be off by a rounding.
    thresholds = np.unique(np.concatenate([values for values, _, _ in frames]))
    enough = bisect_left(thresholds, True, key=lambda threshold: found(threshold) / total < share_found)
    if enough == 0:
        without = total - found(-math.inf)
        raise ValueError(f"{without} of {total} events have no frame, so too few can be found")
    threshold = float(thresholds[enough - 1])
    alarms = [_runs(*one, threshold, gap) for one in frames]
    return OperatingPoint(threshold, alarm_report(events, alarms, [float(ends[-1]) for _, _, ends in frames]))


def _delays(events: Floats, alarms: Floats) -> Floats:
    """`event_delays` of what has been checked."""
    alarms = alarms[np.argsort(alarms[:, 0], kind="stable")]
    # The first alarm that ends after the event has started is the first at which the latest end so far does.
    latest = np.maximum.accumulate(alarms[:, 1])
    first = np.searchsorted(latest, events[:, 0], "right")
    starts = np.append(alarms[:, 0], np.inf)[first]
    return np.where(starts < events[:, 1], np.maximum(starts - events[:, 0], 0.0), np.nan)


def _runs(values: Floats, moments: Floats, ends: Floats, threshold: float, gap: float) -> Floats:
    """`runs_above` of what has been checked."""
    above = np.concatenate([[False], values >= threshold, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1])
    first, last = edges[::2], edges[1::2] - 1
    if not len(first):
        return np.zeros((0, 2))
    apart = moments[first[1:]] - moments[last[:-1]] > gap
    return np.stack([moments[first[np.append(True, apart)]], ends[last[np.append(apart, True)]]], axis=1)


def _spans(spans: ArrayLike, video: int, name: str) -> Floats:
    data = np.asarray(spans, np.float64)
    if data.size == 0:
        return np.zeros((0, 2))
    if data.ndim != 2 or data.shape[1] != 2:
        raise ValueError(f"video {video}: {name} have shape {data.shape} instead of (n, 2)")
    if not np.isfinite(data).all():
        raise ValueError(f"video {video}: {name} have a time that is not finite")
    if (data[:, 1] <= data[:, 0]).any():
        raise ValueError(
            f"video {video}: one of the {name} ends when it starts or before; its last frame ends as the next begins"
        )
    return data


def _checked_frames(
    scores: ArrayLike, times: ArrayLike, end: float | None, video: int
) -> tuple[Floats, Floats, Floats]:
    """Scores, and when each frame begins and ends."""
    values, moments = np.asarray(scores, np.float64), np.asarray(times, np.float64)
    if values.ndim != 1 or values.shape != moments.shape or len(values) == 0:
        raise ValueError(f"video {video}: scores have shape {values.shape}, times {moments.shape}")
    if not (np.isfinite(values).all() and np.isfinite(moments).all()):
        raise ValueError(f"video {video}: a score or a time is not finite")
    if (np.diff(moments) <= 0).any():
        raise ValueError(f"video {video}: times do not rise")
    try:
        return values, moments, frame_ends(moments, end)
    except ValueError as error:
        raise ValueError(f"video {video}: {error}") from None


def _covered(spans: Floats, duration: float) -> float:
    """Seconds of 0 .. duration that lie in any of the spans."""
    starts, ends = np.clip(spans[np.argsort(spans[:, 0], kind="stable")], 0, duration).T
    reached = np.maximum.accumulate(np.append(0.0, ends))[:-1]  # by the spans before each
    return float(np.maximum(ends - np.maximum(starts, reached), 0.0).sum())
