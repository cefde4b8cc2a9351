from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.metrics import (
    alarm_report,
    alarms_per_day,
    event_delays,
    false_alarms,
    frame_ends,
    operating_point,
    runs_above,
)

quick = settings(deadline=None, max_examples=60)

Spans = list[tuple[float, float]]

Video = tuple[Spans, list[float], list[float], float]
"""Events, scores, times and end."""

NONE: Spans = []


@st.composite
def some_spans(draw: st.DrawFn) -> Spans:
    """Whole seconds of a video of 20, overlapping or not, in any order."""
    starts = draw(st.lists(st.integers(0, 19), max_size=5))
    return [(float(start), float(start + draw(st.integers(1, 5)))) for start in starts]


@quick
@given(some_spans(), some_spans())
def test_agrees_with_a_look_at_every_pair(events: Spans, alarms: Spans) -> None:
    delays = event_delays(events, alarms)
    for (start, end), delay in zip(events, delays, strict=True):
        starts = [a for a, b in alarms if a < end and b > start]
        assert math.isnan(delay) if not starts else delay == max(0, min(starts) - start)
    for (a, b), false in zip(alarms, false_alarms(events, alarms), strict=True):
        assert false == all(b <= start or a >= end for start, end in events)


@quick
@given(some_spans(), some_spans())
def test_time_is_counted_once_however_spans_overlap(events: Spans, alarms: Spans) -> None:
    report = alarm_report([events], [alarms], [20])
    fine = np.arange(0.005, 20, 0.01)

    def on(spans: Spans) -> NDArray[np.bool_]:
        return np.asarray(np.any([(fine >= a) & (fine < b) for a, b in spans] or [fine < 0], axis=0))

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


def test_what_ends_as_the_other_starts_shares_no_time_with_it() -> None:
    report = alarm_report([[(2, 3)]], [[(1, 2), (3, 4)]], [10])
    assert (report.events_found, report.false_alarms) == (0, 2)
    assert report.normal_hours * 3600 == pytest.approx(9)
    assert report.false_share == pytest.approx(2 / 9)


def test_events_and_alarms_of_one_frame_by_hand() -> None:
    # Ten frames of half a second. An event of frames 2 .. 5 and one of frame 8 alone; alarms of frame 5 alone, which
    # is the last of its event, of frame 6 alone, which is just after it, and of frame 8.
    times = np.arange(10) / 2
    ends = frame_ends(times)
    assert ends.tolist() == [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5]
    events: Spans = [(times[2], ends[5]), (times[8], ends[8])]
    scores = np.zeros(10)
    for frame, found, false, delays in ((5, 1, 0, [1.5]), (6, 0, 1, []), (8, 1, 0, [0])):
        alarms = runs_above(scores + (np.arange(10) == frame), times, 1)
        assert alarms.tolist() == [[frame / 2, (frame + 1) / 2]]
        report = alarm_report([events], [alarms], [5])
        assert (report.events_found, report.false_alarms) == (found, false)
        assert report.delays[~np.isnan(report.delays)].tolist() == delays
        assert report.normal_hours * 3600 == pytest.approx(2.5)
        assert report.false_share == pytest.approx(false * 0.5 / 2.5)


def test_a_frame_lasts_until_a_later_one() -> None:
    assert frame_ends([0, 1, 3]).tolist() == [1, 3, 4.5]
    assert frame_ends([0, 1, 3], 7).tolist() == [1, 3, 7]
    assert frame_ends([0, 1, 1, 2], 3).tolist() == [1, 2, 2, 3]
    assert frame_ends([4], 5).tolist() == [5]
    assert frame_ends([]).shape == (0,)
    with pytest.raises(ValueError, match=r"begins at 4\.0 s and cannot end at 4 s"):
        frame_ends([3, 4], 4)
    with pytest.raises(ValueError, match="give the end of the last one"):
        frame_ends([4])
    for times in ([1, 0], [math.nan], [[0, 1]]):
        with pytest.raises(ValueError, match="do not fall"):
            frame_ends(times)


def test_runs_are_joined_over_short_gaps() -> None:
    scores, times = [0, 5, 5, 0, 5, 0, 0, 0, 5], np.arange(9) / 2
    assert runs_above(scores, times, 5).tolist() == [[0.5, 1.5], [2, 2.5], [4, 4.5]]
    assert runs_above(scores, times, 5, gap=1).tolist() == [[0.5, 2.5], [4, 4.5]]
    assert runs_above(scores, times, 5, gap=2).tolist() == [[0.5, 4.5]]
    assert runs_above(scores, times, 5, gap=2, end=9).tolist() == [[0.5, 9]]
    assert runs_above(scores, times, 6).shape == (0, 2)
    assert runs_above(scores, times, 0).tolist() == [[0, 4.5]]


def test_an_operating_point_by_hand() -> None:
    # One frame a second for a minute. Events of frames 10 .. 19 (peak 8) and 40 .. 49 (peak 4), a false peak of 5.
    scores = np.zeros(60)
    scores[[15, 45, 30]] = 8, 4, 5
    events = [[(10.0, 20.0), (40.0, 50.0)]]
    times = [np.arange(60.0)]
    half = operating_point(events, [scores], times, 0.5)
    assert (half.threshold, half.report.share_found, half.report.false_alarms) == (8, 0.5, 0)
    whole = operating_point(events, [scores], times, 0.9)
    assert (whole.threshold, whole.report.share_found, whole.report.false_alarms) == (4, 1, 1)
    assert whole.report.delays.tolist() == [5, 5]
    assert whole.report.normal_hours == pytest.approx(40 / 3600)
    assert whole.report.false_alarms_per_hour == pytest.approx(3600 / 40)
    longer = operating_point(events, [scores], times, 0.9, durations=[100])
    assert longer.report.normal_hours == pytest.approx(80 / 3600)


def test_an_alarm_over_a_gap_finds_what_happens_in_it() -> None:
    # High before and after an event of frame 5, in which the score is low: an alarm that is on over the gap finds it.
    scores = np.array([0, 0, 0, 0, 9, 1, 8, 0, 0, 0])
    events, times = [[(5.0, 6.0)]], [np.arange(10.0)]
    assert operating_point(events, [scores], times, 1.0).threshold == 1
    joined = operating_point(events, [scores], times, 1.0, gap=2.0)
    assert (joined.threshold, joined.report.events_found, joined.report.alarms) == (8, 1, 1)


def runs_by_hand(scores: Sequence[float], times: Sequence[float], end: float, threshold: float, gap: float) -> Spans:
    found: Spans = []
    before = -math.inf  # the beginning of the last frame that was above
    for k, (score, time) in enumerate(zip(scores, times, strict=True)):
        if score < threshold:
            continue
        after = times[k + 1] if k + 1 < len(times) else end
        if k and found and (scores[k - 1] >= threshold or time - before <= gap):
            found[-1] = (found[-1][0], after)
        else:
            found.append((time, after))
        before = time
    return found


@st.composite
def some_videos(draw: st.DrawFn) -> list[Video]:
    """Up to three videos with at least one event between them, all of it in whole numbers."""
    videos = []
    for number in range(draw(st.integers(1, 3))):
        times = sorted(draw(st.sets(st.integers(0, 30), min_size=1, max_size=12)))
        end = times[-1] + draw(st.integers(1, 3))
        spans = st.tuples(st.integers(times[0], end - 1), st.integers(1, 4)).map(
            lambda s: (float(s[0]), float(s[0] + s[1]))
        )
        events = draw(st.lists(spans, min_size=number == 0, max_size=4))
        scores = draw(st.lists(st.integers(0, 5), min_size=len(times), max_size=len(times)))
        videos.append((events, [float(s) for s in scores], [float(t) for t in times], float(end)))
    return videos


@settings(deadline=None, max_examples=300)
@given(some_videos(), st.sampled_from([0.1, 1 / 3, 0.5, 0.9, 1.0]), st.sampled_from([0.0, 1.0, 2.0, 5.0, 40.0]))
def test_the_operating_point_is_the_best_of_all_thresholds(videos: list[Video], share: float, gap: float) -> None:
    events, ends = [video[0] for video in videos], [video[3] for video in videos]
    scores, times = [video[1] for video in videos], [video[2] for video in videos]
    reports = {}
    for threshold in {score for some in scores for score in some}:
        alarms = [runs_by_hand(s, t, e, threshold, gap) for _, s, t, e in videos]
        for found, (_, s, t, e) in zip(alarms, videos, strict=True):
            assert runs_above(s, t, threshold, gap, end=e).tolist() == [list(span) for span in found]
        reports[threshold] = alarm_report(events, alarms, ends)
    best = max(threshold for threshold, report in reports.items() if (report.share_found or 0) >= share)
    point = operating_point(events, scores, times, share, gap=gap, durations=ends)
    assert point.threshold == best
    for key in ("events_found", "alarms", "false_alarms", "normal_hours", "false_share", "median_delay"):
        assert getattr(point.report, key) == getattr(reports[best], key)
    # What rises strictly changes nothing.
    bent = operating_point(events, [np.exp(some) for some in scores], times, share, gap=gap, durations=ends)
    assert bent.report.false_alarms == point.report.false_alarms


def test_bad_input_is_named() -> None:
    one = [np.arange(3.0)]
    with pytest.raises(ValueError, match="events of 1 videos, alarms of 2"):
        alarm_report([NONE], [NONE, NONE], [1])
    with pytest.raises(ValueError, match="video 1: one of the events ends when it starts or before"):
        alarm_report([NONE, [(2, 1)]], [NONE, NONE], [1, 1])
    with pytest.raises(ValueError, match="video 0: one of the alarms ends when it starts or before"):
        alarm_report([NONE], [[(1, 1)]], [1])
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
    with pytest.raises(ValueError, match="durations of 2 videos, times of 1"):
        operating_point([[(0.0, 1.0)]], one, one, 0.5, durations=[3, 3])
    with pytest.raises(ValueError, match=r"video 0: the last frame begins at 2\.0 s and cannot end at 1 s"):
        operating_point([[(0.0, 1.0)]], one, one, 0.5, durations=[1])
    with pytest.raises(ValueError, match="video 0: the times do not say how long a frame lasts"):
        runs_above([1.0], [0.0], 1)
    with pytest.raises(ValueError, match="a score or a time is not finite"):
        runs_above([math.nan], [0.0], 1)
