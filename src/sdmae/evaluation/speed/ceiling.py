"""What the machine can do at most: a matrix product and a copy, by the same library, on the same device."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from sdmae.evaluation.speed.timing import synchronise

SIDE = {"cpu": 1024, "cuda": 8192}
"""Of the square matrices, by kind of device: large enough to reach its ceiling, small enough to take no time."""
COPIED = 64 * 2**20
"""Bytes of a copy: more than any processor keeps close at hand."""


def ceilings(device: torch.device, seconds: float) -> dict[str, float]:
    """Of the device: `matmul_gflops`, 10^9 operations a second in float32, 2 for each multiply-add; `copy_gbs`, 10^9
    bytes read and written a second. On a GPU also `matmul_bf16_gflops`, and `upload_gbs` from pinned memory. The best
    of what is seen in about so many seconds each."""
    found = {"matmul_gflops": _matmul(device, torch.float32, seconds)}
    source = torch.zeros(COPIED, dtype=torch.uint8, device=device)
    target = torch.ones_like(source)
    found["copy_gbs"] = 2 * COPIED / _best(lambda: target.copy_(source), device, seconds) / 1e9
    if device.type == "cuda":
        found["matmul_bf16_gflops"] = _matmul(device, torch.bfloat16, seconds)
        pinned = torch.zeros(COPIED, dtype=torch.uint8).pin_memory()
        taken = _best(lambda: target.copy_(pinned, non_blocking=True), device, seconds)
        found["upload_gbs"] = COPIED / taken / 1e9
    return {name: round(value, 2) for name, value in found.items()}


def _matmul(device: torch.device, kind: torch.dtype, seconds: float) -> float:
    side = SIDE.get(device.type, SIDE["cpu"])
    chance = torch.Generator().manual_seed(0)
    one, other = (torch.rand(side, side, generator=chance).to(device, kind) for _ in range(2))
    return 2 * side**3 / _best(lambda: one @ other, device, seconds) / 1e9


def _best(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Seconds of the fastest of several calls."""
    work()
    synchronise(device)
    best, end = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        synchronise(device)
        best = min(best, time.perf_counter() - start)
    return best
