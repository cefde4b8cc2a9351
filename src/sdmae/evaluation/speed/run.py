"""The measurements: row after row, each written down before the next begins, so that the same command goes on."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sdmae.errors import ConfigError, SdmaeError
from sdmae.evaluation.ledger import CODE, commit, environment
from sdmae.evaluation.speed.ceiling import ceilings
from sdmae.evaluation.speed.measure import measure
from sdmae.evaluation.speed.report import write_report
from sdmae.evaluation.speed.subject import SEED, Setting, check_setting
from sdmae.progress import progress
from sdmae.recordings.files import check_writable, write_text
from sdmae.runtime import pick_device
from sdmae.video import Clip, probe

Report = Callable[[str], None]

FILE = "bench.json"
FORMAT = 1
_SAME = ("format", "source", "machine", "versions", "threads", "repeats", "seconds")
"""What rows of one table must have in common."""


@dataclass(frozen=True)
class Order:
    """What is to be measured, and where the result goes."""

    clip: Clip
    output: Path
    """A folder: a new one, or one with measurements on the same machine of the same source, which is gone on with."""
    settings: Sequence[Setting]
    repeats: int = 3
    seconds: float = 0.5
    """Of each turn of each stage."""


def bench(order: Order, report: Report) -> dict[str, str]:
    """Measures every row that is not done; writes bench.json, .md and .png after each. Returns what failed, by row.

    Raises `ConfigError` for settings that there are not and for a folder that holds something else, `SourceError` for
    a clip that cannot be read. KeyboardInterrupt leaves all that was measured, and the same order goes on.
    """
    if order.repeats < 1 or not 0 < order.seconds < float("inf"):
        raise ConfigError(f"{order.repeats} repeats of {order.seconds:g} s: give more than 0 of both")
    for setting in order.settings:
        check_setting(setting)
        pick_device(setting.device)
    check_writable(order.output)
    found = _begun(order)
    done = {row["key"]: row for row in found["rows"]}
    # A row is of the code that measured it: what an earlier commit measured is measured again.
    code = commit(CODE)
    left = [one for one in order.settings if done.get(one.key, {}).get("commit") != code["commit"]]
    failures: dict[str, str] = {}
    total = len(order.settings)
    with progress("measuring", total, "rows", total - len(left)) as bar:
        for setting in left:
            if setting.device not in found["ceilings"]:
                found["ceilings"][setting.device] = ceilings(pick_device(setting.device), order.seconds)
            report(f"{total - len(left) + left.index(setting) + 1} of {total}: {setting.key}")
            try:
                row = measure(setting, order.clip, found["ceilings"][setting.device], order.repeats, order.seconds)
            except (SdmaeError, torch.OutOfMemoryError) as error:
                failures[setting.key] = str(error).partition("\n")[0]
                report(f"{setting.key}: {failures[setting.key]}")
                continue
            done[setting.key] = {**row, **code}
            found["rows"] = list(done.values())
            write_text(order.output / FILE, json.dumps(found, indent=1, allow_nan=False) + "\n")
            write_report(order.output, found)
            bar.update()
    return failures


def _begun(order: Order) -> dict[str, Any]:
    """What the folder holds already, or the beginning of it. Raises `ConfigError` where it is something else."""
    info = probe(order.clip)
    now: dict[str, Any] = {
        "format": FORMAT,
        "command": shlex.join(["sdmae", *sys.argv[1:]]),
        **environment(),
        "threads": torch.get_num_threads(),
        "seed": SEED,
        "source": {"name": order.clip.mark, "size": list(info.size), "rate": info.rate, "codec": info.codec},
        "repeats": order.repeats,
        "seconds": order.seconds,
        "ceilings": {},
        "rows": [],
    }
    path = order.output / FILE
    if not path.exists():
        if order.output.exists() and any(order.output.iterdir()):
            raise ConfigError(f"{order.output}: holds no measurements, but something else; choose another --output")
        return now
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        differing = [name for name in _SAME if kept[name] != now[name]]
        done = {"ceilings": dict(kept["ceilings"]), "rows": list(kept["rows"])}
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(f"{path}: no measurements of this version; choose another --output") from None
    if differing:
        raise ConfigError(
            f"{order.output}: holds measurements of another {', '.join(differing)}; choose another --output, or "
            "delete it"
        )
    return {**now, **done}
