"""What drawn shapes are made of: a level, a slope of light and a piece of the training footage's own texture."""

from __future__ import annotations

import cv2
import numpy as np

from sdmae.data.anomalies.protocol import Bytes
from sdmae.data.anomalies.scene import Scene

LEAST_CONTRAST = 35.0
"""Grey levels between a thing and the ground of its row: what nobody can see must not be labelled an anomaly."""


def skin(scene: Scene, rng: np.random.Generator, size: tuple[int, int], foot: float, rough: float = 1.0) -> Bytes:
    """(*size, C) uint8: dark more often than light, as most things are; `rough` 0 is flat, 1 may be textured."""
    height, width = size
    picture = scene.pictures[rng.integers(len(scene.pictures))]
    rows, columns = picture.shape[:2]
    h = int(np.clip(height * rng.uniform(1, 3), 2, rows))
    w = int(np.clip(width * rng.uniform(1, 3), 2, columns))
    y, x = rng.integers(rows - h + 1), rng.integers(columns - w + 1)
    patch = cv2.resize(picture[y : y + h, x : x + w], (width, height), interpolation=cv2.INTER_AREA)
    patch = patch.reshape(height, width, -1).astype(np.float32)
    kind = rng.choice(3, p=[0.6, 0.22, 0.18])
    level = rng.uniform(*((8, 80), (165, 245), (80, 165))[kind])
    ground = float(scene.ground[int(np.clip(foot - height / 2, 0, len(scene.ground) - 1))])
    if abs(level - ground) < LEAST_CONTRAST:
        away = rng.uniform(LEAST_CONTRAST, 2.5 * LEAST_CONTRAST)
        level = ground - away if ground > 128 or (ground > 90 and level < ground) else ground + away
    upright = rng.uniform(-25, 25) * np.linspace(-1, 1, height)[:, None]
    slope = (upright + rng.uniform(-15, 15) * np.linspace(-1, 1, width)) * rng.uniform()
    tint = rng.normal(0, rng.choice([6.0, 45.0], p=[0.65, 0.35]), patch.shape[2]) if patch.shape[2] > 1 else 0.0
    contrast = rough * rng.choice([0.0, rng.uniform(0.15, 0.9)], p=[0.25, 0.75])
    made = level + tint + slope[:, :, None] + contrast * (patch - patch.mean(axis=(0, 1)))
    return np.asarray(np.clip(made, 0, 255), np.uint8)
