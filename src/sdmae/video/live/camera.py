"""A camera: from one string to frames without end, whatever becomes of the camera in between."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from sdmae.config import SourceConfig, check_source
from sdmae.errors import SourceError
from sdmae.video.frame import Frame, Size
from sdmae.video.live.address import Address, parse_address
from sdmae.video.live.backoff import Backoff
from sdmae.video.live.clip import write_clip
from sdmae.video.live.decoder import Decoder
from sdmae.video.live.order import Order
from sdmae.video.live.ring import CodedPicture, PacketRing
from sdmae.video.live.status import Counts, Status, StreamInfo
from sdmae.video.live.wire import Closed
from sdmae.video.say import without_secrets

CRASHES = 5
"""Crashes of a decoder within a minute after which its camera is degraded."""
_MINUTE = 60.0
_WELL = 10.0
"""Seconds of streaming after which a loss is a new one, and the waits begin anew."""
_SLACK = 5.0
"""Seconds beyond its own timeouts after which a decoder that says nothing hangs."""


@dataclass(frozen=True, slots=True)
class _End:
    """How a connection ended."""

    why: str
    barred: bool = False
    at_once: bool = False
    crashed: bool = False
    over: bool = False


class Camera:
    """A live source, decoded in a process of its own and opened again whenever it is lost.

        with Camera("rtsp://user:password@10.0.0.7/main", (Size(192, 320),), rate=10) as camera:
            for frame in camera:
                frame.time, frame.wall, frame.stretch, frame.image

    Frame times are seconds since the first frame, on one axis over all connections: within a connection by the
    camera's stamps, between two by what passed here. Where anything is missing `Frame.stretch` grows, so that nothing
    is a neighbour across it. Frames that nobody fetches are dropped all at once when too many wait, and counted; a
    file (`realtime:`, `loop:`) waits instead. One camera never waits for another. Safe to be used by several threads.
    """

    def __init__(
        self,
        source: str,
        sizes: Sequence[Size | None] = (None,),
        *,
        grey: bool | Sequence[bool] = False,
        rate: float | None = None,
        config: SourceConfig | None = None,
        on_status: Callable[[Status], object] | None = None,
    ) -> None:
        """Begins to connect, and returns at once.

        sizes, grey, rate: as of `read_frames`; None as a size is the camera's own, which may change when it is opened
        again, and grey may be said of each size. on_status: told of every change, on the camera's own thread. Raises
        `SourceError` for a source that can never be one, `ConfigError` for a setting out of its range; that a camera
        cannot be reached is no error, but a `Status`.
        """
        self._source = source
        self._address: Address = parse_address(source)
        self._config = config or SourceConfig()
        check_source(self._config)
        self._order = Order(
            self._address.kind,
            self._address.url,
            self._address.options(self._config),
            tuple(sizes),
            (grey,) * len(sizes) if isinstance(grey, bool) else tuple(grey),
            rate,
            self._config.max_pixels,
            self._config.open_timeout,
            self._config.read_timeout,
            packets=self._config.keep_seconds > 0,
        )
        self._on_status = on_status
        limit = round(self._config.keep_megabytes * 1e6)
        self.ring = PacketRing(self._config.keep_seconds, limit) if self._config.keep_seconds > 0 else None
        """Its newest coded video; None where none is kept."""
        self._changed = threading.Condition()
        self._waiting: deque[Frame] = deque()
        self._status = Status("connecting", wall=time.time())
        self._counts = Counts()
        self._info: StreamInfo | None = None
        self._stop = threading.Event()
        self._decoder: Decoder | None = None
        self._stretch = -1
        self._place: tuple[int, int] | None = None  # connection and part of the last frame
        self._connection = 0
        self._base = 0.0  # camera's time at which the connection began
        self._last: tuple[float, float] | None = None  # camera's time of the last frame, and when it came here
        self._thread = threading.Thread(target=self._run, name=f"camera {self.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Its source for people: without user and password."""
        return self._address.shown

    @property
    def status(self) -> Status:
        """How it is now."""
        return self._status

    @property
    def counts(self) -> Counts:
        """What it has done so far."""
        with self._changed:
            return self._counts

    @property
    def info(self) -> StreamInfo | None:
        """What its last connection says of its video; None before the first."""
        return self._info

    @property
    def decoder_pid(self) -> int | None:
        """Number of the process that decodes it; None while there is none."""
        decoder = self._decoder
        return decoder.pid if decoder else None

    def __iter__(self) -> Iterator[Frame]:
        """Its frames until it is closed, or a file has ended."""
        while True:
            frame = self.get()
            if frame is not None:
                yield frame
            elif self._status.state == "ended":
                return

    def get(self, timeout: float | None = None) -> Frame | None:
        """The next frame; None where none has come after `timeout` seconds, or none will ever come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._status.state == "ended", timeout)
            if not self._waiting:
                return None
            frame = self._waiting.popleft()
            self._changed.notify_all()
            return frame

    def wait_for_stream(self) -> StreamInfo:
        """Waits until it streams for the first time. Raises `SourceError` when that fails, or it is closed before."""
        with self._changed:
            self._changed.wait_for(lambda: self._counts.connections or self._status.state in ("lost", "ended"))
            info = self._info
            if not self._counts.connections or info is None:
                raise SourceError(f"{self.name}: {self._status.why or 'closed'}; check the address and the camera")
            return info

    def write_clip(self, path: Path, start: float, end: float) -> tuple[float, float]:
        """Writes an .mp4 of the kept video from `start` to `end`, in the seconds of `Frame.time`; see `clip`."""
        if self.ring is None:
            raise SourceError(f"{self.name}: no video is kept; set keep_seconds")
        return write_clip(self.ring, path, start, end)

    def stop(self) -> None:
        """Begins to end it, and returns at once: whoever closes many stops all of them first."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Ends it, within some three seconds, whatever its camera does. Frames that wait can still be fetched."""
        self.stop()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Camera({self.name!r}, {self._status.state})"

    def _run(self) -> None:
        backoff = Backoff(self._config.first_retry, self._config.last_retry)
        crashes: deque[float] = deque(maxlen=CRASHES)
        why = "closed"
        try:
            while not self._stop.is_set():
                self._say(Status("connecting"))
                end, streamed = self._connect()
                if self._stop.is_set():
                    break
                if end.over:
                    why = end.why
                    break
                if streamed > _WELL:
                    backoff.reset()
                if end.crashed:
                    crashes.append(time.monotonic())
                degraded = len(crashes) == CRASHES and crashes[-1] - crashes[0] < _MINUTE and end.crashed
                if degraded or end.barred:
                    backoff.longest()
                wait = 0.0 if end.at_once and streamed > 0 else backoff.wait()
                self._say(Status("lost", end.why, wait, degraded))
                self._stop.wait(wait)
        finally:
            if self._decoder:
                self._decoder.end()
                self._decoder = None
            self._say(Status("ended", why))

    def _connect(self) -> tuple[_End, float]:
        """One connection from its beginning to its end, and how many seconds it sent frames."""
        self._connection += 1
        began: float | None = None
        try:
            decoder = self._decoder = self._decoder or Decoder()
        except OSError as error:
            return _End(f"its decoder cannot be started ({error.strerror})"), 0.0
        decoder.play(self._order)
        try:
            # FFmpeg may take the timeout once to connect and once more until it knows what comes.
            quiet = 2 * self._config.open_timeout + _SLACK
            while True:
                kind, about, data = self._receive(decoder, quiet)
                if kind == "opened":
                    self._opened(about)
                    quiet = self._config.read_timeout + _SLACK
                elif kind == "packet":
                    self._packet(about, data)
                elif kind == "frame":
                    if began is None:
                        began = time.monotonic()
                        self._began()
                    self._frame(about, data)
                elif kind == "lost":
                    end = self._lost(about)
                    break
                else:
                    over = self._address.waits and not self._address.loop
                    end = _End("it has been played" if over else "it ended", at_once=self._address.loop, over=over)
                    break
        except _Stopped:
            end = _End("closed")
        except TimeoutError:
            decoder.end(at_once=True)
            end = _End("its decoder hung", crashed=True)
        except (Closed, KeyError, TypeError, ValueError):
            end = _End(decoder.fate(), crashed=True)
            decoder.end(at_once=True)
        if end.crashed:
            self._decoder = None
            with self._changed:
                self._counts = replace(self._counts, crashes=self._counts.crashes + 1)
        return end, 0.0 if began is None else time.monotonic() - began

    def _receive(self, decoder: Decoder, quiet: float) -> tuple[str, dict[str, Any], bytearray]:
        """The next message; wakes up often enough to be closed in time."""
        until = time.monotonic() + quiet
        while True:
            if self._stop.is_set():
                raise _Stopped
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if decoder.ready(min(left, 0.25)):
                return decoder.receive(_SLACK)

    def _opened(self, about: dict[str, Any]) -> None:
        info = StreamInfo(Size(int(about["height"]), int(about["width"])), float(about["rate"]), str(about["codec"]))
        now = time.monotonic()
        self._base = 0.0 if self._last is None else self._last[0] + max(now - self._last[1], 1 / info.rate)
        with self._changed:
            self._info = info
        if self.ring:
            self.ring.begin(info)

    def _began(self) -> None:
        with self._changed:
            self._counts = replace(self._counts, connections=self._counts.connections + 1)
        self._say(Status("streaming"))

    def _packet(self, about: dict[str, Any], data: bytearray) -> None:
        if self.ring:
            lag = about["lag"]
            self.ring.add(
                CodedPicture(
                    self._base + float(about["time"]),
                    None if lag is None else float(lag),
                    bool(about["key"]),
                    bytes(data),
                )
            )

    def _frame(self, about: dict[str, Any], data: bytearray) -> None:
        images, begin = [], 0
        for shape in about["shapes"]:
            count = math.prod(shape)
            images.append(np.frombuffer(data, np.uint8, count, begin).reshape(shape))
            begin += count
        place = (self._connection, int(about["part"]))
        with self._changed:
            if self._address.waits:
                self._changed.wait_for(
                    lambda: len(self._waiting) < self._config.waiting_frames or self._stop.is_set()
                )
            elif len(self._waiting) >= self._config.waiting_frames:
                self._counts = replace(self._counts, dropped=self._counts.dropped + len(self._waiting))
                self._waiting.clear()
                self._place = None
            if place != self._place:
                self._stretch, self._place = self._stretch + 1, place
            frame = Frame(
                self._counts.received,
                self._base + float(about["time"]),
                tuple(images),
                self._stretch,
                float(about["wall"]),
            )
            self._last = frame.time, time.monotonic()
            self._counts = replace(self._counts, received=self._counts.received + 1)
            self._waiting.append(frame)
            self._changed.notify_all()

    def _lost(self, about: dict[str, Any]) -> _End:
        why = without_secrets(str(about["why"]), self._source)
        return _End(why, barred=bool(about["barred"]), at_once=bool(about["at_once"]))

    def _say(self, status: Status) -> None:
        status = replace(status, wall=time.time())
        with self._changed:
            self._status = status
            self._changed.notify_all()
        if self._on_status:
            try:
                self._on_status(status)
            except Exception:
                # A listener's mistake is not the camera's.
                logging.getLogger("sdmae").exception("%s: whoever listens to its status failed", self.name)


class _Stopped(Exception):  # noqa: N818 - asked for
    """The camera is to be closed."""
