"""Abnormal objects of UBnormal's training split, cut out by their masks: the paper's own synthetic anomalies (3.3).

A. Acsintoae et al., UBnormal: New Benchmark for Supervised Open-Set Video Anomaly Detection, CVPR 2022. Validation
and test videos are not opened: only the list of the abnormal training videos is followed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sdmae.data.anomalies.looks import cut_out, scaled
from sdmae.data.anomalies.protocol import CENTRE, AnomalousObject, Bytes, Floats
from sdmae.data.anomalies.scene import Scene
from sdmae.data.ubnormal import RATE, Annotations, Interval, find_folder, find_video, read_annotations, read_names
from sdmae.errors import BenchmarkError, SourceError
from sdmae.video import Clip, Frame, read_frames

SAMPLES = 300
"""Objects at a moment that are cut out, at most."""
BYTES = 96 << 20
"""Memory of their pixels, at most."""
TRIES = 4
"""Moments looked at for each one that is wanted: at some the object is hidden, cut by the border or still."""
SMALLEST = 10
"""Rows or columns, whichever are more, below which a cut-out is too coarse to be enlarged."""
LARGEST = 0.7
"""Share of the frame's side above which an object has no room to move."""
LEAST_CHANGE = 0.1
"""Share of the pixels that are the object's at t-s or t+s which must be so at only one of the two: it must move."""
SPREAD = 1.25
"""Factor by which an object may be taller or smaller than is usual on its row."""

Masks = NDArray[np.bool_]
Whole = NDArray[np.int64]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """An object at the five instants around one moment of its video, in pixels of the pictures that are kept."""

    texture: Bytes
    """(5, h, w, C) uint8."""
    mask: Bytes
    """(5, h, w) uint8, 0 or 1."""
    offsets: Floats
    """(5, 2) float32 (dy, dx) of the canvas from its place at t."""
    side: float
    """Rows or columns of the object at t, whichever are more."""
    frame: float
    """Rows of the frame it was cut from, on the same scale."""


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """What is to be cut out of a video."""

    frames: tuple[int, ...]
    """Frames nearest to the five instants."""
    masks: Masks
    """(5, h, w) the object on one canvas that follows it."""
    corners: Whole
    """(5, 2) first row and column of the canvas in each frame."""
    ahead: Floats
    """(5, 2) way of the object from the frame to the instant itself."""
    side: float
    """Rows or columns of the object at t, whichever are more."""


@dataclass(frozen=True)
class UBnormalCutouts:
    """Objects of UBnormal with their own looks, along their own tracks, at a size that is plausible here."""

    scene: Scene
    samples: tuple[Sample, ...]
    name: ClassVar[str] = "ubnormal"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        """As tall as objects on its row are, a quarter more or less; where none are known, as large as in its frame.

        What lies or is wide is measured by its width, or it would become a giant.
        """
        sample = self.samples[int(rng.integers(len(self.samples)))]
        foot = self.scene.foot(rng)
        rows, columns = self.scene.size
        scale = rows / sample.frame
        if self.scene.cutouts:
            scale = self.scene.height(foot) * rng.uniform(1 / SPREAD, SPREAD) / sample.side
        high, wide = sample.mask.shape[1:]
        scale = min(scale, 0.9 * rows / high, 0.8 * columns / wide)
        texture, mask = cut_out(sample.texture, sample.mask, high * scale, wide * scale)
        offsets = sample.offsets * scale
        # As in the other families, the object is still near the frame at t-s and t+s.
        offsets *= min(1.0, 0.45 * min(rows, columns) / max(float(np.abs(offsets).max()), 1e-6))
        return AnomalousObject(texture, mask, offsets.astype(np.float32), foot)


def ubnormal_cutouts(root: Path, scene: Scene, *, rate: float, seed: int, samples: int = SAMPLES) -> UBnormalCutouts:
    """The family of objects cut out of UBnormal in `root`, for the camera of `scene`.

    rate: frames a second that `scene.moments` count in, the detector's. UBnormal has 30, so that an instant may fall
    between two frames: the object looks as in the nearer one, and is where its mean speed has taken it by then.
    samples: at most, spread evenly over the abnormal training videos and drawn at random from each by `seed`.
    Every video is decoded once, up to the last frame that is needed; pixels take at most `BYTES`.

    Raises `BenchmarkError` where there is no UBnormal, none of the videos of its training split, or not one object
    that fits; and naming files of it that are broken.
    """
    folder = find_folder(root)
    names = read_names(folder, "abnormal_training")
    clips = [clip for name in names if (clip := find_video(folder, name)) is not None]
    if not clips:
        raise BenchmarkError(f"{folder} holds none of its {len(names)} abnormal training videos; copy them there")
    if len(clips) < len(names):
        log.warning("%s: %d of %d abnormal training videos are there", folder, len(clips), len(names))
    rng = np.random.default_rng([seed, 4])
    found: list[Sample] = []
    room = BYTES
    for place, index in enumerate(rng.permutation(len(clips))):
        # A video that gave fewer than its share leaves more to those after it.
        wanted = -(-(samples - len(found)) // (len(clips) - place))
        for sample in _cut(clips[index], scene, rate, wanted, rng):
            room -= sample.texture.nbytes + sample.mask.nbytes
            if room < 0 and found:
                log.info("%s: %d cut-outs fill their share of memory", folder, len(found))
                return UBnormalCutouts(scene, tuple(found))
            found.append(sample)
        if len(found) >= samples:
            break
    if not found:
        raise BenchmarkError(
            f"{folder}: no abnormal object of the training videos is seen for long enough, whole and moving; "
            f"leave the family 'ubnormal' out, or shorten the detector's gap"
        )
    return UBnormalCutouts(scene, tuple(found))


def _cut(clip: Clip, scene: Scene, rate: float, wanted: int, rng: np.random.Generator) -> list[Sample]:
    """Up to `wanted` samples of one video."""
    annotations = read_annotations(clip)
    times = scene.moments.astype(np.float64) * RATE / rate
    moments: list[_Moment] = []
    for _ in range(TRIES * wanted):
        one = annotations.intervals[int(rng.integers(len(annotations.intervals)))]
        moment = _look(annotations, one, times, rng)
        if moment is not None:
            moments.append(moment)
        if len(moments) == wanted:
            break
    if not moments:
        return []
    size = annotations.numbers(0).shape
    crops: list[list[Bytes]] = [[] for _ in moments]
    for frame in _decoded(clip, max(moment.frames[-1] for moment in moments), grey=scene.channels == 1):
        if frame.image.shape[:2] != size:
            raise BenchmarkError(f"{annotations.pictures[0]}: not of the size of {clip.path}; copy both anew")
        for moment, own in zip(moments, crops, strict=True):
            high, wide = moment.masks.shape[1:]
            for (y, x), index in zip(moment.corners, moment.frames, strict=True):
                if index == frame.index:  # of two instants, when the detector is faster than the video
                    own.append(frame.image[y : y + high, x : x + wide].copy())
    whole = [(moment, own) for moment, own in zip(moments, crops, strict=True) if len(own) == len(moment.frames)]
    stored = (_stored(np.stack(own), moment, scene, size[0]) for moment, own in whole)
    return [sample for sample in stored if sample is not None]


def _decoded(clip: Clip, last: int, *, grey: bool) -> Iterator[Frame]:
    try:
        yield from islice(read_frames(clip, grey=grey), last + 1)
    except SourceError as error:
        raise BenchmarkError(str(error)) from error


def _look(
    annotations: Annotations, one: Interval, times: NDArray[np.float64], rng: np.random.Generator
) -> _Moment | None:
    """The object at the five instants around a moment of its own; None where it cannot be cut out at them."""
    steps = np.round(times).astype(np.int64)
    low, high = one.first - int(steps[0]), min(one.last, len(annotations.pictures) - 1) - int(steps[-1])
    if high < low:
        return None
    frames = tuple(int(n) for n in int(rng.integers(low, high + 1)) + steps)
    masks, boxes = [], []
    for frame in frames:
        mask = np.equal(annotations.numbers(frame), one.object)
        box = _room(mask)
        if box is None:
            return None
        masks.append(mask)
        boxes.append(box)
    if (masks[0] & masks[-1]).sum() > (1 - LEAST_CHANGE) * (masks[0] | masks[-1]).sum():
        return None
    return _followed(masks, np.array(boxes, np.int64), frames, times, steps)


def _room(mask: Masks) -> tuple[int, int, int, int] | None:
    """First and last row and column, the last just outside, of an object that can be cut out; else None."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    top, left, bottom, right = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    high, wide = mask.shape
    if top == 0 or left == 0 or bottom == high or right == wide:
        return None  # cut by the border: half an object teaches nothing
    if max(bottom - top, right - left) < SMALLEST or bottom - top > LARGEST * high or right - left > LARGEST * wide:
        return None
    return top, left, bottom, right


def _followed(
    masks: Sequence[Masks], boxes: Whole, frames: tuple[int, ...], times: NDArray[np.float64], steps: Whole
) -> _Moment:
    """The masks on a canvas as large as the largest of the `boxes` (5, 4), kept in the middle of each."""
    high, wide = (boxes[:, 2:] - boxes[:, :2]).max(axis=0)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    limit = np.array(masks[0].shape) - (high, wide)
    corners = np.clip(np.floor(middles - np.array([high, wide]) / 2).astype(np.int64), 0, limit)
    cut = [mask[y : y + high, x : x + wide] for mask, (y, x) in zip(masks, corners, strict=True)]
    velocity = (middles[-1] - middles[0]) / max(int(steps[-1] - steps[0]), 1)
    ahead = ((times - steps)[:, None] * velocity).astype(np.float32)
    side = float((boxes[CENTRE, 2:] - boxes[CENTRE, :2]).max())
    return _Moment(frames, np.stack(cut), corners, ahead, side)


def _stored(texture: Bytes, moment: _Moment, scene: Scene, rows: int) -> Sample | None:
    """The sample no larger than it can be wanted here; None where so little is left of it that nothing shows."""
    largest = SPREAD * max(scene.height(0.0), scene.height(float(scene.size[0])))
    scale = min(1.0, largest / moment.side if scene.cutouts else scene.size[0] / rows)
    opacity = moment.masks.astype(np.uint8) * 255
    texture, opacity = scaled(texture, opacity, opacity.shape[1] * scale, opacity.shape[2] * scale)
    mask = (opacity >= 128).astype(np.uint8)
    if mask.sum(axis=(1, 2)).min() < 4:
        return None
    offsets = ((moment.corners - moment.corners[CENTRE] + moment.ahead) * scale).astype(np.float32)
    return Sample(texture, mask, offsets, moment.side * scale, rows * scale)
