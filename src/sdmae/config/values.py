"""Settings as plain values, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, fields
from difflib import get_close_matches
from typing import Any

from sdmae.config.settings import (
    AnomalyConfig,
    Config,
    EventConfig,
    GateConfig,
    InputConfig,
    ModelConfig,
    ScoreConfig,
    TrainConfig,
)
from sdmae.errors import ConfigError


def to_dict(config: Config) -> dict[str, Any]:
    """Plain nested dictionary of the settings, fit for JSON; tuples become lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        return [plain(v) for v in value] if isinstance(value, tuple) else value

    return {k: plain(v) for k, v in asdict(config).items()}


def from_dict(data: dict[str, Any]) -> Config:
    """The `Config` that `to_dict` wrote. Raises `ConfigError` naming a setting it does not know."""
    sections = {
        "input": InputConfig,
        "model": ModelConfig,
        "anomalies": AnomalyConfig,
        "train": TrainConfig,
        "score": ScoreConfig,
        "events": EventConfig,
        "gate": GateConfig,
    }

    def tuples(value: Any) -> Any:
        return tuple(tuples(v) for v in value) if isinstance(value, list) else value

    refuse_unknown(Config, data, "")
    values = dict(data)
    for name in sections.keys() & data.keys():
        refuse_unknown(sections[name], data[name], f"{name}.")
        values[name] = sections[name](**{k: tuples(v) for k, v in data[name].items()})
    return Config(**values)


def refuse_unknown(kind: type, data: Iterable[Any], where: str) -> None:
    """Raises `ConfigError` naming the first of the keys that no field of the dataclass `kind` has, and the nearest.

    where: what stands before the key in a message, such as `model.`.
    """
    known = {f.name for f in fields(kind)}
    for name in data:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"unknown setting {where}{name}{meant}; known here: {', '.join(sorted(known))}")
