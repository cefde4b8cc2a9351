"""Families: never an ordinary, ordinarily moving copy, and always in proportion to this scene."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from sdmae.data.anomalies import (
    FAMILIES,
    AnomalousObject,
    Ordinary,
    Scene,
    build_bank,
    fill_bank,
    learn_scene,
    paste,
)
from sdmae.data.anomalies.bank import MAKERS
from sdmae.data.anomalies.fit import Line
from sdmae.errors import ConfigError

DRAWS = 60


def walk(channels: int = 1, clips: int = 4, length: int = 60, size: tuple[int, int] = (120, 180)) -> np.ndarray:
    """Clips in which dark figures of two parts cross the picture; those lower in it are taller and faster."""
    height, width = size
    rng = np.random.default_rng(5)
    ground = rng.integers(150, 170, (height, width, 1)).repeat(channels, 2)
    frames = []
    for clip in range(clips):
        for t in range(length):
            image = ground + rng.integers(-2, 3, (height, width, channels))
            for row in range(3):
                tall = round((0.14 + 0.06 * row) * height)
                foot = round((0.45 + 0.22 * row) * height)
                speed = 0.045 * tall
                x = (13 * clip + 50 * row + speed * t) % (width + 20) - 10
                left, wide = round(x), max(3, tall // 3)
                image[foot - tall : foot, max(0, left) : max(0, left + wide)] = 60 + 10 * row
                image[foot - tall : foot - tall // 2, max(0, left + 1) : max(0, left + wide - 1)] = 30
            frames.append(image)
    return np.clip(np.stack(frames), 0, 255).astype(np.uint8)


CLIPS = [(0, 60), (60, 120), (120, 180), (180, 240)]


def learn(frames: np.ndarray | torch.Tensor, *clips: tuple[int, int]) -> Scene:
    return learn_scene(frames, clips or [(0, len(frames))], gap=3, gradient_gap=1, seed=0)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return learn(walk(), *CLIPS)


def drawn(scene: Scene, name: str) -> list[AnomalousObject]:
    rng = np.random.default_rng(7)
    return [MAKERS[name](scene).draw(rng) for _ in range(DRAWS)]


def extent(made: AnomalousObject) -> tuple[int, int]:
    solid = made.mask[len(made.mask) // 2] >= 128
    return int(solid.any(axis=1).sum()), int(solid.any(axis=0).sum())


def speed(made: AnomalousObject, scene: Scene) -> float:
    return float(np.hypot(*(made.offsets[4] - made.offsets[0]))) / float(scene.moments[4] - scene.moments[0])


def test_the_scene_is_learned(scene: Scene) -> None:
    assert len(scene.cutouts) > 30
    assert scene.pace == pytest.approx(0.045, rel=0.25)
    for row in range(3):
        foot, tall = (0.45 + 0.22 * row) * 120, (0.14 + 0.06 * row) * 120
        assert scene.height(foot) == pytest.approx(tall, rel=0.25)
    assert all(heading[1] > 0.9 for heading in scene.headings), "everybody walks to the right"
    assert 0.02 < scene.places.mean() < 0.6


def test_fast_is_fast(scene: Scene) -> None:
    for made in drawn(scene, "fast"):
        assert made.foot is not None
        assert speed(made, scene) >= 1.9 * scene.speed(made.foot)
        assert extent(made)[0] == pytest.approx(scene.height(made.foot), rel=0.5)


def test_stretched_is_clearly_stretched(scene: Scene) -> None:
    off = [np.log(wide / high / scene.aspect) for high, wide in map(extent, drawn(scene, "stretched"))]
    assert np.abs(off).min() > np.log(1.3)  # 1.6, less the rounding of objects a few pixels wide
    assert min(off) < 0 < max(off)


def test_out_of_scale_is_out_of_scale(scene: Scene) -> None:
    factors = [extent(made)[0] / scene.height(made.foot or 0.0) for made in drawn(scene, "out_of_scale")]
    assert not [f for f in factors if 0.65 < f < 1.5]
    assert min(factors) < 0.6
    assert max(factors) > 1.7


def test_joined_is_more_than_a_person(scene: Scene) -> None:
    ratios = [wide / high / scene.aspect for high, wide in map(extent, drawn(scene, "joined"))]
    assert np.median(ratios) > 1.3


def test_riders_are_slower_than_joined_and_their_vehicles_fainter(scene: Scene) -> None:
    def paces(name: str) -> list[float]:
        return [speed(made, scene) / scene.speed(made.foot or 0.0) for made in drawn(scene, name)]

    def faint(name: str) -> float:
        """Share of what is drawn that is neither clear nor opaque."""
        return float(np.mean([((made.mask > 40) & (made.mask < 200)).sum() / (made.mask > 40).sum()
                              for made in drawn(scene, name)]))  # fmt: skip

    assert max(paces("riders")) < 1.8 < max(paces("joined"))
    assert faint("riders") > faint("joined")


def test_thin_is_thin(scene: Scene) -> None:
    def filled(name: str) -> float:
        return float(np.median([(made.mask >= 128).mean() for made in drawn(scene, name)]))

    assert filled("thin") < 0.45 < filled("shapes")


def test_ordinary_is_where_it_was_and_as_it_was(scene: Scene) -> None:
    rng = np.random.default_rng(7)
    for made in (Ordinary(scene).draw(rng) for _ in range(DRAWS)):
        assert made.column is not None
        own = [cut for cut in scene.cutouts if (cut.foot, cut.x) == (made.foot, made.column)]
        assert own, "at the place of one of the footage's objects"
        assert any(extent(made) == pytest.approx((cut.height, cut.width), abs=2) for cut in own)
        # To what the canvas, cut at whole pixels, lags behind the object.
        assert any(speed(made, scene) == pytest.approx(np.hypot(*cut.velocity), abs=0.35) for cut in own)
        assert np.sign(made.offsets[4, 1]) == np.sign(own[0].velocity[1])


def test_what_has_a_column_is_pasted_there_and_never_mirrored(scene: Scene) -> None:
    bank = fill_bank([Ordinary(scene)], scene, objects=1, seed=0)
    samples = torch.full((64, 5, *scene.size, 1), 160, dtype=torch.uint8)
    pasted, masks, _ = paste(samples, bank, 1.0, 1, torch.Generator().manual_seed(0))
    columns = torch.arange(scene.size[1], dtype=torch.float32)
    middle = (masks.any(dim=1) * columns).sum(1) / masks.any(dim=1).sum(1)
    broad = masks.any(dim=1).sum(1).float().mean()
    assert bool(((middle - bank.column[0]).abs() < 0.5 * broad + 2).all())
    where = ((pasted != 160).any(dim=2)[..., 0] * columns).sum(-1) / (pasted != 160).any(dim=2)[..., 0].sum(-1)
    assert bool((where[:, 4] > where[:, 0]).all()), "to the right, as everybody here"


@pytest.mark.parametrize("name", FAMILIES)
def test_every_object_moves_and_fits(scene: Scene, name: str) -> None:
    made = drawn(scene, name)
    assert MAKERS[name](scene).name == name
    for one in made:
        assert speed(one, scene) >= 0.35
        assert one.mask.shape[1] <= 1.1 * scene.size[0]
        assert one.mask.max() >= 128
        assert one.foot is not None
        assert 0 < one.foot <= scene.size[0]
    again = drawn(scene, name)
    assert all(np.array_equal(a.texture, b.texture) for a, b in zip(made, again, strict=True))
    assert len({one.texture.tobytes() for one in made}) > DRAWS // 2


def test_drawn_objects_can_be_seen(scene: Scene) -> None:
    ground = float(np.median(scene.ground))
    for made in drawn(scene, "shapes"):
        inside = made.texture[0][made.mask[0] >= 128]
        assert abs(float(inside.mean()) - ground) > 15


def test_colour_and_all_families() -> None:
    bank = build_bank(learn(walk(3, clips=2), (0, 60), (60, 120)), FAMILIES, objects=8, seed=0)
    assert bank.pixels.shape[1] == 4
    assert bank.families == FAMILIES
    assert len(bank) == 8 * len(FAMILIES)


def test_a_tensor_gives_the_same_bank_as_an_array() -> None:
    frames = walk(clips=1)
    a, b = (build_bank(learn(f), ["fast", "joined"], objects=6, seed=0) for f in (frames, torch.from_numpy(frames)))
    assert torch.equal(a.pixels, b.pixels)
    assert torch.equal(a.offsets, b.offsets)


def test_leaving_a_family_out_leaves_the_others_as_they_were(scene: Scene) -> None:
    both, one = (build_bank(scene, names, objects=5, seed=0) for names in (["fast", "thin"], ["thin"]))
    assert torch.equal(both.pixels[int(both.start[5, 0]) :], one.pixels)


def test_still_footage_skips_what_needs_objects(caplog: pytest.LogCaptureFixture) -> None:
    frames = np.full((30, 32, 48, 1), 90, np.uint8)
    with caplog.at_level(logging.WARNING):
        bank = build_bank(learn(frames), ["fast", "shapes"], objects=5, seed=0)
    assert bank.families == ("shapes",)
    assert "fast" in caplog.text
    with pytest.raises(ConfigError, match="no synthetic anomalies left"):
        build_bank(learn(frames), ["fast", "joined"], objects=5, seed=0)


def test_rows_between_the_clips_are_not_read() -> None:
    frames = walk(clips=2)
    hidden = frames.copy()
    hidden[60:] = 0
    a, b = (learn(f, (0, 60)) for f in (frames, hidden))
    assert len(a.cutouts) == len(b.cutouts) > 0
    assert np.array_equal(a.pictures, b.pictures)


def test_an_unknown_family_is_named(scene: Scene) -> None:
    with pytest.raises(ConfigError, match="'dragons'"):
        build_bank(scene, ["dragons"], objects=1, seed=0)


def test_clips_shorter_than_a_sample_are_passed_over() -> None:
    bank = build_bank(learn(walk(clips=1, length=5), (0, 2), (2, 4), (4, 5)), ["thin"], objects=3, seed=0)
    assert len(bank) == 3


def test_objects_that_disagree_with_the_protocol_are_refused() -> None:
    texture, mask, offsets = (
        np.zeros((1, 4, 4, 1), np.uint8),
        np.zeros((1, 4, 4), np.uint8),
        np.zeros((5, 2), np.float32),
    )
    with pytest.raises(ValueError, match="mask"):
        AnomalousObject(texture, mask[:, :3], offsets, None)
    with pytest.raises(ValueError, match="zero row"):
        AnomalousObject(texture, mask, offsets + 1, None)
    with pytest.raises(ValueError, match="texture"):
        AnomalousObject(texture[[0, 0]], mask[[0, 0]], offsets, None)


def test_a_line_through_points_of_which_some_are_wrong() -> None:
    x = np.arange(50.0)
    y = 2 * x + 10
    y[::5] += 200
    line = Line.fit(x, y)
    assert line.slope == pytest.approx(2, rel=0.05)
    assert float(line(25)) == pytest.approx(60, rel=0.05)
