"""Anybody's scores, labels, tracks and detections in files, and the measures of them: `sdmae metrics`.

Frames: one file for each video, .csv or .txt with one number a line or .npy with one dimension. Regions: one .csv or
.txt for each video, one row a line, numbers with commas between:

    tracks      track_id,frame,x_min,y_min,x_max,y_max
    detections  frame,x_min,y_min,x_max,y_max,score

frame counts from 0; boxes are pixels with both ends included and may reach beyond the picture. Rows may be in any
order, and empty lines among them are skipped. An empty file is a video without any. Files of the two folders belong
together by their names without the ending; other files and hidden ones are not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from sdmae.errors import BenchmarkError
from sdmae.metrics import average_precision, equal_error_rate, macro_auc, macro_auc_two_class, micro_auc, rbdc_tbdc

Floats = NDArray[np.float64]

TRACK = ("track_id", "frame", "x_min", "y_min", "x_max", "y_max")
"""Columns of a file of tracks."""
DETECTION = ("frame", "x_min", "y_min", "x_max", "y_max", "score")
"""Columns of a file of detections."""

_TEXT = (".csv", ".txt")
_WHOLE = ("track_id", "frame")
_LARGEST = 2.0**53
"""Up to here a float counts every integer."""
_NAMED = 5
"""Files named one by one in a message; the rest are counted."""


def frames_report(scores: Path, labels: Path) -> dict[str, Any]:
    """Frame-level measures of the scores in one folder by the labels, 0 or 1, in another.

    Returns micro_auc, macro_auc, macro_auc_two_class (None without a video of both classes), average_precision, eer,
    and how many videos, frames and abnormal_frames there are. Raises `BenchmarkError` naming file and line for what
    cannot be read, is not finite or no label; and for names without a partner, different lengths, one class alone.
    """
    pairs = _matched(scores, labels, (*_TEXT, ".npy"))
    values = [_read_frames(path) for path, _ in pairs]
    truth = [_read_labels(path) for _, path in pairs]
    for (score_path, label_path), v, t in zip(pairs, values, truth, strict=True):
        if len(v) != len(t):
            raise BenchmarkError(
                f"{score_path} has {len(v)} scores, but {label_path} has {len(t)} labels; give one of each a frame"
            )
    frames, abnormal = sum(len(t) for t in truth), sum(int(t.sum()) for t in truth)
    if abnormal in (0, frames):
        raise BenchmarkError(
            f"{labels}: all {frames} frames are {'abnormal' if abnormal else 'normal'}; an AUC needs both kinds"
        )
    return {
        "micro_auc": micro_auc(truth, values),
        "macro_auc": macro_auc(truth, values),
        "macro_auc_two_class": macro_auc_two_class(truth, values),
        "average_precision": average_precision(truth, values),
        "eer": equal_error_rate(truth, values),
        "videos": len(pairs),
        "frames": frames,
        "abnormal_frames": abnormal,
    }


def regions_report(tracks: Path, detections: Path, num_frames: int) -> dict[str, Any]:
    """RBDC and TBDC of the detections in one folder by the tracks in another; num_frames: those of all videos.

    Returns rbdc, tbdc, and how many tracks, regions and detections there are. Raises `BenchmarkError` naming file and
    line for rows that are not such numbers, inverted boxes and impossible frames; and for names without a partner, no
    regions at all, and fewer num_frames than there are different frames in the files.
    """
    if num_frames < 1:
        raise BenchmarkError(f"--num-frames is {num_frames}; give the number of frames of all videos together")
    pairs = _matched(tracks, detections, _TEXT)
    truth = _numbered([_read_rows(path, TRACK, num_frames) for path, _ in pairs])
    found = _numbered([_read_rows(path, DETECTION, num_frames) for _, path in pairs])
    if not len(truth):
        raise BenchmarkError(f"{tracks}: no regions in any of {len(pairs)} files; there is nothing to find")
    seen = len(np.unique(np.concatenate([truth[:, [0, 2]], found[:, [0, 1]]]), axis=0))
    if seen > num_frames:
        raise BenchmarkError(
            f"--num-frames is {num_frames}, but {tracks} and {detections} have rows in {seen} different frames; "
            "give the number of frames of all videos together"
        )
    result = rbdc_tbdc(truth, found, num_frames)
    return {
        "rbdc": result.rbdc,
        "tbdc": result.tbdc,
        "tracks": result.tracks,
        "regions": result.regions,
        "detections": result.detections,
    }


def _matched(first: Path, second: Path, endings: Sequence[str]) -> list[tuple[Path, Path]]:
    """Files of the two folders with the same name but for the ending, sorted by it."""
    one, other = _files(first, endings), _files(second, endings)
    alone = [path for name, path in one.items() if name not in other]
    alone += [path for name, path in other.items() if name not in one]
    if alone:
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        raise BenchmarkError(
            f"{', '.join(map(str, alone[:_NAMED]))}{more}: no file of that name in the other folder; {first} and "
            f"{second} must have one for each video (an empty one where there are no rows)"
        )
    return [(path, other[name]) for name, path in one.items()]


def _files(folder: Path, endings: Sequence[str]) -> dict[str, Path]:
    if not folder.is_dir():
        raise BenchmarkError(f"{folder}: no such folder; name one with a file for each video")
    try:
        every = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings and path.is_file())
    except OSError as error:
        raise BenchmarkError(f"{folder}: cannot be listed ({error.strerror}); mend its rights") from None
    found: dict[str, Path] = {}
    for path in every:
        if path.name.startswith("."):
            continue
        if path.stem in found:
            raise BenchmarkError(f"{found[path.stem]} and {path} are of the same video; remove one of them")
        found[path.stem] = path
    if not found:
        raise BenchmarkError(f"{folder}: no file that ends in {', '.join(endings)}; give one for each video")
    return found


def _read_frames(path: Path) -> Floats:
    """The numbers (N,) of a video, N >= 1, finite."""
    if path.suffix.lower() == ".npy":
        values = _read_array(path)
    else:
        rows = list(_lines(path))
        while rows and not rows[-1].strip():
            rows.pop()
        values = np.array([_number(path, line, text, "a number") for line, text in enumerate(rows, 1)])
    if not len(values):
        raise BenchmarkError(f"{path}: empty; give one number for each frame")
    return values


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


def _read_rows(path: Path, columns: tuple[str, ...], num_frames: int) -> Floats:
    """Rows (n, 6) of the columns, checked."""
    text = list(_lines(path))
    data = _parsed(text, len(columns))
    if data is None:
        data = _parsed_row_by_row(path, text, columns)
    box = data[:, columns.index("x_min") :][:, :4]
    frame = data[:, columns.index("frame")]
    exact = data[:, [k for k, name in enumerate(columns) if name != "score"]]
    whole = data[:, [k for k, name in enumerate(columns) if name in _WHOLE]]
    for bad, what in (
        ((whole % 1 != 0).any(axis=1), f"{' and '.join(n for n in columns if n in _WHOLE)} must be whole"),
        (frame < 0, "the frame is negative; frames count from 0"),
        (
            frame >= num_frames,
            f"the frame lies beyond --num-frames {num_frames}, which is that of all videos together",
        ),
        ((np.abs(exact) > _LARGEST).any(axis=1), "a number beyond 2^53; give pixels and frames"),
        ((box[:, 2:] < box[:, :2]).any(axis=1), "an inverted box; give x_min <= x_max and y_min <= y_max"),
    ):
        if bad.any():
            filled = [line for line, row in enumerate(text, 1) if row.strip()]
            _refuse(path, filled[int(np.argmax(bad))], what)
    return data


def _parsed(text: Sequence[str], columns: int) -> Floats | None:
    """The rows by NumPy, ten times as fast as one by one; None where anything is odd, and somebody must say what."""
    if not any(row.strip() for row in text):
        return np.zeros((0, columns))
    try:
        data = np.loadtxt(text, np.float64, comments=None, delimiter=",", ndmin=2)
    except ValueError:
        return None
    return data if data.shape[1] == columns and np.isfinite(data).all() else None


def _parsed_row_by_row(path: Path, text: Sequence[str], columns: tuple[str, ...]) -> Floats:
    rows = []
    for line, row in enumerate(text, 1):
        if row.strip():
            fields = row.split(",")
            if len(fields) != len(columns):
                _refuse(path, line, f"{len(fields)} values instead of {len(columns)}; give {','.join(columns)}")
            rows.append([_number(path, line, field, name) for field, name in zip(fields, columns, strict=True)])
    return np.array(rows, np.float64)


def _numbered(videos: Sequence[Floats]) -> Floats:
    """All rows, each with the number of its video before it: (n, 7)."""
    return np.concatenate([np.column_stack([np.full(len(rows), float(k)), rows]) for k, rows in enumerate(videos)])


def _lines(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BenchmarkError(f"{path}: cannot be read ({error.strerror}); mend its rights") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(path, data.count(b"\n", 0, error.start) + 1, "is not text; give numbers")
    # Not splitlines, which knows ends of lines that no editor counts.
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return iter(rows if rows[-1] else rows[:-1])


def _number(path: Path, line: int, text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        _refuse(path, line, f"{_shown(text)} where {name} should be; give a finite number")
    return value


def _shown(text: str) -> str:
    cleaned = " ".join(text.split())
    return repr(cleaned if len(cleaned) <= 40 else cleaned[:37] + "...") if cleaned else "nothing"


def _refuse_at(path: Path, frame: int, what: str) -> NoReturn:
    """Names the line of a frame, or in an array, which has no lines, the frame."""
    if path.suffix.lower() == ".npy":
        raise BenchmarkError(f"{path}: frame {frame}: {what}")
    _refuse(path, frame + 1, what)


def _refuse(path: Path, line: int, what: str) -> NoReturn:
    raise BenchmarkError(f"{path}:{line}: {what}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
