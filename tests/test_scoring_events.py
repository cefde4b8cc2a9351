"""From scores to events: hysteresis, merging, gaps, and what an event says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdmae.config import EventConfig
from sdmae.scoring import TERMS, Event, EventFormer, FrameScore, Levels, Region, find_events

LEVELS = Levels(opens=4.0, closes=2.0)


def frames(scores: Sequence[float], times: Sequence[float] | None = None) -> list[FrameScore]:
    """Ten a second, unless the times say otherwise."""
    return [
        FrameScore(k, k / 10 if times is None else times[k], score, score, None) for k, score in enumerate(scores)
    ]


def events(
    scores: Sequence[float], merge: float = 0.25, times: Sequence[float] | None = None, levels: Levels = LEVELS
) -> list[Event]:
    return list(find_events(frames(scores, times), levels, merge))


def spans(found: Sequence[Event]) -> list[tuple[float, float]]:
    return [(event.start, event.end) for event in found]


def test_an_event_opens_above_one_level_and_goes_on_above_another() -> None:
    [event] = events([1, 3, 5, 3, 2.5, 6, 3, 1, 1, 1, 1])
    assert spans([event]) == [(0.2, 0.6)]
    assert (event.peak, event.time, event.frame) == (6, 0.5, 5)
    assert event.seconds == pytest.approx(0.4)


def test_a_level_itself_is_not_above_it() -> None:
    assert events([4, 4, 4]) == []
    assert spans(events([5, 2, 2, 2, 2, 2])) == [(0.0, 0.0)]


def test_of_equal_peaks_the_first_counts() -> None:
    [event] = events([0, 5, 6, 6, 6, 0])
    assert event.frame == 2


def test_what_is_never_above_the_threshold_is_no_event() -> None:
    assert events([]) == []
    assert events([3, 3.9, 3]) == []


def test_short_pauses_belong_to_an_event() -> None:
    assert spans(events([5, 1, 1, 5, 1, 1, 1, 5])) == [(0.0, 0.0), (0.3, 0.3), (0.7, 0.7)]
    assert spans(events([5, 1, 1, 5, 1, 1, 1, 5], merge=0.35)) == [(0.0, 0.3), (0.7, 0.7)]
    assert spans(events([5, 1, 1, 5, 1, 1, 1, 5], merge=2.0)) == [(0.0, 0.7)]
    # Above the lower level is enough to go on, but not to begin.
    assert spans(events([5, 1, 3, 1, 3, 1, 1, 1, 3, 3])) == [(0.0, 0.4)]


def test_an_event_is_given_as_soon_as_it_has_ended() -> None:
    former = EventFormer(LEVELS, merge=0.25)
    given = [former.push(frame) for frame in frames([0, 5, 1, 1, 1, 1])]
    assert [event is not None for event in given] == [False, False, False, False, True, False]
    assert not former.open
    assert former.flush() is None


def test_it_says_whether_an_event_is_going_on() -> None:
    former = EventFormer(LEVELS, merge=0.15)
    found = []
    for frame in frames([3, 5, 1, 1, 1, 5]):
        former.push(frame)
        found.append(former.open)
    assert found == [False, True, True, False, False, True]
    last = former.flush()
    assert last is not None
    assert last.start == last.end == 0.5
    assert not former.open
    assert former.flush() is None


def test_one_event_may_end_and_the_next_begin_with_one_frame() -> None:
    former = EventFormer(LEVELS, merge=0.25)
    first, second = frames([5, 6], [0.0, 60.0])
    assert former.push(first) is None
    ended = former.push(second)
    assert ended is not None
    assert (ended.start, ended.end, ended.peak) == (0, 0, 5)
    assert former.open
    last = former.flush()
    assert last is not None
    assert (last.start, last.end, last.peak, last.frame) == (60, 60, 6, 1)


def test_a_gap_in_the_video_closes_an_event() -> None:
    times = [0.0, 0.1, 0.2, 90.0, 90.1, 90.2]
    assert spans(events([5, 5, 5, 5, 5, 1], times=times)) == [(0.0, 0.2), (90.0, 90.1)]
    # What comes after it has to pass the threshold anew.
    assert spans(events([5, 5, 5, 3, 3, 3], times=times)) == [(0.0, 0.2)]


def test_time_that_falls_is_refused() -> None:
    former = EventFormer(LEVELS, merge=1.0)
    first, second = frames([1, 1], [0.5, 0.4])
    former.push(first)
    with pytest.raises(ValueError, match="time falls"):
        former.push(second)
    assert spans(events([1, 5, 6, 1], times=[0.0, 0.5, 0.5, 0.5])) == [(0.5, 0.5)]


def test_the_lower_level_lies_between_threshold_and_normal() -> None:
    assert Levels.of(10.0, 2.0, EventConfig(hysteresis=0.5)).closes == 6.0
    assert Levels.of(10.0, 2.0, EventConfig(hysteresis=0.0)).closes == 10.0
    assert Levels.of(10.0, 2.0, EventConfig(hysteresis=1.0)).closes == 2.0
    assert Levels.of(10.0, 12.0, EventConfig(hysteresis=0.5)).closes == 10.0
    assert Levels.of(10.0, 2.0, EventConfig()).normal_parts == (0.0,) * len(TERMS)
    assert Levels.of(10.0, 2.0, EventConfig(), (1, 2, 3, 4, 5)).normal_parts == (1, 2, 3, 4, 5)


def test_an_event_says_where_it_was_and_what_made_it() -> None:
    def frame(k: int, score: float, *parts: float) -> FrameScore:
        return FrameScore(k, k / 10, score, score, None, Region((0.1 * k, 0.0, 0.1 * k + 0.1, 0.5), parts))

    scored = [frame(0, 5, 5, 0, 0, 0, 0), frame(1, 8, 1, 1.5, 2, 3, 0.5), frame(2, 6, 0, 0, 0, 0, 6)]
    [event] = find_events(scored, LEVELS, 1.0)
    assert event.box == (0.1, 0.0, 0.2, 0.5)
    assert event.parts == {"error": 1, "discrepancy": 1.5, "anomaly_map": 2, "classifier": 3, "still": 0.5}
    assert event.term == "classifier"
    # Not the largest part counts, but the one furthest above what is usual.
    [event] = find_events(scored, Levels(4.0, 2.0, (0, 0.5, 1.5, 2.5, 0)), 1.0)
    assert event.term == "error"
    [event] = find_events(frames([5]), LEVELS, 1.0)
    assert (event.box, event.term, event.parts) == (None, None, {})


steps = st.sampled_from([0.0, 0.04, 0.1, 0.1, 0.1, 0.5, 30.0])
clips = st.lists(st.tuples(st.integers(0, 12), steps), max_size=60).map(
    lambda pairs: ([float(score) for score, _ in pairs], np.cumsum([step for _, step in pairs]).tolist())
)
levels_of = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda p: Levels(float(max(p)), float(min(p))))
merges = st.sampled_from([0.0, 0.05, 0.3, 1.0, 40.0])
Timed = tuple[list[float], list[float]]


@given(clips, levels_of, merges)
def test_events_are_apart_and_each_has_its_peak(clip: Timed, levels: Levels, merge: float) -> None:
    scores, times = clip
    found = events(scores, merge, times, levels)
    for event in found:
        assert event.start <= event.time <= event.end
        assert event.peak > levels.opens
        assert scores[event.frame] == event.peak
        assert times[event.frame] == event.time
        within = [s for s, t in zip(scores, times, strict=True) if event.start < t < event.end]
        assert all(score <= event.peak for score in within)
        # No pause within it is longer than the merge.
        high = [t for s, t in zip(scores, times, strict=True) if s > levels.closes and event.start <= t <= event.end]
        assert all(step <= merge for step in np.diff(high))
    for before, after in pairwise(found):
        assert after.start - before.end > merge


@given(clips, levels_of, merges)
def test_everything_above_the_threshold_is_in_an_event(clip: Timed, levels: Levels, merge: float) -> None:
    scores, times = clip
    found = events(scores, merge, times, levels)
    for score, time in zip(scores, times, strict=True):
        if score > levels.opens:
            assert sum(event.start <= time <= event.end for event in found) == 1
    assert bool(found) == any(score > levels.opens for score in scores)


@given(clips, levels_of, merges, st.sampled_from([0.125, 2.0, 1024.0]), st.sampled_from([0.0, 16.0, -8.0]))
def test_it_does_not_matter_how_high_scores_are(
    clip: Timed, levels: Levels, merge: float, scale: float, base: float
) -> None:
    scores, times = clip
    scaled = Levels(levels.opens * scale + base, levels.closes * scale + base)
    found = events(scores, merge, times, levels)
    again = events([score * scale + base for score in scores], merge, times, scaled)
    assert spans(again) == spans(found)
    assert [event.frame for event in again] == [event.frame for event in found]
    assert [event.peak for event in again] == [event.peak * scale + base for event in found]


@given(clips, levels_of, st.sampled_from([0.0, 0.05, 0.3, 1.0]))
def test_a_longer_merge_only_joins(clip: Timed, levels: Levels, merge: float) -> None:
    scores, times = clip
    short, long = (events(scores, m, times, levels) for m in (merge, 2 * merge + 0.1))
    assert len(long) <= len(short)
    for event in short:
        assert any(other.start <= event.start and event.end <= other.end for other in long)


@given(clips, levels_of, merges, st.integers(0, 60))
def test_events_never_depend_on_what_comes_after_them(
    clip: Timed, levels: Levels, merge: float, position: int
) -> None:
    scores, times = clip
    whole, part = EventFormer(levels, merge), EventFormer(levels, merge)
    given_whole = [whole.push(frame) for frame in frames(scores, times)]
    given_part = [part.push(frame) for frame in frames(scores[:position], times[:position])]
    assert given_part == given_whole[:position]


def test_an_event_that_goes_on_can_be_looked_at() -> None:
    former = EventFormer(LEVELS, 0.25)
    seen, ended = [], []
    for frame in frames([1, 5, 3, 6, 1, 1, 1, 1]):
        ended += [event for event in [former.push(frame)] if event]
        seen.append(former.current)
    assert seen[0] is None
    assert [(event.start, event.end, event.peak) for event in seen[1:4] if event] == [
        (0.1, 0.1, 5),
        (0.1, 0.2, 5),
        (0.1, 0.3, 6),
    ]
    assert ended == [seen[3]]
    assert former.current is None


def test_other_levels_hold_from_then_on() -> None:
    former = EventFormer(LEVELS, 0.25)
    given = frames([5, 3, 3, 3, 3, 3, 3, 3])
    assert [former.push(frame) for frame in given[:3]] == [None] * 3
    former.levels = Levels(opens=8.0, closes=4.0)
    ended = [event for frame in given[3:] if (event := former.push(frame))]
    assert spans(ended) == [(0.0, 0.2)]
