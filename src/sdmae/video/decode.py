"""Decoding: a clip to frames with their times, each frame decoded once and scaled to every size asked for.

Memory does not grow with the length of a clip. What a damaged file still holds is used, and what is lost is said.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from sdmae.errors import SourceError
from sdmae.video.container import DECODER_ERRORS, VideoInfo, describe, open_video
from sdmae.video.frame import Clip, Frame, Image, Size
from sdmae.video.pictures import picture_frames
from sdmae.video.say import named, reason, shape
from sdmae.video.scale import Scaler
from sdmae.video.times import FrameClock, thinned

_TOLERATED_SHARE = 0.01
_TOLERATED_FRAMES = 2
"""Containers miscount a little; only what is missing beyond both of these counts as lost."""
_MISSING = 1.75
"""A step between packets that is so many times the usual one says that at least one is missing."""
_REORDERED = 16
"""The most frames that may be shown before one that they were predicted from, in any of the usual codecs."""


def read_frames(
    clip: Clip,
    sizes: Sequence[Size | None] = (None,),
    *,
    grey: bool = False,
    rate: float | None = None,
    only: Container[int] | None = None,
    report: Callable[[str], None] | None = None,
    max_pixels: int = 64_000_000,
) -> Iterator[Frame]:
    """Frames of the clip in the order they are shown, decoded once and scaled to each of `sizes`.

    sizes: of the pictures of every `Frame`; None is the clip's own size. Shrinking averages over areas.
    grey: pictures (H, W, 1) instead of (H, W, 3) RGB; both are uint8, contiguous and the caller's own.
    rate: frames a second at most, chosen by time (see `times.thinned`); None gives all. Those left out still count in
    `Frame.index`.
    only: positions of the frames that are given, of those; the others are decoded but not scaled. None: all.
    report: gets one line for each loss in a damaged file; left out, the line is a warning of the logger "sdmae".
    max_pixels: frames with more are refused.

    Raises `SourceError`, at the first frame that is asked for or later: when not one frame decodes; when a picture
    of a folder does not decode or has another size; when a video's size changes and its own was asked for.
    """
    if any(size is not None and min(size) < 1 for size in sizes):
        raise ValueError(f"sizes must be positive: {sizes}")
    scalers = [Scaler(size, grey=grey) for size in sizes]
    if clip.frames:
        return _read_pictures(clip, scalers, rate, only, max_pixels)
    warn = report or logging.getLogger("sdmae").warning
    return _read_video(clip, scalers, rate, only, None in sizes, warn, max_pixels)


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A frame before it is scaled."""

    index: int
    time: float
    picture: av.VideoFrame


def _read_pictures(
    clip: Clip, scalers: Sequence[Scaler], rate: float | None, only: Container[int] | None, max_pixels: int
) -> Iterator[Frame]:
    pictures = (_Decoded(k, k / clip.rate, frame) for k, frame in enumerate(picture_frames(clip, max_pixels)))
    for one in thinned(pictures, rate, clip.rate):
        if only is None or one.index in only:
            yield Frame(one.index, one.time, tuple(scaler.scale(one.picture) for scaler in scalers))


class _Damaged(Exception):  # noqa: N818 - not an error but a change of plan
    """The first loss in a file that is decoded with several threads."""


@dataclass(slots=True)
class _Progress:
    """How far the decoding of one file has come, and what was lost on the way."""

    count: int = 0
    """Frames that decoded."""
    time: float = 0.0
    """Time of the last one, in seconds."""
    end: float = 0.0
    """Time at which it gives way to the next, in seconds."""
    lost: int = 0
    """Packets that did not decode and frames that decoded in part."""
    first_loss: str = ""
    """Where and why the first of them was lost."""
    tolerant: bool = True
    """Goes on after a loss."""

    def lose(self, why: str) -> None:
        if not self.tolerant:
            raise _Damaged
        self.lost += 1
        if not self.first_loss:
            where = f"after frame {self.count - 1} ({self.time:.2f} s)" if self.count else "before the first frame"
            self.first_loss = f"{where}, {why}"


def _read_video(
    clip: Clip,
    scalers: Sequence[Scaler],
    rate: float | None,
    only: Container[int] | None,
    native: bool,
    report: Callable[[str], None],
    max_pixels: int,
) -> Iterator[Frame]:
    # How damage is concealed depends on which thread comes first. So at the first damage the file is begun again with
    # one thread, and what has been given already is passed over.
    given = 0
    for threads in (True, False):
        with open_video(clip.path, max_pixels, threads=threads) as (container, stream):
            info = describe(container, stream)
            progress = _Progress(tolerant=not threads)
            frames = thinned(_timed(clip, container, stream, info, progress, native), rate, info.rate)
            try:
                for one in islice(frames, 0 if threads else given, None):
                    if only is None or one.index in only:
                        images = _scaled(one, scalers, progress)
                        if images is not None:
                            yield Frame(one.index, one.time, images)
                    given += 1
            except _Damaged:
                continue
            if threads and _is_short(info, progress):
                continue  # at the end of a file some threads lose frames without a word
            _settle(clip, info, progress, report)
            return


def _scaled(one: _Decoded, scalers: Sequence[Scaler], progress: _Progress) -> tuple[Image, ...] | None:
    try:
        return tuple(scaler.scale(one.picture) for scaler in scalers)
    except DECODER_ERRORS as error:
        progress.lose(reason(error))
        return None


def _timed(
    clip: Clip, container: InputContainer, stream: VideoStream, info: VideoInfo, progress: _Progress, native: bool
) -> Iterator[_Decoded]:
    clock = FrameClock(info.rate)
    first: Size | None = None
    for decoded in _decode(container, stream, progress, 1 / info.rate):
        size = Size(decoded.height, decoded.width)
        first = first or size
        if native and size != first:
            raise SourceError(
                f"{named(clip.path)}: the frame size changes from {shape(first)} to {shape(size)} at frame "
                f"{progress.count}; cut the video there, or convert it to one size"
            )
        # AVI knows no time at which a frame is shown; what FFmpeg makes up is wrong where frames were reordered.
        ticks = decoded.dts if container.format.name == "avi" else decoded.pts
        time = clock.tick(_seconds(decoded, ticks))
        lasts = _seconds(decoded, decoded.duration) or 0.0
        index, progress.count = progress.count, progress.count + 1
        progress.time, progress.end = time, time + max(lasts, 1 / info.rate)
        yield _Decoded(index, time, decoded)


def _decode(
    container: InputContainer, stream: VideoStream, progress: _Progress, interval: float
) -> Iterator[av.VideoFrame]:
    """Whole frames only: a packet that does not decode, or a frame with a part missing, is left out and counted.

    interval: seconds between two frames, on the average.
    """
    packets = container.demux(stream)
    gap = _Gap(interval)
    # Damage shows when the damaged frame's turn comes; until then, those that may have been predicted from it wait.
    reordered = _REORDERED if stream.codec_context.has_b_frames and not progress.tolerant else 0
    waiting: deque[av.VideoFrame] = deque()
    while True:
        try:
            packet = next(packets, None)
        except DECODER_ERRORS as error:
            progress.lose(reason(error))
            packet = None
        # Where packets are missing several threads do not always mark the frames that were to be predicted from them.
        if packet is not None and not progress.tolerant and gap.before(packet):
            raise _Damaged
        try:
            # None drains the decoder; FFmpeg's own last packet already did unless reading broke off.
            frames = stream.codec_context.decode(packet)
        except EOFError:
            frames = []
        except DECODER_ERRORS as error:
            progress.lose(reason(error))
            frames = []
        for frame in frames:
            if frame.is_corrupt:
                progress.lose("a frame with a part missing")
            else:
                waiting.append(frame)
                if len(waiting) > reordered:
                    yield waiting.popleft()
        if packet is None:
            yield from waiting
            return


@dataclass(slots=True)
class _Gap:
    """Whether packets are missing, by their decoding times."""

    interval: float
    """Seconds between two frames, on the average."""
    last: float | None = None
    """Time of the packet before, in seconds."""
    step: float = 0.0
    """From the one before it."""

    def before(self, packet: av.Packet[VideoStream]) -> bool:
        """Whether it comes later than the next packet should, by the average and by the step before."""
        now = _seconds(packet, packet.dts)
        if now is None:
            return False
        step, usual = (0.0 if self.last is None else now - self.last), max(self.interval, self.step)
        self.last, self.step = now, step
        return step > _MISSING * usual


def _seconds(thing: av.VideoFrame | av.Packet[VideoStream], ticks: int | None) -> float | None:
    base = thing.time_base
    # To the same bit as through a fraction, which would be made anew for each frame, several times.
    return None if ticks is None or base is None else ticks * base.numerator / base.denominator


def _settle(clip: Clip, info: VideoInfo, progress: _Progress, report: Callable[[str], None]) -> None:
    """Say what the file should have held and did not, once it has been read."""
    if progress.count == 0:
        why = progress.first_loss.removeprefix("before the first frame, ") or "it holds none"
        raise SourceError(f"{named(clip.path)}: not one frame decodes ({why}); check that it plays, or copy it anew")
    last = f"frame {progress.count - 1} ({progress.time:.2f} s)"
    if _is_short(info, progress):
        expected = info.declared_frames or round((info.declared_seconds or 0.0) * info.rate)
        report(
            f"{named(clip.path)}: stops decoding after {last} of about {expected}: the file is damaged; "
            f"used up to there"
        )
    elif progress.lost:
        places = (
            "1 damaged place left out" if progress.lost == 1 else f"{progress.lost} damaged places left out, first"
        )
        report(f"{named(clip.path)}: {places} {progress.first_loss}; used up to {last}")


def _is_short(info: VideoInfo, progress: _Progress) -> bool:
    """Whether the file ends far before it says it does, by frames and by time where it declares both.

    One alone misleads: edit lists and repeated frames change the count, and sound or a long last frame the length.
    """
    signs = []
    if info.declared_frames is not None:
        missing = info.declared_frames - progress.count
        signs.append(missing > max(_TOLERATED_FRAMES, _TOLERATED_SHARE * info.declared_frames))
    if info.declared_seconds is not None:
        gap = info.declared_seconds - progress.end
        signs.append(gap > max(_TOLERATED_FRAMES / info.rate, _TOLERATED_SHARE * info.declared_seconds))
    return bool(signs) and all(signs)
