"""Where a score came from: the strongest region of a map, and the window round its peak."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sdmae.scoring.region import FINE, around_peak, strongest

Map = NDArray[np.float32]
Spot = tuple[slice, slice]


def with_spots(shape: tuple[int, int], *spots: tuple[Spot, float]) -> Map:
    image = np.full(shape, 0.25, np.float32)
    for area, height in spots:
        image[area] += height
    return image


def test_the_box_is_round_the_highest_spot_alone() -> None:
    high = (slice(2, 4), slice(5, 9)), 1.0
    low = (slice(10, 18), slice(1, 3)), 0.9
    assert strongest(with_spots((20, 20), high, low)) == pytest.approx((0.25, 0.1, 0.45, 0.2))
    assert strongest(with_spots((20, 40), low)) == pytest.approx((1 / 40, 0.5, 3 / 40, 0.9))


def test_the_rim_of_what_the_filter_spread_is_left_out() -> None:
    image = with_spots((20, 20), ((slice(5, 12), slice(5, 12)), 0.3), ((slice(7, 10), slice(7, 10)), 0.7))
    assert strongest(image) == pytest.approx((0.35, 0.35, 0.5, 0.5))
    image = with_spots((20, 20), ((slice(5, 12), slice(5, 12)), 0.4), ((slice(7, 10), slice(7, 10)), 0.6))
    assert strongest(image) == pytest.approx((0.25, 0.25, 0.6, 0.6))


def test_cells_that_touch_at_a_corner_hang_together() -> None:
    spots = [((slice(k, k + 1), slice(k, k + 1)), 1.0) for k in range(3, 7)]
    assert strongest(with_spots((10, 10), *spots)) == pytest.approx((0.3, 0.3, 0.7, 0.7))


@pytest.mark.parametrize("shape", [(1, 1), (6, 8), (300, 200)])
def test_nothing_stands_out_of_a_flat_map(shape: tuple[int, int]) -> None:
    assert strongest(np.zeros(shape, np.float32)) is None
    assert strongest(np.full(shape, 3.5, np.float32)) is None


def test_a_dip_is_nothing_that_stands_out() -> None:
    assert strongest(with_spots((6, 8), ((slice(1, 2), slice(1, 2)), -0.2))) is None


maps = st.builds(
    lambda rows, columns, seed: np.random.default_rng(seed).random((rows, columns), dtype=np.float32),
    st.integers(1, 150),
    st.integers(1, 150),
    st.integers(0, 1000),
)


@settings(deadline=None, max_examples=60)
@given(maps)
def test_the_box_holds_the_peak_and_lies_in_the_picture(image: Map) -> None:
    box = strongest(image)
    if box is None:
        assert image.max() == np.median(image)
        return
    x0, y0, x1, y1 = box
    assert 0 <= x0 < x1 <= 1
    assert 0 <= y0 < y1 <= 1
    row, column = divmod(int(image.argmax()), image.shape[1])
    slack = 1e-6
    assert x0 - slack <= column / image.shape[1]
    assert (column + 1) / image.shape[1] <= x1 + slack
    assert y0 - slack <= row / image.shape[0]
    assert (row + 1) / image.shape[0] <= y1 + slack


@settings(deadline=None, max_examples=40)
@given(maps, st.sampled_from([0.25, 2.0, 1024.0]), st.sampled_from([0.0, 1.0, -2.0]))
def test_it_does_not_matter_how_high_a_map_is(image: Map, scale: float, base: float) -> None:
    # Of numbers with few digits, so that nothing is rounded.
    coarse = np.round(image * 256) / np.float32(256)
    found, again = strongest(coarse), strongest(coarse * np.float32(scale) + np.float32(base))
    assert found == again


@pytest.mark.parametrize("shape", [(240, 360), (FINE + 1, 20), (640, 64)])
def test_a_fine_map_is_looked_at_more_coarsely(shape: tuple[int, int]) -> None:
    rows, columns = shape
    area = slice(rows // 2, rows // 2 + rows // 8), slice(columns // 4, columns // 4 + columns // 8)
    box = strongest(with_spots(shape, (area, 1.0)))
    step = -(-max(shape) // FINE)
    wanted = (area[1].start / columns, area[0].start / rows, area[1].stop / columns, area[0].stop / rows)
    assert box is not None
    for found, true, side, outward in zip(box, wanted, (columns, rows, columns, rows), (-1, -1, 1, 1), strict=True):
        assert -1e-9 <= outward * (found - true) < step / side
    # The last cells count although no whole coarse cell is left for them.
    corner = strongest(with_spots(shape, ((slice(rows - 1, rows), slice(columns - 1, columns)), 1.0)))
    assert corner is not None
    assert corner[2:] == (1.0, 1.0)


@pytest.mark.parametrize(
    ("peak", "cells", "wanted"),
    [
        ((5, 5), 3, (slice(4, 7), slice(4, 7))),
        ((0, 0), 3, (slice(0, 2), slice(0, 2))),
        ((9, 11), 5, (slice(7, 10), slice(9, 12))),
        ((4, 6), 1, (slice(4, 5), slice(6, 7))),
        ((4, 6), 99, (slice(0, 10), slice(0, 12))),
    ],
)
def test_the_window_round_the_peak_ends_at_the_edges(
    peak: tuple[int, int], cells: int, wanted: tuple[slice, slice]
) -> None:
    image = np.zeros((10, 12), np.float32)
    image[peak] = 1
    found = around_peak(image, cells)
    assert [area.indices(n) for area, n in zip(found, image.shape, strict=True)] == [
        area.indices(n) for area, n in zip(wanted, image.shape, strict=True)
    ]
