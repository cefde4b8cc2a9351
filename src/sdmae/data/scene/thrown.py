"""Something thrown: a bag that tumbles through the air, bounces and leaves the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdmae.data.scene.shapes import Colour, Shape

_GRAVITY = 9.81
_KEPT = 0.55
"""Share of its upward speed that a bounce leaves."""
_RADIUS = 0.17


@dataclass(frozen=True, slots=True, eq=False)
class Thrown:
    """A bag on its way."""

    track: int
    start: float
    """Seconds at which it leaves the hand."""
    seconds: float
    """How long until it is out of the picture."""
    origin: tuple[float, float, float]
    """X, Y, Z of the hand in metres."""
    velocity: tuple[float, float, float]
    """Metres a second at the start."""
    colour: Colour
    kind: str = "thrown"
    abnormal: bool = True

    @property
    def until(self) -> float:
        """Seconds at which it has left the picture."""
        return self.start + self.seconds

    def shape(self, time: float) -> Shape | None:
        """The bag at `time` in seconds, or None before and after its flight."""
        passed = time - self.start
        if not 0 <= passed < self.seconds:
            return None
        x, z = self.origin[0] + self.velocity[0] * passed, self.origin[2] + self.velocity[2] * passed
        y, turn = self._height(passed), 7.0 * passed
        half_x, half_y = 0.14 * float(np.cos(turn)), 0.14 * float(np.sin(turn))
        shape = Shape(z)
        shape.add((x - half_x, y - half_y, z), (x + half_x, y + half_y, z), _RADIUS, self.colour, 0.8 * _RADIUS)
        return shape

    def _height(self, passed: float) -> float:
        height, rise = self.origin[1], self.velocity[1]
        while rise > 0.4 or height > _RADIUS:
            # Until the ground is reached again.
            flight = (rise + np.sqrt(rise**2 + 2 * _GRAVITY * max(height - _RADIUS, 0.0))) / _GRAVITY
            if passed < flight:
                return float(height + rise * passed - _GRAVITY * passed**2 / 2)
            rise, height, passed = _KEPT * float(_GRAVITY * flight - rise), _RADIUS, passed - float(flight)
        return _RADIUS
