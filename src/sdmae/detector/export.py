"""A detector for other programs: exported, held against the original on frames, and only then written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.detector.detector import Detector
from sdmae.detector.exported import KINDS, READERS, pack
from sdmae.detector.file import write_whole
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.model.tokens import fixed_noise
from sdmae.runtime import EagerNetwork, Network, exported_network
from sdmae.runtime.export import traced
from sdmae.runtime.graph import TERMS
from sdmae.scoring import score_frames
from sdmae.video import Clip, Frame, read_frames

BOUND = 1e-4
"""Largest difference of a term or a score between an export and the original. Rounding makes 1e-5 of it."""
FRAMES = 40
"""Frames on which the two are compared."""
BATCH = 7
"""Frames at once in the export, so that it sees a full batch and a short one; not what the original takes."""


@dataclass(frozen=True)
class Order:
    """What to export, to where."""

    kind: str
    """One of `KINDS`."""
    output: Path
    """The file; its suffix is the kind's."""
    clip: Clip | None = None
    """Video to compare on; None: frames that are drawn."""
    bound: float = BOUND
    """The largest difference that is let through."""


def export(detector: Detector, order: Order, report: Callable[[str], object]) -> dict[str, float]:
    """Writes the exported file, whole or not at all; the largest difference of each term and of the scores.

    Raises `DetectorError` where one is above the bound, `ConfigError` for what cannot be exported.
    """
    if order.kind not in KINDS:
        raise ConfigError(f"--to {order.kind}: no such target; there are {', '.join(KINDS)}")
    if order.output.suffix != KINDS[order.kind]:
        raise ConfigError(f"--output {order.output}: an export to {order.kind} is called *{KINDS[order.kind]}")
    if not order.bound > 0:
        raise ConfigError(f"--bound {order.bound:g}: give a number above 0")
    if detector.device != "cpu":
        raise ConfigError(f"a detector on {detector.device} cannot be exported: load it on the CPU")
    frames = _drawn(detector) if order.clip is None else _of_clip(detector, order.clip)
    program = traced(detector.model, detector.config.score.resolution)
    data = pack(order.kind, program, detector.packed())
    graph = program.module() if order.kind == "torch" else READERS[order.output.suffix](data).graph
    assert graph is not None
    other = exported_network(order.kind, graph, detector.model)
    with torch.inference_mode():
        worst = _differences(detector, other, frames)
    for name, value in worst.items():
        report(f"{name}: differs by {value:.1e} at most")
    name, largest = max(worst.items(), key=lambda item: item[1])
    if not largest <= order.bound:
        raise DetectorError(
            f"{order.output}: not written: {name} differs by {largest:.1e} from the detector's, more than --bound "
            f"{order.bound:g}"
        )
    write_whole(order.output, data)
    return worst


def _differences(detector: Detector, other: Network, frames: Sequence[Frame]) -> dict[str, float]:
    """Of each term and of the scores, the largest absolute difference over some frames; no number counts as endless.

    The original runs eagerly, in batches of another size; and both see every second cell alone, too.
    """
    device = torch.device("cpu")
    eager = EagerNetwork(detector.model, detector.config.score.resolution, device)
    maps = []
    for network, batch in ((eager, detector.batch), (other, BATCH)):
        one = Detector(detector.model, detector.config, {}, batch=batch, network=network)
        maps.append(list(one.maps_of(frames, detector.rate)))
    worst: dict[str, float] = {}

    def note(name: str, one: NDArray[np.float32], two: NDArray[np.float32]) -> None:
        apart = float(np.abs(one - two).max(initial=0.0))
        worst[name] = max(worst.get(name, 0.0), apart if np.isfinite(apart) else np.inf)

    for first, second in zip(*maps, strict=True):
        assert first.terms is not None
        assert second.terms is not None
        for name in TERMS:
            one, two = (getattr(terms.terms, name)[terms.row] for terms in (first.terms, second.terms))
            note(name, one, two)
    stack = torch.from_numpy(np.stack([frame.image for frame in frames[:5]]))[None]
    grid = detector.model.grid
    noise, cells = fixed_noise(grid)[None], torch.arange(0, grid[0] * grid[1], 2)[None]
    fewer = [network(stack, noise, cells) for network in (eager, other)]
    for name in TERMS:
        note(name, fewer[0][name].numpy(), fewer[1][name].numpy())
    score = detector.config.score
    scores = [[f.score for f in score_frames(found, score, detector.rate, causal=True)] for found in maps]
    note("score", np.array(scores[0], np.float32), np.array(scores[1], np.float32))
    return worst


def _of_clip(detector: Detector, clip: Clip) -> list[Frame]:
    """The clip's first frames as the detector sees them. Raises `SourceError` where there are too few."""
    found = read_frames(clip, (detector.size,), grey=detector.config.input.grey, rate=detector.rate)
    frames = list(islice(found, FRAMES))
    if len(frames) < 5:
        raise SourceError(f"{clip.path}: {len(frames)} frames are too few to compare on; name a longer video")
    return frames


def _drawn(detector: Detector) -> list[Frame]:
    """A textured ground with two squares that move over it, for whoever has no video at hand."""
    height, width = detector.size
    chance = np.random.default_rng(0)
    ground = chance.integers(40, 200, (height, width, detector.config.input.channels), np.uint8)
    side = max(1, min(height, width) // 4)
    frames = []
    for k in range(FRAMES):
        image = ground.copy()
        for grey, speed in ((230, 3), (10, -5)):
            left = (k * speed) % max(1, width - side)
            image[side : 2 * side, left : left + side] = grey
        frames.append(Frame(k, k / detector.rate, (image,)))
    return frames
