"""UBnormal in its official layout: A. Acsintoae et al., Supervised Open-Set Video Anomaly Detection, CVPR 2022.

    Scene1 … Scene29/normal_scene_1_scenario_1.mp4 …
    Scene1 … Scene29/abnormal_scene_1_scenario_3.mp4 …
    Scene1/abnormal_scene_1_scenario_3_annotations/abnormal_scene_1_scenario_3_0000_gt.png …
                                                      one picture a frame, from 0: the object's number, 0 the ground
    Scene1/abnormal_scene_1_scenario_3_annotations/abnormal_scene_1_scenario_3_tracks.txt
                                                      which of the objects are abnormal, and when: rows
                                                      object_id,first,last; frames from 0, both inclusive
    {normal,abnormal}_{training,validation,test}_video_names.txt
                                                      the split, one name a line, here or in `scripts`

Rendered scenes in colour, 30 frames a second. The pictures hold the ordinary objects as well: a number without a row
in the tracks is no fault, but normal. Normal videos have such pictures too; they are not needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark, Labels, Mask, TestClip, Track
from sdmae.data.layout import (
    MISCOUNT,
    check_size,
    count_frames,
    described,
    holding,
    lacking,
    read_rows,
    settle,
    some,
    whole,
)
from sdmae.errors import BenchmarkError, SourceError
from sdmae.video import Clip
from sdmae.video.pictures import read_picture

RATE = 30.0
"""Frames a second of the dataset."""

TITLE = "UBnormal"
EXPECTED = "Scene1 … Scene29 and the six lists normal_training_video_names.txt …"
SCENES = tuple(f"Scene{n}" for n in range(1, 30))

_NAME = re.compile(r"(normal|abnormal)_scene_([0-9]+)_[A-Za-z0-9_]+")

Numbers = NDArray[np.uint8]
"""(H, W) uint8: the number of the object that each pixel shows, 0 for the ground."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A row of a tracks file: an object is abnormal from one frame to another, both included."""

    object: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Annotations:
    """What a video's folder of annotations holds."""

    folder: Path
    intervals: tuple[Interval, ...]
    """Rising by object, then as in the file."""
    pictures: tuple[Path, ...]
    """One a frame, from frame 0."""

    def numbers(self, frame: int) -> Numbers:
        """The object numbers of a frame; those of the last picture for the frame or two that a video may have more.

        Raises `BenchmarkError` naming a picture that does not decode, or holds colours.
        """
        return _numbers(self.pictures[min(frame, len(self.pictures) - 1)])


@dataclass(frozen=True, slots=True)
class ObjectMasks:
    """Pixel masks of the objects that are abnormal at a frame; those of others are normal."""

    annotations: Annotations

    def __call__(self, index: int) -> Mask:
        """The mask (H, W) of frame `index`. Raises `BenchmarkError` naming a picture that does not decode."""
        active = [one.object for one in self.annotations.intervals if one.first <= index <= one.last]
        return np.isin(self.annotations.numbers(index), active)


@dataclass(frozen=True, slots=True)
class NoMasks:
    """The masks of a normal video."""

    size: tuple[int, int]

    def __call__(self, index: int) -> Mask:
        """(H, W) of nothing but False."""
        return np.zeros(self.size, bool)


@dataclass(slots=True)
class ObjectTracks(Sequence[Track]):
    """One track for each row of a tracks file, its boxes from the pictures when they are first asked for.

    Reading them means decoding every picture of an abnormal object, minutes for the whole test split, and only
    measures that look at regions need them.
    """

    annotations: Annotations
    _read: tuple[Track, ...] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.annotations.intervals)

    @overload
    def __getitem__(self, index: int) -> Track: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Track, ...]: ...
    def __getitem__(self, index: int | slice) -> Track | tuple[Track, ...]:
        return self._tracks()[index]

    def __iter__(self) -> Iterator[Track]:
        return iter(self._tracks())

    def _tracks(self) -> tuple[Track, ...]:
        if self._read is None:
            self._read = read_object_tracks(self.annotations)
        return self._read


def read_ubnormal(root: Path, *, partial: bool = False, video: bool = True) -> Benchmark:
    """UBnormal in `root`: the folder that holds Scene1 … Scene29 and the lists of the split, or one around it.

    partial: use the videos that are there, and name the others in `missing`, instead of refusing the folder.
    video: False where the test videos may be missing: a clip then has as many frames as there are pictures of it, so
    that those of normal videos are needed, too.

    The training split is the *normal* training videos; abnormal training videos are for synthetic anomalies alone
    (`sdmae.data.anomalies.ubnormal`). The test split is the normal and the abnormal test videos. A frame is abnormal
    from the first to the last frame of any row of its video's tracks file, as in the official scripts; there are as
    many labels as the video declares frames. Tracks are read when they are asked for.

    Raises `BenchmarkError` naming what is missing, and files that cannot be read or do not belong together.
    """
    folder = find_folder(root)
    kinds = ("normal_training", "normal_test", "abnormal_test") if video else ("normal_test", "abnormal_test")
    names = {kind: read_names(folder, kind) for kind in kinds}
    names.setdefault("normal_training", [])
    both = sorted(set(names["normal_training"]) & {*names["normal_test"], *names["abnormal_test"]})
    if both:
        raise BenchmarkError(f"{folder}: {some(both)} in the lists of training and of test; copy the lists anew")
    find = find_video if video else _find_counted
    videos = {kind: {name: clip for name in names[kind] if (clip := find(folder, name))} for kind in names}
    truth = {name: _beside(clip) / f"{name}_tracks.txt" for name, clip in videos["abnormal_test"].items()}
    untold = [name for name, path in truth.items() if not path.is_file()]
    absent = {kind: [name for name in names[kind] if name not in videos[kind]] for kind in names}
    absent_tests = absent["normal_test"] + absent["abnormal_test"]
    missing = (
        *lacking("training video", [f"{name}.mp4" for name in absent["normal_training"]]),
        *(lacking("test video", [f"{name}.mp4" for name in absent_tests]) if video else ()),
        *lacking("annotations", [f"{name}_annotations" for name in (untold if video else absent_tests + untold)]),
    )
    abnormal = [name for name in videos["abnormal_test"] if name not in untold]
    clips = len(videos["normal_test"]) + len(abnormal)
    training = len(videos["normal_training"]) if video else None
    settle(folder, TITLE, missing, training=training, test=clips, partial=partial)
    normal = [_normal(clip) for clip in videos["normal_test"].values()]
    return Benchmark(
        name="ubnormal",
        rate=RATE,
        training=tuple(videos["normal_training"].values()),
        test=(*normal, *(_abnormal(videos["abnormal_test"][name], truth[name]) for name in abnormal)),
        missing=missing,
    )


def find_folder(root: Path) -> Path:
    """The folder of the scenes at or in `root`. Raises `BenchmarkError` telling what was expected."""
    return holding(root, ("UBnormal", "ubnormal"), SCENES, TITLE, EXPECTED)


def read_names(folder: Path, kind: str) -> list[str]:
    """The names in `<kind>_video_names.txt`, in their order; `kind` such as "abnormal_test".

    Raises `BenchmarkError` where the list is missing, empty, or names anything else than videos of that kind.
    """
    places = (folder, folder / "scripts", folder.parent, folder.parent / "scripts")
    paths = [place / f"{kind}_video_names.txt" for place in places]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise BenchmarkError(
            f"{folder} lacks {paths[0].name}; copy it there from `scripts` of github.com/lilygeorgescu/UBnormal"
        )
    names: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), 1):
        name = line.strip().removesuffix(".mp4")
        found = _NAME.fullmatch(name)
        if name and (found is None or found[1] != kind.split("_")[0] or name in names):
            why = "is there twice" if name in names else f"is no {kind.split('_')[0]} video"
            raise BenchmarkError(f"{path}, line {number}: {name[:60]!r} {why}; copy the list anew")
        if name:
            names.append(name)
    if not names:
        raise BenchmarkError(f"{path} names no video; copy the list anew")
    return names


def find_video(folder: Path, name: str) -> Clip | None:
    """The clip of that name in its scene's folder, or None where it is not there."""
    clip = _clip(folder, name)
    return clip if clip.path.is_file() else None


def _find_counted(folder: Path, name: str) -> Clip | None:
    """The clip where its frames can be counted, in the video or in the pictures beside it."""
    clip = _clip(folder, name)
    return clip if clip.path.is_file() or _beside(clip).is_dir() else None


def _clip(folder: Path, name: str) -> Clip:
    found = _NAME.fullmatch(name)
    return Clip(name, folder / f"Scene{found[2] if found else ''}" / f"{name}.mp4", rate=RATE)


def _beside(clip: Clip) -> Path:
    """The folder of the clip's annotations."""
    return clip.path.with_name(f"{clip.name}_annotations")


def read_intervals(path: Path) -> tuple[Interval, ...]:
    """The rows of a tracks file, rising by object. Raises `BenchmarkError` naming file and line of a faulty one."""
    columns = ("object_id", "first", "last")
    intervals = []
    for line, values in read_rows(path, columns):
        number, first, last = (whole(path, line, n, v) for n, v in zip(columns, values, strict=True))
        if number == 0 or number > 255:
            raise BenchmarkError(f"{path}, line {line}: {number} is the number of no object; copy the file anew")
        if last < first:
            raise BenchmarkError(f"{path}, line {line}: ends at {last}, before it begins; copy the file anew")
        intervals.append(Interval(number, first, last))
    if not intervals:
        raise BenchmarkError(f"{path} names no abnormal object; copy it anew")
    return tuple(sorted(intervals, key=lambda one: one.object))


def read_annotations(clip: Clip) -> Annotations:
    """The annotations beside an abnormal video; its pictures are listed, not decoded.

    Raises `BenchmarkError` naming a picture that is missing, and rows beyond the pictures.
    """
    folder = _beside(clip)
    path = folder / f"{clip.name}_tracks.txt"
    intervals = read_intervals(path)
    pictures = _pictures(clip)
    count = len(pictures)
    late = next((one for one in intervals if one.last >= count + MISCOUNT or one.first >= count), None)
    if late:
        raise BenchmarkError(
            f"{path}: object {late.object} until frame {late.last}, but there are pictures of {count}; copy both anew"
        )
    return Annotations(folder, intervals, pictures)


def _pictures(clip: Clip) -> tuple[Path, ...]:
    """The pictures of the object numbers, one a frame. Raises `BenchmarkError` where one is missing."""
    folder = _beside(clip)
    found: dict[int, Path] = {}
    for picture in folder.iterdir():
        number = re.fullmatch(rf"{re.escape(clip.name)}_([0-9]+)_gt\.png", picture.name)
        if number:
            found[int(number[1])] = picture
    count = max(found, default=-1) + 1
    gaps = sorted(set(range(count)) - set(found))
    if gaps or not found:
        which = f"{clip.name}_{gaps[0] if gaps else 0:04}_gt.png"
        raise BenchmarkError(
            f"{folder} lacks {which}{f' and {len(gaps) - 1} more' if len(gaps) > 1 else ''}; copy it anew"
        )
    return tuple(found[n] for n in range(count))


def read_object_tracks(annotations: Annotations) -> tuple[Track, ...]:
    """A track for each row, numbered in their order; frames in which nothing of the object is seen are left out.

    A box is that of the object's piece with the largest box, as in the official script for RBDC and TBDC.
    """
    seen: list[dict[int, tuple[int, ...]]] = [{} for _ in annotations.intervals]
    first = min(one.first for one in annotations.intervals)
    last = min(max(one.last for one in annotations.intervals), len(annotations.pictures) - 1)
    for frame in range(first, last + 1):
        active = [n for n, one in enumerate(annotations.intervals) if one.first <= frame <= one.last]
        if not active:
            continue
        numbers = annotations.numbers(frame)
        for n in active:
            box = object_box(np.equal(numbers, annotations.intervals[n].object))
            if box is not None:
                seen[n][frame] = box
    return tuple(
        Track(n, "", np.array(list(boxes), np.int64), np.array(list(boxes.values()), np.float64).reshape(-1, 4))
        for n, boxes in enumerate(seen)
    )


def object_box(mask: Mask) -> tuple[int, int, int, int] | None:
    """x_min, y_min, x_max, y_max, the maxima just outside, of the piece of a mask (H, W) whose box is the largest."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count == 1:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]))
    x, y, w, h = (int(v) for v in stats[largest, :4])
    return x, y, x + w, y + h


def _numbers(path: Path) -> Numbers:
    try:
        picture = read_picture(path)
    except SourceError as error:
        raise BenchmarkError(str(error)) from error
    if picture.shape[2] == 3 and (picture != picture[..., :1]).any():
        raise BenchmarkError(f"{path}: colours instead of object numbers; copy it anew")
    return np.ascontiguousarray(picture[..., 0])


def _normal(clip: Clip) -> TestClip:
    if not clip.path.is_file():
        pictures = _pictures(clip)
        return TestClip(clip, np.zeros(len(pictures), bool), NoMasks(_numbers(pictures[0]).shape), ())
    info = described(clip)
    return TestClip(clip, np.zeros(count_frames(clip, info), bool), NoMasks(info.size), ())


def _abnormal(clip: Clip, path: Path) -> TestClip:
    annotations = read_annotations(clip)
    frames = len(annotations.pictures)
    if clip.path.is_file():
        info = described(clip)
        check_size(annotations.pictures[0], annotations.numbers(0).shape, clip, info)
        frames = count_frames(clip, info)
    if abs(frames - len(annotations.pictures)) > MISCOUNT:
        raise BenchmarkError(
            f"{annotations.folder}: {len(annotations.pictures)} pictures for the {frames} frames of {clip.path}; "
            f"copy both anew"
        )
    labels: Labels = np.zeros(frames, bool)
    for one in annotations.intervals:
        _check_seen(path, one, annotations)
        labels[one.first : one.last + 1] = True
    return TestClip(clip, labels, ObjectMasks(annotations), ObjectTracks(annotations))


def _check_seen(path: Path, one: Interval, annotations: Annotations) -> None:
    """Refuse an object of which there is no pixel; mostly the first picture that is looked at shows it."""
    likely = [(one.first + one.last) // 2, one.first, one.last]
    for frame in (*likely, *range(one.first, min(one.last + 1, len(annotations.pictures)))):
        if (annotations.numbers(frame) == one.object).any():
            return
    raise BenchmarkError(f"{path}: object {one.object} is in none of its pictures; copy the annotations anew")
