"""One camera's way through the program: its frames, their scores, its events, and how it is."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sdmae.data.neighbours import Spacing
from sdmae.data.schedule import Schedule, parse_schedule
from sdmae.data.waiting import WaitingFrames
from sdmae.data.zones import parse_zone
from sdmae.detector import Detector
from sdmae.detector.maps import MapStream
from sdmae.errors import SdmaeError, SourceError
from sdmae.live.alarm import Alarm
from sdmae.live.desk import Desk
from sdmae.live.levels import CameraLevels
from sdmae.live.settings import CameraSettings
from sdmae.live.shot import WIDTH, Shot
from sdmae.live.state import State
from sdmae.live.store import Ending, MinuteMaker
from sdmae.live.views import CameraView, Strip
from sdmae.live.wall import WallClock
from sdmae.scoring import CausalScores, FrameMap, FrameScore
from sdmae.video import Frame, Image, Size
from sdmae.video.live import Camera, Status, StreamInfo, parse_address
from sdmae.video.say import shape

PATIENCE = 1.0
"""Seconds of frames that may wait to be scored: of a camera that has more, the oldest are shed."""
FEWEST = 4
"""Frames that may wait, however slow the camera."""
SPARE = 10.0
"""Seconds of coded video that are kept beyond the longest clip: clips begin with a key picture, and end late."""
STRIP = 300.0
"""Seconds of scores that are kept to be looked at."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What must be known of a frame once it has been scored."""

    index: int
    wall: float
    image: Image


class Lane:
    """One camera that is watched.

    Frames are fetched on a thread of its own (`live.reader`), and scored on that of the batcher, which calls `score`
    and `lost`. `waiting`, and the frames beside it, are guarded by the batcher's lock.
    """

    def __init__(self, settings: CameraSettings, detector: Detector, desk: Desk) -> None:
        """Begins to connect once `go` is called. Raises `SdmaeError` where it can never work."""
        self.settings = settings
        self.name = settings.name
        self.group = detector.network_fingerprint()
        """Lanes of one group share batches."""
        source = settings.source.reveal()
        self.waits = parse_address(source).waits
        """Whether nothing may be shed: a file."""
        self._desk = desk
        self._base = detector
        self.detector = detector
        self.fingerprint = detector.fingerprint()
        self.limit = max(FEWEST, round(PATIENCE * detector.rate))
        self.waiting = WaitingFrames()
        self._seen: deque[Seen] = deque()
        self._wall = WallClock()
        self._spacing: Spacing | None = None
        self._stretch = -1
        self._size: Size | None = None
        self._next = 0
        self._strip: deque[tuple[float, float]] = deque(maxlen=round(STRIP * min(detector.rate, 60)))
        self._strip_lock = threading.Lock()
        self.shot: Shot | None = None
        """The newest scored frame."""
        self.broken_off = False
        """Whether its scores end with what waits."""
        self.state = State(settings)
        self.levels: CameraLevels | None = None
        self._alarm: Alarm | None = None
        self._minutes: MinuteMaker | None = None
        self.stream: MapStream | None = None
        self._causal: CausalScores | None = None
        self._ready = threading.Event()
        if not settings.ignore:
            self.levels = CameraLevels(settings, detector, desk.levels_path(self.name))
        keep = min(settings.max_clip + SPARE, 3600.0)
        sizes = _sizes(detector.size, detector.config.input.grey)
        self.camera = Camera(
            source,
            sizes,
            grey=[detector.config.input.grey, False][: len(sizes)],
            rate=detector.rate,
            config=replace(desk.source, keep_seconds=keep, transport=settings.transport),
            on_status=self._on_status,
        )

    def go(self) -> None:
        """All is there that its states and frames need."""
        self._ready.set()

    def prepare(self, frame: Frame, info: StreamInfo) -> None:
        """To be called before a frame is taken. Raises `SdmaeError` where the camera's picture does not fit."""
        if self.stream is None:
            self._settle(info)
        if frame.stretch != self._stretch or self._spacing is None:
            self._stretch = frame.stretch
            self._spacing = Spacing.of(self.detector.config.input, info.rate)
            self._size = info.size

    def receive(self, frame: Frame) -> None:
        """Counts the next frame, and those that were dropped before it, which are shed."""
        missing = frame.index - self._next
        self._next = frame.index + 1
        self._desk.accounts.receive(self.name, missing + 1)
        self._desk.accounts.settle(self.name, shed=missing)
        wall = frame.wall or time.time()
        self._wall.note(frame.time, wall)
        self._desk.metrics.frame(self.name, wall)

    def leave_out(self) -> None:
        """Counts a frame that came and cannot be scored."""
        self._desk.accounts.settle(self.name, unscored=1)

    def add(self, frame: Frame, in_hand: int) -> None:
        """Has it wait to be scored. in_hand: frames that may be on their way through the network."""
        assert self._spacing is not None
        self.waiting.add(frame, self._spacing)
        self._seen.append(Seen(frame.index, frame.wall or time.time(), frame.images[-1]))
        while len(self._seen) > self.waiting.waiting + in_hand:
            self._seen.popleft()

    def seen(self, indices: Sequence[int]) -> list[Seen]:
        """What is known of frames that were just taken, in their order."""
        found = []
        for index in indices:
            while self._seen[0].index < index:
                self._seen.popleft()
            found.append(self._seen.popleft())
        return found

    def score(self, images: Sequence[FrameMap], seen: Sequence[Seen]) -> None:
        """Takes the maps of the next frames."""
        assert self._causal is not None
        self._desk.accounts.settle(self.name, scored=len(images))
        for image, frame in zip(images, seen, strict=True):
            self._take(self._causal.push(image), frame)

    def lost(self) -> None:
        """Its scores end here."""
        self.finish("lost")
        self.broken_off = False

    def finish(self, by: Ending) -> None:
        """Closes an open event, and hands over the minute so far."""
        if self._alarm:
            self._alarm.close(by)
        if self._minutes and (minute := self._minutes.flush(self._desk.accounts.of(self.name))):
            self._desk.keep_minute(minute)
        self.tell()

    @property
    def hours(self) -> Schedule | None:
        """When its alarms count, local time; None: always."""
        return parse_schedule(self.settings.schedule or self.detector.config.events.schedule)

    def never_fetched(self) -> None:
        """Counts the frames that nobody will fetch any more, once the camera is closed, as unscored."""
        left = self.camera.counts.received - self._next
        self._next += left
        self._desk.accounts.receive(self.name, left)
        self._desk.accounts.give_up(self.name)

    def view(self) -> CameraView:
        """How it is now."""
        said = self.state.said
        shown = said.state in ("watching", "warming up")
        ticket = self._alarm.ticket if self._alarm else None
        info = self.camera.info
        last = self._strip[-1] if self._strip else None
        levels = self.levels.levels if self.levels else None
        return CameraView(
            name=self.name,
            source=self.camera.name,
            detector=self.fingerprint,
            state=said.state,
            why=said.why,
            since=said.since,
            size=None if info is None else (info.size.height, info.size.width),
            rate=self.detector.rate,
            counts=self._desk.accounts.of(self.name),
            reconnects=max(self.camera.counts.connections - 1, 0),
            score=last[1] if last and shown else None,
            time=last[0] if last else None,
            threshold=levels.opens if levels else None,
            event=ticket.number if ticket else None,
            warm_up=self.levels.warm_up if self.levels else None,
        )

    def strip(self, seconds: float) -> Strip:
        """The newest scores."""
        now = time.time()
        with self._strip_lock:
            newest = [point for point in self._strip if point[0] > now - seconds]
        levels = self.levels.levels if self.levels else None
        times, scores = zip(*newest, strict=True) if newest else ((), ())
        return Strip(times, scores, levels.opens if levels else None, now)

    def tell(self) -> None:
        """Has everybody told if its state has changed."""
        warm_up = self.levels.warm_up if self.levels else None
        if self.state.changed(self.camera.status, warm_up, scored=bool(self.shot)):
            self._desk.changed(self.name)

    def give_up(self, error: SdmaeError) -> None:
        """It can never work as it is set up."""
        _log.error("camera %s: %s", self.name, error)
        self.state.broken = str(error)
        self.tell()

    def _settle(self, info: StreamInfo) -> None:
        """What can only be known once the camera's picture has been seen."""
        detector = self._base
        if min(info.size) < detector.config.model.patch:
            raise SourceError(
                f"the camera's picture of {shape(info.size)} pixels is smaller than the detector's patch of "
                f"{detector.config.model.patch}: use a larger picture"
            )
        if self.settings.ignore:
            zones = tuple(parse_zone(zone, info.size, "ignore") for zone in self.settings.ignore)
            config = detector.config
            detector = detector.with_settings(replace(config, input=replace(config.input, ignore=zones)))
            self.levels = CameraLevels(self.settings, detector, self._desk.levels_path(self.name))
        assert self.levels is not None
        self.detector, self.fingerprint = detector, detector.fingerprint()
        self._desk.register(self.name, self.camera.name, self.fingerprint)
        self._alarm = Alarm(
            self.settings,
            self.camera,
            self.levels,
            self._desk.recorder,
            merge=detector.config.events.merge,
            hours=self.hours,
            detector=self.fingerprint,
        )
        self._minutes = MinuteMaker(self.name, self.fingerprint)
        self._causal = CausalScores(detector.config.score, detector.rate)
        self.stream = MapStream(detector.config, detector.size)

    def _take(self, score: FrameScore, seen: Seen) -> None:
        assert self._alarm is not None
        assert self._minutes is not None
        assert self.levels is not None
        assert self._size is not None
        assert score.map is not None
        now = time.time()
        self._desk.metrics.score(self.name, score.score, now - seen.wall)
        moment = score.time + self._wall.ahead
        with self._strip_lock:
            self._strip.append((moment, score.score))
        box = score.region.box if score.region else None
        first = self.shot is None
        self.shot = Shot(moment, seen.image, score.map, box, self._size, self.levels.median, self.levels.levels)
        if minute := self._minutes.push(moment, score.score, self._desk.accounts.of(self.name)):
            self._desk.keep_minute(minute)
        if self.levels.learn_from(score):
            self._desk.recorder.do(self._learn)
        if self._alarm.push(score, self.shot, self._wall.ahead):
            self._desk.metrics.event(self.name)
        self._desk.scored(self.name, moment, score.score, now - seen.wall)
        if first:
            self.tell()

    def _learn(self) -> None:
        assert self.levels is not None
        self.levels.learn()
        self.tell()

    def _on_status(self, status: Status) -> None:
        self._ready.wait()
        if status.state == "streaming":
            if self.camera.counts.connections > 1:
                self._desk.metrics.reconnect(self.name)
            _log.info("camera %s: frames come", self.name)
        elif status.state == "lost":
            self.shot = None
            why = f"{'its decoder crashes again and again; ' if status.degraded else ''}{status.why}"
            # Once for each reason, not at each attempt.
            if why != self.state.said.why:
                _log.warning("camera %s: lost, %s", self.name, why)
        self.tell()


def _sizes(network: Size, grey: bool) -> tuple[Size, ...]:
    """Of the pictures of each frame: the network's, and one to be looked at where that is small, or grey."""
    if network.width >= 0.8 * WIDTH and not grey:
        return (network,)
    return network, Size(max(2, round(network.height * WIDTH / network.width)), WIDTH)
