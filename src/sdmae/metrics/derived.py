"""Regions and tracks derived from pixel masks, for benchmarks that have masks but no tracks.

The rule:
- The regions of a frame are the 8-connected components of its mask that have at least `min_area` pixels, each as the
  box around it. Objects that touch are one region; an object that something hides the middle of is two.
- A region continues a track of the frame just before where their components share pixels. Each track goes on in one
  region at most, and each region continues one track at most: pairs are taken in falling number of shared pixels
  (of equal ones that of the track that began first, then that of the region further up, then further to the left).
- So where a region splits, the part with the most shared pixels keeps the track and the others begin new ones; where
  regions merge, the whole goes on as the track with the most shared pixels and the others end; and what is gone for
  a single frame, or moves further than its own length in one, comes back as a new track.

What comes of it is not what a person would have drawn round each object, and figures from it compare only with others
derived by the same rule: report them as "derived".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.metrics.components import components

Integers = NDArray[np.int64]

MIN_REGION_AREA = 25
"""Pixels of the mask below which a component is taken for a speck of the annotation, not for an object."""


@dataclass(frozen=True, slots=True, eq=False)
class DerivedTracks:
    """Regions of one video with the tracks they belong to."""

    rows: Integers
    """(R, 6) track_id, frame, x_min, y_min, x_max, y_max in pixels, both ends included, by frame; tracks and frames
    are counted from 0. With the number of the video before each they are the ground truth of `rbdc_tbdc`."""
    frames: int
    """Masks read."""
    tracks: int
    """Different tracks."""
    min_area: int
    """Pixels that a component needed."""
    origin: str = "derived"
    """What a report is to call them."""


def derive_tracks(masks: Iterable[ArrayLike], *, min_area: int = MIN_REGION_AREA) -> DerivedTracks:
    """Regions and tracks of one video by the rule of this file.

    masks: (H, W) of one size, one for each frame, in order; abnormal where not 0. Two are in memory at a time.
    min_area: pixels, at least 1.

    Raises ValueError, naming the frame, for masks that are not pictures or differ in size; for min_area below 1.
    """
    if min_area < 1:
        raise ValueError(f"min_area is {min_area}; a region has at least 1 pixel")
    rows: list[Integers] = []
    before: NDArray[np.int32] | None = None
    tracks_before: Integers = np.zeros(0, np.int64)
    frames, tracks = 0, 0
    for frame, mask in enumerate(masks):
        picture = np.asarray(mask) != 0
        if picture.ndim != 2 or picture.size == 0:
            raise ValueError(f"frame {frame}: the mask has shape {picture.shape} instead of (H, W)")
        if before is not None and before.shape != picture.shape:
            raise ValueError(f"frame {frame}: the mask has shape {picture.shape}, the one before {before.shape}")
        numbers, boxes = components(picture, min_area)
        names = _continued(before, numbers, tracks_before, len(boxes))
        new = names < 0
        names[new] = np.arange(tracks, tracks + np.count_nonzero(new))
        tracks += int(np.count_nonzero(new))
        rows.append(np.column_stack([names, np.full(len(boxes), frame), boxes]))
        before, tracks_before, frames = numbers, names, frame + 1
    every = np.concatenate(rows) if rows else np.zeros((0, 6), np.int64)
    return DerivedTracks(every, frames, tracks, min_area)


def _continued(
    before: NDArray[np.int32] | None, numbers: NDArray[np.int32], tracks_before: Integers, count: int
) -> Integers:
    """(count,): the track that each component continues, -1 where it begins one."""
    names = np.full(count, -1, np.int64)
    if before is None:
        return names
    both = (before > 0) & (numbers > 0)
    pairs, shared = np.unique(
        (before[both].astype(np.int64) - 1) * count + numbers[both] - 1,
        return_counts=True,
    )
    if not len(pairs):
        return names
    old, new = np.divmod(pairs, count)
    ended = np.ones(len(tracks_before), np.bool_)
    for k in np.lexsort((new, tracks_before[old], -shared)):
        if ended[old[k]] and names[new[k]] < 0:
            names[new[k]] = tracks_before[old[k]]
            ended[old[k]] = False
    return names
