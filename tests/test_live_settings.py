"""`cameras.yaml`: every key understood, every mistake one clear line, no secret ever seen."""

from __future__ import annotations

import pickle
import traceback
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from sdmae.errors import ConfigError
from sdmae.live.settings import (
    CameraSettings,
    LiveSettings,
    MqttSettings,
    RetentionSettings,
    Secret,
    WebhookSettings,
    read_settings,
)

DOCS = Path(__file__).parent.parent / "docs" / "serve.md"
ONE = "cameras:\n  - {name: yard, source: rtsp://10.0.0.5/s, detector: ped2-small}\n"
FULL = """
listen: 0.0.0.0:9000
store: postgresql://sdmae:${PG_PASSWORD}@db/events
media: clips
token: ${TOKEN}
device: cpu
mqtt: {host: broker, port: 1884, user: me, password: "${MQTT_PASSWORD}", tls: true, topic: home/sdmae, queue: 7}
webhooks:
  - {url: "https://hooks.example/?key=${TOKEN}", secret: "${TOKEN}", when: [start], timeout: 3, spool: 9, name: ops}
retention: {days: never, size: 1.5 GB, history_days: 7}
cameras:
  - name: yard
    source: rtsp://admin:${CAMERA_PASSWORD}@10.0.0.5:554/stream
    detector: ped2-small
    ignore: ["0,0 300,0 300,80"]
    schedule: mon-fri 08:00-18:00
    threshold: 0.4
    before: 3
    after: 4
    max_clip: 60
    enabled: false
  - {name: door, source: "webcam:0", detector: ped2-small}
"""
SECRETS = {
    "PG_PASSWORD": "pg-7d1f",
    "TOKEN": "a-long-token-0123456789",
    "MQTT_PASSWORD": "mq/7@d2f",
    "CAMERA_PASSWORD": "p@ss/w:rd",
}


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def write(folder: Path, text: str) -> Path:
    path = folder / "cameras.yaml"
    path.write_text(text)
    return path


def test_a_file_of_one_camera_gets_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, ONE))
    assert settings.cameras == (CameraSettings("yard", Secret("rtsp://10.0.0.5/s"), "ped2-small"),)
    assert settings.store.reveal() == f"sqlite:///{tmp_path}/events.db"
    assert (settings.host, settings.port, settings.media) == ("127.0.0.1", 8765, tmp_path / "media")
    assert (settings.mqtt, settings.webhooks, settings.retention) == (None, (), RetentionSettings())


@pytest.mark.usefixtures("secrets")
def test_every_key_is_understood(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, FULL))
    yard, door = settings.cameras
    assert yard.source.reveal() == "rtsp://admin:p@ss/w:rd@10.0.0.5:554/stream"
    assert (yard.threshold, yard.before, yard.after, yard.max_clip, yard.enabled) == (0.4, 3, 4, 60, False)
    assert yard.ignore == ("0,0 300,0 300,80",)
    assert yard.hours is not None
    assert door.hours is None
    assert door.source.reveal() == "webcam:0"
    assert settings.mqtt is not None
    assert (settings.mqtt.port, settings.mqtt.tls, settings.mqtt.topic) == (1884, True, "home/sdmae")
    assert settings.webhooks[0].when == ("start",)
    assert settings.retention == RetentionSettings(None, 1_500_000_000, 7)
    assert settings.token is not None
    assert settings.token.equals(SECRETS["TOKEN"])
    assert not settings.token.equals("another")


@pytest.mark.usefixtures("secrets")
def test_no_secret_is_ever_seen(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, FULL))
    seen = f"{settings} {settings!r} {[str(camera.source) for camera in settings.cameras]} {vars(settings)}"
    for value in (*SECRETS.values(), "w:rd", "rd@"):
        assert value not in seen
    assert "rtsp://…@10.0.0.5:554/stream" in seen
    for value in SECRETS.values():
        assert any(value in one for one in settings.secrets)
    assert "p@ss/w:rd" in settings.secrets
    with pytest.raises(TypeError):
        pickle.dumps(settings)
    assert SECRETS["TOKEN"] not in repr(asdict(settings))


@pytest.mark.parametrize("value", ["[secret-1, secret-1]", '"secret-1\\nsecret-1"', "{secret-1: 2}"])
def test_a_mistake_in_a_secret_does_not_tell_it(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"mqtt: {{host: h, user: u, password: {value}}}\n" + ONE)
    with pytest.raises(ConfigError) as caught:
        read_settings(path)
    assert "secret-1" not in "".join(traceback.format_exception(caught.value))
    assert "mqtt.password" in str(caught.value)


def test_a_broken_line_with_a_password_is_not_quoted(tmp_path: Path) -> None:
    path = write(tmp_path, "mqtt: {host: h, password: 'secret-1\n" + ONE)
    with pytest.raises(ConfigError, match="no YAML") as caught:
        read_settings(path)
    assert "secret-1" not in str(caught.value)


WRONG = [
    ("lisen: 127.0.0.1:1\n" + ONE, r"unknown setting lisen \(did you mean listen\?\)"),
    (ONE.replace("name:", "nmae:"), r"unknown setting cameras\[0\]\.nmae \(did you mean name\?\)"),
    ("mqtt: {hots: a}\n" + ONE, r"unknown setting mqtt\.hots \(did you mean host\?\)"),
    ("webhooks: [{url: http://a/, retry: 3}]\n" + ONE, r"unknown setting webhooks\[0\]\.retry"),
    ("retention: {age: 3}\n" + ONE, r"unknown setting retention\.age"),
    ("cameras: []\n", "cameras is empty"),
    ("", "must be keys and values"),
    (ONE + ONE.removeprefix("cameras:\n").replace("yard", "YARD"), "two are named yard"),
    (ONE.replace("yard", "back/yard"), r"cameras\[0\]\.name must be letters"),
    (ONE.replace("yard", "..").replace("name: ..", "name: .."), r"cameras\[0\]\.name"),
    (ONE.replace("ped2-small}", "ped2-small, transport: mail}"), r"cameras\[0\]\.transport must be tcp or udp"),
    (ONE.replace("ped2-small}", "ped2-small, warm_up: 0.1}"), r"warm_up is 0\.1; it must be between 0\.5 and 1440"),
    (ONE.replace("rtsp://10.0.0.5/s", '""'), r"cameras\[0\]\.source is missing"),
    (ONE.replace("detector:", "before: 61, detector:"), r"cameras\[0\]\.before is 61; it must be between 0 and 60"),
    (ONE.replace("detector:", "before: soon, detector:"), r"cameras\[0\]\.before must be a number"),
    (ONE.replace("detector:", "before: yes, detector:"), r"cameras\[0\]\.before must be a number"),
    (ONE.replace("detector:", "threshold: .nan, detector:"), r"cameras\[0\]\.threshold must be a number"),
    (ONE.replace("detector:", "enabled: 3, detector:"), r"cameras\[0\]\.enabled must be true or false"),
    (ONE.replace("detector:", "schedule: 'mon 25-26', detector:"), r"cameras\[0\]\.schedule 'mon 25-26'"),
    (
        ONE.replace("detector:", "ignore: ['0,0 1,1'], detector:"),
        r"cameras\[0\]\.ignore '0,0 1,1': write the corners",
    ),
    (ONE.replace("detector:", "ignore: 3, detector:"), r"cameras\[0\]\.ignore must be a list"),
    ("listen: 8765\n" + ONE, "listen must be an address and a port"),
    ("listen: 127.0.0.1:99999\n" + ONE, "listen must be an address and a port"),
    ("listen: 0.0.0.0:80\n" + ONE, "listen: 0.0.0.0:80 can be reached from other machines, so it needs a token"),
    ("listen: '[::]:80'\n" + ONE, "needs a token"),
    ("token: abc\n" + ONE, "token must not stand in the file itself"),
    ("token: ${NOT_SET_ANYWHERE}\n" + ONE, "token: the environment variable NOT_SET_ANYWHERE is not set"),
    ("token: ${SHORT}\n" + ONE, "token is too short"),
    ("token_file: nowhere\n" + ONE, "token_file: .*nowhere cannot be read"),
    ("store: mysql://a/b\n" + ONE, "store must be sqlite"),
    ("store: 'sqlite:///'\n" + ONE, "store must be sqlite"),
    ("mqtt: {host: a, topic: 'a/#'}\n" + ONE, "mqtt.topic must have no"),
    ("mqtt: {host: a, password: b}\n" + ONE, "mqtt.password is given without mqtt.user"),
    ("mqtt: {port: 3}\n" + ONE, "mqtt.host is missing"),
    ("mqtt: {host: a, port: 3.5}\n" + ONE, "mqtt.port is 3.5; it must be a whole number"),
    ("mqtt: {host: a, ca: nowhere.pem}\n" + ONE, "mqtt.ca: .* is no file"),
    ("webhooks: [{url: ftp://a/b}]\n" + ONE, r"webhooks\[0\]\.url must begin with http"),
    ("webhooks: [{url: 'http://[a/b'}]\n" + ONE, r"webhooks\[0\]\.url must begin with http"),
    (
        "webhooks: [{url: http://a/, when: [begin]}]\n" + ONE,
        r"webhooks\[0\]\.when must be some of start, update, end",
    ),
    ("webhooks: [{url: http://a/1}, {url: http://a/2}]\n" + ONE, "webhooks: two are named a"),
    ("retention: {size: many}\n" + ONE, "retention.size must be a size"),
    ("retention: {days: 0}\n" + ONE, "retention.days is 0"),
    ("listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n" + ONE, "listen is there twice"),
    (ONE.replace("detector:", "name: a, detector:"), "name is there twice"),
    ("cameras: {a: b}\n", "cameras must be a list"),
    ("a: b: c\n", "line 1, column 5: is no YAML"),
    ("\t- a", "is no YAML"),
    ("&a [*a]", "must be keys and values|is no YAML"),
]


@pytest.mark.parametrize(("text", "line"), WRONG, ids=[line for _, line in WRONG])
def test_a_mistake_is_one_line(tmp_path: Path, text: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHORT", "abc")
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=line) as caught:
        read_settings(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yaml: cannot be read .*docs/serve.md"):
        read_settings(tmp_path / "nowhere.yaml")


def test_a_token_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("0123456789abcdef\n")
    path = write(tmp_path, "listen: 0.0.0.0:80\ntoken_file: token\n" + ONE)
    token.chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others; run chmod 600"):
        read_settings(path)
    token.chmod(0o600)
    settings = read_settings(path)
    assert settings.token == Secret("0123456789abcdef")


def test_paths_are_from_the_files_own_folder(tmp_path: Path) -> None:
    (tmp_path / "cam.safetensors").touch()
    text = "store: sqlite:////srv/e.db\nmedia: m\ncameras: [{name: a, source: v/a.mp4, detector: cam.safetensors}]\n"
    settings = read_settings(write(tmp_path, text))
    assert settings.store.reveal() == "sqlite:////srv/e.db"
    assert settings.media == tmp_path / "m"
    assert settings.cameras[0].source.reveal() == f"realtime:{tmp_path}/v/a.mp4"
    assert settings.cameras[0].detector == str(tmp_path / "cam.safetensors")


@pytest.mark.parametrize("kind", [LiveSettings, CameraSettings, MqttSettings, WebhookSettings, RetentionSettings])
def test_every_key_is_documented(kind: type) -> None:
    text = DOCS.read_text()
    for one in fields(kind):
        assert f"`{one.name}`" in text, f"{kind.__name__}.{one.name} is not in docs/serve.md"
