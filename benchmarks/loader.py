"""Samples a second of the training loader alone, beside those of whole training steps.

    python benchmarks/loader.py VIDEO … --preset small --device cpu --output benchmarks/results/loader-cpu.json

The loader gathers neighbours, pastes synthetic anomalies and mirrors; a step is that, and the network forwards,
backwards and through the optimiser. Where the first is many times the second, the device never waits.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

import sdmae
from sdmae.config import Config
from sdmae.data.training_set import SampleSet
from sdmae.detector import build_model
from sdmae.evaluation.ledger import commit, environment
from sdmae.model import student_loss, teacher_loss
from sdmae.model.presets import PRESETS, preset
from sdmae.training.phases import STUDENT, TEACHER, freeze, make_optimizer
from sdmae.training.run import open_frames, sample_sets, settle
from sdmae.video import find_clips, unique_names


def main() -> None:
    """Prepares the training set of the videos, measures, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="normal video, as for sdmae train")
    parser.add_argument("--frame-rate", type=float, default=25.0, help="frames a second of folders of frames")
    parser.add_argument("--preset", default="small", choices=tuple(PRESETS))
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each is measured (default: 15)")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    clips = unique_names([clip for source in args.sources for clip in find_clips(source, rate=args.frame_rate)])
    config = settle(preset(args.preset), clips)
    accelerator = Accelerator(mixed_precision=config.train.precision, cpu=args.device == "cpu")
    store = open_frames(clips, config, (), lambda line: None)
    training, _ = sample_sets(store, clips, config, accelerator.device, lambda line: None)
    chance = torch.Generator().manual_seed(config.train.seed)
    size = min(config.train.batch_size, len(training))

    def load() -> object:
        return training.batch(torch.randint(len(training), (size,), generator=chance), chance)

    rates = {"loader": rate(load, size, args.seconds, accelerator)}
    for phase, name in ((TEACHER, "teacher_step"), (STUDENT, "student_step")):
        rates[name] = rate(
            stepper(phase, config, training, accelerator, chance, size), size, args.seconds, accelerator
        )
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": config.train.seed,
        "preset": args.preset,
        "device": str(accelerator.device),
        "threads": torch.get_num_threads(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "input_size": [config.input.height, config.input.width],
        "frames": len(training),
        "batch_size": size,
        "frames_on_device": training.source.resident,
        "samples_per_second": {name: round(value, 1) for name, value in rates.items()},
        "loader_over_fastest_step": round(rates["loader"] / max(rates["teacher_step"], rates["student_step"]), 2),
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def stepper(
    phase: int,
    config: Config,
    training: SampleSet,
    accelerator: Accelerator,
    chance: torch.Generator,
    size: int,
) -> Callable[[], object]:
    """One whole step of a phase, as training makes it."""
    network = build_model(config).to(accelerator.device)
    freeze(network, phase)
    network.train(phase == TEACHER)
    if phase == STUDENT:
        network.student.train()
    model, optimizer = accelerator.prepare(network, make_optimizer(network, config.train))

    def step() -> object:
        batch = training.batch(torch.randint(len(training), (size,), generator=chance), chance)
        noise = torch.rand(size, math.prod(network.grid), generator=chance).to(accelerator.device)
        with accelerator.autocast():
            output: Any = model(batch.samples, noise, student=phase == STUDENT)
        if phase == TEACHER:
            losses = teacher_loss(output, batch.clean, batch.samples, batch.masks, batch.labels, config.model)
        else:
            losses = student_loss(output, batch.samples, batch.masks, config.model)
        optimizer.zero_grad()
        accelerator.backward(losses["loss"])
        optimizer.step()
        return losses["loss"].item()

    return step


def rate(work: Callable[[], object], size: int, seconds: float, accelerator: Accelerator) -> float:
    """Samples a second of `work`, which makes `size` of them, over about that many seconds after a warm-up."""

    def finish() -> None:
        if accelerator.device.type == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        work()
    finish()
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        work()
        count += size
    finish()
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
