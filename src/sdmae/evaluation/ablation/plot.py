"""The rows of an ablation as dots with their intervals, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sdmae.evaluation.ablation.rows import FULL
from sdmae.metrics import Interval
from sdmae.recordings.files import replacing
from sdmae.recordings.plots import FAINT, GRID, INK, SCORE


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn of one row."""

    name: str
    part: str
    auc: Interval
    """Held-out AUC, 0 to 1."""
    seeds: tuple[float, ...]
    """The same by seed, drawn as ticks where there are several."""
    difference: Interval | None
    """Of `full`; None for `full` itself."""
    test: Interval | None
    """Micro AUC on the test split; a panel of its own where any row has one."""


def dot_plot(path: Path, lines: Sequence[Line], title: str) -> None:
    """Writes the plot as a PNG, 1350 pixels wide. Raises `SourceError` where it cannot be written."""
    tested = any(line.test for line in lines)
    # One place for each row, and a gap before each new part.
    places: list[float] = []
    for k, line in enumerate(lines):
        places.append((places[-1] + (1.0 if line.part == lines[k - 1].part else 1.4)) if k else 0.0)
    figure = Figure(figsize=(9.0, 1.5 + 0.235 * (places[-1] + 1)), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2 + tested, sharey=True)
    _panel(panels[0], places, lines, [line.auc for line in lines], "held-out AUC, %")
    _panel(panels[1], places, lines, [line.difference for line in lines], "less full, paired")
    panels[1].axvline(0, color=SCORE, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for place, line in zip(places, lines, strict=True):
        if len(line.seeds) > 1:
            panels[0].plot([100 * auc for auc in line.seeds], [place] * len(line.seeds), "|", color=FAINT, ms=6)
    if tested:
        _panel(panels[2], places, lines, [line.test for line in lines], "test, micro AUC, %")
    panels[0].set_yticks(places, [line.name for line in lines])
    panels[0].set_ylim(places[-1] + 0.8, -0.8)
    figure.suptitle(f"{title}, 95 % intervals", x=0.01, ha="left", color=INK, fontsize=11, fontweight="bold")
    with replacing(path) as part:
        figure.savefig(part, format="png")


def _panel(
    axes: Axes, places: Sequence[float], lines: Sequence[Line], values: Sequence[Interval | None], label: str
) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.grid(color=GRID, linewidth=0.8, axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=0)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label, color=FAINT, fontsize=10)
    for place, line, value in zip(places, lines, values, strict=True):
        if value is None:
            continue
        if line.name == FULL:
            axes.axvline(100 * value.value, color=SCORE, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
        colour = SCORE if line.name == FULL else INK
        axes.plot([100 * value.low, 100 * value.high], [place] * 2, color=colour, linewidth=1.8, alpha=0.45)
        axes.plot(100 * value.value, place, "o", color=colour, markersize=5, zorder=3)
