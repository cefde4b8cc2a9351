"""Antialiased text as a coverage mask, drawn with the font that comes with matplotlib."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.video.frame import Image


@lru_cache(maxsize=256)
def text_mask(text: str, height: int) -> NDArray[np.float32]:
    """Coverage (h, w) in 0..1 of one line of text whose capitals are about `height` pixels high; do not write to it.

    Every text of one height has the same h and the same base line, so that captions line up.
    """
    # Here, since importing matplotlib takes longer than everything else in this room, and few need it.
    import matplotlib
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")))
    font.set_size(height / 0.73, 72)  # DejaVu's capitals are 0.73 of its size; at 72 dpi a point is a pixel
    above, below = round(height * 1.35), round(height * 0.4)
    line = "".join(c if c.isprintable() else " " for c in text)
    font.set_text(line, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image(), np.float32) / 255
    mask = np.zeros((above + below, max(ink.shape[1], 1)), np.float32)
    if ink.size == 0:
        return mask
    descent = round(font.get_descent() / 64)
    top = above + descent - ink.shape[0]  # the ink's last row lies `descent` under the base line
    first, last = max(top, 0), min(top + ink.shape[0], len(mask))
    mask[first:last, : ink.shape[1]] = ink[first - top : last - top]
    return mask


def put_text(image: Image, text: str, top: int, left: int, height: int, colour: tuple[int, int, int]) -> None:
    """Draw one line of text into an (H, W, 3) picture, in place; what lies outside is cut off."""
    mask = text_mask(text, height)[max(-top, 0) :, max(-left, 0) :]
    top, left = max(top, 0), max(left, 0)
    area = image[top : top + mask.shape[0], left : left + mask.shape[1]]
    mask = mask[: area.shape[0], : area.shape[1], None]
    area[:] = np.rint(area * (1 - mask) + np.asarray(colour, np.float32) * mask).astype(np.uint8)


def fit_text(text: str, width: int, height: int) -> str:
    """The text, shortened in its middle with … until it is at most `width` pixels wide."""
    if text_mask(text, height).shape[1] <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 2
        short = f"{text[: kept - tail]}…{text[len(text) - tail :]}"
        if text_mask(short, height).shape[1] <= width:
            return short
    return ""
