"""UCSD Ped1 in its official layout: V. Mahadevan et al., Anomaly Detection in Crowded Scenes, CVPR 2010.

    Train/Train001 … Train034/001.tif …     34 clips of 200 frames, all normal
    Test/Test001 … Test036/001.tif …        36 clips of 200 frames
    Test/Test003_gt …/001.bmp …             pixel masks of some of the test clips (10 in v1p2)
    Test/UCSDped1.m                         abnormal frames of each test clip, from 1, ends included

158×238 grey, 10 frames a second. Frames and masks may be .tif, .jpg, .png or .bmp alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.data.ucsd import Layout, read_ucsd
from sdmae.errors import SourceError
from sdmae.video.pictures import read_picture

TRAIN_FRAMES = (200,) * 34
"""Frames of Train001 … Train034: 6,800."""

TEST_FRAMES = (200,) * 36
"""Frames of Test001 … Test036: 7,200."""

PED1 = Layout(
    name="ped1",
    title="UCSD Ped1",
    folder="UCSDped1",
    train_frames=TRAIN_FRAMES,
    test_frames=TEST_FRAMES,
    other="UCSDped2.m",
    other_title="UCSD Ped2",
    some_masks=True,
    tolerated=10,
)

BROKEN = ("Test017", 142)
"""A frame, counted from 1, that is cut off in the official archive v1p2 itself."""


def read_ped1(
    root: Path,
    *,
    train_frames: Sequence[int] = TRAIN_FRAMES,
    test_frames: Sequence[int] = TEST_FRAMES,
    partial: bool = False,
    video: bool = True,
) -> Benchmark:
    """UCSD Ped1 in `root`, which is the folder UCSDped1 itself, one that holds it, or the unpacked official archive.

    train_frames, test_frames: frames of each clip that there must be; others than the official ones are for a subset.
    partial: leave out clips that are missing or not whole, and name them in `missing`, instead of refusing the
    folder. video: False for what masks and .m file say alone.

    `UCSDped1.m`, which alone labels all test clips, says which frames are abnormal. Masks that disagree with it in up
    to 10 frames of a clip are warned of; beyond that they are taken for another clip's, and refused. Clips without
    masks have `masks` None. Test017/142.tif of the official archive is cut off: where it does not decode, the frame
    before stands in, so that frames and labels stay in step, and `missing` says so.

    Raises `BenchmarkError` naming the clips and files that are missing, empty or too many.
    """
    layout = replace(PED1, train_frames=tuple(train_frames), test_frames=tuple(test_frames))
    benchmark = read_ucsd(root, layout, PED1, partial=partial, video=video)
    test = tuple(_mended(one) for one in benchmark.test)
    mended = [new.clip for new, old in zip(test, benchmark.test, strict=True) if new is not old]
    notes = tuple(
        f"{clip.name}/{BROKEN[1]} (cut off in the official archive; frame {BROKEN[1] - 1} stands in)"
        for clip in mended
    )
    return replace(benchmark, test=test, missing=(*benchmark.missing, *notes))


def _mended(test: TestClip) -> TestClip:
    """The clip with its frame before in place of the one that the archive itself has broken."""
    name, number = BROKEN
    if test.clip.name != name or len(test.clip.frames) < number:
        return test
    try:
        read_picture(test.clip.frames[number - 1])
    except SourceError:
        frames = list(test.clip.frames)
        frames[number - 1] = frames[number - 2]
        return replace(test, clip=replace(test.clip, frames=tuple(frames)))
    return test
