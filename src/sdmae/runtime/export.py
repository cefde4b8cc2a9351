"""The folded graph in the forms that other programs read: ONNX, OpenVINO, torch.export."""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from torch.export import Dim, ExportedProgram

from sdmae.errors import ConfigError
from sdmae.model import SDMAE
from sdmae.model.tokens import visible_tokens
from sdmae.runtime.folded import Folded
from sdmae.runtime.graph import TERMS
from sdmae.runtime.onnx import INPUTS

MOST_FRAMES = 4096
"""Frames of one batch, at most, that an exported graph says it takes."""


def traced(model: SDMAE, resolution: Literal["pixel", "token"]) -> ExportedProgram:
    """From `samples` (B, 5, H, W, C) uint8, `visible` (B, V) and `cells` (B, K) int64 to the score's terms.

    B, V and K are open. Raises `ConfigError` for a network whose convolutions lay tokens out by their number.
    """
    config = model.config
    if config.convolution == "shuffled":
        raise ConfigError("model.convolution shuffled has another graph for every number of tokens: cannot export it")
    length = model.grid[0] * model.grid[1]
    if length < 4:
        raise ConfigError(f"a network of {length} patches a frame is too small to export")
    height, width = (side * config.patch for side in model.grid)
    samples = torch.zeros(2, 5, height, width, model.channels, dtype=torch.uint8)
    cells = torch.arange(length - 1).repeat(2, 1)
    visible = visible_tokens(torch.rand(2, length), cells, config.masking_ratio).contiguous()
    frames, seen, kept = Dim("frames", max=MOST_FRAMES), Dim("visible", max=length), Dim("kept", max=length)
    shapes = ({0: frames}, {0: frames, 1: seen}, {0: frames, 1: kept})
    with torch.no_grad(), _quiet():
        graph = Folded(model, resolution).eval()
        graph.dense = True
        return torch.export.export(graph, (samples, visible, cells), dynamic_shapes=shapes, strict=False)


def to_onnx(program: ExportedProgram, notes: Mapping[str, str]) -> bytes:
    """An ONNX file with `notes` among its metadata. Raises `ConfigError` without the packages it takes."""
    try:
        import onnx
        import onnxscript  # noqa: F401 - torch's exporter is written in it
    except ImportError:
        raise ConfigError("an export to ONNX needs onnx and onnxscript: pip install 'sdmae[onnx]'") from None
    with _quiet():
        made = torch.onnx.export(
            program, (), dynamo=True, verbose=False, input_names=list(INPUTS), output_names=list(TERMS)
        )
    assert made is not None
    proto = made.model_proto
    onnx.helper.set_model_props(proto, dict(notes))
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def to_openvino(program: ExportedProgram) -> tuple[bytes, bytes]:
    """OpenVINO's description and weights. Raises `ConfigError` without OpenVINO."""
    try:
        import openvino
    except ImportError:
        raise ConfigError("an export to OpenVINO needs OpenVINO: pip install 'sdmae[openvino]'") from None
    with _quiet(), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        openvino.save_model(openvino.convert_model(program), path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def to_torch(program: ExportedProgram, notes: Mapping[str, str]) -> bytes:
    """A file for `torch.export.load`, with `notes` as its extra files."""
    data = io.BytesIO()
    with _quiet():
        torch.export.save(program, data, extra_files=dict(notes))
    return data.getvalue()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporters tell their own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
