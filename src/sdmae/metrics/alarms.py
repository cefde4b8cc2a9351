"""What an operator notices: which events raise an alarm, how late, and how often there is one for nothing.

Events and alarms are times from a start to an end in seconds of their video, both ends included: (n, 2) for each
video. n may be 0, and a single moment is one too. An alarm and an event that share a moment belong together: the
event is found, and the alarm is not false. An alarm that is already on when an event starts finds it without delay,
so one that is always on would be perfect: `false_share`, the share of normal time with an alarm on, gives it away.

False alarms per hour are per hour of normal time, that is outside all events, since only there can one be false: the
figure then does not depend on how much of the footage is abnormal.

All functions raise ValueError, naming the video by its position from 0, for times that are not finite, times that end
before they start, and different numbers of videos.
"""

from __future__ import annotations

import math
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
    """Alarms that share no moment with an event."""
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
    found_by, happened = _spans(alarms, 0, "alarms"), _spans(events, 0, "events")
    delays = np.full(len(happened), np.nan)
    for k, (start, end) in enumerate(happened):
        first = found_by[(found_by[:, 0] <= end) & (found_by[:, 1] >= start), 0]
        if len(first):
            delays[k] = max(0.0, float(first.min()) - start)
    return delays


def false_alarms(events: ArrayLike, alarms: ArrayLike) -> NDArray[np.bool_]:
    """(A,): which alarms of a video share no moment with an event."""
    return np.isnan(event_delays(alarms, events))


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
        delays.append(event_delays(happened, found_by))
        false += int(np.count_nonzero(false_alarms(happened, found_by)))
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


def runs_above(scores: ArrayLike, times: ArrayLike, threshold: float, gap: float = 0.0) -> Floats:
    """Alarms of one video: (A, 2) seconds of the first and last frame of each run of frames at or above `threshold`.

    scores: (N,) finite. times: (N,) seconds, rising. Runs no more than `gap` seconds apart are one.
    """
    values, moments = _checked_frames(scores, times, 0)
    above = values >= threshold
    edges = np.diff(np.concatenate([[False], above, [False]]).astype(np.int8))
    starts, ends = moments[np.flatnonzero(edges == 1)], moments[np.flatnonzero(edges == -1) - 1]
    if not len(starts):
        return np.zeros((0, 2))
    apart = starts[1:] - ends[:-1] > gap
    return np.stack([starts[np.append(True, apart)], ends[np.append(apart, True)]], axis=1)


def operating_point(
    events: Sequence[ArrayLike],
    scores: Sequence[ArrayLike],
    times: Sequence[ArrayLike],
    share_found: float,
    *,
    gap: float = 0.0,
) -> OperatingPoint:
    """False alarms per hour at a given detection rate: the alarms at the highest threshold that finds enough events.

    events: (E_i, 2) seconds of video i. scores: (N_i,) finite. times: (N_i,) seconds, rising. share_found: above 0,
    at most 1: the share of events that must be found. gap: as for `runs_above`. An event is found by a frame within
    it that scores the threshold or more. A video lasts one frame longer than its last time.

    The threshold comes from the labels: this says how separable the scores are, not what a detector set up without
    labels would do. Raises ValueError also where there are no events, and where too few of them have a frame.
    """
    if not len(events) == len(scores) == len(times):
        raise ValueError(f"events of {len(events)} videos, scores of {len(scores)}, times of {len(times)}")
    if not 0 < share_found <= 1:
        raise ValueError(f"share_found is {share_found}; it must be above 0 and at most 1")
    frames = [_checked_frames(v, t, i) for i, (v, t) in enumerate(zip(scores, times, strict=True))]
    peaks = []
    for video, (values, moments) in enumerate(frames):
        for start, end in _spans(events[video], video, "events"):
            within = values[(moments >= start) & (moments <= end)]
            peaks.append(float(within.max()) if len(within) else -math.inf)
    if not peaks:
        raise ValueError("no events: without them there is nothing to find")
    peaks.sort(reverse=True)
    # By the quotient: the product share x events may be off by a rounding.
    needed = next(k for k in range(1, len(peaks) + 1) if k / len(peaks) >= share_found)
    threshold = peaks[needed - 1]
    if threshold == -math.inf:
        raise ValueError(f"{peaks.count(-math.inf)} of {len(peaks)} events have no frame, so too few can be found")
    alarms = [runs_above(values, moments, threshold, gap) for values, moments in frames]
    return OperatingPoint(threshold, alarm_report(events, alarms, [_duration(moments) for _, moments in frames]))


def _spans(spans: ArrayLike, video: int, name: str) -> Floats:
    data = np.asarray(spans, np.float64)
    if data.size == 0:
        return np.zeros((0, 2))
    if data.ndim != 2 or data.shape[1] != 2:
        raise ValueError(f"video {video}: {name} have shape {data.shape} instead of (n, 2)")
    if not np.isfinite(data).all():
        raise ValueError(f"video {video}: {name} have a time that is not finite")
    if (data[:, 1] < data[:, 0]).any():
        raise ValueError(f"video {video}: one of the {name} ends before it starts")
    return data


def _checked_frames(scores: ArrayLike, times: ArrayLike, video: int) -> tuple[Floats, Floats]:
    values, moments = np.asarray(scores, np.float64), np.asarray(times, np.float64)
    if values.ndim != 1 or values.shape != moments.shape or len(values) == 0:
        raise ValueError(f"video {video}: scores have shape {values.shape}, times {moments.shape}")
    if not (np.isfinite(values).all() and np.isfinite(moments).all()):
        raise ValueError(f"video {video}: a score or a time is not finite")
    if (np.diff(moments) <= 0).any():
        raise ValueError(f"video {video}: times do not rise")
    return values, moments


def _covered(spans: Floats, duration: float) -> float:
    """Seconds of 0 .. duration that lie in any of the spans."""
    covered, reached = 0.0, 0.0
    for start, end in np.clip(spans[np.argsort(spans[:, 0], kind="stable")], 0, duration):
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered


def _duration(times: Floats) -> float:
    """Seconds to the end of the last frame, which lasts as long as the usual one."""
    return float(times[-1] + (np.median(np.diff(times)) if len(times) > 1 else 0.0))
