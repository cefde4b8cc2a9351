"""What the network says of a stream's frames, made into their maps: what stands still there, what is not watched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from sdmae.config import Config
from sdmae.data.neighbours import Samples
from sdmae.detector.build import ignored_map, map_shape
from sdmae.scoring import FrameMap, FrameTerms, StillReference, Terms, combine
from sdmae.video import Size

SLOW = 60.0
"""What stands for this many times `score.still_seconds` belongs to the place."""


class MapStream:
    """The samples of one video, or one camera, go through in their order."""

    def __init__(self, config: Config, size: Size) -> None:
        """`size`: of a network frame."""
        self._config = config
        self._ignored = ignored_map(config)
        self._still = _StillMaps(config, size) if config.score.still else None

    def standing(self, samples: Samples) -> NDArray[np.float32] | None:
        """(B, h, w): what stands still; None where the score does not ask for it. To be called for all samples."""
        return self._still(samples) if self._still else None

    def maps(
        self, samples: Samples, said: Mapping[str, NDArray[np.float32]], standing: NDArray[np.float32] | None
    ) -> Iterator[FrameMap]:
        """The combined map of each of B frames, unfiltered (equation 6).

        said: what a `Runtime` gives of them, the stream's own to write to; standing: as above, of the same frames.
        """
        terms = Terms(**said, still=standing)
        if self._ignored is not None:  # nor does what is there explain a score beside it
            for values in (terms.error, terms.discrepancy, terms.anomaly_map):
                values[:, self._ignored] = 0
            if standing is not None:
                standing[:, self._ignored] = 0
        combined = combine(terms, self._config.score)
        if self._ignored is not None:
            combined[:, self._ignored] = 0
        for k, values in enumerate(combined):
            explained = FrameTerms(terms, k, self._config.input.channels)
            yield FrameMap(int(samples.indices[k]), float(samples.times[k]), values, samples.stretch, explained)


class _StillMaps:
    """What stands still, for the frames of a video in their order."""

    def __init__(self, config: Config, size: Size) -> None:
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
