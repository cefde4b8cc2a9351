"""One page of an annotated video, the demo's and that of `detect`: heat, a caption below the picture, the curve.

All sizes follow from that of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.scoring import Series
from sdmae.video import Image, Size, heat
from sdmae.video.draw import AMBER, GREY, SLATE, WHITE
from sdmae.video.text import fit_text, put_text, text_mask

BRIGHTEST, OPACITY = 0.85, 0.65
"""Place in the colour map and opacity of full heat: what is below must still be recognised."""
CLEAR = 0.003
"""Values of the heat below it change no pixel: times the opacity and 255 they round to nothing."""
AFTER = 0.45
"""How much of the curve is left where the cursor has not been."""


HOTTEST = 0.8
"""Share of the page's full heat that is used: orange rather than yellow, which on dark clothes is mustard."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes of what stands below a picture, in pixels."""

    width: int
    """Columns of the picture, and of all below it."""
    text: int
    """Height of the caption's capitals."""
    bar: int
    """Rows of the caption."""
    strip: int
    """Rows of the curve."""
    cursor: int
    """Columns of the cursor in the curve."""
    pen: int
    """How many times the curve and its threshold are enlarged, so that their lines show in large pictures."""


def layout(size: Size) -> Layout:
    """The sizes for pictures of this size: capitals of 8 pixels at 240 rows, 25 at 1080; 40 at most."""
    text = int(np.clip(round(min(size.height, 0.75 * size.width) / 44), 8, 40))
    return Layout(
        size.width, text, round(3.1 * text), round(8.4 * text), max(2, round(text / 6)), max(1, round(text / 13))
    )


def heated(image: Image, shares: NDArray[np.float32]) -> Image:
    """The picture with heat, or the picture itself where there is none. shares: (h, w) from 0, clear, to 1, full."""
    values = np.asarray(BRIGHTEST * np.clip(np.nan_to_num(shares), 0, 1), np.float32)
    if not values.any():
        return image
    enlarged = cv2.resize(values, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_CUBIC)
    # At the corners of what is hot all over, the interpolation overshoots: there would be bright dots.
    values = np.asarray(np.clip(enlarged, 0, BRIGHTEST), np.float32)
    shown = values > CLEAR
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if len(rows) == 0:
        return image
    # Most of a picture is normal, and laying heat over all of it would take longer than decoding it.
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    picture = image.copy()
    picture[area] = heat(np.ascontiguousarray(image[area]), values[area], OPACITY)
    return picture


def shares(cells: NDArray[np.float32], base: float, way: float) -> NDArray[np.float32]:
    """How hot each cell of a map (h, w) is, from 0, clear, at `base`, to nearly 1, full, at `way` above it."""
    share = np.maximum(cells - np.float32(base), 0) / np.float32(max(way, 1e-9))
    # Slow to begin, since what is barely above the median is normal half of the time, and never quite at its end, or
    # all that is far above the threshold would be one plate of a single colour.
    return np.asarray(HOTTEST * (1 - np.exp(-1.6 * np.minimum(share, 4) ** 2)), np.float32)


def faded(curve: Image) -> Image:
    """The curve as it looks where the cursor has not been."""
    return np.rint(curve * AFTER + np.asarray(SLATE) * (1 - AFTER)).astype(np.uint8)


def at_cursor(page: Layout, curve: Image, faint: Image, share: float) -> Image:
    """The curve up to the cursor and faint after it. share: of the whole time at which the cursor stands, 0 to 1."""
    column = min(max(int(share * page.width), 0), page.width - 1)
    below = np.concatenate([curve[:, :column], faint[:, column:]], axis=1)
    below[:, column : column + page.cursor] = WHITE
    return below


def caption(page: Layout, name: str, clock: str, legend: str, *, alarm: bool, why: str = "", room: str = "") -> Image:
    """One line: which clip and when, what the colours below mean, and whether there is an alarm.

    why: what raised it, before the word. room: the longest `why` there will be, for which place is kept so that
    nothing moves when an alarm begins. Where the picture is narrow the legend goes first, then the name, then `why`.
    """
    bar = np.full((page.bar, page.width, 3), SLATE, np.uint8)
    text, pad = page.text, page.text
    top = (page.bar - round(text * 1.75)) // 2
    time, badge = _width(clock, text), _width("ALARM", text) + pad
    free = page.width - 3 * pad - time - badge  # between the time on the left and the word on the right
    if alarm:
        edge = page.width - pad - badge
        around = max(1, text // 4)
        bar[max(top - around, 0) : top + round(text * 1.75) + around, max(edge, 0) : page.width - pad] = AMBER
        put_text(bar, "ALARM", top, edge + pad // 2, text, SLATE)
    reserved = max(_width(words, text) + pad if words else 0 for words in (why, room))
    if reserved > free:
        reserved = 0
    elif alarm and why:
        put_text(bar, why, top, page.width - 2 * pad - badge - _width(why, text), text, AMBER)
    title = fit_text(name, free - reserved - 2 * pad, text) if free - reserved > 5 * text else ""
    left = pad
    if title:
        put_text(bar, title, top, left, text, WHITE)
        left += _width(title, text) + 2 * pad
    if time <= page.width - 2 * pad - (badge if alarm else 0):
        put_text(bar, clock, top, left, text, WHITE)
    small = text - max(1, round(text / 6))
    middle = (page.width - _width(legend, small)) // 2
    if left + time + 2 * pad <= middle and middle + _width(legend, small) + 3 * pad <= page.width - badge - reserved:
        put_text(bar, legend, top + round((text - small) * 0.6), middle, small, GREY)
    return bar


def _width(text: str, height: int) -> int:
    return text_mask(text, height).shape[1] if text else 0


def level(scores: ArrayLike, limits: tuple[float, float]) -> Series:
    """Heights of scores in a curve, 0 to 1, on a square-root scale: a car must not dwarf a runner."""
    low, high = limits
    share = (np.asarray(scores, np.float64) - low) / max(high - low, 1e-12)
    return np.asarray(np.sqrt(np.clip(share, 0, 1)), np.float64)
