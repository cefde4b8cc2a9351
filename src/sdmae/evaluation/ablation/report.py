"""What the rows of an ablation come to: every figure with an interval, as JSON, as a table and as a plot."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.errors import DetectorError
from sdmae.evaluation import ledger
from sdmae.evaluation.ablation.judge import LEVEL, MEAN, NORMAL, RESAMPLES, Resampled, interval, resampled
from sdmae.evaluation.ablation.plan import FILE, Plan
from sdmae.evaluation.ablation.plot import Line, dot_plot
from sdmae.evaluation.ablation.rows import FULL, Row, Skipped
from sdmae.evaluation.comparison.compare import figure, signed_figure
from sdmae.evaluation.comparison.compare_words import markdown_row, plain
from sdmae.metrics import Interval
from sdmae.recordings.files import write_text

TEST_MEASURES = {"micro_auc": "test, micro", "macro_auc": "test, macro"}


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Where the results of an ablation lie, and what rows there are."""

    output: Path
    plan: Plan
    rows: Sequence[Row]
    """All that the configuration has, done or not."""
    skipped: Sequence[Skipped]
    drawn: dict[tuple[str, int], Resampled] = field(default_factory=dict)
    """What was drawn of rows and seeds already: nothing that is done changes while others are worked on."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A row that is done for one seed or more."""

    row: Row
    seeds: tuple[int, ...]
    """The values of `train.seed`."""
    aucs: tuple[float, ...]
    """Mean over the families of the held-out AUC, by seed."""
    auc: Interval
    """Mean over families and seeds."""
    difference: Interval | None
    """Of `full`, on the same samples and seeds; None for `full` itself."""
    families: Mapping[str, Interval]
    """Mean over seeds, by family."""
    epochs: tuple[int, int]
    """Of teacher and student."""
    seconds: float
    """All that a seed took: mean. Of a row that was interrupted, since then."""
    resumed: bool
    """One of the seeds was interrupted."""
    detectors: tuple[str, ...]
    """Fingerprints, by seed."""
    test: Mapping[str, Interval]
    """On the test split, by the keys of `TEST_MEASURES`; empty where it was not asked for.

    Mean over seeds; with several, from the lowest end of their intervals to the highest.
    """


def gather(results: Results) -> list[Found]:
    """All rows that are done, in their order. Raises `DetectorError` naming a file that cannot be read."""
    drawn, found = results.drawn, []
    for row in results.rows:
        kept = list(_kept(results, row))
        if not kept:
            continue
        seeds = [one["seed"] for one, _ in kept]
        for seed, (one, _) in zip(seeds, kept, strict=True):
            if (row.name, seed) not in drawn:
                drawn[row.name, seed] = resampled(
                    {name: [np.array(group) for group in groups] for name, groups in one["scores"].items()}
                )
        mine = [drawn[row.name, seed] for seed in seeds]
        both = [seed for seed in seeds if (FULL, seed) in drawn and row.name != FULL]
        apart = [drawn[row.name, seed][MEAN] - drawn[FULL, seed][MEAN] for seed in both]
        found.append(
            Found(
                row=row,
                seeds=tuple(seeds),
                aucs=tuple(float(one[MEAN][0]) for one in mine),
                auc=interval(np.mean([one[MEAN] for one in mine], axis=0)),
                difference=interval(np.mean(apart, axis=0)) if apart else None,
                families={
                    name: interval(np.mean([one[name] for one in mine], axis=0)) for name in mine[0] if name != MEAN
                },
                epochs=(kept[0][0]["epochs"][0], kept[0][0]["epochs"][1]),
                seconds=float(np.mean([one["seconds"] for one, _ in kept])),
                resumed=any(one["resumed"] for one, _ in kept),
                detectors=tuple(one["detector"] for one, _ in kept),
                test=_test([test for _, test in kept if test is not None]),
            )
        )
    return found


def write_results(results: Results, found: Sequence[Found]) -> None:
    """Writes ablation.json, and ablation.md and ablation.png as soon as a row is done.

    Raises `SourceError` where they cannot be written.
    """
    output = results.output
    write_text(output / FILE, json.dumps(as_json(results, found), indent=1, allow_nan=False) + "\n")
    if found:
        write_text(output / "ablation.md", as_markdown(results, found))
        dot_plot(output / "ablation.png", _lines(found), _title(results))


def as_json(results: Results, found: Sequence[Found]) -> dict[str, Any]:
    """`ablation.json`: AUCs as shares from 0 to 1."""
    return {
        "plan": results.plan.as_json(),
        "rows": [
            {
                "name": one.row.name,
                "part": one.row.part,
                "change": one.row.change,
                "weights": "its own" if one.row.trained else FULL,
                "seeds": list(one.seeds),
                "auc_by_seed": list(one.aucs),
                "auc": _ends(one.auc),
                "less_full": _ends(one.difference),
                "families": {name: _ends(value) for name, value in one.families.items()},
                "test": {name: _ends(value) for name, value in one.test.items()} or None,
                "epochs": list(one.epochs),
                "seconds": one.seconds,
                "resumed": one.resumed,
                "detectors": list(one.detectors),
            }
            for one in found
        ],
        "skipped": [asdict(one) for one in results.skipped],
        "bootstrap": {"over": "objects", "level": LEVEL, "resamples": RESAMPLES},
        "made": {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": _command(),
            **ledger.commit(ledger.CODE),
            **ledger.environment(),
        },
    }


def as_markdown(results: Results, found: Sequence[Found]) -> str:
    """`ablation.md`: the table, the families, and what must be read with them."""
    measures = [key for key in TEST_MEASURES if any(key in one.test for one in found)]
    heads = ["row", "what it changes", "held-out AUC", "less full", *(TEST_MEASURES[key] for key in measures)]
    heads += ["epochs", "seconds"]
    lines = [f"# {plain(_title(results))}", "", markdown_row(heads)]
    lines.append(markdown_row(["---", "---", *["---:"] * (len(heads) - 2)]))
    lines += [markdown_row(_cells(one, measures)) for one in found]
    families = list(found[0].families)
    lines += ["", "## By family of synthetic anomalies", "", markdown_row(["row", *families])]
    lines.append(markdown_row(["---", *["---:"] * len(families)]))
    lines += [
        markdown_row([f"`{one.row.name}`", *(figure(one.families[name]) for name in families)]) for one in found
    ]
    return "\n".join([*lines, "", *(f"{note}\n" for note in _notes(results, found))])


def _cells(found: Found, measures: Sequence[str]) -> list[str]:
    row = found.row
    return [
        f"`{row.name}`",
        plain(f"{row.part}: {row.change}" if row.part else row.change),
        figure(found.auc),
        signed_figure(found.difference) if found.difference else "",
        *(figure(found.test[key]) if key in found.test else "" for key in measures),
        "+".join(map(str, found.epochs)) if row.trained else "as full",
        f"{found.seconds:,.0f}{'*' if found.resumed and row.trained else ''}",
    ]


def _notes(results: Results, found: Sequence[Found]) -> Iterator[str]:
    seeds = max(len(one.seeds) for one in found)
    yield (
        "Held-out AUC, in per cent: normal video held out of training, frames through which a synthetic anomaly "
        "passes against those without, whole clips scored and smoothed as a test split is; the mean over the "
        f"families; the same objects for every row. In brackets the {100 * LEVEL:g} % interval of {RESAMPLES:,} "
        "draws of the objects and of stretches of normal video, and of the difference from `full` on the same "
        "draws. It tells of other objects in this video, not of other video"
        f"{' or other seeds' if seeds < 2 else f'; figures are means over {seeds} seeds'}. With many rows, some "
        "differences leave out 0 by chance."
    )
    most = next((one.epochs for one in found if one.row.name == FULL), None)
    fewer = [one.row.name for one in found if one.row.trained and most and one.epochs < most]
    if fewer:
        yield (
            f"Slower than `full` and trained for fewer epochs, to take no more than the {results.plan.minutes:g} "
            f"minutes: {', '.join(f'`{name}`' for name in fewer)}. Their differences are of equal time, not of equal "
            "training."
        )
    shared = [one.row.name for one in found if not one.row.trained]
    if shared:
        yield f"With the network of `full`, scored otherwise: {', '.join(f'`{name}`' for name in shared)}."
    if any(one.resumed and one.row.trained for one in found):
        yield "\\* interrupted: the seconds since it was gone on with."
    if any(one.test for one in found):
        yield (
            "Test: the offline protocol, intervals over videos"
            f"{', of several seeds the lowest and highest end' if seeds > 1 else ''}."
        )
    for one in results.skipped:
        yield f"Left out: `{one.name}`, {plain(one.why)}."
    made = ledger.commit(ledger.CODE)
    yield f"Commit {made['commit']}{' (files differ from it)' if made['dirty'] else ''}. Made by `{_command()}`."


def _kept(results: Results, row: Row) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """What was written of a row, seed by seed: by the judge, and of the test split where it was measured."""
    for place in sorted((results.output / row.name).glob("seed-*"), key=lambda path: (len(path.name), path.name)):
        if not (place / "row.json").exists():
            continue
        kept = _read(place / "row.json")
        if kept.get("judge") != results.plan.judge or NORMAL not in kept.get("scores", {}):
            raise DetectorError(
                f"{place / 'row.json'}: was judged by other samples; delete it to have it judged anew"
            )
        yield kept, _read(place / "test.json") if (place / "test.json").exists() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError
    except (OSError, ValueError):
        raise DetectorError(f"{path}: cannot be read; delete it to have it made anew") from None
    return found


def _test(tests: Sequence[Mapping[str, Any]]) -> dict[str, Interval]:
    found = {}
    for key in TEST_MEASURES if tests else ():
        values = [float(test[key]) for test in tests]
        ends = [test["intervals"][key] or {"low": test[key], "high": test[key]} for test in tests]
        low, high = min(float(end["low"]) for end in ends), max(float(end["high"]) for end in ends)
        found[key] = Interval(float(np.mean(values)), low, high, LEVEL, RESAMPLES, 0)
    return found


def _lines(found: Sequence[Found]) -> list[Line]:
    return [
        Line(one.row.name, one.row.part, one.auc, one.aucs, one.difference, one.test.get("micro_auc"))
        for one in found
    ]


def _title(results: Results) -> str:
    return f"Ablation of {results.plan.config['preset']} on {results.plan.benchmark}"


def _ends(value: Interval | None) -> dict[str, float] | None:
    return None if value is None else {"value": value.value, "low": value.low, "high": value.high}


def _command() -> str:
    return shlex.join(["sdmae", *sys.argv[1:]])
