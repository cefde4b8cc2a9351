"""Pictures of scores, drawn without a display or any state beyond the figure at hand."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator
from numpy.typing import ArrayLike, NDArray

INK, FAINT, GRID = "#22303c", "#6b7a88", "#e3e8ec"
SCORE, TRUTH = "#1f5f99", "#e8967a"
ALARM = "#c8453b"
OTHERS = ("#8a97a3", "#b58a3c", "#5b8c6e", "#8b6aa8")

_COLUMNS = 1500  # more points across than the picture has pixels would only be drawn over one another


def score_plot(
    path: Path,
    times: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    title: str = "",
    *,
    threshold: float | None = None,
    alarms: Sequence[tuple[float, float]] = (),
) -> None:
    """Writes the scores of one video over time as a PNG, 1350 x 420 pixels; the arguments are `score_png`'s."""
    _save(_score_figure(times, scores, labels, title, threshold, alarms), path)


def score_png(
    times: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None = None,
    title: str = "",
    *,
    threshold: float | None = None,
    alarms: Sequence[tuple[float, float]] = (),
) -> bytes:
    """The same picture, not written anywhere.

    times: (N,) seconds, rising; scores: (N,); labels: (N,) of 0 and 1, whose abnormal stretches are shaded;
    threshold: drawn as a dashed line; alarms: (start, end) in seconds, each a bar at the top. Raises ValueError when
    there are no frames or the lengths differ.
    """
    picture = io.BytesIO()
    _score_figure(times, scores, labels, title, threshold, alarms).savefig(picture, format="png")
    return picture.getvalue()


def _score_figure(
    times: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike | None,
    title: str,
    threshold: float | None,
    alarms: Sequence[tuple[float, float]],
) -> Figure:
    seconds, values = np.asarray(times, np.float64), np.asarray(scores, np.float64)
    truth = None if labels is None else np.asarray(labels, np.bool_)
    if len(seconds) == 0 or len(values) != len(seconds) or (truth is not None and len(truth) != len(seconds)):
        lengths = [len(series) for series in (seconds, values, truth) if series is not None]
        raise ValueError(f"expected one time, score and label a frame, not {lengths} of them")
    figure, axes = _canvas(9.0, 2.8)
    if truth is not None:
        _shade(axes, seconds, truth)
    width = 1.5 if len(seconds) <= _COLUMNS else 0.7
    axes.plot(*_thinned(seconds, values), color=SCORE, linewidth=width, solid_joinstyle="round", label="score")
    if len(seconds) == 1:
        axes.plot(seconds, values, "o", color=SCORE, markersize=4)
    start, end = float(seconds[0]), float(seconds[-1])
    axes.set_xlim((start, end) if end > start else (start - 0.5, start + 0.5))
    low, high = float(values.min()), float(values.max())
    if threshold is not None:
        axes.axhline(threshold, color=ALARM, linewidth=1.1, linestyle=(0, (5, 3)), label="threshold")
        high = max(high, threshold)
    for k, (first, last) in enumerate(alarms):
        least = (end - start) / 400  # seen however short it is
        wide = max(last - first, least)
        axes.axvspan(first, first + wide, 0.965, 1.0, color=ALARM, lw=0, label="alarm" if k == 0 else "_")
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if end - start > 180:
        axes.xaxis.set_major_locator(MultipleLocator(_tick(end - start)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _clock(value)))
    axes.set_xlabel("time" if end - start > 180 else "time (s)", color=FAINT, fontsize=10)
    axes.set_ylabel("score", color=FAINT, fontsize=10)
    _title(axes, title)
    if (truth is not None and truth.any()) or threshold is not None:
        # Above the axes, where no curve can run through it.
        axes.legend(
            *(list(reversed(entries)) for entries in axes.get_legend_handles_labels()),
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=4,
            frameon=False,
            fontsize=10,
            labelcolor=INK,
        )
    return figure


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=10, length=3)
    return figure, axes


def _title(axes: Axes, title: str) -> None:
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")


def _shade(axes: Axes, seconds: NDArray[np.float64], truth: NDArray[np.bool_]) -> None:
    """Shades each abnormal stretch, half a frame wider on both sides so that a single frame shows."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], truth, [False]]).astype(np.int8)))
    middles = (seconds[:-1] + seconds[1:]) / 2
    borders = np.concatenate([seconds[:1], middles, seconds[-1:]])
    for i, (first, after) in enumerate(edges.reshape(-1, 2)):
        axes.axvspan(
            borders[first],
            borders[after],
            color=TRUTH,
            alpha=0.3,
            linewidth=0,
            label="abnormal (ground truth)" if i == 0 else None,
        )


def _thinned(
    seconds: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest and highest point of each of `_COLUMNS` stretches, so that a day's peaks all show."""
    if len(values) <= 2 * _COLUMNS:
        return seconds, values
    starts = np.linspace(0, len(values), _COLUMNS + 1).astype(np.int64)
    kept: list[int] = [0, len(values) - 1]
    for start, end in pairwise(starts):
        stretch = values[start:end]
        kept += (int(start + stretch.argmin()), int(start + stretch.argmax()))
    order = np.unique(kept)
    return seconds[order], values[order]


def _tick(span: float) -> float:
    """Seconds between two marks on an axis of minutes and hours: a round number of either, nine marks at most."""
    steps = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
    return next((step for step in steps if span / step <= 8), 86400 * math.ceil(span / 8 / 86400))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _save(figure: Figure, path: Path) -> None:
    # Beside the target first: a picture that is there is whole.
    beside = path.with_name(path.name + ".part")
    try:
        figure.savefig(beside, format="png")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
