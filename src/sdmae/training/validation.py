"""Choosing the checkpoint with normal video only.

Clips held out of training get synthetic anomalies of a family that training never saw; the AUC of the score on them,
with against without, is what a checkpoint is chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.config import Config, ScoreConfig
from sdmae.data.training_set import SampleSet
from sdmae.errors import ConfigError
from sdmae.metrics import micro_auc
from sdmae.model import SDMAE, score_maps
from sdmae.model.gate import Gate, parted
from sdmae.model.tokens import fixed_noise
from sdmae.scoring import FrameMap, Terms, combine, score_frames
from sdmae.training.chance import Purpose, generator

BATCH = 32


@torch.inference_mode()
def held_out_auc(model: SDMAE, held_out: SampleSet, config: Config, *, student: bool) -> float:
    """AUC of the frame score, in [0, 1]; the same samples every time. Leaves the model in eval mode.

    Gated where the model is trained with the gate, frames in which nothing moves in full.
    """
    model.eval()
    count = min(config.train.validation_samples, len(held_out))
    ids = torch.linspace(0, len(held_out) - 1, count).round().long()
    chance = generator(config.train.seed, Purpose.VALIDATION)
    noise = fixed_noise(model.grid).to(held_out.source.device)
    gate = gate_of(model, config)
    labels: list[bool] = []
    scores: list[float] = []
    # Every second sample gets an anomaly, by turns and not by chance: with few samples, chance might give one class.
    for rows, probability in ((ids[::2], 0.0), (ids[1::2], 1.0)):
        for start in range(0, len(rows), BATCH):
            batch = held_out.batch(rows[start : start + BATCH], chance, probability)
            found = np.empty(len(batch.samples))
            for group in parted(gate, batch.samples, model.config.patch):
                samples = batch.samples[group.rows]
                output = model(samples, noise, student=student, cells=group.cells)
                maps = score_maps(output, samples, model.config, config.score.resolution)
                terms = {k: v.float().cpu().numpy() for k, v in maps.items()}
                found[group.rows.cpu().numpy()] = sample_scores(terms, config.score)
            scores += found.tolist()
            labels += batch.labels.tolist()
    if not np.isfinite(scores).all():
        raise ConfigError("training diverged: its scores are no numbers; lower train.learning_rate and --overwrite")
    if not any(labels):
        raise ConfigError("no synthetic anomaly fits into the held-out video; choose others for anomalies.held_out")
    return micro_auc([labels], [scores])


def gate_of(model: SDMAE, config: Config) -> Gate | None:
    """The gate a model is trained with; None without one."""
    return (
        Gate.of(config.gate, model.config, model.channels, model.grid, model.ignored) if config.gate.train else None
    )


def sample_scores(terms: Mapping[str, NDArray[np.float32]], score: ScoreConfig) -> list[float]:
    """One score for each of B samples, of the maps that `score_maps` or a runtime gave.

    Each sample is a video of one frame: filtered in space and pooled, not smoothed over time.
    """
    combined = combine(Terms(**terms), score)
    frames = (FrameMap(k, 0.0, values, segment=k) for k, values in enumerate(combined))
    return [frame.raw for frame in score_frames(frames, score, 1.0, causal=True)]
