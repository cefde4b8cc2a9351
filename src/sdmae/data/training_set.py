"""Samples for training and for choosing the checkpoint, straight from the frame store.

Everything after the store happens in batches on the training device: frames are gathered by index, synthetic
anomalies pasted, samples mirrored. Random numbers come from a generator seeded by the step, so that a resumed run
sees what an uninterrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sdmae.config import AnomalyConfig
from sdmae.data.anomalies import ObjectBank, paste
from sdmae.data.neighbours import Spacing, neighbour_table
from sdmae.data.store import FrameStore, Stretch

RESIDENT_SHARE = 0.5
"""The frames are kept in the GPU's memory when they take at most this share of what is free."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's samples, on the training device."""

    clean: Tensor
    """(B, H, W, C) uint8: x[t] without anomalies."""
    samples: Tensor
    """(B, 5, H, W, C) uint8 at t-s, t-1, t, t+1, t+s, anomalies pasted."""
    masks: Tensor
    """(B, H, W) uint8, 1 where a synthetic anomaly is at t."""
    labels: Tensor
    """(B,) bool: holds a synthetic anomaly."""

    def rows(self, chosen: Tensor) -> Batch:
        """Some of the samples only."""
        return Batch(self.clean[chosen], self.samples[chosen], self.masks[chosen], self.labels[chosen])


class FrameSource:
    """The frames of the store as a tensor: on the device if they fit, else in the memory map."""

    def __init__(self, store: FrameStore, device: torch.device) -> None:
        self.device = device
        frames = torch.from_numpy(store.frames)
        self.resident = True
        if device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(device)
            self.resident = frames.numel() < RESIDENT_SHARE * free
        self.frames = frames.to(device) if self.resident else frames

    def gather(self, rows: Tensor) -> Tensor:
        """Rows (B, 5) to frames (B, 5, H, W, C) uint8 on the device."""
        flat = rows.reshape(-1).to(self.frames.device)
        found = self.frames.index_select(0, flat)
        if not self.resident:
            found = found.pin_memory().to(self.device, non_blocking=True)
        return found.reshape(*rows.shape, *self.frames.shape[1:])


class SampleSet:
    """Frames to draw from, with their neighbours, and what is pasted into them."""

    def __init__(
        self,
        source: FrameSource,
        stretches: Sequence[Stretch],
        spacing: Callable[[str], Spacing],
        bank: ObjectBank,
        anomalies: AnomalyConfig,
        *,
        probability: float,
        flip: bool,
        decoys: ObjectBank | None = None,
        ignored: Tensor | None = None,
    ) -> None:
        """`decoys`: ordinary objects. `ignored` (H, W) bool, on the training device: nothing there is an anomaly."""
        tables = [s.start + neighbour_table(s.times, spacing(s.clip)) for s in stretches]
        self.source = source
        self.neighbours = torch.from_numpy(np.concatenate(tables))
        self.bank = bank
        self.per_frame = anomalies.per_frame
        self.probability = probability
        self.decoys = decoys
        self.decoy_probability = anomalies.decoys
        self.flip = flip
        self.ignored = ignored

    def __len__(self) -> int:
        return len(self.neighbours)

    def batch(self, ids: Tensor, generator: torch.Generator, probability: float | None = None) -> Batch:
        """The samples `ids` (B,), augmented; all chance comes from `generator`, on the CPU.

        `probability`: of an anomaly, where another is wanted than the set's own.
        """
        samples = self.source.gather(self.neighbours[ids])
        if self.decoys is not None:
            samples = paste(samples, self.decoys, self.decoy_probability, self.per_frame, generator)[0]
        if self.flip:
            mirrored = torch.rand(len(ids), generator=generator) < 0.5
            where = mirrored.to(samples.device)[:, None, None, None, None]
            samples = torch.where(where, samples.flip(3), samples)
        clean = samples[:, 2].clone()
        samples, masks, labels = paste(
            samples, self.bank, self.probability if probability is None else probability, self.per_frame, generator
        )
        if self.ignored is not None:
            masks = masks.masked_fill(self.ignored, 0)
            labels = labels & masks.flatten(1).any(1)
        return Batch(clean, samples, masks, labels)


def split_held_out(stretches: Sequence[Stretch], share: float) -> tuple[list[Stretch], list[Stretch]]:
    """Stretches to train on, and stretches held out to choose the checkpoint.

    With five clips or more, `share` of the clips are held out whole, at least one, evenly spread over the recording;
    with fewer, the last `share` of each stretch.
    """
    clips = list(dict.fromkeys(s.clip for s in stretches))
    if len(clips) >= 5:
        count = max(1, round(len(clips) * share))
        every = len(clips) / count
        chosen = {clips[int((k + 0.5) * every)] for k in range(count)}
        return [s for s in stretches if s.clip not in chosen], [s for s in stretches if s.clip in chosen]
    training, held_out = [], []
    for stretch in stretches:
        n = len(stretch.times)
        cut = n - int(n * share)
        training.append(stretch.part(0, cut))
        if cut < n:
            held_out.append(stretch.part(cut, n))
    return training, held_out
