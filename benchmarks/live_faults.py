"""All that befalls cameras, one after another: frames must flow again in time, and the others must not notice.

    python benchmarks/live_faults.py --root UCSDped2 --output benchmarks/results/live-faults.json

Five cameras on loopback show Ped2: four over RTSP (gst-rtsp-server), one over HTTP (MJPEG). One of either kind is
hurt; the other three are watched. Each fault lasts for some seconds and is then mended; what is measured is the time
from the mending until the next frame of the camera comes, which may be the longest wait between two attempts and 2 s
more, and the share of the three others' frames that came meanwhile. In the last stretch one of the four RTSP cameras
is dead all the time. At the end the accounts must be exact. --short: shorter waits, for a look.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import live_world as here

from sdmae.config import SourceConfig
from sdmae.live.service import LiveService
from sdmae.live.store import FrameCounts
from sdmae.video import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from live_server import Handler, encode, http_server, rtsp_server, send_mjpeg

GOOD = ("good1", "good2", "good3")
GRACE = 2.0
"""Seconds beyond the longest wait within which frames are to flow again."""


@dataclass(frozen=True)
class Fault:
    """What is done to a camera."""

    name: str
    camera: str
    begin: Callable[[], object]
    mend: Callable[[], object]


def main() -> None:
    """Hurts, mends, measures, writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of UCSD Ped2")
    parser.add_argument("--detector", default="ped2-small")
    parser.add_argument("--short", action="store_true", help="shorter waits and faults")
    parser.add_argument("--output", type=Path, help="JSON file to write as well")
    args = parser.parse_args()
    if args.short:
        source, lasts = SourceConfig(open_timeout=5, read_timeout=3, first_retry=0.5, last_retry=4.0), 6.0
    else:
        source, lasts = SourceConfig(), 25.0
    with tempfile.TemporaryDirectory() as name:
        found = run(Path(name), here.pictures(args.root, range(1, 3)), args.detector, source, lasts)
    here.write_report(found, args.output)
    sys.exit(0 if found["all_flow_again"] and found["exact"] and found["others_undisturbed"] else 1)


def run(folder: Path, pictures: list[Image], detector: str, source: SourceConfig, lasts: float) -> dict[str, Any]:
    """All faults in turn."""
    video = encode(folder / "ped2.mp4", pictures, here.RATE)
    other = encode(folder / "other.mp4", [cv2.resize(p, (480, 320)).astype("uint8") for p in pictures], here.RATE)
    web = Web([cv2.imencode(".jpg", cv2.cvtColor(p, cv2.COLOR_RGB2BGR))[1].tobytes() for p in pictures])
    with (
        rtsp_server(folder, dict.fromkeys(GOOD, video)) as well,
        rtsp_server(folder, {"cam": video}) as hurt,
        http_server(web.answer) as address,
    ):
        cameras = [here.camera(one, well.url(one), detector) for one in GOOD]
        cameras += [here.camera("rtsp", hurt.url("cam"), detector), here.camera("http", address, detector)]

        def ask_for_password() -> None:
            hurt.kill()
            restart(users={"viewer": "secret"})

        def restart(users: dict[str, str] | None = None, size: bool = False) -> None:
            hurt.kill()
            hurt._users = users or {}
            hurt.start({"cam": other if size else video})

        faults = [
            Fault("refused: nobody listens", "rtsp", hurt.kill, lambda: hurt.start({"cam": video})),
            Fault("killed, and at once there again", "rtsp", lambda: None, restart),
            Fault("frozen (SIGSTOP), and thawed", "rtsp", hurt.freeze, hurt.thaw),
            Fault("401: it asks for a password", "rtsp", ask_for_password, restart),
            Fault("its frames are of another size", "rtsp", lambda: restart(size=True), restart),
            Fault("503", "http", lambda: web.be("503"), lambda: web.be("well")),
            Fault("reset, again and again", "http", lambda: web.be("reset"), lambda: web.be("well")),
            Fault("it answers and sends nothing", "http", lambda: web.be("silent"), lambda: web.be("well")),
        ]
        with LiveService(here.settings(folder, *cameras), source=source) as service:
            wait(lambda: all(one.state == "watching" for one in service.cameras()), 120)
            bound = source.last_retry + GRACE
            rows = [tried(service, fault, lasts, bound) for fault in faults]
            rows.append(killed_decoder(service, lasts, bound))
            hurt.kill()
            dead = watched(service, lasts)
        final = here.counts(service)
        hurt.start({"cam": video})  # it is ended where it was begun
    others = [one for row in [*rows, {"others": dead}] for one in row["others"].values()]
    return {
        "video": f"Ped2 Test001, Train001, Test002, Train002, {len(pictures)} frames, {here.RATE} a second",
        "detector": detector,
        "waits": {"first": source.first_retry, "last": source.last_retry, "read_timeout": source.read_timeout},
        "fault_seconds": lasts,
        "bound_seconds": bound,
        "faults": rows,
        "one_dead_of_four": {"seconds": lasts, "others": dead},
        "counts": final,
        "exact": here.exact(final),
        "all_flow_again": all((row["frames_after_seconds"] or 2 * bound) <= bound for row in rows),
        "others_least": {key: min(one[key] for one in others) for key in ("came", "kept")},
        "others_undisturbed": all(one["kept"] >= 0.99 for one in others),
        "load_average": os.getloadavg()[0],
    }


def tried(service: LiveService, fault: Fault, lasts: float, bound: float) -> dict[str, Any]:
    """One fault: what the camera said, when frames came again, what the others got."""
    before, began = tally(service), time.monotonic()
    came = service.accounts.of(fault.camera).received
    fault.begin()
    until = time.monotonic() + lasts
    said: set[str] = set()
    while time.monotonic() < until:
        view = service.camera(fault.camera)
        if view.state in ("lost", "degraded"):
            said.add(f"{view.state}: {view.why}")
        time.sleep(0.05)
    meanwhile = service.accounts.of(fault.camera).received - came
    fault.mend()
    after = flows(service, fault.camera, bound)
    return {
        "fault": fault.name,
        "said": sorted(said),
        "frames_meanwhile": meanwhile,
        "frames_after_seconds": after,
        "others": shares(service, before, time.monotonic() - began),
    }


def killed_decoder(service: LiveService, lasts: float, bound: float) -> dict[str, Any]:
    """The process that decodes a camera is killed."""
    before, began = tally(service), time.monotonic()
    pid = service.decoder_pid("rtsp")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    after = flows(service, "rtsp", bound)
    time.sleep(lasts)
    return {
        "fault": "its decoder is killed (SIGKILL)",
        "said": [],
        "frames_after_seconds": after,
        "others": shares(service, before, time.monotonic() - began),
    }


def flows(service: LiveService, camera: str, bound: float) -> float | None:
    """Seconds from now until frames of the camera come again, and go on coming; None: they did not, in time."""
    began, come = time.monotonic(), service.accounts.of(camera).received
    while time.monotonic() - began < 2 * bound:
        view = service.camera(camera)
        if view.counts.received > come and view.state in ("watching", "warming up"):
            # What was on its way still counts for nothing: it is back when it streams for a while.
            first = time.monotonic() - began
            time.sleep(1.0)
            if service.camera(camera).state in ("watching", "warming up"):
                return round(first, 2)
            come = service.accounts.of(camera).received
        time.sleep(0.02)
    return None


def watched(service: LiveService, seconds: float) -> dict[str, dict[str, float]]:
    """What the others get in so many seconds."""
    before = tally(service)
    time.sleep(seconds)
    return shares(service, before, seconds)


def tally(service: LiveService) -> dict[str, FrameCounts]:
    """What has become of the others' frames so far."""
    return {name: service.accounts.of(name) for name in GOOD}


def shares(service: LiveService, before: dict[str, FrameCounts], seconds: float) -> dict[str, dict[str, float]]:
    """Of the frames that were due from each of the others, those that came, and those of them that were not shed."""
    found = {}
    for name, now in tally(service).items():
        came = now.since(before[name])
        due = seconds * here.RATE - 1  # one may be on its way
        found[name] = {"came": round(came.received / due, 4), "kept": round((came.received - came.shed) / due, 4)}
    return found


def wait(what: Callable[[], bool], seconds: float) -> None:
    """Until it is so."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            sys.exit("the cameras never came")
        time.sleep(0.1)


class Web:
    """A camera over HTTP that can be told how to be."""

    def __init__(self, pictures: list[bytes]) -> None:
        self._pictures = pictures
        self._how = "well"

    def be(self, how: str) -> None:
        """`well`, `503`, `reset` or `silent`; for those that watch it now, too."""
        self._how = how

    def answer(self, asked: Handler) -> None:
        """To one GET."""
        if self._how == "503":
            asked.send_error(503)
        elif self._how == "reset":
            reset(asked)
        else:
            send_mjpeg(asked, self._shown(asked), here.RATE)

    def _shown(self, asked: Handler) -> Iterator[bytes]:
        began = self._how
        k = int(time.time() * here.RATE)
        while True:
            while self._how == "silent":
                began = "silent"
                time.sleep(0.1)
            if self._how != began and began != "silent":
                reset(asked)
                raise ConnectionResetError
            began = self._how
            yield self._pictures[k % len(self._pictures)]
            k += 1


def reset(asked: Handler) -> None:
    """Ends a connection as a machine does that knows nothing of it."""
    asked.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    os.close(asked.connection.detach())


if __name__ == "__main__":
    main()
