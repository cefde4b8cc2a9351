"""The whole of `sdmae serve` with real cameras: files in real time, RTSP on loopback, and what befalls them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from live_files import until
from live_server import encode, rtsp_server
from sdmae import Detector
from sdmae.config import SourceConfig
from sdmae.live.service import LiveService
from sdmae.live.settings import CameraSettings, LiveSettings, Secret, read_settings
from sdmae.live.store import Notice, Wanted, open_store
from sdmae.live.views import Push, Scored
from sdmae.scoring import Event, find_events
from sdmae.video import find_clips, read_frames
from spoken import Refused
from video_files import SIZE, make_video, with_a_blaze

QUICK = SourceConfig(open_timeout=5, read_timeout=2, first_retry=0.2, last_retry=1.0)
NOBODY = "rtsp://viewer:geheim@127.0.0.1:9/x"


def camera(name: str, source: str | Path, detector: Path, **more: object) -> CameraSettings:
    made = CameraSettings(name, Secret.address(str(source)), str(detector), before=1.0, after=1.0)
    return replace(made, **more)  # type: ignore[arg-type]


def settings_of(folder: Path, *cameras: CameraSettings) -> LiveSettings:
    url = Secret.address(f"sqlite:///{folder}/events.db")
    return LiveSettings(cameras, store=url, media=folder / "media", device="cpu")


def expected_of(detector: Detector, video: Path) -> list[Event]:
    """What `detect --causal` finds in the file, without its first frames, which have no past."""
    levels = detector.levels(causal=True)
    return [e for e in find_events(detector.stream(video), levels, detector.config.events.merge) if e.start > 1]


def exact(service: LiveService) -> None:
    for count in service.accounts.all().values():
        assert count.received == count.scored + count.unscored + count.shed
        assert count.waiting == 0


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds at 5 frames a second; from 8 s to 12 s something is there that was never learned."""
    return encode(tmp_path_factory.mktemp("odd") / "cam.mp4", map(with_a_blaze, range(100)), 5)


@pytest.mark.slow
def test_files_in_real_time_have_the_events_of_detect_beside_a_dead_camera(
    calibrated_file: Path, calibrated: Detector, odd: Path, tmp_path: Path
) -> None:
    expected = expected_of(calibrated, odd)
    assert len(expected) == 1
    cameras = [camera(name, f"realtime:{odd}", calibrated_file) for name in ("a", "b", "c")]
    cameras.append(camera("dead", NOBODY, calibrated_file))
    pushed: list[Push] = []
    with LiveService(settings_of(tmp_path, *cameras), source=QUICK) as service:
        service.subscribe(pushed.append)
        until(lambda: service.camera("a").state == "watching", 30)
        assert service.readyz().ok
        assert any("dead: lost" in reason for reason in service.readyz().reasons)
        until(lambda: service.picture("a", heat=True) is not None)
        assert (service.picture("a") or b"")[:2] == b"\xff\xd8"
        until(lambda: all(service._readers[name].ended for name in ("a", "b", "c")), 60)
        assert service.healthz().ok
        shown = service.camera("dead")
        assert (shown.state, shown.why, shown.score) == ("lost", "Connection refused", None)
        assert "geheim" not in str(service.cameras())
        text = service.metrics.render()[0].decode()
        assert 'sdmae_frames_received_total{camera="a"} 100.0' in text
        strip = service.strip("a")
        assert len(strip.scores) == service.accounts.of("a").scored
        assert service.would_be("a", 1e6, 0, 2e9).count == 0
    exact(service)
    counts = service.accounts.all()
    for name in ("a", "b", "c"):
        assert counts[name].received == 100
        assert counts[name].shed == 0
        assert counts[name].scored >= 90
    with open_store(f"sqlite:///{tmp_path}/events.db", tmp_path / "media") as store:
        events = store.read.events()
        assert len(events) == 3 * len(expected)
        for event in events:
            one = expected[0]
            assert event.end - event.start == pytest.approx(one.end - one.start, abs=0.01)
            assert event.peak.score == pytest.approx(one.peak, rel=1e-3)
            assert event.peak.term == one.term
            assert abs(event.start - time.time()) < 120
            assert event.thumbnail is not None
            assert event.clip is not None
            clip = find_clips(str(tmp_path / "media" / event.clip))[0]
            frames = list(read_frames(clip))
            assert frames[0].image.shape[:2] == SIZE
            seconds = frames[-1].time - frames[0].time
            assert one.seconds + 1.9 <= seconds + 0.1 <= one.seconds + 2 + 2.1  # from the key picture before
    notices = [push for push in pushed if isinstance(push, Notice)]
    assert {notice.kind for notice in notices} >= {"start", "end"}
    assert {push.camera for push in pushed if isinstance(push, Scored)} == {"a", "b", "c"}


@pytest.mark.slow
def test_rtsp_has_the_events_of_detect(
    calibrated_file: Path, calibrated: Detector, odd: Path, tmp_path: Path
) -> None:
    one = expected_of(calibrated, odd)[0]
    with rtsp_server(tmp_path, {"cam": odd}) as server:
        cameras = [camera(name, server.url("cam"), calibrated_file) for name in ("a", "b")]
        with LiveService(settings_of(tmp_path, *cameras), source=QUICK) as service:
            ended = Wanted(open=False)
            until(lambda: {e.camera for e in service.store.read.events(ended)} == {"a", "b"}, 90)
            # Whoever joins in the middle of an event sees another one: each camera's next is whole.
            until(lambda: len(service.store.read.events(ended)) >= 4, 90)
            found = service.store.read.events(ended)
    exact(service)
    whole = [event for event in found if abs(event.end - event.start - one.seconds) < 0.25]
    assert {event.camera for event in whole} == {"a", "b"}
    for event in whole:
        assert event.peak.score == pytest.approx(one.peak, rel=0.02)
        assert event.peak.term == one.term


def kill_decoder(service: LiveService, name: str, before: int) -> int:
    """Kills the process that decodes a camera, once it is another one than before; its number."""
    until(lambda: service.decoder_pid(name) not in (None, before), 30)
    killed = service.decoder_pid(name)
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    return killed


@pytest.mark.slow
def test_a_killed_decoder_is_started_again_and_the_others_go_on(
    detector_file: Path, odd: Path, tmp_path: Path
) -> None:
    cameras = [camera(name, f"loop:{odd}", detector_file, threshold=9.0) for name in ("a", "b")]
    with LiveService(settings_of(tmp_path, *cameras), source=QUICK) as service:
        until(lambda: all(one.state == "watching" for one in service.cameras()), 60)
        before = service.accounts.all()
        killed = kill_decoder(service, "a", 0)
        until(lambda: service.accounts.of("a").scored > before["a"].scored + 10, 60)
        assert service.camera("a").reconnects >= 1
        assert service.accounts.of("b").scored > before["b"].scored + 5
        # Again and again: degraded, not dead.
        for _ in range(4):
            killed = kill_decoder(service, "a", killed)
        until(lambda: service.camera("a").state == "degraded", 30)
        assert "SIGKILL" in service.camera("a").why
        until(lambda: service.camera("a").state == "watching", 60)
    exact(service)


def serving(folder: Path, cameras: Sequence[dict[str, object]]) -> subprocess.Popen[str]:
    """`sdmae serve` in a process of its own."""
    (folder / "cameras.yaml").write_text(json.dumps({"cameras": list(cameras), "device": "cpu"}))
    return subprocess.Popen(
        [sys.executable, "-m", "sdmae", "serve", str(folder / "cameras.yaml")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_sigterm_closes_an_open_event(calibrated_file: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 400, rate=10, draw=lambda k, size: with_a_blaze(40, size))
    one = {"name": "a", "source": str(video), "detector": str(calibrated_file), "threshold": -100.0}
    process = serving(tmp_path, [one, {"name": "dead", "source": NOBODY, "detector": str(calibrated_file)}])
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert (first["kind"], first["camera"], first["open"]) == ("start", "a", True)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    took = time.monotonic() - began
    assert process.returncode == 0
    assert took < 15  # 5 s on a machine that has time
    last = json.loads(out.splitlines()[-1])
    assert (last["kind"], last["id"], last["ended_by"]) == ("end", first["id"], "stopped")
    assert "geheim" not in out + err
    assert all(json.loads(line) for line in err.splitlines())
    with open_store(f"sqlite:///{tmp_path}/events.db", tmp_path / "media") as store:
        assert store.recovered == ()
        event = store.read.event(first["id"])
        assert (event.open, event.ended_by) == (False, "stopped")
        assert event.clip is not None
        assert (tmp_path / "media" / event.clip).is_file()


@pytest.mark.slow
def test_after_kill_9_the_next_start_closes_what_was_open(calibrated_file: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 400, rate=10)
    one = {"name": "a", "source": str(video), "detector": str(calibrated_file), "threshold": -100.0}
    process = serving(tmp_path, [one])
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.kill()
    process.communicate()
    process = serving(tmp_path, [one])
    assert process.stdout is not None
    closed = json.loads(process.stdout.readline())
    assert (closed["kind"], closed["id"], closed["ended_by"]) == ("end", first["id"], "crash")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.mark.slow
def test_a_warm_up_in_a_running_service(calibrated_file: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 500, rate=10)
    one = camera("a", f"loop:{video}", calibrated_file, warm_up=0.5)
    with LiveService(settings_of(tmp_path, one), source=QUICK) as service:
        until(lambda: service.accounts.of("a").scored > 10, 60)
        shown = service.camera("a")
        assert (shown.state, shown.threshold) == ("warming up", None)
        assert shown.warm_up is not None
        until(lambda: service.camera("a").state == "watching", 120)
        assert service.thresholds("a").set_by == "warm-up"
        service.set_threshold("a", -100.0)
        until(lambda: service.camera("a").event is not None)
        assert service.store.read.events()[0].threshold == -100.0


def test_zones_that_do_not_fit_the_picture_harm_nobody_else(calibrated_file: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 25)
    cameras = [
        camera("a", f"realtime:{video}", calibrated_file, threshold=9.0),
        camera("b", f"realtime:{video}", calibrated_file, threshold=9.0, ignore=("0,0 500,0 500,50",)),
    ]
    with LiveService(settings_of(tmp_path, *cameras), source=QUICK) as service:
        until(lambda: service.over, 30)
        assert service.camera("b").state == "degraded"
        assert "outside the picture" in service.camera("b").why
    exact(service)
    counts = service.accounts.all()
    assert counts["a"].scored > 15
    assert (counts["b"].received, counts["b"].unscored) == (25, 25)


def test_what_cannot_work_is_refused_in_a_line(detector_file: Path, tmp_path: Path, refused: Refused) -> None:
    path = tmp_path / "cameras.yaml"

    def write(**camera: object) -> list[str]:
        one = {"name": "a", "source": NOBODY, "detector": str(detector_file)} | camera
        path.write_text(json.dumps({"cameras": [one]}))
        return ["serve", str(path)]

    refused(["serve", str(tmp_path / "none.yaml")], "none.yaml", "docs/serve.md")
    refused(write(detector="none.safetensors"), "camera a", "none.safetensors")
    refused(write(source="gopher://u:geheim@h/x"), "rtsp://")
    refused(write(colour=1), "colour")
    refused(write(), "camera a", "sdmae calibrate", "warm_up")
    refused(write(ignore=["0,0 9,0 9,9"]), "camera a", "sdmae calibrate", "zones")


def test_sources_of_the_settings_file(tmp_path: Path) -> None:
    def source(text: str) -> str:
        path = tmp_path / "cameras.yaml"
        path.write_text(json.dumps({"cameras": [{"name": "a", "source": text, "detector": "ped2-small"}]}))
        return read_settings(path).cameras[0].source.reveal()

    assert source("yard.mp4") == f"realtime:{tmp_path}/yard.mp4"
    assert source("loop:v/yard.mp4") == f"loop:{tmp_path}/v/yard.mp4"
    assert source("realtime:/srv/yard.mp4") == "realtime:/srv/yard.mp4"
    assert source("webcam:0") == "webcam:0"
    assert source("rtsp://u:p@h/s") == "rtsp://u:p@h/s"


def test_serve_says_what_to_install(monkeypatch: pytest.MonkeyPatch, refused: Refused, tmp_path: Path) -> None:
    monkeypatch.setattr("sdmae.live.needs.find_spec", lambda name: None if name == "sqlalchemy" else True)
    refused(["serve", str(tmp_path / "cameras.yaml")], "pip install 'sdmae[live]'", "sqlalchemy")
