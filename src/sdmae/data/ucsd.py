"""What UCSD Ped1 and Ped2 share: V. Mahadevan et al., Anomaly Detection in Crowded Scenes, CVPR 2010.

    Train/Train001 …/001.tif …       normal clips
    Test/Test001 …/001.tif …         test clips
    Test/Test001_gt …/001.bmp …      one pixel mask a frame
    Test/UCSDpedN.m                  abnormal frames of each test clip, from 1, ends included

Frames and masks may be .tif, .jpg, .png or .bmp alike: many copies are converted ones.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark, Labels, Mask, TestClip
from sdmae.data.layout import check_size, described, lacking, some
from sdmae.errors import BenchmarkError, SourceError
from sdmae.video.frame import Clip
from sdmae.video.pictures import read_picture

RATE = 10.0
"""Frames a second of both sets."""

_PICTURES = (".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PictureMasks:
    """Pixel masks kept as one picture a frame, not 0 where abnormal."""

    paths: tuple[Path, ...]
    """The pictures, in the order of the frames."""

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`. Raises `BenchmarkError` naming a picture that does not decode."""
        try:
            picture = read_picture(self.paths[index])
        except SourceError as error:
            raise BenchmarkError(str(error)) from error
        return np.asarray(picture.any(axis=2))


@dataclass(frozen=True, slots=True)
class Layout:
    """One of the two sets."""

    name: str
    """As `read_benchmark` knows it."""
    title: str
    """As people call it."""
    folder: str
    """Its folder in the official archive, which is also the name of its .m file."""
    train_frames: tuple[int, ...]
    """Frames of Train001, Train002 …"""
    test_frames: tuple[int, ...]
    """Frames of Test001, Test002 …"""
    other: str
    """The other set's .m file, by which the wrong folder is known."""
    other_title: str
    some_masks: bool = False
    """Whether only some of the test clips have masks; else all of them, or in a copy without masks none."""
    tolerated: int = 0
    """Frames of a clip in which masks and .m file may disagree; the .m file then wins."""

    @property
    def listing(self) -> str:
        """The .m file, from the set's folder."""
        return f"Test/{self.folder}.m"

    @property
    def expected(self) -> str:
        """What the folder must hold, in words."""
        return (
            f"with Train/Train001 … Train{len(self.train_frames):03} ({sum(self.train_frames)} pictures) and "
            f"Test/Test001 … Test{len(self.test_frames):03} ({sum(self.test_frames)} pictures)"
        )


@dataclass(slots=True)
class _Found:
    """A clip's folder as it was found."""

    clip: Clip
    whole: bool
    masks: PictureMasks | None = None


def read_ucsd(root: Path, layout: Layout, official: Layout, *, partial: bool, video: bool = True) -> Benchmark:
    """The set that `layout` describes in `root`: its own folder, one that holds it, or the unpacked official archive.

    layout: as it is expected here. official: as messages tell it to somebody who named another folder. video: False
    for what the annotations say alone: no frame has to be there, and none is looked at.

    A frame is abnormal where the .m file says so, or without that file where its mask has any pixel. Every folder is
    listed and every mask is decoded (half a second); frames are not decoded.

    Raises `BenchmarkError` naming the clips and files that are missing, empty or too many. With `partial` clips of
    which anything is so are left out, and `missing` names them.
    """
    folder = _find(root, layout, official)
    faults: list[str] = []
    training: list[_Found] = []
    if video:
        _name_strangers(folder / "Train", "Train", len(layout.train_frames), faults)
    _name_strangers(folder / "Test", "Test", len(layout.test_frames), faults)
    if video:
        training = _clips(folder, "Train", layout.train_frames, faults)
        test = _clips(folder, "Test", layout.test_frames, faults)
    else:
        test = [_unseen(folder, n) for n in range(1, len(layout.test_frames) + 1)]
    _find_masks(folder, test, layout, faults)
    listing = folder / layout.listing
    if not listing.is_file() and any(found.masks is None for found in test):
        if layout.some_masks:
            faults.append(f"{layout.listing} missing")
        elif not any((folder / "Test" / f"{found.clip.name}_gt").is_dir() for found in test):
            faults.append(f"{layout.listing} and the masks Test/Test*_gt missing (one of them is needed)")
    if video and faults and not any(found.clip.frames for found in (*training, *test)):
        raise BenchmarkError(_stranger(folder, official))
    if faults and not partial:
        raise BenchmarkError(
            f"{folder} is not a whole {layout.title}: {some(faults)}; copy it anew, or use what is whole with "
            f"--partial"
        )

    listed = _read_listing(listing, layout.test_frames) if listing.is_file() else [None] * len(test)
    masked = [None if found.masks is None else _labels_of(found.masks) for found in test]
    _compare(folder, layout, listed, masked)
    clips = []
    for found, one, other in zip(test, listed, masked, strict=True):
        labels = other if one is None else one
        if found.whole and labels is not None:
            if video and found.masks is not None:
                _check_sizes(found.clip, found.masks)
            clips.append(TestClip(found.clip, labels, found.masks))
    normal = tuple(found.clip for found in training if found.whole)
    if (video and not normal) or not clips:
        what = "whole training or no whole test clip" if video else "whole annotations of any test clip"
        raise BenchmarkError(f"{folder} holds no {what}: {some(faults)}; copy it anew")
    used = {clip.name for clip in normal} | {test.clip.name for test in clips}
    out = [found.clip.name for found in (*training, *test) if found.clip.name not in used]
    words = "; ".join((*lacking("clip", out), some(faults)))
    return Benchmark(
        name=layout.name,
        rate=RATE,
        training=normal,
        test=tuple(clips),
        missing=(words,) if faults else (),
    )


def _find(root: Path, layout: Layout, official: Layout) -> Path:
    """The folder that holds Train and Test, at or below `root`."""
    if not root.is_dir():
        raise BenchmarkError(f"{root}: no such folder; name the one that holds {layout.title}'s Train and Test")
    inner = (layout.folder, f"UCSD_Anomaly_Dataset.v1p2/{layout.folder}")
    for folder in (root, *(root / name for name in inner)):
        if (folder / "Train").is_dir() or (folder / "Test").is_dir():
            ours, theirs = len(official.train_frames), (folder / "Test" / layout.other).is_file()
            too_many = ours < 34 and (folder / "Train" / "Train034").is_dir()
            if theirs or too_many:
                named = layout.title.split()[-1]
                raise BenchmarkError(
                    f"{folder} looks like {layout.other_title}; name the folder of {named}, {official.expected}"
                )
            return folder
    raise BenchmarkError(_stranger(root, official))


def _stranger(folder: Path, official: Layout) -> str:
    return f"{folder} is not {official.title}; name its folder {official.folder}, {official.expected}"


def _name_strangers(folder: Path, prefix: str, clips: int, faults: list[str]) -> None:
    """Name clips beyond the official ones."""
    known = {f"{prefix}{n:03}" for n in range(1, clips + 1)}
    if not folder.is_dir():
        return  # every one of its clips is named as missing
    for path in sorted(folder.iterdir()):
        clip = path.name.removesuffix("_gt")
        if path.is_dir() and re.fullmatch(rf"{prefix}\d+", clip) and clip not in known:
            faults.append(f"{folder.name}/{path.name} unexpected")


def _clips(folder: Path, split: str, frames: Sequence[int], faults: list[str]) -> list[_Found]:
    found = []
    for n, count in enumerate(frames, 1):
        path, before = folder / split / f"{split}{n:03}", len(faults)
        pictures = _numbered(path, count, folder, faults)
        found.append(_Found(Clip(path.name, path, pictures, RATE), len(faults) == before))
    return found


def _unseen(folder: Path, number: int) -> _Found:
    """A test clip of which only the annotations are to be used."""
    path = folder / "Test" / f"Test{number:03}"
    return _Found(Clip(path.name, path, rate=RATE), whole=True)


def _numbered(folder: Path, count: int, root: Path, faults: list[str]) -> tuple[Path, ...]:
    """The pictures 1 … count of a clip's folder, as far as they are there; whatever is amiss is added to `faults`."""
    where = folder.relative_to(root).as_posix()
    if not folder.is_dir():
        faults.append(f"{where} missing ({count} pictures)")
        return ()
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        # The official archive was packed on a Mac: .DS_Store, ._001.tif.
        if path.name.startswith(".") or path.suffix.lower() not in _PICTURES:
            continue
        number = re.search(r"(\d+)$", path.stem)
        if number is None or not 1 <= int(number[1]) <= count:
            faults.append(f"{where}/{path.name} unexpected")
        elif int(number[1]) in found:
            faults.append(f"{where}/{path.name} beside {found[int(number[1])].name}")
        else:
            found[int(number[1])] = path
            if path.stat().st_size == 0:
                faults.append(f"{where}/{path.name} empty")
    if not found:
        faults.append(f"{where} holds none of its {count} pictures")
        return ()
    suffix = next(iter(found.values())).suffix
    faults.extend(f"{where}/{n:03}{suffix} missing" for n in range(1, count + 1) if n not in found)
    return tuple(found[n] for n in sorted(found))


def _find_masks(root: Path, test: Sequence[_Found], layout: Layout, faults: list[str]) -> None:
    """Give the test clips their masks, as far as those are whole."""
    folders = [root / "Test" / f"{found.clip.name}_gt" for found in test]
    if not any(folder.is_dir() for folder in folders):
        return
    for found, folder, count in zip(test, folders, layout.test_frames, strict=True):
        if layout.some_masks and not folder.is_dir():
            continue
        before = len(faults)
        masks = PictureMasks(_numbered(folder, count, root, faults))
        if len(faults) == before:
            found.masks = masks


def _labels_of(masks: PictureMasks) -> Labels:
    return np.array([masks(n).any() for n in range(len(masks.paths))], bool)


def _check_sizes(clip: Clip, masks: PictureMasks) -> None:
    # One of each: pictures of another size among the others are told when they are read.
    check_size(masks.paths[0].parent, masks(0).shape, clip, described(clip))


def _read_listing(path: Path, test_frames: Sequence[int]) -> list[Labels | None]:
    """Labels from lines such as `TestVideoFile{end+1}.gt_frame = [61:180];`, one for each test clip in order."""
    text = re.sub(r"%.*", "", path.read_text(encoding="utf-8", errors="replace"))
    entries = re.findall(r"gt_frame\s*=\s*\[([^\]]*)\]", text)
    if len(entries) != len(test_frames):
        raise BenchmarkError(f"{path} lists {len(entries)} clips instead of {len(test_frames)}; copy it anew")
    return [
        _intervals(path, n, entry, count)
        for n, (entry, count) in enumerate(zip(entries, test_frames, strict=True), 1)
    ]


def _intervals(path: Path, clip: int, entry: str, count: int) -> Labels:
    labels: NDArray[np.bool_] = np.zeros(count, bool)
    for part in re.sub(r"\s*:\s*", ":", entry).replace(",", " ").replace(";", " ").split():
        interval = re.fullmatch(r"(\d+)(?::(\d+))?", part)
        first, last = (int(interval[1]), int(interval[2] or interval[1])) if interval else (0, 0)
        if not 1 <= first <= last <= count:
            raise BenchmarkError(
                f"{path}: {part!r} is no interval of the {count} frames of Test{clip:03}; copy it anew"
            )
        labels[first - 1 : last] = True
    return labels


def _compare(folder: Path, layout: Layout, listed: Sequence[Labels | None], masked: Sequence[Labels | None]) -> None:
    faults: list[str] = []
    tolerated: list[str] = []
    for n, (one, other) in enumerate(zip(listed, masked, strict=True), 1):
        if one is None or other is None:
            continue
        differ = np.flatnonzero(one != other) + 1
        if differ.size:
            frames = f"frame {differ[0]}" if differ.size == 1 else f"{differ.size} frames from {differ[0]} on"
            (faults if differ.size > layout.tolerated else tolerated).append(f"Test{n:03} in {frames}")
    if faults:
        raise BenchmarkError(f"{folder}: masks and {layout.listing} disagree on {some(faults)}; copy both anew")
    if tolerated:
        log.warning("%s: masks and %s disagree on %s; the latter is used", folder, layout.listing, some(tolerated))
