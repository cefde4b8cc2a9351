from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import pytest
import torch

from sdmae.config import ModelConfig
from sdmae.model import SDMAE, score_maps, student_loss, teacher_loss
from sdmae.model.autoencoder import Output
from sdmae.model.losses import motion_weights
from sdmae.model.tokens import patchify

CONFIG = ModelConfig(patch=4, encoder_width=16, decoder_width=16, depth=2, heads=2)
GRID = (2, 3)


def still(channels: int = 3) -> torch.Tensor:
    return torch.full((1, 5, 8, 12, channels), 100, dtype=torch.uint8)


def no_mask() -> torch.Tensor:
    return torch.zeros(1, 8, 12, dtype=torch.uint8)


def test_a_still_frame_gets_uniform_weights() -> None:
    assert torch.allclose(motion_weights(still(), no_mask(), 4), torch.full((1, 6), 1 / 6))


def test_a_patch_weighs_as_its_largest_gradient_averaged_over_channels() -> None:
    samples = still()
    samples[0, 3, 0, 0, 0] = 130  # 30 grey levels in one channel of patch 0
    samples[0, 3, 0, 5] = 110  # 10 in all channels of patch 1
    weights = motion_weights(samples, no_mask(), 4)[0]
    assert weights[0].item() == pytest.approx(0.5, abs=1e-3)
    assert weights[1].item() == pytest.approx(0.5, abs=1e-3)
    assert weights[2:].sum().item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("gradient", "scale"), [(30, 128), (150, 150)])
def test_the_anomaly_map_is_added_scaled_by_at_least_128(gradient: int, scale: int) -> None:
    samples, mask = still(), no_mask()
    samples[0, 3, 0, 0] = 100 + gradient
    mask[0, 4, 0] = 1  # patch 3, where nothing moves
    weights = motion_weights(samples, mask, 4)[0]
    assert (weights[3] / weights[0]).item() == pytest.approx(scale / gradient, rel=1e-3)


def test_gradient_and_map_are_added_before_the_maximum_is_taken() -> None:
    generator = torch.Generator().manual_seed(0)
    samples = torch.randint(0, 256, (4, 5, 8, 12, 3), dtype=torch.uint8, generator=generator)
    masks = (torch.rand(4, 8, 12, generator=generator) < 0.1).to(torch.uint8)
    gradient = (samples[:, 1].float() - samples[:, 3].float()).abs()
    scale = gradient.flatten(1).amax(1).clamp(min=128)
    summed = gradient + masks[..., None] * scale[:, None, None, None]
    motion = patchify(summed[:, None], 4).reshape(4, 6, 3, 16).amax(-1).mean(-1) + 1e-3
    assert torch.allclose(motion_weights(samples, masks, 4), motion / motion.sum(1, keepdim=True))


def output_of(prediction: torch.Tensor, student: torch.Tensor | None = None) -> Output:
    return Output(None, GRID, prediction, student, torch.zeros(1))


def test_a_perfect_teacher_has_no_loss_but_the_classifiers() -> None:
    samples = torch.randint(0, 256, (1, 5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mask = no_mask()
    mask[0, :4] = 1
    frame = patchify(samples[:, 2:3], 4).float() / 127.5 - 1
    perfect = torch.cat([frame, patchify(mask[:, None, ..., None], 4).float()], dim=-1)
    losses = teacher_loss(output_of(perfect), samples[:, 2], samples, mask, torch.tensor([True]), CONFIG)
    assert losses["frame"].item() == losses["map"].item() == 0
    assert losses["loss"].item() == pytest.approx(torch.log(torch.tensor(2.0)).item())


def test_the_published_loss_is_the_weighted_mean_square_over_four_channels() -> None:
    samples = torch.randint(0, 256, (1, 5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prediction = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1))
    losses = teacher_loss(output_of(prediction), samples[:, 2], samples, no_mask(), torch.tensor([False]), CONFIG)
    frame = patchify(samples[:, 2:3], 4).float() / 127.5 - 1
    target = torch.cat([frame, torch.zeros(1, 6, 16)], dim=-1)
    weights = motion_weights(samples, no_mask(), 4)
    expected = (weights * ((prediction - target) ** 2).mean(-1)).sum()
    assert (losses["frame"] + losses["map"]).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_teacher_learns_to_overlook_what_was_pasted() -> None:
    samples = still()
    clean = samples[:, 2].clone()
    samples[:, 2, :4, :4] = 250
    target = torch.cat([patchify(clean[:, None], 4).float() / 127.5 - 1, torch.zeros(1, 6, 16)], dim=-1)
    losses = teacher_loss(output_of(target), clean, samples, no_mask(), torch.tensor([True]), CONFIG)
    assert losses["frame"].item() == 0


@pytest.mark.parametrize("map_loss", ["mse", "bce", "focal"])
def test_the_students_loss_reaches_the_student_alone(map_loss: str) -> None:
    torch.manual_seed(0)
    config = ModelConfig(**{**vars(CONFIG), "map_loss": map_loss})
    model = SDMAE(config, 3, GRID)
    samples = torch.randint(0, 256, (2, 5, 8, 12, 3), dtype=torch.uint8)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("student.")
    output = model(samples, torch.rand(2, 6), student=True)
    torch.autograd.backward(student_loss(output, samples, no_mask().expand(2, -1, -1), config)["loss"])
    touched = {n for n, p in model.named_parameters() if p.grad is not None and bool((p.grad != 0).any())}
    assert touched
    assert all(name.startswith("student.") for name in touched)


def test_a_student_like_its_teacher_has_no_loss() -> None:
    prediction = torch.randn(1, 6, 64)
    assert student_loss(output_of(prediction, prediction), still(), no_mask(), CONFIG)["loss"].item() == 0
    with pytest.raises(ValueError, match="not asked"):
        student_loss(output_of(prediction), still(), no_mask(), CONFIG)


def test_kept_tokens_share_all_the_weight() -> None:
    config = replace(CONFIG, token_share=0.5)
    samples = torch.randint(0, 256, (2, 5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    output = SDMAE(config, 3, GRID).eval()(samples, torch.rand(6), student=False)
    off_by_one = replace_teacher(output, samples, config)
    losses = teacher_loss(off_by_one, samples[:, 2], samples, no_mask().expand(2, -1, -1), torch.zeros(2), config)
    assert (losses["frame"] + losses["map"]).item() == pytest.approx(1, rel=1e-5)


def ignoring(*cells: int) -> torch.Tensor:
    """(h*w,) bool: those cells of the grid."""
    return torch.isin(torch.arange(6), torch.tensor(cells))


def random_step() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Samples, masks and a prediction of two frames."""
    generator = torch.Generator().manual_seed(0)
    samples = torch.randint(0, 256, (2, 5, 8, 12, 3), dtype=torch.uint8, generator=generator)
    masks = (torch.rand(2, 8, 12, generator=generator) < 0.2).to(torch.uint8)
    return samples, masks, torch.randn(2, 6, 64, generator=generator)


def both_losses(
    prediction: torch.Tensor, student: torch.Tensor, samples: torch.Tensor, masks: torch.Tensor, ignored: torch.Tensor
) -> list[float]:
    output = Output(None, GRID, prediction, student, torch.zeros(2), ignored)
    labels = masks.flatten(1).any(1)
    teacher = teacher_loss(output, samples[:, 2], samples, masks, labels, CONFIG)
    return [teacher["loss"].item(), student_loss(output, samples, masks, CONFIG)["loss"].item()]


def test_what_is_wrong_in_an_ignored_cell_costs_nothing() -> None:
    samples, masks, prediction = random_step()
    ignored = ignoring(1, 4)
    student = prediction.flip(0)
    before = both_losses(prediction, student, samples, masks, ignored)
    wrong = prediction.clone()
    wrong[:, [1, 4]] += 100
    student[:, [1, 4]] -= 100
    assert both_losses(wrong, student, samples, masks, ignored) == before
    wrong[:, 2] += 100
    assert both_losses(wrong, student, samples, masks, ignored)[0] > before[0]


def test_what_moves_in_an_ignored_cell_takes_no_weight_from_others() -> None:
    samples, _, prediction = random_step()
    # Where something is pasted, the frame's largest gradient scales its weight, wherever that is.
    masks = torch.zeros(2, 8, 12, dtype=torch.uint8)
    student = prediction.flip(0) * torch.arange(1, 7)[:, None]
    found = []
    for level in (0, 255):
        samples[:, 1, :4, :4] = 0
        samples[:, 3, :4, :4] = level
        found.append(
            [both_losses(prediction, student, samples, masks, ignored)[1] for ignored in (ignoring(0), ignoring())]
        )
    (still, still_seen), (moving, moving_seen) = found
    assert moving == pytest.approx(still, rel=1e-5)
    assert moving_seen != pytest.approx(still_seen, rel=1e-2)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.25])
@pytest.mark.parametrize("cells", [(), (0,), (0, 1, 2, 3, 4), (5, 2)])
def test_the_other_cells_share_all_the_weight(share: float, cells: tuple[int, ...]) -> None:
    config = replace(CONFIG, token_share=share)
    torch.manual_seed(0)
    samples, masks, _ = random_step()
    model = SDMAE(config, 3, GRID, ignoring(*cells)).eval()
    output = model(samples, torch.rand(6), student=False)
    one_off = replace(output, student=output.teacher + 1)
    assert student_loss(one_off, samples, masks, config)["loss"].item() == pytest.approx(1, rel=1e-5)


def test_a_frame_all_of_which_is_ignored_has_no_loss_and_no_gradient_that_is_no_number() -> None:
    samples, masks, prediction = random_step()
    prediction.requires_grad_()
    output = Output(None, GRID, prediction, None, torch.zeros(2), ignoring(*range(6)))
    losses = teacher_loss(output, samples[:, 2], samples, masks, torch.zeros(2), CONFIG)
    assert losses["frame"].item() == losses["map"].item() == 0
    torch.autograd.backward(losses["loss"])
    assert prediction.grad is not None
    assert (prediction.grad == 0).all()


def replace_teacher(output: Output, samples: torch.Tensor, config: ModelConfig) -> Output:
    """A prediction that is wrong by exactly 1 everywhere."""
    assert output.cells is not None
    target = patchify(samples[:, 2:3], config.patch).float() / 127.5 - 1
    kept = target.gather(1, output.cells[..., None].expand(-1, -1, 48))
    wrong = torch.cat([kept + 1, torch.ones(2, kept.shape[1], 16)], dim=-1)
    return Output(output.cells, output.grid, wrong, None, output.classifier)


def test_uniform_weighting_counts_every_token_alike() -> None:
    samples = still()
    samples[0, 3, 0, 0] = 200  # patch 0 moves
    mask = no_mask()
    prediction = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1))
    moving, even = (
        teacher_loss(
            output_of(prediction),
            samples[:, 2],
            samples,
            mask,
            torch.tensor([False]),
            replace(CONFIG, weighting=kind),
        )
        for kind in ("motion", "uniform")
    )
    target = torch.cat([patchify(samples[:, 2:3], 4).float() / 127.5 - 1, torch.zeros(1, 6, 16)], dim=-1)
    by_token = ((prediction - target) ** 2).mean(-1)[0]
    assert (even["frame"] + even["map"]).item() == pytest.approx(by_token.mean().item(), rel=1e-5)
    assert (moving["frame"] + moving["map"]).item() == pytest.approx(by_token[0].item(), rel=1e-3)


def test_the_focal_loss_weighs_less_what_is_sure_already() -> None:
    """-(1 - p)^2 log p, p being the probability of what is true (Lin et al., 2017, equation 4, gamma 2)."""
    samples = torch.randint(0, 256, (1, 5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = {}
    for logit in (-3.0, 0.0, 2.0):
        prediction = torch.full((1, 6, 64), logit)
        for loss in ("bce", "focal"):
            config = replace(CONFIG, map_loss=loss, map_weight=1.0)
            parts = teacher_loss(
                output_of(prediction), samples[:, 2], samples, no_mask(), torch.tensor([True]), config
            )
            found[logit, loss] = parts["map"].item()
        right = 1 / (1 + math.exp(logit))  # nothing is there
        assert found[logit, "bce"] == pytest.approx(-math.log(right), rel=1e-5)
        assert found[logit, "focal"] == pytest.approx(-((1 - right) ** 2) * math.log(right), rel=1e-4)


@pytest.mark.parametrize("kind", ["mse", "bce", "focal"])
def test_a_map_of_no_weight_is_neither_learned_nor_scored(kind: Literal["mse", "bce", "focal"]) -> None:
    config = replace(CONFIG, map_loss=kind, map_weight=0.0)
    samples = torch.randint(0, 256, (1, 5, 8, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mask = no_mask()
    mask[0, :4] = 1
    first = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1))
    second = first.clone()
    second[..., -16:] += 3.0  # another map, the same frame
    losses, students, maps = [], [], []
    for prediction in (first, second):
        output = output_of(prediction, prediction.flip(1))
        losses.append(teacher_loss(output, samples[:, 2], samples, mask, torch.tensor([True]), config)["loss"])
        students.append(student_loss(output, samples, mask, config)["loss"])
        maps.append(score_maps(output, samples, config, "pixel"))
    assert losses[0] == losses[1]
    assert students[0] == students[1]
    for name in ("error", "discrepancy", "anomaly_map"):
        assert torch.equal(maps[0][name], maps[1][name])
    assert not maps[0]["anomaly_map"].any()
    assert maps[0]["error"].any()
