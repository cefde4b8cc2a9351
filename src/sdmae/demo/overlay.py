"""A scored clip as pictures: heat where the map is above normal, a box round its strongest region, the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Labels, TestClip
from sdmae.demo.alarms import Alarm, Verdict, strongest_region
from sdmae.progress import progress
from sdmae.recordings.page import at_cursor, caption, faded, heated, layout, level
from sdmae.scoring import Series, VideoScores
from sdmae.video import Image, Size, VideoWriter, boxes, probe, read_frames, strip
from sdmae.video.draw import RED, SLATE, Colour

SCALE = 2
"""Enlargement of the source for pictures and video."""
TRUTH = 6
"""Rows of the bar of ground truth in the score strip."""
TRACK: Colour = (38, 46, 56)
"""The bar where nothing abnormal is."""
FULL = 3.0
"""Excess over normal, as a share of it, at which the heat is full."""


@dataclass(frozen=True, slots=True, eq=False)
class Reviewed:
    """One test clip with all that was made of it."""

    truth: TestClip
    scores: VideoScores
    excess: NDArray[np.float32]
    """(N, h, w): see `alarms.excess`."""
    alarms: Sequence[Alarm]
    verdicts: Sequence[Verdict]


def annotated(image: Image, excess: NDArray[np.float32], *, alarm: bool) -> Image:
    """A frame with heat where the map is above normal and, in an alarm, a box round the strongest region."""
    if not excess.any():
        return image
    # The square root shows what is only just above normal, too.
    picture = heated(image, np.sqrt(np.minimum(excess / FULL, 1)))
    region = strongest_region(excess, picture.shape[:2]) if alarm else None
    return boxes(picture, [region]) if region else picture


def missed(image: Image, box: Sequence[float]) -> Image:
    """A frame with the true box, in the colour of truth, of what was not found; the box in source pixels."""
    x0, y0, x1, y1 = (SCALE * float(edge) for edge in box)
    return boxes(image, [(x0 - 3, y0 - 3, x1 + 3, y1 + 3)], RED)


def write_video(path: Path, clips: Sequence[Reviewed], threshold: float, rate: float) -> dict[tuple[str, int], Image]:
    """Writes the annotated clips one after the other; returns the best picture of each object by (clip, track id)."""
    limits = score_limits(clips)
    stills: dict[tuple[str, int], Image] = {}
    with (
        VideoWriter(path, rate) as video,
        progress("video", sum(len(c.scores.scores) for c in clips), "frames") as bar,
    ):
        for clip in clips:
            for page in _pages(clip, threshold, limits, stills):
                video.write(page)
                bar.update()
    return stills


def score_limits(clips: Sequence[Reviewed]) -> tuple[float, float]:
    """The lowest and the highest score of all clips: the bottom and the top of every curve."""
    scores = np.concatenate([clip.scores.scores for clip in clips])
    return float(scores.min()), float(scores.max())


def score_strip(
    width: int, height: int, scores: Series, labels: Labels, threshold: float, limits: tuple[float, float]
) -> Image:
    """The whole curve with the threshold, and below it a bar that is red where something abnormal is to be seen."""
    picture = np.full((height, width, 3), SLATE, np.uint8)
    picture[: height - 2 * TRUTH] = strip(
        width,
        height - 2 * TRUTH,
        level(scores, limits),
        threshold=float(level(threshold, limits)),
        limits=(-0.05, 1),
    )
    bar = np.asarray(cv2.resize(labels.astype(np.float32)[None], (width, 1), interpolation=cv2.INTER_AREA))[0] > 0
    picture[height - 2 * TRUTH : height - TRUTH] = TRACK
    picture[height - 2 * TRUTH : height - TRUTH, bar] = RED
    return picture


def _pages(
    clip: Reviewed, threshold: float, limits: tuple[float, float], stills: dict[tuple[str, int], Image]
) -> Iterator[Image]:
    """The frames of the video, drawn one by one."""
    scores = clip.scores
    source = probe(clip.truth.clip).size
    size = Size(source.height * SCALE, source.width * SCALE)
    page = layout(size)
    curve = score_strip(page.width, page.strip, scores.scores, clip.truth.labels, threshold, limits)
    faint = faded(curve)
    legend = "score, threshold (dashed), ground truth (red)"
    for k, frame in enumerate(read_frames(clip.truth.clip, (size,))):
        alarm = bool(scores.scores[k] > threshold)
        picture = annotated(frame.image, clip.excess[k], alarm=alarm)
        for verdict in clip.verdicts:
            if verdict.best == k:
                box = verdict.track.boxes[np.searchsorted(verdict.track.frames, k)]
                stills[scores.name, verdict.track.id] = picture if verdict.found else missed(picture, box)
        line = caption(page, scores.name, f"{frame.time:4.1f} s", legend, alarm=alarm)
        below = at_cursor(page, curve, faint, (k + 0.5) / len(scores.scores))
        yield np.concatenate([picture, line, below])
