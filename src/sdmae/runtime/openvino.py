"""The folded graph run by OpenVINO, on the CPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from sdmae.errors import ConfigError


class OpenVinoGraph:
    """Holds the graph in OpenVINO's own form; it is compiled at the first call, in each process anew.

    Raises `ConfigError` where OpenVINO is not installed.
    """

    def __init__(self, xml: bytes, weights: bytes) -> None:
        try:
            import openvino  # noqa: F401 - asked now, so that it is not missed in the middle of a video
        except ImportError:
            raise ConfigError("the runtime openvino needs OpenVINO: pip install 'sdmae[openvino]'") from None
        self.xml, self.weights = xml, weights
        self._request: Any = None

    def __call__(self, samples: Tensor, visible: Tensor, cells: Tensor | None) -> tuple[Tensor, ...]:
        """See `Graph`; the cells must be told."""
        assert cells is not None
        if self._request is None:
            self._request = self._begun()
        found = self._request.infer([value.numpy() for value in (samples, visible, cells)], share_inputs=True)
        return tuple(torch.from_numpy(found[k].copy()) for k in range(len(found)))

    def _begun(self) -> Any:
        import openvino

        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # else it takes bfloat16 where the processor has it
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
        }
        return core.compile_model(core.read_model(self.xml, self.weights), "CPU", settings).create_infer_request()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_request": None}
