"""A running service for tests of the page: cameras whose frames, scores and maps are a real detector's on real video,
played in a loop by the clock, without threads and networks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from sdmae import Detector
from sdmae.live.accounts import Accounts
from sdmae.live.health import Health, healthz, readyz
from sdmae.live.metrics import Metrics
from sdmae.live.settings import CameraSettings, LiveSettings, Secret
from sdmae.live.store import (
    FrameCounts,
    History,
    MinuteMaker,
    NewEvent,
    Notice,
    Peak,
    Store,
    StoredEvent,
    WouldBe,
    open_store,
)
from sdmae.live.store import would_be as count_alarms
from sdmae.live.views import CameraChanged, CameraView, From, Push, Scored, Strip, Thresholds
from sdmae.recordings.page import heated, shares
from sdmae.scoring import TERMS, AlarmLevel, FrameScore, Levels
from sdmae.video import Clip, Image, VideoWriter, boxes, read_frames, write_picture

WEEK = 7 * 24 * 3600


@dataclass(frozen=True)
class Footage:
    """A clip that was scored, frame by frame."""

    detector: Detector
    images: list[Image]
    frames: list[FrameScore]

    @classmethod
    def of(cls, detector: Detector, clip: Clip, width: int = 480) -> Footage:
        frames = list(detector.stream(clip))
        images = [
            cv2.cvtColor(frame.image, cv2.COLOR_GRAY2RGB) if frame.image.shape[2] == 1 else frame.image
            for frame in read_frames(clip, (detector.size,))
        ]
        small = [image.astype(np.uint8) for image in images]
        return cls(detector, small, frames)

    @property
    def rate(self) -> float:
        return (len(self.frames) - 1) / (self.frames[-1].time - self.frames[0].time)

    @property
    def seconds(self) -> float:
        return len(self.frames) / self.rate

    @property
    def peak(self) -> FrameScore:
        return max(self.frames, key=lambda frame: frame.score)

    def image_of(self, frame: FrameScore) -> Image:
        return self.images[min(frame.index, len(self.images) - 1)]


@dataclass
class Replay:
    """The page's `Service`."""

    store: Store
    cameras_of: Mapping[str, Footage]
    threshold: float
    born: float = field(default_factory=time.time)
    states: dict[str, CameraView] = field(default_factory=dict)
    listeners: list[Callable[[Push], object]] = field(default_factory=list)
    beats: dict[str, float] = field(default_factory=dict)
    page_thresholds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.cameras_of)
        self.metrics = Metrics(self.accounts, queues=dict, spool=self.store.read.waiting_posts, dropped=dict)
        for name, footage in self.cameras_of.items():
            self.store.register(name, f"rtsp://…@10.0.0.5/{name}", footage.detector.fingerprint()).result()
            self.accounts.receive(name, 1000)
            self.accounts.settle(name, scored=990, unscored=4, shed=5)
            self.states[name] = CameraView(
                name,
                f"rtsp://…@10.0.0.5/{name}",
                footage.detector.fingerprint(),
                "watching",
                "",
                self.born,
                footage.images[0].shape[:2],
                footage.rate,
                FrameCounts(),
                0,
                None,
                None,
                None,
                None,
                None,
            )

    def cameras(self) -> list[CameraView]:
        return [self.camera(name) for name in self.cameras_of]

    def camera(self, name: str) -> CameraView:
        view = replace(self.states[name], counts=self.accounts.of(name), threshold=self._opens(name))
        if view.state not in ("watching", "warming up"):
            return view
        frame, at = self._now(name, time.time())
        return replace(view, score=frame.score, time=at)

    def strip(self, name: str, seconds: float = 60.0) -> Strip:
        now, footage = time.time(), self.cameras_of[name]
        count = int(min(seconds, 300) * footage.rate)
        found = [self._now(name, now - back / footage.rate) for back in range(count, -1, -1)]
        return Strip(tuple(at for _, at in found), tuple(frame.score for frame, _ in found), self._opens(name), now)

    def picture(self, name: str, *, heat: bool = False) -> bytes | None:
        if self.states[name].state in ("starting", "off"):
            return None
        frame, _ = self._now(name, time.time())
        done, data = cv2.imencode(".jpg", cv2.cvtColor(self._drawn(name, frame, heat), cv2.COLOR_RGB2BGR))
        assert done
        return data.tobytes()

    def thresholds(self, name: str) -> Thresholds:
        opens, level = self._opens(name), self._level(name)
        a_day, low, high = level.rate_at(opens)
        by: From = "page" if name in self.page_thresholds else "settings"
        return Thresholds(opens, self._levels(name, opens).closes, by, self.threshold, level.median, a_day, low, high)

    def set_threshold(self, name: str, threshold: float | None) -> Thresholds:
        self.page_thresholds.pop(name, None)
        if threshold is not None:
            self.page_thresholds[name] = threshold
        self._tell(CameraChanged(self.camera(name)))
        return self.thresholds(name)

    def would_be(self, name: str, threshold: float, since: float, until: float) -> WouldBe:
        detector = self.cameras_of[name].detector
        minutes = self.store.read.minutes(name, since, until, detector=detector.fingerprint())
        merge = detector.config.events.merge
        return count_alarms(History.of(minutes, since, until), self._levels(name, threshold), merge)

    def subscribe(self, listener: Callable[[Push], object]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def healthz(self) -> Health:
        return healthz(self.beats, time.monotonic())

    def readyz(self) -> Health:
        return readyz({name: view.state for name, view in self.states.items()}, self.store.trouble)

    # --- what a test, or somebody who looks at the page, has happen ---

    def play(self) -> None:
        """One push of every camera's score."""
        for name in self.cameras_of:
            camera = self.camera(name)
            if camera.score is not None and camera.time is not None:
                self._tell(Scored(name, camera.time, camera.score, 0.1))

    def alarm(self, name: str, start: float | None = None, *, seconds: float = 2.0, over: bool = True) -> StoredEvent:
        """An event whose frame is the strongest of the footage, with its picture and clip."""
        footage, start = self.cameras_of[name], time.time() - seconds if start is None else start
        frame = footage.peak
        region = frame.region
        height, width = footage.images[0].shape[:2]
        box = tuple(side * size for side, size in zip(region.box, (width, height) * 2, strict=True)) if region else ()
        usual = footage.detector.levels(causal=True).normal_parts
        parts = dict(zip(TERMS, region.parts if region else (0.0,) * 5, strict=True))
        term = max(TERMS, key=lambda one: parts[one] - usual[TERMS.index(one)])
        at = (box[0], box[1], box[2], box[3]) if box else None
        peak = Peak(start + seconds / 2, frame.score, at, term, parts)
        new = NewEvent(name, start, self._opens(name), footage.detector.fingerprint(), peak, start + seconds)
        event = self.store.start(new).result()
        self._tell(Notice("start", event))
        if not over:
            self.states[name] = replace(self.states[name], event=event.id)
            self._tell(CameraChanged(self.camera(name)))
            return event
        folder = self.store.media / name
        folder.mkdir(exist_ok=True)
        write_picture(folder / f"{event.id}.jpg", self._drawn(name, frame, heat=True))
        self._write_clip(folder / f"{event.id}.mp4", footage)
        self.store.end(event.id, start + seconds).result()
        files = {"clip": f"{name}/{event.id}.mp4", "thumbnail": f"{name}/{event.id}.jpg"}
        event = self.store.attach(event.id, **files).result()
        self._tell(Notice("end", event))
        return event

    def remember(self, name: str, quiet: Footage | None = None, *, every: int = 3600, loud: int = 1) -> None:
        """A week of history: the footage once in `every` seconds, every `loud`-th time; `quiet` the other times."""
        footage, now = self.cameras_of[name], time.time()
        maker = MinuteMaker(name, footage.detector.fingerprint())
        for k, start in enumerate(np.arange(now - WEEK + 60, now - footage.seconds - 60, every)):
            played = footage if k % loud == 0 or quiet is None else quiet
            for place, frame in enumerate(played.frames):
                minute = maker.push(float(start) + place / footage.rate, frame.score, FrameCounts())
                if minute is not None:
                    self.store.add_minute(minute)
        if (last := maker.flush(FrameCounts())) is not None:
            self.store.add_minute(last).result()

    def change(self, name: str, **values: object) -> None:
        """Another state of a camera, told to everybody."""
        self.states[name] = replace(self.states[name], **values)  # type: ignore[arg-type]
        self._tell(CameraChanged(self.camera(name)))

    def _tell(self, push: Push) -> None:
        for listener in tuple(self.listeners):
            listener(push)

    def _now(self, name: str, at: float) -> tuple[FrameScore, float]:
        footage = self.cameras_of[name]
        number = int(at * footage.rate)
        return footage.frames[number % len(footage.frames)], number / footage.rate

    def _opens(self, name: str) -> float:
        return self.page_thresholds.get(name, self.threshold)

    def _level(self, name: str) -> AlarmLevel:
        calibration = self.cameras_of[name].detector.calibration
        assert calibration is not None
        return calibration.causal

    def _levels(self, name: str, threshold: float) -> Levels:
        return Levels.of(threshold, self._level(name).median, self.cameras_of[name].detector.config.events)

    def _drawn(self, name: str, frame: FrameScore, heat: bool) -> Image:
        footage, median = self.cameras_of[name], self._level(name).median
        image = footage.image_of(frame)
        if not heat or frame.map is None:
            return image
        hot = heated(image, shares(frame.map, median, 1.5 * (self._opens(name) - median)))
        if frame.region is None or frame.score <= self._opens(name):
            return hot
        height, width = image.shape[:2]
        x0, y0, x1, y1 = frame.region.box
        return boxes(hot, [(x0 * width, y0 * height, x1 * width - 1, y1 * height - 1)])

    def _write_clip(self, path: Path, footage: Footage) -> None:
        with VideoWriter(path, rate=footage.rate) as video:
            for image in footage.images[: int(10 * footage.rate)]:
                video.write(image)


@contextmanager
def replayed(folder: Path, footage: Footage, names: Sequence[str] = ("yard", "door")) -> Iterator[Replay]:
    """A store in the folder and cameras that all show the footage; alarms open half-way up to its highest score."""
    usual = footage.detector.levels(causal=True)
    with open_store(f"sqlite:///{folder}/events.db", folder / "media", patience=1.0) as store:
        yield Replay(store, dict.fromkeys(names, footage), (usual.opens + footage.peak.score) / 2)


def settings_for(replay: Replay, listen: str = "127.0.0.1:0", token: str | None = None) -> LiveSettings:
    """As `cameras.yaml` would have them."""
    store = replay.store
    cameras = tuple(
        CameraSettings(name, Secret.address(f"rtsp://u:p@10.0.0.5/{name}"), "d") for name in replay.states
    )
    secret = Secret(token) if token else None
    return LiveSettings(cameras, listen=listen, token=secret, store=Secret.address(store.url), media=store.media)
