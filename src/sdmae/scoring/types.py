"""What scoring hands on: the score of a frame, and the scores of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""One value a cell of a frame, (h, w) float32: a cell is a pixel of the network frame, or a patch of it."""

Series = NDArray[np.float64]
"""One value a frame, (N,) float64."""


TERMS = ("error", "discrepancy", "anomaly_map", "classifier", "still")
"""What a score is made of; see `sdmae.scoring.terms.parts_at`."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where in a frame its score came from, and what made it."""

    box: tuple[float, float, float, float]
    """x_min, y_min, x_max, y_max as shares of the frame's width and height, 0 to 1."""
    parts: tuple[float, ...]
    """What each of `TERMS` adds to the score there."""


@dataclass(frozen=True, slots=True)
class FrameScore:
    """How abnormal one frame is."""

    index: int
    """Position of the frame in its clip, from 0."""
    time: float
    """Seconds since the clip's first frame."""
    score: float
    """The smoothed score: higher is more abnormal; no fixed range."""
    raw: float
    """The score before smoothing over time: the pooled, filtered map."""
    map: Map | None = None
    """The filtered map, (h, w) float32, where it was asked for."""
    region: Region | None = None
    """Where the score came from, where it was asked for."""


@dataclass(frozen=True, slots=True)
class VideoScores:
    """The scores of one clip, N frames."""

    name: str
    """The clip's name."""
    frames: NDArray[np.int64]
    """Position of each scored frame in the clip, (N,); a frame that could not be scored is absent."""
    times: Series
    """Seconds since the clip's first frame, (N,)."""
    scores: Series
    """Smoothed scores, (N,)."""
    raw: Series
    """Scores before smoothing, (N,)."""
    maps: NDArray[np.float32] | None = None
    """Filtered maps, (N, h, w), where they were asked for."""
    boxes: NDArray[np.float32] | None = None
    """(N, 4): box of the strongest region of each frame as shares of width and height, where it was asked for."""
    parts: NDArray[np.float32] | None = None
    """(N, len(TERMS)): what each term adds to the score there, where it was asked for."""

    def rows(self, chosen: NDArray[np.int64]) -> VideoScores:
        """Some of the frames only."""
        maps, boxes, parts = (
            None if values is None else values[chosen] for values in (self.maps, self.boxes, self.parts)
        )
        return VideoScores(
            self.name,
            self.frames[chosen],
            self.times[chosen],
            self.scores[chosen],
            self.raw[chosen],
            maps,
            boxes,
            parts,
        )

    def at_frames(self, count: int) -> Series:
        """Scores of the frames 0 to `count` - 1 of the clip, (count,): those that were not scored lie between."""
        if np.array_equal(self.frames, np.arange(count)):
            return self.scores
        return np.interp(np.arange(count), self.frames, self.scores)
