"""The gate a detector is born with: from the video it is trained on."""

from __future__ import annotations

from collections.abc import Sequence

from sdmae.config import Config, GateConfig
from sdmae.data.store import FrameStore
from sdmae.data.training_set import split_held_out
from sdmae.detector.gating import learned
from sdmae.model import SDMAE
from sdmae.video import Clip, probe


def learn_gate(config: Config, model: SDMAE | None, store: FrameStore, clips: Sequence[Clip]) -> GateConfig:
    """The gate of a settled configuration, learned from the training part of the frames; see `learned`."""
    rates = {clip.name: probe(clip).rate for clip in clips}
    stretches = split_held_out(store.stretches, config.train.held_out)[0]
    return learned(config, model, ((store.read(stretch), rates[stretch.clip]) for stretch in stretches))
