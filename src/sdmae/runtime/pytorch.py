"""From frames to the terms of the score: triplets, the cells that move, masks; the network itself is a `Network`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdmae.config import ScoreConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.tokens import fixed_noise, moving_cells
from sdmae.runtime.network import EagerNetwork, Network


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


@dataclass(frozen=True, slots=True)
class Prepared:
    """B samples as a `Network` wants them."""

    samples: Tensor
    """(B, 5, H, W, C) uint8."""
    cells: Tensor | None
    """(B, K): those that are looked at; None for all."""
    noises: tuple[Tensor, ...]
    """(B, h*w) each: a mask for every pass."""


class PyTorchRuntime:
    """Runs a model in eval mode. Test-time masks are fixed, so equal input gives equal output."""

    def __init__(
        self, model: SDMAE, score: ScoreConfig, device: torch.device, *, network: Network | None = None
    ) -> None:
        """`network`: how the model is run; None: eagerly."""
        self.network = network or EagerNetwork(model, score.resolution, device)
        self.model = model.config
        self.ignored = None if model.ignored is None else model.ignored.to(device)
        self.score = score
        self.device = device
        noise = fixed_noise(model.grid).to(device)
        self.noises = torch.stack([noise, 1 - noise] if score.masks != "fixed" else [noise])

    def __call__(
        self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        return self.run([self.prepare(frames, neighbours, order)])

    @torch.inference_mode()
    def prepare(self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> Prepared:
        """All that is chosen in front of the network, by these ignore zones; for `run`."""
        uploaded = torch.from_numpy(frames).to(self.device)
        samples = uploaded[torch.from_numpy(neighbours).to(self.device)]
        cells = moving_cells(samples, self.model.patch, self.model.token_share, self.ignored)
        if self.score.masks == "alternating":
            noises = [self.noises[torch.from_numpy(order % len(self.noises)).to(self.device)]]
        else:
            noises = [noise.expand(len(samples), -1) for noise in self.noises]
        return Prepared(samples, cells, tuple(noises))

    @torch.inference_mode()
    def run(self, prepared: Sequence[Prepared]) -> dict[str, NDArray[np.float32]]:
        """What `__call__` gives, of several in one batch, one after another.

        They may come from the runtimes of other detectors, whose network is the same but for the ignore zones.
        """
        samples = torch.cat([one.samples for one in prepared])
        chosen = [one.cells for one in prepared if one.cells is not None]
        cells = torch.cat(chosen) if chosen else None
        noises = [torch.cat(same) for same in zip(*(one.noises for one in prepared), strict=True)]
        passes = [self.network(samples, noise, cells) for noise in noises]
        return {
            name: (torch.stack([p[name] for p in passes]).mean(0) if len(passes) > 1 else passes[0][name])
            .cpu()
            .numpy()
            for name in passes[0]
        }
