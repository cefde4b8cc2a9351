"""Scores as files: a plot, and a table as csv, json or parquet, written whole or not at all."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.recordings.files import write_lines
from sdmae.recordings.plots import score_plot
from sdmae.scoring import Event, Series, VideoScores

FORMATS = ("csv", "json", "parquet")


def check_format(name: str) -> None:
    """Raises `ConfigError` for a format that there is not, or whose library is not installed."""
    if name not in FORMATS:
        raise ConfigError(f"--format {name}: there are {', '.join(FORMATS)}")
    if name == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise ConfigError("--format parquet needs pyarrow: pip install 'sdmae[parquet]', or choose csv or json")


def write_scores(
    folder: Path,
    scores: VideoScores,
    labels: Sequence[bool] | None = None,
    *,
    table: str = "csv",
    threshold: float | None = None,
    events: Sequence[Event] = (),
) -> None:
    """`scores.png`, then the table `scores.csv`, `.json` or `.parquet` (`frame,time,score`)."""
    spans = [(event.start, event.end) for event in events]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        score_plot(
            folder / "scores.png",
            scores.times,
            scores.scores,
            labels,
            title=scores.name,
            threshold=threshold,
            alarms=spans,
        )
    except OSError as error:
        raise DetectorError(f"{folder}: cannot be written to ({error.strerror}); choose another --output") from None
    write_table(folder, scores, table)


def write_table(folder: Path, scores: VideoScores, kind: str = "csv") -> Path:
    """Writes `scores.<kind>` into the folder: a frame's position, its time in seconds and its score, a row each.

    Every number reads back to the bit, times in csv to the microsecond. Raises `SourceError` where it cannot be
    written.
    """
    path = folder / f"scores.{kind}"
    if kind == "csv":
        write_lines(path, _csv(scores))
    elif kind == "json":
        write_lines(path, _json(scores))
    else:
        _write_parquet(path, scores)
    return path


def export_scores(folder: Path, names: Sequence[str], series: Sequence[Series]) -> None:
    """Writes `NAME.txt` for each video into the folder: one score a line and nothing else, for anybody's tools.

    names: of the videos; series: their scores, (N,) each, which read back to the bit: `sdmae metrics frames --scores
    FOLDER` measures them. Raises `ValueError` for scores that are not finite or another number of names, before
    anything is written, and `SourceError` where a file cannot be written.
    """
    pairs = list(zip(names, series, strict=True))
    for name, scores in pairs:
        if not np.isfinite(scores).all():
            raise ValueError(f"{name}: scores that are not finite")
    for name, scores in pairs:
        write_lines(folder / f"{name}.txt", (f"{score!r}\n" for score in scores.tolist()))


def _csv(scores: VideoScores) -> Iterator[str]:
    yield "frame,time,score\n"
    for frame, time, score in zip(scores.frames, scores.times, scores.scores, strict=True):
        yield f"{int(frame)},{time:.6f},{float(score)!r}\n"


def _json(scores: VideoScores) -> Iterator[str]:
    yield '{"video": ' + json.dumps(scores.name) + ', "frames": [\n'
    rows = zip(scores.frames.tolist(), scores.times.tolist(), scores.scores.tolist(), strict=True)
    for k, (frame, time, score) in enumerate(rows):
        yield ("" if k == 0 else ",\n") + json.dumps({"frame": frame, "time": time, "score": score})
    yield "\n]}\n"


def _write_parquet(path: Path, scores: VideoScores) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table({"frame": scores.frames, "time": scores.times, "score": scores.scores})
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, part)
        part.replace(path)
    except OSError as error:
        raise SourceError(f"{path}: cannot be written ({error.strerror}); choose another --output") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
