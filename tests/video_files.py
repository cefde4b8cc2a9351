"""Small real video files and folders of frames for the tests, every frame recognisable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from sdmae.video import Image, Size

SIZE = Size(72, 100)


def picture(index: int, size: Size = SIZE) -> Image:
    """A smooth picture with a bright block that moves with `index`: (H, W, 3) uint8."""
    rows, columns = np.mgrid[: size.height, : size.width]
    image = np.stack([rows * 2, columns, np.full(size, 40 + index % 100)], -1).clip(0, 200).astype(np.uint8)
    left = (index * 3) % max(size.width - 12, 1)
    image[size.height // 3 : size.height // 3 + 12, left : left + 12] = 240
    return image


def with_a_blaze(index: int, size: Size = SIZE) -> Image:
    """The same, but from picture 40 to 59 a bright wall stands in it that no detector has seen in training."""
    image = picture(index, size)
    if 40 <= index < 60:
        image[10:40, 10:70] = 255
    return image


def make_video(
    path: Path,
    frames: int = 30,
    *,
    size: Size = SIZE,
    rate: Fraction | int = 25,
    codec: str = "libx264",
    stamps: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    draw: Callable[[int, Size], Image] = picture,
) -> Path:
    """Encode `frames` pictures; `stamps`: their times in milliseconds, for a variable frame rate."""
    formats = {".mkv": "matroska", ".ts": "mpegts"}
    with av.open(path, "w", format=formats.get(path.suffix), options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.options = codec_options or ({"g": "10"} if codec == "libx264" else {})
        if stamps is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(draw(index, size), "rgb24")
            if stamps is not None:
                frame.pts, frame.time_base = stamps[index], Fraction(1, 1000)
            else:
                frame.pts, frame.time_base = index, 1 / Fraction(rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_frames(folder: Path, names: Sequence[str], *, size: Size = SIZE) -> Path:
    """Write one picture for each name, in the format of its extension."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        done, data = cv2.imencode(Path(name).suffix.lower(), cv2.cvtColor(picture(index, size), cv2.COLOR_RGB2BGR))
        assert done
        (folder / name).write_bytes(data.tobytes())
    return folder


def cut(path: Path, share: float) -> Path:
    """Cut the file off, leaving this share of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
