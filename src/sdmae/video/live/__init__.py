"""Live sources: cameras, webcams and files played in real time, each decoded in a process of its own.

    with Camera("rtsp://user:password@10.0.0.7/main", (Size(192, 320),), rate=10) as camera:
        for frame in camera:
            frame.time, frame.wall, frame.stretch, frame.image

`play` and `worker` run in that process, everything else in the program's own.
"""

from sdmae.video.live.address import is_live, parse_address
from sdmae.video.live.camera import Camera
from sdmae.video.live.ring import PacketRing
from sdmae.video.live.status import Counts, Status, StreamInfo

__all__ = ["Camera", "Counts", "PacketRing", "Status", "StreamInfo", "is_live", "parse_address"]
