"""A real RTSP server: Debian's gst-rtsp-server, playing files of coded pictures over and over.

Run with the system's python3, which has GStreamer's bindings: `python3 server.py '{"port": 0, "mounts": {...}}'`.
Prints `{"port": N}` when it listens. A mount is `{"file": PATH, "loop": true}`; the file's first line is JSON with
`codec` (h264, hevc, mjpeg) and `rate`, then for each picture 4 bytes of length, 8 of pts and 8 of dts in
nanoseconds, and its bytes. `users` `{"name": "password"}` and `auth` (`basic` or `digest`) ask for a password.
"""

# ruff: noqa: E402
# mypy: ignore-errors
import json
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
gi.require_version("GstRtsp", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

ROLE = "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"

# Not config-interval=-1: it puts the parameters before every slice, and FFmpeg then takes one picture for two halves.
CHAINS = {
    "h264": ("video/x-h264,stream-format=byte-stream,alignment=au", "h264parse ! rtph264pay"),
    "hevc": ("video/x-h265,stream-format=byte-stream,alignment=au", "h265parse ! rtph265pay"),
    "mjpeg": ("image/jpeg", "jpegparse ! rtpjpegpay"),
}


def read(path):
    """(codec, rate, [(pts, dts, bytes)]) of a file of coded pictures."""
    with open(path, "rb") as file:  # noqa: PTH123
        head = json.loads(file.readline())
        pictures = []
        while prefix := file.read(20):
            length, pts, dts = struct.unpack(">Iqq", prefix)
            pictures.append((pts, dts, file.read(length)))
    return head["codec"], head["rate"], pictures


class Mount(GstRtspServer.RTSPMediaFactory):
    """One file at one path; all who watch it see the same moment."""

    def __init__(self, file, loop=True):
        super().__init__()
        self.codec, self.rate, self.pictures = read(file)
        self.loop = loop
        self.set_shared(True)
        caps, chain = CHAINS[self.codec]
        self.set_launch(
            f'( appsrc name=source format=time caps="{caps},framerate={self.rate}/1" ! {chain} name=pay0 )'
        )

    def do_configure(self, media):
        state = {"next": 0}
        lasts = len(self.pictures) * Gst.SECOND // self.rate
        source = media.get_element().get_by_name("source")

        def push(appsrc, length):
            turn, k = divmod(state["next"], len(self.pictures))
            if turn and not self.loop:
                appsrc.emit("end-of-stream")
                return
            state["next"] += 1
            pts, dts, data = self.pictures[k]
            buffer = Gst.Buffer.new_wrapped(data)
            buffer.pts, buffer.dts = pts + turn * lasts, dts + turn * lasts
            buffer.duration = Gst.SECOND // self.rate
            appsrc.emit("push-buffer", buffer)

        source.connect("need-data", push)


def main():
    order = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(order["port"]))
    users = order.get("users") or {}
    if users:
        auth = GstRtspServer.RTSPAuth()
        digest = order.get("auth") == "digest"
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST if digest else GstRtsp.RTSPAuthMethod.BASIC)
        for name, password in users.items():
            token = GstRtspServer.RTSPToken()
            token.set_string("media.factory.role", "viewer")
            if digest:
                auth.add_digest(name, password, token)
            else:
                auth.add_basic(GstRtspServer.RTSPAuth.make_basic(name, password), token)
        server.set_auth(auth)
    for path, mount in order["mounts"].items():
        factory = Mount(**mount)
        if users:
            factory.add_role_from_structure(Gst.Structure.from_string(ROLE)[0])
        server.get_mount_points().add_factory(path, factory)
    if not server.attach(None):
        sys.exit("cannot listen")
    print(json.dumps({"port": server.get_bound_port()}), flush=True)  # noqa: T201
    GLib.MainLoop().run()


main()
