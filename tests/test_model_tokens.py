"""Which cells of a frame are kept: those that move most, and ignored ones last."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sdmae.config import ModelConfig
from sdmae.model import SDMAE
from sdmae.model.tokens import fixed_noise, moving_cells

GRID = (3, 4)
CELLS = 12


def moving(motion: list[int]) -> torch.Tensor:
    """Samples (1, 5, 12, 16, 1) in which each cell changes by so many grey levels from t to t+s."""
    samples = torch.zeros(1, 5, 12, 16, 1, dtype=torch.uint8)
    levels = torch.tensor(motion, dtype=torch.uint8).reshape(GRID)
    samples[0, 4, ..., 0] = levels.repeat_interleave(4, 0).repeat_interleave(4, 1)
    return samples


motions = st.lists(st.integers(0, 5), min_size=CELLS, max_size=CELLS)
flags = st.lists(st.booleans(), min_size=CELLS, max_size=CELLS)


@settings(deadline=None)
@given(motions, flags, st.integers(1, CELLS - 1))
def test_ignored_cells_are_taken_last(motion: list[int], ignored: list[bool], count: int) -> None:
    found = moving_cells(moving(motion), 4, count / CELLS, torch.tensor(ignored))
    assert found is not None
    order = sorted(range(CELLS), key=lambda cell: (ignored[cell], 0 if ignored[cell] else -motion[cell], cell))
    assert found.tolist() == [sorted(order[:count])]


@settings(deadline=None)
@given(motions, st.integers(1, CELLS - 1))
def test_to_ignore_nothing_is_to_ignore_no_cell(motion: list[int], count: int) -> None:
    nothing = moving_cells(moving(motion), 4, count / CELLS)
    no_cell = moving_cells(moving(motion), 4, count / CELLS, torch.zeros(CELLS, dtype=torch.bool))
    assert nothing is not None
    assert no_cell is not None
    assert torch.equal(nothing, no_cell)


def test_where_all_cells_are_kept_none_is_chosen() -> None:
    assert moving_cells(moving([1] * CELLS), 4, 1.0, torch.ones(CELLS, dtype=torch.bool)) is None


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_network_hands_on_what_it_ignores_and_keeps_it_out_of_its_weights(share: float) -> None:
    ignored = torch.zeros(CELLS, dtype=torch.bool)
    ignored[:5] = True
    config = ModelConfig(patch=4, encoder_width=16, decoder_width=16, depth=2, heads=2, token_share=share)
    torch.manual_seed(0)
    watching = SDMAE(config, 1, GRID, ignored).eval()
    plain = SDMAE(config, 1, GRID).eval()
    assert watching.state_dict().keys() == plain.state_dict().keys()
    plain.load_state_dict(watching.state_dict())
    samples = moving([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0])
    with torch.no_grad():
        found, usual = (model(samples, fixed_noise(GRID), student=True) for model in (watching, plain))
    assert found.ignored is not None
    assert torch.equal(found.ignored, ignored)
    assert usual.ignored is None
    if share == 1:
        assert torch.equal(found.teacher, usual.teacher)
    else:
        assert found.cells.tolist() == [[5, 6, 7, 8, 9, 10]]
        assert usual.cells.tolist() == [[0, 1, 2, 3, 4, 5]]
