"""What the benchmarks of live cameras share: Ped2 as cameras on loopback, and what a process takes."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import sdmae
from sdmae.evaluation.ledger import commit, environment
from sdmae.live.service import LiveService
from sdmae.live.settings import CameraSettings, LiveSettings, Secret
from sdmae.video import Image, find_clips, read_frames

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
RATE = 10
"""Frames a second of Ped2."""


def pictures(root: Path, clips: range) -> list[Image]:
    """The frames of some of Ped2's test clips, each with the normal clip of that number after it, RGB."""
    found: list[Image] = []
    for number in clips:
        for split in ("Test", "Train"):
            clip = find_clips(str(root / split / f"{split}{number:03}"))[0]
            found += [frame.image for frame in read_frames(clip)]
    return found


def camera(name: str, source: str, detector: str, **more: Any) -> CameraSettings:
    """A camera whose clips are short, so that memory is soon what it will be."""
    return CameraSettings(name, Secret.address(source), detector, before=2.0, after=2.0, max_clip=15.0, **more)


def settings(folder: Path, *cameras: CameraSettings) -> LiveSettings:
    """A store in that folder."""
    url = Secret.address(f"sqlite:///{folder}/events.db")
    return LiveSettings(cameras, store=url, media=folder / "media", device="cpu")


def counts(service: LiveService) -> dict[str, dict[str, int]]:
    """What became of each camera's frames."""
    names = ("received", "scored", "unscored", "shed", "waiting")
    return {
        camera: {name: getattr(count, name) for name in names} for camera, count in service.accounts.all().items()
    }


def exact(found: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether every frame has one fate."""
    return all(one["received"] == one["scored"] + one["unscored"] + one["shed"] for one in found.values())


def taken(service: LiveService) -> dict[str, float]:
    """What this process and its decoders take: megabytes that are their own, descriptors, threads, CPU seconds."""
    found = {"megabytes": 0.0, "descriptors": 0.0, "threads": 0.0, "cpu_seconds": 0.0}
    decoders = [service.decoder_pid(view.name) for view in service.cameras()]
    for number in (os.getpid(), *filter(None, decoders)):
        place = Path("/proc") / str(number)
        try:
            private = re.findall(r"Private_\w+: +(\d+) kB", (place / "smaps_rollup").read_text())
            found["megabytes"] += sum(map(int, private)) / 1e3
            found["descriptors"] += len(list((place / "fd").iterdir()))
            found["threads"] += len(list((place / "task").iterdir()))
            fields = (place / "stat").read_text().rpartition(")")[2].split()
            found["cpu_seconds"] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue  # a decoder that has just ended
    return found


def write_report(found: dict[str, Any], output: Path | None) -> None:
    """Prints the figures with where they come from, and writes them."""
    report = {"command": shlex.join(["python", *sys.argv]), **commit(Path(sdmae.__file__).parent), **environment()}
    report["versions"] |= {"av": version("av"), "sqlalchemy": version("sqlalchemy")}
    text = json.dumps(report | found, indent=2) + "\n"
    sys.stdout.write(text)
    if output:
        output.write_text(text)
