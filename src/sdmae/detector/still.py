"""What stands still, as maps beside those of the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sdmae.config import Config
from sdmae.data.neighbours import Samples
from sdmae.detector.build import map_shape
from sdmae.scoring import StillReference
from sdmae.video import Size

SLOW = 60.0
"""What stands for this many times `score.still_seconds` belongs to the place."""


class StillMaps:
    """What stands still, for the frames of a video in their order."""

    def __init__(self, config: Config, size: Size) -> None:
        """`size`: rows and columns of a network frame."""
        patch = config.model.patch
        self._grid = (size.height // patch, size.width // patch)
        self._shape = map_shape(config)
        self._seconds = config.score.still_seconds
        self._stretch = -1

    def __call__(self, samples: Samples) -> NDArray[np.float32]:
        """(B, h, w) in the shape of the score's maps."""
        if samples.stretch != self._stretch:
            self._stretch = samples.stretch
            self._reference = StillReference(self._grid, fast=self._seconds, slow=SLOW * self._seconds)
        maps = [
            self._reference.push(samples.frames[row], float(time))
            for row, time in zip(samples.neighbours[:, 2], samples.times, strict=True)
        ]
        rows, columns = (n // m for n, m in zip(self._shape, self._grid, strict=True))
        return np.stack(maps).repeat(rows, axis=1).repeat(columns, axis=2)
