"""Every way of running the network against the eager one, to the same result."""

from __future__ import annotations

import copy
import importlib.util
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sdmae.config import ModelConfig
from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.tokens import fixed_noise
from sdmae.runtime import EagerNetwork, GraphNetwork, Network, make_network
from sdmae.runtime.cuda_graphs import Inputs, Recorded, RecordedGraphs
from sdmae.runtime.folded import Folded
from sdmae.runtime.graph import TERMS, Graph
from sdmae.video import Size, find_clips, read_frames
from tiny import TINY

CPU = torch.device("cpu")
GRID = (5, 7)
MODEL = TINY.model
PAPER = replace(MODEL, convolution="grid", position="none", map_loss="mse", attention_scale="width")
"""The paper's choices, where they differ from the tiny network's."""


def lived_in(config: ModelConfig, channels: int = 1, grid: tuple[int, int] = GRID) -> SDMAE:
    """A network in which nothing is what it was initialised with: biases, norms and their statistics, too."""
    torch.manual_seed(0)
    model = SDMAE(config, channels, grid)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.5)
            module.running_var.uniform_(0.3, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
        for name, parameter in model.named_parameters():
            if name.endswith("position"):
                parameter.normal_(0, 0.3)
    return model.eval()


def batch(model: SDMAE, frames: int, kept: int | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Samples, masks that differ from frame to frame, and cells that do."""
    chance = torch.Generator().manual_seed(frames)
    height, width = (side * model.config.patch for side in model.grid)
    length = model.grid[0] * model.grid[1]
    samples = torch.randint(0, 256, (frames, 5, height, width, model.channels), dtype=torch.uint8, generator=chance)
    noise = torch.rand(frames, length, generator=chance)
    if kept is None:
        return samples, noise, None
    cells = torch.rand(frames, length, generator=chance).argsort(dim=1)[:, :kept].sort(dim=1).values
    return samples, noise, cells


def apart(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """The largest difference of any term."""
    assert list(one) == list(other) == list(TERMS)
    for name in TERMS:
        assert one[name].shape == other[name].shape
        assert other[name].dtype == torch.float32
    return max(float((one[name] - other[name]).abs().max()) for name in TERMS)


@torch.inference_mode()
def agree(eager: Network, other: Network, model: SDMAE, bound: float = 2e-5) -> None:
    """Whatever B and K, one after another on the same network."""
    for frames, kept in ((3, None), (1, None), (2, 11), (1, 1), (4, 20), (2, 35)):
        values = batch(model, frames, kept)
        assert apart(eager(*values), other(*values)) < bound, (frames, kept)


@pytest.mark.parametrize("resolution", ["pixel", "token"])
@pytest.mark.parametrize(
    ("config", "channels"),
    [
        (MODEL, 1),
        (PAPER, 3),
        (replace(MODEL, convolution="none", position="sine"), 1),
        (replace(MODEL, convolution="none", map_weight=0.0), 3),
        (replace(MODEL, convolution="shuffled"), 1),
        (replace(MODEL, position="learned", masking_ratio=0.75), 1),
        (replace(PAPER, masking_ratio=0.0), 3),
    ],
    ids=["tiny", "paper", "no convolution", "no map", "shuffled", "learned", "nothing masked"],
)
def test_folded_is_the_same_network(config: ModelConfig, channels: int, resolution: str) -> None:
    model = lived_in(config, channels)
    assert resolution in ("pixel", "token")
    eager = EagerNetwork(model, resolution, CPU)  # type: ignore[arg-type]
    agree(eager, make_network("auto", model, resolution, CPU), model)  # type: ignore[arg-type]


def test_the_comparison_can_fail() -> None:
    model = lived_in(MODEL)
    other = copy.deepcopy(model)
    with torch.no_grad():
        assert isinstance(other.head, nn.Linear)
        other.head.bias[3] += 0.1
    with pytest.raises(AssertionError):
        agree(EagerNetwork(model, "pixel", CPU), make_network("folded", other, "pixel", CPU), model)


def test_folding_leaves_the_model_as_it_was() -> None:
    model = lived_in(PAPER, 3)
    before = copy.deepcopy(model.state_dict())
    make_network("folded", model, "pixel", CPU)
    Folded(model, "pixel").in_bfloat16()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@torch.inference_mode()
def test_a_frame_does_not_depend_on_those_beside_it() -> None:
    model = lived_in(PAPER, 3)
    network = make_network("folded", model, "pixel", CPU)
    samples, noise, cells = batch(model, 64, 20)
    assert cells is not None
    together = network(samples, noise, cells)
    alone = [network(samples[k : k + 1], noise[k : k + 1], cells[k : k + 1]) for k in range(64)]
    assert apart(together, {name: torch.cat([one[name] for one in alone]) for name in TERMS}) < 1e-5


@torch.inference_mode()
def test_blocks_in_bfloat16_are_near() -> None:
    model = lived_in(PAPER, 3)
    network = GraphNetwork("cudagraph", Folded(model, "pixel").in_bfloat16().eval(), model.config, CPU, "bfloat16")
    values = batch(model, 2, 20)
    worst = apart(EagerNetwork(model, "pixel", CPU)(*values), network(*values))
    assert 1e-5 < worst < 0.2


# --- recordings: on the CPU, repeating stands for a CUDA graph's launch ---------------------------------------------


def record_on_cpu(made: list[Inputs]) -> Callable[[Graph, Inputs], Recorded]:
    def record(graph: Graph, inputs: Inputs) -> Recorded:
        buffers: Inputs = (inputs[0].clone(), inputs[1].clone(), None if inputs[2] is None else inputs[2].clone())
        outputs = [output.clone() for output in graph(*buffers)]
        made.append(buffers)

        def replay() -> None:
            for output, value in zip(outputs, graph(*buffers), strict=True):
                output.copy_(value)

        return Recorded(buffers, outputs, replay)

    return record


@torch.inference_mode()
def test_a_size_is_recorded_when_it_comes_again_and_the_oldest_is_forgotten() -> None:
    model = lived_in(MODEL)
    eager = EagerNetwork(model, "token", CPU)
    made: list[Inputs] = []
    graphs = RecordedGraphs(Folded(model, "token").eval(), record_on_cpu(made), most=2)
    network = GraphNetwork("cudagraph", graphs, model.config, CPU)

    def run(frames: int, kept: int | None) -> int:
        values = batch(model, frames, kept)
        shifted = ((values[0] + 7), values[1].flip(1), values[2])  # other contents than those recorded
        assert apart(eager(*values), network(*values)) < 2e-5
        assert apart(eager(*shifted), network(*shifted)) < 2e-5
        return len(made)

    assert run(3, 20) == 1  # the second of the two
    assert run(3, 20) == 1
    assert run(3, None) == 2
    assert run(2, 11) == 3
    assert run(2, 11) == 3
    assert run(3, 20) == 4  # was forgotten


@torch.inference_mode()
def test_what_a_recording_gave_outlives_the_next_call() -> None:
    model = lived_in(MODEL)
    network = GraphNetwork("", RecordedGraphs(Folded(model, "token").eval(), record_on_cpu([])), model.config, CPU)
    samples, noise, cells = batch(model, 2, 20)
    network(samples, noise, cells)
    first = network(samples, noise, cells)
    kept = {name: value.clone() for name, value in first.items()}
    network(samples + 9, noise, cells)
    assert apart(first, kept) == 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU here: CUDA graphs cannot be recorded")
@torch.inference_mode()
def test_cuda_graphs_are_near_the_eager_network() -> None:
    device = torch.device("cuda")
    model = lived_in(PAPER, 3)
    eager, graphs = (make_network(name, model, "pixel", device) for name in ("eager", "cudagraph"))
    for kept in (20, 20, 11, 20, 11, None, None, None):
        values = [None if v is None else v.to(device) for v in batch(model, 3, kept)]
        assert apart(eager(*values), graphs(*values)) < 0.2  # type: ignore[arg-type]


# --- other runtimes -------------------------------------------------------------------------------------------------


def with_package(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")


@pytest.mark.parametrize(
    ("config", "channels", "resolution"),
    [
        (replace(PAPER, depth=1), 3, "pixel"),
        pytest.param(PAPER, 3, "pixel", marks=pytest.mark.slow),
        pytest.param(replace(MODEL, convolution="none"), 1, "token", marks=pytest.mark.slow),
    ],
    ids=["shallow", "paper", "as small"],
)
@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_converted_networks_are_the_same(name: str, config: ModelConfig, channels: int, resolution: str) -> None:
    with_package({"onnx": "onnxscript", "openvino": "openvino"}[name])
    model = lived_in(config, channels)
    eager, other = (make_network(n, model, resolution, CPU) for n in ("eager", name))  # type: ignore[arg-type]
    agree(eager, other, model)
    agree(eager, pickle.loads(pickle.dumps(other)), model)  # as it is sent to a worker process


@pytest.mark.slow
def test_compiled_is_the_same_network() -> None:
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler: torch.compile needs one")
    model = lived_in(replace(PAPER, depth=1), 3)
    agree(EagerNetwork(model, "pixel", CPU), make_network("compile", model, "pixel", CPU), model)


@pytest.mark.parametrize("name", ["folded", "compile"])
def test_networks_can_be_sent_to_worker_processes(name: str) -> None:
    if name == "compile" and shutil.which("g++") is None:
        pytest.skip("no C++ compiler: torch.compile needs one")
    model = lived_in(MODEL)
    sent = pickle.loads(pickle.dumps(make_network(name, model, "token", CPU)))
    assert sent.name == name
    if name == "folded":
        agree(EagerNetwork(model, "token", CPU), sent, model)


# --- real frames ----------------------------------------------------------------------------------------------------


@torch.inference_mode()
@pytest.mark.parametrize("where", ["ped2", "avenue"])
def test_on_real_frames(where: str, real_data: Path) -> None:
    source = {
        "ped2": real_data / "ucsd_ped2/UCSDped2/Test/Test001",
        "avenue": next(iter(sorted((real_data / "avenue_sample/testing_videos").iterdir())), real_data),
    }[where]
    clip = find_clips(str(source))[0]
    grid = (10, 20)
    frames = [f.image for f, _ in zip(read_frames(clip, (Size(80, 160),)), range(12), strict=False)]
    model = lived_in(PAPER, 3, grid)
    samples = torch.from_numpy(np.stack([np.stack(frames[k : k + 5]) for k in range(8)]))
    noise = fixed_noise(grid).expand(8, -1)
    cells = torch.arange(0, 200, 3).expand(8, -1)
    eager, folded = (make_network(name, model, "pixel", CPU) for name in ("eager", "folded"))
    for chosen in (None, cells):
        assert apart(eager(samples, noise, chosen), folded(samples, noise, chosen)) < 2e-5


# --- what there is not ----------------------------------------------------------------------------------------------


def test_an_unknown_runtime_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no runtime is called 'tensorrt'; there are auto, eager, folded"):
        make_network("tensorrt", lived_in(MODEL), "token", CPU)


def test_cuda_graphs_need_a_gpu() -> None:
    with pytest.raises(ConfigError, match=r"cudagraph needs an NVIDIA GPU: use folded"):
        make_network("cudagraph", lived_in(MODEL), "token", CPU)


def test_compiling_needs_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler, and there is none here: install g\+\+"):
        make_network("compile", lived_in(MODEL), "token", CPU)
