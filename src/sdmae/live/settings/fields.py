"""Every setting of `sdmae serve`, once, with its default. `read_settings` fills them from a YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sdmae.data.schedule import Schedule, parse_schedule
from sdmae.live.settings.secret import Secret


@dataclass(frozen=True)
class CameraSettings:
    """One camera."""

    name: str
    """Its name in events, topics, files and metrics: letters, digits, `-`, `_` and `.`; unique."""
    source: Secret
    """Where its pictures come from: rtsp://, rtsps://, http(s)://, webcam:N, or a file played in real time."""
    detector: str
    """A detector file, from the folder of the settings file, or the name of one that is shipped."""
    ignore: tuple[str, ...] = ()
    """Polygons in which nothing counts, each `x,y x,y x,y ...` in pixels of the source, instead of the detector's."""
    schedule: str = ""
    """When alarms count, such as "mon-fri 08:00-18:00, sat 10:00-14:00", local time; empty: always."""
    threshold: float | None = None
    """Alarms open above this score. None: at the threshold that was learnt in the warm-up, or calibrated."""
    warm_up: float = 0.0
    """Minutes of this camera's first video from which its own threshold is learnt, 0.5 to 1440; there are no alarms
    until then. What was learnt is kept. 0: none, the detector's calibration holds."""
    before: float = 5.0
    """Seconds of a clip before its event starts, 0 to 60."""
    after: float = 5.0
    """Seconds of a clip after its event has ended, 0 to 60."""
    max_clip: float = 120.0
    """Seconds of a clip, at most; of a longer event the rest is not in it. 1 to 3600."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP sends pictures: tcp loses none; udp is for the cameras that know nothing else."""
    enabled: bool = True
    """Whether it is watched at all."""

    @property
    def hours(self) -> Schedule | None:
        """`schedule`, understood; None: always."""
        return parse_schedule(self.schedule)


@dataclass(frozen=True)
class MqttSettings:
    """A broker that is told of events. What is published where: docs/serve.md."""

    host: str
    """Name or address of the broker."""
    port: int | None = None
    """None: 1883, and 8883 with TLS."""
    user: Secret | None = None
    """None: nobody is named."""
    password: Secret | None = None
    """As `${NAME}`, an environment variable, or in the file itself."""
    tls: bool = False
    """Whether the connection is encrypted and the broker's certificate checked."""
    ca: Path | None = None
    """File of the authorities that the broker's certificate may come from. None: those of the system."""
    topic: str = "sdmae"
    """What all topics begin with."""
    client_id: str = ""
    """The name under which the broker knows this program; empty: one of its own each time it starts."""
    queue: int = 1000
    """Messages kept in memory while the broker is away; later ones are dropped and counted."""


@dataclass(frozen=True)
class WebhookSettings:
    """An address that each event is posted to, as JSON."""

    url: Secret
    """http:// or https://; redirects are not followed."""
    name: str = ""
    """Its name in logs, metrics and the spool; unique. Empty: the host of its address."""
    secret: Secret | None = None
    """Key of the signature that each post carries (docs/serve.md). None: it carries none."""
    when: tuple[str, ...] = ("start", "end")
    """What is posted: some of start, update, end."""
    timeout: float = 10.0
    """Seconds for connecting, and for the answer, 0.1 to 120."""
    spool: int = 1000
    """Posts kept on the disk while the address does not answer; beyond it the oldest are dropped and counted."""
    give_up: float = 3.0
    """Days after which a post that never got through is dropped."""


@dataclass(frozen=True)
class RetentionSettings:
    """How much is kept. An open event, or one marked to be kept, is never deleted."""

    days: float | None = 30.0
    """Events that ended longer ago are deleted, with clip and thumbnail. None: never for their age."""
    size: int | None = 20 * 10**9
    """Bytes of database, clips and thumbnails together, such as `20 GB`: beyond it the oldest events go. None: no
    limit."""
    history_days: float | None = 30.0
    """Days for which the history of scores is kept, about 1.4 MB a day and camera. None: for ever."""


@dataclass(frozen=True)
class LiveSettings:
    """All of `cameras.yaml`."""

    cameras: tuple[CameraSettings, ...]
    """At least one."""
    listen: str = "127.0.0.1:8765"
    """Address and port of the page. Any other address than this machine's own needs a token."""
    store: Secret = field(default_factory=lambda: Secret.address("sqlite:///events.db"))
    """Where events are kept: sqlite:///FILE, from the folder of the settings file (four slashes: from the root), or
    postgresql://USER:PASSWORD@HOST/NAME."""
    media: Path = Path("media")
    """Folder of clips and thumbnails, from the folder of the settings file."""
    token: Secret | None = None
    """What whoever opens the page must know, as `${NAME}`, an environment variable, never in the file itself."""
    token_file: Path | None = None
    """A file that holds the token instead, readable by its owner alone."""
    mqtt: MqttSettings | None = None
    """None: no broker."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """Addresses that are posted to."""
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    """How much is kept."""
    device: str | None = None
    """Where detectors run, as torch names it. None: a GPU if there is one."""

    @property
    def host(self) -> str:
        """The address of `listen`."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of `listen`."""
        return int(self.listen.rpartition(":")[2])

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must never be seen, for the filter of the logs: passwords, tokens, addresses."""
        found = [self.token, self.store, *(camera.source for camera in self.cameras)]
        found += [self.mqtt.user, self.mqtt.password] if self.mqtt else []
        found += [one for hook in self.webhooks for one in (hook.url, hook.secret)]
        hidden = [one for one in found if one is not None and one.shown != one.reveal()]
        return tuple(piece for one in hidden for piece in one.pieces())
