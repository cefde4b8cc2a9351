"""Ignore zones: what is written, and which cells of the picture lie in them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

from sdmae.data.zones import Polygon, ignored_cells, parse_zone
from sdmae.errors import ConfigError
from sdmae.video import Size

SIZE = Size(100, 200)


def test_a_zone_is_written_in_pixels_and_kept_in_shares() -> None:
    wanted = (0.0, 0.0, 0.5, 0.0, 0.5, 0.25)
    for text in ("0,0 100,0 100,25", "0 0 100 0 100 25", " 0,0; 100,0; 100,25 ", "0,0,1e2,0,100.0,25"):
        assert parse_zone(text, SIZE) == wanted
    assert parse_zone("0,0 200,0 200,100 0,100", SIZE) == (0, 0, 1, 0, 1, 1, 0, 1)


@pytest.mark.parametrize("text", ["", "left", "0,0 100,0", "0,0 100,0 100", "0,0 100,0 100,nan", "0,0 1e400,0 9,9"])
def test_what_is_no_polygon_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write the corners of a polygon in pixels") as error:
        parse_zone(text, SIZE)
    assert "\n" not in str(error.value)


def test_a_corner_outside_the_picture_is_named() -> None:
    with pytest.raises(ConfigError, match=r"the corner 201,5 lies outside the picture of 200x100 pixels"):
        parse_zone("0,0 100,0 201,5", SIZE)
    with pytest.raises(ConfigError, match=r"the corner -1,0 lies"):
        parse_zone("-1,0 100,0 100,5", SIZE)


def test_a_zone_needs_an_area() -> None:
    with pytest.raises(ConfigError, match="needs an area"):
        parse_zone("0,0 10,10 20,20", SIZE)
    with pytest.raises(ConfigError, match="needs an area"):
        parse_zone("5,5 5,5 5,5", SIZE)


def cells(polygon: Polygon, grid: tuple[int, int] = (4, 8)) -> list[str]:
    return ["".join("#" if cell else "." for cell in row) for row in ignored_cells([polygon], grid)]


def test_a_cell_is_ignored_when_its_middle_is() -> None:
    assert cells(parse_zone("0,0 100,0 100,50 0,50", SIZE)) == ["####....", "####....", "........", "........"]
    assert cells(parse_zone("13,0 100,0 100,38 13,38", SIZE)) == [".###....", ".###....", "........", "........"]
    assert cells(parse_zone("0,0 200,0 0,100", SIZE)) == ["#######.", "#####...", "###.....", "#......."]
    assert cells((0, 0, 1, 0, 1, 1, 0, 1)) == ["########"] * 4
    assert cells((0.02, 0.02, 0.04, 0.02, 0.03, 0.05)) == ["........"] * 4


def test_a_zone_may_be_hollow_on_one_side() -> None:
    # A U: what lies between its arms is watched.
    text = "0,0 50,0 50,75 150,75 150,0 200,0 200,100 0,100"
    assert cells(parse_zone(text, SIZE)) == ["##....##", "##....##", "##....##", "########"]


def test_zones_add_up() -> None:
    left, right, everywhere = (
        (0.0, 0, 0.5, 0, 0.5, 1, 0, 1),
        (0.5, 0.0, 1, 0, 1, 1, 0.5, 1),
        (0.0, 0, 1, 0, 1, 1, 0, 1),
    )
    assert ignored_cells([left, right], (4, 8)).all()
    assert ignored_cells([left, everywhere], (4, 8)).all()
    # Side by side they neither overlap nor leave a seam.
    assert (ignored_cells([left], (4, 7)) ^ ignored_cells([right], (4, 7))).all()
    assert not ignored_cells([], (4, 8)).any()
    assert ignored_cells([], (4, 8)).shape == (4, 8)


# Sixteenths meet the middles of cells, so that corners lie at the height of what is asked for.
shares = st.integers(0, 1_000_000).map(lambda n: n / 1_000_000) | st.integers(0, 16).map(lambda n: n / 16)
polygons = st.lists(st.tuples(shares, shares), min_size=3, max_size=9)
grids = st.tuples(st.integers(1, 12), st.integers(1, 12))


def distance(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) distance of each point from the nearest edge."""
    found = np.full(len(points), np.inf)
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        length = float(((b - a) ** 2).sum())
        along = np.clip((points - a) @ (b - a) / length, 0, 1) if length else np.zeros(len(points))
        found = np.minimum(found, np.linalg.norm(points - (a + along[:, None] * (b - a)), axis=1))
    return found


def inside(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) by the angle under which each point sees the edges, all added up: a whole turn for each time round."""
    turns = np.zeros(len(points))
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        before, after = (np.arctan2(*(corner - points).T[::-1]) for corner in (a, b))
        turns += (after - before + np.pi) % (2 * np.pi) - np.pi
    return np.asarray(np.round(turns / (2 * np.pi)).astype(int) % 2 == 1)


@settings(deadline=None)
@given(polygons, grids)
def test_any_polygon_is_filled_as_by_going_round_it(
    polygon: list[tuple[float, float]], grid: tuple[int, int]
) -> None:
    corners = np.array(polygon)
    found = ignored_cells([tuple(corners.reshape(-1).tolist())], grid).reshape(-1)
    rows, columns = grid
    points = np.array([((c + 0.5) / columns, (r + 0.5) / rows) for r in range(rows) for c in range(columns)])
    # On an edge itself either answer will do.
    clear = distance(points, corners) > 1e-7
    np.testing.assert_array_equal(found[clear], inside(points, corners)[clear])


@settings(deadline=None)
@given(st.integers(3, 12), grids, st.floats(0.05, 0.5), shares, shares)
def test_a_round_zone_is_what_matplotlib_fills(
    count: int, grid: tuple[int, int], radius: float, x: float, y: float
) -> None:
    angles = np.arange(count) * 2 * np.pi / count
    corners = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).clip(0, 1)
    rows, columns = grid
    points = np.array([((c + 0.5) / columns, (r + 0.5) / rows) for r in range(rows) for c in range(columns)])
    wanted = Outline(corners).contains_points(points)
    clear = distance(points, corners) > 1e-7
    found = ignored_cells([tuple(corners.reshape(-1).tolist())], grid).reshape(-1)
    np.testing.assert_array_equal(found[clear], wanted[clear])


@settings(deadline=None)
@given(polygons, grids, st.integers(0, 8))
def test_it_does_not_matter_where_a_polygon_begins_or_which_way_it_goes(
    polygon: list[tuple[float, float]], grid: tuple[int, int], turn: int
) -> None:
    corners = np.array(polygon)
    rows, columns = grid
    points = np.array([((c + 0.5) / columns, (r + 0.5) / rows) for r in range(rows) for c in range(columns)])
    clear = (distance(points, corners) > 1e-7).reshape(grid)
    found = ignored_cells([tuple(corners.reshape(-1).tolist())], grid)
    for same in (np.roll(corners, turn, axis=0), corners[::-1]):
        again = ignored_cells([tuple(same.reshape(-1).tolist())], grid)
        np.testing.assert_array_equal(again[clear], found[clear])
