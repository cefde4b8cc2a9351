from __future__ import annotations

import os
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from sdmae.errors import SourceError
from sdmae.evaluation.baselines import background_subtraction, frame_difference, median_background
from sdmae.metrics import macro_auc, micro_auc
from sdmae.scoring import smooth_offline
from sdmae.video import Clip, Size

DATA = Path(os.environ.get("SDMAE_DATA", Path(__file__).parents[1] / "../shared/data"))
PED2 = DATA / "ucsd_ped2" / "UCSDped2"

Video = NDArray[np.uint8]


def written(folder: Path, video: Video) -> Clip:
    """A folder of lossless grey frames."""
    folder.mkdir()
    paths = []
    for i, image in enumerate(video):
        paths.append(folder / f"{i:03d}.png")
        cv2.imwrite(str(paths[-1]), image)
    return Clip(folder.name, folder, tuple(paths), rate=10.0)


def random_video(count: int, height: int, width: int) -> Video:
    return np.random.default_rng(count).integers(0, 256, (count, height, width), dtype=np.uint8)


def largest_cell(difference: NDArray[np.int64], side: int = 16) -> float:
    height, width = difference.shape
    cells = [
        difference[y : y + side, x : x + side].mean()
        for y in range(0, height - side + 1, side)
        for x in range(0, width - side + 1, side)
    ]
    return float(max(cells))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_frame_difference_by_its_definition(tmp_path: Path, count: int) -> None:
    video = random_video(count, 40, 53)  # 8 rows and 5 columns are left over beside the grid
    padded = np.concatenate([video[:1], video, video[-1:]]).astype(np.int64)
    expected = [largest_cell(np.abs(padded[t + 2] - padded[t])) for t in range(count)]
    np.testing.assert_allclose(frame_difference(written(tmp_path / "clip", video)), expected, rtol=1e-12)


def test_the_cells_of_each_frame_can_be_had(tmp_path: Path) -> None:
    clip = written(tmp_path / "clip", random_video(5, 40, 53))
    grids: list[NDArray[np.float32]] = []
    scores = frame_difference(clip, tap=grids.append)
    assert [grid.shape for grid in grids] == [(2, 3)] * 5
    np.testing.assert_allclose([grid.max() for grid in grids], scores, rtol=1e-6)
    np.testing.assert_array_equal(frame_difference(clip), scores)


def test_background_subtraction_by_its_definition(tmp_path: Path) -> None:
    video, background = random_video(4, 32, 48), random_video(1, 32, 48)[0]
    expected = [largest_cell(np.abs(image.astype(np.int64) - background)) for image in video]
    clip = written(tmp_path / "clip", video)
    np.testing.assert_allclose(background_subtraction(clip, background), expected, rtol=1e-12)


def test_a_picture_smaller_than_a_cell_is_one_cell(tmp_path: Path) -> None:
    video = np.zeros((3, 10, 40), np.uint8)
    video[2, :, 16:32] = 80
    np.testing.assert_allclose(frame_difference(written(tmp_path / "clip", video)), [0, 80, 80])


def test_the_median_is_over_all_clips(tmp_path: Path) -> None:
    video = random_video(31, 12, 10)
    clips = [written(tmp_path / "a", video[:20]), written(tmp_path / "b", video[20:])]
    np.testing.assert_array_equal(median_background(clips), np.median(video, axis=0))


def test_the_median_of_a_long_video_is_over_frames_spread_evenly(tmp_path: Path) -> None:
    video = np.arange(100, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    clip = written(tmp_path / "clip", video)
    # 0, 16, 32, ... 96: seven frames are what remains of nine or fewer when every second one goes again and again.
    assert (median_background([clip], samples=9) == 48).all()
    passer_by = video.copy()
    passer_by[:] = 20
    passer_by[30:60] = 200
    assert (median_background([written(tmp_path / "other", passer_by)], samples=9) == 20).all()


def test_frames_of_another_size_are_named(tmp_path: Path) -> None:
    small, large = (
        written(tmp_path / "small", random_video(2, 16, 16)),
        written(tmp_path / "large", random_video(2, 16, 32)),
    )
    with pytest.raises(SourceError, match="large: frames of 32x16, not 16x16"):
        median_background([small, large])
    with pytest.raises(SourceError, match="large: frames of 32x16, not 16x16"):
        background_subtraction(large, median_background([small]))
    with pytest.raises(SourceError, match="no frames"):
        median_background([])


@pytest.mark.skipif(not PED2.is_dir(), reason=f"needs UCSD Ped2 in {PED2}; set SDMAE_DATA")
def test_frame_difference_on_ped2_gives_the_known_figures() -> None:
    folders = sorted(path for path in (PED2 / "Test").iterdir() if re.fullmatch(r"Test\d+", path.name))
    clips = [Clip(path.name, path, tuple(sorted(path.glob("*.*"))), rate=10.0) for path in folders]
    intervals = re.findall(r"\[(\d+):(\d+)\]", (PED2 / "Test" / "UCSDped2.m").read_text())
    labels = [np.zeros(len(clip.frames), np.int64) for clip in clips]
    for truth, (first, last) in zip(labels, intervals, strict=True):
        truth[int(first) - 1 : int(last)] = 1
    assert (sum(map(len, labels)), sum(truth.sum() for truth in labels)) == (2010, 1648)

    # The project's first trial compared frames of 192 x 288: 90.7 and 94.8. The source's own size gives more.
    for size, micro, macro in ((Size(192, 288), 0.907, 0.948), (None, 0.916, 0.957)):
        scores = [smooth_offline(frame_difference(clip, size), 1.0, 10.0) for clip in clips]
        assert micro_auc(labels, scores) == pytest.approx(micro, abs=0.003)
        assert macro_auc(labels, scores) == pytest.approx(macro, abs=0.003)
