from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from sdmae.metrics import map_detections, quantile_levels, rbdc_tbdc, stream_detections

quick = settings(deadline=None, max_examples=60)

Map = NDArray[np.float64]


def blob(x: float, y: float, width: float, peak: float = 1.0, size: tuple[int, int] = (60, 80)) -> Map:
    """A round hill."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.asarray(peak * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * width**2)))


@st.composite
def some_maps(draw: st.DrawFn) -> tuple[list[Map], list[float]]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    maps = [rng.integers(-4, 5, (6, 8)) / 4 for _ in range(draw(st.integers(1, 4)))]
    levels = draw(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.3, 0.75, 1.0, 2.0]), min_size=1, unique=True))
    return maps, sorted(levels)


@quick
@given(some_maps(), st.integers(1, 5))
def test_detections_lie_in_the_map_and_score_their_highest_value(
    drawn: tuple[list[Map], list[float]], min_area: int
) -> None:
    maps, levels = drawn
    for values in maps:
        rows = map_detections(values, levels, min_area=min_area)
        assert (np.diff(rows[:, 4]) <= 0).all()
        for x0, y0, x1, y1, score in rows:
            window = values[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            assert window.size == (x1 - x0 + 1) * (y1 - y0 + 1) >= min_area
            assert score in window
            assert score >= levels[0]


@quick
@given(some_maps())
def test_every_frame_that_reaches_the_lowest_level_has_its_peak_as_a_detection(
    drawn: tuple[list[Map], list[float]],
) -> None:
    maps, levels = drawn
    for values in maps:
        rows = map_detections(values, levels, min_area=1)
        if values.max() >= levels[0]:
            assert rows[0, 4] == values.max()
        else:
            assert len(rows) == 0


@quick
@given(some_maps())
def test_a_strictly_rising_transform_changes_the_scores_alone(drawn: tuple[list[Map], list[float]]) -> None:
    maps, _ = drawn
    plain, bent = maps, [np.exp(3 * values) - 7 for values in maps]
    levels = [quantile_levels([values.max() for values in some], 4) for some in (plain, bent)]
    for one, other in zip(
        stream_detections(plain, levels[0], min_area=1), stream_detections(bent, levels[1], min_area=1), strict=True
    ):
        assert np.array_equal(one[:, :5], other[:, :5])
        assert np.array_equal(np.exp(3 * one[:, 5]) - 7, other[:, 5])


def by_the_rule(values: Map, levels: list[float], min_area: int) -> list[tuple[float, ...]]:
    """The rule of detections.py on whole pictures, level by level."""
    kept: list[tuple[set[tuple[int, int]], int]] = []
    rows: list[tuple[float, ...]] = []
    for level in levels:
        numbers, count = ndimage.label(values >= level, np.ones((3, 3)))
        new = []
        for k in range(1, count + 1):
            y, x = np.nonzero(numbers == k)
            area = int((np.ptp(x) + 1) * (np.ptp(y) + 1))
            pixels = set(zip(y.tolist(), x.tolist(), strict=True))
            around = min((size for others, size in kept if pixels <= others), default=10**9)
            if len(pixels) >= min_area and area <= around / 2:
                new.append((pixels, area))
                rows.append((x.min(), y.min(), x.max(), y.max(), values[y, x].max()))
        kept += new
    return rows


@quick
@given(some_maps(), st.integers(1, 4))
def test_agrees_with_the_rule_taken_literally(drawn: tuple[list[Map], list[float]], min_area: int) -> None:
    maps, levels = drawn
    for values in maps:
        rows = map_detections(values, levels, min_area=min_area)
        assert sorted(map(tuple, rows.tolist())) == sorted(by_the_rule(values, levels, min_area))


def test_one_blob_gives_a_few_boxes_of_one_score() -> None:
    rows = map_detections(blob(40, 30, 6), np.linspace(0.05, 0.95, 19), min_area=4)
    areas = (rows[:, 2] - rows[:, 0] + 1) * (rows[:, 3] - rows[:, 1] + 1)
    assert (rows[:, 4] == 1).all()
    assert 3 <= len(rows) <= 8
    smaller = np.sort(areas)
    assert (smaller[:-1] <= smaller[1:] / 2).all()


def test_blobs_that_run_together_part_at_a_higher_level() -> None:
    values = np.maximum(blob(30, 30, 5), blob(50, 30, 5, peak=0.8))
    rows = map_detections(values, [0.05, 0.5], min_area=4)
    assert rows[:, 4].tolist() == [1, 1, 0.8]
    whole, left, right = rows[np.argsort(rows[:, 0] + (rows[:, 4] < 1) * 99)]
    assert whole[0] < left[0] < left[2] < right[0] < right[2] < whole[2]
    assert map_detections(values, [0.5], min_area=4)[:, 4].tolist() == [1, 0.8]


def test_specks_are_left_out() -> None:
    values = blob(40, 30, 6, peak=0.5)
    values[3, 3] = 9
    assert map_detections(values, [0.25], min_area=2)[:, 4].tolist() == [0.5]
    assert map_detections(values, [0.25], min_area=1)[:, 4].tolist() == [9, 0.5]
    # By default the share of the frame decides: 2 of 4,800 pixels.
    assert len(map_detections(values, [0.25])) == 1


def test_levels_are_values_of_the_maps_themselves() -> None:
    peaks = np.random.default_rng(0).random(500)
    levels = quantile_levels(peaks)
    assert len(levels) == 10
    assert np.isin(levels, peaks).all()
    assert (peaks < levels[0]).mean() == pytest.approx(0.05, abs=0.003)
    assert (peaks < levels[-1]).mean() == pytest.approx(0.95, abs=0.003)
    assert quantile_levels([3, 3, 3]).tolist() == [3]
    assert quantile_levels([1, 2, 3], 1).tolist() == [1]


def test_from_maps_to_rbdc() -> None:
    """A blob that walks past: its boxes find its regions, in frames with noise alone there is something too."""
    rng = np.random.default_rng(1)
    maps = [0.2 * blob(rng.uniform(10, 70), rng.uniform(10, 50), 4) for _ in range(40)]
    truth = []
    for k in range(10, 30):
        maps[k] = maps[k] + blob(3 * k - 20, 30, 5)
        truth.append((0, 0, k, 3 * k - 20 - 6, 24, 3 * k - 20 + 6, 36))
    levels = quantile_levels([values.max() for values in maps])
    rows = np.concatenate(list(stream_detections(maps, levels)))
    assert set(rows[:, 0]) >= set(range(10, 30))
    result = rbdc_tbdc(truth, np.column_stack([np.zeros(len(rows)), rows]), len(maps))
    assert result.regions_found == 20
    assert result.tbdc > 0.9
    assert 0.5 < result.rbdc <= 1


def test_the_stream_reads_one_map_at_a_time() -> None:
    read = []

    def maps() -> object:
        for k in range(3):
            read.append(k)
            yield blob(40, 30, 5)

    stream = stream_detections(maps(), [0.5])  # type: ignore[arg-type]
    next(stream)
    assert read == [0]
    assert next(stream)[0, 0] == 1


def test_bad_input_is_named() -> None:
    for levels in ([], [1.0, 1.0], [2.0, 1.0], [float("nan")]):
        with pytest.raises(ValueError, match="levels"):
            map_detections(np.zeros((2, 2)), levels)
    with pytest.raises(ValueError, match="instead of"):
        map_detections(np.zeros(4), [0.5])
    with pytest.raises(ValueError, match="min_area"):
        map_detections(np.zeros((2, 2)), [0.5], min_area=0)
    with pytest.raises(ValueError, match=r"frame 1: .* not finite"):
        list(stream_detections([np.zeros((2, 2)), np.full((2, 2), np.nan)], [0.5]))
    for peaks in ([], [[1.0]], [1.0, float("inf")]):
        with pytest.raises(ValueError, match="peak"):
            quantile_levels(peaks)
    with pytest.raises(ValueError, match="count"):
        quantile_levels([1.0], 0)
