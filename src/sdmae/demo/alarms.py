"""From scores to alarms: what is normal, when it is left, and which abnormal objects were found so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.config import EventConfig
from sdmae.data.benchmark import Labels, Track
from sdmae.scoring import AlarmLevel, FrameScore, Map, VideoScores, find_events
from sdmae.scoring.calibrated import normal_clip
from sdmae.scoring.calibration import calibrate

WHOLE = 0.7
"""Share of its largest box above which an object counts as wholly in the picture."""
WALKED = 0.8
"""Quantile of the cells of the normal map that no cell is below."""
RIM = 0.35
"""Share of the highest excess below which a cell is not counted to the region around it."""

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max."""


@dataclass(frozen=True, slots=True)
class Normal:
    """What normal video that was not learned from scores at most."""

    level: AlarmLevel
    """The threshold for as few false alarms as so much video can vouch for."""
    cells: Map
    """(h, w): the highest value of each cell of the map, above the map's own median."""

    @property
    def threshold(self) -> float:
        """An alarm opens with a smoothed score above it."""
        return self.level.threshold


@dataclass(frozen=True, slots=True)
class Alarm:
    """One event of a clip."""

    clip: str
    """Name of the clip."""
    start: float
    """Seconds."""
    end: float
    """Seconds."""
    peak: float
    """The highest score."""
    false: bool
    """Nothing abnormal was to be seen in all of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one abnormal object."""

    clip: str
    """Name of the clip."""
    track: Track
    """The object."""
    start: float
    """Seconds at which it is first seen."""
    end: float
    """Seconds at which it is last seen."""
    found: bool
    """There was an alarm while it was seen, and at some moment of it the strongest region of the map was on it."""
    peak: float
    """The highest score while it was seen."""
    best: int
    """Index of the frame that shows it best: found, whole, and standing out as much as it does anywhere."""


def learn_normal(scores: Sequence[VideoScores], config: EventConfig) -> Normal:
    """The threshold and the normal map from normal video with maps, none of which was trained on.

    Raises `SourceError` for less than 20 s of it.
    """
    clips = [normal_clip(one) for one in scores]
    level = calibrate(clips, config)
    level = level.asked_for(max(level.vouched, level.asked))
    cells = np.max([above_median(_maps(one)).max(axis=0) for one in scores], axis=0)
    # A minute is too short for somebody to have walked through every cell: what its neighbours have seen counts for
    # it too, and nowhere is it less than where people do walk.
    reached = np.asarray(cv2.dilate(cells, np.ones((3, 3), np.uint8)), np.float32)
    return Normal(level, np.maximum(reached, np.quantile(reached, WALKED).astype(np.float32)))


def above_median(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maps (N, h, w) less the median of each: what stands out in its place, without what the whole frame shares."""
    return maps - np.median(maps, axis=(1, 2), keepdims=True)


def excess(scores: VideoScores, normal: Normal) -> NDArray[np.float32]:
    """(N, h, w): how far each cell is above what is normal there, as a share of it; 0 where it is not."""
    return np.maximum(above_median(_maps(scores)) / np.maximum(normal.cells, 1e-9) - 1, 0).astype(np.float32)


def find_alarms(scores: VideoScores, labels: Labels, level: AlarmLevel, config: EventConfig) -> list[Alarm]:
    """The events of a clip. labels: (N,) bool, by which each is true or false."""
    rows = zip(scores.frames.tolist(), scores.times.tolist(), scores.scores.tolist(), strict=True)
    frames = (FrameScore(index, time, score, score) for index, time, score in rows)
    alarms = []
    for event in find_events(frames, level.levels(config), config.merge):
        during = (scores.times >= event.start) & (scores.times <= event.end)
        alarms.append(Alarm(scores.name, event.start, event.end, event.peak, false=not labels[during].any()))
    return alarms


def judge(
    scores: VideoScores, excess: NDArray[np.float32], tracks: Sequence[Track], threshold: float, size: Sequence[int]
) -> list[Verdict]:
    """What became of each object of a clip. size: rows and columns of the source, in which the boxes are."""
    verdicts = []
    for track in tracks:
        on_it = np.array([_on(excess[k], box, size) for k, box in zip(track.frames, track.boxes, strict=True)])
        regions = [strongest_region(excess[k], size) for k in track.frames]
        marked = np.array([_touch(region, box) for region, box in zip(regions, track.boxes, strict=True)])
        hit = marked & (scores.scores[track.frames] > threshold)
        # A picture of where it was found, if it was, then of where it is whole, then of where it stands out most.
        areas = (track.boxes[:, 2] - track.boxes[:, 0]) * (track.boxes[:, 3] - track.boxes[:, 1])
        best = np.lexsort((on_it, areas >= WHOLE * areas.max(), hit))[-1]
        verdicts.append(
            Verdict(
                scores.name,
                track,
                float(scores.times[track.frames[0]]),
                float(scores.times[track.frames[-1]]),
                found=bool(hit.any()),
                peak=float(scores.scores[track.frames].max()),
                best=int(track.frames[best]),
            )
        )
    return verdicts


def strongest_region(excess: NDArray[np.float32], size: Sequence[int]) -> Box | None:
    """Box in source pixels round the highest cell and what hangs together with it; None if no cell is above 0."""
    highest = float(excess.max())
    if highest <= 0:
        return None
    # The filter of the maps spreads what it finds; its outermost rim is not the object.
    _, parts = cv2.connectedComponents((excess >= RIM * highest).astype(np.uint8), connectivity=8)
    rows, columns = np.nonzero(parts == parts.flat[int(excess.argmax())])
    y, x = size[0] / excess.shape[0], size[1] / excess.shape[1]
    return (
        float(columns.min() * x),
        float(rows.min() * y),
        float((columns.max() + 1) * x),
        float((rows.max() + 1) * y),
    )


def _touch(region: Box | None, box: NDArray[np.float64]) -> bool:
    if region is None:
        return False
    x0, y0, x1, y1 = box.tolist()
    return bool(region[0] < x1 and x0 < region[2] and region[1] < y1 and y0 < region[3])


def _on(excess: NDArray[np.float32], box: NDArray[np.float64], size: Sequence[int]) -> float:
    """The highest excess of the cells that a box touches."""
    rows, columns = excess.shape
    left, right = (np.clip(box[[0, 2]] * columns / size[1], 0, columns)).tolist()
    top, bottom = (np.clip(box[[1, 3]] * rows / size[0], 0, rows)).tolist()
    part = excess[
        int(top) : max(int(np.ceil(bottom)), int(top) + 1), int(left) : max(int(np.ceil(right)), int(left) + 1)
    ]
    return float(part.max()) if part.size else 0.0


def _maps(scores: VideoScores) -> NDArray[np.float32]:
    if scores.maps is None:
        raise ValueError(f"{scores.name}: scored without maps")
    return scores.maps
