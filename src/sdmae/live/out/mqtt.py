"""Events to an MQTT broker; what is published where is in docs/serve.md."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from sdmae.live.health import CameraState
from sdmae.live.needs import require
from sdmae.live.settings.fields import MqttSettings
from sdmae.live.store import Notice

FIRST, LAST = 1, 30
"""Seconds between two attempts to reach a broker that is away, at first and at most."""
_log = logging.getLogger(__name__)


class Mqtt:
    """A connection to a broker, kept up by a thread of its own."""

    name = "mqtt"

    def __init__(self, settings: MqttSettings, cameras: Iterable[str]) -> None:
        """Begins to connect, and does not wait for it. Raises `ConfigError` where the package for MQTT is missing."""
        require("paho", extra="mqtt")
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[str, set[int]] = {camera: set() for camera in cameras}
        self._states: dict[str, str] = dict.fromkeys(self._open, "starting")
        self._connected = False
        self._said = ""
        self._waiting: set[int] = set()
        self._published: deque[int] = deque()
        self._dropped = 0
        client = Client(CallbackAPIVersion.VERSION2, client_id=settings.client_id)
        if settings.user is not None:
            password = None if settings.password is None else settings.password.reveal()
            client.username_pw_set(settings.user.reveal(), password)
        if settings.tls:
            client.tls_set(ca_certs=None if settings.ca is None else str(settings.ca))
        client.will_set(self._topic("available"), "offline", qos=1, retain=True)
        client.reconnect_delay_set(FIRST, LAST)
        # Ours is the limit: theirs would also refuse what is said of the cameras after a long absence.
        client.max_queued_messages_set(settings.queue + 10 * len(self._open) + 100)
        client.connect_timeout = 3.0
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        self._client = client
        client.connect_async(settings.host, settings.port or (8883 if settings.tls else 1883), keepalive=30)
        client.loop_start()

    @property
    def dropped(self) -> int:
        """Events that were not published, since too many waited for the broker."""
        return self._dropped

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connected

    def tell(self, notice: Notice) -> None:
        """Publishes the event, and whether its camera has an alarm."""
        camera, number = notice.event.camera, notice.event.id
        with self._lock:
            going_on = self._open.setdefault(camera, set())
            before = bool(going_on)
            if notice.event.open:
                going_on.add(number)
            else:
                going_on.discard(number)
            while self._published:
                self._waiting.discard(self._published.popleft())
            if len(self._waiting) >= self._settings.queue:
                self._dropped += 1
                self._say(f"more than {self._settings.queue} events wait for the broker: later ones are dropped")
            else:
                topic = self._topic(f"{camera}/event")
                self._waiting.add(self._client.publish(topic, notice.json(), qos=1).mid)
            if self._connected and bool(going_on) != before:
                self._retain(f"{camera}/alarm", "ON" if going_on else "OFF")

    def camera(self, name: str, state: CameraState) -> None:
        """Publishes how a camera is."""
        with self._lock:
            changed = self._states.get(name) != state
            self._states[name] = state
            if changed and self._connected:
                self._retain(f"{name}/state", state)

    def close(self, patience: float) -> None:
        """Says that we are gone, once what waits is published or `patience` is over."""
        if self._connected:
            last = self._client.publish(self._topic("available"), "offline", qos=1, retain=True)
            last.wait_for_publish(patience / 2)
        self._client.disconnect()
        # It may just be waiting for a broker that does not answer.
        stop = threading.Thread(target=self._client.loop_stop, daemon=True)
        stop.start()
        stop.join(patience / 2)

    def _on_connect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._say(f"the broker refuses us: {reason}")
            return
        self._say("connected to the broker")
        with self._lock:
            self._connected = True
            self._retain("available", "online")
            for camera, state in self._states.items():
                self._retain(f"{camera}/state", state)
            for camera, going_on in self._open.items():
                self._retain(f"{camera}/alarm", "ON" if going_on else "OFF")

    def _on_connect_fail(self, client: Any, data: Any) -> None:
        self._say("the broker cannot be reached; it is tried again")

    def _on_disconnect(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._lock:
            self._connected = False
        if reason.is_failure:
            self._say(f"the connection to the broker is lost ({reason}); it is tried again")

    def _on_publish(self, client: Any, data: Any, number: int, reason: Any, properties: Any) -> None:
        # Not under our lock: the library calls this under one of its own, which `publish` needs as well.
        self._published.append(number)

    def _retain(self, topic: str, text: str) -> None:
        self._client.publish(self._topic(topic), text, qos=1, retain=True)

    def _topic(self, rest: str) -> str:
        return f"{self._settings.topic}/{rest}"

    def _say(self, line: str) -> None:
        """Logs a line, but not again and again while nothing changes."""
        if line != self._said:
            _log.info("mqtt: %s", line)
        self._said = line
