"""What the history of scores says of another threshold, beside the events of the full scores."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from live_files import DETECTOR, open_in
from sdmae.config import EventConfig
from sdmae.data.schedule import parse_schedule
from sdmae.errors import StoreError
from sdmae.live.store import FrameCounts, History, Minute, MinuteMaker, would_be
from sdmae.live.store.history import SLOT, SLOTS
from sdmae.scoring import FrameScore, Levels, find_events

BEGIN = 1_800_000_000.0
Series = NDArray[np.float64]


def minutes_of(times: Series, scores: Series) -> list[Minute]:
    maker = MinuteMaker("yard", DETECTOR)
    made = []
    for k, (time, score) in enumerate(zip(times, scores, strict=True)):
        made.append(maker.push(float(time), float(score), FrameCounts(received=k + 1, scored=k + 1)))
    made.append(maker.flush(FrameCounts(received=len(times), scored=len(times))))
    return [minute for minute in made if minute is not None]


def events_of(times: Series, scores: Series, levels: Levels, merge: float) -> list[tuple[float, float]]:
    frames = (FrameScore(k, float(t), float(s), float(s)) for k, (t, s) in enumerate(zip(times, scores, strict=True)))
    return [(event.start, event.end) for event in find_events(frames, levels, merge)]


def noisy(seed: int, hours: float, rate: float = 12.5) -> tuple[Series, Series]:
    """Scores as a camera has them: smooth noise, bumps of all heights, frames missing, the camera lost at times."""
    chance = np.random.default_rng(seed)
    times = BEGIN + np.cumsum(chance.uniform(0.5 / rate, 1.5 / rate, int(hours * 3600 * rate)))
    kernel = np.exp(-np.arange(40) / (0.7 * rate))
    scores = np.convolve(chance.gamma(1.0, 0.1, len(times)) ** 2, kernel, "full")[: len(times)]
    keep = chance.random(len(times)) > 0.05
    for start in chance.integers(0, len(times), 5):
        keep[start : start + int(chance.integers(10, 3000))] = False
    # The history keeps single precision.
    return times[keep], scores[keep].astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("hysteresis", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("merge", [0.25, 0.6, 2.0, 2.1, 10.0])
def test_it_says_what_the_events_of_the_full_scores_are(hysteresis: float, merge: float) -> None:
    times, scores = noisy(1, 0.5)
    history = History.of(minutes_of(times, scores))
    median = float(np.median(scores))
    for threshold in np.quantile(scores, [0.5, 0.8, 0.9, 0.99, 0.999, 1.0]):
        levels = Levels.of(float(threshold), median, EventConfig(hysteresis=hysteresis))
        truth = events_of(times, scores, levels, merge)
        found = would_be(history, levels, merge)
        assert found.least <= len(truth) <= found.most
        assert found.least <= found.count <= found.most
        if found.least == found.most:
            for (start, _), (told, _) in zip(truth, found.alarms, strict=True):
                assert told - 1e-6 <= start < told + SLOT + 1e-6
        if threshold == scores.max():
            assert truth == []
        if merge == 2.0:
            assert abs(found.count - len(truth)) <= 0.05 * len(truth)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.one_of(st.floats(0.001, 0.1), st.floats(0.001, 4.0)), st.integers(0, 6)), min_size=1, max_size=60
    ),
    st.integers(0, 6),
    st.integers(0, 3),
    st.sampled_from([0.25, 0.3, 0.5, 1.0, 2.0]),
)
def test_the_bounds_hold_for_any_scores(
    frames: list[tuple[float, int]], opens: int, lower: int, merge: float
) -> None:
    times = BEGIN + np.cumsum([step for step, _ in frames])
    scores = np.array([score for _, score in frames], np.float64)
    levels = Levels(opens, opens - lower)
    truth = events_of(times, scores, levels, merge)
    found = would_be(History.of(minutes_of(times, scores)), levels, merge)
    assert found.least <= len(truth) <= found.most


def test_minutes_come_back_from_the_store(tmp_path: Path) -> None:
    times, scores = noisy(2, 0.2)
    made = minutes_of(times, scores)
    assert sum(minute.counts.scored for minute in made) == len(times)
    with open_in(tmp_path) as store:
        for minute in made:
            store.add_minute(minute).result()
        found = store.read.minutes("yard", times[0], times[-1], detector=DETECTOR)
        assert [minute.start for minute in found] == [minute.start for minute in made]
        for one, other in zip(found, made, strict=True):
            assert np.array_equal(one.scores, other.scores, equal_nan=True)
            assert one.counts == other.counts
        assert store.read.minutes("yard", times[0], times[-1], detector="another") == []
        half = store.read.minutes("yard", made[3].start, made[5].start)
        assert [minute.start for minute in half] == [made[3].start, made[4].start]
        store.write(lambda c: c.exec_driver_sql("UPDATE minutes SET scores = x'00'")).result()
        with pytest.raises(StoreError, match="the history of camera yard is damaged"):
            store.read.minutes("yard", times[0], times[-1])


def test_a_minute_in_two_parts_is_one(tmp_path: Path) -> None:
    first, second = np.full(SLOTS, np.nan, np.float32), np.full(SLOTS, np.nan, np.float32)
    first[:100], second[90:] = 1.0, 2.0
    with open_in(tmp_path) as store:
        for scores in (first, second):
            store.add_minute(Minute("yard", 60, DETECTOR, scores, FrameCounts(5, 3, 1, 1))).result()
        (minute,) = store.read.minutes("yard", 0, 1000)
        assert minute.scores.tolist() == [1.0] * 90 + [2.0] * (SLOTS - 90)
        assert minute.counts == FrameCounts(10, 6, 2, 2)
        other = Minute("yard", 60, "another", second, FrameCounts())
        store.add_minute(other).result()
        (minute,) = store.read.minutes("yard", 0, 1000)
        assert minute.detector == "another"
        assert np.isnan(minute.scores[:90]).all()


def test_a_clock_that_is_put_back_loses_no_score() -> None:
    maker = MinuteMaker("yard", DETECTOR)
    assert maker.push(600.0, 1.0, FrameCounts(1, 1)) is None
    assert maker.push(500.0, 3.0, FrameCounts(2, 2)) is None
    minute = maker.push(660.0, 0.5, FrameCounts(3, 2))
    assert minute is not None
    assert (minute.start, float(np.nanmax(minute.scores)), minute.counts) == (600, 3.0, FrameCounts(3, 2))
    last = maker.flush(FrameCounts(4, 4))
    assert last is not None
    assert last.counts == FrameCounts(1, 2)
    assert maker.flush(FrameCounts(4, 4)) is None


def test_only_alarms_in_the_schedule_count_and_only_the_time_asked_for() -> None:
    # Three minutes before, and three after, 8 in the morning, local time.
    eight = datetime(2026, 11, 25, 8).timestamp()
    times = np.arange(eight - 180, eight + 180, 0.1)
    scores = np.zeros(len(times))
    for start in (-120, -1, 120):
        scores[(times >= eight + start) & (times < eight + start + 5)] = 1.0
    history = History.of(minutes_of(times, scores))
    levels = Levels(0.5, 0.5)
    assert would_be(history, levels, 2.0).count == 3
    assert would_be(history, levels, 2.0, parse_schedule("08:00-18:00")).count == 2
    later = History.of(minutes_of(times, scores), since=eight + 60)
    assert would_be(later, levels, 2.0).count == 1
    assert later.hours == pytest.approx(120 / 3600)
    strip = history.strip(eight - 180, eight + 180, 36)
    assert [k for k, value in enumerate(strip) if value == 1.0] == [6, 17, 18, 30]
    assert history.strip(0, 1000, 3) == [None, None, None]


def test_without_scores_there_is_no_alarm() -> None:
    found = would_be(History.of([]), Levels(0.5, 0.4), 2.0)
    assert (found.count, found.least, found.most, found.hours) == (0, 0, 0, 0.0)
