"""Objects that pass through video: at their speed, at plausible places, and known to be there frame by frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sdmae.data.anomalies.passing import FRAMES, let_pass
from sdmae.data.anomalies.protocol import AnomalousObject
from sdmae.data.anomalies.scene import Scene, learn_scene
from sdmae.data.anomalies.walkers import Fast

GROUND = 100


@pytest.fixture(scope="module")
def still() -> Scene:
    frames = np.full((20, 60, 90, 1), GROUND, np.uint8)
    return learn_scene(frames, [(0, 20)], gap=3, gradient_gap=1, seed=0)


def block(
    velocity: tuple[float, float], moments: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> AnomalousObject:
    """A bright square of 6 pixels at this speed (dy, dx)."""
    offsets = (moments[:, None] * np.array(velocity)).astype(np.float32)
    return AnomalousObject(np.full((1, 6, 6, 1), 250, np.uint8), np.full((1, 6, 6), 255, np.uint8), offsets, 40.0)


def test_it_moves_at_its_own_speed_and_is_shown_where_it_is_seen(still: Scene) -> None:
    frames = np.full((120, 60, 90, 1), GROUND, np.uint8)
    before = frames.copy()
    for seed in range(8):
        passing = let_pass(frames, block((0.0, 0.5), still.moments), still, np.random.default_rng(seed))
        assert passing is not None
        assert FRAMES[0] <= len(passing.frames) <= FRAMES[1]
        assert 0 <= passing.start <= 120 - len(passing.frames)
        changed = passing.frames[..., 0].astype(int) != GROUND
        where = [np.argwhere(frame).mean(axis=0) if frame.any() else None for frame in changed]
        whole = [k for k in range(len(changed)) if changed[k].sum() >= 36 and not changed[k][:, [0, -1]].any()]
        steps = [abs(where[k + 1][1] - where[k][1]) for k in whole[:-1] if k + 1 in whole]  # type: ignore[index]
        assert np.mean(steps) == pytest.approx(0.5, abs=0.1)
        assert passing.shown[whole].all()
        assert not passing.shown[~changed.any(axis=(1, 2))].any()
    assert np.array_equal(frames, before)


def test_what_is_never_seen_is_none(still: Scene) -> None:
    clear = replace(block((0.0, 1.0), still.moments), mask=np.zeros((1, 6, 6), np.uint8))
    frames = np.full((40, 60, 90, 1), GROUND, np.uint8)
    assert let_pass(frames, clear, still, np.random.default_rng(0)) is None


def test_a_short_video_is_passed_through_from_end_to_end(still: Scene) -> None:
    frames = np.full((8, 60, 90, 1), GROUND, np.uint8)
    passing = let_pass(frames, block((0.0, 0.2), still.moments), still, np.random.default_rng(0))
    assert passing is not None
    assert passing.start == 0
    assert len(passing.frames) == 8


def test_a_walker_goes_on_walking() -> None:
    """Cut-outs with five looks show them in turn: two frames of the same place differ by more than a shift."""
    frames = np.full((90, 80, 120, 1), GROUND, np.uint8)
    for k in range(90):
        wide = 3 + k % 4  # strides
        for column in (20, 60, 100):
            x = int(column + 0.8 * (k - 45)) % 100 + 6
            frames[k, 40:60, x - wide : x + wide] = 30
    scene = learn_scene(frames, [(0, 90)], gap=3, gradient_gap=1, seed=0)
    assert scene.cutouts
    rng = np.random.default_rng(1)
    made = next(made for made in (Fast(scene).draw(rng) for _ in range(200)) if len(made.mask) == 5)
    slow = replace(made, offsets=np.zeros_like(made.offsets))
    passing = let_pass(np.full_like(frames, GROUND), slow, scene, rng)
    assert passing is not None
    assert any(np.any(a != b) for a, b in zip(passing.frames, passing.frames[1:], strict=False))
