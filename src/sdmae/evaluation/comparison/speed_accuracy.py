"""The seed paper's plot of accuracy against speed: published methods, and what was measured here beside them.

The published points are what the papers say of themselves: on their machines, mostly without the time that decoding
video takes, and each with its own way of choosing a checkpoint. Ours are what evaluate measured from the file to the
score, decoding included. So the picture says how far apart methods are, not by how much one is faster than another.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from sdmae.errors import ConfigError
from sdmae.recordings.files import replacing
from sdmae.recordings.plots import FAINT, GRID, INK, OTHERS, SCORE


@dataclass(frozen=True, slots=True)
class Point:
    """A method on one benchmark."""

    name: str
    """What it is called, and what it looks at where that is not whole frames."""
    auc: float
    """Micro AUC, 0 to 1."""
    fps: float | None = None
    """Frames a second; None where nothing is said of it."""
    interval: tuple[float, float] | None = None
    """Where the AUC lies for other videos, 0 to 1."""


TITLES = {"ped2": "UCSD Ped2", "avenue": "CUHK Avenue", "shanghaitech": "ShanghaiTech"}
"""Benchmarks with published points."""

_PUBLISHED = (
    # Name, frames a second, then the AUC in per cent on each of `TITLES`, all as published.
    ("SD-MAE (2024)", 1655.0, (95.4, 91.3, 79.1)),
    ("VADMamba++ (2026)", 133.0, (99.6, 91.9, 77.1)),
    ("M2S2L (2026)", 45.0, (98.5, 92.1, 77.9)),
    ("MULDE (2024), objects", None, (99.7, 94.3, 86.7)),
    ("MULDE (2024), frames", None, (None, None, 81.3)),
    ("AI-VAD (2022), objects", None, (99.1, 93.3, 85.9)),
)
OURS = (SCORE, *OTHERS[1:])
"""Colours of our points; grey is that of the published ones."""
NOTE = (
    "Measured here: from file to score, decoding included. Published: on their machines (SD-MAE: RTX 3090), "
    "decoding mostly not included.\nLines: no speed is given."
)
"""What must stand under the picture wherever it goes."""


def published(benchmark: str) -> list[Point]:
    """What has been published on a benchmark. Raises `ConfigError` for one of which nothing is known here."""
    if benchmark not in TITLES:
        raise ConfigError(f"--plot: nothing published on {benchmark} to plot beside; there is {', '.join(TITLES)}")
    column = list(TITLES).index(benchmark)
    return [Point(name, auc / 100, fps) for name, fps, figures in _PUBLISHED if (auc := figures[column]) is not None]


def speed_accuracy_plot(path: Path, benchmark: str, ours: Sequence[Point], machine: str = "") -> None:
    """Writes the picture as a PNG, 1350 x 900 pixels.

    ours: told apart by colour; machine: what they ran on, in words. Raises `ConfigError` as `published`, and
    `SourceError` where it cannot be written.
    """
    picture = speed_accuracy_png(benchmark, ours, machine)
    with replacing(path, "--plot") as part:
        part.write_bytes(picture)


def embedded(picture: bytes) -> str:
    """A PNG as the address of an image in a page that needs nothing else."""
    return f"data:image/png;base64,{base64.b64encode(picture).decode()}"


def speed_accuracy_png(benchmark: str, ours: Sequence[Point], machine: str = "") -> bytes:
    """The picture itself; see `speed_accuracy_plot`."""
    theirs = published(benchmark)
    figure = Figure(figsize=(9.0, 6.0), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.075, 0.205, 0.685, 0.715))
    _dress(axes, [*theirs, *ours])
    axes.set_title(
        f"{TITLES[benchmark]}: accuracy against speed", loc="left", color=INK, fontsize=12, fontweight="bold", pad=10
    )
    colours = {id(point): OURS[k % len(OURS)] for k, point in enumerate(ours)}
    for point in [*theirs, *ours]:
        colour = colours.get(id(point), FAINT)
        if point.fps is None:
            axes.axhline(100 * point.auc, color=colour, linewidth=1.1, linestyle=(0, (4, 3)), zorder=2)
        else:
            if point.interval is not None:
                ends = [100 * end for end in point.interval]
                axes.plot([point.fps] * 2, ends, color=colour, linewidth=1.6, alpha=0.45, zorder=3)
            mark = "o" if id(point) in colours else "D"
            axes.plot(point.fps, 100 * point.auc, mark, color=colour, markersize=8, zorder=4, mec="white", mew=0.8)
    lines = [point for point in [*theirs, *ours] if point.fps is None]
    marks = [point for point in [*theirs, *ours] if point.fps is not None]
    _name_lines(axes, [(point, colours.get(id(point), FAINT)) for point in lines])
    _name_points(axes, [(point, colours.get(id(point), INK)) for point in marks], lines)
    note = f"{NOTE} Bars: 95 % interval over videos." if any(p.interval and p.fps for p in ours) else NOTE
    if machine:
        note += f"\nMachine here: {machine}."
    figure.text(0.075, 0.095, note, color=FAINT, fontsize=8.5, va="top", linespacing=1.45)
    handles = [
        axes.plot([], [], "o", color=SCORE, markersize=7, label="measured here")[0],
        axes.plot([], [], "D", color=FAINT, markersize=7, label="published,\non their machines")[0],
    ]
    axes.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(1.01, 0.0),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handletextpad=0.2,
        borderaxespad=0.0,
    )
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return held.getvalue()


def _dress(axes: Axes, points: Sequence[Point]) -> None:
    """Axes wide enough for all points, their intervals and their names."""
    speeds = [point.fps for point in points if point.fps is not None]
    axes.set_xscale("log")
    axes.set_xlim(min(speeds) * 0.5, max(speeds) * 4)
    ends = [100 * end for point in points for end in (point.auc, *(point.interval or ()))]
    room = 0.07 * (max(ends) - min(ends)) + 0.3
    axes.set_ylim(min(ends) - room, max(ends) + room)
    axes.yaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
    # Above 100 there is room for names, but nothing to be had.
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value <= 100 else ""))
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(speeds) < 300 * min(speeds) else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("frames a second, logarithmic", color=FAINT, fontsize=10)
    axes.set_ylabel("micro AUC of frames, %", color=FAINT, fontsize=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", colors=FAINT, labelcolor=INK, labelsize=10, length=3)


def _name_lines(axes: Axes, lines: Sequence[tuple[Point, str]]) -> None:
    """Names of the lines right of the picture, pushed apart where lines are close."""
    low, high = axes.get_ylim()
    apart = (high - low) * 0.045
    places: list[float] = []
    ordered = sorted(lines, key=lambda item: -item[0].auc)
    for point, _ in ordered:
        places.append(min(100 * point.auc, places[-1] - apart) if places else 100 * point.auc)
    for (point, colour), place in zip(ordered, places, strict=True):
        axes.annotate(
            f"{_short(point.name)}: {100 * point.auc:.1f}",
            xy=(1.0, 100 * point.auc),
            xycoords=("axes fraction", "data"),
            xytext=(1.03, place),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=9,
            color=colour,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )


def _name_points(axes: Axes, points: Sequence[tuple[Point, str]], lines: Sequence[Point]) -> None:
    """Names beside the points, each where it covers the least of what is there already."""
    taken = [_around(axes, point) for point, _ in points]
    dashes = [float(axes.transData.transform((1, 100 * line.auc))[1]) for line in lines]
    for point, colour in points:
        place = (point.fps or 1.0, 100 * point.auc)
        tried = [
            axes.annotate(
                f"{_short(point.name)}: {100 * point.auc:.1f}",
                xy=place,
                xytext=(right, up),
                textcoords="offset points",
                ha=across,
                va=along,
                fontsize=9,
                color=colour,
                zorder=5,
                path_effects=[withStroke(linewidth=2.5, foreground="white")],
            )
            for right, up, across, along in _PLACES
        ]
        costs = [_cost(axes, name, taken, dashes) for name in tried]
        best = tried[costs.index(min(costs))]
        taken.append(best.get_window_extent())
        for name in tried:
            if name is not best:
                name.remove()
        if abs(best.xyann[1]) > _NEAR:
            axes.annotate(
                "",
                xy=place,
                xytext=best.xyann,
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 5},
            )


def _cost(axes: Axes, name: Annotation, taken: Sequence[Bbox], dashes: Sequence[float]) -> float:
    """How badly a name stands: what it covers, how much of it is outside, how far it is from its point."""
    box = name.get_window_extent()
    covered = sum(_overlap(box, other) for other in taken)
    struck = sum(0.15 * _area(box) for height in dashes if box.y0 - 2 < height < box.y1 + 2)
    outside = _area(box) - _overlap(box, axes.get_window_extent())
    right, up = name.xyann
    return covered + struck + 10 * outside + abs(right) + 6 * abs(up)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


_LONGEST = 23
"""Characters of a name that the picture has room for."""
_NEAR = 12
"""Points up or down; from there on a line must say whose name it is."""
_PLACES = tuple(
    (right, up, across, along)
    for distance in (7, 16, 28, 40)
    for right, up, across, along in (
        (9, 0, "left", "center"),
        (-9, 0, "right", "center"),
        (0, -distance - 2, "center", "top"),
        (0, distance + 2, "center", "bottom"),
        (8, -distance, "left", "top"),
        (8, distance, "left", "bottom"),
        (-8, -distance, "right", "top"),
        (-8, distance, "right", "bottom"),
    )
)
"""Where a name may stand: right and up of the point in points, and which edge of it stands there."""


def _around(axes: Axes, point: Point) -> Bbox:
    """The mark of a point with its interval, in pixels of the picture."""
    ends = (point.auc, *(point.interval or ()))
    x, low = axes.transData.transform((point.fps or 1.0, 100 * min(ends)))
    _, high = axes.transData.transform((point.fps or 1.0, 100 * max(ends)))
    return Bbox([[x - 9, low - 9], [x + 9, high + 9]])


def _overlap(box: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(box, other)
    return _area(shared) if shared is not None else 0.0


def _area(box: Bbox) -> float:
    return float(box.width * box.height)
