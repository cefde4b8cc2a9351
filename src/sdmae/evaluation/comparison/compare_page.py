"""A comparison as files: JSON for programs, Markdown for a paper, and one HTML file that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from sdmae.evaluation.comparison.compare import MEASURES, Comparison, Difference, as_json, figure, signed_figure
from sdmae.evaluation.comparison.compare_words import Table, as_markdown, machines, notes, tables, title, warnings
from sdmae.evaluation.comparison.speed_accuracy import NOTE, OURS, TITLES, Point, embedded, speed_accuracy_png
from sdmae.metrics import Interval
from sdmae.recordings.files import check_writable, write_text

PAGE = Path(__file__).with_name("compare.html")
_WIDTH = 1000.0
"""Of a drawing, in its own units; the page scales it."""


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Writes `compare.json`, `compare.md` and `compare.html`. Raises `SourceError` where they cannot be written."""
    check_writable(folder)
    write_text(folder / "compare.json", json.dumps(as_json(comparison), indent=2, allow_nan=False) + "\n")
    write_text(folder / "compare.md", as_markdown(comparison))
    write_text(folder / "compare.html", as_html(comparison))


def as_html(comparison: Comparison) -> str:
    """The page: figures, differences with their verdicts, and the picture of speed where there is one."""
    contest = comparison.contest
    first, *others = tables(comparison)
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        title=escape(title(comparison)),
        headline=escape(f"{len(contest.methods)} methods on {contest.benchmark or 'the same videos'}"),
        lead=escape(title(comparison).rpartition(": ")[2] + ". AUC of frames with 95 % intervals."),
        warnings="\n".join(f'<p class="warning">{escape(line)}</p>' for line in warnings(comparison)),
        aucs=_table(first),
        others="\n".join(f"<h2>{escape(table.title)}</h2>\n{_table(table)}" for table in others),
        figures="\n".join(_figures(comparison, key) for key in comparison.keys),
        differences="\n".join(_differences(comparison, key) for key in comparison.keys),
        speed=_speed(comparison),
        notes="\n".join(f"<p>{escape(note)}</p>" for note in notes(comparison)),
        folders="\n".join(
            f"<tr><td>{escape(method.name)}</td><td><code>{escape(str(method.folder))}</code></td></tr>"
            for method in contest.methods
        ),
    )


def points(comparison: Comparison) -> list[Point]:
    """The methods as points of the picture of accuracy against speed."""
    found = []
    for row in comparison.rows:
        micro = row.figures["micro_auc"]
        kind = " (causal)" if row.method.noted.protocol == "causal" else ""
        found.append(Point(f"{row.method.name}{kind}", micro.value, row.method.noted.fps, (micro.low, micro.high)))
    return found


def _table(table: Table) -> str:
    """The table; a narrow page shows each method as a list of its figures, each with its head before it."""
    heads = "".join(f"<th{'' if k == 0 else ' class=n'}>{escape(head)}</th>" for k, head in enumerate(table.heads))
    rows = "\n".join(_row(k, row, table.heads) for k, row in enumerate(table.rows))
    return f'<div class="scroll"><table class="figures">\n<tr>{heads}</tr>\n{rows}\n</table></div>'


def _row(number: int, entries: Sequence[str], heads: Sequence[str]) -> str:
    first, *others = (escape(entry) for entry in entries)
    shown = "".join(
        f'<td class="n" data-head="{escape(head)}"><span>{_split(entry)}</span></td>'
        for entry, head in zip(others, heads[1:], strict=True)
    )
    return f'<tr><td><i style="background:{OURS[number % len(OURS)]}"></i>{first}</td>{shown}</tr>'


def _split(entry: str) -> str:
    """The figure, and its interval smaller."""
    value, bracket, ends = entry.partition(" [")
    return f"<b>{value}</b> <small>[{ends}</small>" if bracket else entry


def _figures(comparison: Comparison, key: str) -> str:
    """Every method's interval on one scale."""
    found = [row.figures[key] for row in comparison.rows]
    low, high = min(it.low for it in found), max(it.high for it in found)
    low, high = min(low, *(it.value for it in found)), max(high, *(it.value for it in found))
    room = 0.06 * (high - low) or 0.01
    lines = []
    for k, row in enumerate(comparison.rows):
        it = row.figures[key]
        drawing = _interval(it, low - room, min(high + room, 1.0 + 0.2 * room), OURS[k % len(OURS)])
        lines.append(_line(row.method.name, drawing, _split(escape(figure(it)))))
    return f'<section class="plot"><h3>{escape(MEASURES[key][1])}, %</h3>{"".join(lines)}</section>'


def _differences(comparison: Comparison, key: str) -> str:
    """Every pair's difference on one scale that has 0 in its middle."""
    found = [it for it in comparison.differences if it.key == key]
    reach = 1.08 * max(max(abs(it.interval.low), abs(it.interval.high), abs(it.interval.value)) for it in found)
    lines = [
        _line(
            f"{it.second} − {it.first}",
            _interval(it.interval, -reach or -0.01, reach or 0.01, _colour(it), zero=True),
            f'{_split(escape(signed_figure(it.interval)))}<em class="{_kind(it)}">{escape(it.verdict)}</em>',
        )
        for it in found
    ]
    return f'<section class="plot"><h3>{escape(MEASURES[key][1])}</h3>{"".join(lines)}</section>'


def _line(name: str, drawing: str, said: str) -> str:
    return f'<div class="line"><span>{escape(name)}</span>{drawing}<span class="said">{said}</span></div>'


def _interval(it: Interval, low: float, high: float, colour: str, *, zero: bool = False) -> str:
    def x(value: float) -> float:
        return _WIDTH * (value - low) / (high - low)

    middle = f'<line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="24"/>' if zero else ""
    # The dot is a line without length, so that stretching the drawing does not stretch it.
    return (
        f'<svg viewBox="0 0 {_WIDTH:g} 24" preserveAspectRatio="none" role="img" aria-label="{100 * it.low:.2f} to '
        f'{100 * it.high:.2f}">{middle}<line class="bar" stroke="{colour}" x1="{x(it.low):.1f}" '
        f'x2="{x(it.high):.1f}" y1="12" y2="12"/><line class="dot" stroke="{colour}" x1="{x(it.value):.1f}" '
        f'x2="{x(it.value) + 0.01:.2f}" y1="12" y2="12"/></svg>'
    )


def _kind(it: Difference) -> str:
    return "apart" if it.verdict.endswith("better") else "same"


def _colour(it: Difference) -> str:
    return OURS[0] if _kind(it) == "apart" else "#8a97a3"


def _speed(comparison: Comparison) -> str:
    benchmark = comparison.contest.benchmark
    if benchmark not in TITLES:
        return ""
    if comparison.contest.apart:
        why = escape(f"There is no picture beside published figures, since {comparison.contest.apart}.")
        return f"<h2>Accuracy against speed</h2>\n<p class=soft>{why}</p>"
    picture = speed_accuracy_png(benchmark, points(comparison), machines(comparison))
    said = escape(" ".join(NOTE.split()))
    return (
        f"<h2>Accuracy against speed</h2>\n<p class=soft>{said}</p>\n"
        '<div class="scroll"><img alt="micro AUC against frames a second, beside published methods" '
        f'src="{embedded(picture)}"></div>'
    )
