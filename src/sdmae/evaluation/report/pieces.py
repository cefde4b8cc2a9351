"""Pieces of HTML that the reports share: the style, pictures within the page, curves of scores over time, charts.

All of it stands in the page itself: it opens from the disk and needs nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from string import Template

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdmae.data.benchmark import Labels
from sdmae.scoring import Series
from sdmae.video import Image

STYLE = Path(__file__).with_name("page.css")
"""Colours, light and dark, and the look of everything below."""
_WIDTH, _HEIGHT = 1000.0, 100.0
_COLUMNS = 500
"""Stretches of a curve: in each only the lowest and the highest score are drawn."""
_SIDE, _LEFT, _BELOW, _ABOVE = 300.0, 46.0, 42.0, 10.0
"""Of a chart: the square of its axes, and the room around for numbers and words."""


def filled(page: Path, **blanks: str) -> str:
    """The page with its blanks filled in, `$style` with the shared style. Raises KeyError where one is missing."""
    return Template(page.read_text(encoding="utf-8")).substitute(style=STYLE.read_text(encoding="utf-8"), **blanks)


def embedded(picture: Image, width: int, quality: int = 86) -> str:
    """The picture as an address that holds it whole, a JPEG of at most `width` columns."""
    if picture.shape[1] > width:
        rows = round(picture.shape[0] * width / picture.shape[1])
        picture = np.asarray(cv2.resize(picture, (width, rows), interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def percent(share: float | None) -> str:
    """A share in per cent with one digit; a dash for None."""
    return "–" if share is None else f"{100 * share:.1f} %"


def figure_cells(cells: Sequence[tuple[str, str]]) -> str:
    """The figures at the top of a page: each a value and what it is."""
    return "\n".join(f"<div><b>{escape(value)}</b><span>{escape(what)}</span></div>" for value, what in cells)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table whose first `words` columns are words and the others numbers."""

    def row(cells: Sequence[str], tag: str) -> str:
        sides = ("" if k < words else ' class="n"' for k in range(len(cells)))
        return "<tr>" + "".join(f"<{tag}{s}>{escape(c)}</{tag}>" for s, c in zip(sides, cells, strict=True)) + "</tr>"

    lines = [row(head, "th"), *(row(cells, "td") for cells in rows)]
    return '<div class="scroll"><table>\n' + "\n".join(lines) + "\n</table></div>"


def score_curve(
    name: str, note: str, times: Series, heights: Series, labels: Labels, threshold: float | None, end: float
) -> str:
    """The score of one clip over its ground truth.

    note: HTML beside the name; times: (N,) seconds; heights: (N,) from 0 to 1, of the scores in the picture; labels:
    (N,) bool; threshold: its height, None for no line; end: seconds of the clip.
    """
    end = max(end, 1e-9)

    def x(time: float) -> str:
        return f"{min(time / end, 1.0) * _WIDTH:.1f}"

    def y(height: float) -> str:
        return f"{(0.96 - 0.9 * min(max(height, 0.0), 1.0)) * _HEIGHT:.1f}"

    points = " ".join(f"{x(times[k])},{y(heights[k])}" for k in _telling(heights))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(np.int8), [0]]))).reshape(-1, 2)
    shades = "".join(
        f'<rect class="truth" x="{x(a)}" y="0" width="{max(b - a, 0.0) / end * _WIDTH:.1f}" height="{_HEIGHT:g}"/>'
        for a, b in ((float(times[first]), float(times[after - 1])) for first, after in edges)
    )
    limit = ""
    if threshold is not None:
        limit = f'<line class="limit" x1="0" x2="{_WIDTH:g}" y1="{y(threshold)}" y2="{y(threshold)}"/>'
    return (
        f'<div class="clip"><header><b>{escape(name)}</b><span>{note}</span></header>'
        f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="score of {escape(name)} over time">{shades}'
        f'<polygon class="area" points="0,{_HEIGHT:g} {points} {x(times[-1])},{_HEIGHT:g}"/>{limit}'
        f'<polyline class="curve" points="{points}"/></svg>'
        f'<div class="axis"><span>0 s</span><span>{round(end / 2, 1):g} s</span><span>{end:.0f} s</span></div></div>'
    )


def _telling(values: Series) -> list[int]:
    """Positions of the points that a curve needs: all, or the lowest and the highest of each of many stretches."""
    if len(values) <= 2 * _COLUMNS:
        return list(range(len(values)))
    borders = np.linspace(0, len(values), _COLUMNS + 1).astype(np.int64)
    kept = {0, len(values) - 1}
    for first, after in pairwise(borders.tolist()):
        stretch = values[first:after]
        kept |= {int(first + stretch.argmin()), int(first + stretch.argmax())}
    return sorted(kept)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One curve of a chart."""

    name: str
    """In the key."""
    x: NDArray[np.float64]
    """(K,) from 0 to 1, rising."""
    y: NDArray[np.float64]
    """(K,) from 0 to 1."""
    look: int = 0
    """0 stands out; 1, 2 and 3 differ in colour. One thing looks the same in all charts of a page."""


def chart(lines: Sequence[Line], across: str, up: str, title: str, *, across_in_percent: bool = False) -> str:
    """Curves in the unit square, the first above the others, with their key. across, up: words at the axes, of which
    the upright one is always in per cent."""
    unit = 100 if across_in_percent else 1
    drawn = "".join(
        f'<polyline class="line l{line.look}" points="{_points(line.x, line.y)}"/>' for line in reversed(lines)
    )
    grid = "".join(
        f'<path class="grid" d="M{_LEFT:g} {_down(v):.1f}h{_SIDE:g}M{_LEFT + v * _SIDE:.1f} {_ABOVE:g}v{_SIDE:g}"/>'
        f'<text x="{_LEFT - 7:g}" y="{_down(v) + 4:.1f}" text-anchor="end">{100 * v:.0f}</text>'
        f'<text x="{_LEFT + v * _SIDE:.1f}" y="{_ABOVE + _SIDE + 17:g}" text-anchor="middle">{unit * v:g}</text>'
        for v in (0.0, 0.25, 0.5, 0.75, 1.0)
    )
    middle = _ABOVE + _SIDE / 2
    key = "".join(f'<span><i class="l{line.look}"></i>{escape(line.name)}</span>' for line in lines)
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_LEFT + _SIDE + 14:g} {_ABOVE + _SIDE + _BELOW:g}" role="img" '
        f'aria-label="{escape(title)}">{grid}{drawn}'
        f'<text x="{_LEFT + _SIDE / 2:g}" y="{_ABOVE + _SIDE + 36:g}" text-anchor="middle">{escape(across)}</text>'
        f'<text transform="translate(12 {middle:g}) rotate(-90)" text-anchor="middle">{escape(up)}</text></svg>'
        f'<p class="key">{key}</p></figure>'
    )


def _points(x: ArrayLike, y: ArrayLike) -> str:
    """To a tenth of a pixel; of a run of points in one place, and of straight stretches, only the ends are kept."""
    places = np.rint(10 * np.stack([_LEFT + np.asarray(x) * _SIDE, _down(np.asarray(y))], axis=1)).astype(np.int64)
    kept: list[tuple[int, int]] = []
    for a, b in places.tolist():
        if kept and kept[-1] == (a, b):
            continue
        while len(kept) > 1 and _straight(kept[-2], kept[-1], (a, b)):
            kept.pop()
        kept.append((a, b))
    return " ".join(f"{a / 10:g},{b / 10:g}" for a, b in kept)


def _straight(a: tuple[int, int], b: tuple[int, int], c: tuple[int, int]) -> bool:
    """Both steps lead the same way: only for those along an axis, of which the curves of counts mostly consist."""
    return (a[0] == b[0] == c[0] and (b[1] - a[1]) * (c[1] - b[1]) > 0) or (
        a[1] == b[1] == c[1] and (b[0] - a[0]) * (c[0] - b[0]) > 0
    )


def _down(y: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(_ABOVE + (1 - np.asarray(y)) * _SIDE)
