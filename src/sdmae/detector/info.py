"""What a detector, a preset or a video is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdmae.config import Config, to_dict
from sdmae.detector import build_model, load, shipped_detectors
from sdmae.detector.exported import is_exported
from sdmae.detector.shipped import card
from sdmae.errors import SourceError
from sdmae.model import PRESETS, SDMAE, gflop_per_frame
from sdmae.model.presets import fit
from sdmae.scoring import Calibration
from sdmae.scoring.calibrated import words
from sdmae.video import find_clips, probe

EXAMPLE = (720, 1280)
"""Rows and columns of the camera for which a preset of open size is described."""


def inventory() -> dict[str, Any]:
    """What can be named without a file."""
    return {"presets": list(PRESETS), "shipped_detectors": shipped_detectors()}


def describe(name: str) -> dict[str, Any]:
    """Facts about the thing of that name. Raises `SourceError` or `DetectorError` where it is none of the three."""
    if name in PRESETS and not Path(name).exists():
        config = fit(PRESETS[name], *EXAMPLE, 25.0)
        return {"kind": "preset", "name": name, **_network(build_model(config), config), "settings": to_dict(config)}
    ours = name in shipped_detectors() and not Path(name).is_file()
    if ours or Path(name).suffix == ".safetensors" or is_exported(Path(name)):
        detector = load(name, device="cpu", stale=True)
        return {
            "kind": "detector",
            "name": name,
            **_network(detector.model, detector.config),
            "fingerprint": detector.fingerprint(),
            "provenance": detector.provenance,
            "calibration": None if detector.calibration is None else detector.calibration.to_dict(),
            "settings": to_dict(detector.config),
            **({"card": card(name)} if ours else {}),
        }
    if len(Path(name).parts) == 1 and not Path(name).suffix and not Path(name).exists():
        raise SourceError(
            f"{name}: no file or folder, no preset ({', '.join(PRESETS)}) and no shipped detector "
            f"({', '.join(shipped_detectors()) or 'none'}) of that name"
        )
    clips = []
    for clip in find_clips(name):
        info = probe(clip)
        clips.append(
            {
                "name": clip.name,
                "width": info.size.width,
                "height": info.size.height,
                "rate": info.rate,
                "codec": info.codec,
                "declared_frames": info.declared_frames,
                "declared_seconds": info.declared_seconds,
            }
        )
    return {"kind": "video", "name": name, "clips": clips}


def _network(model: SDMAE, config: Config) -> dict[str, Any]:
    return {
        "preset": config.preset,
        "input_size": [config.input.height, config.input.width],
        "channels": config.input.channels,
        "patch": config.model.patch,
        "tokens": model.grid[0] * model.grid[1],
        "parameters": sum(p.numel() for p in model.parameters()),
        "gflop_per_frame": round(gflop_per_frame(model), 4),
    }


def _alarms(kept: dict[str, Any] | None) -> list[str]:
    if kept is None:
        return ["alarms: not calibrated"]
    found = Calibration.from_dict(kept)
    return [
        f"alarms, live: {words(found.causal)}",
        f"alarms, offline: {words(found.offline)}",
        f"calibrated with: {found.video}",
    ]


def in_words(facts: dict[str, Any]) -> str:
    """The same for a reader: one line a fact, settings left to --json; then the card."""
    lines = []
    for key, value in facts.items():
        if key == "clips":
            for clip in value:
                known = f"{clip['declared_frames']} frames declared" if clip["declared_frames"] else "length unknown"
                size = f"{clip['width']}x{clip['height']}"
                lines.append(f"{clip['name']}: {size}, {clip['rate']:g} frames/s, {clip['codec']}, {known}")
        elif key == "provenance":
            lines += [f"{k}: {v}" for k, v in value.items() if k not in ("history", "marks")]
        elif key == "calibration":
            lines += _alarms(value)
        elif key == "input_size":
            lines.append(f"input size: {value[1]}x{value[0]}")
        elif key == "card":
            lines += ["", value.rstrip()]
        elif isinstance(value, list):
            lines.append(f"{key.replace('_', ' ')}: {', '.join(value) or 'none'}")
        elif key != "settings":
            lines.append(f"{key.replace('_', ' ')}: {f'{value:,}' if isinstance(value, int) else value}")
    return "\n".join(lines)
