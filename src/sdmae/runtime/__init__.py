"""Where the network runs. Today: PyTorch, on any device it knows."""

from sdmae.runtime.network import EagerNetwork, Network
from sdmae.runtime.pytorch import PyTorchRuntime, Runtime, pick_device
from sdmae.runtime.transfer import Results, Uploaded, Uploader

__all__ = ["EagerNetwork", "Network", "PyTorchRuntime", "Results", "Runtime", "Uploaded", "Uploader", "pick_device"]
