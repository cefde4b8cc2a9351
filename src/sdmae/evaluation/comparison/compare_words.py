"""A comparison in words: tables, warnings and notes, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdmae.evaluation.comparison.compare import LEVEL, MEASURES, OTHERS, RESAMPLES, Comparison, figure
from sdmae.evaluation.files.frame_files import PARTIAL

FEW = 30
"""Videos below which an interval from drawing them anew is known to be too narrow."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures of all methods."""

    title: str
    heads: list[str]
    """The first is that of the names."""
    rows: list[list[str]]
    """One for each method, in their order."""


def title(comparison: Comparison) -> str:
    """What was compared on what."""
    contest = comparison.contest
    frames, abnormal = sum(len(t) for t in contest.labels), int(sum(t.sum() for t in contest.labels))
    part = f" ({PARTIAL})" if contest.partial else ""
    return (
        f"{len(contest.methods)} methods on {contest.benchmark or 'the same videos'}{part}: {len(contest.labels)} "
        f"videos, {frames:,} frames, {abnormal:,} abnormal"
    )


def tables(comparison: Comparison) -> list[Table]:
    """AUCs with intervals; measures that have none; alarms, where a method raises any."""
    names = [row.method.name for row in comparison.rows]
    notes = [row.method.noted for row in comparison.rows]
    found = [
        Table(
            "AUC",
            ["method", "protocol", *(f"{MEASURES[key][1]}, %" for key in comparison.keys), "frames/s"],
            [
                [name, note.protocol, *(figure(row.figures[key]) for key in comparison.keys), _figure(note.fps, 0)]
                for name, note, row in zip(names, notes, comparison.rows, strict=True)
            ],
        )
    ]
    keys = [key for key in OTHERS if any(row.others[key] is not None for row in comparison.rows)]
    found.append(
        Table(
            "Other measures, without intervals",
            ["method", *(f"{OTHERS[key]}, %" for key in keys)],
            [
                [name, *(_figure(row.others[key], 1, 100) for key in keys)]
                for name, row in zip(names, comparison.rows, strict=True)
            ],
        )
    )
    if any(note.alarms for note in notes):
        rows = []
        for name, note in zip(names, notes, strict=True):
            it = note.alarms
            rows.append(
                [name, "–", "–", "–"]
                if it is None
                else [
                    name,
                    f"{it.found} of {it.events}",
                    _figure(it.false_per_hour, 1),
                    _figure(it.median_delay, 1),
                ]
            )
        heads = ["method", "events found", "false alarms/h", "median delay, s"]
        found.append(Table("Alarms at the calibrated threshold, without intervals", heads, rows))
    return found


def warnings(comparison: Comparison) -> list[str]:
    """What keeps these methods from being compared with one another, or with what was published; a line each."""
    contest = comparison.contest
    said = []
    partial = contest.partial
    if partial:
        whose = " ".join(f"Not there for {_names(names)}: {'; '.join(lines)}." for lines, names in partial.items())
        said.append(f"{PARTIAL[0].upper()}{PARTIAL[1:]}. {whose}")
        if len({method.noted.missing for method in contest.methods if method.noted.benchmark}) > 1:
            said.append("What was missing differs between methods, so that they did not have the same video.")
    said += [f"{method.name} {doubt}." for method in contest.methods for doubt in method.noted.doubts]
    protocols = _by(comparison, [row.method.noted.protocol for row in comparison.rows])
    if len(protocols) > 1:
        said.append(f"Protocols differ ({_groups(protocols)}): offline scores look ahead, causal ones do not.")
    for kind in protocols:
        words = [note.smoothing if note.protocol == kind else None for note in (m.noted for m in contest.methods)]
        smoothed = _by(comparison, words)
        if len(smoothed) > 1:
            said.append(f"Smoothing differs ({_groups(smoothed)}).")
    origins = _by(comparison, [row.method.noted.origin for row in comparison.rows])
    if len(origins) > 1:
        said.append(f"RBDC and TBDC are of different regions ({_groups(origins)}) and do not compare.")
    dropped = [method.name for method in contest.methods if method.dropped]
    if dropped:
        said.append(f"{_names(dropped)}: evaluated by other labels; what evaluate measured by them is left out.")
    return said


def notes(comparison: Comparison) -> list[str]:
    """What must be read with the figures."""
    count = len(comparison.contest.labels)
    said = [
        f"AUC of frames. In brackets the {100 * LEVEL:g} % interval: {RESAMPLES:,} draws of {count} videos with "
        "replacement; a difference, in points, is taken on the same draws for both. Two are told apart where its "
        "interval leaves out 0; with many pairs some will be by chance."
    ]
    if count < FEW:
        said.append(f"{count} videos are few: intervals from so few tend to come out too narrow.")
    dropped = max(it.left_out for row in comparison.rows for it in row.figures.values())
    if dropped:
        said.append(f"Up to {dropped:,} draws are left out of an interval, since they hold frames of one kind only.")
    methods = comparison.contest.methods
    words = {note.protocol: note.smoothing for note in (method.noted for method in methods) if note.smoothing}
    said.append(
        "Protocol: "
        + "; ".join(
            f"{kind} ({words[kind]})" if kind in words else {"unknown": "unknown (nothing says)"}.get(kind, kind)
            for kind in dict.fromkeys(method.noted.protocol for method in methods)
        )
        + "."
    )
    said.append(
        "AP (average precision) and EER (equal error rate) are of the scores; the bootstrap here is of AUCs only. "
        "RBDC, TBDC, pixel AUC and alarms are as evaluate measured them: without intervals, since they cannot be had "
        "from scores. A dash: not measured."
    )
    if any(method.noted.alarms for method in methods):
        said.append(
            "Alarms are those of the detector's causal scores at the threshold that normal video gave it, whichever "
            "of its scores are compared: false ones per hour of normal time, the delay from an event's start to its "
            "first alarm."
        )
    if where := machines(comparison):
        said.append(f"Frames a second: from file to score, decoding included. Machine: {where}.")
    return said


def machines(comparison: Comparison) -> str:
    """What the methods whose speed was measured ran on, in words; empty where no speed was."""
    found = [
        (row.method.name, row.method.noted.machine) for row in comparison.rows if row.method.noted.fps is not None
    ]
    different = {machine for _, machine in found}
    if len(different) == 1:
        return different.pop() or "not noted"
    return "; ".join(f"{name}: {machine or 'not noted'}" for name, machine in found)


def as_text(comparison: Comparison) -> str:
    """Tables and verdicts for a terminal."""
    lines = [title(comparison), *(f"Warning: {line}" for line in warnings(comparison))]
    for table in tables(comparison):
        rows = [["", *table.heads[1:]], *table.rows]
        widths = [max(len(row[k]) for row in rows) for k in range(len(table.heads))]
        lines += ["", f"{table.title}:"]
        lines += [
            "  ".join(
                cell.ljust(width) if k == 0 else cell.rjust(width)
                for k, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
    for key in comparison.keys:
        lines += ["", f"Differences, {MEASURES[key][1]}:"]
        lines += [f"  {it.sentence}" for it in comparison.differences if it.key == key]
    return "\n".join([*lines, "", *notes(comparison)]) + "\n"


def as_markdown(comparison: Comparison) -> str:
    """The same as a Markdown file."""
    lines = [f"# {title(comparison)}"]
    for line in warnings(comparison):
        lines += ["", f"**{plain(line)}**"]
    for table in tables(comparison):
        lines += ["", f"## {table.title}", "", _row(["", *table.heads[1:]])]
        lines += [_row(["---", *["---:"] * (len(table.heads) - 1)]), *(_row(row) for row in table.rows)]
    for key in comparison.keys:
        lines += ["", f"## Differences: {MEASURES[key][1]}", ""]
        lines += [f"- {plain(it.sentence)}" for it in comparison.differences if it.key == key]
    return "\n".join([*lines, "", *(f"{plain(note)}\n" for note in notes(comparison))])


def _by(comparison: Comparison, said: Sequence[str | None]) -> dict[str, list[str]]:
    """The names of the methods by what is said of them, those of which nothing is left out."""
    found: dict[str, list[str]] = {}
    for row, what in zip(comparison.rows, said, strict=True):
        if what is not None:
            found.setdefault(what, []).append(row.method.name)
    return found


def _groups(groups: dict[str, list[str]]) -> str:
    return "; ".join(f"{_names(names)}: {what}" for what, names in groups.items())


def _names(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _figure(value: float | None, digits: int, scale: float = 1) -> str:
    return "–" if value is None else f"{scale * value:,.{digits}f}"


def markdown_row(entries: Sequence[str]) -> str:
    """One line of a Markdown table, its entries as they are."""
    return f"| {' | '.join(entries)} |"


def _row(entries: Sequence[str]) -> str:
    return markdown_row([plain(entry) for entry in entries])


def plain(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return "".join(f"\\{c}" if c in "\\`*_<>|#" else c for c in text)
