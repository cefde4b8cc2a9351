from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.config import ScoreConfig
from sdmae.scoring import (
    TERMS,
    CausalScores,
    FrameMap,
    FrameScore,
    FrameTerms,
    Map,
    Terms,
    VideoScores,
    collect,
    combine,
    score_frames,
    score_frames_both,
    smooth_causal,
    smooth_offline,
)
from sdmae.scoring.filter import MeanFilter
from sdmae.scoring.region import around_peak, strongest

quick = settings(deadline=None, max_examples=40)

CONFIG = ScoreConfig(filter_frames=5, filter_cells=3, sigma=0.4, causal_seconds=0.5)
RATE = 10.0


def random_maps(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random((count, 6, 7), dtype=np.float32)


def frames(maps: NDArray[np.float32], segment: int = 0, start: int = 0) -> Iterator[FrameMap]:
    for i, image in enumerate(maps, start):
        yield FrameMap(i, i / RATE, image, segment)


def scores(found: list[FrameScore]) -> list[float]:
    return [frame.score for frame in found]


def same(one: VideoScores, other: VideoScores) -> None:
    """All of it is equal to the bit."""
    for name in ("frames", "times", "scores", "raw", "boxes", "parts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("causal", [False, True])
def test_the_stream_is_filter_pooling_and_smoother(pooling: str, causal: bool) -> None:
    config = ScoreConfig(**{**CONFIG.__dict__, "pooling": pooling})
    maps = random_maps(25)
    window = MeanFilter(5, 3, RATE, causal=causal)
    filtered = [r for k, image in enumerate(maps) for r in window.push(image, k / RATE)] + window.flush()
    raw = [float(m.max()) if pooling == "max" else float(m.mean(dtype=np.float64)) for m in filtered]
    times = np.arange(25) / RATE
    expected = smooth_causal(raw, times, 0.5, RATE) if causal else smooth_offline(raw, 0.4, RATE)

    video = collect("clip", score_frames(frames(maps), config, RATE, causal=causal, keep_maps=True))
    assert video.name == "clip"
    np.testing.assert_array_equal(video.frames, np.arange(25))
    np.testing.assert_array_equal(video.times, times)
    np.testing.assert_array_equal(video.raw, raw)
    np.testing.assert_array_equal(video.scores, expected)
    assert video.maps is not None
    np.testing.assert_array_equal(video.maps, filtered)


def test_both_are_what_each_is_alone() -> None:
    maps = [*frames(random_maps(25)), *frames(random_maps(3), segment=1, start=25)]
    both = score_frames_both("clip", iter(maps), CONFIG, RATE)
    for causal, found in zip((False, True), both, strict=True):
        same(found, collect("clip", score_frames(maps, CONFIG, RATE, causal=causal)))


@quick
@given(st.integers(1, 19))
def test_causal_never_depends_on_the_future(position: int) -> None:
    maps = random_maps(20)
    changed = maps.copy()
    changed[position:] = 9 - 3 * changed[position:]
    before = list(score_frames(frames(maps), CONFIG, RATE, causal=True))
    after = list(score_frames(frames(changed), CONFIG, RATE, causal=True))
    assert before[:position] == after[:position]
    assert before[position:] != after[position:]


def test_causal_answers_before_it_asks_for_more() -> None:
    asked = 0

    def counted() -> Iterator[FrameMap]:
        nonlocal asked
        for frame in frames(random_maps(10)):
            asked += 1
            yield frame

    for given_out, frame in enumerate(score_frames(counted(), CONFIG, RATE, causal=True), 1):
        assert (asked, frame.index) == (given_out, given_out - 1)


@pytest.mark.parametrize("causal", [False, True])
def test_a_new_segment_starts_afresh(causal: bool) -> None:
    maps = random_maps(30)
    first, second = maps[:13], maps[13:]

    def both() -> Iterator[FrameMap]:
        yield from frames(first)
        yield from frames(second, segment=1, start=13)

    joint = list(score_frames(both(), CONFIG, RATE, causal=causal))
    assert [frame.index for frame in joint] == list(range(30))
    apart = [list(score_frames(frames(part), CONFIG, RATE, causal=causal)) for part in (first, second)]
    assert scores(joint) == pytest.approx(scores(apart[0]) + scores(apart[1]), rel=1e-12)


@pytest.mark.parametrize("causal", [False, True])
def test_no_frames_and_one_frame(causal: bool) -> None:
    assert list(score_frames([], CONFIG, RATE, causal=causal)) == []
    assert collect("empty", []).scores.shape == (0,)
    (only,) = score_frames(frames(random_maps(1)), CONFIG, RATE, causal=causal)
    assert only.score == pytest.approx(only.raw)


def test_maps_are_kept_only_when_asked_for() -> None:
    video = collect("clip", score_frames(frames(random_maps(8)), CONFIG, RATE, causal=False))
    assert video.maps is None


def explained_maps(count: int, segment: int = 0, start: int = 0) -> list[FrameMap]:
    """Maps that have their terms."""
    error, discrepancy, anomaly_map = np.random.default_rng(start).random((3, count, 6, 7), dtype=np.float32)
    terms = Terms(error + anomaly_map**2, discrepancy, anomaly_map, anomaly_map.mean((1, 2)))
    maps = combine(terms, CONFIG)
    return [FrameMap(start + k, (start + k) / RATE, maps[k], segment, FrameTerms(terms, k, 3)) for k in range(count)]


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_score_is_explained_by_its_own_filtered_map(pooling: str, causal: bool) -> None:
    config = ScoreConfig(**{**vars(CONFIG), "pooling": pooling})
    maps = explained_maps(25)
    found = list(score_frames(maps, config, RATE, causal=causal, keep_maps=True, explain=True))
    assert len(found) == 25
    for frame, given_map in zip(found, maps, strict=True):
        assert frame.map is not None
        assert frame.region is not None
        assert given_map.terms is not None
        assert frame.region.box == pytest.approx(strongest(frame.map))
        area = around_peak(frame.map, 3) if pooling == "max" else (slice(None), slice(None))
        assert frame.region.parts == pytest.approx(given_map.terms.parts_at(area, config), rel=1e-6)


def test_explaining_changes_no_score() -> None:
    maps = [*explained_maps(12), *explained_maps(5, segment=1, start=12)]
    for causal in (False, True):
        plain = list(score_frames(maps, CONFIG, RATE, causal=causal))
        found = list(score_frames(maps, CONFIG, RATE, causal=causal, explain=True))
        assert [replace(frame, region=None) for frame in found] == plain
        assert all(frame.region is not None for frame in found)
    both = score_frames_both("clip", maps, CONFIG, RATE, explain=True)
    for causal, half in zip((False, True), both, strict=True):
        same(half, collect("clip", score_frames(maps, CONFIG, RATE, causal=causal, explain=True)))


def test_a_flat_map_is_explained_by_the_whole_frame() -> None:
    flat = np.ones((1, 6, 7), np.float32)
    terms = FrameTerms(Terms(flat, flat, 0 * flat, np.zeros(1, np.float32)), 0, 3)
    maps = [FrameMap(k, k / RATE, flat[0], terms=terms) for k in range(4)]
    for causal in (False, True):
        for frame in score_frames(maps, CONFIG, RATE, causal=causal, explain=True):
            assert frame.region is not None
            assert frame.region.box == (0, 0, 1, 1)


@pytest.mark.parametrize("causal", [False, True])
def test_maps_without_terms_are_scored_but_not_explained(causal: bool) -> None:
    maps = [replace(frame, terms=None) for frame in explained_maps(6)]
    assert all(f.region is None for f in score_frames(maps, CONFIG, RATE, causal=causal, explain=True))
    # No frame is ever given what explains another.
    maps[3:] = explained_maps(6)[3:]
    own = list(score_frames(explained_maps(6), CONFIG, RATE, causal=causal, explain=True))
    for k, frame in enumerate(score_frames(maps, CONFIG, RATE, causal=causal, explain=True)):
        assert frame.region in (None, own[k].region)
        assert k >= 3 or frame.region is None


@pytest.mark.parametrize("causal", [False, True])
def test_a_tap_gets_every_map_in_order_and_none_is_kept(causal: bool) -> None:
    maps = [*frames(random_maps(9)), *frames(random_maps(4), segment=1, start=9)]
    tapped: list[Map] = []
    found = list(score_frames(maps, CONFIG, RATE, causal=causal, tap=tapped.append))
    kept = collect("clip", score_frames(maps, CONFIG, RATE, causal=causal, keep_maps=True))
    assert kept.maps is not None
    np.testing.assert_array_equal(np.stack(tapped), kept.maps)
    assert all(frame.map is None for frame in found)
    assert scores(found) == kept.scores.tolist()
    from_both: list[Map] = []
    score_frames_both("clip", maps, CONFIG, RATE, tap=from_both.append)
    centred = collect("clip", score_frames(maps, CONFIG, RATE, causal=False, keep_maps=True)).maps
    np.testing.assert_array_equal(np.stack(from_both), centred)


def test_a_tap_is_fed_while_the_video_runs() -> None:
    asked = 0
    tapped: list[Map] = []

    def counted() -> Iterator[FrameMap]:
        nonlocal asked
        for frame in frames(random_maps(30)):
            asked += 1
            # Half the window may be waiting, and what is being filtered.
            assert asked - 1 - len(tapped) <= 3
            yield frame

    list(score_frames(counted(), CONFIG, RATE, causal=False, tap=tapped.append))
    assert len(tapped) == 30


def test_regions_are_collected_as_tables() -> None:
    found = list(score_frames(explained_maps(8), CONFIG, RATE, causal=True, explain=True))
    video = collect("clip", found)
    assert video.boxes is not None
    assert video.parts is not None
    assert video.boxes.shape == (8, 4)
    assert video.parts.shape == (8, len(TERMS))
    for k, frame in enumerate(found):
        assert frame.region is not None
        assert video.boxes[k] == pytest.approx(frame.region.box)
        assert video.parts[k] == pytest.approx(frame.region.parts)
    # Where one is missing, a table would be out of step.
    mixed = collect("clip", [replace(found[0], region=None), *found[1:]])
    assert mixed.boxes is None
    assert mixed.parts is None


def test_a_slow_video_is_smoothed_over_as_long_a_time() -> None:
    maps = random_maps(40)
    config = replace(CONFIG, filter_frames=1)
    slow = [FrameMap(k, k / 4, image) for k, image in enumerate(maps)]
    found = list(score_frames(slow, config, RATE, causal=False))
    expected = smooth_offline([frame.raw for frame in found], config.sigma, 4.0)
    assert scores(found) == pytest.approx(expected.tolist())


def video_scores(indices: list[int]) -> VideoScores:
    n = len(indices)
    numbers = np.arange(n, dtype=np.float32)
    return VideoScores(
        "clip",
        np.array(indices, np.int64),
        np.array(indices) / RATE,
        np.array(indices) * 10.0,
        np.array(indices) * 20.0,
        maps=numbers[:, None, None] + np.zeros((1, 2, 3), np.float32),
        boxes=numbers[:, None] + np.zeros((1, 4), np.float32),
        parts=numbers[:, None] + np.zeros((1, len(TERMS)), np.float32),
    )


def test_every_frame_of_the_clip_has_a_score() -> None:
    assert video_scores([0, 1, 2, 3]).at_frames(4).tolist() == [0, 10, 20, 30]
    # Half of the frames were looked at: the others lie between, and the ends go on.
    assert video_scores([0, 2, 4]).at_frames(6).tolist() == [0, 10, 20, 30, 40, 40]
    assert video_scores([1, 4]).at_frames(6).tolist() == [10, 10, 20, 30, 40, 40]
    assert video_scores([0, 1, 2, 3, 4, 5]).at_frames(3).tolist() == [0, 10, 20]


def test_as_many_scores_as_frames_need_not_be_those_of_the_frames() -> None:
    assert video_scores([0, 2, 4, 6]).at_frames(4).tolist() == [0, 10, 20, 30]


def test_rows_are_taken_from_every_column() -> None:
    some = video_scores([0, 2, 4, 6]).rows(np.array([1, 3]))
    assert some.name == "clip"
    assert some.frames.tolist() == [2, 6]
    assert some.times.tolist() == [0.2, 0.6]
    assert some.scores.tolist() == [20, 60]
    assert some.raw.tolist() == [40, 120]
    for values in (some.maps, some.boxes, some.parts):
        assert values is not None
        assert values.reshape(2, -1)[:, 0].tolist() == [1, 3]
    bare = collect("clip", score_frames(frames(random_maps(5)), CONFIG, RATE, causal=False))
    some = bare.rows(np.array([0, 4]))
    assert (some.maps, some.boxes, some.parts) == (None, None, None)
    assert some.scores.tolist() == bare.scores[[0, 4]].tolist()


def test_pushed_one_by_one_the_causal_scores_are_the_same() -> None:
    maps = [*frames(random_maps(12)), *frames(random_maps(9), segment=1, start=30)]
    expected = list(score_frames(maps, CONFIG, RATE, causal=True, keep_maps=True))
    causal = CausalScores(CONFIG, RATE)
    for image, one in zip(maps, expected, strict=True):
        found = causal.push(image)
        assert (found.index, found.score, found.raw) == (one.index, one.score, one.raw)
        np.testing.assert_array_equal(found.map, one.map)
