"""The card of a shipped detector: one template, filled from the detector's provenance and its results."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from sdmae.config import Config, to_dict
from sdmae.detector import Detector
from sdmae.evaluation.beside import NAMES
from sdmae.evaluation.report.benchmark_words import TITLES, measured_how, terms
from sdmae.model import PRESETS
from sdmae.scoring.calibrated import warning, words

COLUMNS = {
    "micro": ("micro_auc",),
    "macro": ("macro_auc",),
    "macro, two-class": ("macro_auc_two_class",),
    "micro, clip-normalised": ("micro_auc_clip_normalised",),
    "causal micro": ("causal", "micro_auc"),
    "causal macro": ("causal", "macro_auc"),
    "RBDC": ("rbdc",),
    "TBDC": ("tbdc",),
    "pixel AUC": ("pixel_auc",),
}
"""Of the table: where each figure is in metrics.json."""
WEAKEST = 3
"""Test clips that are named for the lowest AUC."""


@dataclass(frozen=True, slots=True)
class Data:
    """A benchmark as the card of a detector that was trained on it tells of it."""

    what: str
    cite: tuple[str, ...]
    rights: str
    knows: str
    """What it takes for normal, and what that leaves out."""


DATA = {
    "ped2": Data(
        "the training split of UCSD Ped2: 16 clips, 2,550 grey frames of 360x240 at 10 a second, of one fixed camera "
        "above a campus walkway, with people walking and nothing else. Nothing of its test split was learned from",
        (
            "V. Mahadevan, W. Li, V. Bhalodia, N. Vasconcelos: *Anomaly Detection in Crowded Scenes*, CVPR 2010",
            "W. Li, V. Mahadevan, N. Vasconcelos: *Anomaly Detection and Localization in Crowded Scenes*, IEEE TPAMI "
            "36(1), 2014",
        ),
        "UCSD Ped2 is research data. The weights are learned from it, and no rights in the data come with them: "
        "use them as you may use the data, for research and demonstration, and cite the two papers.",
        "It knows one camera, one walkway, daylight, and people who walk. Cyclists, skaters and small carts are what "
        "its test clips hold: how it fares with anything else, at night, in rain or in a crowd was never measured.",
    ),
    "scene": Data(
        "the training split of the procedural scene that `sdmae data scene` draws; no camera filmed it",
        (),
        "The scene is drawn by the program itself; nobody else has rights in it.",
        "It knows a drawing. No figure of it says anything of a real camera.",
    ),
}
"""By the benchmark's name: only detectors of these can be shipped."""


@dataclass(frozen=True, slots=True)
class Result:
    """What `sdmae evaluate` measured of one training run."""

    seed: int
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card is made from."""

    name: str
    benchmark: str
    detector: Detector
    """As it is shipped."""
    size: int
    """Bytes of its file."""
    results: Sequence[Result]
    """At least one, by seed."""
    moved: str
    """How far rounding moves scores; empty where it was not measured."""
    alarms: str
    """Why it has none; unused where it has."""
    speed: str
    """How fast, and on what; may be empty."""
    notes: Sequence[str]
    """What else is to be known of how it was trained and chosen."""


TEMPLATE = """# {name}

A detector of unusual events for **one camera**, {title}: `sdmae.load("{name}")`, or
`sdmae detect SOURCE --detector {name} --output DIR`. Written by `benchmarks/ship.py`.

## What it is

{what}

## What it is for

To see the program at work, and to compare with: a demonstration and a research artefact. On video of another camera
its scores mean nothing; train your own on your camera's ordinary video (`sdmae train normal/ --preset small --output
cam.safetensors`). It is made for no decision about a person.

## Data

{data}

## How it was trained

{training}

## How well it finds

{title}, all {frames:,} test frames, {abnormal:,} of them abnormal; per cent.

{table}

{figures}

{protocol}

## Limits

{limits}
{speed}
## Licence

The program's code is under Apache-2.0. {rights}
"""


def card(facts: Facts) -> str:
    """Markdown."""
    known = DATA[facts.benchmark]
    own = own_result(facts)
    data = [f"Learned from {known.what}.", *(f"Cite {paper}." for paper in known.cite), known.rights]
    if facts.detector.provenance.get("ubnormal"):
        data.insert(1, "Objects of UBnormal's training split (Acsintoae et al., CVPR 2022) were pasted into it.")
    return TEMPLATE.format(
        name=facts.name,
        title=TITLES[facts.benchmark],
        what=_list(_what(facts)),
        data=_list(data),
        training="\n\n".join(_training(facts)),
        frames=own.metrics["frames"],
        abnormal=own.metrics["abnormal_frames"],
        table=_table(facts),
        figures="\n\n".join(_figures(facts)),
        protocol="\n\n".join([terms(own.metrics), *measured_how(own.metrics)]),
        limits=_list([known.knows, *_limits(own.metrics), *_standing(facts.detector.config)]),
        speed=f"\n## Speed\n\n{facts.speed}\n" if facts.speed else "",
        rights=known.rights,
    )


def own_result(facts: Facts) -> Result:
    """The result of the shipped detector: by its fingerprint, else by its seed, else the first."""
    prints = _fingerprints(facts.detector)
    by_print = [one for mark in prints for one in facts.results if one.metrics["detector"] == mark]
    by_seed = [one for one in facts.results if one.seed == facts.detector.config.train.seed]
    return [*by_print, *by_seed, *facts.results][0]


def is_measured(facts: Facts) -> bool:
    """Whether a result is of these very weights, before or after they were rounded."""
    return own_result(facts).metrics["detector"] in _fingerprints(facts.detector)


def training_command(config: Config, benchmark: str) -> str:
    """The command that trains such a detector, told by its settings."""
    start = PRESETS.get(config.preset, PRESETS["base"])
    words = ["sdmae", "train", "--benchmark", benchmark, "--root", "DIR", "--preset", start.preset]
    before, now = to_dict(start), to_dict(config)
    for section in ("input", "model", "anomalies", "train", "score"):
        for key, value in now[section].items():
            # What a preset leaves open is settled by the video.
            if value != before[section][key] and before[section][key] is not None:
                text = value if isinstance(value, str) else json.dumps(value)
                words += [f"--{section}.{key}", text]
    return shlex.join([*words, "--output", "FILE.safetensors"])


def _fingerprints(detector: Detector) -> list[str]:
    return [detector.fingerprint(), detector.provenance["rounded_from"]]


def _what(facts: Facts) -> list[str]:
    detector = facts.detector
    config, size = detector.config, detector.size
    parameters = sum(p.numel() for p in detector.model.parameters())
    kind = "grey" if config.input.grey else "colour"
    lines = [
        f"Network: preset `{config.preset}`, {parameters:,} parameters; frames of {size.width}x{size.height}, "
        f"{kind}, {detector.rate:g} a second.",
        f"File: {facts.size / 1e6:.2f} MB; parameters in half precision (float16), computed with in single."
        f"{facts.moved}",
        f"Fingerprint {detector.fingerprint()}; before it was rounded {detector.provenance['rounded_from']}.",
    ]
    if detector.calibration is None:
        return [*lines, f"Alarms: none, only scores: {facts.alarms}."]
    level = detector.calibration.causal
    return [*lines, f"Alarms, live: {words(level)} ({detector.calibration.video}). {warning(level) or ''}".rstrip()]


def _training(facts: Facts) -> list[str]:
    about, config = facts.detector.provenance, facts.detector.config
    best = [max((h["auc"] for h in about["history"] if h["phase"] == phase), default=None) for phase in (1, 2)]
    aucs = " and ".join(f"{auc:.3f} ({who})" for auc, who in zip(best, ("teacher", "student"), strict=True) if auc)
    return [
        f"```sh\n{training_command(config, facts.benchmark)}\n```",
        f"On {about['made'][:10]} with sdmae {about['sdmae']} and torch {about['torch']} on {about['device']}, seed "
        f"{config.train.seed}, {about['training_frames']:,} frames, in {about['seconds'] / 60:.0f} minutes.",
        f"Chosen without test labels: the epoch kept is the best by {about['selection']}; it had {aucs} there.",
        *facts.notes,
    ]


def _table(facts: Facts) -> str:
    results = facts.results
    rows = [
        (f"seed {one.seed}{' (this one)' if is_measured(facts) and one is own_result(facts) else ''}", one.metrics)
        for one in results
    ]
    lines = [["", *COLUMNS], ["---"] * (1 + len(COLUMNS))]
    lines += [[title, *(_per_cent(_at(metrics, path)) for path in COLUMNS.values())] for title, metrics in rows]
    if len(results) > 1:
        columns = [[_at(one.metrics, path) for one in results] for path in COLUMNS.values()]
        means = [_per_cent(fmean(known)) if (known := _known(column)) else "" for column in columns]
        lines.append([f"**mean of {len(results)} seeds**", *means])
    for key, figures in results[0].metrics["baselines"].items():
        lines.append([NAMES[key], *(_per_cent(_at(figures, path)) for path in COLUMNS.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figures(facts: Facts) -> list[str]:
    own = own_result(facts)
    about, mark = own.metrics, own.metrics["detector"]
    if mark == facts.detector.fingerprint():
        lines = [f"The figures of seed {own.seed} are of this file."]
    elif is_measured(facts):
        lines = [f"The figures of seed {own.seed} are of these weights before they were rounded."]
    else:
        lines = ["None of these figures is of this file's weights, by their fingerprints: take them for its kind."]
    span = about["intervals"]["micro_auc"]
    if span is not None:
        lines.append(
            f"Over the test clips the {100 * span['level']:g} % bootstrap interval of seed {own.seed}'s micro AUC is "
            f"{_per_cent(span['low'])} to {_per_cent(span['high'])}."
        )
    runs = (f"seed {one.seed} at commit {str(one.metrics['made']['commit'])[:7]}" for one in facts.results)
    lines.append(f"Measured by `sdmae evaluate`: {', '.join(runs)}.")
    return lines


def _limits(metrics: Mapping[str, Any]) -> list[str]:
    """What it misses, by its own results."""
    lines = []
    clips = sorted((row for row in metrics["videos"] if row["auc"] is not None), key=lambda row: row["auc"])
    if clips:
        named = ", ".join(f"{row['name']} ({_per_cent(row['auc'])})" for row in clips[:WEAKEST])
        lines.append(f"It is weakest on the test clips {named}, by their own frame AUC.")
    found = metrics["alarms"].get("calibrated")
    if found:
        alarms = f"{found['false_alarms']} false alarm{'' if found['false_alarms'] == 1 else 's'}"
        lines.append(
            f"The alarms it was evaluated with, calibrated on {found['calibrated_on_seconds']:.0f} s, found "
            f"{found['events_found']} of {metrics['alarms']['events']} events, with {alarms} in "
            f"{3600 * found['normal_hours']:.0f} s of normal video: too little video to promise a rate."
        )
    for key, figures in metrics["baselines"].items():
        behind = [name for name in ("rbdc", "tbdc") if (_at(figures, (name,)) or 0) > (_at(metrics, (name,)) or 1)]
        if behind:
            lines.append(
                f"It says when better than where: by {' and '.join(map(str.upper, behind))}, {NAMES[key]} is ahead."
            )
    return lines


def _standing(config: Config) -> list[str]:
    if config.score.still:
        return []
    return ["Scores are weighted by motion: what stands still is invisible to it."]


def _at(metrics: Mapping[str, Any], path: Sequence[str]) -> float | None:
    value: Any = metrics
    for key in path:
        value = value.get(key) if value is not None else None
    return None if value is None else float(value)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _per_cent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
