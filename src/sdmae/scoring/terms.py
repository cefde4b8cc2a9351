"""The terms of the score as the network gives them, their weighted sum (paper, equation 6), and who made it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sdmae.config import ScoreConfig
from sdmae.scoring.types import Map


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said of B frames."""

    error: NDArray[np.float32]
    """(B, h, w): the teacher's squared error, averaged over the channels."""
    discrepancy: NDArray[np.float32]
    """(B, h, w): squared difference of teacher and student, averaged likewise."""
    anomaly_map: NDArray[np.float32]
    """(B, h, w): the predicted anomaly map, about 0 (normal) to 1 (abnormal)."""
    classifier: NDArray[np.float32]
    """(B,): the classifier's probability that the frame holds an anomaly, 0 to 1."""
    still: NDArray[np.float32] | None = None
    """(B, h, w): what stands still where nothing stood before, 0 to 1; None where it was not asked for."""


def combine(terms: Terms, config: ScoreConfig) -> NDArray[np.float32]:
    """One map a frame: alpha error + beta discrepancy + delta anomaly map + gamma classifier + still, (B, h, w).

    float32. The classifier's term is the same in every cell. Each frame's map depends on that frame's terms alone,
    so the size of the batch never shows. Raises ValueError when the terms' shapes do not belong together.
    """
    shape = terms.error.shape
    still = terms.error if terms.still is None else terms.still
    maps = (terms.error, terms.discrepancy, terms.anomaly_map, still)
    if len(shape) != 3 or any(m.shape != shape for m in maps) or terms.classifier.shape != shape[:1]:
        shapes = ", ".join(str(m.shape) for m in (*maps, terms.classifier))
        raise ValueError(f"expected terms of (B, h, w) and a classifier of (B,), not {shapes}")
    weights = (config.alpha, config.beta, config.delta, config.still if terms.still is not None else 0.0)
    # Frame by frame, what is weighted fits into the processor's cache; a weight of 0 costs nothing.
    total = np.empty(shape, np.float32)
    weighted = np.empty(shape[1:], np.float32)
    for k, probability in enumerate(terms.classifier):
        total[k] = np.float32(config.gamma) * probability
        for weight, term in zip(weights, maps, strict=True):
            if weight:
                total[k] += np.multiply(term[k], np.float32(weight), out=weighted)
    return total


@dataclass(frozen=True, slots=True)
class FrameTerms:
    """The terms of one frame among a batch's, kept until it is known where the frame's score came from."""

    terms: Terms
    row: int
    """Which frame of the batch."""
    channels: int
    """Channels of the network's picture, which the error is averaged over together with the anomaly map."""

    def parts_at(self, area: tuple[slice, slice], config: ScoreConfig) -> tuple[float, ...]:
        """What each of `scoring.TERMS` adds to the score in an area of the map, rows and columns: the mean there.

        The paper's error holds the anomaly map as one more channel (method: score); here that part is counted to
        the anomaly map.
        """

        def mean(values: Map) -> float:  # numpy's own takes longer to begin than for the few cells of an area
            return float(np.add.reduce(values, axis=None, dtype=np.float64) / values.size)

        terms, k = self.terms, self.row
        predicted = terms.anomaly_map[k][area]
        of_map = config.alpha * mean(np.square(predicted)) / (self.channels + 1)
        return (
            max(config.alpha * mean(terms.error[k][area]) - of_map, 0.0),
            config.beta * mean(terms.discrepancy[k][area]),
            config.delta * mean(predicted) + of_map,
            config.gamma * float(terms.classifier[k]),
            config.still * mean(terms.still[k][area]) if terms.still is not None else 0.0,
        )
