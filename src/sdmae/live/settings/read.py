"""From `cameras.yaml` to `LiveSettings`, checked."""

from __future__ import annotations

import ipaddress
import re
import stat
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from sdmae.data.schedule import parse_schedule
from sdmae.data.zones import parse_zone
from sdmae.errors import ConfigError
from sdmae.live.settings.fields import (
    CameraSettings,
    LiveSettings,
    MqttSettings,
    RetentionSettings,
    WebhookSettings,
)
from sdmae.live.settings.secret import Secret
from sdmae.live.settings.section import Section, given
from sdmae.video.frame import Size
from sdmae.video.live import is_live

KINDS = ("start", "update", "end")
"""What can be said of an event."""
_ANY_SIZE = Size(1 << 16, 1 << 16)
"""Of a source whose size is not known yet."""


def read_settings(path: Path) -> LiveSettings:
    """The settings in that file. Raises `ConfigError`, one line, for the first that is not right, or for no file.

    Paths in it are from the file's folder. Environment variables are read here, and only here.
    """
    try:
        return _settings(_load(path), path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror}); docs/serve.md has one to start from") from None
    except UnicodeDecodeError:
        raise ConfigError("is no text in UTF-8; write it with an editor") from None
    try:
        _refuse_doubles(yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Its own text quotes the line, which may hold a password.
        mark = error.problem_mark
        line = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = re.sub(r"['\"].*['\"]", "…", str(error.problem or "not understood"))
        raise ConfigError(f"{line}is no YAML: {problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError("is no YAML; write keys and values, such as listen: 127.0.0.1:8765") from None


def _refuse_doubles(node: yaml.Node | None) -> None:
    """YAML takes the last of two equal keys in silence; whoever wrote both meant something else."""
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key.value, Hashable)]
        double = [key for key, count in Counter(keys).items() if count > 1]
        if double:
            raise ConfigError(f"line {node.start_mark.line + 1}: {double[0]} is there twice; leave one")
        for _, value in node.value:
            _refuse_doubles(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_doubles(value)


def _settings(data: Any, folder: Path) -> LiveSettings:
    top = Section(data, LiveSettings, "", folder)
    cameras = tuple(_camera(entry, f"cameras[{k}]", folder) for k, entry in enumerate(top.items("cameras")))
    if not cameras:
        raise ConfigError("cameras is empty; name at least one, with name, source and detector")
    _refuse_same("cameras", [camera.name for camera in cameras])
    hooks = tuple(_webhook(entry, f"webhooks[{k}]", folder) for k, entry in enumerate(top.items("webhooks")))
    _refuse_same("webhooks", [hook.name for hook in hooks])
    settings = LiveSettings(
        cameras=cameras,
        webhooks=hooks,
        **given(
            listen=top.text("listen"),
            store=top.address("store"),
            media=top.path("media") or folder / LiveSettings.media,
            token=top.secret("token", by_reference=True) or _token_of(top),
            token_file=top.path("token_file"),
            mqtt=None if top.raw("mqtt") is None else _mqtt(top.raw("mqtt"), folder),
            retention=None if top.raw("retention") is None else _retention(top.raw("retention"), folder),
            device=top.text("device"),
        ),
    )
    _check_listen(settings)
    return LiveSettings(**{**vars(settings), "store": _store(settings.store, folder)})


def _camera(data: Any, where: str, folder: Path) -> CameraSettings:
    section = Section(data, CameraSettings, where, folder)
    section.required("name", "yard")
    section.required("source", "rtsp://10.0.0.5/stream")
    section.required("detector", "cam.safetensors")
    name, source, detector = section.text("name"), section.address("source"), section.text("detector")
    assert name is not None
    assert source is not None
    assert detector is not None
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        raise ConfigError(f"{section.name('name')} must be letters, digits, -, _ and . only, 64 at most")
    transport = section.text("transport")
    if transport not in (None, "tcp", "udp"):
        raise ConfigError(f"{section.name('transport')} must be tcp or udp")
    schedule = section.text("schedule")
    try:
        parse_schedule(schedule or "")
    except ConfigError as error:
        raise ConfigError(f"{where}.{error}") from None
    zones = section.texts("ignore")
    for zone in zones or ():
        parse_zone(zone, _ANY_SIZE, section.name("ignore"))
    near = folder / Path(detector).expanduser()
    return CameraSettings(
        name,
        _source(source, folder),
        str(near) if near.exists() or "/" in detector or "." in detector else detector,
        **given(
            ignore=zones,
            schedule=schedule,
            threshold=section.number("threshold", -1e9, 1e9),
            warm_up=0.0 if section.raw("warm_up") == 0 else section.number("warm_up", 0.5, 1440),
            before=section.number("before", 0, 60),
            after=section.number("after", 0, 60),
            max_clip=section.number("max_clip", 1, 3600),
            transport=transport,
            enabled=section.flag("enabled"),
        ),
    )


def _mqtt(data: Any, folder: Path) -> MqttSettings:
    section = Section(data, MqttSettings, "mqtt", folder)
    section.required("host", "broker.local")
    topic = section.text("topic")
    if topic is not None and not re.fullmatch(r"[^+#/\0][^+#\0]*(?<!/)", topic):
        raise ConfigError("mqtt.topic must have no + or # in it, and no / at its ends")
    if section.raw("password") is not None and section.raw("user") is None:
        raise ConfigError("mqtt.password is given without mqtt.user; give both")
    ca = section.path("ca")
    if ca is not None and not ca.is_file():
        raise ConfigError(f"mqtt.ca: {ca} is no file")
    return MqttSettings(
        section.text("host") or "",
        **given(
            port=section.whole("port", 1, 65535),
            user=section.secret("user"),
            password=section.secret("password"),
            tls=section.flag("tls"),
            ca=ca,
            topic=topic,
            client_id=section.text("client_id"),
            queue=section.whole("queue", 1, 10**6),
        ),
    )


def _webhook(data: Any, where: str, folder: Path) -> WebhookSettings:
    section = Section(data, WebhookSettings, where, folder)
    section.required("url", "https://example.org/hook")
    url = section.address("url")
    assert url is not None
    try:
        parts = urlsplit(url.reveal())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{where}.url must begin with http:// or https:// and name a host")
    when = section.texts("when")
    wrong = [kind for kind in when or () if kind not in KINDS]
    if wrong or when == ():
        raise ConfigError(f"{where}.when must be some of {', '.join(KINDS)}")
    return WebhookSettings(
        url,
        **given(
            name=section.text("name") or host,
            secret=section.secret("secret"),
            when=when,
            timeout=section.number("timeout", 0.1, 120),
            spool=section.whole("spool", 1, 10**6),
            give_up=section.number("give_up", 0.001, 365),
        ),
    )


def _retention(data: Any, folder: Path) -> RetentionSettings:
    section = Section(data, RetentionSettings, "retention", folder)
    values: dict[str, Any] = {}
    for key in ("days", "history_days"):
        if section.never(key):
            values[key] = None
        elif (number := section.number(key, 0.01, 36500)) is not None:
            values[key] = number
    if section.never("size"):
        values["size"] = None
    elif (size := section.size("size")) is not None:
        values["size"] = size
    return RetentionSettings(**values)


def _token_of(top: Section) -> Secret | None:
    path = top.path("token_file")
    if path is None:
        return None
    if top.raw("token") is not None:
        raise ConfigError("token and token_file are both given; leave one")
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token_file: {path} cannot be read ({getattr(error, 'strerror', 'no text')})") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"token_file: {path} can be read by others; run chmod 600 {path}")
    if not text:
        raise ConfigError(f"token_file: {path} is empty; put the token into it")
    return Secret(text)


def _check_listen(settings: LiveSettings) -> None:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\s/]+):(\d{1,5})", settings.listen)
    if not found or not 0 <= int(found[2]) <= 65535:
        raise ConfigError("listen must be an address and a port, such as 127.0.0.1:8765")
    host = settings.host
    try:
        own = ipaddress.ip_address(host).is_loopback
    except ValueError:
        own = host == "localhost"
    if not own and settings.token is None:
        raise ConfigError(
            f"listen: {settings.listen} can be reached from other machines, so it needs a token; write token: "
            "${SDMAE_TOKEN}, or token_file, or listen on 127.0.0.1"
        )
    if settings.token is not None and len(settings.token.reveal()) < 16:
        raise ConfigError("token is too short to be safe; 16 characters or more, such as openssl rand -hex 16 makes")


def _store(store: Secret, folder: Path) -> Secret:
    """The URL with its SQLite file found from the folder. Raises `ConfigError` for any other database."""
    url = store.reveal()
    if re.match(r"postgres(ql)?(\+psycopg)?://", url):
        return store
    if not url.startswith("sqlite:///") or len(url) == len("sqlite:///"):
        raise ConfigError("store must be sqlite:///events.db or postgresql://user:password@host/name")
    return Secret.address(f"sqlite:///{(folder / url.removeprefix('sqlite:///')).absolute()}")


def _source(source: Secret, folder: Path) -> Secret:
    """The source as `sdmae.video.live` names it: a file is played in real time, once or over and over."""
    if is_live(source.reveal()):
        kind, mark, name = source.reveal().partition(":")
        if kind.lower() not in ("realtime", "loop") or name.startswith("//"):
            return source
    else:
        kind, mark, name = "realtime", ":", source.reveal()
    return Secret.address(f"{kind}{mark}{folder / Path(name).expanduser()}")


def _refuse_same(what: str, names: list[str]) -> None:
    same = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if same:
        raise ConfigError(f"{what}: two are named {same[0]}; give each a name of its own")
