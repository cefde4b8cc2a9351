"""The front under a gate: what is run, what is not, and what is said of frames that are not."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sdmae.config import GateConfig, ModelConfig, ScoreConfig
from sdmae.data.neighbours import Spacing, neighbour_table
from sdmae.model import SDMAE
from sdmae.model.tokens import cell_motion, fixed_noise
from sdmae.runtime import EagerNetwork, PyTorchRuntime
from sdmae.runtime.motion import motion_of

GRID = (6, 8)
MODEL = ModelConfig(patch=4, encoder_width=16, decoder_width=16, depth=2, heads=2)
GATE = GateConfig(active=True, threshold=6.0, idle=0.125, margin=0, context=0.1)
CPU = torch.device("cpu")


class Counting:
    """Runs the network and remembers what it was given."""

    name, device = "counting", CPU
    precision: Literal["float32", "bfloat16"] = "float32"

    def __init__(self, network: EagerNetwork) -> None:
        self.network = network
        self.batches: list[tuple[int, int]] = []
        self.noises: list[torch.Tensor] = []

    def __call__(
        self, samples: torch.Tensor, noise: torch.Tensor, cells: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        self.batches.append((len(samples), GRID[0] * GRID[1] if cells is None else cells.shape[1]))
        self.noises.append(noise)
        return self.network(samples, noise, cells)


def front(
    resolution: Literal["pixel", "token"] = "token",
    masks: Literal["fixed", "alternating", "complementary"] = "fixed",
    gate: GateConfig | None = GATE,
) -> tuple[PyTorchRuntime, Counting]:
    torch.manual_seed(0)
    model = SDMAE(MODEL, 1, GRID).eval()
    network = Counting(EagerNetwork(model, resolution, CPU))
    score = ScoreConfig(resolution=resolution, masks=masks)
    return PyTorchRuntime(model, score, CPU, network=network, gate=gate), network


def stream(kind: str, frames: int = 24, seed: int = 0) -> NDArray[np.uint8]:
    """Frames of a camera with a noisy sensor: nothing moves, a thing passes, or everything shakes."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(60, 180, (GRID[0] * 4, GRID[1] * 4, 1))
    images = np.repeat(ground[None], frames, axis=0) + rng.integers(-1, 2, (frames, *ground.shape))
    for k in range(frames):
        if kind == "passing" and 6 <= k < 18:
            images[k, 8:16, 2 * (k - 6) : 2 * (k - 6) + 6] = 250
        if kind == "shaking":
            images[k] = np.roll(images[k], k % 5, axis=1)
    return images.clip(0, 255).astype(np.uint8)


def neighbours(frames: int) -> NDArray[np.int64]:
    return neighbour_table(np.arange(frames) / 10, Spacing(0.3, 0.1, 1.0))


def run(runtime: PyTorchRuntime, images: NDArray[np.uint8], **options: Any) -> dict[str, NDArray[np.float32]]:
    count = len(images)
    return runtime(images, neighbours(count), np.arange(count), **options)


@pytest.mark.parametrize("resolution", ["token", "pixel"])
def test_where_nothing_moves_the_network_is_never_called(resolution: Literal["token", "pixel"]) -> None:
    runtime, network = front(resolution)
    found = run(runtime, stream("idle"))
    assert network.batches == []
    passed = run(runtime, stream("shaking"))
    assert network.batches
    assert found.keys() == passed.keys()
    for name, values in found.items():
        assert values.shape == passed[name].shape
        assert values.dtype == passed[name].dtype
        assert (values == (np.float32(0.125) if name == "classifier" else 0)).all()


def test_only_frames_in_which_something_moves_are_run() -> None:
    runtime, network = front()
    found = run(runtime, stream("passing"))
    ran = found["classifier"] != np.float32(0.125)
    assert ran.tolist() == [3 <= k < 21 for k in range(24)]  # its neighbours are three frames away
    assert sum(count for count, _ in network.batches) == 18
    assert max(size for _, size in network.batches) < 48
    assert len({size for _, size in network.batches}) == len(network.batches)  # each size once


def test_a_full_pass_is_what_is_said_without_a_gate() -> None:
    runtime, network = front(masks="alternating")
    plain, _ = front(masks="alternating", gate=None)
    images = stream("passing")
    whole = np.arange(24) % 8 < 2
    found, expected = run(runtime, images, whole=whole), run(plain, images)
    for name in found:
        assert np.allclose(found[name][whole], expected[name][whole], atol=1e-6)
    assert network.batches[-1] == (6, 48)
    assert not np.allclose(found["error"][~whole], expected["error"][~whole])


def test_masks_take_turns_by_the_order_of_the_frames_whatever_is_left_out() -> None:
    runtime, network = front(masks="alternating")
    run(runtime, stream("passing"))
    noise = fixed_noise(GRID)
    asked = torch.cat(network.noises)
    even = [bool(torch.equal(row, noise)) for row in asked]
    assert all(torch.equal(row, noise) or torch.equal(row, 1 - noise) for row in asked)
    motion = motion_of(stream("passing"), torch.from_numpy(stream("passing")), neighbours(24), 4)
    assert runtime.gate is not None
    groups = runtime.gate.groups(motion, torch.zeros(24, dtype=torch.bool))
    rows = [row for group in groups for row in group.rows.tolist()]
    assert even == [row % 2 == 0 for row in rows]


def test_what_is_said_of_a_frame_does_not_depend_on_who_is_in_its_batch() -> None:
    """As in a live batch of unlike streams: an idle camera, one where somebody passes, one that shakes."""
    runtime, _ = front(masks="alternating")
    streams = [stream(kind, seed=k) for k, kind in enumerate(("idle", "passing", "shaking"))]
    alone = [run(runtime, images) for images in streams]
    tables = np.concatenate([neighbours(24) + 24 * k for k in range(3)])
    mixed = np.random.default_rng(0).permutation(72)
    order = np.tile(np.arange(24), 3)
    together = runtime(np.concatenate(streams), tables[mixed], order[mixed])
    one_by_one = [runtime(np.concatenate(streams), tables[k : k + 1], order[k : k + 1]) for k in mixed]
    for name, values in together.items():
        expected = np.concatenate([found[name] for found in alone])[mixed]
        assert np.abs(values - expected).max() < 1e-5
        assert np.abs(values - np.concatenate([found[name] for found in one_by_one])).max() < 1e-5


def test_complementary_masks_are_averaged_under_a_gate_too() -> None:
    runtime, network = front(masks="complementary")
    run(runtime, stream("passing"))
    assert sum(count for count, _ in network.batches) == 36


def test_motion_between_frames_is_that_of_the_triplets() -> None:
    rng = np.random.default_rng(0)
    for channels in (1, 3):
        images = rng.integers(0, 256, (9, 24, 32, channels), dtype=np.uint8)
        table = neighbours(9)
        samples = torch.from_numpy(images)[torch.from_numpy(table)]
        found = motion_of(images, torch.from_numpy(images), table, 4)
        assert found.dtype == torch.int32
        assert torch.equal(found, cell_motion(samples, 4))
