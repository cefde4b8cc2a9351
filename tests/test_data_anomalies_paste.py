"""Pasting: what changes, what does not, and that chance alone decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sdmae.data.anomalies import AnomalousObject, ObjectBank, build_bank, fill_bank, learn_scene, paste


def still(height: int = 48, width: int = 64, channels: int = 1, count: int = 20) -> np.ndarray:
    rng = np.random.default_rng(0)
    ground = rng.integers(100, 140, (height, width, channels))
    return (ground[None] + rng.integers(-2, 3, (count, height, width, channels))).astype(np.uint8)


def bank(frames: np.ndarray, seed: int = 0, objects: int = 40) -> ObjectBank:
    scene = learn_scene(frames, [(0, len(frames))], gap=3, gradient_gap=1, seed=seed)
    return build_bank(scene, ["shapes", "thin"], objects=objects, seed=seed)


def batch(frames: np.ndarray, count: int = 16) -> Tensor:
    first = np.arange(count) % (len(frames) - 6) + 3
    return torch.from_numpy(np.stack([frames[first + step] for step in (-3, -1, 0, 1, 3)], axis=1))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(48, 64), (32, 48), (33, 17)])
def test_shapes_types_and_agreement(channels: int, size: tuple[int, int]) -> None:
    frames = still(*size, channels)
    samples = batch(frames)
    before = samples.clone()
    pasted, masks, labels = paste(samples, bank(frames), 0.5, 2, seeded())
    assert torch.equal(samples, before)
    assert pasted.shape == samples.shape
    assert pasted.dtype == torch.uint8
    assert masks.shape == (16, *size)
    assert masks.dtype == torch.uint8
    assert int(masks.max()) == 1
    assert labels.dtype == torch.bool
    assert torch.equal(labels, masks.flatten(1).sum(dim=1) > 0)
    assert 0 < int(labels.sum()) < 16
    assert torch.equal(pasted[~labels], samples[~labels])


def test_mask_is_where_t_changed() -> None:
    frames = still()
    samples = batch(frames, 64)
    pasted, masks, _ = paste(samples, bank(frames), 1.0, 2, seeded())
    changed = (pasted[:, 2] != samples[:, 2]).any(dim=-1)
    inside = masks.bool()
    assert float(changed[inside].float().mean()) > 0.95
    # Outside the mask only the faint rim of a blended edge may change.
    rim = torch.nn.functional.max_pool2d(masks.float()[:, None], 5, 1, 2)[:, 0] > 0
    assert float((changed & ~rim).float().sum()) < 0.01 * float(inside.sum())


def test_every_object_shows_in_the_motion_gradient() -> None:
    frames = np.full((20, 64, 96, 1), 120, np.uint8)
    pasted, masks, labels = paste(batch(frames, 64), bank(frames), 1.0, 1, seeded())
    gradient = (pasted[:, 1].int() - pasted[:, 3].int()).abs().amax(dim=(1, 2, 3))
    assert bool(labels.all())
    assert float((gradient > 8).float().mean()) > 0.97
    assert int(masks.flatten(1).sum(dim=1).min()) > 0


def test_probability_zero_and_one() -> None:
    frames = still()
    samples = batch(frames, 32)
    pasted, masks, labels = paste(samples, bank(frames), 0.0, 2, seeded())
    assert torch.equal(pasted, samples)
    assert not masks.any()
    assert not labels.any()
    assert bool(paste(samples, bank(frames), 1.0, 2, seeded())[2].all())


def test_same_seed_same_picture_and_other_seed_another() -> None:
    frames = still()
    samples = batch(frames)
    first, again = bank(frames, seed=1), bank(frames, seed=1)
    assert torch.equal(first.pixels, again.pixels)
    for a, b in zip(paste(samples, first, 0.5, 2, seeded(3)), paste(samples, again, 0.5, 2, seeded(3)), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(paste(samples, first, 0.5, 2, seeded(4))[0], paste(samples, first, 0.5, 2, seeded(3))[0])
    assert not torch.equal(bank(frames, seed=2).pixels[:500], first.pixels[:500])


def test_random_numbers_used_do_not_depend_on_what_was_pasted() -> None:
    frames = still()
    left = []
    for probability in (0.0, 1.0):
        generator = seeded()
        paste(batch(frames), bank(frames), probability, 2, generator)
        left.append(torch.rand(4, generator=generator))
    assert torch.equal(*left)


class Tracked:
    """As UBnormal's cut-outs: an instance mask of its own at each frame, a place from its track."""

    name = "tracked"

    def draw(self, rng: np.random.Generator) -> AnomalousObject:
        texture = np.stack([np.full((12, 10, 1), 40 * (i + 1), np.uint8) for i in range(5)])
        mask = np.zeros((5, 12, 10), np.uint8)
        for i in range(5):
            mask[i, 1:11, 1 : 4 + i] = 255
        track = np.array([[0, -6], [0, -2], [0, 0], [0, 2], [0, 6]], np.float32)
        return AnomalousObject(texture, mask, track, None)


def test_a_family_with_a_look_for_each_instant() -> None:
    frames = np.zeros((20, 60, 90, 1), np.uint8)
    scene = learn_scene(frames, [(0, len(frames))], gap=3, gradient_gap=1, seed=0)
    pasted, masks, labels = paste(
        batch(frames, 24), fill_bank([Tracked()], scene, objects=3, seed=0), 1.0, 1, seeded()
    )
    assert bool(labels.all())
    brightest = pasted.flatten(2).amax(dim=2).float()
    whole = brightest[(brightest > 0).all(dim=1)]
    assert len(whole) > 10
    assert bool((whole[:, 1:] > whole[:, :-1]).all()), "each instant has its own look"
    areas = (pasted > 0).flatten(2).sum(dim=2)
    middle = (masks.sum(dim=(1, 2)) - 50).abs() <= 16  # 10 rows × 5 columns, and the edges between pixels
    assert bool(middle[areas[:, 2] >= 50].all())
    columns = torch.arange(90.0)
    centre = ((pasted > 0).any(dim=2)[..., 0].float() * columns).sum(-1) / (pasted > 0).any(dim=2)[..., 0].sum(-1)
    inner = (centre[:, 2] > 20) & (centre[:, 2] < 70)
    assert bool(((centre[inner, 4] - centre[inner, 0]).abs() > 8).all()), "it moves along its track"


def test_objects_are_mostly_inside() -> None:
    frames = np.zeros((20, 60, 90, 1), np.uint8)
    scene = learn_scene(frames, [(0, len(frames))], gap=3, gradient_gap=1, seed=0)
    _, masks, _ = paste(batch(frames, 128), fill_bank([Tracked()], scene, objects=1, seed=0), 1.0, 1, seeded())
    assert int(masks.sum(dim=(1, 2)).min()) >= 0.75 * 50


def test_wrong_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="channels"):
        paste(batch(still(channels=3)), bank(still(channels=1)), 0.5, 1, seeded())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_device_and_cpu_agree_to_the_bit() -> None:
    frames = still()
    made, samples = bank(frames), batch(frames, 64)
    here = paste(samples, made, 0.7, 2, seeded())
    there = paste(samples.cuda(), made.to("cuda"), 0.7, 2, seeded())
    for a, b in zip(here, there, strict=True):
        assert torch.equal(a, b.cpu())
