"""Several methods on the same videos side by side, with an interval on every figure and on every difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from sdmae.errors import BenchmarkError
from sdmae.evaluation.comparison.methods import Contest, Method
from sdmae.evaluation.comparison.noted import FIGURES
from sdmae.metrics import (
    Interval,
    Measure,
    average_precision,
    bootstrap_auc,
    bootstrap_difference,
    equal_error_rate,
    macro_auc_two_class,
)

LEVEL, RESAMPLES, SEED = 0.95, 2000, 0
"""Of every interval."""
MEASURES: dict[str, tuple[Measure, str]] = {
    "micro_auc": ("micro", "micro"),
    "macro_auc": ("macro", "macro"),
    "macro_auc_two_class": ("macro_two_class", "macro, two-class videos"),
}
"""Keys as in metrics.json, with what the bootstrap and a reader call them."""
OTHERS = {
    "average_precision": "AP",
    "eer": "EER",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "pixel_auc": "pixel AUC",
}
"""Measures without an interval: the first two from the scores, the others as evaluate noted them."""


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A method with its figures."""

    method: Method
    figures: dict[str, Interval]
    """By the keys of `MEASURES`."""
    others: dict[str, float | None]
    """By the keys of `OTHERS`, 0 to 1; None where it was not measured."""


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
        """Such as "B − A = +1.2 points [−0.3, +2.8]: not told apart"."""
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
                _others(contest, method),
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
    """`compare.json`: measures as shares from 0 to 1.

    missing: what of the benchmark any method or the labels were without; with any, nothing compares with published
    figures. Those with an interval have its ends; `alarms` are at the threshold calibrated on normal video.
    """
    contest = comparison.contest
    return {
        "benchmark": contest.benchmark,
        "missing": list(dict.fromkeys(line for lines in contest.partial for line in lines)),
        "videos": len(contest.labels),
        "frames": sum(len(t) for t in contest.labels),
        "abnormal_frames": int(sum(t.sum() for t in contest.labels)),
        "bootstrap": {"over": "videos", "level": LEVEL, "resamples": RESAMPLES, "seed": SEED},
        "methods": [
            {
                "name": row.method.name,
                "folder": str(row.method.folder),
                "protocol": row.method.noted.protocol,
                "smoothing": row.method.noted.smoothing,
                "missing": list(row.method.noted.missing),
                **{key: _interval(row.figures.get(key)) for key in MEASURES},
                **row.others,
                "regions_origin": row.method.noted.origin,
                "alarms": None if row.method.noted.alarms is None else asdict(row.method.noted.alarms),
                "fps_end_to_end": row.method.noted.fps,
                "machine": row.method.noted.machine,
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


def figure(interval: Interval) -> str:
    """Such as "93.2 [87.1, 97.0]", in %."""
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def signed_figure(interval: Interval) -> str:
    """Such as "+1.2 points [−0.3, +2.8]", of per cents; with more digits where one would hide on which side of 0
    an end lies.
    """
    parts = [100 * x for x in (interval.value, interval.low, interval.high)]
    ends = [abs(x) for x in parts[1:] if x]
    digits = next((d for d in (1, 2, 3) if all(round(x, d) for x in ends)), 3)
    value, low, high = (_signed(x, digits) for x in parts)
    return f"{value} points [{low}, {high}]"


def _signed(points: float, digits: int) -> str:
    text = f"{points:+.{digits}f}".replace("-", "−")
    return text[1:] if not float(f"{points:.{digits}f}") else text


def _others(contest: Contest, method: Method) -> dict[str, float | None]:
    noted = method.noted.figures or {}
    return {
        "average_precision": average_precision(contest.labels, method.scores),
        "eer": equal_error_rate(contest.labels, method.scores),
        **{key: noted.get(key) for key in FIGURES},
    }


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
