from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from sdmae.errors import ConfigError
from sdmae.scoring.filter import MeanFilter

quick = settings(deadline=None, max_examples=40)

Maps = NDArray[np.float32]

RATE = 12.5


def random_maps(count: int, height: int = 12, width: int = 17) -> Maps:
    return np.random.default_rng(count).random((count, height, width), dtype=np.float32)


def filtered(maps: Maps, frames: int, cells: int, *, causal: bool) -> Maps:
    window = MeanFilter(frames, cells, RATE, causal=causal)
    results = [result for k, image in enumerate(maps) for result in window.push(image, k / RATE)]
    return np.array([*results, *window.flush()])


def by_definition(maps: Maps, frames: int, cells: int, *, causal: bool) -> NDArray[np.float64]:
    flat = uniform_filter(maps.astype(np.float64), (0, cells, cells), mode="reflect")
    back, ahead = (frames - 1, 0) if causal else (frames // 2, frames // 2)
    return np.array([flat[max(0, t - back) : t + ahead + 1].mean(0) for t in range(len(maps))])


def test_the_interior_is_scipys_uniform_filter() -> None:
    maps = random_maps(30)
    expected = uniform_filter(maps.astype(np.float64), 9, mode="reflect")
    np.testing.assert_allclose(filtered(maps, 9, 9, causal=False)[4:-4], expected[4:-4], atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
@quick
@given(count=st.integers(1, 14), frames=st.sampled_from([1, 3, 5, 9]), cells=st.sampled_from([1, 3, 9]))
def test_every_frame_is_the_mean_over_what_exists(causal: bool, count: int, frames: int, cells: int) -> None:
    maps = random_maps(count)
    result = filtered(maps, frames, cells, causal=causal)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, by_definition(maps, frames, cells, causal=causal), atol=1e-6)


@pytest.mark.parametrize(("shape", "odd"), [((6, 8), (5, 7)), ((1, 1), (1, 1)), ((3, 40), (3, 9))])
def test_a_window_larger_than_the_map_is_cut_to_it(shape: tuple[int, int], odd: tuple[int, int]) -> None:
    maps = random_maps(1, *shape)
    expected = uniform_filter(maps[0].astype(np.float64), odd, mode="reflect")
    np.testing.assert_allclose(filtered(maps, 1, 9, causal=True)[0], expected, atol=1e-6)


@quick
@given(start=st.integers(0, 60))
def test_a_frame_knows_its_window_alone_to_the_bit(start: int) -> None:
    # Loud frames before the window would leave their rounding in a running sum.
    maps = random_maps(80)
    maps[:10] *= 1e6
    whole = filtered(maps, 9, 9, causal=True)
    part = filtered(maps[start:], 9, 9, causal=True)
    np.testing.assert_array_equal(part[8:], whole[start + 8 :])


def test_centred_and_causal_agree_but_for_the_delay() -> None:
    maps = random_maps(40)
    np.testing.assert_array_equal(filtered(maps, 9, 5, causal=False)[4:-4], filtered(maps, 9, 5, causal=True)[8:])


def test_the_centred_filter_waits_for_half_its_window() -> None:
    window = MeanFilter(5, 3, RATE, causal=False)
    maps = random_maps(4)
    # That no other frame comes within its window is only known when one has come after it.
    assert [len(window.push(image, k / RATE)) for k, image in enumerate(maps)] == [0, 0, 0, 1]
    assert len(window.flush()) == 3
    assert window.flush() == []


@quick
@given(steps=st.lists(st.floats(0.01, 0.4), min_size=1, max_size=30), causal=st.booleans())
def test_the_window_is_a_time_however_uneven_the_frames(steps: list[float], causal: bool) -> None:
    times = np.cumsum(steps)
    maps = random_maps(len(times))
    window = MeanFilter(5, 1, RATE, causal=causal)
    found = [r for image, time in zip(maps, times, strict=True) for r in window.push(image, float(time))]
    found += window.flush()
    behind, ahead = (4.5 / RATE, 0.0) if causal else (2.5 / RATE, 2.5 / RATE)
    for time, result in zip(times, found, strict=True):
        edges = np.array([time - behind, *([] if causal else [time + ahead])])
        # On the edge itself a frame belongs to the window, give or take what time stamps are rounded by.
        assume(np.abs(times[:, None] - edges).min() > 1e-5)
        inside = (times >= time - behind) & (times <= time + ahead)
        if causal:
            inside &= times <= time
        np.testing.assert_allclose(result, maps[inside].mean(0), atol=1e-6)


def test_a_slow_source_has_as_long_a_window_as_a_fast_one() -> None:
    # Nine frames at 25 a second are 0.36 s: at 10 a second that is the frame and one on either side.
    window = MeanFilter(9, 1, 25.0, causal=False)
    maps = random_maps(5)
    found = [r for k, image in enumerate(maps) for r in window.push(image, k / 10)] + window.flush()
    np.testing.assert_allclose(found[2], maps[1:4].mean(0), atol=1e-6)


def test_maps_may_be_overwritten_after_they_are_pushed() -> None:
    maps = random_maps(12)
    window, buffer, results = MeanFilter(3, 1, RATE, causal=True), np.empty_like(maps[0]), []
    for k, image in enumerate(maps):
        buffer[:] = image
        results += window.push(buffer, k / RATE)
    np.testing.assert_array_equal(np.array(results), filtered(maps, 3, 1, causal=True))


@pytest.mark.parametrize(("frames", "cells", "name"), [(4, 3, "filter_frames"), (3, 0, "filter_cells")])
def test_windows_that_are_not_odd_are_refused(frames: int, cells: int, name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be an odd number"):
        MeanFilter(frames, cells, RATE, causal=False)


def test_a_change_of_shape_is_refused() -> None:
    window = MeanFilter(3, 3, RATE, causal=True)
    window.push(np.zeros((4, 4), np.float32), 1.0)
    with pytest.raises(ValueError, match="new segment"):
        window.push(np.zeros((4, 5), np.float32), 1.1)
    with pytest.raises(ValueError, match="time falls"):
        window.push(np.zeros((4, 4), np.float32), 0.9)
