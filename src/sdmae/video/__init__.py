"""Video in and out: one source string to clips, clips to frames with their times, pictures and video to files.

    for clip in find_clips("cam.mp4"):
        for frame in read_frames(clip, (Size(192, 320),)):
            frame.time, frame.image  # seconds, (192, 320, 3) uint8

Nothing here knows of networks or scores: `draw` and `write` take plain arrays and boxes.
"""

from sdmae.video.container import VideoInfo, probe
from sdmae.video.decode import read_frames
from sdmae.video.draw import boxes, contact_sheet, heat, label, strip
from sdmae.video.frame import Clip, Frame, Image, Size
from sdmae.video.source import find_clips, unique_names
from sdmae.video.write import VideoWriter, write_picture

__all__ = [
    "Clip",
    "Frame",
    "Image",
    "Size",
    "VideoInfo",
    "VideoWriter",
    "boxes",
    "contact_sheet",
    "find_clips",
    "heat",
    "label",
    "probe",
    "read_frames",
    "strip",
    "unique_names",
    "write_picture",
]
