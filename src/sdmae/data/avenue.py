"""CUHK Avenue in its official layout: C. Lu et al., Abnormal Event Detection at 150 FPS in MATLAB, ICCV 2013.

    training_videos/01.avi … 16.avi                              all normal
    testing_videos/01.avi … 21.avi
    ground_truth_demo/testing_label_mask/1_label.mat … 21_label.mat
                                                      pixel masks, `volLabel`: a 1×N cell array of H×W uint8

360×640 colour, 25 frames a second. The folder of masks may also lie beside the videos' folders by its own name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark, Mask, TestClip
from sdmae.data.layout import check_length, check_size, described, holding, lacking, settle
from sdmae.errors import BenchmarkError
from sdmae.video import Clip

RATE = 25.0
"""Frames a second of the dataset."""
TRAINING = 16
"""Training videos."""
TESTING = 21
"""Test videos."""

TITLE = "CUHK Avenue"
EXPECTED = "training_videos/01.avi … 16.avi, testing_videos/01.avi … 21.avi and ground_truth_demo/testing_label_mask"
MASKS = "ground_truth_demo/testing_label_mask/1_label.mat … 21_label.mat"
"""What is expected where the videos are not asked for."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The masks of one test video as packed bits, an eighth of what they take in the file."""

    path: Path
    bits: NDArray[np.uint8]
    """(N, ceil(H·W / 8)) uint8."""
    size: tuple[int, int]
    """(H, W)."""

    def mask(self, index: int) -> Mask:
        """(H, W) bool of frame `index`."""
        height, width = self.size
        return np.unpackbits(self.bits[index], count=height * width).reshape(height, width).astype(bool)


@dataclass(slots=True)
class LastVolume:
    """The volume that was read last: a test video's masks are asked for one after the other, the next one's later."""

    volume: Volume | None = None

    def get(self, path: Path) -> Volume:
        """The volume of `path`, read if it is another than before. Raises `BenchmarkError`."""
        if self.volume is None or self.volume.path != path:
            self.volume = None  # before the next is read, so that there are never two
            self.volume = read_volume(path)
        return self.volume


@dataclass(frozen=True, slots=True)
class VolumeMasks:
    """Reads single masks of a `volLabel`; all clips of a benchmark share the one that is kept in memory."""

    path: Path
    last: LastVolume = field(repr=False)

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`. Raises `BenchmarkError` naming a file that cannot be read."""
        return self.last.get(self.path).mask(index)


def read_volume(path: Path) -> Volume:
    """The `volLabel` of one .mat file, not 0 where abnormal.

    Raises `BenchmarkError` naming a file that is no .mat, has no `volLabel`, or masks of several sizes in it.
    """
    from scipy.io import loadmat  # slow to import, and needed for this benchmark alone

    try:
        loaded = loadmat(path, variable_names=["volLabel"])
    except Exception as error:  # a broken file makes SciPy raise nearly anything
        raise BenchmarkError(f"{path} is not a .mat file that can be read; copy it anew") from error
    if "volLabel" not in loaded:
        raise BenchmarkError(f"{path} holds no volLabel; copy the official ground truth anew")
    cells = loaded["volLabel"]
    if cells.dtype != object or cells.size == 0 or cells.size != max(cells.shape):
        raise BenchmarkError(f"{path}: volLabel is no row of masks; copy the official ground truth anew")
    masks = [np.asarray(cell) for cell in cells.ravel()]
    del loaded, cells
    size = masks[0].shape
    for n, mask in enumerate(masks):
        if mask.ndim != 2 or mask.shape != size or mask.dtype.kind not in "bui" or 0 in size:
            raise BenchmarkError(f"{path}: mask {n + 1} of volLabel is not a picture like the first; copy it anew")
    bits = np.stack([np.packbits(mask != 0) for mask in masks])
    return Volume(path, bits, (size[0], size[1]))


def read_avenue(root: Path, *, partial: bool = False, video: bool = True) -> Benchmark:
    """CUHK Avenue in `root`: the folder that holds training_videos and testing_videos, or one around it.

    partial: use the videos and masks that are there, and name the others in `missing`, instead of refusing the
    folder. video: False for what the masks say alone.

    A frame is abnormal where its mask has any pixel: 3,712 of the test frames are. A popular .npy of frame labels
    says 3,867; the masks are right. All masks are read once, one file at a time, which takes some seconds; later one
    file's worth is kept, as bits.

    Raises `BenchmarkError` naming what is missing, and files that cannot be read or do not belong together.
    """
    inner = ("Avenue Dataset", "Avenue_Dataset", "avenue")
    if video:
        folder = holding(root, inner, ("training_videos", "testing_videos"), TITLE, EXPECTED)
        training, no_training = _videos(folder / "training_videos", TRAINING)
        testing, no_testing = _videos(folder / "testing_videos", TESTING)
        masks = _masks(folder)
    else:
        folder = holding(root, inner, ("ground_truth_demo", "testing_label_mask", "testing_videos"), TITLE, MASKS)
        masks = _masks(folder)
        training, no_training, no_testing = {}, [], []
        testing = {n: _clip(n, folder / "testing_videos" / f"{n:02}.avi") for n in masks}
    no_masks = [f"{n}_label.mat" for n in range(1, TESTING + 1) if n not in masks]
    missing = (
        *lacking("training video", no_training),
        *lacking("testing video", no_testing),
        *lacking("mask", no_masks),
    )
    usable = sorted(set(testing) & set(masks))
    settle(folder, TITLE, missing, training=len(training) if video else None, test=len(usable), partial=partial)
    last = LastVolume()
    return Benchmark(
        name="avenue",
        rate=RATE,
        training=tuple(clip for _, clip in sorted(training.items())),
        test=tuple(_test_clip(testing[n], masks[n], last, video) for n in usable),
        missing=missing,
    )


def _videos(folder: Path, count: int) -> tuple[dict[int, Clip], list[str]]:
    """The videos by their number, and the names of those that are not there."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        number = re.fullmatch(r"0*([1-9][0-9]*)\.avi", path.name.lower())
        if number is None:
            continue  # .DS_Store, ._01.avi
        if int(number[1]) > count:
            raise BenchmarkError(f"{path} is not of {TITLE}, whose last video there is {count:02}.avi; move it away")
        found[int(number[1])] = _clip(int(number[1]), path)
    return found, [f"{n:02}.avi" for n in range(1, count + 1) if n not in found]


def _clip(number: int, path: Path) -> Clip:
    return Clip(f"{number:02}", path, rate=RATE)


def _masks(folder: Path) -> dict[int, Path]:
    places = (folder, folder / "ground_truth_demo", folder.parent, folder.parent / "ground_truth_demo")
    for place in (one / "testing_label_mask" for one in places):
        if place.is_dir():
            named = ((re.fullmatch(r"0*([1-9][0-9]*)_label\.mat", p.name), p) for p in sorted(place.iterdir()))
            return {int(number[1]): path for number, path in named if number and int(number[1]) <= TESTING}
    return {}


def _test_clip(clip: Clip, path: Path, last: LastVolume, video: bool) -> TestClip:
    volume = last.get(path)
    if video:
        info = described(clip)
        check_size(path, volume.size, clip, info)
        check_length(path, len(volume.bits), clip, info)
    return TestClip(clip, np.asarray(volume.bits.any(axis=1)), VolumeMasks(path, last))
