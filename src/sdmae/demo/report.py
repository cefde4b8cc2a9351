"""The demo's report: one HTML file that opens from the disk and needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from sdmae.demo.alarms import Alarm, Normal, Verdict
from sdmae.demo.overlay import Reviewed, score_limits
from sdmae.evaluation.report.pieces import embedded, figure_cells, filled, percent, score_curve
from sdmae.recordings.files import write_text
from sdmae.recordings.page import level
from sdmae.scoring.calibrated import words
from sdmae.video import Image

PAGE = Path(__file__).with_name("page.html")
NAMES = {"wrong_way": "walker going the wrong way", "thrown": "thrown object"}
"""Kinds whose own word says too little."""
_PICTURE = 560
"""Columns of a picture on the page."""


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """All that the report tells."""

    seed: int
    clips: Sequence[Reviewed]
    normal: Normal
    metrics: Mapping[str, Any]
    """As `metrics.json` has them."""
    stills: Mapping[tuple[str, int], Image]
    """The best picture of each object, by (clip, track id)."""
    picture: Image
    """The picture above everything."""
    seconds: Mapping[str, float]
    """What each step took."""
    machine: str
    """What it ran on."""
    training: str
    """What was learned from, in words."""
    kept_back: str
    """What the threshold comes from, in words."""
    files: Mapping[str, str]
    """Files worth a look and what they are."""

    @property
    def verdicts(self) -> list[Verdict]:
        """What became of each object of all clips."""
        return [verdict for clip in self.clips for verdict in clip.verdicts]

    @property
    def false_alarms(self) -> list[Alarm]:
        """Alarms with nothing abnormal to be seen."""
        return [alarm for clip in self.clips for alarm in clip.alarms if alarm.false]


def write_report(path: Path, story: Story) -> None:
    """Writes the page. Raises `SourceError` where it cannot be written."""
    verdicts, false = story.verdicts, story.false_alarms
    found = sum(v.found for v in verdicts)
    normal_seconds, total_seconds = _lengths(story.clips)
    headline = f"{found} of {len(verdicts)} abnormal objects found, {count_of(len(false), 'false alarm')}"
    page = filled(
        PAGE,
        title=escape(headline),
        seed=str(story.seed),
        headline=escape(headline),
        lead=escape(
            f"A detector learned what is normal from {story.training} of people walking, then watched "
            f"{total_seconds:.0f} s of video in which other things happen, too. The place and everybody in it are "
            "drawn by the program, so that the truth is known to the pixel."
        ),
        picture=embedded(story.picture, 1740),
        poster=embedded(next(iter(story.stills.values())), 720) if story.stills else "",
        figures=_figures(story, found, normal_seconds),
        clips="\n".join(_clip(clip, story.normal.threshold, score_limits(story.clips)) for clip in story.clips),
        events="\n".join(_event(v, story) for v in verdicts),
        missed=_list([in_words(v, story.normal.threshold) for v in verdicts if not v.found], "Nothing."),
        alarms=_list(
            [f"{a.clip}, {a.start:.1f} to {a.end:.1f} s, peak {a.peak:.3f}" for a in false],
            f"None in {normal_seconds:.0f} s of normal test video.",
        ),
        made=escape(
            f"Learned from: {story.training}. Nothing abnormal is in it: what the network learns to tell from normal "
            "are synthetic anomalies pasted into it. The weights kept are those that did best on a part of it held "
            "out, with a family of synthetic anomalies never trained on."
        ),
        steps="\n".join(f'<tr><td>{escape(k)}</td><td class="n">{v:.0f}</td></tr>' for k, v in _total(story.seconds)),
        threshold=escape(
            f"The threshold comes from {story.kept_back}. {words(story.normal.level)}; so little video can vouch for "
            "no less. With hours of it, sdmae calibrate promises fewer."
        ),
        aucs=_aucs(story.metrics),
        causal=" and ".join(percent(story.metrics["causal"][k]) for k in ("micro_auc", "macro_auc")),
        machine=escape(story.machine),
        files="\n".join(
            f'<li><a href="{escape(name)}">{escape(name)}</a> <span class="soft">{escape(what)}</span></li>'
            for name, what in story.files.items()
        ),
        commands=escape(COMMANDS),
        budget=escape(story.training),
    )
    write_text(path, page)


COMMANDS = """\
sdmae data preview normal/ --output anomalies.jpg
sdmae train normal/ --preset base --output camera.safetensors
sdmae detect today.mp4 --detector camera.safetensors --output today"""


def name_of(kind: str) -> str:
    """A kind of anomaly as a reader would call it."""
    return NAMES.get(kind, kind or "object")


def in_words(verdict: Verdict, threshold: float) -> str:
    """One line on one object: what, where, when, how high the score, and what was lacking."""
    line = (
        f"{name_of(verdict.track.kind)}, {verdict.clip}, {verdict.start:.1f} to {verdict.end:.1f} s, "
        f"peak {verdict.peak:.3f}"
    )
    if verdict.found:
        return line
    if verdict.peak <= threshold:
        return f"{line}: below the threshold of {threshold:.3f}"
    return f"{line}: there was an alarm, but the box was elsewhere"


def _figures(story: Story, found: int, normal_seconds: float) -> str:
    metrics, false = story.metrics, len(story.false_alarms)
    difference = metrics["baselines"]["frame_difference"]
    training = f"training {story.seconds['training']:.0f} s" if "training" in story.seconds else "trained before"
    cells = [
        (f"{found} of {len(story.verdicts)}", "abnormal objects found"),
        (f"{false}", f"false alarm{'' if false == 1 else 's'} in {normal_seconds:.0f} s of normal test video"),
        (percent(metrics["micro_auc"]), f"micro AUC; frame difference {percent(difference['micro_auc'])}"),
        (percent(metrics["macro_auc"]), f"macro AUC; frame difference {percent(difference['macro_auc'])}"),
        (f"{sum(story.seconds.values()):.0f} s", f"for everything; {training}"),
        (f"{metrics['fps_end_to_end']:.0f}", "frames a second scored, on this machine"),
    ]
    return figure_cells(cells)


def _clip(clip: Reviewed, threshold: float, limits: tuple[float, float]) -> str:
    """The curve of one clip over its ground truth."""
    times, scores = clip.scores.times, clip.scores.scores
    events = "; ".join(
        f'{escape(name_of(v.track.kind))} <span class="{_word(v)}">{_word(v)}</span>' for v in clip.verdicts
    )
    return score_curve(
        clip.scores.name,
        events or "nothing abnormal",
        times,
        level(scores, limits),
        clip.truth.labels,
        float(level(threshold, limits)),
        float(times[-1]),
    )


def _event(verdict: Verdict, story: Story) -> str:
    picture = story.stills[verdict.clip, verdict.track.id]
    name = name_of(verdict.track.kind)
    return (
        f'<figure><img loading="lazy" alt="{escape(name)} in {escape(verdict.clip)}" '
        f'src="{embedded(picture, _PICTURE)}">'
        f"<figcaption>{escape(name.capitalize())}: "
        f'<span class="{_word(verdict)}">{_word(verdict)}</span>'
        f"<small>{escape(verdict.clip)}, {verdict.start:.1f} to {verdict.end:.1f} s, peak score {verdict.peak:.3f} "
        f"(threshold {story.normal.threshold:.3f})</small></figcaption></figure>"
    )


def _aucs(metrics: Mapping[str, Any]) -> str:
    rows = [("this detector", metrics), *((k.replace("_", " "), v) for k, v in metrics["baselines"].items())]
    return "\n".join(
        f'<tr><td>{escape(name)}</td><td class="n">{percent(of["micro_auc"])}</td>'
        f'<td class="n">{percent(of["macro_auc"])}</td></tr>'
        for name, of in rows
    )


def _list(lines: Sequence[str], none: str) -> str:
    if not lines:
        return f"<p>{escape(none)}</p>"
    return '<ul class="list">' + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _total(seconds: Mapping[str, float]) -> list[tuple[str, float]]:
    return [*seconds.items(), ("together", sum(seconds.values()))]


def _lengths(clips: Sequence[Reviewed]) -> tuple[float, float]:
    """Seconds of normal test video, and of all of it."""
    normal = sum(float((~c.truth.labels).mean() * c.scores.times[-1]) for c in clips)
    return normal, sum(float(c.scores.times[-1]) for c in clips)


def _word(verdict: Verdict) -> str:
    return "found" if verdict.found else "missed"


def count_of(number: int, what: str) -> str:
    """So many of a thing, in words."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
