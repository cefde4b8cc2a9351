"""Several methods on the same videos side by side, with an interval on every figure and on every difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from sdmae.errors import BenchmarkError
from sdmae.evaluation.methods import Contest, Method
from sdmae.metrics import Interval, Measure, bootstrap_auc, bootstrap_difference, macro_auc_two_class

LEVEL, RESAMPLES, SEED = 0.95, 2000, 0
"""Of every interval."""
MEASURES: dict[str, tuple[Measure, str]] = {
    "micro_auc": ("micro", "micro"),
    "macro_auc": ("macro", "macro"),
    "macro_auc_two_class": ("macro_two_class", "macro, two-class videos"),
}
"""Keys as in metrics.json, with what the bootstrap and a reader call them."""
FEW = 30
"""Videos below which an interval from drawing them anew is known to be too narrow."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A method with its figures, by the keys of `MEASURES`."""

    method: Method
    figures: dict[str, Interval]


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """By how much the second method is better than the first."""

    first: str
    second: str
    key: str
    """Of `MEASURES`."""
    interval: Interval
    """Of the second's figure less the first's, on the same draws of videos."""

    @property
    def verdict(self) -> str:
        """ "equal", "not told apart" or which of them is better."""
        if self.interval.low == self.interval.high == 0:
            return "equal"
        if self.interval.low > 0:
            return f"{self.second} is better"
        if self.interval.high < 0:
            return f"{self.first} is better"
        return "not told apart"

    @property
    def sentence(self) -> str:
        """Such as "B − A = +1.2 [−0.3, +2.8]: not told apart", in points of a per cent."""
        return f"{self.second} − {self.first} = {signed_figure(self.interval)}: {self.verdict}"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All that is said of a contest."""

    contest: Contest
    rows: Sequence[Row]
    differences: Sequence[Difference]
    """Of every pair in the order they were given, measure by measure."""

    @property
    def keys(self) -> list[str]:
        """The measures that exist for these videos."""
        return list(self.rows[0].figures)


def compare(contest: Contest) -> Comparison:
    """Measures all methods and all pairs of them. Raises `BenchmarkError` for what the bootstrap refuses."""
    labels = contest.labels
    keys = [key for key in MEASURES if key != "macro_auc_two_class" or _two_class(contest)]
    try:
        rows = [
            Row(
                method,
                {
                    key: bootstrap_auc(
                        labels, method.scores, MEASURES[key][0], resamples=RESAMPLES, level=LEVEL, seed=SEED
                    )
                    for key in keys
                },
            )
            for method in contest.methods
        ]
        differences = [
            Difference(
                first.name,
                second.name,
                key,
                bootstrap_difference(
                    labels,
                    second.scores,
                    first.scores,
                    MEASURES[key][0],
                    resamples=RESAMPLES,
                    level=LEVEL,
                    seed=SEED,
                ),
            )
            for key in keys
            for first, second in combinations(contest.methods, 2)
        ]
    except ValueError as error:
        raise BenchmarkError(f"these methods cannot be compared: {error}") from None
    return Comparison(contest, rows, differences)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """`compare.json`: AUCs as shares from 0 to 1."""
    contest = comparison.contest
    return {
        "benchmark": contest.benchmark,
        "videos": len(contest.labels),
        "frames": sum(len(t) for t in contest.labels),
        "abnormal_frames": int(sum(t.sum() for t in contest.labels)),
        "bootstrap": {"over": "videos", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "methods": [
            {
                "name": row.method.name,
                "folder": str(row.method.folder),
                **{key: _interval(row.figures.get(key)) for key in MEASURES},
                "fps_end_to_end": row.method.fps,
                "machine": row.method.machine,
            }
            for row in comparison.rows
        ],
        "differences": [
            {
                "first": it.first,
                "second": it.second,
                "measure": it.key,
                "second_less_first": _interval(it.interval),
                "verdict": it.verdict,
            }
            for it in comparison.differences
        ],
    }


def as_text(comparison: Comparison) -> str:
    """The table and the verdicts for a terminal."""
    heads = ["", *(MEASURES[key][1] for key in comparison.keys), "frames/s"]
    rows = [heads, *cells(comparison)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(heads))]
    lines = [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    for key in comparison.keys:
        lines += ["", f"{MEASURES[key][1]}:"]
        lines += [f"  {it.sentence}" for it in comparison.differences if it.key == key]
    return "\n".join([title(comparison), "", *lines, "", *notes(comparison)]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The same as a Markdown file."""
    heads = ["", *(MEASURES[key][1] for key in comparison.keys), "frames/s"]
    lines = [f"# {title(comparison)}", "", markdown_row(heads), markdown_row(["---", *["---:"] * (len(heads) - 1)])]
    lines += [markdown_row([plain(row[0]), *row[1:]]) for row in cells(comparison)]
    for key in comparison.keys:
        lines += ["", f"## Differences: {MEASURES[key][1]}", ""]
        lines += [f"- {plain(it.sentence)}" for it in comparison.differences if it.key == key]
    return "\n".join([*lines, "", *(f"{plain(note)}\n" for note in notes(comparison))])


def title(comparison: Comparison) -> str:
    """What was compared on what."""
    contest = comparison.contest
    frames, abnormal = sum(len(t) for t in contest.labels), int(sum(t.sum() for t in contest.labels))
    return (
        f"{len(contest.methods)} methods on {contest.benchmark or 'the same videos'}: {len(contest.labels)} videos, "
        f"{frames:,} frames, {abnormal:,} abnormal"
    )


def cells(comparison: Comparison) -> list[list[str]]:
    """A row for each method: its name, its figures in per cent with intervals, frames a second."""
    return [
        [row.method.name, *(figure(row.figures[key]) for key in comparison.keys), _speed(row.method.fps)]
        for row in comparison.rows
    ]


def notes(comparison: Comparison) -> list[str]:
    """What must be read with the figures."""
    count = len(comparison.contest.labels)
    said = [
        "AUC of frames in per cent, by the offline protocol where the scores are evaluate's. In brackets the "
        f"{100 * LEVEL:g} % interval: {RESAMPLES:,} draws of {count} videos with replacement; a difference is taken "
        "on the same draws for both. Two are told apart where its interval leaves out 0; with many pairs some will "
        "be by chance."
    ]
    if count < FEW:
        said.append(f"{count} videos are few: intervals from so few tend to come out too narrow.")
    dropped = max(it.left_out for row in comparison.rows for it in row.figures.values())
    if dropped:
        said.append(f"Up to {dropped:,} draws are left out of an interval, since they hold frames of one kind only.")
    if where := machines(comparison):
        said.append(f"Frames a second: from file to score, decoding included. Machine: {where}.")
    return said


def machines(comparison: Comparison) -> str:
    """What the methods whose speed was measured ran on, in words; empty where no speed was."""
    found = [(row.method.name, row.method.machine) for row in comparison.rows if row.method.fps is not None]
    different = {machine for _, machine in found}
    if len(different) == 1:
        return different.pop() or "not noted"
    return "; ".join(f"{name}: {machine or 'not noted'}" for name, machine in found)


def figure(interval: Interval) -> str:
    """Such as "93.2 [87.1, 97.0]", in per cent."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def signed_figure(interval: Interval) -> str:
    """Such as "+1.2 [−0.3, +2.8]", in points of a per cent; with more digits where one would hide on which side of 0
    an end lies.
    """
    parts = [100 * x for x in (interval.value, interval.low, interval.high)]
    ends = [abs(x) for x in parts[1:] if x]
    digits = next((d for d in (1, 2, 3) if all(round(x, d) for x in ends)), 3)
    value, low, high = (_signed(x, digits) for x in parts)
    return f"{value} [{low}, {high}]"


def _signed(points: float, digits: int) -> str:
    text = f"{points:+.{digits}f}".replace("-", "−")
    return text[1:] if not float(f"{points:.{digits}f}") else text


def _two_class(contest: Contest) -> bool:
    return macro_auc_two_class(contest.labels, contest.labels) is not None


def _interval(interval: Interval | None) -> dict[str, Any] | None:
    if interval is None:
        return None
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "resamples": interval.resamples,
        "left_out": interval.left_out,
    }


def _speed(fps: float | None) -> str:
    return "–" if fps is None else f"{fps:,.0f}"


def markdown_row(entries: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(entries)} |"


def plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{c}" if c in "\\`*_<>|#" else c for c in text)
