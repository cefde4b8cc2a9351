"""UCSD Ped2 in its official layout: V. Mahadevan et al., Anomaly Detection in Crowded Scenes, CVPR 2010.

    Train/Train001 … Train016/001.tif …     16 clips,  2,550 frames, all normal
    Test/Test001 … Test012/001.tif …        12 clips,  2,010 frames, 1,648 of them abnormal
    Test/Test001_gt … Test012_gt/001.bmp …  one pixel mask a frame
    Test/UCSDped2.m                         abnormal frames of each test clip, from 1, ends included

Frames and masks may be .tif, .jpg, .png or .bmp alike: many copies are converted ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark, Labels, Mask, TestClip
from sdmae.errors import BenchmarkError, SourceError
from sdmae.video.frame import Clip
from sdmae.video.pictures import read_picture

RATE = 10.0
"""Frames a second of the dataset."""

TRAIN_FRAMES = (120, 150, 150, 180, 180, 150, 150, 120, 180, 180, 180, 180, 180, 150, 150, 150)
"""Frames of Train001 … Train016: 2,550."""

TEST_FRAMES = (180, 180, 150, 180, 150, 180, 180, 180, 120, 150, 180, 180)
"""Frames of Test001 … Test012: 2,010."""

_PICTURES = (".tif", ".tiff", ".jpg", ".jpeg", ".png", ".bmp")
_NAMED = 5
"""Faults named one by one in a message; the rest are counted."""


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


def read_ped2(
    root: Path,
    *,
    train_frames: Sequence[int] = TRAIN_FRAMES,
    test_frames: Sequence[int] = TEST_FRAMES,
) -> Benchmark:
    """UCSD Ped2 in `root`, which is the folder UCSDped2 itself, one that holds it, or the unpacked official archive.

    train_frames, test_frames: frames of each clip that there must be; others than the official ones are for a subset.

    A frame is abnormal where its mask has any pixel, which is also what `UCSDped2.m` says of all 2,010 frames. Where
    the copy has only the masks or only `UCSDped2.m`, that one is used; where it has both, they must agree.
    Every folder is listed and every mask is decoded (half a second); frames are not decoded.

    Raises `BenchmarkError` naming the clips and files that are missing, empty or too many.
    """
    folder = _find(root)
    faults: list[str] = []
    _name_strangers(folder / "Train", "Train", len(train_frames), faults)
    _name_strangers(folder / "Test", "Test", len(test_frames), faults)
    training = [
        Clip(f"Train{n:03}", path := folder / "Train" / f"Train{n:03}", _numbered(path, count, folder, faults), RATE)
        for n, count in enumerate(train_frames, 1)
    ]
    test = [
        Clip(f"Test{n:03}", path := folder / "Test" / f"Test{n:03}", _numbered(path, count, folder, faults), RATE)
        for n, count in enumerate(test_frames, 1)
    ]
    masks = _find_masks(folder, test_frames, faults)
    listing = folder / "Test" / "UCSDped2.m"
    if masks is None and not listing.is_file():
        faults.append("Test/UCSDped2.m and the masks Test/Test*_gt missing (one of them is needed)")
    if faults:
        if not any(clip.frames for clip in (*training, *test)):
            raise BenchmarkError(_stranger(folder))
        raise BenchmarkError(f"{folder} is not a whole UCSD Ped2: {_some(faults)}; copy it anew")

    from_listing = _read_listing(listing, test_frames) if listing.is_file() else None
    from_masks = None if masks is None else [_labels_of(clip) for clip in masks]
    if from_listing is not None and from_masks is not None:
        _compare(folder, from_listing, from_masks)
    labels = from_masks or from_listing or []
    readers: Sequence[PictureMasks | None] = masks or [None] * len(test)
    return Benchmark(
        name="ped2",
        rate=RATE,
        training=tuple(training),
        test=tuple(TestClip(c, lab, reader) for c, lab, reader in zip(test, labels, readers, strict=True)),
    )


def _find(root: Path) -> Path:
    """The folder that holds Train and Test, at or below `root`."""
    if not root.is_dir():
        raise BenchmarkError(f"{root}: no such folder; name the one that holds UCSD Ped2's Train and Test")
    for folder in (root, root / "UCSDped2", root / "UCSD_Anomaly_Dataset.v1p2" / "UCSDped2"):
        if (folder / "Train").is_dir() or (folder / "Test").is_dir():
            if _is_ped1(folder):
                raise BenchmarkError(f"{folder} looks like UCSD Ped1; name the folder of Ped2, {_expected()}")
            return folder
    raise BenchmarkError(_stranger(root))


def _is_ped1(folder: Path) -> bool:
    return (folder / "Test" / "UCSDped1.m").is_file() or (folder / "Train" / "Train034").is_dir()


def _stranger(folder: Path) -> str:
    return f"{folder} is not UCSD Ped2; name its folder UCSDped2, {_expected()}"


def _expected() -> str:
    return (
        f"with Train/Train001 … Train016 ({sum(TRAIN_FRAMES)} pictures) and Test/Test001 … Test012 "
        f"({sum(TEST_FRAMES)} pictures)"
    )


def _name_strangers(folder: Path, prefix: str, clips: int, faults: list[str]) -> None:
    """Name clips beyond the official ones."""
    known = {f"{prefix}{n:03}" for n in range(1, clips + 1)}
    if not folder.is_dir():
        return  # every one of its clips is named as missing
    for path in sorted(folder.iterdir()):
        clip = path.name.removesuffix("_gt")
        if path.is_dir() and re.fullmatch(rf"{prefix}\d+", clip) and clip not in known:
            faults.append(f"{folder.name}/{path.name} unexpected")


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


def _find_masks(root: Path, test_frames: Sequence[int], faults: list[str]) -> list[PictureMasks] | None:
    """The masks of every test clip, or None where the copy has no folder of masks at all."""
    folders = [root / "Test" / f"Test{n:03}_gt" for n in range(1, len(test_frames) + 1)]
    if not any(folder.is_dir() for folder in folders):
        return None
    return [PictureMasks(_numbered(f, n, root, faults)) for f, n in zip(folders, test_frames, strict=True)]


def _labels_of(masks: PictureMasks) -> Labels:
    return np.array([masks(n).any() for n in range(len(masks.paths))], bool)


def _read_listing(path: Path, test_frames: Sequence[int]) -> list[Labels]:
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


def _compare(folder: Path, listed: list[Labels], masked: list[Labels]) -> None:
    faults = []
    for n, (one, other) in enumerate(zip(listed, masked, strict=True), 1):
        differ = np.flatnonzero(one != other) + 1
        if differ.size:
            frames = f"frame {differ[0]}" if differ.size == 1 else f"{differ.size} frames from {differ[0]} on"
            faults.append(f"Test{n:03} in {frames}")
    if faults:
        raise BenchmarkError(f"{folder}: masks and Test/UCSDped2.m disagree on {_some(faults)}; copy both anew")


def _some(faults: list[str]) -> str:
    more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return ", ".join(faults[:_NAMED]) + more
