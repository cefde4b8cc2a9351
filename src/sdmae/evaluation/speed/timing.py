"""Rates that can be compared: warmed up, measured in turn, the device waited for, medians over repeats."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Work = Callable[[], int]
"""One piece of work; returns how many frames it was."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a piece of work is done."""

    fps: float
    """Frames a second: the median over the repeats."""
    low: float
    """The slowest repeat."""
    high: float
    """The fastest one."""
    latencies: tuple[float, float, float]
    """Seconds that one piece takes: the 50th, 95th and 99th percentile."""
    frames: int
    """Frames that were measured, all repeats together."""

    def as_json(self) -> dict[str, Any]:
        """Fit for JSON: frames a second, their spread, milliseconds."""
        p50, p95, p99 = (round(1e3 * seconds, 3) for seconds in self.latencies)
        return {
            "fps": round(self.fps, 2),
            "fps_low": round(self.low, 2),
            "fps_high": round(self.high, 2),
            "latency_ms": {"p50": p50, "p95": p95, "p99": p99},
            "frames": self.frames,
        }


def in_turn(
    works: Mapping[str, Work],
    *,
    repeats: int,
    seconds: float,
    device: torch.device,
    warm_up: int = 1,
    step: Callable[[], object] = lambda: None,
) -> dict[str, Rate]:
    """The rate of each work. In every repeat each has its turn, so that whatever else slows the machine slows all.

    A turn is as many pieces as fill `seconds`, at least one. `warm_up` pieces of each come before and do not count.
    `step` is called after each turn.
    """
    for work in works.values():
        for _ in range(warm_up):
            work()
    synchronise(device)
    rates: dict[str, list[float]] = {name: [] for name in works}
    pieces: dict[str, list[float]] = {name: [] for name in works}
    counts = dict.fromkeys(works, 0)
    for _ in range(repeats):
        for name, work in works.items():
            done, start = 0, time.perf_counter()
            now = start
            while done == 0 or now - start < seconds:
                before = now
                done += work()
                synchronise(device)
                now = time.perf_counter()
                pieces[name].append(now - before)
            rates[name].append(done / (now - start))
            counts[name] += done
            step()
    return {name: rate_of(rates[name], pieces[name], counts[name]) for name in works}


def rate_of(rates: list[float], pieces: list[float], frames: int) -> Rate:
    """Of the rates of all repeats, in frames a second, and the times of all pieces, in seconds."""
    p50, p95, p99 = (float(value) for value in np.percentile(pieces, (50, 95, 99)))
    return Rate(float(np.median(rates)), min(rates), max(rates), (p50, p95, p99), frames)


def synchronise(device: torch.device) -> None:
    """Waits until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peaks(device: torch.device) -> None:
    """From here on `peak_memory` counts, as far as the system lets us begin anew."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the most this process held is now what it holds
    except OSError:
        return


def peak_memory(device: torch.device) -> dict[str, float | None]:
    """The most memory this process held, in MiB: `rss` of this computer's (None where it does not say), `gpu`."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        (kib,) = [line.split()[1] for line in lines if line.startswith("VmHWM")]
        rss = round(int(kib) / 1024, 1)
    except (OSError, ValueError):
        rss = None
    gpu = round(torch.cuda.max_memory_allocated(device) / 2**20, 1) if device.type == "cuda" else None
    return {"rss": rss, "gpu": gpu}
