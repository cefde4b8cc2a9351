"""The state of an unfinished training run, in one file that is always whole."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdmae.errors import DetectorError

FORMAT = 1


@dataclass
class State:
    """Where a run stands. Random numbers depend on the position alone, so they need no place here."""

    key: str
    """Fingerprint of configuration and training frames: a checkpoint only continues what began it."""
    phase: int = 1
    """1: teacher, 2: student, 3: finished."""
    epoch: int = 0
    """Epoch of the phase, from 0."""
    step: int = 0
    """Steps of the epoch that are done."""
    model: dict[str, Tensor] = field(default_factory=dict)
    """The network's weights and buffers."""
    optimizer: dict[str, Any] = field(default_factory=dict)
    """The optimiser's state; empty at the start of a phase."""
    best: dict[str, Tensor] = field(default_factory=dict)
    """The weights with the best AUC of this phase on held-out normal video."""
    best_auc: float = -1.0
    """Their AUC, in [0, 1]."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One entry for each validation: phase, epoch, auc."""
    log_rows: int = 0
    """Rows of the loss table that belong to the steps done."""


def save_checkpoint(path: Path, state: State) -> None:
    """Writes beside the old checkpoint, waits for the disk, then takes its place."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            torch.save({"format": FORMAT, **vars(state)}, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise DetectorError(f"{path}: the checkpoint cannot be written ({error}); make room and --resume") from None


def load_checkpoint(path: Path, key: str) -> State:
    """The run to continue. Raises `DetectorError` where it is broken or began with other settings or other video."""
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
        if data.pop("format") != FORMAT:
            raise KeyError
        state = State(**data)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, EOFError, AttributeError):
        raise DetectorError(f"{path}: not a checkpoint of this version; start anew with --overwrite") from None
    except Exception as error:  # the unpickler has an exception type of its own
        raise DetectorError(f"{path}: the checkpoint is broken ({type(error).__name__}); use --overwrite") from None
    if state.key != key:
        raise DetectorError(
            f"{path}: belongs to other settings or other video; give the same ones, or start anew with --overwrite"
        )
    return state
