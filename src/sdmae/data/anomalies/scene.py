"""What is ordinary before this camera: how tall, how fast, which way and where. Anomalies are measured against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.anomalies.cutouts import CutOut, find_cutouts
from sdmae.data.anomalies.fit import Line
from sdmae.data.anomalies.protocol import Bytes, Floats, Frames, instants, read_frame

PATCHES = 24
"""Training frames kept to cut textures from."""
GRID = 24
"""Rows and columns of the map of places."""
ASSUMED_HEIGHT = 0.2
"""Height of an ordinary object, as a share of the frame's, where none was seen."""
ASSUMED_SPEED = 0.04
"""Its speed in heights a frame."""


@dataclass(frozen=True)
class Scene:
    """What the training footage says of ordinary objects. Rows are network rows, speeds pixels a frame."""

    size: tuple[int, int]
    """(H, W) of a frame."""
    moments: Floats
    """(5,) the instants t-s, t-1, t, t+1, t+s, in frames from t."""
    cutouts: tuple[CutOut, ...]
    """Moving objects found; empty for a still scene."""
    heights: Line
    """Ordinary height by foot row."""
    pace: float
    """Median speed in heights a frame, so that far and near walkers share one figure."""
    brisk: float
    """The same for the fastest tenth."""
    aspect: float
    """Median width over height."""
    headings: Floats
    """(n, 2) unit vectors (dy, dx) in which objects were seen to move."""
    places: NDArray[np.bool_]
    """(GRID, GRID): cells in which feet of moving objects were seen, and their neighbours."""
    pictures: Bytes
    """(n, H, W, C) uint8: training frames to cut textures from."""

    ground: Floats
    """(H,) brightness that is usual on each row."""

    @property
    def channels(self) -> int:
        """1 or 3."""
        return int(self.pictures.shape[3])

    def height(self, foot: float) -> float:
        """Ordinary height in pixels of an object that stands on row `foot`."""
        return float(self.heights(foot))

    def unit(self, foot: float, rng: np.random.Generator) -> float:
        """Height in pixels that a drawn object is measured by: the ordinary one, or any where none is known."""
        return self.height(foot) * (1.0 if self.cutouts else float(np.exp(rng.uniform(-0.7, 0.9))))

    def speed(self, foot: float) -> float:
        """Ordinary speed in pixels a frame of an object that stands on row `foot`."""
        return self.pace * self.height(foot)

    def least_speed(self, foot: float) -> float:
        """Pixels a frame below which the motion gradient would not see an object on row `foot` move at all."""
        return max(0.3 * self.speed(foot), 0.4 / float(self.moments[3]))

    def heading(self, rng: np.random.Generator, spread: float = 0.25) -> Floats:
        """(2,) a plausible direction: one that was seen, turned by `spread` radians or so."""
        dy, dx = self.headings[rng.integers(len(self.headings))]
        return turned(np.array([dy, dx], np.float32), rng.normal(0, spread))

    def foot(self, rng: np.random.Generator) -> float:
        """A row on which moving objects were seen."""
        if self.cutouts:
            near = self.cutouts[rng.integers(len(self.cutouts))]
            return float(np.clip(near.foot + rng.normal(0, 0.1 * near.height), 4, self.size[0]))
        return float(rng.uniform(0.4, 0.98) * self.size[0])

    def columns(self, foot: float) -> NDArray[np.bool_]:
        """(GRID,): cells of the row nearest to `foot` that is not empty."""
        row = int(np.clip(foot / self.size[0] * GRID, 0, GRID - 1))
        used = np.flatnonzero(self.places.any(axis=1))
        return np.asarray(self.places[used[np.argmin(np.abs(used - row))]], np.bool_)


def turned(vector: Floats, angle: float) -> Floats:
    """(2,) `vector` turned by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([vector[0] * cos + vector[1] * sin, vector[1] * cos - vector[0] * sin], np.float32)


def learn_scene(
    frames: Frames, clips: Sequence[tuple[int, int]], *, gap: float, gradient_gap: float, seed: int
) -> Scene:
    """What is ordinary in the rows (first, stop) of `clips` of `frames` (N, H, W, C) uint8; other rows are not read.

    `gap` and `gradient_gap` are in frames. Looks at a bounded number of frames, however long the footage.
    """
    rng = np.random.default_rng([seed, 1])
    moments = instants(gap, gradient_gap)
    height, width = int(frames.shape[1]), int(frames.shape[2])
    cutouts = find_cutouts(frames, clips, moments, rng)
    rows = np.concatenate([np.arange(first, stop) for first, stop in clips])
    kept = rows[np.linspace(0, len(rows) - 1, min(PATCHES, len(rows))).round().astype(int)]
    pictures = np.stack([read_frame(frames, int(i)) for i in kept])
    ground = np.median(pictures, axis=(0, 2, 3)).astype(np.float32)
    if not cutouts:
        flat = Line(0.0, ASSUMED_HEIGHT * height, 0.0, float(height))
        sideways = np.array([[0, 1], [0, -1]], np.float32)
        everywhere = np.zeros((GRID, GRID), np.bool_)
        everywhere[GRID // 3 :] = True
        return Scene(
            size=(height, width),
            moments=moments,
            cutouts=(),
            heights=flat,
            pace=ASSUMED_SPEED,
            brisk=ASSUMED_SPEED,
            aspect=0.5,
            headings=sideways,
            places=everywhere,
            pictures=pictures,
            ground=ground,
        )
    foot, tall = np.array([c.foot for c in cutouts]), np.array([c.height for c in cutouts])
    heights = Line.fit(foot, tall)
    velocity = np.array([c.velocity for c in cutouts])
    speed = np.hypot(velocity[:, 0], velocity[:, 1])
    rates = speed / heights(foot)
    return Scene(
        size=(height, width),
        moments=moments,
        cutouts=tuple(cutouts),
        heights=heights,
        pace=float(np.median(rates)),
        brisk=float(np.quantile(rates, 0.9)),
        aspect=float(np.median([c.width / c.height for c in cutouts])),
        headings=(velocity / speed[:, None]).astype(np.float32),
        places=_places(foot / height, np.array([c.x for c in cutouts]) / width),
        pictures=pictures,
        ground=ground,
    )


def _places(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells with feet, grown by one cell: few frames were searched, so their neighbours are as plausible."""
    cells = np.zeros((GRID, GRID), np.uint8)
    cells[np.clip(y * GRID, 0, GRID - 1).astype(int), np.clip(x * GRID, 0, GRID - 1).astype(int)] = 1
    grown = cv2.morphologyEx(cells, cv2.MORPH_CLOSE, np.ones((1, 5), np.uint8))
    return np.asarray(cv2.dilate(grown, np.ones((1, 3), np.uint8)) > 0)
