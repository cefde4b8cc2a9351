"""The terms of the score as the network gives them, and their weighted sum (paper, equation 6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdmae.config import ScoreConfig


@dataclass(frozen=True, slots=True)
class Terms:
    """What the network says of B frames."""

    error: NDArray[np.float32]
    """(B, h, w): the teacher's squared error, averaged over the channels."""
    discrepancy: NDArray[np.float32]
    """(B, h, w): squared difference of teacher and student, averaged likewise."""
    anomaly_map: NDArray[np.float32]
    """(B, h, w): the predicted anomaly map, about 0 (normal) to 1 (abnormal)."""
    classifier: NDArray[np.float32]
    """(B,): the classifier's probability that the frame holds an anomaly, 0 to 1."""


def combine(terms: Terms, config: ScoreConfig) -> NDArray[np.float32]:
    """One map a frame: alpha error + beta discrepancy + delta anomaly map + gamma classifier, (B, h, w) float32.

    The classifier's term is the same in every cell. Each frame's map depends on that frame alone, so the
    size of the batch never shows. Raises ValueError when the terms' shapes do not belong together.
    """
    shape = terms.error.shape
    maps = (terms.error, terms.discrepancy, terms.anomaly_map)
    if len(shape) != 3 or any(m.shape != shape for m in maps) or terms.classifier.shape != shape[:1]:
        shapes = ", ".join(str(m.shape) for m in (*maps, terms.classifier))
        raise ValueError(f"expected three terms of (B, h, w) and a classifier of (B,), not {shapes}")
    weights = (config.alpha, config.beta, config.delta)
    # Starting from the broadcast classifier keeps one buffer; a weight of 0 costs nothing.
    total = np.empty(shape, np.float32)
    total[:] = (np.float32(config.gamma) * terms.classifier)[:, None, None]
    for weight, term in zip(weights, maps, strict=True):
        if weight:
            total += np.float32(weight) * term
    return total
