"""Time and memory of RBDC and TBDC at the size of ShanghaiTech's test set, files included.

    python benchmarks/regions.py --output benchmarks/results/regions.json

107 videos of 40,791 frames, 158 tracks of 18,937 regions, all drawn here, and as many detections as are asked for: a
third of them on a region, the others anywhere, all of different scores. Each size is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import sdmae
from sdmae.evaluation.ledger import commit, environment

SEED = 0
VIDEOS, FRAMES, TRACKS, REGIONS = 107, 40791, 158, 18937
WIDTH, HEIGHT = 856, 480
# The kernel's own record of the most memory the process ever held, before and after; what getrusage says of a child
# would include its parent's memory at the fork. The time is to be held against reading the files by NumPy alone.
CHILD = """
import json, sys, time, warnings
from pathlib import Path
import numpy as np
from sdmae.evaluation.files.metric_files import regions_report
folder, frames = Path(sys.argv[1]), int(sys.argv[2])

def peak():
    (line,) = [x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM")]
    return int(line.split()[1]) / 1024

before, start = peak(), time.perf_counter()
report = regions_report(folder / "tracks", folder / "detections", frames)
seconds, most = time.perf_counter() - start, peak()
start = time.perf_counter()
with warnings.catch_warnings(action="ignore"):  # of empty files
    for path in folder.rglob("*.txt"):
        np.loadtxt(path, delimiter=",", ndmin=2)
reading = time.perf_counter() - start
print(json.dumps({
    **report, "seconds": round(seconds, 2), "loadtxt_seconds": round(reading, 2),
    "peak_mib": round(most, 1), "peak_mib_before": round(before, 1),
}))
"""


def main() -> None:
    """Draws the files, measures, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--detections", type=int, nargs="+", default=[20000, 200000, 2000000], help="(default: 20000 200000 2000000)"
    )
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    report = {
        "command": shlex.join(["python", *sys.argv]),
        **commit(Path(sdmae.__file__).parent),
        **environment(),
        "seed": SEED,
        "videos": VIDEOS,
        "frames": FRAMES,
        "metrics_regions": [measure(count) for count in args.detections],
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text)


def measure(detections: int) -> dict[str, Any]:
    """What `regions_report` says, takes and holds for that many detections."""
    with tempfile.TemporaryDirectory() as name:
        draw(Path(name), detections)
        words = [sys.executable, "-c", CHILD, name, str(FRAMES)]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def draw(folder: Path, detections: int) -> None:
    """Tracks and detections, one file for each video."""
    rng = np.random.default_rng([SEED, detections])
    lengths = np.full(VIDEOS, FRAMES // VIDEOS) + (np.arange(VIDEOS) < FRAMES % VIDEOS)
    owner = np.sort(np.append(np.arange(VIDEOS), rng.integers(0, VIDEOS, TRACKS - VIDEOS)))
    sizes = np.full(TRACKS, REGIONS // TRACKS) + (np.arange(TRACKS) < REGIONS % TRACKS)
    tracks = []
    for track, (video, size) in enumerate(zip(owner, sizes, strict=True)):
        frames = rng.integers(0, lengths[video] - size + 1) + np.arange(size)
        path = rng.uniform((0, 0), (WIDTH - 60, HEIGHT - 120)) + np.cumsum(rng.normal(0, 2, (size, 2)), axis=0)
        boxes = np.concatenate([path, path + np.array([50, 100])], axis=1).round().astype(np.int64)
        tracks.append(np.column_stack([np.full(size, video), np.full(size, track), frames, boxes]))
    regions = np.concatenate(tracks)

    on = regions[rng.integers(0, REGIONS, detections // 3)]
    video = rng.integers(0, VIDEOS, detections - len(on))
    corner = rng.integers((0, 0), (WIDTH, HEIGHT), (len(video), 2))
    boxes = np.concatenate([corner, corner + rng.integers(5, 120, corner.shape)], axis=1)
    anywhere = np.column_stack([video, rng.integers(0, lengths[video]), boxes])
    jittered = np.column_stack([on[:, [0, 2]], on[:, 3:] + rng.integers(-4, 5, (len(on), 4))])
    found = rng.permutation(np.concatenate([jittered, anywhere]))
    scores = rng.random(detections)

    for name in ("tracks", "detections"):
        (folder / name).mkdir()
    for k in range(VIDEOS):
        np.savetxt(folder / "tracks" / f"{k:03}.txt", regions[regions[:, 0] == k, 1:], "%d", ",")
        rows = np.column_stack([found, scores])[found[:, 0] == k, 1:]
        np.savetxt(folder / "detections" / f"{k:03}.txt", rows, "%d,%d,%d,%d,%d,%.6f")


if __name__ == "__main__":
    main()
