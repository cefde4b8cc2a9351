"""Where the network runs. Today: PyTorch, on any device it knows."""

from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.pytorch import Prepared, PyTorchRuntime, Runtime, pick_device

__all__ = ["EagerNetwork", "Network", "Prepared", "PyTorchRuntime", "Runtime", "pick_device"]
