"""The ring of coded pictures, and the clips that are cut from it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from live_server import coded_pictures
from sdmae.errors import SourceError
from sdmae.video import Size, find_clips, probe, read_frames
from sdmae.video.live import PacketRing, StreamInfo
from sdmae.video.live.clip import write_clip
from sdmae.video.live.ring import CodedPicture
from video_files import SIZE, make_video

BIG = 1 << 30


def filled(
    ring: PacketRing, video: Path, *, at: float = 0.0, size: Size = SIZE, lags: bool = True, every: int = 10
) -> PacketRing:
    """The ring with the pictures of a video, whose first is shown at `at` seconds."""
    codec, rate, pictures = coded_pictures(video)
    ring.begin(StreamInfo(size, float(rate), codec))
    zero = min(shown for shown, _, _ in pictures)
    for k, (shown, decoded, data) in enumerate(pictures):
        key = k % every == 0
        ring.add(CodedPicture(at + shown - zero, shown - decoded if lags else None, key, data))
    return ring


@pytest.mark.parametrize("lags", [True, False])
@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"g": "10", "bf": "0"}),
        ("libx264", {"g": "10", "bf": "3", "sc_threshold": "0"}),
        ("mjpeg", {}),
        ("libx265", {"x265-params": "keyint=10:min-keyint=10:bframes=2:open-gop=0:scenecut=0:log-level=none"}),
    ],
)
def test_a_clip_has_the_same_pictures_at_the_same_times(
    codec: str, options: dict[str, str], lags: bool, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "cam.mp4", 40, rate=10, codec=codec, codec_options=options)
    ring = filled(PacketRing(60, BIG), video, at=100.0, lags=lags, every=1 if codec == "mjpeg" else 10)
    written = write_clip(ring, tmp_path / "clip.mp4", 101.55, 102.5)
    first = 15 if codec == "mjpeg" else 10
    assert written[0] == pytest.approx(100 + first / 10)
    assert 102.5 - 1e-6 < written[1] < 102.8  # what is decoded before the last picture comes along
    clip = list(read_frames(find_clips(str(tmp_path / "clip.mp4"))[0]))
    source = list(read_frames(find_clips(str(video))[0]))[first:26]
    assert [round(frame.time, 3) for frame in clip][: len(source)] == [round(k / 10, 3) for k in range(len(source))]
    assert len(clip) <= len(source) + 2
    for one, other in zip(clip, source, strict=False):
        assert np.array_equal(one.image, other.image)
    assert probe(find_clips(str(tmp_path / "clip.mp4"))[0]).size == SIZE


def test_whole_groups_are_forgotten_once_they_are_old(tmp_path: Path) -> None:
    ring = filled(PacketRing(1.5, BIG), make_video(tmp_path / "cam.mp4", 60, rate=10))
    assert ring.span == pytest.approx((4.0, 5.9))  # the key picture at 4.4 s would be too late
    with pytest.raises(SourceError, match="no video is kept of that time"):
        write_clip(ring, tmp_path / "clip.mp4", 0.0, 3.9)
    assert list(tmp_path.glob("clip*")) == []


def test_it_never_takes_more_than_it_may(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 60, rate=10)
    whole = sum(len(data) for _, _, data in coded_pictures(video)[2])
    ring = PacketRing(60, whole // 3)
    filled(ring, video)
    assert 0 < ring.bytes <= whole // 3
    tiny = filled(PacketRing(60, 100), video)
    assert tiny.bytes == 0
    assert tiny.span is None


def test_another_connection_joins_where_it_is_like_the_one_before(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 20, rate=10)
    ring = filled(filled(PacketRing(60, BIG), video), video, at=5.0)
    assert write_clip(ring, tmp_path / "clip.mp4", 1.0, 6.0) == pytest.approx((1.0, 6.0))
    times = [round(frame.time, 3) for frame in read_frames(find_clips(str(tmp_path / "clip.mp4"))[0])]
    assert times == [k / 10 for k in range(10)] + [round(4 + k / 10, 3) for k in range(11)]


def test_of_two_codecs_or_sizes_the_longer_part_is_written(tmp_path: Path) -> None:
    ring = filled(PacketRing(60, BIG), make_video(tmp_path / "a.mp4", 20, rate=10))
    filled(ring, make_video(tmp_path / "b.mp4", 50, rate=10, size=Size(96, 128)), at=4.0, size=Size(96, 128))
    filled(ring, make_video(tmp_path / "c.mp4", 20, rate=10, codec="mjpeg", codec_options={}), at=10.0, every=1)
    assert write_clip(ring, tmp_path / "clip.mp4", 0.0, 12.0) == pytest.approx((4.0, 8.9))
    assert probe(find_clips(str(tmp_path / "clip.mp4"))[0]).size == Size(96, 128)
    assert write_clip(ring, tmp_path / "clip.mp4", 0.0, 4.5) == pytest.approx((0.0, 1.9))


def test_nothing_before_the_first_key_picture_is_kept() -> None:
    ring = PacketRing(60, BIG)
    ring.add(CodedPicture(0.0, 0.0, True, b"x"))  # of no connection
    ring.begin(StreamInfo(SIZE, 10.0, "h264"))
    ring.add(CodedPicture(0.1, 0.0, False, b"x"))
    assert ring.span is None
    ring.add(CodedPicture(0.2, 0.0, True, b"x"))
    assert ring.span == (0.2, 0.2)


def test_a_clip_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    ring = filled(PacketRing(60, BIG), make_video(tmp_path / "cam.mp4", 20, rate=10))
    with pytest.raises(SourceError, match="cannot be written"):
        write_clip(ring, tmp_path / "none" / "clip.mp4", 0.0, 1.0)
    odd = PacketRing(60, BIG)
    odd.begin(StreamInfo(SIZE, 10.0, "rawvideo"))
    odd.add(CodedPicture(0.0, 0.0, True, b"x"))
    with pytest.raises(SourceError, match="its codec is rawvideo"):
        write_clip(odd, tmp_path / "clip.mp4", 0.0, 1.0)
    assert list(tmp_path.glob("clip*")) == []
