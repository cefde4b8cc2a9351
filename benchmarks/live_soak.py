"""Four cameras for minutes: what they take, how late scores are, how many are carried, whether events are right.

    python benchmarks/live_soak.py --root UCSDped2 --output benchmarks/results/live-soak.json

Ped2 over RTSP (gst-rtsp-server on loopback), in three parts:

- events: a file of four test clips, each with a normal one after it, is played once over RTSP to two cameras, and
  looked at by `detect --causal`: the events must be the same, and nothing may be shed.
- soak: four cameras and one detector for --minutes. Memory that is the processes' own, descriptors and threads are
  noted every five seconds: their slope over the second half is to be nothing. Latency is that of the slowest frame
  of every quarter of a second, from the frame's arrival in the decoder's process to its score; scores wait for three
  frames of the future, 0.3 s, as the method does.
- capacity: more and more cameras, each for --seconds, until more than 1 % of the frames are shed: with one detector
  for all, and with four networks in turn. Servers and decoders run on the same cores.

--short: a minute in all, for a look.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import live_world as here
import numpy as np

from sdmae.cli import main as command
from sdmae.detector import Detector, load
from sdmae.live.service import LiveService
from sdmae.live.store import Notice, StoredEvent
from sdmae.live.views import Push, Scored
from sdmae.video import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from live_server import encode, rtsp_server

NETWORKS = 4
SHED = 0.01
"""Share of frames shed above which so many cameras are not carried."""
NEVER = 1e9
"""A threshold above which nothing is an alarm."""


def main() -> None:
    """The three parts, and their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of UCSD Ped2")
    parser.add_argument("--detector", default="ped2-small")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak (default: 10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each number of cameras (default: 20)")
    parser.add_argument("--most", type=int, default=64, help="cameras, at most (default: 64)")
    parser.add_argument("--short", action="store_true", help="a minute in all")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    minutes, seconds, most, clips = args.minutes, args.seconds, args.most, range(1, 5)
    if args.short:
        minutes, seconds, most, clips = 0.4, 5.0, 4, range(1, 2)
    pictures = here.pictures(args.root, clips)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found: dict[str, Any] = {
            "video": f"Ped2, test and normal clips, {len(pictures)} frames of 360x240, {here.RATE} a second, H.264",
            "detector": args.detector,
            "load_average_before": os.getloadavg()[0],
            "events": same_events(folder / "events", pictures, args.detector),
            "soak": soak(folder / "soak", pictures, args.detector, minutes),
            "capacity": {
                "seconds_each": seconds,
                "one_detector": capacity(folder / "one", pictures, [args.detector], seconds, most),
                "four_detectors": capacity(
                    folder / "four", pictures, networks(folder / "networks", args.detector), seconds, most
                ),
            },
        }
    here.write_report(found, args.output)
    sys.exit(0 if found["soak"]["exact"] and found["events"]["same"] else 1)


def same_events(folder: Path, pictures: list[Image], detector: str) -> dict[str, Any]:
    """The events of a file by `detect --causal`, and of the same file over RTSP, by two cameras."""
    folder.mkdir()
    video = encode(folder / "ped2.mp4", pictures, here.RATE)
    words = ["detect", str(video), "--causal", "--detector", detector, "--output", str(folder / "out")]
    if command(words) != 0:
        sys.exit("detect failed")
    rows = json.loads((folder / "out" / "ped2" / "events.json").read_text())["events"]
    # A file's first frames have no past; a camera's are left out until they have one.
    expected = [row for row in rows if row["start"] > 1.0]
    got: dict[str, list[StoredEvent]] = {"a": [], "b": []}

    def listen(push: Push) -> None:
        if isinstance(push, Notice) and push.kind == "end":
            got[push.event.camera].append(push.event)

    with rtsp_server(folder, {"a": video, "b": video}, loop=False) as server:
        cameras = [here.camera(name, server.url(name), detector) for name in ("a", "b")]
        with LiveService(here.settings(folder, *cameras)) as service:
            service.subscribe(listen)
            while any(service.accounts.of(name).received < len(pictures) - 5 for name in got):
                time.sleep(0.2)
            time.sleep(5.0)  # the last event ends when the camera has been gone for two seconds
    counts = here.counts(service)
    worst = {name: differences(events, expected, detector) for name, events in got.items()}
    return {
        "expected": [{key: row[key] for key in ("start", "end", "peak")} for row in expected],
        "counts": counts,
        "differences": worst,
        "same": all(one["same"] for one in worst.values()),
    }


def differences(events: list[StoredEvent], expected: list[dict[str, Any]], detector: str) -> dict[str, Any]:
    """How far the events of a camera are from those of the file. Times are up to when the camera's began."""
    found = sorted(events, key=lambda event: event.start)
    pairs = list(zip(found, expected, strict=False))
    if not pairs or len(found) < len(expected):
        return {"events": len(found), "same": len(found) == len(expected)}
    zero = float(np.median([event.start - row["start"] for event, row in pairs]))
    start = max(abs(event.start - row["start"] - zero) for event, row in pairs)
    length = max(abs((event.end - event.start) - (row["end"] - row["start"])) for event, row in pairs)
    peak = max(abs(event.peak.score / row["peak"] - 1) for event, row in pairs)
    step = 1.5 / here.RATE
    same = start < step and length < step and peak < 1e-3
    return {"events": len(found), "start_s": start, "length_s": length, "peak_relative": peak, "same": same}


def soak(folder: Path, pictures: list[Image], detector: str, minutes: float) -> dict[str, Any]:
    """Four cameras for so many minutes."""
    folder.mkdir()
    video = encode(folder / "ped2.mp4", pictures, here.RATE)
    names = [f"cam{k}" for k in range(4)]
    late: list[float] = []
    with rtsp_server(folder, dict.fromkeys(names, video)) as server:
        cameras = [here.camera(name, server.url(name), detector) for name in names]
        with LiveService(here.settings(folder, *cameras)) as service:
            wait_for(service)
            service.subscribe(lambda push: late.append(push.latency) if isinstance(push, Scored) else None)
            began = time.monotonic()
            times, samples = [], []
            while (passed := time.monotonic() - began) < 60 * minutes:
                times.append(passed)
                samples.append(here.taken(service))
                time.sleep(5.0)
            cpu = (samples[-1]["cpu_seconds"] - samples[0]["cpu_seconds"]) / (times[-1] - times[0])
            events = service.store.read.counts()
            batches, frames = service.batches
    counts = here.counts(service)
    half = len(times) // 2
    slopes = {}
    for key in ("megabytes", "descriptors", "threads"):
        values = [sample[key] for sample in samples]
        slope = float(np.polyfit(times[half:], values[half:], 1)[0]) * 600
        slopes[key] = {
            "first": values[0],
            "by_minute": [float(np.median(minute)) for minute in np.array_split(values, max(1, round(minutes)))],
            "last": values[-1],
            "slope_in_ten_minutes": slope,
        }
    return {
        "minutes": minutes,
        "cameras": 4,
        **slopes,
        "cores_used": cpu,
        "latency_seconds": {f"p{q}": float(np.percentile(late, q)) for q in (50, 95, 99)},
        "frames_in_a_batch": frames / max(batches, 1),
        "events": {name: one.total for name, one in events.items()},
        "counts": counts,
        "exact": here.exact(counts),
    }


def capacity(folder: Path, pictures: list[Image], detectors: list[str], seconds: float, most: int) -> dict[str, Any]:
    """How many cameras are carried: twice as many each time, then between the last that were and the first that were
    not."""
    folder.mkdir()
    video = encode(folder / "ped2.mp4", pictures, here.RATE)
    rows: list[dict[str, Any]] = []
    good, bad, number = 0, most + 1, min(4, most)
    with rtsp_server(folder, {f"cam{k}": video for k in range(most)}) as server:
        while bad - good > 1 and number not in (row["cameras"] for row in rows):
            cameras = [
                here.camera(f"cam{k}", server.url(f"cam{k}"), detectors[k % len(detectors)], threshold=NEVER)
                for k in range(number)
            ]
            with LiveService(here.settings(folder / str(number), *cameras)) as service:
                wait_for(service)
                before = here.counts(service)
                time.sleep(seconds)
                after = here.counts(service)
            came = sum(after[name]["received"] - before[name]["received"] for name in after)
            shed = sum(after[name]["shed"] - before[name]["shed"] for name in after)
            rows.append({"cameras": number, "frames_a_second": came / seconds, "shed": shed / max(came, 1)})
            carried = shed <= SHED * came
            good, bad = (number, bad) if carried else (good, number)
            number = min(2 * number, most) if bad > most else (good + bad) // 2
    return {"detectors": len(detectors), "carried": good, "limited_by_us": good == most, "tried": rows}


def wait_for(service: LiveService) -> None:
    """Until all cameras are watched, and for three seconds more."""
    end = time.monotonic() + 120
    while not all(one.state == "watching" for one in service.cameras()):
        if time.monotonic() > end:
            sys.exit("the cameras never came")
        time.sleep(0.1)
    time.sleep(3.0)


def networks(folder: Path, name: str) -> list[str]:
    """Four detectors that are as costly as this one and share nothing with each other."""
    folder.mkdir()
    found = []
    for k in range(NETWORKS):
        detector = load(name, device="cpu")
        next(iter(detector.model.parameters())).data.mul_(1 + 1e-6 * k)
        path = folder / f"network{k}.safetensors"
        Detector(detector.model, detector.config, detector.provenance, device="cpu").save(path)
        found.append(str(path))
    return found


if __name__ == "__main__":
    main()
