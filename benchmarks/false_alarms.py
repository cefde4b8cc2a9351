"""False alarms: the rate a calibration promises beside the rate on hours of unseen normal video.

    python benchmarks/false_alarms.py --folder /tmp/false-alarms --output benchmarks/results/false-alarms.json

Draws normal video of the procedural scene (training, calibration and unseen clips, all of one place and no two of one
time), trains the demo's detector, scores everything once, and then calibrates with more and less of the calibration
clips for several budgets. What is finished is kept in the folder, and the same command goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import sdmae
from sdmae.config import EventConfig
from sdmae.data.scene import SceneSpec, render
from sdmae.data.scene.render import make_place
from sdmae.demo.demo import demo_config
from sdmae.detector import Detector, load
from sdmae.evaluation.ledger import commit, environment
from sdmae.progress import progress, say
from sdmae.scoring.calibration import NormalClip, calibrate, events_at
from sdmae.training import Job, train
from sdmae.video import VideoWriter, find_clips

RATE = 12.5
SECONDS = 300
"""Of a calibration or unseen clip."""
BUDGETS = (1.0, 6.0, 24.0, 48.0, 96.0, 240.0, 480.0, 960.0)
DAY = 86400.0


def main() -> None:
    """Does what is not done yet, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where video, detector and scores are kept")
    parser.add_argument("--calibration-hours", type=float, default=2.0)
    parser.add_argument("--unseen-hours", type=float, default=3.0)
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    os.environ.setdefault("SDMAE_CACHE", str(args.folder / "cache"))
    clips = {hours: round(hours * 3600 / SECONDS) for hours in (args.calibration_hours, args.unseen_hours)}
    draw(args.folder / "training", 0, 8, 60)
    draw(args.folder / "calibration", 100, clips[args.calibration_hours], SECONDS)
    draw(args.folder / "unseen", 200, clips[args.unseen_hours], SECONDS)
    detector = trained(args.folder)
    known = scored(detector, args.folder / "calibration")
    unseen = scored(detector, args.folder / "unseen")
    rows = [row for protocol in known for row in table(known[protocol], unseen[protocol], protocol)]
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": 0,
        "video": f"procedural scene, 240x360, {RATE} frames a second; {args.calibration_hours:g} h to calibrate "
        f"with, {args.unseen_hours:g} h unseen",
        "detector": detector.fingerprint(),
        "rows": rows,
        "inside_interval": sum(row["inside"] for row in rows) / len(rows),
        "inside_counts": sum(row["inside_counts"] for row in rows) / len(rows),
    }
    for row in rows:
        sys.stdout.write(
            f"{row['protocol']:8} {row['calibrated_minutes']:4.0f} min  asked {row['asked']:5g}  threshold "
            f"{row['threshold']:.4f}  interval {row['low']:7.2f} to {row['high']:7.1f}  vouched {row['vouched']:7.1f}"
            f"  measured {row['measured']:7.1f} ({row['events']} events; {row['fewest']} to {row['most']} expected)"
            f"{'' if row['inside'] else '  OUTSIDE'}\n"
        )
    if args.output:
        args.output.write_text(json.dumps(report, indent=2) + "\n")


def draw(folder: Path, first: int, count: int, seconds: float) -> None:
    """Normal clips of the scene that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    place = make_place(SceneSpec(0))
    frames = round(seconds * RATE)
    paths = {n: folder / f"normal_{n:04}.mp4" for n in range(first, first + count)}
    missing = {n: path for n, path in paths.items() if not path.exists()}
    with progress(f"drawing {folder.name}", len(missing) * frames, "frames") as bar:
        for n, path in missing.items():
            with VideoWriter(path, RATE) as video:
                for frame in render(SceneSpec(0, clip=n), frames, place):
                    video.write(frame.image)
                    bar.update()


def trained(folder: Path) -> Detector:
    """The detector, trained now or before."""
    path = folder / "scene.safetensors"
    if path.exists():
        return load(path, device="cpu", stale=True)  # it is calibrated here, as often as is wanted
    config = demo_config()
    config = replace(config, train=replace(config.train, teacher_epochs=8, student_epochs=2, validate_every=2))
    return train(Job(find_clips(str(folder / "training")), path, resume=True, device="cpu"), config, say)


def scored(detector: Detector, folder: Path, most: int | None = None) -> dict[str, list[NormalClip]]:
    """Scores of the clips, at most so many, by protocol; from the files beside them where they are there."""
    found: dict[str, list[NormalClip]] = {"causal": [], "offline": []}
    clips = find_clips(str(folder))[:most]
    with progress(f"scoring {folder.name}", len(clips), "clips") as bar:
        for clip in clips:
            path = clip.path.with_suffix(f".{detector.fingerprint()[:8]}.npz")
            if not path.exists():
                offline, causal = detector.score_both(clip)
                part = path.with_suffix(".part")
                with part.open("wb") as file:
                    np.savez(file, times=causal.times, causal=causal.scores, offline=offline.scores)
                part.replace(path)
            with np.load(path) as kept:
                for protocol, series in found.items():
                    series.append(NormalClip(kept["times"], kept[protocol]))
            bar.update()
    return found


def table(known: list[NormalClip], unseen: list[NormalClip], protocol: str) -> list[dict[str, Any]]:
    """A row for each length of calibration video and each budget."""
    times = np.concatenate([clip.times for clip in unseen])
    scores = np.concatenate([clip.scores for clip in unseen])
    starts = np.cumsum([0, *(len(clip.times) for clip in unseen)])
    seconds = len(times) / RATE
    rows = []
    for share in (0.125, 0.5, 1.0):
        part = known[: max(1, round(share * len(known)))]
        for budget in BUDGETS:
            config = EventConfig(false_alarms_per_day=budget)
            level = calibrate(part, config)
            events = len(events_at(times, scores, starts, level.levels(config), config.merge))
            measured = events / seconds * DAY
            fewest, most = level.number_in(seconds)
            rows.append(
                {
                    "protocol": protocol,
                    "calibrated_minutes": level.seconds / 60,
                    "asked": budget,
                    "threshold": level.threshold,
                    "low": level.low,
                    "high": level.high,
                    "vouched": level.vouched,
                    "events": events,
                    "unseen_hours": seconds / 3600,
                    "measured": measured,
                    "inside": bool(level.low <= measured <= level.high),
                    "fewest": fewest,
                    "most": most,
                    "inside_counts": bool(fewest <= events <= most),
                }
            )
    return rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
