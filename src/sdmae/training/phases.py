"""The two phases: first encoder, teacher and classifier; then the student alone, the rest frozen in eval mode."""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sdmae.config import Config, TrainConfig
from sdmae.data.prefetch import prefetched
from sdmae.data.training_set import Batch, SampleSet
from sdmae.errors import DetectorError
from sdmae.interrupt import deferred_interrupt
from sdmae.model import SDMAE, student_loss, teacher_loss
from sdmae.model.gate import Group, parted
from sdmae.progress import progress
from sdmae.training.chance import Purpose, generator, seed_of
from sdmae.training.checkpoint import State, save_checkpoint
from sdmae.training.validation import gate_of, held_out_auc

TEACHER, STUDENT, FINISHED = 1, 2, 3
WHOLE = 0.25
"""Share of the samples that are seen in full by a network that is trained with the gate."""
COLUMNS = ("phase", "epoch", "step", "learning_rate", "loss", "frame", "map", "classifier")


@dataclass
class Run:
    """What a phase works on."""

    accelerator: Accelerator
    model: SDMAE
    config: Config
    training: SampleSet
    held_out: SampleSet
    folder: Path
    state: State
    report: Callable[[str], None]


def run_phase(run: Run, phase: int) -> None:
    """Trains one phase from where the state stands; at its end the model holds the phase's best weights."""
    settings, state, accelerator = run.config.train, run.state, run.accelerator
    epochs = settings.teacher_epochs if phase == TEACHER else settings.student_epochs
    freeze(run.model, phase)
    optimizer = make_optimizer(run.model, settings)
    if state.optimizer:
        optimizer.load_state_dict(state.optimizer)
    model, optimizer = accelerator.prepare(run.model, optimizer)
    steps = steps_per_epoch(len(run.training), settings.batch_size)
    name = "teacher" if phase == TEACHER else "student"
    per_step = min(settings.batch_size, len(run.training))
    log = LossLog(run.folder / "losses.csv", state.log_rows) if accelerator.is_main_process else None
    saved = time.monotonic()

    def save() -> None:
        if log is not None:
            log.flush()
            state.log_rows = log.rows
            state.model = _copy(run.model)
            state.optimizer = _unwrapped(optimizer).state_dict()
            save_checkpoint(run.folder / "checkpoint.pt", state)

    done = (state.epoch * steps + state.step) * per_step
    bar = progress(name, epochs * steps * per_step, "samples", done, silent=log is None)
    with bar, closing(log) if log is not None else nullcontext(), deferred_interrupt() as interrupted:
        while state.epoch < epochs:
            _set_mode(run.model, phase)
            batches = _batches(run, phase, steps)
            # Where the frames lie on the disk, the next batches are fetched while this one is learned from.
            for batch, noise, groups in batches if run.training.source.resident else prefetched(batches):
                # Dropout has no generator of its own to be given; the global one is set to the step's.
                torch.manual_seed(seed_of(settings.seed, Purpose.SAMPLES, *_where(run, phase), 1))
                rate = learning_rate(settings, state.epoch * steps + state.step, epochs * steps)
                losses = _step(run, model, optimizer, phase, batch, noise, groups, rate)
                if log is not None:
                    log.add(phase, state.epoch, state.step, rate, losses)
                state.step += 1
                bar.set_postfix(epoch=f"{state.epoch + 1}/{epochs}", loss=f"{losses['loss']:.4f}", refresh=False)
                bar.update(per_step)
                if interrupted() or time.monotonic() - saved > 60 * settings.checkpoint_minutes:
                    save()
                    saved = time.monotonic()
                if interrupted():
                    raise KeyboardInterrupt
            state.epoch, state.step = state.epoch + 1, 0
            if state.epoch % settings.validate_every == 0 or state.epoch == epochs:
                _validate(run, phase)
                auc = state.history[-1]["auc"]
                run.report(f"{name} epoch {state.epoch}/{epochs}: held-out AUC {auc:.4f}")
            save()
            saved = time.monotonic()
            if interrupted():
                raise KeyboardInterrupt
    if state.best:
        run.model.load_state_dict(state.best)
    state.phase, state.epoch, state.step = phase + 1, 0, 0
    state.optimizer, state.best, state.best_auc = {}, {}, -1.0
    state.model = _copy(run.model)
    if accelerator.is_main_process:
        save_checkpoint(run.folder / "checkpoint.pt", state)


def step_seconds(run: Run, phase: int, steps: int = 3) -> float:
    """Seconds of one step of a phase as this machine takes it now, samples included: the median of a few.

    For guessing how long a training run will take. Leaves the network changed, the state as it was.
    """
    freeze(run.model, phase)
    model, optimizer = run.accelerator.prepare(run.model, make_optimizer(run.model, run.config.train))
    _set_mode(run.model, phase)
    took = []
    before = time.perf_counter()
    for _ in range(steps + 1):
        for batch, noise, groups in _batches(run, phase, 1):
            _step(
                run, model, optimizer, phase, batch, noise, groups, 0.0
            )  # ends in numbers on the CPU: nothing is under way
        took.append(time.perf_counter() - before)
        before = time.perf_counter()
    return statistics.median(took[1:])  # the first one sets things up


def freeze(model: SDMAE, phase: int) -> None:
    """Phase 1 trains all but the student, phase 2 the student alone."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("student.") == (phase == STUDENT)


def make_optimizer(model: nn.Module, settings: TrainConfig) -> torch.optim.AdamW:
    """AdamW on what is not frozen; weight decay on matrices only, not on biases, norms, tokens and positions."""
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    spared = {n for n, p in trained.items() if p.ndim < 2 or n.endswith(("cls", "mask_token", "_position"))}
    groups = [
        {"params": [p for n, p in trained.items() if n not in spared], "weight_decay": settings.weight_decay},
        {"params": [p for n, p in trained.items() if n in spared], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.95))


def learning_rate(settings: TrainConfig, step: int, total: int) -> float:
    """The rate of a step, from 0, of a phase of `total` steps."""
    rate = settings.learning_rate * min(1.0, (step + 1) / max(1, settings.warmup_steps))
    if settings.schedule == "cosine":
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / max(1, total)))
    return rate


def steps_per_epoch(samples: int, batch: int) -> int:
    """Whole batches in an epoch: what is left over waits for another order. At least one."""
    return max(1, samples // batch)


def _batches(run: Run, phase: int, steps: int) -> Iterator[tuple[Batch, Tensor, list[Group]]]:
    """The rest of the state's epoch: each step's own share of samples for this process, its masks' noise, and which
    samples are run together."""
    settings, accelerator = run.config.train, run.accelerator
    epoch = run.state.epoch
    order = torch.randperm(len(run.training), generator=generator(settings.seed, Purpose.ORDER, phase, epoch))
    size = min(settings.batch_size, len(order))
    gate = gate_of(run.model, run.config)
    for step in range(run.state.step, steps):
        chance = generator(settings.seed, Purpose.SAMPLES, phase, epoch, step, accelerator.process_index)
        ids = order[step * size : (step + 1) * size][accelerator.process_index :: accelerator.num_processes]
        batch = run.training.batch(ids, chance)
        noise = torch.rand(len(ids), math.prod(run.model.grid), generator=chance).to(accelerator.device)
        whole = torch.rand(len(ids), generator=chance).to(accelerator.device) < WHOLE if gate else None
        yield batch, noise, parted(gate, batch.samples, run.config.model.patch, whole)


def _where(run: Run, phase: int) -> tuple[int, int, int, int]:
    """What tells a step of this process from every other."""
    return phase, run.state.epoch, run.state.step, run.accelerator.process_index


def _step(
    run: Run,
    model: nn.Module,
    optimizer: Any,
    phase: int,
    batch: Batch,
    noise: Tensor,
    groups: list[Group],
    rate: float,
) -> dict[str, float]:
    for settings in optimizer.param_groups:
        settings["lr"] = rate
    parts = [_losses(run, model, phase, batch, noise, group) for group in groups]
    shares = [len(group.rows) / len(noise) for group in groups]
    losses = {
        name: torch.stack([share * part[name] for share, part in zip(shares, parts, strict=True)]).sum()
        for name in parts[0]
    }
    optimizer.zero_grad()
    run.accelerator.backward(losses["loss"])
    if run.config.train.clip_norm is not None:
        run.accelerator.clip_grad_norm_(
            [p for p in run.model.parameters() if p.requires_grad], run.config.train.clip_norm
        )
    optimizer.step()
    values = torch.stack([v.detach() for v in losses.values()]).tolist()
    return dict(zip(losses, values, strict=True))


def _losses(run: Run, model: nn.Module, phase: int, batch: Batch, noise: Tensor, group: Group) -> dict[str, Tensor]:
    """Of those samples of the batch that are run together, each a mean over them."""
    settings = run.config.model
    if len(group.rows) < len(noise):
        batch, noise = batch.rows(group.rows), noise[group.rows]
    with run.accelerator.autocast():
        output = model(batch.samples, noise, student=phase == STUDENT, cells=group.cells)
    if phase == TEACHER:
        return teacher_loss(output, batch.clean, batch.samples, batch.masks, batch.labels, settings)
    return student_loss(output, batch.samples, batch.masks, settings)


def _set_mode(model: SDMAE, phase: int) -> None:
    model.train(phase == TEACHER)
    if phase == STUDENT:
        model.student.train()


def _validate(run: Run, phase: int) -> None:
    state = run.state
    auc = held_out_auc(run.model, run.held_out, run.config, student=phase == STUDENT)
    state.history.append({"phase": phase, "epoch": state.epoch, "auc": auc})
    if auc >= state.best_auc:  # of equals the later one: it was trained for longer
        state.best_auc, state.best = auc, _copy(run.model)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}


def _unwrapped(optimizer: Any) -> Any:
    return getattr(optimizer, "optimizer", optimizer)


class LossLog:
    """The losses of every step as CSV; a resumed run goes on behind the rows its checkpoint knows."""

    def __init__(self, path: Path, rows: int) -> None:
        """Raises `DetectorError` where the file cannot be written."""
        try:
            kept = path.read_text().splitlines(keepends=True)[: rows + 1] if rows and path.exists() else []
            path.write_text("".join(kept) or ",".join(COLUMNS) + "\n")
            self._file = path.open("a", newline="")
        except OSError as error:
            raise DetectorError(f"{path}: cannot be written ({error.strerror}); make room and --resume") from None
        self.rows = max(0, len(kept) - 1)
        self._path = path
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, phase: int, epoch: int, step: int, rate: float, losses: dict[str, float]) -> None:
        """One row; losses that the phase does not have are left empty."""
        values = [f"{losses[c]:.6g}" if c in losses else "" for c in COLUMNS[4:]]
        self._writer.writerow([phase, epoch + 1, step + 1, f"{rate:.6g}", *values])
        self.rows += 1

    def flush(self) -> None:
        """To the system. Raises `DetectorError` where there is no room."""
        try:
            self._file.flush()
        except OSError as error:
            raise DetectorError(
                f"{self._path}: cannot be written ({error.strerror}); make room and --resume"
            ) from None

    def close(self) -> None:
        """Ends the file."""
        self._file.close()
