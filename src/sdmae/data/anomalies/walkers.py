"""Objects of this very scene, put back wrong (too fast, stretched, out of scale), or just as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sdmae.data.anomalies.cutouts import CutOut
from sdmae.data.anomalies.looks import cut_out
from sdmae.data.anomalies.motion import moving
from sdmae.data.anomalies.protocol import AnomalousObject, Floats
from sdmae.data.anomalies.scene import Scene, turned

NARROW = 10
"""Columns below which a thinned object would be a line of two or three pixels, much as a distant ordinary one is."""


def pick(cutouts: Sequence[CutOut], rng: np.random.Generator) -> CutOut:
    """Any of `cutouts`."""
    return cutouts[int(rng.integers(len(cutouts)))]


def own_heading(cutout: CutOut, rng: np.random.Generator, spread: float = 0.15) -> Floats:
    """(2,) the unit vector along which the object moved, turned by `spread` radians or so."""
    return turned(cutout.velocity / max(float(np.hypot(*cutout.velocity)), 1e-6), rng.normal(0, spread))


def put_back(
    cutout: CutOut,
    offsets: Floats,
    foot: float,
    rng: np.random.Generator,
    scale: tuple[float, float] = (1.0, 1.0),
    frozen: float = 0.3,
) -> AnomalousObject:
    """The cut-out `scale` (y, x) times as large along `offsets` (5, 2); with chance `frozen` its legs stand still."""
    texture, mask, residual = cutout.texture, cutout.mask, cutout.residual
    if len(mask) == 5 and rng.random() < frozen:
        texture, mask, residual = texture[2:3], mask[2:3], np.zeros_like(residual)
    high, wide = mask.shape[1] * scale[0], mask.shape[2] * scale[1]
    texture, mask = cut_out(texture, mask, high, wide)
    # The canvas lags behind the object by the residual, which must not show as a wobble.
    return AnomalousObject(texture, mask, (offsets + residual * np.array(scale)).astype(np.float32), foot)


@dataclass(frozen=True)
class Fast:
    """An ordinary object at its ordinary scale and row, at 2 to 5 times its ordinary speed: a runner, a skater."""

    scene: Scene
    name: ClassVar[str] = "fast"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """Never slower than twice the object's own speed, nor twice its row's, nor what the scene's fastest do."""
        cutout = pick(self.scene.cutouts, rng)
        ordinary = max(float(np.hypot(*cutout.velocity)), self.scene.speed(cutout.foot))
        floor = 1.4 * self.scene.brisk * self.scene.height(cutout.foot)
        speed = max(rng.uniform(2, 5) * ordinary, floor)
        return put_back(cutout, moving(self.scene, own_heading(cutout, rng), speed), cutout.foot, rng)


@dataclass(frozen=True)
class Stretched:
    """An ordinary object much wider, flatter or thinner than any here, at ordinary to brisk speed."""

    scene: Scene
    name: ClassVar[str] = "stretched"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """Width over height at least 1.6 times off both the object's own and the scene's median."""
        cutout = pick(self.scene.cutouts, rng)
        usual, own = self.scene.aspect, cutout.width / cutout.height
        strength = rng.uniform(1.6, 3.0)
        if rng.random() < 0.8 or cutout.width < NARROW:
            ratio = strength * max(1.0, usual / own)
            tall = rng.uniform(0.55, 1.1) / max(1.0, ratio / 3.5)
        else:
            ratio = 1 / (strength * max(1.0, own / usual))
            tall = rng.uniform(1.0, 1.5)
        scale = _fitting(self.scene, cutout, tall, tall * ratio)
        speed = max(rng.uniform(0.5, 2.5) * self.scene.speed(cutout.foot), self.scene.least_speed(cutout.foot))
        return put_back(cutout, moving(self.scene, own_heading(cutout, rng), speed), cutout.foot, rng, scale)


@dataclass(frozen=True)
class OutOfScale:
    """An ordinary object 1.7 to 3 times, or 0.3 to 0.55 times, as tall as objects on its row are."""

    scene: Scene
    name: ClassVar[str] = "out_of_scale"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """Where the frame has no room for a giant, a dwarf."""
        cutout = pick(self.scene.cutouts, rng)
        foot = float(np.clip(cutout.foot + rng.normal(0, 0.2 * cutout.height), 4, self.scene.size[0]))
        usual = self.scene.height(foot)
        factor = rng.uniform(1.7, 3.0) if rng.random() < 0.6 else rng.uniform(0.3, 0.55)
        if factor > 1:
            factor = min(factor, 0.9 * self.scene.size[0] / usual)
        if 0.55 < factor < 1.7:
            factor = rng.uniform(0.3, 0.55)
        scale = factor * usual / cutout.height
        speed = max(rng.uniform(0.5, 2.0) * self.scene.speed(foot), self.scene.least_speed(foot))
        return put_back(cutout, moving(self.scene, own_heading(cutout, rng), speed), foot, rng, (scale, scale))


@dataclass(frozen=True)
class Ordinary:
    """An object of the footage where it was, as it was: no anomaly, but cut out and pasted as anomalies are."""

    scene: Scene
    name: ClassVar[str] = "ordinary"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """One with a look of its own at each instant, where there are such."""
        whole = [cutout for cutout in self.scene.cutouts if len(cutout.mask) == 5]
        cutout = pick(whole or self.scene.cutouts, rng)
        offsets = (self.scene.moments[:, None] * cutout.velocity).astype(np.float32)
        return replace(put_back(cutout, offsets, cutout.foot, rng, frozen=0.0), column=cutout.x)


def _fitting(scene: Scene, cutout: CutOut, y: float, x: float) -> tuple[float, float]:
    """Both scales, shrunk alike until the object has room in the frame."""
    room = min(1.0, 0.9 * scene.size[0] / (cutout.height * y), 0.8 * scene.size[1] / (cutout.width * x))
    return y * room, x * room
