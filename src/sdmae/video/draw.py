"""Pictures that show what was found, from plain arrays and boxes; every function returns a new picture.

The palette is quiet, so that the eye goes where something is: slate and white, one amber for scores, one red for
thresholds and truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.video.frame import Image
from sdmae.video.text import fit_text, put_text, text_mask

Colour = tuple[int, int, int]
"""Red, green, blue in 0..255."""

AMBER: Colour = (245, 166, 35)
RED: Colour = (229, 72, 77)
SLATE: Colour = (22, 27, 34)
GREY: Colour = (139, 148, 158)
WHITE: Colour = (240, 243, 246)
PAPER: Colour = (250, 250, 248)


def heat(image: Image, scores: NDArray[np.floating], opacity: float = 0.75) -> Image:
    """Lay an anomaly map over a picture.

    image: (H, W, 3) or (H, W, 1) uint8; scores: (h, w) in 0..1 (clipped), enlarged to the picture smoothly, NaN
    counts as 0; opacity: of the overlay where the map is 1. It falls with the map, so that normal regions stay clear.
    """
    picture = _rgb(image)
    values = np.clip(np.nan_to_num(np.asarray(scores, np.float32)), 0, 1)
    values = np.clip(cv2.resize(values, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC), 0, 1)
    # The lowest fifth of the colour map is black, which would darken what is barely above normal.
    shade = np.rint(255 * (0.2 + 0.8 * values)).astype(np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(shade, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    alpha = (opacity * values)[..., None]
    overlaid: Image = np.rint(picture * (1 - alpha) + colours * alpha).astype(np.uint8)
    return overlaid


def boxes(image: Image, boxes: Sequence[tuple[float, float, float, float]], colour: Colour = AMBER) -> Image:
    """Draw boxes (x0, y0, x1, y1), in pixels of this picture, as thin frames with a dark edge that shows on white."""
    picture = _rgb(image).copy()
    thickness = max(1, round(min(picture.shape[:2]) / 220))
    for x0, y0, x1, y1 in boxes:
        corners = (round(x0), round(y0)), (round(x1), round(y1))
        cv2.rectangle(picture, *corners, SLATE, thickness + 2)
        cv2.rectangle(picture, *corners, colour, thickness)
    return picture


def label(
    image: Image,
    text: str,
    corner: Literal["top left", "top right", "bottom left", "bottom right"] = "top left",
    colour: Colour = WHITE,
) -> Image:
    """Write one line in a corner of the picture, on a dark backing through which the picture still shows."""
    picture = _rgb(image).copy()
    rows, columns = picture.shape[:2]
    height = int(np.clip(rows / 32, 8, 40))
    pad = max(3, height // 2)
    text = fit_text(text, columns - 4 * pad, height)
    if not text:
        return picture
    mask = text_mask(text, height)
    box_rows, box_columns = mask.shape[0] + pad, mask.shape[1] + 2 * pad
    top = pad if corner.startswith("top") else rows - pad - box_rows
    left = pad if corner.endswith("left") else columns - pad - box_columns
    area = picture[max(top, 0) : top + box_rows, max(left, 0) : left + box_columns]
    area[:] = np.rint(area * 0.28 + np.asarray(SLATE) * 0.72).astype(np.uint8)
    put_text(picture, text, top + pad // 2, left + pad, height, colour)
    return picture


def strip(
    width: int,
    height: int,
    scores: ArrayLike,
    position: int | None = None,
    *,
    threshold: float | None = None,
    labels: ArrayLike | None = None,
    last: int | None = None,
    limits: tuple[float, float] | None = None,
) -> Image:
    """Scores over time as a picture (height, width, 3): a curve over a soft filling, with a cursor at `position`.

    scores: (N,), NaN where a frame has none; position: index of the frame shown, None for no cursor and the whole
    curve. What lies after it is drawn fainter. threshold: drawn as a line. labels: (N,) truth, true stretches shaded.
    last: show only the `last` frames up to the position, filling from the right, as live video does; None shows all.
    limits: scores at the strip's bottom and top; None takes them from all scores and the threshold, from 0 up.
    Columns that stand for several frames show the highest.
    """
    series = np.asarray(scores, np.float64)
    truth = np.zeros(len(series), bool) if labels is None else np.asarray(labels).astype(bool)
    low, high = limits or _limits(series, threshold)
    end = len(series) - 1 if position is None else min(max(position, 0), len(series) - 1)
    if last is None:
        start, stop = 0, len(series)
    else:
        start, stop = end + 1 - last, end + 1
    # Drawn four times too large and shrunk: edges come out smooth, fillings too.
    fine = 4
    canvas = np.full((height * fine, width * fine, 3), SLATE, np.uint8)
    columns = _columns(series, start, stop, width * fine)
    marked = _columns(truth.astype(np.float64), start, stop, width * fine) > 0
    canvas[:, marked] = _mix(SLATE, RED, 0.28)
    margin = max(1, height // 12) * fine
    span = canvas.shape[0] - 2 * margin
    shown = np.clip((columns - low) / max(high - low, 1e-12), 0, 1)
    curve = canvas.shape[0] - margin - shown * span
    _fill(canvas, curve)
    if threshold is not None:
        y = canvas.shape[0] - margin - float(np.clip((threshold - low) / max(high - low, 1e-12), 0, 1)) * span
        top = min(int(y / fine), height - 1) * fine  # one whole row of the finished strip, or it would be a blur
        dash = np.arange(canvas.shape[1]) // (4 * fine) % 2 == 0
        canvas[top : top + fine, dash] = RED
    _line(canvas, curve, round(1.5 * fine))
    if position is not None:
        x = min(int((end - start + 0.5) / max(stop - start, 1) * width), width - 1) * fine
        after = canvas[:, x + fine :]
        after[:] = np.rint(after * 0.45 + np.asarray(SLATE) * 0.55).astype(np.uint8)
        canvas[:, max(x, 0) : x + fine] = WHITE
    return cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def contact_sheet(tiles: Sequence[tuple[Image, str]], columns: int = 4, tile_width: int = 320) -> Image:
    """Pictures with their captions in rows on light paper: (H, W, 3) uint8.

    tiles: pictures of any size, scaled to `tile_width` pixels; the captions stand below them, one line each.
    """
    if not tiles:
        raise ValueError("a contact sheet of no tiles")
    columns = max(1, min(columns, len(tiles)))
    gap, text = max(8, tile_width // 24), max(8, tile_width // 34)
    band = round(text * 2.4)
    cells = [(_cell(picture, tile_width), caption) for picture, caption in tiles]
    rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
    heights = [max(cell[0].shape[0] for cell in row) + band for row in rows]
    sheet = np.full((sum(heights) + gap * (len(rows) + 1), columns * (tile_width + gap) + gap, 3), PAPER, np.uint8)
    top = gap
    for row, height in zip(rows, heights, strict=True):
        for column, (picture, caption) in enumerate(row):
            left = gap + column * (tile_width + gap)
            sheet[top : top + picture.shape[0], left : left + tile_width] = picture
            line = fit_text(caption, tile_width, text)
            put_text(sheet, line, top + picture.shape[0] + text // 3, left, text, SLATE)
        top += height + gap
    return sheet


def _rgb(image: Image) -> Image:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _mix(under: Colour, over: Colour, share: float) -> Image:
    return np.rint(np.asarray(under) * (1 - share) + np.asarray(over) * share).astype(np.uint8)


def _cell(picture: Image, width: int) -> Image:
    height = max(1, round(picture.shape[0] * width / picture.shape[1]))
    method = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(_rgb(picture), (width, height), interpolation=method).astype(np.uint8)


def _limits(series: NDArray[np.float64], threshold: float | None) -> tuple[float, float]:
    seen = series[np.isfinite(series)]
    values = [*([seen.min(), seen.max()] if len(seen) else []), *([threshold] if threshold is not None else [])]
    low = float(min([0.0, *values]))
    high = float(max([*values, low]))
    return (low, high) if high > low else (low, low + 1.0)


def _columns(series: NDArray[np.float64], start: int, stop: int, columns: int) -> NDArray[np.float64]:
    """Values (columns,) of frames start..stop - 1, which need not exist; the highest where a column has many."""
    count = max(stop - start, 1)
    frames = np.full(count, np.nan)
    first, last = max(start, 0), min(stop, len(series))
    if last > first:
        frames[first - start : last - start] = series[first:last]
    if count <= columns:
        if count == 1:
            return np.full(columns, frames[0])
        # Between the middles of two frames the curve is straight; a frame without a score leaves its own gap.
        middles = (np.arange(columns) + 0.5) * count / columns - 0.5
        known = np.isfinite(frames)
        if not known.any():
            return np.full(columns, np.nan)
        values = np.interp(middles, np.flatnonzero(known), frames[known])
        return np.where(known[np.clip(np.rint(middles), 0, count - 1).astype(int)], values, np.nan)
    edges = np.linspace(0, count, columns + 1).astype(int)[:-1]
    highest = np.maximum.reduceat(np.where(np.isfinite(frames), frames, -np.inf), edges)
    return np.where(np.isfinite(highest), highest, np.nan)


def _fill(canvas: Image, curve: NDArray[np.float64]) -> None:
    """Tint what lies under the curve, more strongly near it than at the bottom."""
    rows = np.arange(canvas.shape[0])[:, None]
    under = rows >= np.where(np.isfinite(curve), curve, np.inf)[None]
    fade = 0.38 - 0.30 * rows / canvas.shape[0]
    alpha = (under * fade)[..., None]
    canvas[:] = np.rint(canvas * (1 - alpha) + np.asarray(AMBER) * alpha).astype(np.uint8)


def _line(canvas: Image, curve: NDArray[np.float64], thickness: int) -> None:
    xs = np.flatnonzero(np.isfinite(curve))
    if len(xs) == 0:
        return
    for run in np.split(xs, np.flatnonzero(np.diff(xs) > 1) + 1):
        points = np.stack([run, np.rint(curve[run]).astype(int)], axis=1).astype(np.int32)
        cv2.polylines(canvas, [points[:, None]], isClosed=False, color=AMBER, thickness=thickness)
