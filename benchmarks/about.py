"""What every result says of itself, and where it goes."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import torch

import sdmae
from sdmae.evaluation.ledger import commit, environment, ran_on


def about(device: str, seed: int) -> dict[str, Any]:
    """Command, commit, machine, versions, seed, and how busy the machine was before it began."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        **ran_on(device),
        "seed": seed,
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def tell(report: dict[str, Any], output: Path | None, as_json: bool) -> None:
    """One JSON object on standard output, or a line a figure; and the object into the file, where one is named."""
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    if as_json:
        sys.stdout.write(text)
    else:
        sys.stdout.writelines(f"{k}: {v}\n" for k, v in report.items() if isinstance(v, (int, float, str)))
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text)


def quietly(threads: int | None) -> None:
    """As many threads as asked for, on every side."""
    if threads is not None:
        torch.set_num_threads(threads)
