"""What the readers of official layouts share: naming what is missing, and checking truth against its video."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Track
from sdmae.errors import BenchmarkError, SourceError
from sdmae.video import Clip, Size, VideoInfo, probe, read_frames
from sdmae.video.say import shape

NAMED = 5
"""Things named one by one in a message; the rest are counted."""
MISCOUNT = 2
"""Frames by which a container may miscount itself."""


def some(names: Sequence[str]) -> str:
    """The first `NAMED` of the names, and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def lacking(kind: str, names: Sequence[str]) -> tuple[str, ...]:
    """One entry of `Benchmark.missing`, such as "testing video 01.avi and 19 more"; nothing where nothing lacks.

    kind: what the names are names of, in the singular.
    """
    return (f"{kind} {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}",) if names else ()


def holding(root: Path, inner: Sequence[str], parts: Sequence[str], title: str, expected: str) -> Path:
    """The folder, `root` itself or one of those `inner` to it, that holds any of the folders `parts`.

    Raises `BenchmarkError` telling what was `expected` of the benchmark called `title`.
    """
    if not root.is_dir():
        raise BenchmarkError(f"{root}: no such folder; name the one that holds {title}, with {expected}")
    for folder in (root, *(root / name for name in inner)):
        if any((folder / part).is_dir() for part in parts):
            return folder
    raise BenchmarkError(f"{root} is not {title}; name its folder, with {expected}")


def settle(
    folder: Path, title: str, missing: Sequence[str], *, training: int | None, test: int, partial: bool
) -> None:
    """Refuse a folder that lacks something, unless `partial`; one without any training or test clip even then.

    training, test: clips of each that were found; training None: none are asked for. Raises `BenchmarkError` naming
    what is missing.
    """
    empty = [split for split, clips in (("training", training), ("test", test)) if clips == 0]
    if empty:
        why = f": {'; '.join(missing)} missing" if missing else ""
        raise BenchmarkError(f"{folder} holds no whole {' and no '.join(empty)} clip of {title}{why}; copy it anew")
    if missing and not partial:
        raise BenchmarkError(
            f"{folder} is not a whole {title}: {'; '.join(missing)} missing; copy it anew, or use what is there "
            f"with --partial"
        )


def described(clip: Clip) -> VideoInfo:
    """What the clip says of itself. Raises `BenchmarkError` naming a file that is no video or picture."""
    try:
        return probe(clip)
    except SourceError as error:
        raise BenchmarkError(str(error)) from error


def count_frames(clip: Clip, info: VideoInfo) -> int:
    """Frames of the clip as its container declares them, which is cheap; decoded and counted where it does not."""
    if info.declared_frames is not None:
        return info.declared_frames
    try:
        return sum(1 for _ in read_frames(clip, (Size(2, 2),)))
    except SourceError as error:
        raise BenchmarkError(str(error)) from error


def check_length(truth: Path, labels: int, clip: Clip, info: VideoInfo) -> None:
    """Refuse labels of another number of frames than the clip's, as far as that is known without decoding it.

    Pictures are counted exactly. A container may miscount, or hold frames that do not decode: against it labels must
    only not be too many, and the evaluation, which decodes everything, refuses the rest.
    """
    if clip.frames and labels != len(clip.frames):
        raise BenchmarkError(
            f"{truth}: {labels} labels for the {len(clip.frames)} frames of {clip.path}; copy both anew"
        )
    if info.declared_frames is not None and labels > info.declared_frames + MISCOUNT:
        raise BenchmarkError(
            f"{truth}: {labels} labels for the {info.declared_frames} frames of {clip.path}; copy both anew"
        )


def check_size(truth: Path, size: tuple[int, int], clip: Clip, info: VideoInfo) -> None:
    """Refuse masks of another size (rows, columns) than the frames they belong to."""
    if tuple(size) != tuple(info.size):
        raise BenchmarkError(
            f"{truth}: masks of {shape(Size(*size))} for frames of {shape(info.size)} in {clip.path}; use masks and "
            f"video of one copy"
        )


def read_array(path: Path, remedy: str = "copy it anew") -> NDArray[np.generic]:
    """The array of an .npy file, mapped and not read. Raises `BenchmarkError` naming a file that is none."""
    try:
        # Objects would be unpickled, which runs code.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BenchmarkError(f"{path} is not an .npy file that can be read; {remedy}") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "buif":
        raise BenchmarkError(f"{path} is not an .npy file of numbers; {remedy}")
    return array


def read_rows(path: Path, columns: Sequence[str]) -> list[tuple[int, tuple[float, ...]]]:
    """The line number, from 1, and the numbers of each row of a text file of comma-separated values without heading.

    Spaces, blank lines and either kind of line end are allowed. Raises `BenchmarkError` naming file and line of a row
    that is not as many finite numbers as there are `columns`.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read ({error.strerror}); copy it anew") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values = tuple(float(part) for part in line.split(","))
        except ValueError:
            values = ()
        if len(values) != len(columns) or not all(math.isfinite(value) for value in values):
            raise BenchmarkError(
                f"{path}, line {number}: {line.strip()[:60]!r} is not {','.join(columns)}; copy the file anew"
            )
        rows.append((number, values))
    return rows


def whole(path: Path, line: int, name: str, value: float) -> int:
    """`value` as the whole number, 0 or more, that it must be. Raises `BenchmarkError` naming file and line."""
    if value != int(value) or value < 0:
        raise BenchmarkError(f"{path}, line {line}: {value:g} cannot be a {name}; copy the file anew")
    return int(value)


def read_region_tracks(path: Path, frames: int) -> tuple[Track, ...]:
    """Tracks from rows `track_id,frame,x_min,y_min,x_max,y_max` of inclusive pixels, in rising order of their ids.

    frames: of the clip; rows beyond them are refused, and so are inverted boxes and a track twice in one frame.
    """
    columns = ("track_id", "frame", "x_min", "y_min", "x_max", "y_max")
    seen: dict[int, dict[int, tuple[float, ...]]] = {}
    for line, (id_, at, *box) in read_rows(path, columns):
        track, frame = whole(path, line, "track_id", id_), whole(path, line, "frame", at)
        if frame >= frames:
            raise BenchmarkError(f"{path}, line {line}: frame {frame} of a clip of {frames}; copy the file anew")
        if box[2] < box[0] or box[3] < box[1]:
            raise BenchmarkError(f"{path}, line {line}: the box ends before it begins; copy the file anew")
        if frame in seen.setdefault(track, {}):
            raise BenchmarkError(f"{path}, line {line}: track {track} again in frame {frame}; copy the file anew")
        # The last pixel belongs to the region; our maxima lie just outside.
        seen[track][frame] = (box[0], box[1], box[2] + 1, box[3] + 1)
    return tuple(
        Track(track, "", np.array(sorted(boxes), np.int64), np.array([boxes[n] for n in sorted(boxes)], np.float64))
        for track, boxes in sorted(seen.items())
    )
