"""The folded graph run by ONNX Runtime, on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdmae.errors import ConfigError
from sdmae.runtime.graph import TERMS

INPUTS = ("samples", "visible", "cells")
"""Of an exported graph, in this order."""


class OnnxGraph:
    """Holds the ONNX file's bytes; the session begins with the first call, in each process anew.

    Raises `ConfigError` where ONNX Runtime is not installed.
    """

    def __init__(self, data: bytes) -> None:
        try:
            import onnxruntime  # noqa: F401 - asked now, so that it is not missed in the middle of a video
        except ImportError:
            raise ConfigError("the runtime onnx needs ONNX Runtime: pip install 'sdmae[onnx]'") from None
        self.data = data
        self._session: Any = None

    def __call__(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """See `Graph`; the cells must be told."""
        assert cells is not None
        feed = {name: value.numpy() for name, value in zip(INPUTS, (samples, visible, cells), strict=True)}
        return tuple(torch.from_numpy(found) for found in self._begun().run(TERMS, feed))

    def notes(self) -> dict[str, str]:
        """The file's own metadata. Raises ValueError where it is no ONNX file."""
        return dict(self._begun().get_modelmeta().custom_metadata_map)

    def _begun(self) -> Any:
        import onnxruntime

        if self._session is None:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            options.inter_op_num_threads = 1
            options.log_severity_level = 4  # what goes wrong is raised
            try:
                self._session = onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # of its own, which have no parent but this
                raise ValueError(f"no graph for ONNX Runtime: {error}") from None
        return self._session

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_session": None}
