"""Displacements of an object at the five instants."""

from __future__ import annotations

import numpy as np

from sdmae.data.anomalies.protocol import CENTRE, Floats
from sdmae.data.anomalies.scene import Scene


def moving(scene: Scene, direction: Floats, speed: float) -> Floats:
    """(5, 2) float32 offsets (dy, dx) at `speed` pixels a frame along the unit vector `direction`.

    Held so that the object is still near the frame at t-s and t+s, whatever the frame rate.
    """
    furthest = 0.45 * min(scene.size) / float(scene.moments[-1])
    offsets = scene.moments[:, None] * direction[None] * min(speed, furthest)
    offsets[CENTRE] = 0
    return np.asarray(offsets, np.float32)
