"""Ways of running the network, by name."""

from __future__ import annotations

from typing import Literal, get_args

import torch

from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.runtime.compiled import CompiledGraph
from sdmae.runtime.cuda_graphs import RecordedGraphs
from sdmae.runtime.export import to_onnx, to_openvino, traced
from sdmae.runtime.folded import Folded
from sdmae.runtime.graph import Graph, GraphNetwork
from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.onnx import OnnxGraph
from sdmae.runtime.openvino import OpenVinoGraph

RuntimeName = Literal["auto", "eager", "folded", "compile", "cudagraph", "onnx", "openvino"]
RUNTIMES: tuple[str, ...] = get_args(RuntimeName)
"""`auto` is `folded` on any device: the fastest of those that begin at once and compute in float32."""


def make_network(name: str, model: SDMAE, resolution: Literal["pixel", "token"], device: torch.device) -> Network:
    """The network to be run that way. Raises `ConfigError` for an unknown name, or where what it takes is not there.

    onnx and openvino are converted here, which takes from ten seconds to a minute; an exported file is not.
    """
    if name not in RUNTIMES:
        raise ConfigError(f"no runtime is called '{name}'; there are {', '.join(RUNTIMES)}")
    if name in ("onnx", "openvino") and device.type != "cpu":
        raise ConfigError(f"the runtime {name} is for the CPU: use --device cpu")
    if name == "cudagraph" and device.type != "cuda":
        raise ConfigError("the runtime cudagraph needs an NVIDIA GPU: use folded")
    model = model.to(device).eval()
    if name == "eager":
        return EagerNetwork(model, resolution, device)
    if name == "onnx":
        return exported_network(name, OnnxGraph(to_onnx(traced(model, resolution), {})), model)
    if name == "openvino":
        return exported_network(name, OpenVinoGraph(*to_openvino(traced(model, resolution))), model)
    folded = Folded(model, resolution).eval()
    if name == "compile":
        return GraphNetwork(name, CompiledGraph(folded), model.config, device)
    if name == "cudagraph":
        return GraphNetwork(name, RecordedGraphs(folded.in_bfloat16()), model.config, device, "bfloat16")
    return GraphNetwork("folded", folded, model.config, device)


def exported_network(name: str, graph: Graph, model: SDMAE) -> Network:
    """An exported graph of that model, on the CPU."""
    return GraphNetwork(name, graph, model.config, torch.device("cpu"), told=True)
