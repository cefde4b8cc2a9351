from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.metrics import alarm_report, alarms_per_day, event_delays, false_alarms, operating_point, runs_above

quick = settings(deadline=None, max_examples=60)

Spans = list[tuple[float, float]]

NONE: Spans = []


@st.composite
def some_spans(draw: st.DrawFn) -> Spans:
    """Whole seconds of a video of 20, overlapping or not, in any order."""
    starts = draw(st.lists(st.integers(0, 19), max_size=5))
    return [(float(start), float(start + draw(st.integers(0, 4)))) for start in starts]


@quick
@given(some_spans(), some_spans())
def test_agrees_with_a_look_at_every_pair(events: Spans, alarms: Spans) -> None:
    delays = event_delays(events, alarms)
    for (start, end), delay in zip(events, delays, strict=True):
        starts = [a for a, b in alarms if a <= end and b >= start]
        assert math.isnan(delay) if not starts else delay == max(0, min(starts) - start)
    for (a, b), false in zip(alarms, false_alarms(events, alarms), strict=True):
        assert false == all(b < start or a > end for start, end in events)


@quick
@given(some_spans(), some_spans())
def test_time_is_counted_once_however_spans_overlap(events: Spans, alarms: Spans) -> None:
    report = alarm_report([events], [alarms], [20])
    fine = np.arange(0.005, 20, 0.01)

    def on(spans: Spans) -> NDArray[np.bool_]:
        return np.asarray(np.any([(fine >= a) & (fine <= b) for a, b in spans] or [fine < 0], axis=0))

    normal = ~on(events)
    assert report.normal_hours * 3600 == pytest.approx(normal.sum() / 100, abs=0.02)
    if report.false_share is not None:
        assert report.false_share == pytest.approx((on(alarms) & normal).sum() / normal.sum(), abs=0.01)


def test_a_report_by_hand() -> None:
    # Two videos of ten minutes. The first has two events of a minute, the second is normal.
    events: list[Spans] = [[(60, 120), (300, 360)], NONE]
    alarms: list[Spans] = [[(30, 40), (70, 80), (90, 100)], [(500, 505)]]
    report = alarm_report(events, alarms, [600, 600])
    assert (report.events, report.events_found, report.share_found) == (2, 1, 0.5)
    assert report.delays[0] == 10
    assert np.isnan(report.delays[1])
    assert report.median_delay == 10
    assert (report.alarms, report.false_alarms) == (4, 2)
    assert report.normal_hours == pytest.approx(1080 / 3600)
    assert report.false_alarms_per_hour == pytest.approx(2 / 0.3)
    assert report.false_share == pytest.approx(15 / 1080)


def test_an_alarm_that_is_always_on_gives_itself_away() -> None:
    report = alarm_report([[(60, 120)]], [[(0, 600)]], [600])
    assert (report.share_found, report.false_alarms, report.median_delay) == (1, 0, 0)
    assert report.false_share == 1


def test_without_events_alarms_or_normal_time() -> None:
    nothing = alarm_report([NONE], [NONE], [60])
    assert (nothing.share_found, nothing.median_delay) == (None, None)
    assert (nothing.false_alarms_per_hour, nothing.false_share) == (0, 0)
    missed = alarm_report([[(1, 2)]], [NONE], [60])
    assert (missed.share_found, missed.median_delay) == (0, None)
    all_abnormal = alarm_report([[(0, 60)]], [[(5, 6)]], [60])
    assert (all_abnormal.false_alarms_per_hour, all_abnormal.false_share) == (None, None)
    assert alarm_report([], [], []).events == 0


def test_alarms_per_day_of_normal_video() -> None:
    assert alarms_per_day([[(1, 2), (5, 6)], NONE], [3600, 3600]) == 24
    assert alarms_per_day([NONE], [10]) == 0
    with pytest.raises(ValueError, match="no time"):
        alarms_per_day([NONE], [0])


def test_runs_are_joined_over_short_gaps() -> None:
    scores, times = [0, 5, 5, 0, 5, 0, 0, 0, 5], np.arange(9) / 2
    assert runs_above(scores, times, 5).tolist() == [[0.5, 1], [2, 2], [4, 4]]
    assert runs_above(scores, times, 5, gap=1).tolist() == [[0.5, 2], [4, 4]]
    assert runs_above(scores, times, 5, gap=2).tolist() == [[0.5, 4]]
    assert runs_above(scores, times, 6).shape == (0, 2)
    assert runs_above(scores, times, 0).tolist() == [[0, 4]]


def test_an_operating_point_by_hand() -> None:
    # One frame a second for a minute. Events at 10 .. 19 (peak 8) and 40 .. 49 (peak 4); a false peak of 5 at 30.
    scores = np.zeros(60)
    scores[[15, 45, 30]] = 8, 4, 5
    events = [[(10.0, 19.0), (40.0, 49.0)]]
    times = [np.arange(60.0)]
    half = operating_point(events, [scores], times, 0.5)
    assert (half.threshold, half.report.share_found, half.report.false_alarms) == (8, 0.5, 0)
    whole = operating_point(events, [scores], times, 0.9)
    assert (whole.threshold, whole.report.share_found, whole.report.false_alarms) == (4, 1, 1)
    assert whole.report.delays.tolist() == [5, 5]
    assert whole.report.normal_hours == pytest.approx(42 / 3600)
    assert whole.report.false_alarms_per_hour == pytest.approx(3600 / 42)


@quick
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from([0.1, 1 / 3, 0.5, 0.9, 1.0]))
def test_no_higher_threshold_finds_enough_events(seed: int, count: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    times = [np.arange(50.0), np.arange(50.0) / 2]
    scores = [rng.integers(0, 12, 50).astype(float) for _ in times]
    spans: list[Spans] = [[(float(s), float(s + rng.integers(0, 5))) for s in rng.integers(0, 20, count)], NONE]
    point = operating_point(spans, scores, times, share)
    assert (point.report.share_found or 0) >= share
    assert point.threshold in np.concatenate(scores)
    stricter = [runs_above(v, t, point.threshold + 1) for v, t in zip(scores, times, strict=True)]
    assert (alarm_report(spans, stricter, [50, 25]).share_found or 0) < share
    bent = operating_point(spans, [np.exp(v) for v in scores], times, share)
    assert bent.report.false_alarms == point.report.false_alarms


def test_bad_input_is_named() -> None:
    one = [np.arange(3.0)]
    with pytest.raises(ValueError, match="events of 1 videos, alarms of 2"):
        alarm_report([NONE], [NONE, NONE], [1])
    with pytest.raises(ValueError, match="video 1: one of the events ends before it starts"):
        alarm_report([NONE, [(2, 1)]], [NONE, NONE], [1, 1])
    with pytest.raises(ValueError, match="video 0: alarms have a time that is not finite"):
        alarm_report([NONE], [[(0, math.nan)]], [1])
    with pytest.raises(ValueError, match="video 0: alarms have shape"):
        alarm_report([NONE], [[0, 1, 2]], [1])
    with pytest.raises(ValueError, match="video 0: lasts -1 seconds"):
        alarm_report([NONE], [NONE], [-1])
    with pytest.raises(ValueError, match="no events"):
        operating_point([NONE], one, one, 0.5)
    with pytest.raises(ValueError, match="1 of 1 events have no frame"):
        operating_point([[(7.0, 8.0)]], one, one, 0.5)
    with pytest.raises(ValueError, match="share_found"):
        operating_point([[(0.0, 1.0)]], one, one, 0.0)
    with pytest.raises(ValueError, match="times do not rise"):
        operating_point([[(0.0, 1.0)]], one, [np.zeros(3)], 0.5)
    with pytest.raises(ValueError, match="video 0: scores have shape"):
        operating_point([[(0.0, 1.0)]], one, [np.arange(2.0)], 0.5)
    with pytest.raises(ValueError, match="events of 1 videos, scores of 2"):
        operating_point([NONE], one * 2, one * 2, 0.5)
    with pytest.raises(ValueError, match="a score or a time is not finite"):
        runs_above([math.nan], [0.0], 1)
