"""Synthetic anomalies that pass through a whole stretch of video, not only through one sample of it.

A detector's score of a frame depends on the frames around it: they are filtered, smoothed and held against other
moments of the video. What it makes of an object is seen only where the object comes, stays a while and goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.anomalies.protocol import AnomalousObject, Bytes, Floats
from sdmae.data.anomalies.scene import GRID, Scene

FRAMES = 25, 60
"""Least and most frames that an object takes."""
SHOWN = 0.5
"""Share of the most that is seen of an object from which a frame holds it for certain. Below, it comes or goes."""


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """The part of a stretch in which an object passes."""

    start: int
    """Its first frame, counted in the stretch."""
    frames: Bytes
    """(n, H, W, C) uint8: with the object."""
    shown: NDArray[np.bool_]
    """(n,): frames in which it is seen for certain."""


def let_pass(frames: Bytes, made: AnomalousObject, scene: Scene, rng: np.random.Generator) -> Passing | None:
    """The object on its way through some 25 to 60 of the `frames` (N, H, W, C) uint8, at the speed it was made for.

    At half time it is at a place where objects were seen to move. Its looks follow one another to and fro. None where
    nothing of it is ever seen.
    """
    height, width = scene.size
    count = min(len(frames), int(rng.integers(FRAMES[0], FRAMES[1] + 1)))
    start = int(rng.integers(len(frames) - count + 1))
    foot = scene.foot(rng) if made.foot is None else made.foot
    column = (rng.choice(np.flatnonzero(scene.columns(foot))) + rng.random()) / GRID * width
    mirrored = rng.random() < 0.5
    gain = rng.uniform(0.8, 1.2)
    bias = rng.uniform(-20, 20) + 128 * (1 - gain)
    texture = np.clip(gain * made.texture.astype(np.float32) + bias, 0, 255)
    mask = made.mask.astype(np.float32) / 255
    velocity = (made.offsets * scene.moments[:, None]).sum(axis=0) / float((scene.moments**2).sum())
    wobble = made.offsets - velocity * scene.moments[:, None]
    sign = -1.0 if mirrored else 1.0
    if mirrored:
        texture, mask = texture[:, :, ::-1], mask[:, :, ::-1]
    _, tall, broad = mask.shape
    place = np.array([min(max(foot, 0.9 * tall), height) - tall, np.clip(column, 0, width) - broad / 2], np.float32)
    shown = np.zeros(count, np.float32)
    passed = frames[start : start + count].copy()
    for k in range(count):
        along = k - count / 2
        look, sway = _look(along, made, scene.moments, wobble)
        top, left = place + (velocity * along + sway) * np.array([1.0, sign], np.float32)
        shown[k] = _blend(passed[k], texture[look], mask[look], float(top), float(left))
    if not shown.max():
        return None
    return Passing(start, passed, shown >= SHOWN * shown.max())


def _look(along: float, made: AnomalousObject, moments: Floats, wobble: Floats) -> tuple[int, Floats]:
    """Which of the object's looks it has `along` frames from half time, and what that one lags behind (dy, dx)."""
    if len(made.mask) == 1:
        return 0, np.zeros(2, np.float32)
    last = float(moments[-1])
    phase = abs((along + last) % (4 * last) - 2 * last) - last  # from -s to s and back
    look = int(np.abs(moments - phase).argmin())
    return look, wobble[look]


def _blend(frame: Bytes, texture: Floats, mask: Floats, top: float, left: float) -> float:
    """Puts an object into the frame, in place. Returns the pixels of it that are seen."""
    height, width = frame.shape[:2]
    y, x = int(np.floor(top)), int(np.floor(left))
    shift = np.array([[1, 0, left - x], [0, 1, top - y]], np.float32)
    size = (mask.shape[1] + 1, mask.shape[0] + 1)
    alpha = np.asarray(cv2.warpAffine(mask, shift, size), np.float32)
    colour = np.asarray(cv2.warpAffine(texture, shift, size, borderMode=cv2.BORDER_REPLICATE), np.float32)
    colour = colour.reshape(*alpha.shape, frame.shape[2])
    y0, y1, x0, x1 = max(0, y), min(height, y + size[1]), max(0, x), min(width, x + size[0])
    if y0 >= y1 or x0 >= x1:
        return 0.0
    inner = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
    opacity = alpha[inner][..., None]
    old = frame[y0:y1, x0:x1].astype(np.float32)
    frame[y0:y1, x0:x1] = np.round(old * (1 - opacity) + colour[inner] * opacity).astype(np.uint8)
    return float(opacity.sum())
