"""The pictures of `sdmae detect`: the annotated video, one picture an event, and the rows of events.json."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from sdmae.errors import SourceError
from sdmae.recordings.heat_file import HeatFile
from sdmae.recordings.page import Layout, at_cursor, caption, faded, heated, layout, level, shares
from sdmae.scoring import Series
from sdmae.scoring.events import Event, Levels
from sdmae.video import Clip, Image, Size, VideoWriter, boxes, probe, read_frames, strip, write_picture

FULL = 1.5
"""The heat is nearly full where the map has gone this many times the way from the median to the threshold."""
WORDS = {"error": "reconstruction error", "still": "stands still"}
"""Terms whose own name would mislead in a picture; the others are called as they are."""
WIDEST = 640
"""Columns of a thumbnail at most."""
NEAR = 0.5
"""Seconds from a scored frame within which its heat and box are shown, or more where frames lie further apart."""
_SLIP = 1e-6
"""Seconds: times of one frame that went different ways differ by less."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What is drawn on one clip of which N frames were scored."""

    frames: NDArray[np.int64]
    """Position of each scored frame in the clip, (N,), rising: where the clip is faster than the detector some of its
    frames are not among them."""
    times: Series
    """Seconds since the clip's first frame, (N,), never falling."""
    scores: Series
    """(N,): higher is more abnormal."""
    boxes: NDArray[np.float32]
    """(N, 4): x_min, y_min, x_max, y_max of the strongest region as shares of the width and height; NaN for none."""
    heat: HeatFile | None
    """The map of each scored frame, in the scores' own measure; None draws no heat."""
    events: Sequence[Event]
    """In the order of their start."""
    levels: Levels | None
    """None where the detector was never calibrated: then no line is drawn, and the video's own highest score is where
    the heat is full."""
    median: float
    """The score of normal video: heat begins above it."""

    def __post_init__(self) -> None:
        count = len(self.frames)
        if self.boxes.shape != (count, 4) or len(self.times) != count or len(self.scores) != count:
            raise ValueError(
                f"{count} frames, {len(self.times)} times, {len(self.scores)} scores, {self.boxes.shape}"
            )
        if self.heat is not None and len(self.heat) != count:
            raise ValueError(f"{count} frames, {len(self.heat)} maps")


def write_overlay(
    path: Path, clip: Clip, marks: Marks, *, rate: float, progress: Callable[[], object] | None = None
) -> None:
    """Writes the annotated video: every frame of the clip at its own time and size, a caption and the curve below it.

    Heat lies where the map is above what is normal, and a box round its strongest region while an event goes on. The
    clip is decoded once; memory does not grow with its length.

    rate: frames a second of the clip, about. progress: called after each frame.
    Raises `SourceError` where the clip cannot be read or the file cannot be written; then none is left.
    """
    size = probe(clip).size
    page = layout(size)
    near = _near(marks.times)
    end = float(marks.times[-1]) if len(marks.times) else 0.0
    curve = _curve(page, marks, end, 2 * near)
    faint = faded(curve)
    legend = "score; no threshold: not calibrated"
    if marks.levels is not None:
        legend = "score, threshold (dashed), alarms (shaded)"
    longest = max((_words(event.term) for event in marks.events), key=len, default="")
    starts = [event.start for event in marks.events]
    with VideoWriter(path, rate) as video:
        for frame in read_frames(clip, (size,), report=_told_before):
            event = _going_on(marks.events, starts, frame.time)
            shown = _nearest(marks, frame.index)
            if shown is not None and abs(marks.times[shown] - frame.time) > near:
                shown = None
            picture = _marked(frame.image, marks, shown, _box(marks, shown) if event else None)
            line = caption(
                page,
                clip.name,
                _clock(frame.time),
                legend,
                alarm=event is not None,
                why=_words(event.term) if event else "",
                room=longest,
            )
            below = at_cursor(page, curve, faint, frame.time / end if end > 0 else 0.0)
            video.write(np.concatenate([picture, line, below]), frame.time)
            if progress is not None:
                progress()


def write_thumbnails(folder: Path, clip: Clip, marks: Marks) -> list[str]:
    """Writes `event_001.jpg` and so on, each event's frame with heat and box; returns their names in that order.

    The clip's own size, but at most 640 pixels wide. Frames are decoded up to the last that is needed, and only those
    that are needed are scaled. The folder is made where it is missing. Raises `SourceError` where the clip cannot be
    read, has become shorter since it was scored, or a picture cannot be written.
    """
    names = [f"event_{number:03}.jpg" for number, _ in enumerate(marks.events, 1)]
    wanted: dict[int, list[tuple[str, Event]]] = {}
    for name, event in zip(names, marks.events, strict=True):
        wanted.setdefault(event.frame, []).append((name, event))
    if not wanted:
        return []
    size = probe(clip).size
    if size.width > WIDEST:
        size = Size(max(1, round(size.height * WIDEST / size.width)), WIDEST)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{folder}: cannot be made ({error.strerror}); choose another --output") from None
    for frame in read_frames(clip, (size,), only=frozenset(wanted), report=_told_before):
        scored = _nearest(marks, frame.index)
        for name, event in wanted.pop(frame.index):
            write_picture(folder / name, _marked(frame.image, marks, scored, event.box))
        if not wanted:
            break
    if wanted:
        raise SourceError(f"{clip.path}: ends before frame {min(wanted)}, which was scored; score it anew")
    return names


def event_rows(events: Sequence[Event], size: Size, thumbnails: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of events.json, one an event, numbered from 1, of what JSON knows: no NaN, no infinity.

    Times in seconds to the millisecond; boxes in pixels of `size`, the smallest whole ones that hold the region, the
    maxima just outside. thumbnails: the file of each event's picture; empty where none were written.
    """
    if thumbnails and len(thumbnails) != len(events):
        raise ValueError(f"{len(events)} events, {len(thumbnails)} thumbnails")
    return [
        {
            "id": number,
            "start": round(event.start, 3),
            "end": round(event.end, 3),
            "peak": _finite(event.peak),
            "time": round(event.time, 3),
            "frame": int(event.frame),
            "box": _pixels(event.box, size),
            "term": event.term,
            "parts": {term: _finite(float(f"{part:.6g}")) for term, part in event.parts.items()},
            "thumbnail": thumbnails[number - 1] if thumbnails else None,
        }
        for number, event in enumerate(events, 1)
    ]


def _marked(image: Image, marks: Marks, scored: int | None, box: Sequence[float] | None) -> Image:
    """The picture with the heat of a scored frame and a box in shares of the width and height."""
    if marks.heat is not None and scored is not None:
        image = heated(image, _shares(marks, marks.heat[scored]))
    if box is None or not all(math.isfinite(edge) for edge in box):
        return image
    height, width = image.shape[:2]
    x0, y0, x1, y1 = box
    # The last row and column, or the frame of a box that reaches the border could not be seen.
    right, bottom = min(x1 * width, width - 1), min(y1 * height, height - 1)
    return boxes(image, [(max(x0 * width, 0), max(y0 * height, 0), right, bottom)])


def _shares(marks: Marks, cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """How hot each cell of a map is, from 0, clear, to 1, full."""
    if marks.levels is not None and marks.levels.opens > marks.median:
        way = FULL * (marks.levels.opens - marks.median)
    else:
        way = float(np.max(marks.scores)) - marks.median
    return shares(cells, marks.median, way)


def _curve(page: Layout, marks: Marks, end: float, gap: float) -> Image:
    """The curve of the whole clip with its threshold, events shaded."""
    scores = _over_time(marks.times, marks.scores, end, page.width, gap)
    threshold = marks.levels.opens if marks.levels is not None else None
    known = [*marks.scores[np.isfinite(marks.scores)].tolist(), *([threshold] if threshold is not None else [])]
    limits = (min(known), max(known)) if known else (0.0, 1.0)
    alarms = np.zeros(page.width, np.bool_)
    for event in marks.events:
        first, last = (int(t / end * page.width) if end > 0 else 0 for t in (event.start, event.end))
        first = min(first, page.width - page.cursor)  # in an hour's curve a short event is less than a column wide
        alarms[max(first, 0) : max(last + 1, first + page.cursor)] = True
    drawn = strip(
        -(-page.width // page.pen),
        -(-page.strip // page.pen),
        level(scores, limits),
        threshold=None if threshold is None else float(level(threshold, limits)),
        labels=alarms,
        limits=(-0.05, 1.05),
    )
    return np.asarray(cv2.resize(drawn, (page.width, page.strip), interpolation=cv2.INTER_CUBIC), np.uint8)


def _over_time(times: Series, values: Series, end: float, columns: int, gap: float) -> Series:
    """The highest value in each of `columns` equal parts of the time up to `end`, or what lies between two frames.

    NaN where no frame is near: between frames further apart than `gap` seconds.
    """
    if len(times) == 0:
        return np.full(columns, np.nan)
    middles = (np.arange(columns) + 0.5) * end / columns
    found = np.interp(middles, times, values)
    after = np.searchsorted(times, middles)
    before = np.clip(after - 1, 0, len(times) - 1)
    after = np.minimum(after, len(times) - 1)
    far = times[after] - times[before] > gap
    alone = (after == before) & (np.abs(times[after] - middles) > gap)
    found[far | alone] = np.nan
    own = np.clip((times / end * columns).astype(np.int64), 0, columns - 1) if end > 0 else np.zeros(len(times), int)
    np.fmax.at(found, own, values)
    return found


def _near(times: Series) -> float:
    """Seconds within which a scored frame stands for those around it."""
    return max(NEAR, 1.5 * float(np.median(np.diff(times)))) if len(times) > 1 else NEAR


def _nearest(marks: Marks, frame: int) -> int | None:
    """Which of the scored frames is nearest to a position in the clip; None if none was scored."""
    if len(marks.frames) == 0:
        return None
    after = int(np.searchsorted(marks.frames, frame))
    around = [k for k in (after - 1, after) if 0 <= k < len(marks.frames)]
    return min(around, key=lambda k: abs(int(marks.frames[k]) - frame))


def _box(marks: Marks, scored: int | None) -> list[float] | None:
    return None if scored is None else marks.boxes[scored].tolist()


def _going_on(events: Sequence[Event], starts: Sequence[float], time: float) -> Event | None:
    at = bisect_right(starts, time + _SLIP) - 1
    return events[at] if at >= 0 and time <= events[at].end + _SLIP else None


def _words(term: str | None) -> str:
    return WORDS.get(term or "", (term or "").replace("_", " "))


def _clock(seconds: float) -> str:
    """h:mm:ss.s."""
    minutes, tenths = divmod(round(seconds * 10), 600)
    return f"{minutes // 60}:{minutes % 60:02}:{tenths // 10:02}.{tenths % 10}"


def _pixels(box: Sequence[float] | None, size: Size) -> list[int] | None:
    if box is None or not all(math.isfinite(edge) for edge in box):
        return None

    def edges(low: float, high: float, length: int) -> tuple[int, int]:
        first = min(max(math.floor(low * length + _SLIP), 0), length - 1)
        return first, min(max(math.ceil(high * length - _SLIP), first + 1), length)

    (x0, x1), (y0, y1) = edges(box[0], box[2], size.width), edges(box[1], box[3], size.height)
    return [x0, y0, x1, y1]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _told_before(line: str) -> None:
    """What a damaged file lost was said when it was scored."""
