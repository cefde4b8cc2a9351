"""What the report of a benchmark says in words: how it was measured, what the measures are, with what it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sdmae.evaluation.beside import NAMES
from sdmae.metrics.derived import MIN_REGION_AREA
from sdmae.metrics.detections import MIN_DETECTION_SHARE

TITLES = {
    "ped1": "UCSD Ped1",
    "ped2": "UCSD Ped2",
    "avenue": "CUHK Avenue",
    "shanghaitech": "ShanghaiTech Campus",
    "ubnormal": "UBnormal",
    "scene": "Drawn scene",
}
"""Benchmarks as people call them."""
EVENTS = (
    "An event is an unbroken stretch of abnormal frames. An alarm is false that shares no moment with an event, and "
    "is counted per hour of normal time; one that begins before its event or outlasts it is on in normal time, too, "
    "but not false. The delay runs from an event's start to its first alarm."
)
"""What the figures of alarms count."""


def detector_saw(clips: Sequence[str]) -> str:
    """That the detector was trained on these test clips."""
    names = ", ".join(clips[:8]) + (f" and {len(clips) - 8} more" if len(clips) > 8 else "")
    return f"the detector was trained on {names} of the test clips, going by name and size of the files"


def what_it_saw(metrics: Mapping[str, Any]) -> str:
    """Which of the test clips the detector was trained on."""
    clips = metrics["seen_in_training"]
    if clips is None:
        return "Whether the detector was trained on any of these clips is not known: its file does not say on which."
    if clips:
        return f"Beware: {detector_saw(clips)}."
    return "The detector was trained on none of these clips, going by name and size of the files."


def warnings(metrics: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """What must be known before any figure is read: a sentence and its particulars, each."""
    found: list[tuple[str, list[str]]] = []
    if metrics["missing"]:
        found.append(
            ("The benchmark is not whole: no figure here compares with a published one.", metrics["missing"])
        )
    if metrics["seen_in_training"]:
        words = detector_saw(metrics["seen_in_training"])
        found.append((f"T{words[1:]}: their figures say nothing of new video.", []))
    if not metrics["protocol"]["fixed"]:
        found.append(
            (
                "Another offline smoothing than the benchmark's was asked for: no offline figure here compares with "
                "one that is fixed for the benchmark.",
                [metrics["protocol"]["offline"], metrics["protocol"]["source"]],
            )
        )
    return found


def set_aside(metrics: Mapping[str, Any]) -> str:
    """Why a calibrated offline threshold is not used."""
    about = metrics["protocol"]
    return (
        f"The detector's calibrated offline threshold is one of scores smoothed over {about['detector_sigma']:g} s, "
        f"its own setting; these are smoothed over {about['sigma']:g} s, so that it is not used here."
    )


def terms(metrics: Mapping[str, Any]) -> str:
    """What the columns of the table are."""
    lines = [
        "Micro: all frames of all videos together. Macro: the mean over videos, each with one more normal frame "
        "below and one more abnormal frame above all of its own, so that videos of one class count (the field's "
        "convention); two-class: without these, over videos that have both. Clip-normalised: each video scaled by "
        "its own extremes first, which no live system can do. AP: average precision. EER: equal error rate."
    ]
    if metrics["rbdc"] is not None:
        lines.append("RBDC and TBDC: regions and tracks found at up to one false positive a frame.")
    if metrics["pixel_auc"] is not None:
        lines.append("Pixel AUC: all pixels of all frames with a mask, one ROC.")
    return " ".join(lines)


def measured_how(metrics: Mapping[str, Any]) -> list[str]:
    """The protocol, a paragraph each."""
    about = metrics["protocol"]
    lines = [
        f"Offline ({about['name']}): {about['offline']}. Where the {about['sigma']:g} s are from: {about['source']}. "
        f"The rule: {about['rule']}. An offline score looks ahead, and so is no figure of a live camera.",
        f"Causal (what can be deployed): {about['causal']}; the frame's own triplet needs a fraction "
        "of a second of delay. Alarms are those of these scores.",
        f"The baselines, {' and '.join(NAMES[key] for key in metrics['baselines'])}, score a frame by its largest "
        "mean difference over a cell of 16 x 16 pixels and are smoothed over time in the same way.",
    ]
    about = metrics["regions"]
    if about is not None:
        derived = (
            f" Where there are masks only, regions are their connected parts of at least {MIN_REGION_AREA} pixels, "
            "linked between frames where they overlap: derived, and comparable only with others derived so."
            if "derived" in about["origin"]
            else ""
        )
        lines.append(
            "Regions: the filtered maps, unsmoothed over time, each less its own median, are cut at "
            f"{len(about['levels'])} levels that are quantiles of their own highest values, without labels; a "
            "connected part is a detection, the highest value of the map in it its score, and it has at least "
            f"{100 * MIN_DETECTION_SHARE:g} % of the picture. A region is found "
            "by an intersection over union of 0.1 or more, a track when 10 % of its regions are." + derived
        )
    if metrics["pixels"] is not None:
        lines.append(
            f"Pixels: the filtered maps, scaled to the frame, over {metrics['pixels']['pixels']:,} pixels of "
            f"{metrics['pixels']['clips']} videos, {metrics['pixels']['abnormal_pixels']:,} of them abnormal; "
            f"exact to {100 * metrics['pixels']['error']:.1g} percentage points."
        )
    chosen = "checkpoint, threshold, levels" + (", smoothing" if metrics["protocol"]["fixed"] else "")
    lines.append(
        f"Nothing ({chosen}) was chosen here by test labels, but for the thresholds that are called “by test labels”."
    )
    return lines


def made(metrics: Mapping[str, Any], noted: Path | None, provenance: Mapping[str, Any]) -> list[str]:
    """Machine, versions, commit, detector and ledger, a line each."""
    about = metrics["made"]
    machine, versions, threads = about["machine"], about["versions"], about["threads"]
    commit = "unknown (not a checkout)" if about["commit"] is None else about["commit"]
    gpus = "".join(f", {gpu}" for gpu in machine["gpus"])
    learned = provenance.get("trained_on")
    seed = provenance.get("seed")
    lines = [
        f"Detector {metrics['detector']}"
        + (f", trained on {learned}" if learned else "")
        + (f", seed {seed}" if seed is not None else ""),
        f"Machine: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB{gpus}; "
        f"{machine['system']}",
        f"Ran on: {about['gpu'] or about['device']}, {threads} thread{'' if threads == 1 else 's'}",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
        f"Code: commit {commit}" + (", with changes that are not committed" if about["dirty"] else ""),
    ]
    if noted is None:
        lines.append("Ledger: no line, since this test set is drawn, and looking at it costs nothing")
    else:
        lines.append(f"Ledger: this look at the test set is a line of {noted}")
    return lines
