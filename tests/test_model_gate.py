"""Motion gating: which cells of which frames are computed, and that computing only those changes nothing in them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.config import GateConfig, ModelConfig
from sdmae.model.block import SparseDepthwise
from sdmae.model.gate import Gate, parted, token_sizes
from sdmae.model.tokens import (
    cell_motion,
    gather_patches,
    gather_tokens,
    most_moving,
    patchify,
    scatter_patches,
    scatter_tokens,
    unpatchify,
)

GRID = (6, 8)
CELLS = 48
PATCH = 4
VALUES = PATCH * PATCH
GATE = GateConfig(active=True, threshold=2.0, idle=0.25, margin=1, context=0.1, step=2.0)
MODEL = ModelConfig(patch=PATCH, encoder_width=16, decoder_width=16, depth=2, heads=2)


def gate_of(gate: GateConfig = GATE, share: float = 1.0, ignored: torch.Tensor | None = None) -> Gate:
    found = Gate.of(gate, replace(MODEL, token_share=share), 1, GRID, ignored)
    assert found is not None
    return found


def motions(frames: int, seed: int) -> torch.Tensor:
    """Summed grey levels (frames, cells): noise below the threshold, and in some frames a thing that moves."""
    generator = torch.Generator().manual_seed(seed)
    motion = torch.randint(0, 2 * VALUES + 1, (frames, CELLS), generator=generator, dtype=torch.int32)
    for row in range(frames):
        size = int(torch.randint(0, 9, (), generator=generator))
        where = torch.randperm(CELLS, generator=generator)[:size]
        motion[row, where] += 40 * VALUES
    return motion


def of_each(gate: Gate, motion: torch.Tensor, whole: torch.Tensor) -> dict[int, list[int]]:
    """The cells of each frame that is run."""
    found: dict[int, list[int]] = {}
    for group in gate.groups(motion, whole):
        for k, row in enumerate(group.rows.tolist()):
            found[row] = list(range(CELLS)) if group.cells is None else group.cells[k].tolist()
    return found


def test_a_detector_without_a_threshold_is_not_gated() -> None:
    assert Gate.of(replace(GATE, threshold=None), MODEL, 1, GRID) is None
    assert Gate.of(replace(GATE, active=False), MODEL, 1, GRID) is None


@given(st.integers(1, 5000), st.floats(0.001, 1.0), st.floats(1.05, 8.0))
def test_sizes_rise_to_what_the_token_share_allows(length: int, share: float, step: float) -> None:
    sizes = token_sizes(length, share, step)
    assert sizes[-1] == max(1, round(length * share))
    assert sizes[0] >= 1
    assert list(sizes) == sorted(set(sizes))
    assert len(sizes) <= 75
    # Nobody pays for more than one step, but for the rounding.
    assert all(above <= step * below + step + 1 for below, above in pairwise(sizes))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.booleans(), st.sampled_from([1.0, 0.4]), st.sampled_from([0, 1]))
def test_what_moves_is_kept_with_its_margin_and_the_rest_costs_nothing(
    seed: int, zones: bool, share: float, margin: int
) -> None:
    ignored = torch.zeros(CELLS, dtype=torch.bool)
    ignored[: 12 if zones else 0] = True
    gate = gate_of(replace(GATE, margin=margin), share, ignored if zones else None)
    motion = motions(7, seed)
    kept = of_each(gate, motion, torch.zeros(7, dtype=torch.bool))
    for row in range(7):
        moving = {c for c in range(CELLS) if motion[row, c] > 2 * VALUES and not ignored[c]}
        assert (row in kept) == bool(moving)
        if not moving:
            continue
        near = {
            c
            for c in range(CELLS)
            if not ignored[c] and any(max(abs(c // 8 - m // 8), abs(c % 8 - m % 8)) <= margin for m in moving)
        }
        cells = set(kept[row])
        assert len(cells) in gate.sizes
        wanted = len(near) + gate.context
        assert len(cells) == min([s for s in gate.sizes if s >= wanted], default=gate.sizes[-1])
        if len(cells) < gate.sizes[-1]:
            assert near <= cells
        else:  # nothing is saved: as without a gate
            order = motion[row : row + 1].masked_fill(ignored, -1)
            plain = most_moving(order, len(cells))
            assert cells == set(range(CELLS) if plain is None else plain[0].tolist())
        if len(cells) <= CELLS - int(ignored.sum()):
            assert not any(ignored[c] for c in cells)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000))
def test_a_frames_cells_depend_on_that_frame_alone(seed: int) -> None:
    gate, motion = gate_of(share=0.6), motions(9, seed)
    whole = torch.tensor([k % 4 == 0 for k in range(9)])
    together = of_each(gate, motion, whole)
    for row in range(9):
        alone = of_each(gate, motion[row : row + 1], whole[row : row + 1])
        assert alone.get(0) == together.get(row)


def test_frames_of_one_size_are_run_together() -> None:
    motion = torch.zeros(4, CELLS, dtype=torch.int32)
    motion[0, 9] = motion[2, 20] = 99 * VALUES
    motion[3] = 99 * VALUES
    groups = gate_of().groups(motion, torch.zeros(4, dtype=torch.bool))
    assert [group.rows.tolist() for group in groups] == [[0, 2], [3]]
    assert groups[1].cells is None  # everything moves


def test_a_full_pass_is_what_is_done_without_a_gate() -> None:
    motion = motions(3, 1)
    (group,) = gate_of(share=0.4).groups(motion, torch.ones(3, dtype=torch.bool))
    cells = most_moving(motion, round(0.4 * CELLS))
    assert cells is not None
    assert group.cells is not None
    assert torch.equal(group.cells, cells)


def test_a_halo_keeps_of_the_margin_what_moves_a_little() -> None:
    motion = torch.zeros(1, CELLS, dtype=torch.int32)
    motion[0, 20], motion[0, 21] = 99 * VALUES, VALUES + 1
    none = torch.zeros(1, dtype=torch.bool)
    gate = gate_of(replace(GATE, halo=0.5, context=0.0, step=1.1))
    near = gate.near(motion, gate.moving(motion))
    assert torch.nonzero(near[0]).flatten().tolist() == [20, 21]
    assert 20 in of_each(gate, motion, none)[0]


def test_in_training_no_frame_is_wasted() -> None:
    samples = torch.zeros(3, 5, GRID[0] * PATCH, GRID[1] * PATCH, 1, dtype=torch.uint8)
    samples[1, 4, :PATCH, :PATCH] = 200
    groups = parted(gate_of(), samples, PATCH)
    assert sorted(row for group in groups for row in group.rows.tolist()) == [0, 1, 2]
    assert groups[-1].rows.tolist() == [0, 2]  # nothing moves in them: seen in full
    (group,) = parted(None, samples, PATCH)
    assert group.cells is None
    assert group.rows.tolist() == [0, 1, 2]


# --- the same numbers, for less ------------------------------------------------------------------------------------


def some_cells(batch: int, count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, CELLS, generator=generator).argsort(1)[:, :count].sort(1).values


@pytest.mark.parametrize("channels", [1, 3])
def test_patches_of_some_cells_are_those_of_all(channels: int) -> None:
    generator = torch.Generator().manual_seed(0)
    shape = (2, 5, GRID[0] * PATCH, GRID[1] * PATCH, channels)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    cells = some_cells(2, 11)
    for times in ((0, 2, 4), (2,)):
        whole = patchify(images[:, list(times)], PATCH)
        assert torch.equal(gather_patches(images, PATCH, times, cells), gather_tokens(whole, cells))
        assert torch.equal(gather_patches(images, PATCH, times, None), whole)


def test_patches_go_to_their_cells() -> None:
    cells, values = some_cells(3, 7), torch.rand(3, 7, VALUES)
    expected = unpatchify(scatter_tokens(values, cells, CELLS), GRID, PATCH)
    assert torch.equal(scatter_patches(values, cells, GRID, PATCH), expected)


@pytest.mark.parametrize("count", [1, 5, 24, CELLS])
def test_the_convolution_of_a_few_tokens_is_that_of_the_whole_grid(count: int) -> None:
    torch.manual_seed(0)
    layer = SparseDepthwise(8).eval()
    layer.norm.running_mean.normal_()  # type: ignore[union-attr]
    tokens, cells = torch.randn(3, count, 8), some_cells(3, count)
    with torch.no_grad():
        sparse = layer(tokens, cells, GRID)
        layer.conv.train()
        dense = layer.norm(layer._dense(tokens, cells, GRID)).reshape(3, count, 8, 3).unbind(-1)
    for one, other in zip(sparse, dense, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_motion_is_a_whole_number() -> None:
    samples = torch.zeros(1, 5, GRID[0] * PATCH, GRID[1] * PATCH, 3, dtype=torch.uint8)
    samples[0, 0, 0, 0, 0], samples[0, 4, 0, 1, 2], samples[0, 1:4:2] = 255, 7, 90
    motion = cell_motion(samples, PATCH)
    assert motion.dtype == torch.int32
    assert motion[0, 0] == 262  # x[t-1] and x[t+1] do not count
    assert int(motion.sum()) == 262
