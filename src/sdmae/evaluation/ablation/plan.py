"""What an ablation's folder was begun with: whoever goes on, goes on with that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sdmae.config import Config, to_dict
from sdmae.errors import ConfigError

FILE = "ablation.json"
FORMAT = 1


@dataclass
class Plan:
    """Everything that all rows of one folder share, and the epochs of each."""

    benchmark: str
    """Its name."""
    config: dict[str, Any]
    """The settings that the rows change, as plain dictionaries."""
    minutes: float | None
    """Most minutes of training a row; None: as many epochs as the settings say."""
    frames: str = ""
    """Digest of the video; empty while it was not read."""
    judge: str = ""
    """Digest of the judge's samples."""
    epochs: dict[str, list[int]] = field(default_factory=dict)
    """For each row that is trained, those of teacher and student."""

    def settle(self, output: Path, frames: str, judge: str) -> None:
        """Notes what is trained on and judged by. Raises `ConfigError` where the folder has others."""
        if (self.frames and self.frames != frames) or (self.judge and self.judge != judge):
            raise ConfigError(
                f"{output}: holds an ablation on other video, or one judged by other samples; choose another --output"
            )
        self.frames, self.judge = frames, judge

    def as_json(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {"format": FORMAT, **asdict(self)}


def open_plan(output: Path, benchmark: str, config: Config, minutes: float | None) -> Plan:
    """The plan of a folder, or a new one. Raises `ConfigError` where the folder holds anything else."""
    now = Plan(benchmark, to_dict(config), minutes)
    path = output / FILE
    if not path.exists():
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ConfigError(f"{output}: holds no ablation, but something else; choose another --output")
        return now
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))["plan"]
        if kept.pop("format") != FORMAT:
            raise ValueError
        before = Plan(**kept)
        differing = list(_differing(before, now))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(
            f"{path}: not the beginning of an ablation of this version; choose another --output"
        ) from None
    if differing:
        raise ConfigError(
            f"{output}: holds an ablation with other settings ({', '.join(differing)}); give the same ones to go on, "
            "or choose another --output"
        )
    return before


def _differing(before: Plan, now: Plan) -> Iterator[str]:
    """What of two plans must be equal and is not, as the command line calls it."""
    for name in ("benchmark", "minutes"):
        one, other = getattr(before, name), getattr(now, name)
        if one != other:
            yield f"{name} {'none' if one is None else one} there, {'none' if other is None else other} here"
    for section, values in now.config.items():
        kept = before.config.get(section)
        if not isinstance(values, dict) or not isinstance(kept, dict):
            if values != kept:
                yield section
            continue
        yield from (f"{section}.{name}" for name in values.keys() | kept.keys() if values.get(name) != kept.get(name))
