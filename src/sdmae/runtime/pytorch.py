"""From frames to the terms of the score: triplets, the cells that move, masks; the network itself is a `Network`.

With a gate, frames are run in groups of as many tokens as they need, and those in which nothing moves not at all: no
sample is even formed of them. Their maps are 0, as cells that are not kept always are. Their [CLS] probability is
`gate.idle`, what the network says of still parts of normal video: 0 would make the score drop whenever a scene comes
to rest, and rise for no reason of its own when a leaf stirs. Frames of several videos that need as many tokens run
together, too: what is chosen in front of the network is each video's own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sdmae.config import GateConfig, ScoreConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.gate import Gate, Group
from sdmae.model.tokens import fixed_noise, moving_cells
from sdmae.runtime.motion import motion_of
from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.transfer import Results, Uploaded

Values = NDArray[np.float32]
MAPS = ("error", "discrepancy", "anomaly_map")


class Runtime(Protocol):
    """From frames to the terms of the score."""

    def start(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> Results:
        """`error`, `discrepancy`, `anomaly_map` (B, h, w) and `classifier` (B,); whoever wants them waits for them.

        `frames` (N, H, W, C) on the device, `neighbours` (B, 5) rows of them, `order` (B,) which frame of its stretch
        each is. A gate lets frames pass as they are where `whole` (B,) is true.
        """
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
class Ready:
    """Samples that are run together, as a `Network` wants them."""

    rows: Tensor
    """(b,) int64: which of the frames that were prepared together."""
    samples: Tensor
    """(b, 5, H, W, C) uint8."""
    cells: Tensor | None
    """(b, K): those that are looked at; None for all."""
    noises: tuple[Tensor, ...]
    """(b, h*w) each: a mask for every pass."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that is chosen in front of the network for B frames of one video."""

    count: int
    """B."""
    ready: tuple[Ready, ...]
    """By number of tokens; frames in none of them are not run."""
    idle: float
    """Their [CLS] probability."""


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
        """`Runtime.start` of frames in this computer's memory, and its results."""
        return self.start(self.uploaded(frames), neighbours, order, whole).arrays()

    def start(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> Results:
        """See `Runtime`. A GPU goes on by itself."""
        return self.start_together([self.prepare(frames, neighbours, order, whole)])

    def start_together(self, prepared: Sequence[Prepared]) -> Results:
        """The same of the frames of several videos, one after another.

        They may come from the runtimes of other detectors, whose network is the same but for ignore zones and gate.
        """
        with self._turn:
            return Results(self.run(prepared))

    def uploaded(self, frames: NDArray[np.uint8]) -> Uploaded:
        """Frames (N, H, W, C) on the device, at once."""
        return Uploaded(frames, torch.from_numpy(frames).to(self.device), None)

    @torch.inference_mode()
    def prepare(
        self,
        frames: Uploaded,
        neighbours: NDArray[np.int64],
        order: NDArray[np.int64],
        whole: NDArray[np.bool_] | None = None,
    ) -> Prepared:
        """All that is chosen in front of the network, by these ignore zones and this gate; for `run`."""
        uploaded = frames.arrived()
        rows = torch.from_numpy(neighbours).to(self.device)
        turns = torch.from_numpy(order % len(self.noises)).to(self.device)
        if self.gate is None:
            samples = _samples(uploaded, rows)
            cells = moving_cells(samples, self.model.patch, self.model.token_share, self.ignored)
            every = torch.arange(len(rows), device=self.device)
            return Prepared(len(rows), (self._ready(Group(every, cells), samples, turns),), self.idle)
        motion = motion_of(frames.host, uploaded, neighbours, self.model.patch)
        passing = torch.zeros(len(rows), dtype=torch.bool) if whole is None else torch.from_numpy(whole)
        groups = self.gate.groups(motion, passing.to(self.device))
        ready = (self._ready(one, _samples(uploaded, rows[one.rows]), turns[one.rows]) for one in groups)
        return Prepared(len(rows), tuple(ready), self.idle)

    def _ready(self, group: Group, samples: Tensor, turns: Tensor) -> Ready:
        """`turns` (b,): whose turn it is where masks alternate."""
        if self.score.masks == "alternating":
            noises = [self.noises[turns]]
        else:
            noises = [noise.expand(len(samples), -1) for noise in self.noises]
        return Ready(group.rows, samples, group.cells, tuple(noises))

    @torch.inference_mode()
    def run(self, prepared: Sequence[Prepared]) -> dict[str, Tensor]:
        """The terms of all frames on the device, those of the first video first."""
        begins = np.cumsum([0, *(one.count for one in prepared)]).tolist()
        alike: dict[int | None, list[tuple[int, Ready]]] = {}
        for begin, one in zip(begins, prepared, strict=False):
            for ready in one.ready:
                alike.setdefault(None if ready.cells is None else ready.cells.shape[1], []).append((begin, ready))
        if len(alike) == 1:
            (group,) = alike.values()
            if sum(len(ready.rows) for _, ready in group) == begins[-1]:
                return self._run([ready for _, ready in group])  # every frame, in its order
        found = self._idle(prepared, untouched=not alike)
        for group in alike.values():
            terms = self._run([ready for _, ready in group])
            rows = torch.cat([begin + ready.rows for begin, ready in group])
            for name, values in terms.items():
                found[name].index_copy_(0, rows, values)
        return found

    def _run(self, ready: Sequence[Ready]) -> dict[str, Tensor]:
        """What the network says under the masks of the score."""
        samples = _joined([one.samples for one in ready])
        chosen = [one.cells for one in ready if one.cells is not None]
        cells = _joined(chosen) if chosen else None
        noises = [_joined(same) for same in zip(*(one.noises for one in ready), strict=True)]
        passes = [self.network(samples, noise, cells) for noise in noises]
        return {
            name: torch.stack([p[name] for p in passes]).mean(0) if len(passes) > 1 else passes[0][name]
            for name in passes[0]
        }

    def _idle(self, prepared: Sequence[Prepared], *, untouched: bool) -> dict[str, Tensor]:
        """The terms of frames that are not run; `untouched`: all maps stay 0, and one tensor serves for all."""
        count = sum(one.count for one in prepared)
        maps = torch.zeros(1 if untouched else len(MAPS), count, *self.shape, device=self.device)
        own = {name: maps[k % len(maps)] for k, name in enumerate(MAPS)}
        said = [torch.full((one.count,), one.idle, device=self.device) for one in prepared]
        return {**own, "classifier": torch.cat(said)}


def _samples(frames: Tensor, rows: Tensor) -> Tensor:
    """Frames (N, H, W, C) and rows (B, 5) of them to (B, 5, H, W, C)."""
    return frames.index_select(0, rows.reshape(-1)).reshape(*rows.shape, *frames.shape[1:])


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else torch.cat(list(tensors))
