"""One connection to a live source, from opening it to its end: packets, and frames with the camera's time."""

from __future__ import annotations

import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from sdmae.errors import SourceError
from sdmae.video.container import DECODER_ERRORS, describe, open_video, video_stream
from sdmae.video.frame import Size
from sdmae.video.live.clock import LiveClock
from sdmae.video.live.order import Order
from sdmae.video.live.wire import Kind
from sdmae.video.say import reason, shape
from sdmae.video.scale import Scaler
from sdmae.video.times import thinned

Tell = Callable[[Kind, dict[str, Any], Sequence[bytes | memoryview]], None]

_UNDECODED = 3
"""Read timeouts without a frame, though packets come, after which a camera is lost: cameras may send a whole picture
only every twenty seconds."""
_ASIDE = 500
"""Packets whose arrival is remembered until their frame comes."""
_NEARLY = 0.95
"""Share of a timeout after which whatever went wrong is the timeout's doing."""
_MADE_UP = frozenset({"mpjpeg", "mjpeg"})
"""Formats without time stamps, for which FFmpeg invents some."""


class Lost(Exception):  # noqa: N818 - what becomes of every camera now and then
    """The source has gone, or never came. The message says why, in a few words."""

    def __init__(self, why: str, *, barred: bool = False, at_once: bool = False) -> None:
        """`barred`: trying again soon does harm; `at_once`: it is there, and need not be waited for."""
        super().__init__(why)
        self.barred = barred
        self.at_once = at_once


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded frame before it is scaled."""

    time: float
    part: int
    wall: float
    picture: av.VideoFrame


def play(order: Order, tell: Tell, stop: threading.Event) -> None:
    """Opens the source and tells of all it sends until it ends, or `stop` is set. Raises `Lost`.

    `tell` gets "opened" with what the stream says of itself, for every coded picture "packet" with its bytes, and for
    every frame "frame" with its pictures. Both have `time`, in seconds since the connection's first frame.
    """
    scalers = [Scaler(size, grey=grey) for size, grey in zip(order.sizes, order.grey, strict=True)]
    with _opened(order) as (container, stream):
        info = describe(container, stream)
        reader = _Reader(order, container, stream, info.rate, tell, stop)
        for one in thinned(reader.pictures(), order.rate, info.rate):
            try:
                images = [scaler.scale(one.picture) for scaler in scalers]
            except DECODER_ERRORS:
                continue
            about = {
                "time": one.time,
                "part": one.part,
                "wall": one.wall,
                "shapes": [image.shape for image in images],
            }
            tell("frame", about, [image.reshape(-1).data for image in images])


class _Reader:
    """Reads one opened container, and keeps what must be known from one packet to the next."""

    def __init__(
        self,
        order: Order,
        container: InputContainer,
        stream: VideoStream,
        rate: float,
        tell: Tell,
        stop: threading.Event,
    ) -> None:
        self._order = order
        self._container = container
        self._stream = stream
        self._rate = rate
        self._tell = tell
        self._stop = stop
        self._clock = LiveClock(rate, stamped=container.format.name not in _MADE_UP)
        self._pace = _Pace(stop, order.read_timeout / 2) if order.kind == "file" else None
        self._arrivals: dict[int, tuple[float, float]] = {}
        self._filter = _annexb(stream)
        self._size = Size(stream.codec_context.height, stream.codec_context.width)

    def pictures(self) -> Iterator[_Picture]:
        """Its frames, in the order they are shown; each packet is told of before."""
        if min(self._size) > 0:
            self._open()
        first: Size | None = None
        shown = time.monotonic()
        for packet in self._packets():
            if self._pace:
                self._pace.wait(packet)
            now, wall = time.monotonic(), time.time()
            if packet.pts is not None:
                self._arrivals[packet.pts] = now, wall
                if len(self._arrivals) > _ASIDE:
                    del self._arrivals[next(iter(self._arrivals))]
            if self._order.packets and packet.size and min(self._size) > 0:
                self._pass_on(packet, now, wall)
            try:
                frames = self._stream.codec_context.decode(packet)  # the empty one at the end drains the decoder
            except DECODER_ERRORS:
                frames = []
            for frame in frames:
                if frame.is_corrupt:
                    continue
                size = Size(frame.height, frame.width)
                if first is None and size != self._size:
                    self._size = size
                    self._open()
                first = first or size
                if size != first:
                    raise Lost(f"its frame size changed from {shape(first)} to {shape(size)}", at_once=True)
                shown = now
                yield self._timed(frame, now, wall)
            if not self._pace and now - shown > _UNDECODED * self._order.read_timeout:
                raise Lost(f"nothing that it sends has decoded for {now - shown:.0f} s")

    def _packets(self) -> Iterator[av.Packet[Stream]]:
        """The video's packets, the empty one at the end included. Raises `Lost` where none comes in time."""
        packets = self._container.demux()
        seen = time.monotonic()
        while not self._stop.is_set():
            asked = time.monotonic()
            try:
                packet = next(packets, None)
            except DECODER_ERRORS as error:
                raise Lost(_why(error, self._order.read_timeout, time.monotonic() - asked, "picture")) from None
            if packet is None:
                return
            # FFmpeg's parser holds a packet back; when its read is interrupted it gives that, and only then fails.
            if time.monotonic() - asked > _NEARLY * self._order.read_timeout:
                raise Lost(f"no picture within {self._order.read_timeout:g} s")
            if packet.stream_index == self._stream.index:
                yield packet
                seen = time.monotonic()  # whoever reads a file may have taken his time
            elif time.monotonic() - seen > self._order.read_timeout:  # its sound goes on
                raise Lost(f"no picture within {self._order.read_timeout:g} s")

    def _open(self) -> None:
        about = {
            "codec": self._stream.codec_context.name,
            "height": self._size.height,
            "width": self._size.width,
            "rate": self._rate,
        }
        self._tell("opened", about, ())

    def _pass_on(self, packet: av.Packet[Stream], now: float, wall: float) -> None:
        stamp = _seconds(packet, packet.pts)
        lag = None if packet.pts is None or packet.dts is None else _seconds(packet, packet.pts - packet.dts)
        about = {
            "time": self._clock.place(stamp, now),
            "lag": lag,
            "key": packet.is_keyframe,
            "wall": wall,
        }
        data = bytes(packet)
        if self._filter:
            try:
                data = b"".join(bytes(one) for one in self._filter.filter(_copy(packet, data)))
            except DECODER_ERRORS:
                return
        self._tell("packet", about, [data])

    def _timed(self, frame: av.VideoFrame, now: float, wall: float) -> _Picture:
        arrival = now, wall
        if frame.pts is not None:
            arrival = self._arrivals.pop(frame.pts, arrival)
        time_ = self._clock.tick(_seconds(frame, frame.pts), arrival[0])
        return _Picture(time_, self._clock.part, arrival[1], frame)


class _Pace:
    """Holds a file's packets back until their time has come."""

    def __init__(self, stop: threading.Event, longest: float) -> None:
        self._stop = stop
        self._longest = longest
        self._zero: float | None = None

    def wait(self, packet: av.Packet[Stream]) -> None:
        """Returns when the packet is due; never waits longer than `longest` seconds."""
        due = _seconds(packet, packet.dts)
        if due is None:
            return
        now = time.monotonic()
        if self._zero is None or abs(self._zero + due - now) > self._longest:
            self._zero = now - due
        self._stop.wait(max(self._zero + due - now, 0.0))


@contextmanager
def _opened(order: Order) -> Iterator[tuple[InputContainer, VideoStream]]:
    if order.kind == "file":
        try:
            with open_video(Path(order.url), order.max_pixels, threads=False) as opened:
                yield opened
        except SourceError as error:
            raise Lost(str(error), barred=True) from None
        return
    begun = time.monotonic()
    webcam = "avfoundation" if sys.platform == "darwin" else "v4l2"
    try:
        container = av.open(
            order.url,
            "r",
            format=webcam if order.kind == "webcam" else None,
            options=order.options,
            timeout=(order.open_timeout, order.read_timeout),
            metadata_errors="replace",
        )
    except DECODER_ERRORS as error:
        raise _not_opened(order, error, time.monotonic() - begun) from None
    try:
        try:
            stream = video_stream("it", container)
            pixels = stream.codec_context.height * stream.codec_context.width
        except SourceError:
            raise Lost("it sends no video, only sound or other data", barred=True) from None
        except DECODER_ERRORS as error:
            raise Lost(reason(error)) from None
        if pixels > order.max_pixels:
            size = Size(stream.codec_context.height, stream.codec_context.width)
            raise Lost(f"its frames of {shape(size)} are more than {order.max_pixels} pixels", barred=True)
        stream.codec_context.thread_count = 1
        stream.codec_context.options = {"max_pixels": str(order.max_pixels)}
        yield container, stream
    finally:
        container.close()


def _not_opened(order: Order, error: Exception, passed: float) -> Lost:
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        # Cameras lock out who tries too often.
        return Lost("it refuses the user or the password", barred=True)
    refused = isinstance(error, av.error.InvalidDataError) or getattr(error, "errno", 0) == errno.EINVAL
    if refused and order.kind == "http" and passed < _NEARLY * order.open_timeout:
        return Lost("it sends neither MJPEG nor MPEG-TS", barred=True)
    return Lost(_why(error, order.open_timeout, passed, "answer"))


def _why(error: BaseException, timeout: float, passed: float, missing: str) -> str:
    # What FFmpeg says when it was interrupted depends on where that met it.
    if passed > _NEARLY * timeout:
        return f"no {missing} within {timeout:g} s"
    return "the connection broke off" if getattr(error, "errno", 0) == errno.EIO else reason(error)


def _annexb(stream: VideoStream) -> BitStreamFilterContext | None:
    """What turns packets that need a header elsewhere into packets that carry it along; None where none do."""
    name = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}.get(stream.codec_context.name)
    header = stream.codec_context.extradata
    return BitStreamFilterContext(name, stream) if name and header and header[0] == 1 else None


def _copy(packet: av.Packet[Stream], data: bytes) -> av.Packet[Stream]:
    copy: av.Packet[Any] = av.Packet(data)
    copy.pts, copy.dts, copy.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
    copy.time_base = packet.time_base
    return copy


def _seconds(thing: av.VideoFrame | av.Packet[Stream], ticks: int | None) -> float | None:
    return None if ticks is None or thing.time_base is None else float(ticks * thing.time_base)
