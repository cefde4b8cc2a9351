"""What a synthetic anomaly is, and who draws one. Families of any origin meet this protocol and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Frames = Bytes | Tensor
"""All training frames at network size: (N, H, W, C) uint8, a memory map or a tensor on any device."""

CENTRE = 2
"""Place of t among the five instants t-s, t-1, t, t+1, t+s."""


@dataclass(frozen=True)
class AnomalousObject:
    """One object at the five instants of a training sample, free of any frame.

    Raises `ValueError` where the shapes disagree: that is a family's mistake, not a user's.
    """

    texture: Bytes
    """(T, h, w, C) uint8, T = 1 (one look at all instants) or 5 (a look of its own at each)."""
    mask: Bytes
    """(T, h, w) uint8: opacity, 0 outside to 255 inside, blended at the edges."""
    offsets: Floats
    """(5, 2) float32: (dy, dx) in pixels from the object's place at t, at t-s, t-1, t, t+1, t+s; row 2 is zero."""
    foot: float | None
    """Row on which the object's lowest point at t stands. None: any row on which moving objects were seen."""
    column: float | None = None
    """Column of its middle at t, where it stays and is not mirrored. None: any in which moving objects were seen."""

    def __post_init__(self) -> None:
        instants, height, width, channels = self.texture.shape
        if instants not in (1, 5) or channels not in (1, 3) or min(height, width) < 1:
            raise ValueError(f"texture of shape {self.texture.shape}; expected (1 or 5, h, w, 1 or 3)")
        if self.mask.shape != (instants, height, width):
            raise ValueError(f"mask of shape {self.mask.shape} on a texture of shape {self.texture.shape}")
        if self.offsets.shape != (5, 2) or self.offsets[CENTRE].any():
            raise ValueError("offsets must be (5, 2) with a zero row at t")


class Family(Protocol):
    """A kind of synthetic anomaly. Each draw is another object of that kind."""

    @property
    def name(self) -> str:
        """Name in `AnomalyConfig.families`."""
        ...

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """One object; the same generator state gives the same object."""
        ...


def instants(gap: float, gradient_gap: float) -> Floats:
    """(5,) float32: the instants t-s, t-1, t, t+1, t+s as frames from t."""
    return np.array([-gap, -gradient_gap, 0.0, gradient_gap, gap], np.float32)


def read_frame(frames: Frames, index: int) -> Bytes:
    """Frame `index` as (H, W, C) uint8 in this process's memory."""
    frame = frames[index]
    return frame.cpu().numpy() if isinstance(frame, Tensor) else np.asarray(frame)
