"""The detector file: safetensors with its configuration, provenance and calibration as JSON metadata."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, save
from torch import Tensor

from sdmae.config import Config, from_dict, to_dict
from sdmae.detector.exported import is_exported, unpack
from sdmae.detector.shipped import resolve
from sdmae.errors import ConfigError, DetectorError
from sdmae.scoring import Calibration

FORMAT = "sdmae-detector"
FORMAT_VERSION = 2
"""2 has alarms and ignore zones; files of 1 are read, too."""


@dataclass(frozen=True, slots=True, eq=False)
class Contents:
    """What is in a detector file."""

    config: Config
    provenance: dict[str, Any]
    calibration: Calibration | None
    tensors: Mapping[str, Tensor]
    """The network's weights and buffers by name, on the CPU, in float32 where they are no counts."""


def packed(contents: Contents) -> bytes:
    """The detector file's bytes.

    A tensor whose values float16 holds to the bit is stored in it, so that a file never is larger than it need be,
    and what is read is what was written.
    """
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "config": json.dumps(to_dict(contents.config)),
        "provenance": json.dumps(contents.provenance),
    }
    if contents.calibration is not None:
        metadata["calibration"] = json.dumps(contents.calibration.to_dict())
    return save({k: _narrow(v) for k, v in contents.tensors.items()}, metadata)


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all. Raises `DetectorError` where it cannot be written."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise DetectorError(
            f"{path}: cannot be written ({error.strerror}); name a folder with room and rights"
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()


def read_file(path: Path) -> Contents:
    """What is in the file. Runs no code from it.

    Raises `DetectorError` where it is missing, cut off, of a newer format, or not ours.
    """
    with _opened(path) as (file, metadata):
        return _contents(path, metadata, {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118


def read_packed(path: Path, data: bytes) -> Contents:
    """The same of a detector file's bytes, which lay in `path`. Raises `DetectorError` as `read_file` does."""
    try:
        return _contents(path, _metadata(data), load(data))
    except (SafetensorError, ValueError, AttributeError):
        raise DetectorError(f"{path}: the detector in it was damaged: export it again") from None


def _contents(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> Contents:
    config = _read_config(path, metadata)
    try:
        provenance = json.loads(metadata["provenance"])
        kept = metadata.get("calibration")
        calibration = Calibration.from_dict(json.loads(kept)) if kept else None
    except (KeyError, ValueError, TypeError, AttributeError):
        raise DetectorError(f"{path}: its metadata cannot be read; was the file edited?") from None
    return Contents(config, provenance, calibration, {name: _widen(tensor) for name, tensor in tensors.items()})


def _metadata(data: bytes) -> dict[str, str]:
    """Of a safetensors file: after its length in eight bytes, the header is JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return dict(header.get("__metadata__", {}))


def read_config(path: str | Path) -> Config:
    """The configuration of a detector, without its weights. Raises `DetectorError` as `load` does."""
    path = resolve(path)
    if is_exported(path):
        return read_packed(path, unpack(path).detector).config
    with _opened(path) as (_, metadata):
        return _read_config(path, metadata)


def _narrow(tensor: Tensor) -> Tensor:
    if tensor.dtype != torch.float32:
        return tensor
    half = tensor.to(torch.float16)
    return half if torch.equal(half.float(), tensor) else tensor


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, dict[str, str]]]:
    if path.is_dir():
        raise DetectorError(f"{path}: a folder; name the detector file that `sdmae train` wrote")
    if not path.is_file():
        raise DetectorError(f"{path}: no such detector file; `sdmae train` makes one")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DetectorError(
                    f"{path}: a safetensors file, but not an sdmae detector; name one `sdmae train` wrote"
                )
            yield file, metadata
    except (SafetensorError, OSError):
        raise DetectorError(
            f"{path}: not a detector, or one that was cut off: copy it again, or train it anew"
        ) from None


def _read_config(path: Path, metadata: Mapping[str, str]) -> Config:
    try:
        version = int(metadata["format_version"])
        if version > FORMAT_VERSION:
            raise DetectorError(
                f"{path}: detector format {version}, this sdmae reads up to {FORMAT_VERSION}: install a newer sdmae"
            )
        return from_dict(json.loads(metadata["config"]))
    except (KeyError, ValueError, TypeError, ConfigError):
        raise DetectorError(f"{path}: its configuration cannot be read; was the file edited?") from None
