"""Exported detectors: one file that holds the graph for another program, and the detector it was made of.

`.onnx` is an ONNX file, `.pt2` one of torch.export: the detector's own file lies in their metadata, as text.
`.openvino` is a safetensors file of OpenVINO's two and the detector's. Of a `.pt2` only the detector is ever read
here, since torch.export's own loader unpickles; its graph is the one that the runtime `folded` makes of the detector.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from sdmae.errors import DetectorError
from sdmae.runtime import Graph
from sdmae.runtime.export import to_onnx, to_openvino, to_torch
from sdmae.runtime.onnx import OnnxGraph
from sdmae.runtime.openvino import OpenVinoGraph

KINDS = {"onnx": ".onnx", "openvino": ".openvino", "torch": ".pt2"}
"""Targets of an export, and what their files are called."""
NOTE = "sdmae_detector"
"""Under this name the detector's own file lies in the exported one."""


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """What is in an exported file."""

    runtime: str
    """The runtime it was made for."""
    detector: bytes
    """The detector's own file."""
    graph: Graph | None
    """What runs there; None: what the detector itself makes."""


def is_exported(path: Path) -> bool:
    """By its name: is it an exported detector?"""
    return path.suffix in KINDS.values()


def pack(kind: str, program: torch.export.ExportedProgram, detector: bytes) -> bytes:
    """The exported file. Raises `ConfigError` where a package for it is missing."""
    notes = {NOTE: base64.b64encode(detector).decode("ascii")}
    if kind == "onnx":
        return to_onnx(program, notes)
    if kind == "torch":
        return to_torch(program, notes)
    parts = zip(("xml", "weights", NOTE), (*to_openvino(program), detector), strict=True)
    return save_tensors({name: torch.frombuffer(bytearray(part), dtype=torch.uint8) for name, part in parts})


def unpack(path: Path) -> Exported:
    """What is in the exported file. Runs no code from it.

    Raises `DetectorError` where it is missing, cut off or not ours, `ConfigError` where its runtime is not installed.
    """
    if not path.is_file():
        raise DetectorError(f"{path}: no such exported detector; `sdmae export` makes one")
    try:
        return READERS[path.suffix](path.read_bytes())
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, SafetensorError):
        raise DetectorError(f"{path}: not an exported detector, or one that was cut off: export it again") from None


def _of_onnx(data: bytes) -> Exported:
    graph = OnnxGraph(data)
    return Exported("onnx", base64.b64decode(graph.notes()[NOTE], validate=True), graph)


def _of_openvino(data: bytes) -> Exported:
    parts = {name: part.numpy().tobytes() for name, part in load_tensors(data).items()}
    return Exported("openvino", parts[NOTE], OpenVinoGraph(parts["xml"], parts["weights"]))


def _of_torch(data: bytes) -> Exported:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(f"/extra/{NOTE}")]
        return Exported("folded", base64.b64decode(archive.read(name), validate=True), None)


READERS: dict[str, Callable[[bytes], Exported]] = {
    ".onnx": _of_onnx,
    ".openvino": _of_openvino,
    ".pt2": _of_torch,
}
"""What is in the bytes of an exported file, by its suffix."""
