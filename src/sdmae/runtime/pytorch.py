"""From frames to the terms of the score: triplets, the cells that move, masks; the network itself is a `Network`."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdmae.config import ScoreConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.tokens import fixed_noise, moving_cells
from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.transfer import Results, Uploaded


class Runtime(Protocol):
    """From frames to the terms of the score."""

    def __call__(
        self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """`frames` (N, H, W, C), `neighbours` (B, 5) rows of them, `order` (B,) which frame of its stretch each is:
        `error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,)."""
        ...

    def start(self, frames: Uploaded, neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> Results:
        """The same of frames that are on the device already; whoever wants the results waits for them."""
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
        self._turn = (
            threading.Lock()
        )  # videos scored at the same time may share a network that has buffers of its own

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_turn"}  # a lock is of this process

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._turn = threading.Lock()

    def __call__(
        self, frames: NDArray[np.uint8], neighbours: NDArray[np.int64], order: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        """See `Runtime`."""
        uploaded = Uploaded(frames, torch.from_numpy(frames).to(self.device), None)
        return self.start(uploaded, neighbours, order).arrays()

    def start(self, frames: Uploaded, neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> Results:
        """See `Runtime`. A GPU goes on by itself."""
        with self._turn:
            return Results(self.terms(frames.arrived(), neighbours, order))

    @torch.inference_mode()
    def terms(self, frames: Tensor, neighbours: NDArray[np.int64], order: NDArray[np.int64]) -> dict[str, Tensor]:
        """The same on the device, of `frames` (N, H, W, C) on the device."""
        samples = frames[torch.from_numpy(neighbours).to(self.device)]
        cells = moving_cells(samples, self.model.patch, self.model.token_share, self.ignored)
        if self.score.masks == "alternating":
            noises = [self.noises[torch.from_numpy(order % len(self.noises)).to(self.device)]]
        else:
            noises = [noise.expand(len(samples), -1) for noise in self.noises]
        passes = [self.network(samples, noise, cells) for noise in noises]
        return {
            name: torch.stack([p[name] for p in passes]).mean(0) if len(passes) > 1 else passes[0][name]
            for name in passes[0]
        }
