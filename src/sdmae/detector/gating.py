"""What the gate learns of a camera from normal video: how much cells change in which nothing moves.

Sensor noise, flicker and coding change every cell somewhat. In nearly every scene there are cells through which next
to nobody ever passes; what these show nearly always, keyframes included, is what is not motion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.config import Config, GateConfig
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.detector.build import ignored_patches
from sdmae.errors import SourceError
from sdmae.model import SDMAE
from sdmae.model.gate import token_sizes
from sdmae.model.tokens import fixed_noise, most_moving
from sdmae.runtime import EagerNetwork
from sdmae.runtime.motion import motion_of
from sdmae.video import Frame

LOOK = 120.0
"""Seconds of each video that are looked at."""
MOST = 4000
"""Frames, of all videos, whose motion is kept; evenly spread, between a half of it and all."""
SHOWN = 16
"""Frames that are shown to the network, likewise."""
NEARLY_ALWAYS = 0.95
"""Share of the time in which a still cell is below its level: keyframes are in it, the odd passer-by is not."""
STILLEST = 0.25
"""Share of the cells that are taken to be still ones."""
FACTOR = 2.0
"""Threshold over that level, at least: other cells are noisier than the stillest."""
CALM = 5.0
"""A frame none of whose cells is above so many times that level is at rest."""
SELDOM = 0.05
"""Share of the frames at rest below which the scene is one that never rests."""
ABOVE = 1.1
"""Threshold over what the noisiest cell of a frame at rest nearly always stays below, at least."""
LOWEST, HIGHEST = 1.0, 16.0
"""Grey levels between which a threshold lies: no sensor is without noise, and where everything always moves, its
motion is not to be taken for noise. Too low a threshold costs time, and misses nothing."""
BATCH = 32

Videos = Iterable[tuple[Iterable[Frame], float]]
"""Frames of the network's size, and how many of them come a second, of each video."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Some frames of normal video."""

    motion: NDArray[np.float32]
    """(n, h*w): motion of every cell, the mean over it in grey levels."""
    samples: NDArray[np.uint8]
    """(m, 5, H, W, C): some of them, as the network sees them."""
    sums: NDArray[np.int32]
    """(m, h*w): their motion, summed over each cell."""


def observe(videos: Videos, config: Config) -> Observed:
    """Looks at the beginning of each video. Raises `SourceError` where there is not one frame."""
    motion, shown = _Spread(MOST), _Spread(SHOWN)
    patch = config.model.patch
    for frames, rate in videos:
        for samples in stream_samples(_beginning(frames), Spacing.of(config.input, rate), BATCH):
            sums = motion_of(samples.frames, torch.from_numpy(samples.frames), samples.neighbours, patch).numpy()
            for row, own in zip(samples.neighbours, sums, strict=True):
                if motion.next():
                    motion.keep(own)
                if shown.next():
                    shown.keep(samples.frames[row], own)
    if not motion.kept:
        raise SourceError("there is no normal video to learn from what moves and what does not")
    values = patch * patch * config.input.channels
    return Observed(
        np.stack([own for (own,) in motion.kept]).astype(np.float32) / np.float32(values),
        np.stack([sample for sample, _ in shown.kept]),
        np.stack([own for _, own in shown.kept]),
    )


def learn_threshold(motion: NDArray[np.float32], ignored: NDArray[np.bool_] | None = None) -> float:
    """The threshold of a gate, in grey levels, from the motion (n, h*w) of cells in normal video.

    Its level is the one below which a cell is in `NEARLY_ALWAYS` of the frames, of the cell that is stiller than all
    but `STILLEST` of them. Noise differs from place to place, by texture and light, and there are hundreds of places:
    where the scene comes to rest now and then, the threshold also leaves these frames at rest. `ignored` (h*w,) bool:
    cells that do not count.
    """
    seen = motion if ignored is None else motion[:, ~ignored]
    level = max(float(np.quantile(np.quantile(seen, NEARLY_ALWAYS, axis=0), STILLEST)), LOWEST / FACTOR)
    threshold = FACTOR * level
    peaks = seen.max(axis=1)
    resting = peaks[peaks <= CALM * level]
    if len(resting) >= SELDOM * len(peaks):
        threshold = max(threshold, ABOVE * float(np.quantile(resting, NEARLY_ALWAYS)))
    return round(min(threshold, HIGHEST), 3)


def learn_idle(model: SDMAE, observed: Observed, ignored: NDArray[np.bool_] | None = None) -> float:
    """What the classifier says where nothing moves, 0 to 1: the median over some frames, shown without what moves.

    Of each frame the network sees those cells that move least, at most as many as a full pass, with their noise. A
    frame that is frozen has none: the network never saw such, and takes it for something else.
    """
    length = observed.sums.shape[1]
    usable = length if ignored is None else int(np.count_nonzero(~ignored))
    count = max(1, min(token_sizes(length, model.config.token_share, 2.0)[-1], usable // 2))
    stillness = -torch.from_numpy(observed.sums)
    if ignored is not None:
        stillness = stillness.masked_fill(torch.from_numpy(ignored), torch.iinfo(torch.int32).min)
    device = next(model.parameters()).device
    network = EagerNetwork(model, "token", device)
    noise = fixed_noise(model.grid).to(device)
    found = []
    with torch.inference_mode():
        for sample, still in zip(observed.samples, stillness, strict=True):
            cells = most_moving(still[None], count)
            kept = None if cells is None else cells.to(device)
            said = network(torch.from_numpy(sample)[None].to(device), noise[None], kept)
            found.append(float(said["classifier"]))
    return round(float(np.median(found)), 4)


def learned(config: Config, model: SDMAE | None, videos: Videos) -> GateConfig:
    """The gate of a configuration with what normal video says of it; without a `model` its threshold alone.

    What the configuration says already is kept.
    """
    gate = config.gate
    if gate.threshold is not None and (gate.idle is not None or model is None):
        return gate
    found = observe(videos, config)
    patches = ignored_patches(config)
    ignored = None if patches is None else patches.reshape(-1)
    threshold = learn_threshold(found.motion, ignored) if gate.threshold is None else gate.threshold
    idle = learn_idle(model, found, ignored) if gate.idle is None and model is not None else gate.idle
    return replace(gate, threshold=threshold, idle=idle)


def _beginning(frames: Iterable[Frame]) -> Iterator[Frame]:
    first: float | None = None
    for frame in frames:
        first = frame.time if first is None else first
        if frame.time - first >= LOOK:
            return
        yield frame


class _Spread:
    """Which of ever more things to keep, so that at most some remain, evenly spread: all, every second, fourth..."""

    def __init__(self, most: int) -> None:
        self.kept: list[tuple[NDArray[Any], ...]] = []
        self._most = most
        self._every = 1
        self._count = 0

    def next(self) -> bool:
        """Whether the next thing is to be kept."""
        self._count += 1
        return (self._count - 1) % self._every == 0

    def keep(self, *thing: NDArray[Any]) -> None:
        self.kept.append(thing)
        if len(self.kept) > self._most:
            self.kept = self.kept[::2]
            self._every *= 2
