"""The rows of the ablation: each is the method with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sdmae.config import Config
from sdmae.data.anomalies import FAMILIES
from sdmae.errors import ConfigError

FULL = "full"
"""The row that changes nothing, which all others are held against."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    name: str
    part: str
    """The part of the method it is about, in the paper's terms."""
    change: str
    """What it changes, in a sentence."""
    config: Config
    """The method so changed."""
    trained: bool
    """It has a network of its own. Otherwise it changes the score alone, and takes the network of `full`."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that a configuration cannot have."""

    name: str
    why: str


_Kind = tuple[str, str, str, Callable[[Config], Config]]


def rows_of(config: Config, names: Sequence[str] = ()) -> tuple[list[Row], list[Skipped]]:
    """The rows of a configuration, `full` first, and those that do not apply to it.

    names: only these, and `full`, without which nothing is said of them. Raises `ConfigError` for an unknown one.
    """
    kinds = list(_kinds(config))
    known = [name for name, *_ in kinds]
    for name in names:
        if name not in known:
            raise ConfigError(f"no row is called '{name}'; there are {', '.join(known)}")
    rows, skipped = [], []
    for name, part, change, apply in kinds:
        if names and name not in (FULL, *names):
            continue
        changed = apply(config)
        if name != FULL and changed == config:
            skipped.append(Skipped(name, "these settings are so already"))
        elif not changed.anomalies.families:
            skipped.append(Skipped(name, "it is the only family trained on; no-synthetic-anomalies says it all"))
        else:
            trained = name == FULL or replace(changed, score=config.score) != config
            rows.append(Row(name, part, change, changed, trained))
    return rows, skipped


def with_epochs(config: Config, epochs: tuple[int, int], seed: int) -> Config:
    """A row's configuration as it is trained: epochs of teacher and student, and which of the seeds, from 0."""
    train = replace(config.train, teacher_epochs=epochs[0], student_epochs=epochs[1], seed=config.train.seed + seed)
    return replace(config, train=train)


def _model(**values: Any) -> Callable[[Config], Config]:
    return lambda config: replace(config, model=replace(config.model, **values))


def _anomalies(**values: Any) -> Callable[[Config], Config]:
    return lambda config: replace(config, anomalies=replace(config.anomalies, **values))


def _score(**values: Any) -> Callable[[Config], Config]:
    return lambda config: replace(config, score=replace(config.score, **values))


def _alone(**weights: float) -> Callable[[Config], Config]:
    """The score of these terms and no others."""
    return _score(**{"alpha": 0.0, "beta": 0.0, "gamma": 0.0, "delta": 0.0, "still": 0.0, **weights})


def _with(family: str) -> Callable[[Config], Config]:
    def change(config: Config) -> Config:
        families = (*config.anomalies.families, family)
        return replace(config, anomalies=replace(config.anomalies, families=families))

    return change


def _without(family: str) -> Callable[[Config], Config]:
    def change(config: Config) -> Config:
        families = tuple(name for name in config.anomalies.families if name != family)
        return replace(config, anomalies=replace(config.anomalies, families=families))

    return change


_LEARNING: tuple[_Kind, ...] = (
    ("no-motion-weights", "token weighting", "every token's error weighs the same", _model(weighting="uniform")),
    (
        "no-student",
        "self-distillation",
        # Phase 2 leaves everything but the student as it was: this teacher is the one of `full`, to the bit.
        "teacher alone: no discrepancy in the score (beta 0)",
        _score(beta=0.0),
    ),
    (
        "no-synthetic-anomalies",
        "synthetic anomalies",
        "none are pasted; map and classifier, which learn nothing, do not count (gamma 0, delta 0)",
        lambda c: _score(gamma=0.0, delta=0.0)(_anomalies(probability=0.0)(c)),
    ),
    ("no-decoys", "decoys", "no ordinary objects are pasted beside the anomalies", _anomalies(decoys=0.0)),
    ("decoys", "decoys", "ordinary objects are pasted into half of the samples", _anomalies(decoys=0.5)),
)

_HEADS: tuple[_Kind, ...] = (
    (
        "no-anomaly-map",
        "anomaly map",
        "no map is predicted or scored (its loss and delta 0)",
        lambda c: _score(delta=0.0)(_model(map_weight=0.0)(c)),
    ),
    ("map-mse", "anomaly map's loss", "squared error, as published", _model(map_loss="mse")),
    ("map-bce", "anomaly map's loss", "binary cross-entropy", _model(map_loss="bce")),
    ("map-focal", "anomaly map's loss", "focal loss", _model(map_loss="focal")),
    (
        "no-classifier",
        "[CLS] head",
        "no classifier (its loss and gamma 0)",
        lambda c: _score(gamma=0.0)(_model(classifier_weight=0.0)(c)),
    ),
)

_TOKENS: tuple[_Kind, ...] = (
    ("masking-0.25", "masking ratio", "a quarter of the kept tokens is masked", _model(masking_ratio=0.25)),
    ("masking-0.5", "masking ratio", "half of the kept tokens are masked, as published", _model(masking_ratio=0.5)),
    ("masking-0.75", "masking ratio", "three quarters of the kept tokens are masked", _model(masking_ratio=0.75)),
    ("masking-none", "masking ratio", "the encoder sees all kept tokens", _model(masking_ratio=0.0)),
    ("masks-fixed", "masking at test time", "one mask for all frames", _score(masks="fixed")),
    (
        "masks-complementary",
        "masking at test time",
        "a mask and its complement, averaged",
        _score(masks="complementary"),
    ),
    ("all-tokens", "motion gating", "no token is left out for want of motion", _model(token_share=1.0)),
    ("position-none", "position embedding", "none", _model(position="none")),
    ("position-sine", "position embedding", "sines of row and column", _model(position="sine")),
    ("position-learned", "position embedding", "learned", _model(position="learned")),
    (
        "convolution-grid",
        "order of visible tokens",
        "3x3 convolutions over the tokens' true cells",
        _model(convolution="grid"),
    ),
    (
        "convolution-shuffled",
        "order of visible tokens",
        "3x3 convolutions over the shuffled order, as in the released code",
        _model(convolution="shuffled"),
    ),
    ("convolution-none", "order of visible tokens", "no 3x3 convolutions", _model(convolution="none")),
)

_SCORES: tuple[_Kind, ...] = (
    ("error-only", "score", "the teacher's error alone", _alone(alpha=1.0)),
    ("discrepancy-only", "score", "the discrepancy of teacher and student alone", _alone(beta=1.0)),
    ("map-only", "score", "the predicted anomaly map alone", _alone(delta=1.0)),
    ("classifier-only", "score", "the classifier alone", _alone(gamma=1.0)),
    (
        "paper-score",
        "score",
        "equation 6 as published: alpha 0.4, beta 0.3, gamma 0.3",
        _alone(alpha=0.4, beta=0.3, gamma=0.3),
    ),
    ("mean-pooling", "score", "a frame's score is the mean of its map", _score(pooling="mean")),
    ("max-pooling", "score", "a frame's score is the largest value of its map", _score(pooling="max")),
)


def _kinds(config: Config) -> Iterator[_Kind]:
    yield FULL, "", "nothing", lambda c: c
    yield from _LEARNING
    for family in config.anomalies.families:
        yield f"without-{family}", "families", f"the network never sees the family {family}", _without(family)
    for family in FAMILIES:
        if family not in (*config.anomalies.families, *config.anomalies.held_out):
            yield f"with-{family}", "families", f"the network sees the family {family}, too", _with(family)
    yield from _HEADS
    yield from _TOKENS
    yield from _SCORES
