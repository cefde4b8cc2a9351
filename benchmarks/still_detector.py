"""What stands still: left bags and fallen people, found by a detector without and with the slow term of its score.

    python benchmarks/still_detector.py --folder /tmp/false-alarms --output benchmarks/results/still-detector.json

Goes on from the video and the detector of benchmarks/false_alarms.py in the same folder. For each weight the causal
threshold is calibrated on half of the calibration clips, and false alarms are counted on a third of the unseen ones.
An object is found when an alarm's box touches it `SETTLED` seconds or later after it came to lie: what its coming
stirs up is not counted.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from false_alarms import DAY, scored

import sdmae
from sdmae.data.benchmark import Benchmark, TestClip
from sdmae.data.scene import read_scene, write_scene
from sdmae.detector import Detector, load
from sdmae.evaluation.ledger import commit, environment
from sdmae.scoring import FrameScore, Levels, Region, VideoScores, find_events
from sdmae.scoring.calibration import calibrate, events_at

WEIGHTS = (0.0, 0.5, 1.0)
BUDGETS = (24.0, 240.0)
CLIPS, SECONDS = 8, 60.0
SETTLED = 3.0


def main() -> None:
    """Draws the still clips, scores, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where benchmarks/false_alarms.py kept its work")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    root = args.folder / "still"
    if not root.exists():
        short = {"training_clips": 1, "training_seconds": 1.0}
        write_scene(root, seed=0, **short, test_clips=CLIPS, test_seconds=SECONDS, still=True)  # type: ignore[arg-type]
    benchmark = read_scene(root)
    trained = load(args.folder / "scene.safetensors", device="cpu", stale=True)
    rows = [row for weight in WEIGHTS for row in measure(trained, weight, benchmark, args.folder)]
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": 0,
        "video": f"{CLIPS - 1} clips of {SECONDS:g} s of the procedural scene with a left bag or a fallen person",
        "detector": trained.fingerprint(),
        "settled_seconds": SETTLED,
        "rows": rows,
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def measure(trained: Detector, weight: float, benchmark: Benchmark, folder: Path) -> list[dict[str, Any]]:
    """One row for each budget."""
    score = replace(trained.config.score, still=weight)
    detector = trained.with_settings(replace(trained.config, score=score))
    known, unseen = (scored(detector, folder / name, 12)["causal"] for name in ("calibration", "unseen"))
    tests = [(truth, detector.score(truth.clip, causal=True)) for truth in benchmark.test]
    rows = []
    for budget in BUDGETS:
        config = replace(detector.config.events, false_alarms_per_day=budget)
        level = calibrate(known, config)
        times = np.concatenate([clip.times for clip in unseen])
        scores = np.concatenate([clip.scores for clip in unseen])
        starts = np.cumsum([0, *(len(clip.times) for clip in unseen)])
        false = len(events_at(times, scores, starts, level.levels(config), config.merge))
        seconds = len(times) / benchmark.rate
        verdicts = [v for truth, found in tests for v in judged(truth, found, level.levels(config), config.merge)]
        rows.append(
            {
                "still_weight": weight,
                "asked_false_alarms_per_day": budget,
                "threshold": level.threshold,
                "interval": [level.low, level.high],
                "measured_false_alarms_per_day": false / seconds * DAY,
                "false_alarms": false,
                "unseen_hours": seconds / 3600,
                "found": {
                    kind: f"{sum(hit for k, hit in verdicts if k == kind)} of {sum(k == kind for k, _ in verdicts)}"
                    for kind in sorted({kind for kind, _ in verdicts})
                },
            }
        )
    return rows


def judged(truth: TestClip, scores: VideoScores, levels: Levels, merge: float) -> list[tuple[str, bool]]:
    """(kind, found) of each object that stands still."""
    if scores.boxes is None or scores.parts is None:
        raise ValueError("scored without regions")
    frames = (
        FrameScore(int(i), float(t), float(s), float(s), None, Region(tuple(box), tuple(parts)))
        for i, t, s, box, parts in zip(
            scores.frames, scores.times, scores.scores, scores.boxes.tolist(), scores.parts.tolist(), strict=True
        )
    )
    events = list(find_events(frames, levels, merge))
    found = []
    for track in truth.tracks or ():
        settled = float(scores.times[track.frames[0]]) + SETTLED
        during = [event for event in events if event.end > settled]
        hit = False
        for event in during:
            span = (scores.times >= max(event.start, settled)) & (scores.times <= event.end)
            high = span & (scores.scores > levels.opens)
            hit = hit or any(touch(scores.boxes[k], track.boxes[-1], truth) for k in np.flatnonzero(high))
        found.append((track.kind, hit))
    return found


def touch(region: Any, box: Any, truth: TestClip) -> bool:
    """Whether a region, in shares of the picture, overlaps a box in pixels."""
    from sdmae.video import probe

    size = probe(truth.clip).size
    x0, y0, x1, y1 = np.asarray(region) * (size.width, size.height, size.width, size.height)
    return bool(x0 < box[2] and box[0] < x1 and y0 < box[3] and box[1] < y1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
