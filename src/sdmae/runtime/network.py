"""One batch through the network: what every way of running it has to do, and the plain way."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from sdmae.model import SDMAE, score_maps


class Network(Protocol):
    """From samples to the terms of the score, for cells that somebody else has chosen."""

    name: str
    """What it is called in settings, reports and fingerprints."""
    precision: Literal["float32", "bfloat16"]
    """What it computes in. Scores of the same precision agree within `export.bound`, so that they share alarms."""
    device: torch.device
    """Where its tensors are expected, and given back."""

    def __call__(self, samples: Tensor, noise: Tensor, cells: Tensor | None) -> dict[str, Tensor]:
        """The maps of `score_maps` in float32: `error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,).

        `samples` (B, 5, H, W, C) uint8 at t-s, t-1, t, t+1, t+s; `noise` (B, h*w); `cells` (B, K) int64, rising,
        None for all.
        """
        ...


class EagerNetwork:
    """PyTorch's eager mode: the reference every other way is held against."""

    name = "eager"
    precision: Literal["float32", "bfloat16"] = "float32"

    def __init__(self, model: SDMAE, resolution: Literal["pixel", "token"], device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.resolution = resolution
        self.device = device

    def __call__(self, samples: Tensor, noise: Tensor, cells: Tensor | None) -> dict[str, Tensor]:
        """See `Network`."""
        output = self.model.predict(samples, noise, cells, student=True)
        return {k: v.float() for k, v in score_maps(output, samples, self.model.config, self.resolution).items()}
