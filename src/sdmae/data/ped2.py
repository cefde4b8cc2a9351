"""UCSD Ped2 in its official layout: V. Mahadevan et al., Anomaly Detection in Crowded Scenes, CVPR 2010.

    Train/Train001 … Train016/001.tif …     16 clips,  2,550 frames, all normal
    Test/Test001 … Test012/001.tif …        12 clips,  2,010 frames, 1,648 of them abnormal
    Test/Test001_gt … Test012_gt/001.bmp …  one pixel mask a frame
    Test/UCSDped2.m                         abnormal frames of each test clip, from 1, ends included

Frames and masks may be .tif, .jpg, .png or .bmp alike: many copies are converted ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sdmae.data.benchmark import Benchmark
from sdmae.data.ucsd import Layout, read_ucsd

TRAIN_FRAMES = (120, 150, 150, 180, 180, 150, 150, 120, 180, 180, 180, 180, 180, 150, 150, 150)
"""Frames of Train001 … Train016: 2,550."""

TEST_FRAMES = (180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180)
"""Frames of Test001 … Test012: 2,010."""

PED2 = Layout(
    name="ped2",
    title="UCSD Ped2",
    folder="UCSDped2",
    train_frames=TRAIN_FRAMES,
    test_frames=TEST_FRAMES,
    other="UCSDped1.m",
    other_title="UCSD Ped1",
)


def read_ped2(
    root: Path,
    *,
    train_frames: Sequence[int] = TRAIN_FRAMES,
    test_frames: Sequence[int] = TEST_FRAMES,
    partial: bool = False,
    video: bool = True,
) -> Benchmark:
    """UCSD Ped2 in `root`, which is the folder UCSDped2 itself, one that holds it, or the unpacked official archive.

    train_frames, test_frames: frames of each clip that there must be; others than the official ones are for a subset.
    partial: leave out clips that are missing or not whole, and name them in `missing`, instead of refusing the
    folder. video: False for what masks and .m file say alone.

    A frame is abnormal where its mask has any pixel, which is also what `UCSDped2.m` says of all 2,010 frames. Where
    the copy has only the masks or only `UCSDped2.m`, that one is used; where it has both, they must agree.
    Every folder is listed and every mask is decoded (half a second); frames are not decoded.

    Raises `BenchmarkError` naming the clips and files that are missing, empty or too many.
    """
    layout = replace(PED2, train_frames=tuple(train_frames), test_frames=tuple(test_frames))
    return read_ucsd(root, layout, PED2, partial=partial, video=video)
