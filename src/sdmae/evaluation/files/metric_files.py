"""Anybody's scores, labels, tracks and detections in files, and the measures of them: `sdmae metrics`.

Frames: see `frame_files`. Regions: one .csv or .txt for each video, one row a line, numbers with commas between:

    tracks      track_id,frame,x_min,y_min,x_max,y_max
    detections  frame,x_min,y_min,x_max,y_max,score

frame counts from 0; boxes are pixels with both ends included and may reach beyond the picture. Rows may be in any
order, empty lines among them are skipped, and the first may be the header shown above. An empty file is a video
without any. Files of the two folders belong together by their names without the ending; other files are not looked
at, and told. A benchmark's own labels and tracks can take the place of a folder of them: its test clips are the
videos, by their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark
from sdmae.errors import BenchmarkError
from sdmae.evaluation.files.benchmark_truth import benchmark_truth
from sdmae.evaluation.files.frame_files import folder_truth, read_pairs
from sdmae.evaluation.files.number_files import (
    check_header,
    check_matched,
    files_by_video,
    number,
    read_lines,
    refuse,
)
from sdmae.evaluation.region_truth import counted_clips, true_regions
from sdmae.metrics import (
    RegionResult,
    average_precision,
    equal_error_rate,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    rbdc_tbdc,
)
from sdmae.progress import say

Floats = NDArray[np.float64]

NEAR = 0.95
"""False positives a frame from which on a curve has been followed to its end, for all that it matters."""

TRACK = ("track_id", "frame", "x_min", "y_min", "x_max", "y_max")
"""Columns of a file of tracks."""
DETECTION = ("frame", "x_min", "y_min", "x_max", "y_max", "score")
"""Columns of a file of detections."""

_TEXT = (".csv", ".txt")
_WHOLE = ("track_id", "frame")
_LARGEST = 2.0**53
"""Up to here a float counts every integer."""


def frames_report(scores: Path, labels: Path | Benchmark) -> dict[str, Any]:
    """Frame-level measures of the scores in a folder by the labels in another or of a benchmark's test clips.

    Returns micro_auc, macro_auc, macro_auc_two_class (None without a video of both classes), average_precision, eer,
    and how many videos, frames and abnormal_frames there are; for a benchmark also its name and what of its ground
    truth is missing, see `_about`. Raises `BenchmarkError` naming file and line for what
    cannot be read, is not finite or no label; and for names without a partner, different lengths, one class alone.
    """
    where = benchmark_truth(labels) if isinstance(labels, Benchmark) else folder_truth(labels)
    pairs = read_pairs(scores, where)
    truth, values = [t for t, _ in pairs.values()], [v for _, v in pairs.values()]
    frames, abnormal = sum(len(t) for t in truth), sum(int(t.sum()) for t in truth)
    if abnormal in (0, frames):
        raise BenchmarkError(
            f"{where.where}: all {frames} frames are {'abnormal' if abnormal else 'normal'}; an AUC needs both kinds"
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
        **_about(labels),
    }


def regions_report(tracks: Path | Benchmark, detections: Path, num_frames: int | None = None) -> dict[str, Any]:
    """RBDC and TBDC of the detections in one folder by the tracks in another or of a benchmark's test clips.

    num_frames: those of all videos; a benchmark knows its own. Returns rbdc, tbdc, and how many tracks, regions and
    detections there are; for a benchmark also tracks_origin, "tracks" (its own) or "derived" (from its masks), of how
    many clips and frames: those that count by the rule of `region_truth`, as in `sdmae evaluate` (files of the others
    may be there and are not read), and see `_about`. Where detections of one score lead past 1 false positive a
    frame, so that the curve ends before them, `cut_tie` says which. Raises `BenchmarkError` naming file and line for
    rows that are not such numbers, inverted boxes and impossible frames; and for names without a partner, no regions
    at all, and fewer num_frames than the files have different frames.
    """
    found_files = files_by_video(detections, _TEXT)
    if isinstance(tracks, Benchmark):
        return _benchmark_regions(tracks, detections, found_files, num_frames)
    if num_frames is None or num_frames < 1:
        raise BenchmarkError(f"--num-frames is {num_frames}; give the number of frames of all videos together")
    truth_files = files_by_video(tracks, _TEXT)
    check_matched(
        truth_files,
        found_files,
        f"no file of that name in the other folder; {tracks} and {detections} must have one for each video (an empty "
        "one where there are no rows)",
    )
    truth = _numbered([_read_rows(path, TRACK, num_frames) for path in truth_files.values()])
    found = _numbered([_read_rows(found_files[name], DETECTION, num_frames) for name in truth_files])
    if not len(truth):
        raise BenchmarkError(f"{tracks}: no regions in any of {len(truth_files)} files; there is nothing to find")
    seen = len(np.unique(np.concatenate([truth[:, [0, 2]], found[:, [0, 1]]]), axis=0))
    if seen > num_frames:
        raise BenchmarkError(
            f"--num-frames is {num_frames}, but {tracks} and {detections} have rows in {seen} different frames; "
            "give the number of frames of all videos together"
        )
    return _regions(truth, found, num_frames)


def _benchmark_regions(
    benchmark: Benchmark, detections: Path, files: dict[str, Path], num_frames: int | None
) -> dict[str, Any]:
    counted, origin = counted_clips(benchmark.test)
    lengths = {benchmark.test[k].clip.name: len(benchmark.test[k].labels) for k in counted}
    bare = [test.clip.name for test in benchmark.test if test.clip.name not in lengths]
    if bare and all(test.clip.name in bare for test in benchmark.test if test.labels.any()):
        raise BenchmarkError(
            f"{benchmark.name}: {bare[0]}{f' and {len(bare) - 1} more clips' if len(bare) > 1 else ''} with neither "
            "tracks nor masks; give track files with --tracks DIR"
        )
    frames = sum(lengths.values())
    if num_frames not in (None, frames):
        raise BenchmarkError(
            f"--num-frames is {num_frames}, but the test clips of {benchmark.name} have {frames}; leave it out"
        )
    check_matched(
        {name: path for name, path in files.items() if name not in bare},
        {name: f"test clip {name} of {benchmark.name}" for name in lengths},
        f"{detections} must have one file for each test clip (an empty one where there are no rows), and no other",
    )
    truth = true_regions(benchmark.test)
    if truth is None:
        raise BenchmarkError(f"{benchmark.name}: no regions in any of its test clips; there is nothing to find")
    found = _numbered(
        [
            _read_rows(files[name], DETECTION, lengths[name], "its clip") if name in lengths else np.zeros((0, 6))
            for name in (test.clip.name for test in benchmark.test)
        ]
    )
    return {
        **_regions(truth.rows, found, frames),
        "tracks_origin": origin,
        "clips": len(counted),
        "frames": frames,
        **_about(benchmark),
    }


def _about(truth: Path | Benchmark) -> dict[str, Any]:
    """Of a benchmark its name, and what of its ground truth is missing: with any, partial."""
    return {"benchmark": truth.name, "missing": list(truth.missing)} if isinstance(truth, Benchmark) else {}


def _regions(truth: Floats, found: Floats, num_frames: int) -> dict[str, Any]:
    result = rbdc_tbdc(truth, found, num_frames)
    tie = _cut_tie(result, found)
    if tie is not None:
        say(
            f"{tie['detections']:,} detections of the one score {tie['score']:g} lead from "
            f"{tie['false_positives_per_frame']:.3g} past 1 false positive a frame: the curves end before them, and "
            "regions that only they and lower ones find do not count"
        )
    return {
        "rbdc": result.rbdc,
        "tbdc": result.tbdc,
        "tracks": result.tracks,
        "regions": result.regions,
        "detections": result.detections,
        **({} if tie is None else {"cut_tie": tie}),
    }


def _cut_tie(result: RegionResult, found: Floats) -> dict[str, Any] | None:
    """The detections of one score with which the curves pass 1 false positive a frame and so end, if they do.

    None, too, where they end so near to 1 that it makes no difference.
    """
    if not result.cut_tie or result.cut_score is None or result.false_positives_per_frame[-2] > NEAR:
        return None
    return {
        "score": result.cut_score,
        "detections": int(np.count_nonzero(found[:, 6] == result.cut_score)),
        "false_positives_per_frame": float(result.false_positives_per_frame[-2]),
    }


def _read_rows(path: Path, columns: tuple[str, ...], num_frames: int, whose: str = "") -> Floats:
    """Rows (n, 6) of the columns, checked; num_frames: those of all videos, or of the one that is `whose`."""
    text = list(read_lines(path))
    top = next((k for k, row in enumerate(text) if row.strip()), None)
    if top is not None and [field.strip() for field in text[top].split(",")] == list(columns):
        text[top] = ""
    elif top is not None:
        check_header(path, top + 1, text[top], ",".join(columns))
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
            f"the frame lies beyond {whose}, which has {num_frames}; frames count from 0"
            if whose
            else f"the frame lies beyond --num-frames {num_frames}, which is that of all videos together",
        ),
        ((np.abs(exact) > _LARGEST).any(axis=1), "a number beyond 2^53; give pixels and frames"),
        ((box[:, 2:] < box[:, :2]).any(axis=1), "an inverted box; give x_min <= x_max and y_min <= y_max"),
    ):
        if bad.any():
            filled = [line for line, row in enumerate(text, 1) if row.strip()]
            refuse(path, filled[int(np.argmax(bad))], what)
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
                refuse(path, line, f"{len(fields)} values instead of {len(columns)}; give {','.join(columns)}")
            rows.append([number(path, line, field, name) for field, name in zip(fields, columns, strict=True)])
    return np.array(rows, np.float64)


def _numbered(videos: Sequence[Floats]) -> Floats:
    """All rows, each with the number of its video before it: (n, 7)."""
    return np.concatenate([np.column_stack([np.full(len(rows), float(k)), rows]) for k, rows in enumerate(videos)])
