"""The report of `sdmae evaluate`: one HTML file that opens from the disk and needs nothing else, and `table.md`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from sdmae.evaluation.beside import NAMES, Baseline
from sdmae.evaluation.measures import Scored
from sdmae.evaluation.regions_of import Regions
from sdmae.evaluation.report.benchmark_words import (
    EVENTS,
    TITLES,
    made,
    measured_how,
    set_aside,
    terms,
    warnings,
    what_it_saw,
)
from sdmae.evaluation.report.moments import APART, Shown
from sdmae.evaluation.report.pieces import Line, chart, embedded, figure_cells, filled, percent, score_curve, table
from sdmae.metrics import roc
from sdmae.recordings.page import level

PAGE = Path(__file__).with_name("benchmark_page.html")
COLUMNS = {
    "micro_auc": "micro",
    "macro_auc": "macro",
    "macro_auc_two_class": "macro, two-class",
    "micro_auc_clip_normalised": "micro, clip-normalised",
    "average_precision": "AP",
    "eer": "EER",
    "rbdc": "RBDC",
    "tbdc": "TBDC",
    "pixel_auc": "pixel AUC",
}
"""Measures in the table, by their keys in metrics.json."""
_QUALITY = 80
"""Of the JPEG pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """All that the report tells."""

    metrics: Mapping[str, Any]
    """As `metrics.json` has them."""
    scored: Sequence[Scored]
    """The test clips."""
    regions: Regions | None
    """The detector's, with their curves."""
    beside: Mapping[str, Baseline]
    """The baselines, by their keys in metrics.json."""
    threshold: float | None
    """The calibrated one of the offline scores; None without one, and where it is of scores smoothed otherwise."""
    misses: Sequence[Shown]
    """The worst first."""
    false_alarms: Sequence[Shown]
    """The worst first."""
    noted: Path | None
    """The ledger that has a line of the run; None for drawn scenes."""
    provenance: Mapping[str, Any]
    """Of the detector."""

    @property
    def title(self) -> str:
        """What the benchmark is called."""
        name = str(self.metrics["benchmark"])
        return TITLES.get(name, name)


def report_files(measured: Measured) -> dict[str, str]:
    """`report.html` and `table.md`, whole, by their names."""
    metrics, calibrated = measured.metrics, measured.metrics["alarms"]["calibrated"] is not None
    unused = [set_aside(metrics)] if calibrated and measured.threshold is None else []
    clips, frames = len(measured.scored), metrics["frames"]
    seconds = sum(one.seconds() for one in measured.scored)
    headline = f"{measured.title}: micro AUC {percent(metrics['micro_auc'])}"
    page = filled(
        PAGE,
        title=escape(headline),
        headline=escape(headline),
        lead=escape(
            f"{clips} test video{'' if clips == 1 else 's'}, {frames:,} frames ({_length(seconds)}), "
            f"{metrics['abnormal_frames']:,} of them abnormal. Labels had no part in what the detector does: they "
            "only measure it."
        ),
        warnings="\n".join(_warning(*one) for one in warnings(metrics)),
        figures=figure_cells(list(_figures(measured))),
        intervals=escape(_intervals(metrics)),
        compared=table(["all in %", *_columns(measured)], _rows(measured)),
        terms=escape(terms(metrics)),
        charts="\n".join(_charts(measured)),
        curves=escape(_curves(metrics)),
        alarmed=escape(_alarmed(metrics, calibrated)),
        alarms=_alarm_table(metrics["alarms"]),
        events=escape(EVENTS),
        limit='<span><i style="border-top:1.5px dashed var(--red);height:0;border-radius:0;vertical-align:.22rem">'
        "</i>threshold, from normal video only</span>\n"
        if measured.threshold is not None
        else "",
        seen=escape(" ".join([what_it_saw(metrics), *unused])),
        clips="\n".join(_curve(measured, k) for k in range(clips)),
        missed=escape(_missed(measured)),
        misses="\n".join(_moment(measured, one, miss=True) for one in measured.misses),
        false=escape(_false(measured)),
        falses="\n".join(_moment(measured, one, miss=False) for one in measured.false_alarms),
        videos=_videos(metrics),
        protocol="\n".join(f"<p>{escape(line)}</p>" for line in measured_how(metrics)),
        made="\n".join(f"<li>{escape(line)}</li>" for line in made(metrics, measured.noted, measured.provenance)),
    )
    return {"report.html": page, "table.md": _markdown(measured, headline)}


def _columns(measured: Measured) -> list[str]:
    return [name for key, name in COLUMNS.items() if _shown(measured, key)]


def _shown(measured: Measured, key: str) -> bool:
    return measured.metrics.get(key) is not None


def _rows(measured: Measured) -> list[list[str]]:
    """The detector and the baselines under both protocols: names, then figures."""
    sources: list[tuple[str, Mapping[str, Any]]] = [
        ("this detector, offline", measured.metrics),
        ("this detector, causal", measured.metrics["causal"]),
    ]
    for key, one in measured.beside.items():
        sources += [(f"{NAMES[key]}, offline", one.figures), (f"{NAMES[key]}, causal", one.figures["causal"])]
    return [
        [name, *(_figure(figures.get(key)) for key in COLUMNS if _shown(measured, key))] for name, figures in sources
    ]


def _figure(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}"


def _figures(measured: Measured) -> Iterator[tuple[str, str]]:
    metrics = measured.metrics
    difference = metrics["baselines"]["frame_difference"]
    for key, name in (("micro_auc", "micro AUC"), ("macro_auc", "macro AUC")):
        yield percent(metrics[key]), f"{name}{_span(metrics, key)}; frame differencing {percent(difference[key])}"
    yield (
        percent(metrics["causal"]["micro_auc"]),
        f"micro AUC without the future{_span(metrics['causal'], 'micro_auc')}",
    )
    if metrics["rbdc"] is not None:
        how = "from derived regions" if metrics["regions"]["origin"] == "derived" else "regions"
        yield percent(metrics["rbdc"]), f"RBDC ({how}); frame differencing {percent(difference['rbdc'])}"
        yield percent(metrics["tbdc"]), f"TBDC (tracks of them); frame differencing {percent(difference['tbdc'])}"
    if metrics["pixel_auc"] is not None:
        yield percent(metrics["pixel_auc"]), "pixel AUC"
    alarms = metrics["alarms"]["calibrated"]
    if alarms is not None:
        yield (
            f"{alarms['events_found']} of {metrics['alarms']['events']}",
            f"events found at the calibrated threshold; alarms on in {percent(alarms['false_share'])} of normal time",
        )
        false, normal = alarms["false_alarms"], _length(3600 * alarms["normal_hours"])
        rate = f"{_number(alarms['false_alarms_per_hour'])} an hour"
        yield f"{false}", f"false alarm{'' if false == 1 else 's'} in {normal} of normal time there ({rate})"
    yield f"{metrics['fps_end_to_end']:.0f}", "frames a second, decoding to score, on this machine"


def _span(figures: Mapping[str, Any], key: str) -> str:
    found = figures["intervals"][key]
    return "" if found is None else f" [{100 * found['low']:.1f} to {100 * found['high']:.1f} %]"


def _intervals(metrics: Mapping[str, Any]) -> str:
    found = metrics["intervals"]["micro_auc"]
    if found is None:
        return "One video says nothing of others: there are no intervals."
    return (
        f"In brackets: {100 * found['level']:.0f} % intervals by bootstrap over the {len(metrics['videos'])} videos, "
        f"{found['resamples'] + found['left_out']:,} draws. They say how far a figure would move with other videos "
        "of this kind, not with another training."
    )


def _warning(sentence: str, particulars: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in particulars)
    return f'<div class="warning"><p><b>{escape(sentence)}</b></p>{f"<ul>{items}</ul>" if items else ""}</div>'


def _charts(measured: Measured) -> Iterator[str]:
    labels = [one.truth.labels for one in measured.scored]
    counts = [len(truth) for truth in labels]
    looks = {key: 2 + k for k, key in enumerate(NAMES)}
    offline = [one.offline.at_frames(n) for one, n in zip(measured.scored, counts, strict=True)]
    causal = [one.causal.at_frames(n) for one, n in zip(measured.scored, counts, strict=True)]
    yield chart(
        [
            Line("this detector", *roc(labels, offline)),
            Line("causal", *roc(labels, causal), look=1),
            *(Line(NAMES[k], *roc(labels, one.offline), look=looks[k]) for k, one in measured.beside.items()),
        ],
        "false positive rate, %",
        "true positive rate, %",
        "ROC over frames",
        across_in_percent=True,
    )
    every = [("this detector", measured.regions, 0)]
    every += [(NAMES[key], one.regions, looks[key]) for key, one in measured.beside.items()]
    for title, what in (("RBDC", "regions"), ("TBDC", "tracks")):
        lines = [
            Line(
                name,
                regions.result.false_positives_per_frame,
                regions.result.region_rate if what == "regions" else regions.result.track_rate,
                look,
            )
            for name, regions, look in every
            if regions is not None
        ]
        if lines:
            yield chart(lines, "false positives per frame", f"{what} found, %", f"{title}: share of {what} found")


def _curves(metrics: Mapping[str, Any]) -> str:
    about = metrics["regions"]
    if about is None:
        return "The benchmark has no ground truth of regions here: neither tracks nor masks."
    origin = about["origin"].replace("tracks", "annotated").replace("derived", "derived from masks")
    return (
        f"{about['regions']:,} regions in {about['tracks']:,} tracks ({origin}) of {about['clips']} videos, "
        f"{about['detections']:,} detections, {about['false_positives']:,} of them false at any score. RBDC and TBDC "
        "are the areas under the curves."
    )


def _alarmed(metrics: Mapping[str, Any], calibrated: bool) -> str:
    alarms = metrics["alarms"]
    head = f"Causal scores, {alarms['events']} events in {_length(3600 * alarms['hours'])} of video."
    if calibrated:
        level = alarms["calibrated"]
        return (
            f"{head} The first row is what the detector does as it is: calibrated on "
            f"{_length(level['calibrated_on_seconds'])} of normal video, it expects "
            f"{_number(level['expected_false_alarms_per_day'])} false alarms a day. The others are at thresholds "
            "that the test labels chose."
        )
    return (
        f"{head} The detector was never calibrated, so that it has no threshold of its own: sdmae calibrate gives it "
        "one from normal video. Each row below is at a threshold that the test labels chose, which nobody has who "
        "sets a camera up."
    )


def _alarm_table(alarms: Mapping[str, Any]) -> str:
    rows = []
    if alarms["calibrated"] is not None:
        rows.append(["calibrated, from normal video", *_alarm_row(alarms["calibrated"])])
    # Of few events, several shares have one threshold.
    for _, points in groupby(alarms["by_test_labels"], key=lambda point: point["threshold"]):
        same = list(points)
        shares = " to ".join(dict.fromkeys(f"{100 * point['asked_share']:.0f}" for point in (same[0], same[-1])))
        rows.append([f"by test labels, for {shares} % of events", *_alarm_row(same[0])])
    head = ["threshold", "score", "events found", "median delay", "false alarms", "an hour", "normal time on, %"]
    return table(head, rows)


def _alarm_row(found: Mapping[str, Any]) -> list[str]:
    delay = found["median_delay"]
    return [
        f"{found['threshold']:.4g}",
        "–" if found["share_found"] is None else f"{found['events_found']} ({100 * found['share_found']:.0f} %)",
        "–" if delay is None else f"{delay:.1f} s",
        f"{found['false_alarms']}",
        _number(found["false_alarms_per_hour"]),
        _figure(found["false_share"]),
    ]


def _curve(measured: Measured, number: int) -> str:
    """The curve of one clip; all have the height of the highest score, or of the threshold where it is higher."""
    one, row = measured.scored[number], measured.metrics["videos"][number]
    every = [float(edge) for s in measured.scored for edge in (s.offline.scores.min(), s.offline.scores.max())]
    limits = (min(every), max([*every, measured.threshold or min(every)]))
    area = "one class only" if row["auc"] is None else f"AUC {percent(row['auc'])}"
    heights = level(one.offline.scores, limits)
    threshold = None if measured.threshold is None else float(level(measured.threshold, limits))
    labels = one.truth.labels[one.offline.frames]
    return score_curve(one.truth.clip.name, area, one.offline.times, heights, labels, threshold, one.seconds())


def _missed(measured: Measured) -> str:
    if not measured.misses:
        return "There are none: no abnormal frame scores too low."
    which = (
        "whose offline scores are at or below the threshold"
        if measured.threshold is not None
        else "with the lowest offline scores"
    )
    return (
        f"Abnormal frames {which}, the lowest first, at least {APART:g} s apart. Left the frame, what is truly "
        "abnormal in red; right where the detector saw the most in it, each picture in its own scale. The first and "
        "last moments of an event, when its object is barely in the picture, are among them."
    )


def _false(measured: Measured) -> str:
    if not measured.false_alarms:
        return "There are none: no normal frame scores too high."
    which = (
        "whose offline scores are above the threshold"
        if measured.threshold is not None
        else "with the highest offline scores"
    )
    return (
        f"Normal frames {which}, the highest first, at least {APART:g} s apart. Close to an event a score is high by "
        "its smoothing, too."
    )


def _moment(measured: Measured, shown: Shown, *, miss: bool) -> str:
    moment = shown.moment
    name = measured.scored[moment.clip].truth.clip.name
    other = "of normal frames score higher" if miss else "of abnormal frames score lower"
    against = "" if measured.threshold is None else f", {moment.score / measured.threshold:.2f} of the threshold"
    pair = "".join(
        f'<img loading="lazy" alt="{escape(what)}, {escape(name)} at {moment.time:.1f} s" width="{picture.shape[1]}" '
        f'height="{picture.shape[0]}" src="{embedded(picture, picture.shape[1], _QUALITY)}">'
        for what, picture in (("frame", shown.frame), ("heat map", shown.heat))
    )
    return (
        f'<figure><div class="pair">{pair}</div><figcaption>{escape(name)}, {moment.time:.1f} s'
        f"<small>score {moment.score:.4g}{against}; {percent(moment.share)} {other}</small></figcaption></figure>"
    )


def _videos(metrics: Mapping[str, Any]) -> str:
    head, rows = _video_rows(metrics)
    return table(head, rows)


def _video_rows(metrics: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    calibrated = metrics["alarms"]["calibrated"] is not None
    head = ["video", "frames", "abnormal", "AUC, %", "AUC, causal, %", "events"]
    rows = [
        [
            row["name"],
            f"{row['frames']}",
            f"{row['abnormal_frames']}",
            _figure(row["auc"]),
            _figure(row["causal_auc"]),
            f"{row['events']}",
            *([f"{row['events_found']}", f"{row['false_alarms']}"] if calibrated else []),
        ]
        for row in metrics["videos"]
    ]
    return [*head, *(["found", "false alarms"] if calibrated else [])], rows


def _markdown(measured: Measured, headline: str) -> str:
    metrics = measured.metrics
    lines = [f"# {headline}", ""]
    for sentence, particulars in warnings(metrics):
        lines += [f"**{sentence}**", "", *(f"- {line}" for line in particulars), *([""] if particulars else [])]
    lines += [*_table_lines(["all in %", *_columns(measured)], _rows(measured)), ""]
    spans = [f"{COLUMNS[key]}{_span(metrics, key)}" for key in ("micro_auc", "macro_auc") if _span(metrics, key)]
    lines += [" ".join([_intervals(metrics), *([f"Offline: {', '.join(spans)}."] if spans else [])]), ""]
    lines += [terms(metrics), "", what_it_saw(metrics), ""]
    head, rows = _video_rows(metrics)
    lines += [*_table_lines(head, rows), ""]
    for line in measured_how(metrics):
        lines += [line, ""]
    lines += [f"- {line}" for line in made(metrics, measured.noted, measured.provenance)]
    return "\n".join(lines) + "\n"


def _table_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = "|---|" + "---:|" * (len(head) - 1)
    return [_markdown_row(head), rule, *(_markdown_row(row) for row in rows)]


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _length(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.0f} s"
