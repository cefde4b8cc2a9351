"""Does a detector of default settings work for a camera nobody tuned it to?

    python benchmarks/cameras.py --folder /tmp/cameras --output benchmarks/results/cameras.json

For each camera one half of its normal video is written as plain .mp4 and learned from, with a preset as it is and no
benchmark's name; the other half is normal video never seen, and the test video is scored by the usual protocol. Runs
on real test video are noted in the ledger. What is done is kept in the folder, and gone on with the next time.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sdmae
from sdmae.data.benchmark import Benchmark
from sdmae.data.readers import read_benchmark
from sdmae.data.scene import write_scene
from sdmae.detector import Detector, load
from sdmae.errors import DetectorError
from sdmae.evaluation.ledger import commit, environment
from sdmae.evaluation.protocol import evaluate
from sdmae.model.presets import preset
from sdmae.progress import say
from sdmae.training import Job, train
from sdmae.video import Clip, VideoWriter, find_clips, probe, read_frames

CAMERAS = ["scene", "avenue", "ped2"]
LEDGER = Path(__file__).parent / "results" / "test-ledger.jsonl"
MEASURES = ("micro_auc", "macro_auc", "macro_auc_two_class", "micro_auc_clip_normalised")


def main() -> None:
    """Trains and measures what is not done yet, writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the real cameras' video")
    parser.add_argument(
        "--cameras", nargs="+", default=["scene", "avenue", "ped2"], choices=["scene", "avenue", "ped2"]
    )
    parser.add_argument("--presets", nargs="+", default=["small"], help="small, base")
    parser.add_argument("--device", help="cpu, cuda; left out: a GPU if there is one")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    rows = []
    for camera in args.cameras:
        benchmark = opened(camera, args.folder, args.data)
        place = args.folder / camera
        first, second = halves(benchmark, place)
        for name in args.presets:
            rows.append(measured(benchmark, place, name, (first, second), args.device))
            sys.stdout.write(json.dumps(rows[-1]) + "\n")
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": 0,
        "rows": rows,
    }
    if args.output:
        args.output.write_text(json.dumps(report, indent=2) + "\n")


def opened(camera: str, folder: Path, data: Path) -> Benchmark:
    """A camera's normal and test video: drawn, or real."""
    if camera == "scene":
        root = folder / "scene" / "drawn"
        if not root.exists():
            write_scene(root, seed=0, training_clips=2)
        return read_benchmark("scene", root)
    root = {"ped2": data / "ucsd_ped2" / "UCSDped2", "avenue": data / "avenue_sample"}[camera]
    return read_benchmark(camera, root, partial=camera == "avenue")


def halves(benchmark: Benchmark, place: Path) -> tuple[list[Clip], list[Clip]]:
    """The first and the second half of each normal clip, as .mp4."""
    for number, clip in enumerate(benchmark.training):
        info = probe(clip)
        paths = [place / half / f"normal_{number:02}.mp4" for half in ("first", "second")]
        if all(path.exists() for path in paths):
            continue
        images = [frame.image for frame in read_frames(clip, (info.size,), grey=False)]
        for path, part in zip(paths, (images[: len(images) // 2], images[len(images) // 2 :]), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with VideoWriter(path, info.rate) as video:
                for image in part:
                    video.write(image)
    first, second = (find_clips(str(place / half)) for half in ("first", "second"))
    return first, second


def measured(
    benchmark: Benchmark, place: Path, name: str, video: tuple[Sequence[Clip], Sequence[Clip]], device: str | None
) -> dict[str, Any]:
    """One row: how well a preset does on one camera."""
    path = place / f"{name}.safetensors"
    if not path.exists():
        train(Job(video[0], path, resume=True, device=device), preset(name), say)
    detector = load(path, device=device)
    found = place / f"{name}-metrics.json"
    if not found.exists():
        metrics = evaluate(detector, benchmark, place / f"{name}-test", ledger=LEDGER, report=say, whole=False)
        found.write_text(json.dumps({key: metrics[key] for key in (*MEASURES, "causal", "intervals")}))
    metrics = json.loads(found.read_text())
    alarms, seconds = false_alarms(detector, video[1])
    return {
        "camera": benchmark.name + (" (a part)" if benchmark.missing else ""),
        "preset": name,
        "detector": detector.fingerprint(),
        "trained_on_seconds": sum(probe(clip).declared_seconds or 0.0 for clip in video[0]),
        "trained_minutes": round(detector.provenance["seconds"] / 60, 1),
        **{key: metrics[key] for key in MEASURES},
        "causal_micro_auc": metrics["causal"]["micro_auc"],
        "interval": metrics["intervals"].get("micro_auc"),
        "alarms_in_unseen_normal_video": alarms,
        "unseen_seconds": seconds,
    }


def false_alarms(detector: Detector, clips: Sequence[Clip]) -> tuple[int | None, float]:
    """Alarms in normal video never seen, by the calibration that training gave; None where it gave none."""
    seconds = sum(probe(clip).declared_seconds or 0.0 for clip in clips)
    try:
        return sum(len(list(detector.events(clip, causal=True))) for clip in clips), seconds
    except DetectorError:
        return None, seconds


if __name__ == "__main__":
    main()
