"""The paths of the scene and the ordinary ways along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdmae.data.scene.camera import Camera, Floats

FAR_PATH = (28.9, 31.6)
ROAD = (23.7, 27.2)
NEAR_PATH = (19.6, 22.8)
"""Nearest and furthest Z of the strips that run across the picture."""
CROSS_PATH = (-5.2, -2.9)
"""Leftmost and rightmost X of the path that runs away from the camera."""
NEAREST, FURTHEST = 15.8, 37.0
"""Z beyond which nobody is seen, however tall."""

_MARGIN = 1.6
"""Metres outside the picture at which people come and go."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A way across the scene, walked in one direction."""

    name: str
    """Such as "near-1": those that start with near are one-way."""
    points: Floats
    """(m, 2) X and Z, a point every 0.1 m."""
    pace: float
    """Metres a second of those who walk it; all nearly alike, so that nobody walks through anybody."""

    @property
    def length(self) -> float:
        """Metres from end to end."""
        return 0.1 * (len(self.points) - 1)

    def at(self, distance: float, aside: float = 0.0) -> tuple[Floats, float]:
        """Position (2,) X and Z after `distance` metres, `aside` metres to the left, and heading in radians."""
        step = min(max(distance / 0.1, 0.0), len(self.points) - 1.001)
        index = int(step)
        position = self.points[index] + (step - index) * (self.points[index + 1] - self.points[index])
        # Over 0.8 m, so that a corner turns the body slowly.
        ahead = self.points[min(index + 4, len(self.points) - 1)] - self.points[max(index - 4, 0)]
        heading = float(np.arctan2(ahead[1], ahead[0]))
        return position + aside * np.array([-np.sin(heading), np.cos(heading)]), heading

    def reversed(self) -> Route:
        """The same way walked from its end."""
        return Route(f"{self.name}-reversed", np.ascontiguousarray(self.points[::-1]), self.pace)


@dataclass(frozen=True, slots=True, eq=False)
class Trip:
    """A route gone from end to end at a steady speed."""

    route: Route
    start: float
    """Seconds at which the route is entered; may lie before the clip."""
    speed: float
    """Metres a second."""

    @property
    def until(self) -> float:
        """Seconds at which the route is left."""
        return self.start + self.route.length / self.speed

    def gone(self, time: float) -> float | None:
        """Metres gone at `time` in seconds; None before and after the trip."""
        return (time - self.start) * self.speed if self.start <= time < self.until else None


def across(
    name: str, camera: Camera, z: float, pace: float, *, leftwards: bool = False, margin: float = _MARGIN
) -> Route:
    """A straight way across the picture at distance z."""
    half = camera.half_view(z) + margin
    route = _route(name, [(-half, z), (half, z)], pace)
    return Route(name, route.reversed().points, pace) if leftwards else route


def ordinary_routes(camera: Camera) -> tuple[Route, ...]:
    """The ways people walk: the near path from left to right only, the others both ways."""
    left = -(camera.half_view(NEAR_PATH[1]) + _MARGIN)
    right = camera.half_view(NEAR_PATH[1]) + _MARGIN
    far_left = -(camera.half_view(FAR_PATH[1]) + _MARGIN)
    return (
        across("near-1", camera, 20.2, 1.32),
        across("near-2", camera, 21.2, 1.45),
        across("near-3", camera, 22.2, 1.22),
        across("far-right", camera, 29.6, 1.35),
        across("far-left", camera, 30.8, 1.28, leftwards=True),
        _route("cross-away", [(-3.5, NEAREST), (-3.5, FURTHEST)], 1.3),
        _route("cross-back", [(-4.6, FURTHEST), (-4.6, NEAREST)], 1.38),
        _route("near-entering", [(-3.9, NEAREST), (-3.9, 20.7), (right, 20.7)], 1.4),
        _route("near-leaving", [(left, 21.7), (-4.0, 21.7), (-4.0, 30.3), (far_left, 30.3)], 1.25),
    )


def _route(name: str, corners: list[tuple[float, float]], pace: float) -> Route:
    """The polygon through `corners`, a point every 0.1 m, its corners rounded over a metre."""
    knots = np.array(corners)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    steps = np.arange(0.0, along[-1], 0.1)
    points = np.stack([np.interp(steps, along, knots[:, 0]), np.interp(steps, along, knots[:, 1])], axis=1)
    window = 15
    padded = np.concatenate([points[:1].repeat(window // 2, 0), points, points[-1:].repeat(window // 2, 0)])
    smooth = np.stack([np.convolve(padded[:, k], np.full(window, 1 / window), "valid") for k in (0, 1)], axis=1)
    return Route(name, smooth, pace)
