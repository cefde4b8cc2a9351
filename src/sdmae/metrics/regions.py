"""Region- and track-based detection criteria, RBDC and TBDC: B. Ramachandra and M. Jones, Street Scene, WACV 2020.

Regions of the ground truth and detections are boxes in pixels, both ends included: a box is x_max - x_min + 1 wide.
Going down from the highest score, a detection finds every region of its frame that it overlaps with an intersection
over union of at least `beta`; one that overlaps no region at all is a false positive; one that overlaps only regions
found before is neither. A track is found once at least `alpha` of its regions are. The curves are the share of
regions (tracks) found against the false positives per frame, from (0, 0) on; RBDC (TBDC) is the area under them up to
1 false positive per frame, by trapezoids. Points past 1 are cut, and what is left is extended flat to 1.

Equal scores: detections of one score come at once, whatever files or rows they are in, and make one point of the
curves. Nothing is left to their order: whether a detection is a false positive does not depend on what was found
before it, and a region is found at the highest score of all the detections that overlap it. So the curves have one
point for each threshold that can be set on the scores. From one point to the next leads a straight line, as on a ROC
curve with ties.

Where detections of one score lead past 1 false positive per frame, nothing is interpolated within them: their point
is cut as any other, the curve goes on flat from the point before them to 1, and the regions that they alone find do
not count. There is no threshold at which those are found at so few false positives, and where on the line to the cut
point 1 is passed says nothing. `RegionResult.cut_score` and `cut_tie` tell where that was. With different scores the
last point kept lies at exactly 1, and all of this is one detection after the other, as published.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

ALPHA = 0.1
"""Share of a track's regions that must be found for the track to be found."""
BETA = 0.1
"""Least intersection over union of a detection with a region that it finds."""

_PAIRS = 1 << 18
"""Pairs of a detection and a region that are compared at a time: memory stays linear however crowded a frame is."""
_LIMIT = 2.0**53
"""Up to here a float counts every integer."""


@dataclass(frozen=True, slots=True, eq=False)
class RegionResult:
    """RBDC and TBDC with the curves that they are the areas under."""

    rbdc: float
    """Area under `region_rate`, 0 to 1."""
    tbdc: float
    """Area under `track_rate`, 0 to 1."""
    false_positives_per_frame: Floats
    """(K,) from 0 to 1, rising: one point for each score within 1 false positive a frame, the first before all of
    them, and where the last one is below 1 another at 1."""
    region_rate: Floats
    """(K,) share of the regions found, 0 to 1."""
    track_rate: Floats
    """(K,) share of the tracks found, 0 to 1."""
    regions: int
    """Regions of the ground truth."""
    tracks: int
    """Tracks of the ground truth: different pairs of video and track_id."""
    detections: int
    """Detections, whatever became of them."""
    false_positives: int
    """Those of all detections, of any score, that overlap no region."""
    regions_found: int
    """Regions that any detection overlaps, whatever its score."""
    tracks_found: int
    """Tracks of which enough regions are among `regions_found`."""
    cut_score: float | None
    """Highest score whose detections lead past 1 false positive a frame: neither they nor any below it are on the
    curves. None where all detections are."""
    cut_tie: bool
    """Whether the curves end below 1 false positive a frame because detections of that one score lead past it, so
    that they are flat from there to 1: scores that told these apart would have carried them on."""


def rbdc_tbdc(
    truth: ArrayLike, detections: ArrayLike, num_frames: int, *, alpha: float = ALPHA, beta: float = BETA
) -> RegionResult:
    """RBDC and TBDC of detections in any number of videos.

    truth: (R, 7) rows of video, track_id, frame, x_min, y_min, x_max, y_max, one for each region.
    detections: (D, 7) rows of video, frame, x_min, y_min, x_max, y_max, score, higher for more abnormal; D may be 0.
    num_frames: frames of all videos together, those without any row included.
    alpha, beta: see `ALPHA` and `BETA`; above 0, at most 1.

    video, track_id and frame are any whole numbers; track_id is unique within its video; coordinates are pixels, both
    ends included, and may be negative or not whole. Rows may be in any order; rows of the same track and frame are
    regions of their own. Time is that of sorting the rows; memory grows linearly with them.

    Raises ValueError, naming the row from 0, for values that are not finite, numbers that are not whole, coordinates
    beyond 2^53 and boxes that end before they begin; and for no ground truth, num_frames below 1, alpha and beta out
    of range.
    """
    frames_in_all = operator.index(num_frames)
    if frames_in_all < 1:
        raise ValueError(f"num_frames is {frames_in_all}; there must be a frame")
    for name, value in (("alpha", alpha), ("beta", beta)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} is {value}; it must be above 0 and at most 1")
    regions = _checked("truth", truth, whole=slice(0, 3), boxes=slice(3, 7))
    found_by = _checked("detections", detections, whole=slice(0, 2), boxes=slice(2, 6))
    if not len(regions):
        raise ValueError("no ground truth: without regions there is nothing to find")

    region_frames, detection_frames = _frames(regions[:, [0, 2]], found_by[:, [0, 1]])
    order = np.argsort(region_frames, kind="stable")
    regions = regions[order]
    scores, ranks = np.unique(found_by[:, 6], return_inverse=True)
    steps = len(scores)
    # Step k of the curve is that of the k-th highest score, from 0; regions never found have the step after the last.
    step = np.asarray(steps - 1 - ranks, np.int64)
    found_at = np.full(len(regions), steps, np.int64)
    overlaps = np.zeros(len(found_by), np.bool_)
    for detection, region in _pairs(region_frames[order], detection_frames):
        hit = _iou(found_by[detection, 2:6], regions[region, 3:7]) >= beta
        overlaps[detection[hit]] = True
        np.minimum.at(found_at, region[hit], step[detection[hit]])

    track_found_at = _track_steps(regions[:, :2], found_at, alpha)
    false_positives = _running_count(step[~overlaps], steps)
    found, tracks_found = _running_count(found_at, steps), _running_count(track_found_at, steps)
    kept = false_positives <= frames_in_all  # of whole numbers, so that 1 a frame is exactly 1
    rate = false_positives[kept] / frames_in_all
    # Point k is that after the k-th highest score, from 1; `scores` rise.
    cut_score = float(scores[steps - len(rate)]) if len(rate) <= steps else None
    cut_tie = cut_score is not None and bool(rate[-1] < 1)
    region_rate, track_rate = found[kept] / len(regions), tracks_found[kept] / len(track_found_at)
    if rate[-1] < 1:
        rate = np.append(rate, 1.0)
        region_rate, track_rate = np.append(region_rate, region_rate[-1]), np.append(track_rate, track_rate[-1])
    return RegionResult(
        rbdc=float(np.trapezoid(region_rate, rate)),
        tbdc=float(np.trapezoid(track_rate, rate)),
        false_positives_per_frame=rate,
        region_rate=region_rate,
        track_rate=track_rate,
        regions=len(regions),
        tracks=len(track_found_at),
        detections=len(found_by),
        false_positives=int(false_positives[-1]),
        regions_found=int(found[-1]),
        tracks_found=int(tracks_found[-1]),
        cut_score=cut_score,
        cut_tie=cut_tie,
    )


def _checked(name: str, rows: ArrayLike, whole: slice, boxes: slice) -> Floats:
    data = np.asarray(rows, np.float64)
    if data.size == 0:
        return np.zeros((0, 7))
    if data.ndim != 2 or data.shape[1] != 7:
        raise ValueError(f"{name} have shape {data.shape} instead of (rows, 7)")
    box = data[:, boxes]
    for what, bad in (
        ("holds a value that is not finite", ~np.isfinite(data).all(axis=1)),
        ("holds a number of a video, track or frame that is not whole", (data[:, whole] % 1 != 0).any(axis=1)),
        ("holds a number beyond 2^53", (np.abs(data[:, : boxes.stop]) > _LIMIT).any(axis=1)),
        ("is a box that ends before it begins", (box[:, 2:] < box[:, :2]).any(axis=1)),
    ):
        if bad.any():
            raise ValueError(f"{name}: row {int(np.argmax(bad))} {what}")
    return data


def _frames(regions: Floats, detections: Floats) -> tuple[Integers, Integers]:
    """One number for each different pair of video and frame. regions (R, 2), detections (D, 2) -> (R,), (D,)."""
    both = np.concatenate([regions, detections])
    videos, frames = (np.unique(both[:, k], return_inverse=True)[1].astype(np.int64) for k in (0, 1))
    keys = videos * (int(frames.max()) + 1) + frames
    return keys[: len(regions)], keys[len(regions) :]


def _pairs(region_frames: Integers, detection_frames: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Positions of detections and regions of the same frame, every such pair once. region_frames: (R,) sorted."""
    first = np.searchsorted(region_frames, detection_frames, "left")
    count = np.searchsorted(region_frames, detection_frames, "right") - first
    ends = np.concatenate([[0], np.cumsum(count)])
    start = 0
    while start < len(count):
        stop = max(start + 1, int(np.searchsorted(ends, ends[start] + _PAIRS, "right")) - 1)
        some = count[start:stop]
        detection = np.repeat(np.arange(start, stop), some)
        within = np.arange(len(detection)) - np.repeat(ends[start:stop] - ends[start], some)
        yield detection, first[detection] + within
        start = stop


def _iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes (n, 4) and (n, 4), ends included."""
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]) + 1
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = (a[:, 2:] - a[:, :2] + 1).prod(axis=1) + (b[:, 2:] - b[:, :2] + 1).prod(axis=1)
    return np.asarray(shared / (areas - shared), np.float64)


def _track_steps(names: Floats, found_at: Integers, alpha: float) -> Integers:
    """The step at which each track is found. names: (R, 2) video and track of each region, found_at: (R,) steps."""
    tracks = np.unique(names, axis=0, return_inverse=True)[1].reshape(-1)
    lengths = np.bincount(tracks)
    needed = np.maximum(np.floor(alpha * lengths).astype(np.int64) - 1, 1)
    # The product may be off by a rounding in either direction; the quotient of a just sufficient count never is.
    for _ in range(3):
        needed += needed / lengths < alpha
    by_track = found_at[np.lexsort((found_at, tracks))]
    return np.asarray(by_track[np.cumsum(lengths) - lengths + needed - 1], np.int64)


def _running_count(at: Integers, steps: int) -> Integers:
    """(steps + 1,): how many happened before the first step and up to each; those at `steps` never happen."""
    return np.concatenate([[0], np.cumsum(np.bincount(at, minlength=steps + 1)[:steps])])
