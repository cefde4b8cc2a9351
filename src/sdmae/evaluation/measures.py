"""What scored clips are worth by their labels: frames, and alarms.

An event is an unbroken stretch of abnormal frames, from the time of its first up to that at which the next normal one
begins, or the clip ends: what every benchmark can say, whether it has tracks or not. So it lasts as long as its
frames do, were it one alone. An alarm, too, lasts until the detector next looks and sees none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdmae.config import EventConfig
from sdmae.data.benchmark import Labels, TestClip
from sdmae.metrics import (
    AlarmReport,
    Measure,
    alarm_report,
    average_precision,
    bootstrap_auc,
    equal_error_rate,
    event_delays,
    frame_ends,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    micro_auc_clip_normalised,
    operating_point,
)
from sdmae.scoring import AlarmLevel, FrameScore, Levels, Series, VideoScores, find_events

SHARES = (0.5, 0.75, 0.9, 1.0)
"""Shares of the events for which it is said how many false alarms the labels' own best threshold would give."""
RESAMPLES = 2000
"""Draws of the bootstrap."""

Spans = NDArray[np.float64]
"""(n, 2): from and up to, in seconds since the clip's first frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One test clip with the detector's scores under both protocols."""

    truth: TestClip
    offline: VideoScores
    causal: VideoScores
    rate: float
    """Frames a second of the clip, as its file says."""

    def times(self) -> Series:
        """(N,) seconds of all frames of the clip; those that were not scored lie between, or after, at its rate."""
        frames, times, count = self.offline.frames, self.offline.times, len(self.truth.labels)
        if len(times) == count:
            return times
        found = np.interp(np.arange(count), frames, times)
        last = int(frames[-1])
        found[last:] = times[-1] + np.arange(count - last) / self.rate
        return found

    def seconds(self) -> float:
        """How long the clip lasts, its last frame included."""
        return float(self.times()[-1]) + 1 / self.rate

    def events(self) -> Spans:
        """The clip's abnormal stretches."""
        times = self.times()
        ends = frame_ends(times, self.seconds())
        found = [(times[first], ends[after - 1]) for first, after in stretches(self.truth.labels)]
        return np.array(found).reshape(-1, 2)


def stretches(labels: Labels) -> NDArray[np.int64]:
    """(n, 2): each unbroken stretch of True in labels (N,), as its first position and the one after its last."""
    return np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))).reshape(-1, 2)


def frame_measures(labels: Sequence[Labels], scores: Sequence[Series]) -> dict[str, Any]:
    """All frame-level measures of a set of clips, 0 to 1, and `intervals`, those of the AUCs by bootstrap.

    `macro_auc_two_class` is None where no clip has both classes; `intervals` has the keys `micro_auc`, `macro_auc`
    and `macro_auc_two_class`, each None where the measure is, or where there is one clip only.
    """
    found: dict[str, Any] = {
        "micro_auc": micro_auc(labels, scores),
        "macro_auc": macro_auc(labels, scores),
        "macro_auc_two_class": macro_auc_two_class(labels, scores),
        "micro_auc_clip_normalised": micro_auc_clip_normalised(labels, scores),
    }
    names: tuple[Measure, ...] = ("micro", "macro", "macro_two_class")
    return {
        **found,
        "average_precision": average_precision(labels, scores),
        "eer": equal_error_rate(labels, scores),
        "intervals": {
            f"{name.replace('_two_class', '')}_auc{'_two_class' if 'two' in name else ''}": _interval(
                labels, scores, name
            )
            for name in names
        },
    }


def _interval(labels: Sequence[Labels], scores: Sequence[Series], measure: Measure) -> dict[str, Any] | None:
    two_class = sum(bool(truth.any() and not truth.all()) for truth in labels)
    if len(labels) < 2 or (measure == "macro_two_class" and two_class == 0):
        return None
    found = bootstrap_auc(labels, scores, measure, resamples=RESAMPLES)
    return {
        "low": found.low,
        "high": found.high,
        "level": found.level,
        "resamples": found.resamples,
        "left_out": found.left_out,
    }


def find_alarms(scored: Scored, levels: Levels, config: EventConfig) -> Spans:
    """The alarms of one clip at these levels, as `sdmae detect` raises them from the causal scores.

    Each ends when the frame with which it was last on gives way to the next one that was scored, or the clip ends.
    """
    scores = scored.causal
    rows = zip(scores.frames.tolist(), scores.times.tolist(), scores.scores.tolist(), strict=True)
    frames = (FrameScore(index, time, score, score) for index, time, score in rows)
    found = np.array([(e.start, e.end) for e in find_events(frames, levels, config.merge)], np.float64).reshape(-1, 2)
    ends = frame_ends(scores.times, scored.seconds())
    found[:, 1] = ends[np.searchsorted(scores.times, found[:, 1])]
    return found


def alarm_measures(scored: Sequence[Scored], level: AlarmLevel | None, config: EventConfig) -> dict[str, Any]:
    """What the causal scores are worth as alarms.

    Events and alarms last to the end of their last frame. In figures made at commit 31ff590 or before they ended when
    that frame began: each was a frame shorter, those of one frame lasted no time, and there was more normal time.

    level: the calibrated one of the causal protocol; None where the detector has none, and then `calibrated` is None.
    `by_test_labels` is what would be had at thresholds that the labels of the test set choose, one for each of
    `SHARES`: how separable the scores are, never what a detector set up without labels does. It is empty where there
    are no events. `event_list` has every event, from its `start` up to its `end`, with the `delay` of its first alarm
    in seconds, None without one.
    """
    events = [one.events() for one in scored]
    durations = [one.seconds() for one in scored]
    calibrated: dict[str, Any] | None = None
    alarms: list[Spans] | None = None
    if level is not None:
        levels = level.levels(config)
        alarms = [find_alarms(one, levels, config) for one in scored]
        calibrated = {
            "threshold": levels.opens,
            "closes": levels.closes,
            "expected_false_alarms_per_day": level.rate,
            "calibrated_on_seconds": level.seconds,
            **_report(alarm_report(events, alarms, durations)),
        }
    return {
        "protocol": "causal",
        "events": sum(len(some) for some in events),
        "hours": sum(durations) / 3600,
        "calibrated": calibrated,
        "by_test_labels": _by_labels(scored, events, config),
        "event_list": [
            {"video": one.truth.clip.name, "start": start, "end": end, "delay": delay}
            for k, one in enumerate(scored)
            for (start, end), delay in zip(
                events[k].tolist(), _delays(events[k], None if alarms is None else alarms[k]), strict=True
            )
        ],
    }


def _delays(events: Spans, alarms: Spans | None) -> list[float | None]:
    if alarms is None:
        return [None] * len(events)
    return [None if np.isnan(delay) else float(delay) for delay in event_delays(events, alarms)]


def _by_labels(scored: Sequence[Scored], events: Sequence[Spans], config: EventConfig) -> list[dict[str, Any]]:
    if not any(len(some) for some in events):
        return []
    rows = [_rising(one.causal) for one in scored]
    times, scores = [times for times, _ in rows], [scores for _, scores in rows]
    durations = [one.seconds() for one in scored]
    found = []
    for share in SHARES:
        point = operating_point(events, scores, times, share, gap=config.merge, durations=durations)
        found.append({"asked_share": share, "threshold": point.threshold, **_report(point.report)})
    return found


def _rising(scores: VideoScores) -> tuple[Series, Series]:
    """Times and scores without the frames that come at the same instant as the one before."""
    kept = np.append(True, np.diff(scores.times) > 0)
    return scores.times[kept], scores.scores[kept]


def _report(report: AlarmReport) -> dict[str, Any]:
    return {
        "events_found": report.events_found,
        "share_found": report.share_found,
        "median_delay": report.median_delay,
        "alarms": report.alarms,
        "false_alarms": report.false_alarms,
        "normal_hours": report.normal_hours,
        "false_alarms_per_hour": report.false_alarms_per_hour,
        "false_share": report.false_share,
    }


def video_row(scored: Scored, level: AlarmLevel | None, config: EventConfig) -> dict[str, Any]:
    """One clip: its own AUCs where it has both classes, its events and, with a calibrated level, its alarms."""
    labels, events = scored.truth.labels, scored.events()
    row: dict[str, Any] = {
        "name": scored.truth.clip.name,
        "frames": len(labels),
        "abnormal_frames": int(labels.sum()),
        "auc": macro_auc_two_class([labels], [scored.offline.at_frames(len(labels))]),
        "causal_auc": macro_auc_two_class([labels], [scored.causal.at_frames(len(labels))]),
        "events": len(events),
        "events_found": None,
        "false_alarms": None,
    }
    if level is not None:
        report = alarm_report([events], [find_alarms(scored, level.levels(config), config)], [scored.seconds()])
        row |= {"events_found": report.events_found, "false_alarms": report.false_alarms}
    return row
