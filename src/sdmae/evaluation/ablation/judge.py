"""The judge of all rows: held-out normal video through which synthetic anomalies of every family pass.

A row is trained on its own families, perhaps on none; what it is judged by does not move with it. Whole stretches of
video are scored as `sdmae evaluate` scores those of a test split, filtered and smoothed over time, and all of them
are held against one another: a score that is high in one video and low in another finds little. The video and the
unchanged configuration's input alone decide what is judged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sdmae.data.anomalies import FAMILIES, possible
from sdmae.data.anomalies.bank import MAKERS
from sdmae.data.anomalies.passing import Passing, let_pass
from sdmae.data.store import Stretch
from sdmae.detector import Detector
from sdmae.errors import ConfigError
from sdmae.metrics import Interval
from sdmae.scoring import FrameMap, score_frames
from sdmae.training.chance import Purpose, seed_of
from sdmae.training.footage import Footage
from sdmae.video import Frame

NORMAL, MEAN = "normal", "mean"
"""Among the families: the video with nothing in it, and the mean of all families' AUCs."""
STRETCHES, FRAMES = 6, 300
"""At most: held-out stretches that are judged by, spread evenly over them, and frames of each, from its start."""
PASSINGS = 12
"""Objects of each family, over all stretches."""
DRAWS = 20
"""Objects that may be drawn in vain, because nothing of them would be seen, before a family is left out."""
SEED = 0
RESAMPLES, LEVEL = 2000, 0.95
"""Of the bootstrap."""

Group = NDArray[np.float64]
"""(n,) scores of frames that belong together: those of one object, or a second or so of normal video."""
Scores = Mapping[str, Sequence[Group]]
"""For `NORMAL` and each family, its groups."""
Resampled = dict[str, NDArray[np.float64]]
"""For each family and `MEAN`: (1 + RESAMPLES,) AUCs, the first of the groups as they are."""
TOGETHER = 15
"""Frames of normal video in one group."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Held-out video, and what passes through it."""

    stretches: Sequence[tuple[Frame, ...]]
    """Frames at network size."""
    passings: Mapping[str, Sequence[tuple[int, Passing]]]
    """By family: in which of the stretches each object passes, and how."""
    digest: str
    """Of every pixel of all."""

    def scores(self, detector: Detector) -> Scores:
        """What a detector says of the frames, under its own settings of the score.

        Raises `ConfigError` where that is no number: training diverged.
        """
        found: dict[str, list[Group]] = {name: [] for name in (NORMAL, *self.passings)}
        for number, frames in enumerate(self.stretches):
            clean = list(_maps(detector, frames))
            values = _scored(detector, clean)
            found[NORMAL] += [values[k : k + TOGETHER] for k in range(0, len(values), TOGETHER)]
            for name, passings in self.passings.items():
                for passing in (passing for where, passing in passings if where == number):
                    maps = list(clean)
                    for one in _maps(detector, _with(frames, passing), _touched(detector, passing, len(maps))):
                        maps[one.index] = one
                    values = _scored(detector, maps)[passing.start : passing.start + len(passing.shown)]
                    found[name].append(values[passing.shown])
        if not all(np.isfinite(group).all() for groups in found.values() for group in groups):
            raise ConfigError("training diverged: its scores are no numbers; lower train.learning_rate")
        return found


def make_judge(footage: Footage) -> Judge:
    """The judge of a video. Families whose objects cannot be cut out of it, or are never seen in it, are left out.

    Raises `ConfigError` where no family is left.
    """
    kept = footage.parts[True]
    if len(kept) > STRETCHES:
        kept = [kept[k] for k in np.linspace(0, len(kept) - 1, STRETCHES).round().astype(int)]
    stretches = [_frames(footage, stretch.part(0, min(len(stretch.times), FRAMES))) for stretch in kept]
    digest = hashlib.blake2b(digest_size=16)
    for frames in stretches:
        for frame in frames:
            digest.update(frame.images[0].tobytes())
    passings: dict[str, list[tuple[int, Passing]]] = {}
    for name in possible(footage.scene, FAMILIES):
        family = MAKERS[name](footage.scene)
        rng = np.random.default_rng([seed_of(SEED, Purpose.JUDGE), *name.encode()])
        seen: list[tuple[int, Passing]] = []
        for _ in range(PASSINGS + DRAWS):
            number = len(seen) % len(stretches)
            images = np.stack([frame.images[0] for frame in stretches[number]])
            passing = let_pass(images, family.draw(rng), footage.scene, rng)
            if passing is not None:
                seen.append((number, passing))
                digest.update(name.encode() + passing.frames.tobytes())
            if len(seen) == PASSINGS:
                break
        if seen:
            passings[name] = seen
    if not passings:
        raise ConfigError("no synthetic anomaly fits into the held-out video: nothing can be judged by it")
    return Judge(stretches, passings, digest.hexdigest())


def _frames(footage: Footage, stretch: Stretch) -> tuple[Frame, ...]:
    """The stretch as a video of its own: its frames are counted from 0."""
    images = footage.source.frames[stretch.start : stretch.stop].cpu().numpy()
    return tuple(
        Frame(number, float(time), (image,))
        for number, (time, image) in enumerate(zip(stretch.times, images, strict=True))
    )


def _with(frames: Sequence[Frame], passing: Passing) -> Iterator[Frame]:
    for frame in frames:
        place = frame.index - passing.start
        if 0 <= place < len(passing.frames):
            yield Frame(frame.index, frame.time, (passing.frames[place],))
        else:
            yield frame


def _touched(detector: Detector, passing: Passing, length: int) -> range:
    """Frames of the stretch whose samples hold the object, or its neighbours'."""
    reach = int(np.ceil(2 * max(detector.config.input.gap, detector.config.input.gradient_gap)))
    return range(max(0, passing.start - reach), min(length, passing.start + len(passing.frames) + reach))


def _maps(detector: Detector, frames: Iterable[Frame], only: range | None = None) -> Iterator[FrameMap]:
    for found in detector.maps_of(frames, detector.rate, only=only):
        yield replace(found, terms=None)  # what made the score is not asked for, and takes most of the memory


def _scored(detector: Detector, maps: Sequence[FrameMap]) -> Group:
    """The offline scores of a stretch's frames."""
    frames = score_frames(maps, detector.config.score, detector.rate, causal=False)
    return np.array([frame.score for frame in frames])


def resampled(scores: Scores) -> Resampled:
    """AUC of each family's frames against the normal ones, and the mean of all, for other draws of the groups.

    Groups are drawn with replacement, those of each kind among themselves: frames of one object are no witnesses of
    their own. The draws depend on their numbers alone, so that differences of two detectors are paired.
    """
    chance = np.random.default_rng([SEED, int(Purpose.JUDGE)])
    of_normal = _draws(len(scores[NORMAL]), chance)
    owner = np.repeat(np.arange(len(scores[NORMAL])), [len(group) for group in scores[NORMAL]])
    normal = np.concatenate(list(scores[NORMAL]))
    sizes = np.bincount(owner)
    found = {}
    for name in sorted(scores.keys() - {NORMAL}):
        groups = scores[name]
        wins = np.zeros((len(groups), len(sizes)))
        for k, group in enumerate(groups):
            above = (group[:, None] > normal).sum(axis=0) + 0.5 * (group[:, None] == normal).sum(axis=0)
            wins[k] = np.bincount(owner, weights=above)
        drawn = _draws(len(groups), chance)
        pairs = (drawn @ np.array([len(group) for group in groups])) * (of_normal @ sizes)
        found[name] = ((drawn @ wins) * of_normal).sum(axis=1) / pairs
    return {**found, MEAN: np.mean(list(found.values()), axis=0)}


def interval(values: NDArray[np.float64]) -> Interval:
    """The first value, and where the others lie (the percentile method)."""
    low, high = np.quantile(values[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values[0]), float(low), float(high), LEVEL, len(values) - 1, 0)


def _draws(groups: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """(1 + RESAMPLES, groups): how often each group is drawn. The first row is the groups as they are."""
    drawn = chance.multinomial(groups, np.full(groups, 1 / groups), size=RESAMPLES)
    return np.concatenate([np.ones((1, groups)), drawn.astype(np.float64)])
