"""ShanghaiTech Campus in its official layout: W. Liu et al., Future Frame Prediction, CVPR 2018.

    training/videos/01_001.avi …              330 clips, all normal; or training/frames/01_001/000.jpg …
    testing/frames/01_0014/000.jpg …          107 clips, 40,791 frames; or testing/videos/01_0014.avi …
    testing/test_frame_mask/01_0014.npy …     (N,) 1 where the frame is abnormal, else 0: 17,326 are
    testing/test_pixel_mask/01_0014.npy …     (N, H, W) not 0 where abnormal
    tracks/01_0014.txt …                      optional: region tracks of M.-I. Georgescu et al., TPAMI 2021, in rows
                                              track_id,frame,x_min,y_min,x_max,y_max; frames from 0, maxima inclusive

480×856 colour, 24 frames a second. `tracks` may lie in `testing` too; annotations alone need no folder `testing`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdmae.data.benchmark import Benchmark, Labels, Mask, TestClip, Track
from sdmae.data.layout import (
    check_length,
    check_size,
    described,
    holding,
    lacking,
    read_array,
    read_region_tracks,
    settle,
)
from sdmae.errors import BenchmarkError
from sdmae.video import Clip
from sdmae.video.source import PICTURE_SUFFIXES, VIDEO_SUFFIXES, natural_key

RATE = 24.0
"""Frames a second of the dataset."""
TRAINING = 330
"""Training clips."""
TESTING = 107
"""Test clips."""

TITLE = "ShanghaiTech Campus"
EXPECTED = "training/videos, testing/frames and testing/test_frame_mask"
LABELS = "testing/test_frame_mask or test_frame_mask, and for regions tracks beside it"
"""What is expected where the videos are not asked for."""

_NAME = re.compile(r"[0-9]{2}_[0-9]{3,4}")


@dataclass(frozen=True, slots=True)
class ArrayMasks:
    """Pixel masks in one .npy file, of which only the frame that is asked for is read."""

    path: Path

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`. Raises `BenchmarkError` naming a file that cannot be read."""
        return np.asarray(read_array(self.path)[index] != 0)


def read_shanghaitech(
    root: Path, *, partial: bool = False, video: bool = True, training: int = TRAINING, testing: int = TESTING
) -> Benchmark:
    """ShanghaiTech Campus in `root`: the folder that holds training and testing, or one around it.

    training, testing: clips that there must be; others than the official numbers are for a subset.
    partial: use what is there, and name the rest in `missing`, instead of refusing the folder.
    video: False for what the annotations say alone.

    Folders of frames and videos may stand for one another; of the training split videos are taken where both are
    there, of the test split frames. Labels are those of `test_frame_mask`. A copy without any `test_pixel_mask` has
    the same labels, so it is not refused; `missing` says that its masks are.

    Raises `BenchmarkError` naming what is missing, and files that cannot be read or do not belong together.
    """
    inner = ("shanghaitech", "ShanghaiTech")
    if video:
        folder = holding(root, inner, ("training", "testing"), TITLE, EXPECTED)
    else:
        folder = holding(root, inner, ("testing", "test_frame_mask"), TITLE, LABELS)
    tested = folder if not video and (folder / "test_frame_mask").is_dir() else folder / "testing"
    labels = _files(tested / "test_frame_mask", ".npy")
    masks = _files(tested / "test_pixel_mask", ".npy")
    if video:
        normal = _clips(folder / "training", ("videos", "frames"))
        clips = _clips(tested, ("frames", "videos"))
    else:
        normal, clips = {}, {name: Clip(name, tested / "frames" / name, rate=RATE) for name in labels}
    tracks = _tracks(folder)

    known = sorted({*clips, *labels, *masks, *(tracks or {})})
    lacks = (
        *(_too_few("training", len(normal), training) if video else ()),
        *(lacking("test clip", [name for name in known if name not in clips]) if video else ()),
        *lacking("test_frame_mask", [f"{name}.npy" for name in known if name not in labels]),
        *(lacking("test_pixel_mask", [f"{name}.npy" for name in known if name not in masks]) if masks else ()),
        *(lacking("tracks", [f"{name}.txt" for name in known if name not in tracks]) if tracks is not None else ()),
        *_too_few("test", len(known), testing),
    )
    usable = [name for name in known if name in clips and name in labels]
    settle(folder, TITLE, lacks, training=len(normal) if video else None, test=len(usable), partial=partial)
    test = [_test_clip(clips[name], labels[name], masks.get(name), tracks, video) for name in usable]
    return Benchmark(
        name="shanghaitech",
        rate=RATE,
        training=tuple(clip for _, clip in sorted(normal.items())),
        test=tuple(test),
        missing=lacks if masks or not video else (*lacks, "testing/test_pixel_mask (frame labels are not affected)"),
    )


def read_labels(path: Path) -> Labels:
    """The (N,) labels of one `test_frame_mask`. Raises `BenchmarkError` where it is anything else than 0s and 1s."""
    array = read_array(path)
    if array.ndim != 1 or len(array) == 0:
        raise BenchmarkError(f"{path}: shape {array.shape} instead of one number a frame; copy it anew")
    if not np.isin(array, (0, 1)).all():
        raise BenchmarkError(f"{path}: numbers other than 0 and 1; copy it anew")
    return np.array(array != 0)


def _too_few(split: str, found: int, expected: int) -> tuple[str, ...]:
    """Clips that nothing in the folder knows the names of; more than there should be is no fault."""
    return (f"{expected - found} of the {expected} {split} clips",) if found < expected else ()


def _clips(folder: Path, kinds: Sequence[str]) -> dict[str, Clip]:
    """The clips of the first of the folders `kinds` that has any, by name."""
    for kind in kinds:
        found = {}
        for path in _listed(folder / kind):
            clip = _video(path) if kind == "videos" else _frames(path)
            if clip is not None:
                found[clip.name] = clip
        if found:
            return found
    return {}


def _video(path: Path) -> Clip | None:
    fits = path.suffix.lower() in VIDEO_SUFFIXES and _NAME.fullmatch(path.stem) and path.is_file()
    return Clip(path.stem, path, rate=RATE) if fits else None


def _frames(path: Path) -> Clip | None:
    if not (_NAME.fullmatch(path.name) and path.is_dir()):
        return None
    pictures = sorted((p for p in _listed(path) if p.suffix.lower() in PICTURE_SUFFIXES), key=natural_key)
    _check_numbers(path, pictures)
    return Clip(path.name, path, tuple(pictures), RATE) if pictures else None


def _check_numbers(folder: Path, pictures: Sequence[Path]) -> None:
    """A frame lost in the middle would put all labels behind it out of step."""
    numbers = [int(p.stem) for p in pictures if p.stem.isdecimal()]
    if len(numbers) == len(pictures) > 0:
        gaps = sorted(set(range(numbers[0], numbers[-1])) - set(numbers))
        if gaps:
            raise BenchmarkError(f"{folder}: frame {gaps[0]:03} missing, {len(gaps)} in all; copy the clip anew")


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    return {path.stem: path for path in _listed(folder) if path.suffix == suffix and _NAME.fullmatch(path.stem)}


def _listed(folder: Path) -> Iterable[Path]:
    """What is in a folder, in order, without .DS_Store and ._01_001.avi; nothing where there is no such folder."""
    return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else ()


def _tracks(folder: Path) -> dict[str, Path] | None:
    for place in (folder / "tracks", folder / "testing" / "tracks"):
        if place.is_dir():
            return _files(place, ".txt")
    return None


def _test_clip(clip: Clip, path: Path, masks: Path | None, tracks: dict[str, Path] | None, video: bool) -> TestClip:
    labels = read_labels(path)
    info = described(clip) if video else None
    if info is not None:
        check_length(path, len(labels), clip, info)
    if masks is not None:
        shape = read_array(masks).shape
        if len(shape) != 3 or shape[0] != len(labels):
            raise BenchmarkError(f"{masks}: shape {shape} instead of {len(labels)} masks; copy it anew")
        if info is not None:
            check_size(masks, (shape[1], shape[2]), clip, info)
    regions: tuple[Track, ...] | None = None
    if tracks is not None and clip.name in tracks:
        regions = read_region_tracks(tracks[clip.name], len(labels))
    return TestClip(clip, labels, None if masks is None else ArrayMasks(masks), regions)
