"""Detections from anomaly maps, so that every detector that has a map has regions.

The rule:
- Every map is cut at the same few levels (`quantile_levels`). At each level the 8-connected components of the pixels
  at or above it that have at least `min_area` pixels are candidates, each as the box around it, with the highest
  value within it as its score.
- Components of a higher level lie within those of the lower ones. From the lowest level upwards, a component whose
  box fills more than half of that of the nearest component that is kept around it says nothing new and is left out.
  So a single blob gives a few boxes of falling size, not one for each level, and two blobs that run together at a
  low level also give one box each from the level on at which they part.

The levels are values that the maps themselves have, so nothing changes but the scores when all maps undergo the same
strictly rising transform. They are chosen without labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.metrics.components import components

Floats = NDArray[np.float64]

LEVELS = 10
"""Levels at which maps are cut."""
LOWEST, HIGHEST = 0.05, 0.95
"""Shares of the frames whose highest value is below the lowest level and below the highest level, or thereabouts."""
MIN_DETECTION_SHARE = 0.0005
"""Share of the frame that a detection has at least, unless told otherwise: 43 of Ped2's 86,400 pixels."""
NESTED = 0.5
"""A box that fills more than this share of the kept one around it is left out."""


def quantile_levels(peaks: ArrayLike, count: int = LEVELS) -> Floats:
    """Levels for the maps of a detector from their own highest values: (n,) rising, n <= count.

    peaks: (N,) the highest value of each map, of whatever video the levels are to come from. The levels are quantiles
    of them, evenly spaced from `LOWEST` to `HIGHEST`; equal ones are one. Nearly every frame so has a region at the
    lowest level, which the curves up to 1 false positive per frame need, and few at the highest.

    Raises ValueError for no peaks, peaks that are not finite and a count below 1.
    """
    values = np.asarray(peaks, np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"peaks have shape {values.shape} instead of one value a map")
    if not np.isfinite(values).all():
        raise ValueError(f"the peak of map {int(np.argmin(np.isfinite(values)))} is not finite")
    if count < 1:
        raise ValueError(f"count is {count}; there must be a level")
    shares = np.linspace(LOWEST, HIGHEST, count)
    return np.unique(np.quantile(values, shares, method="inverted_cdf"))


def map_detections(values: ArrayLike, levels: Sequence[float] | Floats, *, min_area: int | None = None) -> Floats:
    """Detections in one anomaly map by the rule of this file, in falling order of score.

    values: (h, w) finite, at the scale of the source, higher for more abnormal. levels: (n,) finite, rising.
    min_area: pixels of the map that a detection has at least; None: `MIN_DETECTION_SHARE` of it, at least 1.

    Returns (D, 5) rows of x_min, y_min, x_max, y_max in pixels, both ends included, and the score. D may be 0.
    Raises ValueError for maps and levels of other shapes, values that are not finite and min_area below 1.
    """
    cuts = _checked_levels(levels)
    data = np.asarray(values, np.float64)
    if data.ndim != 2 or data.size == 0:
        raise ValueError(f"the map has shape {data.shape} instead of (h, w)")
    if not np.isfinite(data).all():
        raise ValueError("the map holds a value that is not finite")
    least = max(1, round(MIN_DETECTION_SHARE * data.size)) if min_area is None else min_area
    if least < 1:
        raise ValueError(f"min_area is {min_area}; a detection has at least 1 pixel")

    rows: list[tuple[float, ...]] = []
    # Parts of the map still to be cut: where they lie, themselves, at which level, and the area of the box around.
    parts = [(0, 0, data, 0, np.inf)]
    while parts:
        left, top, part, depth, around = parts.pop()
        numbers, boxes = components(part >= cuts[depth], least)
        for number, (x0, y0, x1, y1) in enumerate(boxes.tolist(), 1):
            window = (slice(y0, y1 + 1), slice(x0, x1 + 1))
            inside = np.where(numbers[window] == number, part[window], -np.inf)
            peak, area = float(inside.max()), inside.size
            if new := area <= NESTED * around:
                rows.append((left + x0, top + y0, left + x1, top + y1, peak))
            if depth + 1 < len(cuts) and peak >= cuts[depth + 1]:
                parts.append((left + x0, top + y0, inside, depth + 1, area if new else around))
    found = np.array(rows, np.float64).reshape(-1, 5)
    return found[np.lexsort((*found.T[:4], -found[:, 4]))]


def stream_detections(
    maps: Iterable[ArrayLike], levels: Sequence[float] | Floats, *, min_area: int | None = None
) -> Iterator[Floats]:
    """`map_detections` of the maps of one video, frame by frame, as they come.

    Yields (D, 6) rows of frame (from 0), x_min, y_min, x_max, y_max, score for each map; with the number of the video
    before each they are the detections of `rbdc_tbdc`. Raises ValueError as `map_detections`, naming the frame.
    """
    cuts = _checked_levels(levels)
    for frame, values in enumerate(maps):
        try:
            found = map_detections(values, cuts, min_area=min_area)
        except ValueError as error:
            raise ValueError(f"frame {frame}: {error}") from None
        yield np.column_stack([np.full(len(found), float(frame)), found])


def _checked_levels(levels: Sequence[float] | Floats) -> Floats:
    cuts = np.asarray(levels, np.float64)
    if cuts.ndim != 1 or len(cuts) == 0 or not np.isfinite(cuts).all() or (np.diff(cuts) <= 0).any():
        raise ValueError("levels must be finite numbers, at least one, each above the one before")
    return cuts
