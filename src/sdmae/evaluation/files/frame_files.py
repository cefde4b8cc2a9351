"""Anybody's frame scores and frame labels in files, one file for each video.

A file is .csv or .txt with one number a line, .npy with one dimension, or a table of scores as `sdmae detect` and
`sdmae evaluate` write it, with the header `frame,time,score` and rows in any order. They lie side by side in a
folder, named as the video, or as DIR/VIDEO/scores.csv, as those verbs lay them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import BenchmarkError
from sdmae.evaluation.files.number_files import (
    check_header,
    check_matched,
    files_by_video,
    listed,
    number,
    read_lines,
    refuse,
)

Floats = NDArray[np.float64]

SCORES = "scores.csv"
"""The scores of a video in the folder of its own that evaluate gives it."""
ENDINGS = (".csv", ".txt", ".npy")
"""Of files that lie side by side."""
PARTIAL = "partial: not comparable with published figures"
"""What is said of figures from a benchmark that is not whole."""
SERIES, REGIONS = "series", "regions"
"""Folders of evaluate's own beside those of the videos: scores and labels, one number a line, for
`sdmae metrics frames`; tracks and detections for `sdmae metrics regions`."""

_HEADER = ("frame", "time", "score")


@dataclass(frozen=True, slots=True)
class Truth:
    """Frame labels of some videos, read when they are asked for."""

    where: str
    """The folder or the benchmark, for messages."""
    origins: Mapping[str, str]
    """What the labels of each video come from, for messages, by the video's name."""
    read: Callable[[str], Floats]
    """The labels (N,) of a video, 0 or 1. Raises `BenchmarkError` for what is neither."""


def folder_truth(folder: Path) -> Truth:
    """The labels in the files of a folder. Raises `BenchmarkError` where there are none."""
    files = files_by_video(folder, ENDINGS)
    return Truth(
        str(folder), {name: str(path) for name, path in files.items()}, lambda name: _read_labels(files[name])
    )


def score_files(folder: Path) -> dict[str, Path]:
    """The file of scores of each video. Raises `BenchmarkError` where there are none."""
    return files_by_video(folder, ENDINGS, SCORES, known=(SERIES, REGIONS))


def read_pairs(scores: Path, truth: Truth) -> dict[str, tuple[Floats, Floats]]:
    """Labels and scores of every video, (N,) each, by its name, in its order.

    Of a table that leaves frames out (the video was faster than the detector), the scores between are interpolated,
    as evaluate does. Raises `BenchmarkError` naming file and line for what cannot be read, is not finite or no label;
    and for names without a partner and different lengths.
    """
    files = score_files(scores)
    check_matched(
        files,
        truth.origins,
        f"no file of that name in the other folder; {scores} and {truth.where} must have one for each video",
    )
    every = {name: _read_scores(path) for name, path in files.items()}
    pairs = {}
    for name, path in files.items():
        labels = truth.read(name)
        pairs[name] = labels, _at_frames(path, *every[name], len(labels), truth.origins[name])
    return pairs


def _at_frames(path: Path, values: Floats, frames: NDArray[np.int64] | None, count: int, origin: str) -> Floats:
    """Scores of the frames 0 to count - 1."""
    if frames is None:
        frames = np.arange(len(values))
    gaps = np.diff(frames, prepend=-1)
    step = round(float(np.median(gaps)))
    if step == 1:
        if len(values) != count or gaps.max() > 1:
            raise BenchmarkError(
                f"{path} has {len(values)} scores{_none_of(frames, gaps, 1)}, but {origin} has {count} labels; "
                "give one of each a frame"
            )
        return values
    # A video faster than the detector: not every frame was looked at, nor need the last ones have been.
    last = int(frames[-1])
    if gaps.max() > 2 * step or not last < count <= last + 1 + step:
        raise BenchmarkError(
            f"{path} has scores of frames {frames[0]} to {last}, one in {step}{_none_of(frames, gaps, 2 * step)}, "
            f"but {origin} has {count} labels; give scores of the whole of the same video"
        )
    return np.interp(np.arange(count), frames, values)


def _none_of(frames: NDArray[np.int64], gaps: NDArray[np.int64], usual: int) -> str:
    """Words for the frames before those (K,) from which the one before is further away than usual."""
    wide = np.flatnonzero(gaps > usual)
    spans = zip((frames - gaps + 1)[wide].tolist(), (frames - 1)[wide].tolist(), strict=True)
    lacking = [f"{first}" if first == last else f"{first} to {last}" for first, last in spans]
    return f" (none of frame {listed(lacking)})" if lacking else ""


def _read_scores(path: Path) -> tuple[Floats, NDArray[np.int64] | None]:
    """The scores, and the frames they are of where the file says so."""
    if path.suffix.lower() == ".npy":
        return _read_frames(path), None
    rows = _filled(path)
    if not rows or tuple(field.strip() for field in rows[0].split(",")) != _HEADER:
        if rows:
            check_header(path, 1, rows[0], ",".join(_HEADER))
        return _read_frames(path), None
    values: dict[int, float] = {}
    lines: dict[int, int] = {}
    for line, row in enumerate(rows[1:], 2):
        fields = row.split(",")
        if len(fields) != len(_HEADER):
            refuse(path, line, f"{len(fields)} values instead of {len(_HEADER)}; give {','.join(_HEADER)}")
        frame, _, score = (number(path, line, field, name) for field, name in zip(fields, _HEADER, strict=True))
        if frame % 1 or not 0 <= frame < 2**53:
            refuse(path, line, f"frame {frame:g}; frames are whole numbers that count from 0")
        if frame in values:
            refuse(path, line, f"frame {frame:.0f} again, after line {lines[int(frame)]}; give each frame once")
        values[int(frame)], lines[int(frame)] = score, line
    if not values:
        raise BenchmarkError(f"{path}: no scores below its header; give one for each frame")
    frames = sorted(values)
    return np.array([values[frame] for frame in frames]), np.array(frames, np.int64)


def _read_frames(path: Path) -> Floats:
    """The numbers (N,) of a video, N >= 1, finite."""
    if path.suffix.lower() == ".npy":
        values = _read_array(path)
    else:
        rows = _filled(path)
        if rows:
            check_header(path, 1, rows[0])
        values = np.array([number(path, line, text, "a number") for line, text in enumerate(rows, 1)])
    if not len(values):
        raise BenchmarkError(f"{path}: empty; give one number for each frame")
    return values


def _filled(path: Path) -> list[str]:
    """The lines up to the last that says anything."""
    rows = list(read_lines(path))
    while rows and not rows[-1].strip():
        rows.pop()
    return rows


def _read_labels(path: Path) -> Floats:
    values = _read_frames(path)
    bad = np.flatnonzero((values != 0) & (values != 1))
    if len(bad):
        _refuse_at(path, int(bad[0]), f"the label is {values[bad[0]]:g}; labels are 0 (normal) or 1 (abnormal)")
    return values


def _read_array(path: Path) -> Floats:
    try:
        # Mapped, so that a damaged head that claims terabytes is refused instead of tried.
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # its head is read as Python, so that a damaged one may raise anything
        raise BenchmarkError(
            f"{path}: cannot be read as .npy ({_one_line(error)}); save it with numpy.save"
        ) from None
    if data.ndim != 1 or data.dtype.kind not in "biuf":
        raise BenchmarkError(f"{path}: is {data.dtype} of shape {data.shape}; save one number for each frame")
    values = np.array(data, np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        _refuse_at(path, int(bad[0]), f"{values[bad[0]]} is not a finite number; give one for each frame")
    return values


def _refuse_at(path: Path, frame: int, what: str) -> NoReturn:
    """Names the line of a frame, or in an array, which has no lines, the frame."""
    if path.suffix.lower() == ".npy":
        raise BenchmarkError(f"{path}: frame {frame}: {what}")
    refuse(path, frame + 1, what)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
