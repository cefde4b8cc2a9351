from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdmae.config import ModelConfig
from sdmae.errors import ConfigError
from sdmae.model import PRESETS, SDMAE, gflop_per_frame, preset, score_maps
from sdmae.model.presets import fit
from sdmae.model.tokens import fixed_noise, moving_cells, patchify, unpatchify

GRID = (4, 6)
SMALL = ModelConfig(patch=4, encoder_width=16, decoder_width=16, depth=2, heads=2)


def random_samples(batch: int = 3, channels: int = 3, grid: tuple[int, int] = GRID, patch: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, 5, grid[0] * patch, grid[1] * patch, channels)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def network(config: ModelConfig = SMALL, channels: int = 3) -> SDMAE:
    torch.manual_seed(0)
    return SDMAE(config, channels, GRID).eval()


def test_patches_go_back_to_where_they_came_from() -> None:
    image = torch.arange(2 * 8 * 12).reshape(2, 1, 8, 12, 1)
    assert torch.equal(unpatchify(patchify(image, 4), (2, 3), 4), image[:, 0, ..., 0])


def test_a_patch_lists_frame_then_channel_then_rows() -> None:
    image = torch.arange(1 * 3 * 4 * 4 * 2).reshape(1, 3, 4, 4, 2)
    first = patchify(image, 2)[0, 0].reshape(3, 2, 2, 2)
    assert torch.equal(first, image[0, :, :2, :2].permute(0, 3, 1, 2))


def test_paper_avenue_has_three_million_parameters() -> None:
    config = PRESETS["paper-avenue"]
    model = SDMAE(config.model, 3, (20, 40))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(3.0e6, rel=0.03)


@pytest.mark.parametrize("name", ["paper-avenue", "paper-shanghaitech", "paper-ubnormal", "paper-ped2"])
def test_published_presets_have_800_tokens(name: str) -> None:
    config = PRESETS[name]
    assert config.input.height is not None
    assert config.input.width is not None
    assert config.input.height * config.input.width == 800 * config.model.patch**2


def test_arithmetic_is_counted_as_two_per_multiply_add() -> None:
    # One block-less count by hand: the linear maps of embedding and heads alone bound the total from below.
    model = network(replace(SMALL, convolution="none"))
    visible, kept = 12, 24
    linear = visible * 16 * 3 * 3 * 16 + kept * 2 * 16 * 16 * 4
    assert 2 * linear / 1e9 < gflop_per_frame(model) < 2 * linear / 1e9 * 6


@pytest.mark.parametrize("convolution", ["grid", "shuffled", "none"])
@pytest.mark.parametrize("position", ["none", "sine", "learned"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_every_variant_predicts_every_kept_token(convolution: str, position: str, share: float) -> None:
    config = ModelConfig(**{**vars(SMALL), "convolution": convolution, "position": position, "token_share": share})
    output = network(config)(random_samples(), fixed_noise(GRID), student=True)
    kept = round(24 * share)
    assert output.teacher.shape == (3, kept, 4 * 16)
    assert output.student is not None
    assert output.student.shape == output.teacher.shape
    assert output.classifier.shape == (3,)
    assert (output.cells is None) == (share == 1)


def test_masked_tokens_cannot_be_seen() -> None:
    model, samples, noise = network(), random_samples(1), fixed_noise(GRID)
    masked = noise.argsort()[12:]
    changed = patchify(samples, 4)
    changed[:, masked] = 255 - changed[:, masked]
    rebuilt = changed.reshape(1, 4, 6, 5, 3, 4, 4).permute(0, 3, 1, 5, 2, 6, 4).reshape(samples.shape)
    assert torch.equal(patchify(rebuilt, 4), changed)
    with torch.no_grad():
        before, after = (model(s, noise, student=True) for s in (samples, rebuilt))
    assert torch.equal(before.teacher, after.teacher)
    visible = patchify(samples, 4).clone()
    visible[:, noise.argsort()[:1]] ^= 255
    seen = visible.reshape(1, 4, 6, 5, 3, 4, 4).permute(0, 3, 1, 5, 2, 6, 4).reshape(samples.shape)
    with torch.no_grad():
        assert not torch.equal(before.teacher, model(seen, noise, student=True).teacher)


def test_the_student_branches_off_after_the_teachers_first_block() -> None:
    model, samples, noise = network(), random_samples(), fixed_noise(GRID)
    with torch.no_grad():
        before = model(samples, noise, student=True)
        model.get_parameter("decoder.1.mlp.0.weight").add_(1)
        after = model(samples, noise, student=True)
    assert torch.equal(before.student, after.student)
    assert not torch.equal(before.teacher, after.teacher)


def test_convolutions_see_true_neighbours_only() -> None:
    from sdmae.model.block import SparseDepthwise

    torch.manual_seed(0)
    layer = SparseDepthwise(4).eval()
    tokens = torch.randn(1, 3, 4)
    cells = torch.tensor([[0, 1, 23]])  # two neighbours in the first row, one in the far corner
    before = layer(tokens, cells, GRID)
    tokens[0, 2] += 1
    after = layer(tokens, cells, GRID)
    assert torch.equal(before[0][0, :2], after[0][0, :2])
    tokens[0, 1] += 1
    assert not torch.equal(before[0][0, 0], layer(tokens, cells, GRID)[0][0, 0])


def test_batch_statistics_count_present_tokens_only() -> None:
    from sdmae.model.block import SparseDepthwise

    layer = SparseDepthwise(4).train()
    layer.norm.momentum = 1.0
    tokens = torch.randn(2, 3, 4)
    cells = torch.tensor([[0, 7, 23], [2, 9, 14]])
    layer(tokens, cells, GRID)
    dense = torch.zeros(2, 24, 4).scatter(1, cells[..., None].expand(-1, -1, 4), tokens)
    mixed = layer.conv(dense.reshape(2, 4, 6, 4).permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
    present = mixed.gather(1, cells[..., None].expand(-1, -1, 12)).reshape(6, 12)
    assert layer.norm.running_mean is not None
    assert torch.allclose(layer.norm.running_mean, present.mean(0), atol=1e-6)


def test_the_cells_that_move_most_are_kept() -> None:
    samples = torch.zeros(1, 5, 16, 24, 1, dtype=torch.uint8)
    samples[0, 4, 4:8, 8:12] = 9  # cell (1, 2)
    samples[0, 0, 12:16, 20:24] = 5  # cell (3, 5)
    cells = moving_cells(samples, 4, 3 / 24)
    assert cells is not None
    assert cells.tolist() == [[0, 8, 23]]  # of the still ones, the first


def test_tokens_that_are_not_kept_score_zero() -> None:
    config = replace(SMALL, token_share=0.25)
    samples = random_samples()
    output = network(config)(samples, fixed_noise(GRID), student=True)
    assert output.cells is not None
    resolutions: dict[Literal["token", "pixel"], int] = {"token": 1, "pixel": 16}
    for resolution, per_token in resolutions.items():
        maps = score_maps(output, samples, config, resolution)
        for name in ("error", "discrepancy"):
            assert (maps[name] > 0).sum().item() == 3 * 6 * per_token


def test_maps_of_tokens_are_means_of_maps_of_pixels() -> None:
    samples = random_samples()
    output = network()(samples, fixed_noise(GRID), student=True)
    pixel, token = (score_maps(output, samples, SMALL, r) for r in ("pixel", "token"))
    for name in ("error", "discrepancy", "anomaly_map"):
        mean = pixel[name].reshape(3, 4, 4, 6, 4).mean((2, 4))
        assert torch.allclose(token[name], mean, atol=1e-6)


def test_the_error_is_the_mean_over_frame_and_map_channels() -> None:
    samples = random_samples(1)
    output = network()(samples, fixed_noise(GRID), student=True)
    maps = score_maps(output, samples, SMALL, "pixel")
    predicted = output.teacher[0, 0].reshape(4, 4, 4)
    frame = samples[0, 2, :4, :4].permute(2, 0, 1).float() / 127.5 - 1
    target = torch.cat([frame, torch.zeros(1, 4, 4)])
    assert torch.allclose(maps["error"][0, :4, :4], ((target - predicted) ** 2).mean(0), atol=1e-5)


def test_attention_scale_is_an_option() -> None:
    samples, noise = random_samples(), fixed_noise(GRID)
    head, width = (
        network(replace(SMALL, attention_scale=scale))(samples, noise, student=False).teacher
        for scale in ("head", "width")
    )
    assert not torch.allclose(head, width)


def test_any_size_divisible_by_the_patch_will_do() -> None:
    output = network()(random_samples(grid=(3, 3)), fixed_noise((3, 3)), student=True)
    assert output.teacher.shape == (3, 9, 64)


@pytest.mark.parametrize(
    ("height", "width", "expected"), [(240, 360, (240, 360)), (720, 1280, (216, 384)), (50, 400, (48, 384))]
)
def test_an_open_size_keeps_the_aspect_ratio_and_never_enlarges(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    config = fit(preset("small"), height, width, 10.0)
    assert (config.input.height, config.input.width) == expected
    assert config.input.rate == 10.0


@pytest.mark.parametrize(
    ("source", "rate"),
    [
        (10.0, 10.0),
        (25.0, 25.0),
        (29.97, 29.97),
        (30.0, 30.0),
        (30.02, 30.02),
        (50.0, 25.0),
        (59.94, 29.97),
        (60.0, 30.0),
        (120.0, 30.0),
        (100.0, 25.0),
        (1.0, 1.0),
    ],
)
def test_an_open_rate_is_an_even_share_of_the_sources(source: float, rate: float) -> None:
    assert fit(preset("base"), 240, 360, source).input.rate == pytest.approx(rate)


@given(st.floats(0.5, 1000))
def test_an_open_rate_is_the_largest_even_share_up_to_thirty(source: float) -> None:
    rate = fit(preset("small"), 240, 360, source).input.rate
    assert rate is not None
    share = round(source / rate)
    assert rate == pytest.approx(source / share)
    assert rate <= 30 * 1.02 + 1e-9
    assert share == 1 or source / (share - 1) > 30


def test_a_rate_that_is_given_stays() -> None:
    for source in (10.0, 25.0, 60.0):
        assert fit(preset("paper-shanghaitech"), 480, 856, source).input.rate == 24.0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="smaller than one patch"):
        fit(preset("small"), 4, 400, 10.0)
    with pytest.raises(ConfigError, match="multiple of the patch"):
        fit(replace(preset("small"), input=replace(preset("small").input, height=100, width=96)), 240, 360, 10.0)
    with pytest.raises(ConfigError, match="no preset"):
        preset("huge")
    with pytest.raises(ConfigError, match="multiple of"):
        SDMAE(replace(SMALL, encoder_width=18), 3, GRID)
