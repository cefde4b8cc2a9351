"""Real servers for live sources, on loopback: RTSP by Debian's gst-rtsp-server, HTTP by Python's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest
from av.bitstream import BitStreamFilterContext
from av.video.stream import VideoStream

from sdmae.video import Image, find_clips, read_frames

PYTHON = "/usr/bin/python3"
"""The system's, which has GStreamer's bindings."""
SERVER = Path(__file__).parent / "rtsp" / "server.py"
NEEDS = "gir1.2-gst-rtsp-server-1.0 python3-gst-1.0 gstreamer1.0-plugins-good gstreamer1.0-plugins-bad"
_PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import Gst; Gst.init(None); "
_PROBE += "assert all(map(Gst.ElementFactory.find, ['rtph264pay', 'h264parse', 'rtph265pay', 'rtpjpegpay']))"


def why_no_rtsp() -> str | None:
    """What an RTSP server lacks here; None where it has all."""
    if not shutil.which(PYTHON):
        return f"no {PYTHON}: RTSP cannot be served"
    found = subprocess.run([PYTHON, "-c", _PROBE], capture_output=True, check=False)
    return None if found.returncode == 0 else f"no RTSP server: apt-get install {NEEDS}"


def encode(path: Path, pictures: Iterable[Image], rate: int, *, codec: str = "libx264", every: int = 10) -> Path:
    """An .mp4 of the pictures (H, W, 3), of even height and width, with a key picture `every` so many."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.options = {
            "libx264": {"g": str(every), "bf": "0", "preset": "veryfast", "crf": "20"},
            "libx265": {"x265-params": f"keyint={every}:min-keyint={every}:open-gop=0:log-level=none"},
        }.get(codec, {})
        for index, image in enumerate(pictures):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(image, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def encode_clip(path: Path, source: Path, rate: int = 10, frames: int | None = None) -> Path:
    """The same of a video or a folder of frames, such as a clip of UCSD Ped2; its first `frames`, None: all."""
    clip = find_clips(str(source), rate=rate)[0]
    return encode(path, (frame.image for frame in islice(read_frames(clip), frames)), rate)


@contextmanager
def behind_tls(folder: Path, port: int) -> Iterator[int]:
    """A port that passes on to another, encrypted with a certificate that nobody has signed, as cameras do."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=camera"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def copy(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain = listener.accept()[0]
                with suppress(ssl.SSLError):
                    ends = context.wrap_socket(plain, server_side=True), socket.create_connection(("127.0.0.1", port))
                    opened.extend(ends)
                    for pair in (ends, ends[::-1]):
                        threading.Thread(target=copy, args=pair, daemon=True).start()

    opened: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for end in opened:
                end.close()


def coded_pictures(video: Path) -> tuple[str, Fraction, list[tuple[float, float, bytes]]]:
    """Codec, rate and (pts, dts, bytes) of every packet of a video, H.264 and HEVC with start codes; dts from 0 s."""
    with av.open(video) as container:
        stream = container.streams.video[0]
        codec, rate, base = stream.codec_context.name, stream.average_rate, stream.time_base
        assert rate is not None
        assert base is not None
        packets: list[Any] = [packet for packet in container.demux(stream) if packet.size]
        name = {"h264": "h264_mp4toannexb", "hevc": "hevc_mp4toannexb"}.get(codec)
        header = stream.codec_context.extradata
        if name and header and header[0] == 1:
            turned = BitStreamFilterContext(name, stream)
            packets = [one for packet in packets for one in turned.filter(packet)]
        zero = packets[0].dts
        return codec, rate, [(float((p.pts - zero) * base), float((p.dts - zero) * base), bytes(p)) for p in packets]


class RtspServer:
    """A server process; `rtsp://127.0.0.1:PORT/NAME` plays the video of each mount, over and over."""

    def __init__(
        self,
        folder: Path,
        mounts: Mapping[str, Path],
        *,
        users: Mapping[str, str] | None = None,
        auth: str = "digest",
        port: int = 0,
        loop: bool = True,
    ) -> None:
        """`folder`: for what it reads; it must outlive the server. port 0: any that is free."""
        self._folder = folder
        self._users = dict(users or {})
        self._auth = auth
        self._loop = loop
        self.port = port
        self.start(mounts)

    def start(self, mounts: Mapping[str, Path]) -> None:
        """Begins to serve, after `kill` on the same port again, and with other videos if they are given."""
        files = {f"/{name}": {"file": str(self._write(video)), "loop": self._loop} for name, video in mounts.items()}
        order = {"port": self.port, "mounts": files, "users": self._users, "auth": self._auth}
        self._process = subprocess.Popen([PYTHON, str(SERVER), json.dumps(order)], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the RTSP server did not start"
        self.port = int(json.loads(line)["port"])

    def url(self, name: str, user: str = "") -> str:
        """The address of a mount; `user`: `name:password`."""
        return f"rtsp://{user}{'@' if user else ''}127.0.0.1:{self.port}/{name}"

    def kill(self) -> None:
        """Ends it as a power cut does."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def freeze(self) -> None:
        """It answers nothing any more, and its connections stay open."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        os.kill(self._process.pid, signal.SIGCONT)

    def _write(self, video: Path) -> Path:
        path = self._folder / f"{video.stem}.coded"
        codec, rate, pictures = coded_pictures(video)
        with path.open("wb") as file:
            file.write(json.dumps({"codec": codec, "rate": round(rate)}).encode() + b"\n")
            for pts, dts, data in pictures:
                file.write(struct.pack(">Iqq", len(data), round(pts * 1e9), round(dts * 1e9)) + data)
        return path


@contextmanager
def rtsp_server(folder: Path, mounts: Mapping[str, Path], **options: Any) -> Iterator[RtspServer]:
    """The same in `with`; skips the test where there is none to be had."""
    if why := why_no_rtsp():
        pytest.skip(why)
    server = RtspServer(folder, mounts, **options)
    try:
        yield server
    finally:
        server.kill()


Handler = BaseHTTPRequestHandler


@contextmanager
def http_server(answer: Callable[[Handler], None]) -> Iterator[str]:
    """An HTTP server that answers every GET by that function; its address, without a path."""

    class Asked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):
                answer(self)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send_mjpeg(asked: Handler, pictures: Iterable[bytes], rate: float) -> None:
    """Answers with JPEG after JPEG, as cameras do."""
    asked.send_response(200)
    asked.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
    asked.end_headers()
    for picture in pictures:
        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
        asked.wfile.write(head.encode() + picture + b"\r\n")
        time.sleep(1 / rate)


def send_bytes(asked: Handler, data: bytes, kind: str, seconds: float = 0.0) -> None:
    """Answers with these bytes, spread over so many seconds."""
    asked.send_response(200)
    asked.send_header("Content-Type", kind)
    asked.end_headers()
    pieces = [data[k : k + 1880] for k in range(0, len(data), 1880)]
    for piece in pieces:
        asked.wfile.write(piece)
        asked.wfile.flush()
        time.sleep(seconds / len(pieces))
