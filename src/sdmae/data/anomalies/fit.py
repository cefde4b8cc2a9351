"""A straight line through points of which some are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 12
"""Points below which only a constant is trusted."""


@dataclass(frozen=True)
class Line:
    """y = intercept + slope x, held within the range of values that were seen."""

    slope: float
    intercept: float
    least: float
    most: float

    def __call__(self, x: Any) -> NDArray[np.float64]:
        """Value at `x`, a number or an array of any shape."""
        value = self.intercept + self.slope * np.asarray(x, np.float64)
        return np.asarray(np.clip(value, self.least, self.most), np.float64)

    @classmethod
    def fit(cls, x: NDArray[Any], y: NDArray[Any]) -> Line:
        """Theil-Sen: the median of the slopes between pairs; up to 29 % of the points may be anywhere."""
        least, most = float(np.quantile(y, 0.05)), float(np.quantile(y, 0.95))
        if len(x) < FEWEST or np.ptp(x) < 1e-6:
            return cls(0.0, float(np.median(y)), least, most)
        pick = np.linspace(0, len(x) - 1, min(len(x), 400)).round().astype(int)
        px, py = x[pick].astype(np.float64), y[pick].astype(np.float64)
        i, j = np.triu_indices(len(px), 1)
        run = px[j] - px[i]
        far = np.abs(run) > 0.1 * np.ptp(px)  # close pairs say more of the noise than of the slope
        slope = float(np.median((py[j] - py[i])[far] / run[far])) if far.any() else 0.0
        return cls(slope, float(np.median(py - slope * px)), least, most)
