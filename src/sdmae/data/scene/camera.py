"""The fixed camera: metres on the ground to pixels and back.

The ground is the plane Y = 0; X points right, Y up, Z away from the camera, all in metres. The image plane is
vertical and the lens shifted down, so that upright things stay upright and people near the bottom are larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CAMERA_HEIGHT = 18.0
"""Metres above the ground."""
_FOCAL = 500.0
_HORIZON = -260.0
_ROWS = 240.0
"""Focal length, row of the horizon and rows of the picture, in pixels; other sizes are scaled alike."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A picture of `height` rows and `width` columns of the scene; wider ones see more of it."""

    height: int
    width: int

    @property
    def focal(self) -> float:
        """Pixels that one metre takes at a distance of one metre."""
        return _FOCAL * self.height / _ROWS

    @property
    def horizon(self) -> float:
        """Row of the horizon, above the picture."""
        return _HORIZON * self.height / _ROWS

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Points (..., 3) in metres to pixels (..., 2) as x, y, and the pixels (...) a metre takes there."""
        scale = self.focal / points[..., 2]
        x = self.width / 2 + points[..., 0] * scale
        y = self.horizon + (CAMERA_HEIGHT - points[..., 1]) * scale
        return np.stack([x, y], axis=-1), scale

    def ground(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """X and Z in metres of the ground seen at pixels x, y."""
        scale = (y - self.horizon) / CAMERA_HEIGHT
        return (x - self.width / 2) / scale, self.focal / scale

    def half_view(self, z: float) -> float:
        """Metres of ground seen to either side of the middle, at distance z."""
        return self.width / 2 * z / self.focal
