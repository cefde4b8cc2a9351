"""MJPEG and MPEG-TS over HTTP, with the faults of both; nothing leads anywhere else."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.video.stream import VideoStream

from live_server import Handler, http_server, send_bytes, send_mjpeg
from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.video import Size
from sdmae.video.live import Camera, Status
from video_files import SIZE, make_frames, make_video, picture

QUICK = SourceConfig(open_timeout=3, read_timeout=2, first_retry=0.1, last_retry=0.2)


def wrapping(path: Path, frames: int = 60, rate: int = 10, at: int = 30) -> Path:
    """MPEG-TS whose stamps of 33 bits wrap at that frame."""
    with av.open(path, "w", format="mpegts", options={"mpegts_copyts": "1"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        stream.codec_context.options = {"g": "10", "bf": "0"}
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90_000)
        for k in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(k), "rgb24")
            frame.pts, frame.time_base = 2**33 + (k - at) * 90_000 // rate, Fraction(1, 90_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    # FFmpeg repairs a wrap near the beginning; that it is in the file shows in the bytes.
    stamps = [_stamp(data[k : k + 188]) for k in range(0, len(data), 188)]
    assert max(filter(None, stamps)) > 2**33 - 2**20
    assert min(filter(None, stamps)) < 2**20
    return path


def _stamp(packet: bytes) -> int | None:
    """The pts in a packet of MPEG-TS that begins a picture; None where it begins none."""
    at = packet.find(b"\x00\x00\x01\xe0")
    if at < 0 or not packet[at + 7] & 0x80:
        return None
    a, b, c, d, e = packet[at + 9 : at + 14]
    return (a >> 1 & 7) << 30 | b << 22 | (c >> 1) << 15 | d << 7 | e >> 1


def test_mjpeg_goes_by_the_arrival_of_its_pictures(tmp_path: Path) -> None:
    folder = make_frames(tmp_path / "frames", [f"{k}.jpg" for k in range(20)])
    pictures = [(folder / f"{k}.jpg").read_bytes() for k in range(20)]
    with http_server(lambda asked: send_mjpeg(asked, pictures, 10)) as url, Camera(url, config=QUICK) as one:
        frames = [frame for frame, _ in zip(one, range(20), strict=False)]
    assert frames[0].image.shape == (*SIZE, 3)
    # FFmpeg says 25 a second of all MJPEG.
    assert frames[-1].time - frames[5].time == pytest.approx(1.4, abs=0.5)
    assert frames[-1].stretch == 0


def test_stamps_that_wrap_go_on_and_an_end_is_a_loss(tmp_path: Path) -> None:
    data = wrapping(tmp_path / "cam.ts").read_bytes()
    seen: list[Status] = []

    def answer(asked: Handler) -> None:
        send_bytes(asked, data, "video/mp2t", 1.0)

    with http_server(answer) as url, Camera(url, config=QUICK, on_status=seen.append) as one:
        frames = [frame for frame, _ in zip(one, range(90), strict=False)]
    first = [frame.time for frame in frames if frame.stretch == 0]
    assert len(first) == 60
    assert all(b - a == pytest.approx(0.1, abs=0.002) for a, b in pairwise(first))
    assert {frame.stretch for frame in frames} == {0, 1}
    assert all(a.time < b.time for a, b in pairwise(frames))
    assert next(status.why for status in seen if status.state == "lost") == "the connection broke off"


def test_another_size_and_codec_after_the_loss_change_only_what_they_must(tmp_path: Path) -> None:
    videos = [
        make_video(tmp_path / "a.ts", 20, rate=10),
        make_video(tmp_path / "b.ts", 20, rate=10, size=Size(96, 128), codec="mpeg2video"),
    ]
    asked_so_far = []

    def answer(asked: Handler) -> None:
        asked_so_far.append(asked.path)
        send_bytes(asked, videos[min(len(asked_so_far), 2) - 1].read_bytes(), "video/mp2t", 0.5)

    with http_server(answer) as url, Camera(f"{url}/x", (Size(36, 50), None), config=QUICK) as one:
        frames = [frame for frame, _ in zip(one, range(35), strict=False)]
        assert one.info is not None
        assert (one.info.codec, one.info.size) == ("mpeg2video", Size(96, 128))
    assert {frame.images[0].shape for frame in frames} == {(36, 50, 3)}
    shapes = {frame.stretch: frame.images[1].shape for frame in frames}
    assert shapes[0] == (*SIZE, 3)
    assert shapes[1] == (96, 128, 3)


def test_a_size_that_changes_within_a_connection_is_opened_again_at_once(tmp_path: Path) -> None:
    small, large = make_frames(tmp_path / "s", ["0.jpg"]), make_frames(tmp_path / "l", ["0.jpg"], size=Size(96, 128))
    asked_so_far = []

    def answer(asked: Handler) -> None:
        asked_so_far.append(asked.path)
        folders = [small] * 10 + [large] * 10 if len(asked_so_far) == 1 else [large] * 40
        send_mjpeg(asked, [(folder / "0.jpg").read_bytes() for folder in folders], 20)

    seen: list[Status] = []
    with http_server(answer) as url, Camera(url, config=SourceConfig(first_retry=30), on_status=seen.append) as one:
        frames = [frame for frame, _ in zip(one, range(30), strict=False)]
    assert {(frame.stretch, frame.image.shape[0]) for frame in frames} == {(0, 72), (1, 96)}
    lost = [status for status in seen if status.state == "lost"]
    assert lost[0].why == "its frame size changed from 100×72 to 128×96"
    assert lost[0].retry_in == 0


def fails(code: int) -> Callable[[Handler], None]:
    return lambda asked: asked.send_error(code)


def redirects(asked: Handler) -> None:
    if asked.path == "/cam":
        asked.send_response(302)
        asked.send_header("Location", f"http://127.0.0.1:{asked.server.server_address[1]}/inner")  # type: ignore[index]
        asked.end_headers()
    else:
        raise AssertionError("it followed")


def playlist(asked: Handler) -> None:
    text = b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
    send_bytes(asked, text, "application/vnd.apple.mpegurl")


def silent(asked: Handler) -> None:
    time.sleep(3)


def stalls(asked: Handler) -> None:
    asked.send_response(200)
    asked.send_header("Content-Type", "video/mp2t")
    asked.end_headers()
    time.sleep(3)


def resets(asked: Handler) -> None:
    asked.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
    asked.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    asked.connection.close()


@pytest.mark.parametrize(
    ("answer", "words", "long"),
    [
        (fails(401), "it refuses the user or the password", True),
        (fails(403), "it refuses the user or the password", True),
        (fails(404), "404 Not Found", False),
        (fails(503), "5XX Server Error", False),
        (redirects, "", False),
        (playlist, "it sends neither MJPEG nor MPEG-TS", True),
        (lambda asked: send_bytes(asked, b"<html>" * 2000, "text/html"), "the connection broke off", False),
        (lambda asked: None, "", False),
        (silent, "no answer within 1 s", False),
        (stalls, "no answer within 1 s", False),
        (resets, "", False),
    ],
    ids=["401", "403", "404", "503", "redirect", "playlist", "page", "nothing", "silent", "stalls", "reset"],
)
def test_faults_are_told_in_a_few_words_without_the_password(
    answer: Callable[[Handler], None], words: str, long: bool
) -> None:
    config = SourceConfig(open_timeout=1, read_timeout=1)
    with http_server(answer) as url:
        source = url.replace("//", "//viewer:geheim@") + "/cam?token=abcdef"
        with Camera(source, config=config) as one:
            with pytest.raises(SourceError) as error:
                one.wait_for_stream()
            status: Any = one.status
            seen = [str(error.value), repr(one), repr(status), one.name]
    assert status.state == "lost"
    assert words in status.why
    assert (status.retry_in > 5) == long
    for text in seen:
        assert "geheim" not in text
        assert "viewer" not in text
        assert "abcdef" not in text
        assert "\n" not in text


def test_a_size_that_is_too_large_is_refused(tmp_path: Path) -> None:
    data = make_video(tmp_path / "cam.ts", 20, size=Size(96, 128)).read_bytes()
    with (
        http_server(lambda asked: send_bytes(asked, data, "video/mp2t")) as url,
        Camera(url, config=SourceConfig(max_pixels=10_000)) as one,
        pytest.raises(SourceError, match="its frames of 128×96 are more than 10000 pixels"),
    ):
        one.wait_for_stream()
