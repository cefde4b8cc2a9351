"""MQTT, with a real broker."""

from __future__ import annotations

import gc
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from live_files import event_at, open_in, until
from sdmae.live.announce import Announcer
from sdmae.live.out import Mqtt
from sdmae.live.settings import MqttSettings, Secret

pytest.importorskip("paho.mqtt.client")
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PROGRAM = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no MQTT broker here: apt-get install mosquitto")


class Broker:
    """A mosquitto of our own, which lets in `me` with the password `pass-1`."""

    def __init__(self, folder: Path, *, tls: bool = False) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        assert PROGRAM is not None
        passwords, self._settings = folder / "passwords", folder / "mosquitto.conf"
        subprocess.run(["mosquitto_passwd", "-c", "-b", passwords, "me", "pass-1"], check=True, capture_output=True)
        self._settings.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\npersistence false\n"
            "user root\n" + (f"certfile {folder}/a.pem\nkeyfile {folder}/a.key\n" if tls else "")
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM is not None
        words = [PROGRAM, "-c", str(self._settings)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Ear:
    """Hears everything; `got` holds topic, text, and whether it was retained."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, str, bool]] = []
        client = Client(CallbackAPIVersion.VERSION2)
        client.username_pw_set("me", "pass-1")
        client.on_message = self._hear
        ready: list[int] = []
        client.on_subscribe = lambda *what: ready.append(1)
        client.connect("127.0.0.1", port)
        client.subscribe("#", qos=1)
        client.loop_start()
        self._client = client
        until(lambda: ready)

    def _hear(self, client: Any, data: Any, message: Any) -> None:
        self.got.append((message.topic, message.payload.decode(), bool(message.retain)))

    def latest(self) -> dict[str, str]:
        return {topic: text for topic, text, _ in self.got if not topic.endswith("/event")}

    def events(self) -> list[tuple[str, int]]:
        rows = [json.loads(text) for topic, text, _ in self.got if topic.endswith("/event")]
        return [(row["kind"], row["id"]) for row in rows]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    folder = tmp_path / "broker"
    folder.mkdir()
    one = Broker(folder)
    one.start()
    yield one
    one.stop()


def settings_for(broker: Broker) -> MqttSettings:
    return MqttSettings("127.0.0.1", broker.port, Secret("me"), Secret("pass-1"), topic="home/sdmae")


def test_events_alarms_and_availability(tmp_path: Path, broker: Broker) -> None:
    ear = Ear(broker.port)
    mqtt = Mqtt(settings_for(broker), ["yard", "door"])
    until(lambda: mqtt.connected)
    with open_in(tmp_path) as store:
        announcer = Announcer(store, [mqtt])
        announcer.camera("yard", "watching")
        first = announcer.start(event_at(1)).result().id
        second = announcer.start(event_at(2)).result().id
        announcer.end(first, 3).result()
        until(lambda: len(ear.events()) == 3)
        assert ear.latest()["home/sdmae/yard/alarm"] == "ON"
        announcer.end(second, 4).result()
        until(lambda: ear.latest().get("home/sdmae/yard/alarm") == "OFF")
        until(lambda: len(ear.events()) == 4)
    assert ear.events() == [("start", first), ("start", second), ("end", first), ("end", second)]
    assert {topic for topic, _, _ in ear.got if topic.endswith("event")} == {"home/sdmae/yard/event"}
    # Whoever comes later learns how things are, but no old events.
    late = Ear(broker.port)
    expected = {
        "home/sdmae/available": "online",
        "home/sdmae/yard/state": "watching",
        "home/sdmae/door/state": "starting",
        "home/sdmae/yard/alarm": "OFF",
        "home/sdmae/door/alarm": "OFF",
    }
    until(lambda: late.latest() == expected)
    assert all(retained for _, _, retained in late.got)
    assert late.events() == []
    mqtt.close(5)
    until(lambda: ear.latest()["home/sdmae/available"] == "offline")
    ear.close()
    late.close()


def test_a_broker_that_was_away_hears_what_it_missed(
    tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.stop()
    monkeypatch.setattr("sdmae.live.out.mqtt.LAST", 1)
    mqtt = Mqtt(replace(settings_for(broker), queue=5), ["yard"])
    with open_in(tmp_path) as store:
        announcer = Announcer(store, [mqtt])
        begun = time.monotonic()
        ids = [announcer.start(event_at(k)).result().id for k in range(8)]
        mqtt.camera("yard", "lost")
        assert time.monotonic() - begun < 15  # nothing waited for the broker
        assert mqtt.dropped == 3
        broker.start()
        ear = Ear(broker.port)
        until(lambda: len(ear.events()) == 5)
        until(lambda: ear.latest().get("home/sdmae/yard/state") == "lost")
        assert ear.events() == [("start", number) for number in ids[:5]]
        assert ear.latest()["home/sdmae/yard/alarm"] == "ON"
        # And once more, having been there before.
        ear.close()
        broker.stop()
        until(lambda: not mqtt.connected)
        announcer.end(ids[0], 9).result()
        broker.start()
        ear = Ear(broker.port)
        until(lambda: ear.latest().get("home/sdmae/yard/alarm") == "ON")
        until(lambda: ("end", ids[0]) in ear.events())
        assert ear.latest()["home/sdmae/available"] == "online"
    mqtt.close(5)
    ear.close()


def test_the_broker_tells_when_we_are_killed(broker: Broker) -> None:
    script = (
        "import os, sys, time; from sdmae.live.out import Mqtt; from sdmae.live.settings import MqttSettings, Secret;"
        f"m = Mqtt(MqttSettings('127.0.0.1', {broker.port}, Secret('me'), Secret('pass-1')), ['yard']);"
        "sys.stdin.readline(); os.kill(os.getpid(), 9)"
    )
    ear = Ear(broker.port)
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE) as process:
        until(lambda: ear.latest().get("sdmae/available") == "online", 60)
        process.communicate(b"\n")
    until(lambda: ear.latest()["sdmae/available"] == "offline")
    ear.close()


def test_a_wrong_password_is_told_and_not_shown(broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    mqtt = Mqtt(replace(settings_for(broker), password=Secret("wrong-password")), ["yard"])
    until(lambda: "the broker refuses us: Not authorized" in caplog.text)
    assert not mqtt.connected
    mqtt.close(5)
    assert "wrong-password" not in caplog.text


def certificate(folder: Path, name: str) -> Path:
    """Makes a certificate for 127.0.0.1 that vouches for itself."""
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem")
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files)
    subprocess.run(words, check=True, capture_output=True)
    return folder / f"{name}.pem"


# paho leaves it to the garbage collector to close the socket of a handshake that failed.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here to make a certificate with")
def test_an_encrypted_connection_checks_who_the_broker_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    right, wrong = certificate(tmp_path, "a"), certificate(tmp_path, "b")
    broker = Broker(tmp_path, tls=True)
    broker.start()
    settings = replace(settings_for(broker), tls=True)
    deceived = Mqtt(replace(settings, ca=wrong), ["yard"])
    until(lambda: "cannot be reached" in caplog.text)
    assert not deceived.connected
    deceived.close(5)
    del deceived
    gc.collect()
    mqtt = Mqtt(replace(settings, ca=right), ["yard"])
    until(lambda: mqtt.connected)
    mqtt.close(5)
    broker.stop()
