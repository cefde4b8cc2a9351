"""Where the network runs, and how: eagerly, folded, compiled, as CUDA graphs, by ONNX Runtime or by OpenVINO."""

from sdmae.runtime.choose import RUNTIMES, exported_network, make_network
from sdmae.runtime.graph import Graph, GraphNetwork
from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.pytorch import Prepared, PyTorchRuntime, Runtime, pick_device
from sdmae.runtime.transfer import Results, Uploaded, Uploader

__all__ = [
    "RUNTIMES",
    "EagerNetwork",
    "Graph",
    "GraphNetwork",
    "Network",
    "Prepared",
    "PyTorchRuntime",
    "Results",
    "Runtime",
    "Uploaded",
    "Uploader",
    "exported_network",
    "make_network",
    "pick_device",
]
