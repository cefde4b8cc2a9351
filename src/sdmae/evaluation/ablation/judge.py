"""The judge of all rows: held-out normal video with synthetic anomalies of every family, the same for each of them.

A row is trained on its own families, perhaps on none; what it is judged by does not move with it. The samples depend
on the video and the unchanged configuration's input alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from sdmae.config import Config
from sdmae.data.anomalies import FAMILIES, build_bank, possible
from sdmae.data.training_set import Batch, SampleSet
from sdmae.detector import Detector
from sdmae.errors import ConfigError
from sdmae.metrics import Interval
from sdmae.runtime import PyTorchRuntime
from sdmae.training.chance import Purpose, generator, seed_of
from sdmae.training.footage import Footage
from sdmae.training.validation import sample_scores

NORMAL, MEAN = "normal", "mean"
"""Among the families: the samples with nothing pasted, and the mean of all families' AUCs."""
NORMAL_SAMPLES, FAMILY_SAMPLES = 200, 100
"""At most; a held-out video of fewer frames gives as many as it has."""
OBJECTS = 100
"""Objects drawn of each family."""
SEED = 0
BATCH = 32
RESAMPLES, LEVEL = 2000, 0.95
"""Of the bootstrap."""

Scores = Mapping[str, NDArray[np.float64]]
"""For `NORMAL` and each family, the scores of its samples (n,)."""
Resampled = dict[str, NDArray[np.float64]]
"""For each family and `MEAN`: (1 + RESAMPLES,) AUCs, the first of the samples as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Held-out samples, made anew whenever they are needed, always the same."""

    sets: Mapping[str, SampleSet]
    """For each family, held-out frames with objects of that family alone."""
    digest: str
    """Of every pixel of all samples."""

    def scores(self, detector: Detector) -> Scores:
        """What a detector says of the samples, under its own settings of the score.

        Raises `ConfigError` where that is no number: training diverged.
        """
        device, gate = torch.device(detector.device), detector.config.gate
        runtime = PyTorchRuntime(detector.model, detector.config.score, device, gate=gate)
        found: dict[str, list[float]] = {}
        for name, batch in _batches(self.sets):
            frames = batch.samples.cpu().numpy()
            rows = np.arange(frames.shape[0] * frames.shape[1]).reshape(frames.shape[:2])
            terms = runtime(frames.reshape(-1, *frames.shape[2:]), rows, np.arange(len(rows)))
            values = sample_scores(terms, detector.config.score)
            # Now and then an object lies where nothing of it is seen: such a sample is neither normal nor abnormal.
            used = batch.labels.cpu().tolist() if name != NORMAL else [True] * len(values)
            found.setdefault(name, []).extend(value for value, use in zip(values, used, strict=True) if use)
        if not all(np.isfinite(values).all() for values in found.values()):
            raise ConfigError("training diverged: its scores are no numbers; lower train.learning_rate")
        return {name: np.array(values) for name, values in found.items()}


def make_judge(footage: Footage, config: Config) -> Judge:
    """The judge of a video. Families whose objects cannot be cut out of it are left out.

    Raises `ConfigError` where an object of a family never shows up in the video.
    """
    anomalies = replace(config.anomalies, per_frame=1)
    seed = seed_of(SEED, Purpose.JUDGE) % 2**32
    sets = {
        name: footage.samples(
            True, build_bank(footage.scene, [name], objects=OBJECTS, seed=seed), anomalies, probability=1.0
        )
        for name in possible(footage.scene, FAMILIES)
    }
    digest = hashlib.blake2b(digest_size=16)
    abnormal = dict.fromkeys(sets, 0)
    for name, batch in _batches(sets):
        digest.update(name.encode())
        digest.update(batch.samples.cpu().numpy().tobytes())
        if name != NORMAL:
            abnormal[name] += int(batch.labels.sum())
    seen = {name: samples for name, samples in sets.items() if abnormal[name]}
    if not seen:
        raise ConfigError("no synthetic anomaly fits into the held-out video: nothing can be judged by it")
    return Judge(seen, digest.hexdigest())


def _batches(sets: Mapping[str, SampleSet]) -> Iterator[tuple[str, Batch]]:
    """The samples of each family, then the normal ones, spread evenly over the held-out video."""
    first = next(iter(sets.values()))
    plan = [(name, samples, FAMILY_SAMPLES, 1.0) for name, samples in sets.items()]
    for name, samples, most, probability in [*plan, (NORMAL, first, NORMAL_SAMPLES, 0.0)]:
        chance = generator(SEED, Purpose.JUDGE, *name.encode())
        ids = torch.linspace(0, len(samples) - 1, min(most, len(samples))).round().long()
        for start in range(0, len(ids), BATCH):
            yield name, samples.batch(ids[start : start + BATCH], chance, probability)


def resampled(scores: Scores) -> Resampled:
    """AUC of each family against the normal samples, and their mean, for other draws of the samples.

    Samples are drawn with replacement, those of each kind among themselves. The draws depend on their numbers alone:
    of two detectors on the same samples, the differences are paired.
    """
    chance = np.random.default_rng([SEED, int(Purpose.JUDGE)])
    normal = scores[NORMAL]
    of_normal = _draws(len(normal), chance)
    found = {}
    for name in sorted(scores.keys() - {NORMAL}):
        abnormal = scores[name][:, None]
        wins = (abnormal > normal) + 0.5 * (abnormal == normal)
        found[name] = ((_draws(len(abnormal), chance) @ wins) * of_normal).sum(axis=1) / wins.size
    return {**found, MEAN: np.mean(list(found.values()), axis=0)}


def interval(values: NDArray[np.float64]) -> Interval:
    """The first value, and where the others lie (the percentile method)."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values[0]), float(low), float(high), LEVEL, len(values) - 1, 0)


def _draws(count: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """(1 + RESAMPLES, count): how often each sample is drawn. The first row is the samples as they are."""
    drawn = chance.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    return np.concatenate([np.ones((1, count)), drawn.astype(np.float64)])
