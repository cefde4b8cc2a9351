"""Where a detector was most wrong: the abnormal frames it scores lowest, and the normal ones it scores highest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import TestClip
from sdmae.evaluation.map_store import MapStore
from sdmae.evaluation.measures import Scored
from sdmae.recordings.page import heated, shares
from sdmae.scoring import Map
from sdmae.video import Image, Size, probe, read_frames
from sdmae.video.draw import RED, SLATE

COUNT = 10
"""Moments of each kind."""
APART = 2.0
"""Seconds between two moments of one clip, at least: neighbours look alike."""
WIDEST = 400
"""Columns of a picture at most."""
FULL = 0.9
"""Share of the way from a map's median to its highest value at which the heat is nearly full."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of a test clip."""

    clip: int
    """Position of the clip."""
    row: int
    """Position among the frames of the clip that were scored."""
    frame: int
    """Position in the clip."""
    time: float
    """Seconds since the clip's first frame."""
    score: float
    """Offline."""
    share: float
    """Of a miss: share of the normal frames of all clips that score higher. Of a false alarm: share of the abnormal
    ones that score lower."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A moment with its two pictures of one size."""

    moment: Moment
    frame: Image
    """(H, W, 3): the frame, what is truly abnormal in it in red."""
    heat: Image
    """(H, W, 3): the frame with its anomaly map, in a scale of its own."""


def worst_misses(scored: Sequence[Scored], threshold: float | None, count: int = COUNT) -> list[Moment]:
    """The abnormal frames with the lowest offline scores, the lowest first; those at or below the threshold only.

    Without one: those that any normal frame scores higher than, for else there is nothing they were missed for.
    """
    return _worst(scored, threshold, count, abnormal=True)


def worst_false_alarms(scored: Sequence[Scored], threshold: float | None, count: int = COUNT) -> list[Moment]:
    """The normal frames with the highest offline scores, the highest first; those above the threshold only.

    Without one: those that score higher than any abnormal frame.
    """
    return _worst(scored, threshold, count, abnormal=False)


def _worst(scored: Sequence[Scored], threshold: float | None, count: int, *, abnormal: bool) -> list[Moment]:
    sign = 1.0 if abnormal else -1.0  # turns both into: the lowest first
    mine = [one.truth.labels[one.offline.frames] == abnormal for one in scored]
    others = np.sort(np.concatenate([sign * one.offline.scores[~own] for one, own in zip(scored, mine, strict=True)]))
    found: list[Moment] = []
    for number, (one, own) in enumerate(zip(scored, mine, strict=True)):
        values = sign * one.offline.scores
        if threshold is None:
            wrong = own & (values < (others[-1] if len(others) else -np.inf))
        else:
            wrong = own & ((values <= threshold) if abnormal else (values < -threshold))
        rows = np.flatnonzero(wrong)
        taken: list[float] = []
        for row in rows[np.argsort(values[rows], kind="stable")].tolist():
            time = float(one.offline.times[row])
            if len(taken) < count and all(abs(time - other) >= APART for other in taken):
                taken.append(time)
                above = len(others) - int(np.searchsorted(others, values[row], "right"))
                found.append(
                    Moment(
                        number,
                        row,
                        int(one.offline.frames[row]),
                        time,
                        float(one.offline.scores[row]),
                        above / len(others) if len(others) else 0.0,
                    )
                )
    return sorted(found, key=lambda m: (sign * m.score, m.clip, m.row))[:count]


def pictures(moments: Sequence[Moment], scored: Sequence[Scored], maps: MapStore) -> list[Shown]:
    """The moments with their pictures, in their order. A clip is decoded once, up to the last frame needed.

    Each heat map has its own scale, from its median to its highest value: where the detector saw the most in that
    frame. How much that was its score says. Raises `SourceError` where a clip cannot be read.
    """
    found: dict[tuple[int, int], Shown] = {}
    for number in sorted({moment.clip for moment in moments}):
        wanted = {moment.frame: moment for moment in moments if moment.clip == number}
        clip = scored[number].truth
        source = probe(clip.clip).size
        size = source
        if size.width > WIDEST:
            size = Size(max(1, round(size.height * WIDEST / size.width)), WIDEST)
        for frame in read_frames(clip.clip, (size,), only=frozenset(wanted), report=_told_before):
            moment = wanted.pop(frame.index)
            truth = with_truth(frame.image, clip, moment.frame, source)
            found[number, moment.frame] = Shown(moment, truth, _heat(frame.image, maps[number, moment.row]))
            if not wanted:
                break
    return [found[m.clip, m.frame] for m in moments if (m.clip, m.frame) in found]


def _heat(image: Image, cells: Map) -> Image:
    base = float(np.median(cells))
    return heated(image, shares(cells, base, FULL * (float(cells.max()) - base)))


def with_truth(image: Image, clip: TestClip, frame: int, source: Size) -> Image:
    """The picture with what is abnormal in that frame in red: boxes of tracks, else the outline of the mask.

    source: size of the clip's frames, in whose pixels its ground truth is.
    """
    if clip.tracks is not None:
        scale = np.array([image.shape[1] / source.width, image.shape[0] / source.height] * 2)
        found = [track.boxes[track.frames == frame] * scale for track in clip.tracks]
        corners = [box[[[0, 1], [2, 1], [2, 3], [0, 3]]] for boxes in found for box in boxes]
        return _outlined(image, [np.rint(four).astype(np.int32) for four in corners])
    if clip.masks is None or not clip.labels[frame]:
        return image
    mask: NDArray[np.uint8] = clip.read_mask(frame).astype(np.uint8)
    scaled = cv2.resize(mask, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(scaled, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return _outlined(image, outlines)


def _outlined(image: Image, outlines: Sequence[NDArray[Any]]) -> Image:
    """Closed lines in red with a dark edge, thick enough that the red is seen where the picture is shown smaller."""
    picture = image.copy()
    for colour, thickness in ((SLATE, 4), (RED, 2)):
        cv2.drawContours(picture, list(outlines), -1, colour, thickness)
    return picture


def _told_before(line: str) -> None:
    """What a damaged file lost was said when it was scored."""
