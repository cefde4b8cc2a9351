"""Detections from stored maps, and what they are worth by the regions that are truly there (`region_truth`).

Detections: each map less its own median, since what all of a frame shares (the classifier's say above all) has no
place in it and would make one box of the whole picture. These heights are cut at levels that are quantiles of their
own highest values over all clips, without labels (`metrics.quantile_levels`, `metrics.map_detections`), at the map's
own resolution. The score of a box is the map's highest value within it, the median included; a box is scaled to
pixels of the source, a cell standing for all the pixels that it covers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Mask, TestClip
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.region_truth import Truth
from sdmae.metrics import RegionResult, map_detections, pixel_auc, quantile_levels, rbdc_tbdc
from sdmae.progress import progress
from sdmae.video import Size

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """RBDC and TBDC of one set of maps."""

    result: RegionResult
    """With the curves."""
    detections: Floats
    """(D, 7) clip, frame, x_min, y_min, x_max, y_max, score, in the frames of the clips that count."""
    levels: tuple[float, ...]
    """Heights above its median at which each map was cut."""


def _masks(clip: TestClip) -> Iterator[Mask]:
    return (clip.read_mask(frame) for frame in range(len(clip.labels)))


def scaled(rows: Floats, cells: Size, extent: Size) -> Floats:
    """Detections (D, 6) of frame, box and score in cells of a map, in pixels of what the map covers.

    cells: of the map; extent: pixels that it covers, from the picture's upper left corner. Both ends of a box are
    included, before and after.
    """
    x, y = extent.width / cells.width, extent.height / cells.height
    found = rows.copy()
    found[:, [1, 2]] *= (x, y)
    found[:, [3, 4]] = (rows[:, [3, 4]] + 1) * (x, y) - 1
    found[:, [3, 4]] = np.maximum(found[:, [3, 4]], found[:, [1, 2]])
    return found


def shown_by(scored: Integers, count: int) -> Integers:
    """(count,): which of the scored frames (positions in the clip, rising) stands for each frame: the nearest one."""
    every = np.arange(count)
    after = np.clip(np.searchsorted(scored, every), 0, len(scored) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(scored[after] - every) < np.abs(every - scored[before]), after, before)


def measure_regions(
    truth: Truth, clips: Sequence[TestClip], maps: MapStore, frames: Sequence[Integers], extents: Sequence[Size]
) -> Regions:
    """RBDC and TBDC of stored maps.

    maps: of every clip; frames: (N,) for each clip, the position in it of the frame of each map; extents: pixels that
    the maps of each clip cover. A frame without a map has the detections of the nearest one that has.
    """
    heights = (float(cells.max() - np.median(cells)) for number in range(len(clips)) for cells in maps.maps(number))
    levels = quantile_levels(np.fromiter(heights, np.float64))
    found: list[Floats] = [np.zeros((0, 7))]
    with progress("regions", truth.frames, "frames") as bar:
        for number in truth.clips:
            each = [scaled(rows, size, extents[number]) for rows, size in _detections(maps, number, levels)]
            for frame, shown in enumerate(shown_by(frames[number], len(clips[number].labels))):
                rows = each[shown]
                found.append(np.column_stack([np.full((len(rows), 2), (float(number), float(frame))), rows[:, 1:]]))
            bar.update(len(clips[number].labels))
    detections = np.concatenate(found)
    return Regions(rbdc_tbdc(truth.rows, detections, truth.frames), detections, tuple(levels.tolist()))


def _detections(maps: MapStore, clip: int, levels: Floats) -> Iterator[tuple[Floats, Size]]:
    """Detections (D, 6) of each map of a clip, in its cells, with its rows and columns."""
    for position, cells in enumerate(maps.maps(clip)):
        median = np.float32(np.median(cells))
        found = map_detections(cells - median, levels)
        found[:, 4] += float(median)
        yield np.column_stack([np.full(len(found), float(position)), found]), Size(*cells.shape)


def region_figures(truth: Truth | None, regions: Regions | None) -> dict[str, Any]:
    """`rbdc` and `tbdc`, 0 to 1, and what is behind them in `regions`; all None without ground truth of regions."""
    if truth is None or regions is None:
        return {"rbdc": None, "tbdc": None, "regions": None}
    result = regions.result
    return {
        "rbdc": result.rbdc,
        "tbdc": result.tbdc,
        "regions": {
            "origin": truth.origin,
            "clips": len(truth.clips),
            "frames": truth.frames,
            "regions": result.regions,
            "tracks": result.tracks,
            "detections": result.detections,
            "false_positives": result.false_positives,
            "regions_found": result.regions_found,
            "tracks_found": result.tracks_found,
            "levels": list(regions.levels),
        },
    }


def pixel_figures(clips: Sequence[TestClip], maps: MapStore, frames: Sequence[Integers]) -> dict[str, Any]:
    """`pixel_auc`, 0 to 1, over the clips that have masks, and what is behind it in `pixels`.

    Each map is scaled to the size of its mask (bilinear). frames: as for `measure_regions`. Both are None without
    masks, and where all their pixels are of one kind.
    """
    masked = [number for number, clip in enumerate(clips) if clip.masks is not None]
    kinds: set[bool] = set()

    def pairs() -> Iterator[tuple[NDArray[np.float32], Mask]]:
        with progress("pixels", sum(len(clips[number].labels) for number in masked), "frames") as bar:
            for number in masked:
                shown = shown_by(frames[number], len(clips[number].labels))
                for mask, k in zip(_masks(clips[number]), shown.tolist(), strict=True):
                    kinds.update((bool(mask.any()), bool(mask.all())))
                    yield enlarged(maps[number, k], Size(*mask.shape)), mask
                    bar.update()

    try:
        result = pixel_auc(pairs())
    except ValueError:
        if len(kinds) == 2:
            raise
        return {"pixel_auc": None, "pixels": None}
    return {
        "pixel_auc": result.auc,
        "pixels": {
            "clips": len(masked),
            "pixels": result.pixels,
            "abnormal_pixels": result.abnormal_pixels,
            "error": result.error,
        },
    }


def enlarged(cells: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """A map (h, w) at another size, (H, W), bilinear."""
    scaled = cv2.resize(cells, (size.width, size.height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(scaled, np.float32)
