"""Many cameras in, events out: the thing that `sdmae serve` runs, and all that a page needs of it.

    with LiveService(settings) as service:              # opens the store, starts cameras, scoring, outlets
        service.cameras()                               # [CameraView]: state, counts, latest score, threshold
        service.camera("yard")                          # one of them
        service.strip("yard", seconds=60)               # Strip: the newest scores, up to five minutes
        service.picture("yard")                         # JPEG bytes of the newest scored frame; None: none yet
        service.picture("yard", heat=True)              # the same with the heat map over it
        service.thresholds("yard")                      # Thresholds
        service.set_threshold("yard", 0.42)             # kept across restarts; None: the usual one again
        service.would_be("yard", 0.42, since, until)    # WouldBe: alarms there would have been, from the history
        end = service.subscribe(listener)               # listener(Push) on our threads, must not wait; end() ends it
        service.healthz(), service.readyz()             # Health
        service.metrics.render()                        # (bytes, content type) for /metrics
        service.store                                   # Store: store.read for questions; acknowledge, judge, keep
        service.settings                                # LiveSettings: host, port, token, ...

Every method may be called from any thread and answers at once, but for `picture`, which takes some milliseconds, and
`would_be`, which reads the store. An unknown camera, or one that is not enabled, is a KeyError.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from sdmae.config import SourceConfig
from sdmae.detector import Detector
from sdmae.errors import ConfigError
from sdmae.live.accounts import Accounts
from sdmae.live.announce import Announcer, Outlet
from sdmae.live.batcher import Batcher
from sdmae.live.desk import Desk
from sdmae.live.detectors import load_detectors
from sdmae.live.health import Health, healthz, readyz
from sdmae.live.keeper import Keeper
from sdmae.live.lane import Lane
from sdmae.live.levels import refuse_without_threshold
from sdmae.live.listeners import Listeners
from sdmae.live.metrics import Metrics
from sdmae.live.needs import require
from sdmae.live.out import Mqtt, Webhook, hooks_of
from sdmae.live.reader import Reader
from sdmae.live.recorder import Recorder
from sdmae.live.settings import CameraSettings, LiveSettings
from sdmae.live.shot import jpeg
from sdmae.live.store import History, WouldBe, open_store, would_be
from sdmae.live.views import CameraView, Push, Strip, Thresholds
from sdmae.video.live import parse_address

_log = logging.getLogger(__name__)


class LiveService:
    """See the head of this file. It runs from when it is made until `close`."""

    def __init__(
        self, settings: LiveSettings, *, outlets: Sequence[Outlet] = (), source: SourceConfig | None = None
    ) -> None:
        """outlets: who is told besides those in the settings; source: how cameras are opened.

        Raises `SdmaeError` for what can never work: a detector, a source, the store. A camera or a broker that
        cannot be reached is no error.
        """
        self.settings = settings
        if settings.mqtt:
            require("paho", extra="mqtt")
        watched = [camera for camera in settings.cameras if camera.enabled]
        detectors = load_detectors(watched, settings.device)
        for camera in watched:
            _refuse(camera, detectors[camera.name])
        self._closed = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        with ExitStack() as begun:
            self.store = open_store(settings.store.reveal(), settings.media, hooks=hooks_of(settings.webhooks))
            begun.callback(self.store.close)
            self._listeners = Listeners(self.camera)
            outside: list[Outlet] = [Webhook(hook, self.store) for hook in settings.webhooks]
            if settings.mqtt:
                outside.append(Mqtt(settings.mqtt, [camera.name for camera in watched]))
            self._announcer = Announcer(self.store, [*outlets, *outside, self._listeners])
            begun.callback(self._announcer.close, 1.0)
            self.accounts = Accounts([camera.name for camera in watched])
            self._batcher = Batcher(self.accounts)
            self._recorder = Recorder(self._announcer, self.store)
            begun.callback(self._recorder.close, 1.0)
            self.metrics = Metrics(
                self.accounts,
                queues=self._queues,
                spool=self.store.read.waiting_posts,
                dropped=self._announcer.dropped,
            )
            desk = Desk(
                self.accounts,
                self.metrics,
                self._recorder,
                self.store,
                source or SourceConfig(),
                self._changed,
                self._listeners.scored,
            )
            for camera in watched:
                lane = Lane(camera, detectors[camera.name], desk)
                begun.callback(lane.camera.close)
                begun.callback(lane.go)
                self._lanes[camera.name] = lane
            begun.pop_all()
        self._batcher.start(list(self._lanes.values()))
        for lane in self._lanes.values():
            lane.go()
        self._readers = {name: Reader(lane, self._batcher) for name, lane in self._lanes.items()}
        self._keeper = Keeper(self.store, settings.retention)

    def cameras(self) -> list[CameraView]:
        """All cameras that are enabled, in the order of the settings."""
        return [lane.view() for lane in self._lanes.values()]

    def camera(self, name: str) -> CameraView:
        """One camera."""
        return self._lanes[name].view()

    def strip(self, name: str, seconds: float = 60.0) -> Strip:
        """The newest scores of a camera."""
        return self._lanes[name].strip(seconds)

    def picture(self, name: str, *, heat: bool = False) -> bytes | None:
        """The newest scored frame as a JPEG, with its heat map and box if asked for.

        None where no frame of the present connection has been scored.
        """
        shot = self._lanes[name].shot
        return None if shot is None else jpeg(shot, heat=heat)

    def thresholds(self, name: str) -> Thresholds:
        """When its scores are an alarm."""
        levels = self._lanes[name].levels
        return Thresholds(*[None] * 8) if levels is None else levels.view()

    def set_threshold(self, name: str, threshold: float | None) -> Thresholds:
        """Sets the threshold from now on; None: the usual one again. An open event goes on under the new levels.

        Raises `ConfigError` for what is no number, or a camera that was never seen yet and has zones of its own.
        """
        levels = self._lanes[name].levels
        if levels is None:
            raise ConfigError(f"camera {name}: its zones are known once it has been seen; set the threshold then")
        levels.set(threshold)
        _log.info("camera %s: threshold set to %s", name, threshold)
        self._changed(name)
        return levels.view()

    def would_be(self, name: str, threshold: float, since: float, until: float) -> WouldBe:
        """The alarms another threshold would have given from `since` up to `until`. Raises `StoreError`."""
        lane = self._lanes[name]
        if lane.levels is None:
            raise ConfigError(f"camera {name}: nothing is known of it before it has been seen")
        minutes = self.store.read.minutes(name, since, until, detector=lane.fingerprint)
        history = History.of(minutes, since, until)
        return would_be(history, lane.levels.at(threshold), lane.detector.config.events.merge, lane.hours)

    def subscribe(self, listener: Callable[[Push], object]) -> Callable[[], None]:
        """Has `listener` told of events, states and scores until what this gives is called.

        It is called on the program's own threads, also on that of scoring, and must not wait for anything.
        """
        return self._listeners.add(listener)

    def healthz(self) -> Health:
        """Whether every thread lives."""
        beats = {f"reader {name}": reader.beat for name, reader in self._readers.items() if not reader.ended}
        return healthz(beats | {"scoring": self._batcher.beat, "recorder": self._recorder.beat}, time.monotonic())

    def readyz(self) -> Health:
        """Whether events would be seen and kept."""
        return readyz({name: lane.state.said.state for name, lane in self._lanes.items()}, self.store.trouble)

    @property
    def batches(self) -> tuple[int, int]:
        """Batches that went through networks so far, and frames in them."""
        return self._batcher.batches, self._batcher.frames

    @property
    def over(self) -> bool:
        """Whether nothing will come any more: all sources are files that have been played."""
        return all(reader.ended for reader in self._readers.values()) and not any(
            count.waiting for count in self.accounts.all().values()
        )

    def decoder_pid(self, name: str) -> int | None:
        """Number of the process that decodes a camera; None while there is none."""
        return self._lanes[name].camera.decoder_pid

    def close(self) -> None:
        """Closes open events and ends everything, within some four seconds."""
        if not self._closed.acquire(blocking=False):
            return
        until = time.monotonic() + 1.5
        for reader in self._readers.values():
            reader.stop()
        # What ends cameras waits for their processes; meanwhile open events are closed.
        closing = [threading.Thread(target=r.close, args=(2.5,), daemon=True) for r in self._readers.values()]
        for thread in closing:
            thread.start()
        if not self._batcher.close(max(until - time.monotonic(), 0.1)):
            _log.error("a batch is not done: events are closed as far as they came")
        for lane in self._lanes.values():
            lane.finish("stopped")
        self._recorder.close(1.5)
        for thread in closing:
            thread.join(max(until + 1.5 - time.monotonic(), 0.1))
        for lane in self._lanes.values():
            lane.never_fetched()
        self._keeper.close(0.2)
        self._announcer.close(0.7)
        self.store.close(0.8)

    def __enter__(self) -> LiveService:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _changed(self, name: str) -> None:
        if lane := self._lanes.get(name):
            self._announcer.camera(name, lane.state.said.state)

    def _queues(self) -> dict[str, int]:
        return {"frames": self._batcher.waiting, "recorder": self._recorder.waiting, "store": self.store.waiting}


def _refuse(camera: CameraSettings, detector: Detector) -> None:
    """Raises `SdmaeError` for what can be known to be wrong before anything is opened."""
    parse_address(camera.source.reveal())
    calibrated = detector.calibration is not None
    # Whether its zones are those that the detector was calibrated with shows when its picture has been seen.
    refuse_without_threshold(
        camera, calibrated=calibrated and (not camera.ignore or bool(detector.config.input.ignore))
    )
