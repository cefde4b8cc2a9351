"""People: who they are, and where on their way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdmae.data.scene.body import WALK, Gait, Look, body
from sdmae.data.scene.routes import Trip
from sdmae.data.scene.shapes import Colour, Shape

# fmt: off
_TOPS: tuple[Colour, ...] = (
    (172, 48, 44), (44, 76, 140), (226, 222, 212), (36, 38, 44), (92, 116, 74), (206, 162, 64), (120, 76, 120),
    (104, 146, 176), (140, 104, 76), (196, 120, 130), (70, 74, 80), (232, 232, 236), (24, 92, 96), (150, 150, 146),
)
# fmt: on
_LEGS: tuple[Colour, ...] = ((40, 44, 58), (58, 66, 92), (30, 30, 32), (112, 100, 82), (84, 84, 86), (148, 138, 118))
_SKINS: tuple[Colour, ...] = ((232, 190, 160), (205, 158, 124), (160, 112, 80), (106, 72, 52))
_HAIRS: tuple[Colour, ...] = ((36, 28, 24), (74, 50, 34), (150, 118, 76), (120, 118, 116), (24, 22, 22))


def draw_look(rng: np.random.Generator) -> Look:
    """A person drawn at random: 1.5 to 1.95 m tall."""

    def one(of: tuple[Colour, ...]) -> Colour:
        red, green, blue = of[rng.integers(len(of))]
        tint = float(rng.uniform(0.88, 1.1))
        return min(red * tint, 255.0), min(green * tint, 255.0), min(blue * tint, 255.0)

    return Look(
        height=float(np.clip(rng.normal(1.72, 0.08), 1.5, 1.95)),
        top=one(_TOPS),
        legs=one(_LEGS),
        skin=one(_SKINS),
        hair=one(_HAIRS),
        shoes=(34.0, 32.0, 32.0) if rng.random() < 0.7 else (214.0, 212.0, 208.0),
        bag=one(_TOPS) if rng.random() < 0.25 else None,
        coat=bool(rng.random() < 0.3),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody who goes along a route at a steady speed."""

    track: int
    """Number of the object in its clip."""
    kind: str
    """"walker", "runner" or "wrong_way"."""
    abnormal: bool
    trip: Trip
    aside: float
    """Metres to the left of the route."""
    phase: float
    """Of the stride at the start, in radians."""
    look: Look
    gait: Gait = WALK

    def shape(self, time: float) -> Shape | None:
        """The body at `time` in seconds, or None before and after the route."""
        distance = self.trip.gone(time)
        if distance is None:
            return None
        # A slow sway: nobody walks along a ruler.
        aside = self.aside + 0.06 * float(np.sin(0.5 * distance + self.phase))
        place, heading = self.trip.route.at(distance, aside)
        stride = self.gait.stride * self.look.height
        return body(place, heading, self.phase + 2 * np.pi * distance / stride, self.look, self.gait)
