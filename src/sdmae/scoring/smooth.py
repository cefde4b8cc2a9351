"""Smoothing of frame scores over time: a Gaussian that looks ahead, and an average of the past for live video."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter1d

from sdmae.scoring.types import Series


def smooth_offline(scores: ArrayLike, seconds: float, rate: float) -> Series:
    """Gaussian over the whole sequence, reflected at its ends (paper, section 3.4).

    scores: (N,), any N, also one shorter than the kernel; seconds: the standard deviation; rate: frames a second,
    so that `seconds * rate` is the deviation in frames, cut off at four of them. 0 seconds leave the scores alone.
    """
    series = np.array(scores, np.float64)
    sigma = seconds * rate
    if sigma <= 0 or len(series) == 0:
        return series
    return np.asarray(gaussian_filter1d(series, sigma, mode="reflect"), np.float64)


UNEVEN = 0.02
"""Share of the usual step between two frames by which steps may differ, on average, and still be taken for even."""


def smooth_offline_at(scores: ArrayLike, times: ArrayLike, seconds: float, rate: float) -> Series:
    """`smooth_offline` of scores at any times, rising, in seconds; all are (N,). rate: frames a second, about.

    Frames that come evenly are smoothed as they are. Of others the curve between them is: it is read off evenly, at
    their closest step but not more than twice `rate`, smoothed, and read off again at their own times, so that a
    stretch of many frames counts for no more than its length.
    """
    series, moments = np.asarray(scores, np.float64), np.asarray(times, np.float64)
    if len(series) < 2 or moments[-1] <= moments[0]:
        return smooth_offline(series, seconds, rate)
    steps = np.diff(moments)
    usual = (moments[-1] - moments[0]) / len(steps)
    if float(np.abs(steps - usual).mean()) <= UNEVEN * usual + 5e-4:
        # What is asked for, to the bit, unless the video has another rate altogether.
        own = 1 / usual
        return smooth_offline(series, seconds, rate if abs(own - rate) <= UNEVEN * rate else float(own))
    step = max(float(np.quantile(steps, 0.05)), 0.5 / rate)
    even = np.linspace(moments[0], moments[-1], max(2, round((moments[-1] - moments[0]) / step) + 1))
    fine = smooth_offline(np.interp(even, moments, series), seconds, 1 / float(even[1] - even[0]))
    return np.asarray(np.interp(moments, even, fine), np.float64)


class CausalAverage:
    """Exponential average of the scores so far, weighted by the time each stands for.

    The weight of a score falls by e in every `seconds`, however many frames lie between, so a stream of varying
    frame rate is smoothed evenly. As in the filters, the average is over what exists: no value is made up for
    the time before the first frame, and none of the video's extremes enter.
    """

    def __init__(self, seconds: float, rate: float) -> None:
        """`seconds`: the time constant, 0 for none; `rate`: frames a second, which sizes the first frame's step."""
        self._seconds = seconds
        self._first_step = 1.0 / rate
        self._last: float | None = None
        self._sum = 0.0
        self._weight = 0.0

    def push(self, score: float, time: float) -> float:
        """Takes the next score and its time in seconds; gives the average. Raises ValueError if time falls."""
        step = self._first_step if self._last is None else time - self._last
        if step < 0:
            raise ValueError(f"time falls from {self._last} to {time} s; start a new segment")
        self._last = time
        # A second frame at the same instant stands for no time, and leaves the average as it is.
        new = -math.expm1(-step / self._seconds) if self._seconds > 0 else 1.0
        self._sum += new * (score - self._sum)
        self._weight += new * (1.0 - self._weight)
        return self._sum / self._weight


def smooth_causal(scores: ArrayLike, times: ArrayLike, seconds: float, rate: float) -> Series:
    """`CausalAverage` over a whole sequence: scores and times (in seconds) are (N,), and so is the result."""
    average = CausalAverage(seconds, rate)
    pairs = zip(np.asarray(scores, np.float64).tolist(), np.asarray(times, np.float64).tolist(), strict=True)
    return np.array([average.push(score, time) for score, time in pairs], np.float64)
