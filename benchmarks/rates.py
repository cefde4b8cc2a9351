"""One scene filmed at 25 and at 10 frames a second: the same detector must find the same events in both.

    python benchmarks/rates.py --detector cam.safetensors --folder /tmp/rates --output benchmarks/results/rates.json

Draws the scene's test clips twice, each frame from a moment of the same world, with sensor noise of its own, and
lets `detect` find the events. The detector must know the scene of seed 0: benchmarks/false_alarms.py makes one.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import sdmae
from sdmae.cli import main as command
from sdmae.data.scene import SceneSpec, plan_test_clips, render
from sdmae.detector import load
from sdmae.evaluation.ledger import commit, environment
from sdmae.video import VideoWriter

RATES = (25.0, 10.0)
CLIPS, SECONDS = 6, 30.0


def main() -> None:
    """Draws what is not there, detects, compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", type=Path, required=True, help="a calibrated detector of the scene of seed 0")
    parser.add_argument("--folder", type=Path, required=True, help="where video and events are kept")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    for rate in RATES:
        draw(args.folder / f"{rate:g}", rate)
        words = ["detect", str(args.folder / f"{rate:g}"), "--detector", str(args.detector), "--resume"]
        if command([*words, "--output", str(args.folder / f"events-{rate:g}")]) != 0:
            sys.exit("detect failed")
    rows: list[dict[str, Any]] = []
    for n in range(1, CLIPS + 1):
        fast, slow = (events(args.folder / f"events-{rate:g}" / f"test_{n:02}") for rate in RATES)
        both = pairs(fast, slow)
        rows.append(
            {
                "clip": f"test_{n:02}",
                "25": fast,
                "10": slow,
                "in_both": len(both),
                "start_differs": [round(abs(a["start"] - b["start"]), 2) for a, b in both],
                "end_differs": [round(abs(a["end"] - b["end"]), 2) for a, b in both],
            }
        )
    detector = load(args.detector)
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": 0,
        "detector": {"fingerprint": detector.fingerprint(), "rate": detector.rate},
        "video": f"{CLIPS} test clips of {SECONDS:g} s of the procedural scene, 240x360, at 25 and 10 frames/s",
        "rows": rows,
        "events": [sum(len(row[f"{rate:g}"]) for row in rows) for rate in RATES],
        "in_both": sum(row["in_both"] for row in rows),
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def draw(folder: Path, rate: float) -> None:
    """The test clips at that frame rate, where they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for n, staged in enumerate(plan_test_clips(CLIPS, SECONDS), 1):
        path = folder / f"test_{n:02}.mp4"
        if not path.exists():
            spec = SceneSpec(0, 1000 + n, rate=rate, staged=staged)
            with VideoWriter(path, rate) as video:
                for frame in render(spec, round(SECONDS * rate)):
                    video.write(frame.image)


def events(folder: Path) -> list[dict[str, Any]]:
    """The events of one clip, without what cannot be the same."""
    found = json.loads((folder / "events.json").read_text())["events"]
    return [{key: one[key] for key in ("start", "end", "peak", "time", "box", "term")} for one in found]


def pairs(fast: list[dict[str, Any]], slow: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Events of the one with those of the other at the same time and place: times and boxes overlap."""
    left = list(slow)
    found = []
    for one in fast:
        for other in left:
            in_time = one["start"] <= other["end"] and other["start"] <= one["end"]
            x0, y0, x1, y1 = one["box"]
            u0, v0, u1, v1 = other["box"]
            if in_time and x0 < u1 and u0 < x1 and y0 < v1 and v0 < y1:
                left.remove(other)
                found.append((one, other))
                break
    return found


if __name__ == "__main__":
    main()
