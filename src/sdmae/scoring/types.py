"""What scoring hands on: the score of a frame, and the scores of a video."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.float32]
"""One value a cell of a frame, (h, w) float32: a cell is a pixel of the network frame, or a patch of it."""

Series = NDArray[np.float64]
"""One value a frame, (N,) float64."""


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
