"""Which regions are truly there in the test clips of a benchmark: the one rule for all figures of regions.

The benchmark's own tracks, where every abnormal clip that has tracks or masks has tracks; otherwise all regions are
derived from masks by the rule of `metrics.derive_tracks`, so that no figure mixes the two. An abnormal clip without
the one that is taken is left out, since nobody knows its regions; a clip without abnormal frames always counts, and
has none but those of its own tracks or masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import TestClip
from sdmae.errors import BenchmarkError
from sdmae.metrics import derive_tracks
from sdmae.progress import progress

Floats = NDArray[np.float64]

OWN, DERIVED = "tracks", "derived"
"""Where regions come from: the benchmark's own tracks, or its masks."""


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The regions of a benchmark's test clips."""

    rows: Floats
    """(R, 7) clip, track_id, frame, x_min, y_min, x_max, y_max: source pixels, both ends included."""
    clips: tuple[int, ...]
    """Positions of the clips that count."""
    frames: int
    """Frames of all those clips."""
    origin: str
    """`OWN` or `DERIVED`."""


def counted_clips(clips: Sequence[TestClip]) -> tuple[tuple[int, ...], str]:
    """Positions of the clips that count, and where their regions come from. Nothing is read for it."""
    known = [clip for clip in clips if clip.labels.any() and (clip.tracks is not None or clip.masks is not None)]
    own = all(clip.tracks is not None for clip in known)
    counted = (
        number
        for number, clip in enumerate(clips)
        if not clip.labels.any() or (clip.tracks if own else clip.masks) is not None
    )
    return tuple(counted), OWN if own else DERIVED


def true_regions(clips: Sequence[TestClip]) -> Truth | None:
    """The regions of the clips that count; None where not a single one is known.

    Raises `BenchmarkError` for masks and tracks that cannot be read.
    """
    counted, origin = counted_clips(clips)
    parts = [np.zeros((0, 7))]
    with progress("ground truth", len(counted), "videos") as bar:
        for number in counted:
            rows = _own(clips[number]) if origin == OWN else _derived(clips[number])
            parts.append(np.column_stack([np.full(len(rows), float(number)), rows]))
            bar.update()
    every = np.concatenate(parts)
    frames = sum(len(clips[number].labels) for number in counted)
    return Truth(every, counted, frames, origin) if len(every) else None


def _own(clip: TestClip) -> Floats:
    """(R, 6) track_id, frame, x_min, y_min, x_max, y_max."""
    rows = [np.zeros((0, 6))]
    for track in clip.tracks or ():
        boxes = track.boxes.copy()
        # Our maxima lie just outside; the measures count the last pixel in.
        boxes[:, 2:] = np.maximum(boxes[:, 2:] - 1, boxes[:, :2])
        rows.append(np.column_stack([np.full(len(boxes), float(track.id)), track.frames, boxes]))
    return np.concatenate(rows)


def _derived(clip: TestClip) -> Floats:
    """The same, of masks; nothing where there are none."""
    if clip.masks is None:
        return np.zeros((0, 6))
    try:
        return derive_tracks(clip.read_mask(frame) for frame in range(len(clip.labels))).rows.astype(np.float64)
    except ValueError as error:
        raise BenchmarkError(f"{clip.clip.name}: {error}; copy its masks anew") from None
