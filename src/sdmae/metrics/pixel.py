"""Pixel-level AUC: the ROC AUC over all pixels of all frames, where there are pixel masks.

Not to be confused with the pixel-level criterion of Mahadevan et al. (CVPR 2010), which counts frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_DROPPED = 12
"""Bits of a score that are not looked at, of the 23 after its leading one."""
_BINS = 1 << (32 - _DROPPED)
"""A million bins: 16 MiB for the counts of both classes."""


@dataclass(frozen=True, slots=True)
class PixelAUC:
    """Area under the ROC curve of pixels."""

    auc: float
    """0 to 1."""
    error: float
    """The exact area is no further away than this: half the share of pairs of an abnormal and a normal pixel whose
    scores fall into one bin. Scores that are equal count as such pairs although they are no error."""
    pixels: int
    """Pixels of all frames."""
    abnormal_pixels: int
    """Those of them that are abnormal."""


def pixel_auc(frames: Iterable[tuple[ArrayLike, ArrayLike]]) -> PixelAUC:
    """Pixel-level AUC of a stream of maps and masks, in one pass and in memory that does not grow.

    frames: pairs of a map (h, w) of finite scores, higher for more abnormal, and its mask (h, w), abnormal where
    not 0.

    Scores are counted in bins, and those of one bin are taken as equal. A bin is all numbers that agree in sign,
    power of two and the next 11 binary digits, so that scores of any scale are told apart where they differ by more
    than 1 / 2048 of themselves; `error` says what that may have cost.

    Raises ValueError, naming the frame, for maps and masks of different shapes and scores that are not finite; and
    where all pixels are of one class.
    """
    every, abnormal = np.zeros(_BINS, np.int64), np.zeros(_BINS, np.int64)
    for frame, (values, mask) in enumerate(frames):
        scores, truth = np.asarray(values), np.asarray(mask) != 0
        if scores.shape != truth.shape:
            raise ValueError(f"frame {frame}: the map has shape {scores.shape}, its mask {truth.shape}")
        if not np.isfinite(scores).all():
            raise ValueError(f"frame {frame}: the map holds a value that is not finite")
        bins = _bins(scores.reshape(-1))
        np.add.at(every, bins, 1)
        np.add.at(abnormal, bins[truth.reshape(-1)], 1)
    pixels, positives = int(every.sum()), int(abnormal.sum())
    if positives in (0, pixels):
        raise ValueError(f"all {pixels} pixels are {'abnormal' if positives else 'normal'}; both are needed")
    used = np.flatnonzero(every)
    normal = every[used] - abnormal[used]
    weights = abnormal[used] / positives
    tied = float(weights @ (normal / (pixels - positives)))
    below = float(weights @ ((np.cumsum(normal) - normal) / (pixels - positives)))
    return PixelAUC(min(1.0, below + tied / 2), tied / 2, pixels, positives)  # a sum of roundings may pass 1


def _bins(scores: NDArray[np.generic]) -> NDArray[np.int64]:
    """The bin of each score (n,), which rises with it: the first bits of a float, turned so that they sort."""
    with np.errstate(over="ignore", under="ignore"):
        # What is too large for 32 bits becomes infinite, and sorts.
        single = scores.astype(np.float32) + np.float32(0)  # -0 becomes 0
    bits = single.view(np.uint32)
    turned = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return (turned >> np.uint32(_DROPPED)).astype(np.int64)
