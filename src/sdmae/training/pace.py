"""How fast a configuration is trained on this machine, and how many epochs that leaves room for."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from sdmae.config import Config, TrainConfig
from sdmae.data.training_set import SampleSet
from sdmae.detector import build_model
from sdmae.training.checkpoint import State
from sdmae.training.phases import STUDENT, TEACHER, Run, step_seconds, steps_per_epoch
from sdmae.training.run import accelerator_of
from sdmae.training.validation import held_out_auc

CAUTION = 0.9
"""Share of the time given that is planned for: a machine is not always as fast as in its first seconds."""
FEW = 32
"""Samples that stand for a whole validation."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds on the machine at hand."""

    teacher: float
    """Of a step of phase 1."""
    student: float
    """Of a step of phase 2."""
    validation: float
    """Of the validation at the end of an epoch."""

    def epochs(self, train: TrainConfig, samples: int, seconds: float) -> tuple[int, int]:
        """Epochs of teacher and student that take at most so many seconds, in the proportion they have in `train`.

        Never more than there, and never less than one of each, however little time there is.
        """
        whole = self.seconds(train, samples, (train.teacher_epochs, train.student_epochs))
        share = min(1.0, max(0.0, CAUTION * seconds) / max(whole, 1e-9))
        return max(1, int(train.teacher_epochs * share)), max(1, int(train.student_epochs * share))

    def seconds(self, train: TrainConfig, samples: int, epochs: tuple[int, int]) -> float:
        """That so many epochs of teacher and student take."""
        steps = steps_per_epoch(samples, train.batch_size)
        each = (steps * self.teacher, steps * self.student)
        return sum(
            count * (own + self.validation / train.validate_every) for count, own in zip(epochs, each, strict=True)
        )


def measure_pace(config: Config, sets: tuple[SampleSet, SampleSet], device: str | None) -> Pace:
    """Takes a few steps of each phase, on samples to learn from and held-out ones, and forgets them."""
    accelerator = accelerator_of(config, device)
    model = build_model(config).to(accelerator.device)
    training, held_out = sets
    run = Run(accelerator, model, config, training, held_out, Path(), State(""), lambda line: None)
    teacher, student = (step_seconds(run, phase) for phase in (TEACHER, STUDENT))
    few = replace(config, train=replace(config.train, validation_samples=FEW))
    before = time.perf_counter()
    held_out_auc(model, held_out, few, student=True)
    validation = (time.perf_counter() - before) / min(FEW, len(held_out))
    return Pace(teacher, student, validation * min(config.train.validation_samples, len(held_out)))
