"""The ledger of runs on test data: one JSON line each, only ever appended to, so that none can be forgotten."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

if sys.platform != "win32":
    import fcntl

RECORD = ("command", "benchmark", "detector", "config", "seed", "metrics")
"""What the caller says of a run: the command line, the benchmark's name, the detector's fingerprint, its settings
as plain dictionaries, its seed, and the protocol's metrics."""

_PACKAGES = ("sdmae", "torch", "numpy", "av")
CODE = Path(__file__).resolve().parents[1]


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds one run to the ledger at `path`, which is made where it is missing.

    record: the keys of `RECORD` and any others, fit for JSON. The line begins with the time (UTC, ISO 8601) and
    the code's commit, and ends with `environment()`. It is on the disk when this returns, and writers at the same
    time do not mix their lines. Raises ValueError, before anything is written, when a key is missing or a
    number is not finite; TypeError for what JSON cannot hold; OSError when the line cannot be written whole.
    """
    missing = [key for key in RECORD if key not in record]
    if missing:
        raise ValueError(f"a ledger line needs {', '.join(missing)}")
    line = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **commit(CODE),
        **record,
        **environment(),
    }
    _append_line(path, json.dumps(line, allow_nan=False))


def environment() -> dict[str, Any]:
    """The machine (processor, cores this process may use, memory in GiB, GPUs by name) and the versions in use."""
    return {
        "machine": {
            "system": platform.platform(terse=True),
            "cpu": _processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": _memory_gib(),
            "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def ran_on(device: str) -> dict[str, Any]:
    """What of the machine a run used: `device` as torch names it, its `gpu` by name (None: it was the CPU), and how
    many `threads` torch computes with."""
    gpu = torch.cuda.get_device_name(device) if device.startswith("cuda") else None
    return {"device": device, "gpu": gpu, "threads": torch.get_num_threads()}


def commit(folder: Path) -> dict[str, Any]:
    """The commit of the code in `folder`, and whether files there differ from it: `commit` and `dirty`.

    Both are None where the code is not tracked by git: an installed package that happens to lie below somebody's
    repository is not of that repository's commit.
    """
    head = _git(folder, "rev-parse", "HEAD")
    if not head or not _git(folder, "ls-files", "--", "."):
        return {"commit": None, "dirty": None}
    return {"commit": head, "dirty": bool(_git(folder, "status", "--porcelain", "--", "."))}


def _append_line(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if sys.platform != "win32":
            # One write in append mode is one line already; the lock is for looking at what was there before it.
            fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        data = (text + "\n").encode()
        if not _ends_a_line(handle, size):
            data = b"\n" + data  # a run was cut off in its line; ours must not be lost with it
        written = os.write(handle, data)
        if written != len(data):
            os.ftruncate(handle, size)
            raise OSError(errno.ENOSPC, "the disk took only a part of the line, which was removed again", str(path))
        os.fsync(handle)
    finally:
        os.close(handle)


def _ends_a_line(handle: int, size: int) -> bool:
    if size == 0:
        return True
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"


def _git(folder: Path, *arguments: str) -> str | None:
    # Within a git hook these variables would point git at another repository than the folder's.
    surroundings = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=surroundings, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    about = Path("/proc/cpuinfo")
    if about.exists():
        for line in about.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None
