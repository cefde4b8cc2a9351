"""The yardstick is the published network: by its counts, and by what it makes of frames."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent.parent / "benchmarks"))

import baseline


def test_it_has_the_published_parameters_and_operations() -> None:
    network = baseline.make_baseline(320, 640, 16)
    assert round(baseline.millions(network), 2) == 3.04
    assert round(baseline.gflop(network), 2) == 5.34
    assert "as published" in baseline.check()


def test_the_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "PUBLISHED_GFLOP", 0.8)
    with pytest.raises(RuntimeError, match=r"not the published layout: 3.04 M parameters, 5.34 GFLOP"):
        baseline.check()


def test_from_frames_to_maps() -> None:
    network = baseline.make_baseline(32, 64, 8)
    frames = torch.randint(256, (9, 32, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rows = torch.arange(3, 6)[:, None] + torch.tensor([-3, -1, 0, 1, 3])
    for head in (network.teacher_head, network.student_head):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    torch.nn.init.ones_(network.student_head.bias)
    maps = network.maps(frames, rows)
    # Of a teacher that says 0 everywhere and a student that says 1: what is left is the picture itself, and 1.
    own = frames[rows[:, 2]].float() / 127.5 - 1
    torch.testing.assert_close(maps["error"], own.square().sum(-1) / 4)
    assert maps["discrepancy"].eq(1).all()
    assert maps["anomaly_map"].eq(0).all()
    assert {values.shape for values in maps.values()} == {(3, 32, 64)}
