"""Normal video as it is learned from: its frames, which of them are held out, and what moves in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from sdmae.config import AnomalyConfig, Config
from sdmae.data.anomalies import ObjectBank, Scene, learn_scene
from sdmae.data.neighbours import Spacing
from sdmae.data.store import FrameStore, Stretch
from sdmae.data.training_set import FrameSource, SampleSet, split_held_out
from sdmae.data.zones import ignored_cells
from sdmae.errors import SourceError
from sdmae.training.chance import Purpose, seed_of
from sdmae.video import Clip, probe

FEWEST = 4
"""Frames, of both the training and the held-out video, below which nothing can be learned or judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Footage:
    """What every set of samples of one video has in common."""

    source: FrameSource
    """The frames."""
    parts: tuple[list[Stretch], list[Stretch]]
    """What is learned from, and what is held out."""
    spacings: dict[str, Spacing]
    """How far apart neighbours are, by clip."""
    scene: Scene
    """What moves there, learned from the first part alone: the held-out clips stay unseen to the last pixel."""
    ignored: Tensor | None
    """(H, W) bool: pixels of ignore zones."""

    def samples(
        self,
        held_out: bool,
        bank: ObjectBank,
        anomalies: AnomalyConfig,
        *,
        probability: float,
        flip: bool = False,
        decoys: ObjectBank | None = None,
    ) -> SampleSet:
        """Samples of one of the parts, with objects of the bank in this share of them, and decoys in theirs."""
        return SampleSet(
            self.source,
            self.parts[held_out],
            self.spacings.__getitem__,
            bank.to(self.source.device),
            anomalies,
            probability=probability,
            # Mirrored, an ignore zone would lie elsewhere.
            flip=flip and self.ignored is None,
            decoys=decoys.to(self.source.device) if decoys else None,
            ignored=self.ignored,
        )


def learn_footage(store: FrameStore, clips: Sequence[Clip], config: Config, device: torch.device) -> Footage:
    """The footage of a settled configuration. Raises `SourceError` where there is too little to learn or hold out."""
    parts = split_held_out(store.stretches, config.train.held_out)
    ignored = None
    if config.input.ignore:
        ignored = torch.from_numpy(ignored_cells(config.input.ignore, tuple(store.frames.shape[1:3]))).to(device)
    for part, what in zip(parts, ("to learn from", "to hold out"), strict=True):
        if sum(len(s.times) for s in part) < FEWEST:
            raise SourceError(f"{clips[0].path}: too little video {what}; give more, or change train.held_out")
    scene = learn_scene(
        store.frames,
        [(s.start, s.stop) for s in parts[0]],
        gap=config.input.gap,
        gradient_gap=config.input.gradient_gap,
        seed=seed_of(config.train.seed, Purpose.OBJECTS) % 2**32,
    )
    spacings = {clip.name: Spacing.of(config.input, probe(clip).rate) for clip in clips}
    return Footage(FrameSource(store, device), parts, spacings, scene, ignored)
