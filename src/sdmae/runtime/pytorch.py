"""The network in PyTorch's eager mode: the reference every other runtime is held against."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.config import ScoreConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE, score_maps
from sdmae.model.tokens import fixed_noise


class Runtime(Protocol):
    """From frames to the terms of the score."""

    def __call__(
        self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """`frames` (N, H, W, C), `neighbours` (B, 5) rows of them, `order` (B,) which frame of its stretch each is:
        `error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,)."""
        ...


def pick_device(name: str | None) -> torch.device:
    """The device of that name; None: the first GPU, else the CPU. Raises `ConfigError` where there is none such."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ConfigError(f"no device '{name}' here: use cpu, or leave it out") from None
    return device


class PyTorchRuntime:
    """Runs a model in eval mode. Test-time masks are fixed, so equal input gives equal output."""

    def __init__(self, model: SDMAE, score: ScoreConfig, device: torch.device) -> None:
        self.model = model.to(device).eval()
        self.score = score
        self.device = device
        noise = fixed_noise(model.grid).to(device)
        self.noises = torch.stack([noise, 1 - noise] if score.masks != "fixed" else [noise])

    @torch.inference_mode()
    def __call__(
        self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        uploaded = torch.from_numpy(frames).to(self.device)
        samples = uploaded[torch.from_numpy(neighbours).to(self.device)]
        if self.score.masks == "alternating":
            noises = [self.noises[torch.from_numpy(order % len(self.noises)).to(self.device)]]
        else:
            noises = list(self.noises)
        passes = [
            score_maps(self.model(samples, noise, student=True), samples, self.model.config, self.score.resolution)
            for noise in noises
        ]
        return {
            name: (torch.stack([p[name] for p in passes]).mean(0) if len(passes) > 1 else passes[0][name])
            .float()
            .cpu()
            .numpy()
            for name in passes[0]
        }
