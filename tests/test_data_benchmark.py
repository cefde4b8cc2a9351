from pathlib import Path

import numpy as np
import pytest

from sdmae.data.benchmark import TestClip
from sdmae.data.readers import READERS, read_benchmark
from sdmae.errors import BenchmarkError
from sdmae.video import Clip


def clip_with_masks() -> TestClip:
    def mask(index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        return np.full((2, 3), index == 1)

    return TestClip(Clip("one", Path("one.mp4")), np.array([False, True]), mask)


def test_masks_are_read_when_asked_for() -> None:
    clip = clip_with_masks()
    assert not clip.read_mask(0).any()
    assert clip.read_mask(1).all()


@pytest.mark.parametrize("index", [-1, 2])
def test_no_mask_beyond_the_clip(index: int) -> None:
    with pytest.raises(IndexError, match="one"):
        clip_with_masks().read_mask(index)


def test_a_clip_without_masks_says_so() -> None:
    with pytest.raises(BenchmarkError, match="one has no pixel masks"):
        TestClip(Clip("one", Path("one.mp4")), np.zeros(2, bool)).read_mask(0)


def test_an_unknown_benchmark_is_told_the_known_ones(tmp_path: Path) -> None:
    known = "avenue, ped1, ped2, scene, shanghaitech, ubnormal"
    with pytest.raises(BenchmarkError, match=f"'ped3'; known ones: {known}"):
        read_benchmark("ped3", tmp_path)


@pytest.mark.parametrize("name", sorted(READERS))
def test_each_name_has_its_reader(name: str, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match=str(tmp_path / "nowhere")):
        read_benchmark(name, tmp_path / "nowhere")
