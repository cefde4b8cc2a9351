"""Every way of running the network, in turn on the same samples: processor time a frame, ratios to the eager one.

    python benchmarks/runtimes.py --preset paper-avenue --runtimes folded onnx openvino --output FILE.json
    python benchmarks/runtimes.py --preset paper-avenue --profile DIR

Processor time, not the clock's: it is what one thread takes even on a machine that does other things. All runtimes
take turns, and a ratio is the median over turns of the two times of one turn. Weights are random, which speed does
not depend on; samples are noise over a coarse pattern. With --profile, tables of torch's profiler instead.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import sdmae
from sdmae.config import Config
from sdmae.detector import build_model
from sdmae.evaluation.ledger import commit, environment
from sdmae.model.presets import PRESETS, fit
from sdmae.model.tokens import fixed_noise, moving_cells
from sdmae.runtime import Network, make_network

CAMERA = (360, 640)
"""Rows and columns of the camera for which a preset of open size is measured: 25 frames a second."""
ROWS = 16
"""Of a profiler's table."""


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="paper-avenue", choices=tuple(PRESETS))
    parser.add_argument("--runtimes", nargs="+", default=["folded"], help="beside eager")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--profile", type=Path, help="a folder for one table a runtime")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = fit(PRESETS[args.preset], *CAMERA, 25.0)
    model = build_model(config)
    names = ["eager", *args.runtimes]
    device = torch.device("cpu")
    networks = {name: make_network(name, model, config.score.resolution, device) for name in names}
    samples = drawn(config, args.batch)
    noise = fixed_noise(model.grid).expand(args.batch, -1)
    cells = moving_cells(samples, config.model.patch, config.model.token_share)
    if args.profile:
        args.profile.mkdir(parents=True, exist_ok=True)
        for name, network in networks.items():
            text = table(network, samples, noise, cells)
            (args.profile / f"profile-{args.preset}-{name}.txt").write_text(text)
        return
    times = in_turn(networks, samples, noise, cells, args.turns)
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "preset": args.preset,
        "input_size": [config.input.height, config.input.width],
        "tokens": model.grid[0] * model.grid[1] if cells is None else cells.shape[1],
        "batch": args.batch,
        "threads": args.threads,
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "cpu_milliseconds_per_frame": {
            name: round(1e3 * statistics.median(values) / args.batch, 2) for name, values in times.items()
        },
        "times_as_fast_as_eager": {
            name: round(statistics.median(a / b for a, b in zip(times["eager"], values, strict=True)), 3)
            for name, values in times.items()
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def drawn(config: Config, count: int) -> Tensor:
    """(B, 5, H, W, C) uint8."""
    chance = torch.Generator().manual_seed(0)
    height, width, channels = config.input.height or 0, config.input.width or 0, config.input.channels
    coarse = torch.rand(count, 1, height // 8, width // 8, channels, generator=chance)
    pattern = coarse.repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    return (200 * pattern + 50 * torch.rand(count, 5, height, width, channels, generator=chance)).to(torch.uint8)


@torch.inference_mode()
def in_turn(
    networks: dict[str, Network], samples: Tensor, noise: Tensor, cells: Tensor | None, turns: int
) -> dict[str, list[float]]:
    """Seconds of processor time of each, once a turn; a turn before the first warms up."""
    times: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(turns + 1):
        for name, network in networks.items():
            start = time.process_time()
            network(samples, noise, cells)
            if turn:
                times[name].append(time.process_time() - start)
    return times


@torch.inference_mode()
def table(network: Network, samples: Tensor, noise: Tensor, cells: Tensor | None) -> str:
    """What takes the time: operator, its own share, its own microseconds a batch, calls a batch."""
    network(samples, noise, cells)
    with profile(activities=[ProfilerActivity.CPU]) as found:
        network(samples, noise, cells)
    rows = sorted(found.key_averages(), key=lambda row: -row.self_cpu_time_total)
    total = sum(row.self_cpu_time_total for row in rows)
    lines = [f"{'operator':<52}{'share':>8}{'us':>12}{'calls':>8}"]
    lines += [
        f"{row.key:<52}{row.self_cpu_time_total / total:>8.1%}{row.self_cpu_time_total:>12.0f}{row.count:>8}"
        for row in rows[:ROWS]
    ]
    return "\n".join([*lines, f"{'all':<52}{1:>8.1%}{total:>12.0f}"]) + "\n"


if __name__ == "__main__":
    main()
