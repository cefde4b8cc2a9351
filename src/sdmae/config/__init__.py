"""Every setting, once: what there are, what they may be, and as plain values."""

from sdmae.config.bounds import check, check_source
from sdmae.config.settings import (
    AnomalyConfig,
    Config,
    EventConfig,
    GateConfig,
    InputConfig,
    ModelConfig,
    ScoreConfig,
    SourceConfig,
    TrainConfig,
)
from sdmae.config.values import from_dict, refuse_unknown, to_dict

__all__ = [
    "AnomalyConfig",
    "Config",
    "EventConfig",
    "GateConfig",
    "InputConfig",
    "ModelConfig",
    "ScoreConfig",
    "SourceConfig",
    "TrainConfig",
    "check",
    "check_source",
    "from_dict",
    "refuse_unknown",
    "to_dict",
]
