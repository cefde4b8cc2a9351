"""From frames to the terms of the score: triplets, the cells that move, masks; the network itself is a `Network`.

With a gate, frames of a batch are run in groups of as many tokens as they need, and those in which nothing moves not
at all: no sample is even formed of them. Their maps are 0, as cells that are not kept always are. Their [CLS]
probability is `gate.idle`, what the network says of still parts of normal video: 0 would make the score drop whenever
a scene comes to rest, and rise for no reason of its own when a leaf stirs.
"""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdmae.config import GateConfig, ScoreConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.gate import Gate
from sdmae.model.tokens import fixed_noise, moving_cells
from sdmae.runtime.motion import motion_of
from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.transfer import Results, Uploaded

Values = NDArray[np.float32]


class Runtime(Protocol):
    """From frames to the terms of the score."""

    def __call__(
        self,
        frames: NDArray[np.uint8],
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> dict[str, Values]:
        """`frames` (N, H, W, C), `neighbours` (B, 5) rows of them, `order` (B,) which frame of its stretch each is:
        `error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,). A gate lets frames pass as they are
        where `whole` (B,) is true."""
        ...

    def start(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> Results:
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
        self,
        model: SDMAE,
        score: ScoreConfig,
        device: torch.device,
        *,
        network: Network | None = None,
        gate: GateConfig | None = None,
    ) -> None:
        """`network`: how the model is run; None: eagerly. `gate`: which tokens are; None: as many of every frame."""
        self.network = network or EagerNetwork(model, score.resolution, device)
        self.model = model.config
        self.ignored = None if model.ignored is None else model.ignored.to(device)
        self.score = score
        self.device = device
        noise = fixed_noise(model.grid).to(device)
        self.noises = torch.stack([noise, 1 - noise] if score.masks != "fixed" else [noise])
        self.gate = Gate.of(gate, model.config, model.channels, model.grid, self.ignored) if gate else None
        self.idle = (gate.idle if gate else None) or 0.0
        cell = 1 if score.resolution == "token" else model.config.patch
        self.shape = (model.grid[0] * cell, model.grid[1] * cell)
        # Videos that are scored at the same time may share a network that has buffers of its own.
        self._turn = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_turn"}  # a lock is of this process

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._turn = threading.Lock()

    def __call__(
        self,
        frames: NDArray[np.uint8],
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> dict[str, Values]:
        """See `Runtime`."""
        uploaded = Uploaded(frames, torch.from_numpy(frames).to(self.device), None)
        return self.start(uploaded, neighbours, order, whole).arrays()

    def start(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> Results:
        """See `Runtime`. A GPU goes on by itself."""
        with self._turn:
            return Results(self.terms(frames, neighbours, order, whole))

    @torch.inference_mode()
    def terms(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> dict[str, Tensor]:
        """The same on the device."""
        uploaded = frames.arrived()
        rows = torch.from_numpy(neighbours).to(self.device)
        turns = torch.from_numpy(order % len(self.noises)).to(self.device)
        if self.gate is None:
            samples = _samples(uploaded, rows)
            cells = moving_cells(samples, self.model.patch, self.model.token_share, self.ignored)
            return self._run(samples, cells, turns)
        motion = motion_of(frames.host, uploaded, neighbours, self.model.patch)
        passing = torch.zeros(len(rows), dtype=torch.bool) if whole is None else torch.from_numpy(whole)
        groups = self.gate.groups(motion, passing.to(self.device))
        found = self._idle(len(rows), untouched=not groups)
        for group in groups:
            terms = self._run(_samples(uploaded, rows[group.rows]), group.cells, turns[group.rows])
            for name, values in terms.items():
                found[name].index_copy_(0, group.rows, values)
        return found

    def _run(self, samples: Tensor, cells: Tensor | None, turns: Tensor) -> dict[str, Tensor]:
        """What the network says under the masks of the score; `turns` (b,): whose turn it is where they alternate."""
        if self.score.masks == "alternating":
            noises = [self.noises[turns]]
        else:
            noises = [noise.expand(len(samples), -1) for noise in self.noises]
        passes = [self.network(samples, noise, cells) for noise in noises]
        return {
            name: torch.stack([p[name] for p in passes]).mean(0) if len(passes) > 1 else passes[0][name]
            for name in passes[0]
        }

    def _idle(self, count: int, *, untouched: bool) -> dict[str, Tensor]:
        """The terms of frames that are not run; `untouched`: all maps stay 0, and one tensor serves for all."""
        names = ("error", "discrepancy", "anomaly_map")
        maps = torch.zeros(1 if untouched else len(names), count, *self.shape, device=self.device)
        own = {name: maps[k % len(maps)] for k, name in enumerate(names)}
        return {**own, "classifier": torch.full((count,), self.idle, device=self.device)}


def _samples(frames: Tensor, rows: Tensor) -> Tensor:
    """Frames (N, H, W, C) and rows (B, 5) of them to (B, 5, H, W, C)."""
    return frames.index_select(0, rows.reshape(-1)).reshape(*rows.shape, *frames.shape[1:])
