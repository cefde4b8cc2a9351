"""Maps on disk: nothing small vanishes, nothing is left, and a full disk is one line."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest

from sdmae.errors import SourceError
from sdmae.recordings.heat_file import HeatFile, shrink


def test_maps_come_back_by_position(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).random((5, 12, 20)).astype(np.float32)
    with HeatFile(tmp_path) as heat:
        for k, cells in enumerate(maps):
            heat.append(cells)
            assert np.allclose(heat[k // 2], maps[k // 2], rtol=1e-3)  # reading in between disturbs nothing
        assert len(heat) == 5
        for k in (4, 0, 3):
            assert heat[k].dtype == np.float32
            assert np.allclose(heat[k], maps[k], rtol=1e-3)
        with pytest.raises(IndexError):
            heat[5]
        with pytest.raises(ValueError, match="shape"):
            heat.append(maps[0, :6])


@pytest.mark.parametrize("shape", [(192, 320), (120, 65), (7, 1000), (64, 64), (1, 1)])
def test_nothing_small_vanishes(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        cells = np.zeros(shape, np.float32)
        row, column = int(rng.integers(shape[0])), int(rng.integers(shape[1]))
        cells[row, column] = 3
        shrunk = shrink(cells, 64)
        assert max(shrunk.shape) <= 64
        assert (shrunk == 3).sum() == 1
        found = np.unravel_index(int(shrunk.argmax()), shrunk.shape)
        # It stays where it was: the middle of the cell lies less than a cell away.
        for place, at, before, after in zip((row, column), found, shape, shrunk.shape, strict=True):
            assert abs((place + 0.5) / before - (at + 0.5) / after) <= 1 / after


def test_what_a_half_float_cannot_hold() -> None:
    with HeatFile() as heat:
        heat.append(np.array([[np.nan, 1e9], [-1e9, 0.5]], np.float32))
        assert np.isnan(heat[0][0, 0])
        assert heat[0][0, 1] > 6e4
        assert heat[0][1, 0] < -6e4
    assert shrink(np.full((100, 2), [np.nan, 1], np.float32), 64).tolist() == [[1.0]] * 50


def test_nothing_is_left(tmp_path: Path) -> None:
    def broken() -> None:
        with HeatFile(tmp_path) as heat:
            heat.append(np.ones((8, 8), np.float32))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        broken()
    with HeatFile(tmp_path) as heat:
        heat.append(np.ones((8, 8), np.float32))
    assert list(tmp_path.iterdir()) == []


def test_no_room_is_one_line(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with HeatFile(tmp_path) as heat:
        # The system's own refusal, in the middle of a map, as a disk gives it that is full.
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
        try:
            heat.append(np.ones((64, 64), np.float32))
            with pytest.raises(SourceError, match="TMPDIR") as caught:
                heat.append(np.ones((64, 64), np.float32))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(heat) == 1
        heat.append(np.full((64, 64), 2, np.float32))  # in the place of the one that was cut off
        assert heat[0].max() == 1
        assert heat[1].min() == 2


def test_no_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing: .*No such file.*TMPDIR"):
        HeatFile(tmp_path / "missing")


def test_exact_maps_come_back_to_the_bit() -> None:
    maps = np.random.default_rng(0).random((3, 7, 100)).astype(np.float32)
    with HeatFile(cells=100, exact=True) as heat:
        for cells in maps:
            heat.append(cells)
        for k in range(3):
            np.testing.assert_array_equal(heat[k], maps[k])
