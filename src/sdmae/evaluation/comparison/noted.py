"""What `sdmae evaluate` (or `detect`) noted beside the scores of a method, for those who compare it with others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sdmae.errors import BenchmarkError
from sdmae.evaluation.files.frame_files import SERIES

Protocol = Literal["offline", "causal", "unknown"]
"""Whether a score may look into the future."""
FIGURES = ("rbdc", "tbdc", "pixel_auc")
"""Measures that cannot be had from scores, 0 to 1, by their keys in metrics.json."""

_CAUSAL = "_causal"


@dataclass(frozen=True, slots=True)
class Alarms:
    """A detector as it is, calibrated on normal video: its alarms on the test clips, by its causal scores."""

    events: int
    """Abnormal stretches of the test clips."""
    found: int
    """Those with an alarm."""
    false_per_hour: float | None
    """False alarms an hour of normal time; None without any such time."""
    median_delay: float | None
    """Seconds from an event's start to its first alarm; None where none is found."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What is known of a folder of scores."""

    protocol: Protocol = "unknown"
    smoothing: str | None = None
    """The protocol in evaluate's words."""
    benchmark: str | None = None
    missing: tuple[str, ...] = ()
    """What of the benchmark was not there, in words."""
    doubts: tuple[str, ...] = ()
    """What sets these scores apart from published ones, in words that follow the method's name."""
    micro_auc: float | None = None
    """Of these scores by evaluate's labels, 0 to 1."""
    figures: Mapping[str, float | None] | None = None
    """By the keys of `FIGURES`; they are of the maps, unsmoothed over time, and so the same in either protocol."""
    origin: str | None = None
    """Of the regions that rbdc and tbdc are about."""
    alarms: Alarms | None = None
    fps: float | None = None
    """Frames a second from file to score."""
    machine: str | None = None
    """What it ran on, in words, where that was noted."""


def read_noted(folder: Path) -> Noted:
    """What is noted of the scores in a folder: one that evaluate or detect wrote, or one in evaluate's `series`.

    Raises `BenchmarkError` for a metrics.json that cannot be read.
    """
    place = folder.resolve()
    if (folder / "metrics.json").is_file():
        return _noted(_read(folder / "metrics.json"), "detector")
    if place.parent.name == SERIES and (place.parents[1] / "metrics.json").is_file():
        return _noted(_read(place.parents[1] / "metrics.json"), place.name)
    if (folder / "run.json").is_file():
        said = _read(folder / "run.json").get("protocol")
        return Noted(protocol="causal" if said == "causal" else "offline" if said == "offline" else "unknown")
    return Noted()


def _read(path: Path) -> dict[str, Any]:
    remedy = "evaluate anew" if path.name == "metrics.json" else "detect anew"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read ({error}); {remedy}") from None
    if not isinstance(found, dict):
        raise BenchmarkError(f"{path}: is not what sdmae writes; {remedy}")
    return found


def _noted(about: Mapping[str, Any], series: str) -> Noted:
    """series: name of the folder in `series` that the scores are those of."""
    causal = series.endswith(_CAUSAL)
    whose = series.removesuffix(_CAUSAL)
    own = about if whose == "detector" else _part(_part(about, "baselines"), whose)
    missing = about.get("missing")
    benchmark = about.get("benchmark")
    known = Noted(
        benchmark=str(benchmark) if benchmark else None,
        missing=tuple(str(one) for one in missing) if isinstance(missing, list) else (),
    )
    if not own:
        return known
    protocol: Protocol = "causal" if causal else "offline"
    words = _part(about, "protocol").get(protocol)
    detector = whose == "detector"
    return Noted(
        protocol=protocol,
        smoothing=str(words) if words else None,
        benchmark=known.benchmark,
        missing=known.missing,
        doubts=_doubts(about, detector=detector),
        micro_auc=_number(_part(own, "causal") if causal else own, "micro_auc"),
        figures={key: _number(own, key) for key in FIGURES},
        origin=str(_part(own, "regions").get("origin") or "") or None,
        alarms=_alarms(_part(about, "alarms")) if detector else None,
        fps=_number(about, "fps_end_to_end") or None if detector else None,
        machine=_machine(_part(_part(about, "made"), "machine")) if detector else None,
    )


def _doubts(about: Mapping[str, Any], *, detector: bool) -> tuple[str, ...]:
    seen = about.get("seen_in_training") if detector else None
    said = [f"was trained on {len(seen)} of the test clips"] if isinstance(seen, list) and seen else []
    if _part(about, "protocol").get("fixed") is False:
        said.append("was smoothed otherwise than is fixed for the benchmark")
    return tuple(said)


def _alarms(about: Mapping[str, Any]) -> Alarms | None:
    calibrated = _part(about, "calibrated")
    events, found = _number(about, "events"), _number(calibrated, "events_found")
    if events is None or found is None:
        return None
    return Alarms(
        int(events), int(found), _number(calibrated, "false_alarms_per_hour"), _number(calibrated, "median_delay")
    )


def _machine(about: Mapping[str, Any]) -> str | None:
    """The machine in words, from what the ledger's `environment` says of it."""
    gpus = about.get("gpus")
    parts = [str(gpu) for gpu in gpus] if isinstance(gpus, list) else []
    if not parts and about.get("cpu"):
        parts = [str(about["cpu"]), *([f"{about['cores']} cores"] if about.get("cores") else [])]
    return ", ".join(parts) or None


def _number(about: Mapping[str, Any], key: str) -> float | None:
    """The finite number, 0 or more, of that key; None where there is none."""
    value = about.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        return None
    return float(value)


def _part(about: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The object of that key, empty where there is none."""
    found = about.get(key)
    return found if isinstance(found, dict) else {}
