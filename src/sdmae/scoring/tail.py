"""How often normal video rises above a level: peaks over a threshold, with what is not known about them.

Events at a base level come at some rate, and how far each rises above it follows a generalised Pareto distribution:
P(excess > x) = (1 + shape x / scale)^(-1 / shape), in the limit of high levels whatever the scores are (Coles, An
Introduction to Statistical Modeling of Extreme Values, 2001, ch. 4 and 7; Davison and Smith, Models for exceedances
over high thresholds, J. R. Stat. Soc. B 52, 1990). Minutes of video hold a few dozen events, too few for a largest
likelihood to say how wrong it may be, so rate, shape and scale keep their whole posterior, on a fixed grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import betainc, betaln, gammainc

from sdmae.scoring.types import Series

DAY = 86400.0
"""Seconds."""
SHAPES = np.linspace(-0.5, 0.7, 33)
"""The shapes that are thought possible: from an end that scores cannot pass to a tail without a variance."""
SHAPE_SPREAD = 0.2
"""Standard deviation of the shape's prior, a normal about 0, the exponential tail: a handful of events does not make
a tail heavy or short by itself."""
SCALES = 72
"""Scales of the grid, evenly spaced in their logarithm, which is the prior."""
TAILS = (0.05, 0.95)
"""The quantiles between which the 90 % interval lies."""
SMALLEST = 4
"""Events that may be the tail alone, at the fewest, where there are more in all."""
NEVER = 1e-100
"""A share of events that is as good as none."""
NEGLIGIBLE = 1e-4
"""Weight, as a share of the largest, below which a point of the grid is left out."""
BLOCKS = (16, 8, 4)
"""Into how many stretches of equal time the video is cut to see whether events come more unevenly than by chance."""
PER_BLOCK = 2
"""Events a stretch must have on average to be counted on."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What is known of the rate of events above one level: a mixture of gamma distributions."""

    counts: Series
    """(G,): events that tell of a rate, as many as if they came independently: the gamma's shape."""
    seconds: Series
    """(G,): time they tell of: the gamma's inverse scale."""
    survival: Series
    """(G,): share of those events that pass the level."""
    weights: Series
    """(G,): how likely each member is; they sum to 1."""
    dispersion: float = 1.0
    """Variance of the number of events at this level over its mean: 1 if they come independently."""

    @property
    def mean(self) -> float:
        """Events a day that are expected."""
        return float(self.weights @ (self.counts / self.seconds * self.survival)) * DAY

    def below(self, rate: float) -> float:
        """Probability that there are at most `rate` events a day."""
        reach = rate / DAY * self.seconds / np.maximum(self.survival, NEVER)
        return float(self.weights @ gammainc(self.counts, np.where(self.survival > NEVER, reach, np.inf)))

    def quantile(self, share: float) -> float:
        """The rate, a day, that the true one is below with probability `share` (0 to 1)."""
        if self.below(0.0) >= share:
            return 0.0
        high = max(self.mean, 1e-300)
        while self.below(high) < share:
            high *= 2
        return float(brentq(lambda rate: self.below(rate) - share, 0.0, high, xtol=1e-9 * high))

    def number_in(self, seconds: float) -> tuple[int, int]:
        """The fewest and the most events that `seconds` of further normal video have, with 90 % probability."""
        chance = self.seconds / (self.seconds + self.survival * seconds / self.dispersion)

        def at_most(number: int) -> float:
            # Clumps of as many events as the dispersion come independently; given the gamma, their number is
            # negative binomial.
            return float(self.weights @ betainc(self.counts, number / self.dispersion + 1, chance))

        return _first(lambda k: at_most(k) >= TAILS[0]), _first(lambda k: at_most(k) >= TAILS[1])


@dataclass(frozen=True, slots=True)
class Tail:
    """The posterior of where the tail begins, and of its shape and scale from there on: G points.

    Low events are often of another kind than high ones (noise, say, where high ones are people), and no tail runs
    through both. So the k highest of n events may be the tail, for k = n, n/2, n/4 and so on, and the others below it
    are only counted, with an even density between two beginnings; the data weigh the cases (as in Tancredi, Anderson
    and O'Hagan, Accounting for threshold uncertainty in extreme value estimation, Extremes 9, 2006).
    """

    excesses: Series
    """(n,) above the base, rising."""
    begins: Series
    """(G,): excess over the base at which the tail begins."""
    counts: Series
    """(G,): events in the tail."""
    shapes: Series
    """(G,)."""
    scales: Series
    """(G,): at the tail's beginning, in units of the score."""
    weights: Series
    """(G,): the probability of each point; they sum to 1."""

    @classmethod
    def fit(cls, excesses: ArrayLike, dispersion: float = 1.0) -> Tail:
        """The posterior given excesses over a base level, (n,) above 0, at least one. Raises ValueError otherwise.

        dispersion: how many events tell as much as one that comes independently, at least 1.
        """
        values = np.sort(np.asarray(excesses, np.float64))
        if len(values) == 0 or not values[0] > 0:
            raise ValueError("excesses must be above 0, and one at least")
        halves = [len(values) >> i for i in range(1, len(values).bit_length())]
        sizes = [len(values), *(k for k in halves if k >= SMALLEST and values[-k] > values[-k - 1])]
        begins = [0.0, *(float(values[-k - 1]) for k in sizes[1:])]
        means = [float((values[-k:] - begin).mean()) for k, begin in zip(sizes, begins, strict=True)]
        width = 6.0 / math.sqrt(len(values) / dispersion)
        low, high = math.log(min(means)) - 1.5 - width, math.log(max(means)) + 1.0 + width
        shapes, scales = (
            a.ravel() for a in np.meshgrid(SHAPES, np.exp(np.linspace(low, high, SCALES)), indexing="ij")
        )
        prior = -0.5 * (shapes / SHAPE_SPREAD) ** 2
        below, logs = 0.0, []
        for i, (k, begin) in enumerate(zip(sizes, begins, strict=True)):
            if i:
                # Events between the last beginning and this one: how many, and that their density is even.
                between, gap = sizes[i - 1] - k, max(begin - begins[i - 1], 1e-3 * means[i - 1])
                below += float(betaln(between + 1, k + 1)) - between * math.log(gap)
            log = np.full(len(shapes), below)
            for value in (values[-k:] - begin).tolist():
                log += _log_survival(value, shapes, scales) + _log_hazard(value, shapes, scales)
            logs.append(log / dispersion + prior)
        log = np.concatenate(logs)
        weights = np.exp(log - log.max())
        kept = weights > NEGLIGIBLE
        weights = weights[kept] / weights[kept].sum()
        case = np.repeat(np.arange(len(sizes)), len(shapes))[kept]
        shapes, scales = np.tile(shapes, len(sizes))[kept], np.tile(scales, len(sizes))[kept]
        return cls(values, np.array(begins)[case], np.array(sizes, np.float64)[case], shapes, scales, weights)

    @property
    def shape(self) -> float:
        """The expected shape: 0 is an exponential tail, below it the tail has an end."""
        return float(self.weights @ self.shapes)

    @property
    def scale(self) -> float:
        """The expected scale where the tail begins, in units of the score."""
        return float(self.weights @ self.scales)

    def passing(self, excess: float) -> tuple[Series, Series]:
        """For each point, (G,): a number of events that was counted, and the share of them that rises above `excess`.

        Within the tail these are its events and its survival function, below its beginning the events that passed
        `excess` (at least 0), and 1.
        """
        inside = excess >= self.begins
        survival = np.exp(_log_survival(np.maximum(excess - self.begins, 0.0), self.shapes, self.scales))
        levels, numbers = np.r_[0.0, self.excesses[:-1]], np.arange(len(self.excesses), 0, -1)
        counted = math.exp(np.interp(excess, levels, np.log(numbers)))
        return np.where(inside, self.counts, counted), np.where(inside, survival, 1.0)


def dispersion(times: Series, seconds: float) -> float:
    """How much more unevenly events come than by chance: variance over mean of their number in a stretch, 1 or more.

    times: (n,) of the events, in seconds of video watched, 0 to `seconds`. Pearson's statistic over its degrees of
    freedom, for the length of stretches that shows most of it: busy hours make long stretches differ, not short ones.
    """
    most = 1.0
    for blocks in BLOCKS:
        if len(times) >= PER_BLOCK * blocks:
            counts = np.bincount(np.minimum((times / seconds * blocks).astype(int), blocks - 1), minlength=blocks)
            most = max(most, float(counts.var(ddof=1) / counts.mean()))
    return most


def _log_survival(excess: float | Series, shapes: Series, scales: Series) -> Series:
    """Logarithm of the generalised Pareto survival function; -inf beyond the end of a tail that has one."""
    ratio = excess / scales
    inside = 1.0 + shapes * ratio > 0
    straight = np.abs(shapes) < 1e-9
    log = -np.log1p(np.where(inside, shapes * ratio, 0.0)) / np.where(straight, 1.0, shapes)
    return np.where(straight, -ratio, np.where(inside, log, -np.inf))


def _log_hazard(excess: float, shapes: Series, scales: Series) -> Series:
    """Logarithm of density over survival function: of 1 / (scale + shape excess)."""
    return -np.log(np.maximum(scales + shapes * excess, np.finfo(np.float64).tiny))


def _first(holds: Callable[[int], bool]) -> int:
    """The smallest whole number for which something holds that holds for all larger ones too."""
    high = 1
    while not holds(high):
        high *= 2
    low = -1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
