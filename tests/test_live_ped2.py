"""Ped2 as four RTSP cameras, and all who are told of their events: the store, a broker, a webhook, listeners."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from live_files import until
from live_server import encode, rtsp_server
from sdmae import load
from sdmae.config import SourceConfig
from sdmae.live.service import LiveService
from sdmae.live.settings import CameraSettings, LiveSettings, MqttSettings, Secret, WebhookSettings
from sdmae.live.store import Notice, Wanted
from sdmae.live.views import Push
from sdmae.scoring import find_events
from sdmae.video import Image, find_clips, read_frames
from test_live_mqtt import PROGRAM, Broker, Ear
from test_live_webhook import Listener

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no MQTT broker: apt-get install mosquitto"),
]
NAMES = ("north", "east", "south", "west")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    (tmp_path / "broker").mkdir()
    one = Broker(tmp_path / "broker")
    one.start()
    yield one
    one.stop()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.close()


def ped2(root: Path) -> Iterator[Image]:
    """A cyclist comes 5 s after the beginning; then nothing but people on foot."""
    for split, name, begin, end in (("Test", "Test001", 30, 100), ("Train", "Train001", 0, 110)):
        clip = find_clips(str(root / split / name))[0]
        yield from (frame.image for frame in read_frames(clip) if begin <= frame.index < end)


def test_events_reach_everybody(real_data: Path, tmp_path: Path, broker: Broker, listener: Listener) -> None:
    video = encode(tmp_path / "ped2.mp4", ped2(real_data / "ucsd_ped2" / "UCSDped2"), 10)
    detector = load("ped2-small", device="cpu")
    levels = detector.levels(causal=True)
    scores = list(detector.stream(video))
    expected = [one for one in find_events(scores, levels, detector.config.events.merge) if one.start > 1]
    assert len(expected) == 1
    one = expected[0]
    pushed: list[Push] = []
    with rtsp_server(tmp_path, dict.fromkeys(NAMES, video), loop=False) as server:
        camera = CameraSettings("", Secret.address(""), "ped2-small", before=1.0, after=1.0)
        settings = LiveSettings(
            tuple(replace(camera, name=name, source=Secret.address(server.url(name))) for name in NAMES),
            store=Secret.address(f"sqlite:///{tmp_path}/events.db"),
            media=tmp_path / "media",
            mqtt=MqttSettings("127.0.0.1", broker.port, Secret("me"), Secret("pass-1")),
            webhooks=(WebhookSettings(Secret.address(f"http://127.0.0.1:{listener.port}/hook"), "ops"),),
            device="cpu",
        )
        ear = Ear(broker.port)
        began = time.time()
        with LiveService(settings, source=SourceConfig(first_retry=5.0)) as service:
            service.subscribe(pushed.append)
            ended = Wanted(open=False)
            until(lambda: {event.camera for event in service.store.read.events(ended)} == set(NAMES), 120)
            until(lambda: all(event.clip for event in service.store.read.events(ended)), 30)
            found = service.store.read.events(ended)
            until(lambda: len([kind for kind, _ in listener.told() if kind == "end"]) >= 4)
            until(lambda: len([kind for kind, _ in ear.events() if kind == "end"]) >= 4)
    ear.close()
    for event in found[-4:]:
        assert began < event.start < time.time()
        assert event.end - event.start == pytest.approx(one.end - one.start, abs=0.25)
        assert event.peak.score == pytest.approx(one.peak, rel=0.05)
        assert event.peak.term == one.term
        assert event.thumbnail is not None
        assert event.clip is not None
        frames = list(read_frames(find_clips(str(tmp_path / "media" / event.clip))[0]))
        assert frames[-1].time - frames[0].time >= one.seconds + 1.5
    numbers = {event.id for event in found[-4:]}
    for told in (listener.told(), ear.events()):
        assert {number for kind, number in told if kind == "start"} >= numbers
        assert {number for kind, number in told if kind == "end"} >= numbers
    assert {push.event.id for push in pushed if isinstance(push, Notice) and push.kind == "end"} >= numbers
    bodies = [json.loads(body) for _, _, body in listener.got]
    assert {body["camera"] for body in bodies} == set(NAMES)
    assert ear.latest()["sdmae/north/alarm"] == "OFF"
    assert ear.latest()["sdmae/available"] == "offline"
    for count in service.accounts.all().values():
        assert count.received == count.scored + count.unscored + count.shed
