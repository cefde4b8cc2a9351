"""Where the network runs. Today: PyTorch, on any device it knows."""

from sdmae.runtime.pytorch import PyTorchRuntime, Runtime, pick_device

__all__ = ["PyTorchRuntime", "Runtime", "pick_device"]
