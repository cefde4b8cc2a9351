"""The regions that a figure was made of as files, from which `sdmae metrics regions` makes exactly that figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sdmae.data.benchmark import TestClip
from sdmae.evaluation.region_truth import Floats, Truth
from sdmae.recordings.files import write_lines, write_text

TRACKS, DETECTIONS = "tracks", "detections"
"""Folders of the ground truth and of the detector's detections; those of another are `detections_` and its name."""


def write_regions(folder: Path, clips: Sequence[TestClip], truth: Truth, detections: Mapping[str, Floats]) -> None:
    """Writes a file for each clip that counts, empty where there are no rows, and a `README.txt` with the command.

    detections: (D, 7) clip, frame, box and score by the name of the folder each goes into. Numbers read back to the
    bit, so that equal scores stay equal. Raises `SourceError` where a file cannot be written.
    """
    for name, rows, whole in ((TRACKS, truth.rows, 2), *((name, rows, 1) for name, rows in detections.items())):
        for number in truth.clips:
            path = folder / name / f"{clips[number].clip.name}.csv"
            write_lines(path, (_line(row, whole) for row in rows[rows[:, 0] == number, 1:].tolist()))
    write_text(
        folder / "README.txt",
        f"sdmae metrics regions --tracks {TRACKS} --detections {DETECTIONS} --num-frames {truth.frames}\n",
    )


def _line(row: Sequence[float], whole: int) -> str:
    """A row whose first `whole` numbers are whole ones, all of them as short as they read back exactly."""
    return ",".join([*(str(int(value)) for value in row[:whole]), *(repr(value) for value in row[whole:])]) + "\n"
