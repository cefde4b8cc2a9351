"""Real RTSP on loopback, and all that cameras do to one."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from live_files import until
from live_server import behind_tls, encode, encode_clip, rtsp_server
from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.video import Frame, Size, find_clips, read_frames
from sdmae.video.live import Camera, Status
from video_files import SIZE, picture

QUICK = SourceConfig(open_timeout=5, read_timeout=2, first_retry=0.2, last_retry=1.0, waiting_frames=2000)
LARGE = Size(96, 128)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of 10 frames a second."""
    return encode(tmp_path_factory.mktemp("rtsp") / "cam.mp4", map(picture, range(60)), 10)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same at another size."""
    pictures = (picture(k, LARGE) for k in range(60))
    return encode(tmp_path_factory.mktemp("rtsp") / "large.mp4", pictures, 10)


def fetch(camera: Camera, until: Callable[[Frame], bool], seconds: float = 40.0) -> list[Frame]:
    """Frames up to the first for which it holds; fails after so many seconds."""
    frames: list[Frame] = []
    end = time.monotonic() + seconds
    while not frames or not until(frames[-1]):
        frame = camera.get(0.2)
        if frame is not None:
            frames.append(frame)
        assert time.monotonic() < end, camera.status
    return frames


def test_frames_are_those_of_the_file_with_its_times(video: Path, tmp_path: Path) -> None:
    expected = [frame.image for frame in read_frames(find_clips(str(video))[0], (Size(36, 50),))]
    with (
        rtsp_server(tmp_path, {"cam": video}) as server,
        Camera(server.url("cam"), (Size(36, 50),), config=QUICK) as camera,
    ):
        frames = fetch(camera, lambda frame: frame.index == 25)
        assert camera.info is not None
        assert (camera.info.codec, camera.info.size, camera.info.rate) == ("h264", SIZE, 10)
    assert frames[0].time == 0
    assert all(b.time - a.time == pytest.approx(0.1, abs=0.002) for a, b in pairwise(frames))
    # Whoever joins sees what is played at that moment; the very pictures nevertheless.
    begins = next(k for k, image in enumerate(expected) if np.array_equal(image, frames[0].image))
    for frame in frames:
        assert np.array_equal(frame.image, expected[(begins + frame.index) % len(expected)])
    assert {frame.stretch for frame in frames} == {0}
    assert abs(time.time() - (frames[-1].wall or 0)) < 10


def test_killed_and_back_with_another_size(video: Path, large: Path, tmp_path: Path) -> None:
    seen: list[Status] = []
    with (
        rtsp_server(tmp_path, {"cam": video}) as server,
        Camera(server.url("cam"), (Size(36, 50), None), config=QUICK, on_status=seen.append) as camera,
    ):
        fetch(camera, lambda frame: frame.index == 3)
        server.kill()
        before = fetch_rest(camera)
        until(lambda: "Connection refused" in {status.why for status in seen})
        server.start({"cam": large})
        after = fetch(camera, lambda frame: frame.stretch > 0)
        assert camera.counts.connections == 2
        assert camera.counts.crashes == 0
    assert after[-1].images[0].shape == (36, 50, 3)
    assert after[-1].images[1].shape == (*LARGE, 3)
    assert not before or before[-1].time < after[-1].time
    assert all(status.retry_in <= 1 for status in seen)


def fetch_rest(camera: Camera) -> list[Frame]:
    """What still comes until the camera is lost."""
    frames = []
    end = time.monotonic() + 30
    while camera.status.state == "streaming":
        assert time.monotonic() < end
        if frame := camera.get(0.1):
            frames.append(frame)
    return frames


@pytest.mark.parametrize(("codec", "name"), [("mjpeg", "mjpeg"), ("libx265", "hevc")])
def test_another_codec_after_the_loss(codec: str, name: str, video: Path, tmp_path: Path) -> None:
    other = encode(tmp_path / "other.mp4", (picture(k, LARGE) for k in range(60)), 10, codec=codec)
    config = SourceConfig(open_timeout=5, read_timeout=2, first_retry=0.2, last_retry=1.0, keep_seconds=60)
    with (
        rtsp_server(tmp_path, {"cam": video}) as server,
        Camera(server.url("cam"), config=config) as camera,
    ):
        fetch(camera, lambda frame: frame.index == 12)
        server.kill()
        fetch_rest(camera)
        server.start({"cam": other})
        began = fetch(camera, lambda frame: frame.stretch > 0)[-1]
        last = fetch(camera, lambda frame: frame.index == began.index + 8)[-1]
        assert camera.info is not None
        assert camera.info.codec == name
        camera.write_clip(tmp_path / "old.mp4", 0.0, 1.0)
        camera.write_clip(tmp_path / "new.mp4", last.time - 0.5, last.time)
    for clip, size in (("old.mp4", SIZE), ("new.mp4", LARGE)):
        assert {f.image.shape[:2] for f in read_frames(find_clips(str(tmp_path / clip))[0])} == {size}


@pytest.mark.slow
def test_frozen_is_noticed_within_the_read_timeout_and_thawed_it_comes_back(video: Path, tmp_path: Path) -> None:
    seen: list[Status] = []
    with (
        rtsp_server(tmp_path, {"cam": video}) as server,
        Camera(server.url("cam"), config=QUICK, on_status=seen.append) as camera,
    ):
        fetch(camera, lambda frame: frame.index == 3)
        server.freeze()
        began = time.monotonic()
        fetch_rest(camera)
        assert time.monotonic() - began < QUICK.read_timeout + 3
        end = time.monotonic() + 30
        while not any("answer" in status.why for status in seen):  # while opening, too
            assert time.monotonic() < end
            time.sleep(0.05)
        server.thaw()
        fetch(camera, lambda frame: frame.stretch > 0)
        assert camera.counts.crashes == 0
    why = [status.why for status in seen if status.state == "lost"]
    assert why[:2] == ["no picture within 2 s", "no answer within 5 s"]


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_password_lets_one_in_and_a_wrong_one_is_told_and_not_tried_often(
    auth: str, video: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with rtsp_server(tmp_path, {"cam": video}, users={"viewer": "ge:heim"}, auth=auth) as server:
        with Camera(server.url("cam", "viewer:ge%3Aheim"), config=QUICK) as camera:
            fetch(camera, lambda frame: frame.index == 1)
            texts = [repr(camera), camera.name]
            process = Path(f"/proc/{camera.decoder_pid}")
            if process.is_dir():  # what everybody on the machine may read
                texts += [(process / "cmdline").read_text(), (process / "environ").read_text()]
        with Camera(server.url("cam", "viewer:gefahr"), config=SourceConfig(open_timeout=5)) as camera:
            with pytest.raises(SourceError, match="it refuses the user or the password") as error:
                camera.wait_for_stream()
            assert camera.status.retry_in >= 15
            texts += [repr(camera), repr(camera.status), str(error.value), repr(error.value), caplog.text]
    assert not any(word in text for text in texts for word in ("viewer", "heim", "gefahr"))


@pytest.mark.parametrize("transport", ["udp", "tls"])
def test_other_ways_to_a_camera(transport: str, video: Path, tmp_path: Path) -> None:
    config = SourceConfig(open_timeout=5, read_timeout=2, transport="udp" if transport == "udp" else "tcp")
    with rtsp_server(tmp_path, {"cam": video}) as server, behind_tls(tmp_path, server.port) as port:
        url = server.url("cam") if transport == "udp" else f"rtsps://127.0.0.1:{port}/cam"
        with Camera(url, config=config) as camera:
            frames = fetch(camera, lambda frame: frame.index == 5)
    assert {frame.stretch for frame in frames} == {0}


@pytest.mark.slow
def test_an_end_is_a_loss_and_a_wrong_path_too(video: Path, tmp_path: Path) -> None:
    seen: list[Status] = []
    with rtsp_server(tmp_path, {"cam": video}, loop=False) as server:
        with Camera(server.url("cam"), config=QUICK, on_status=seen.append) as camera:
            fetch(camera, lambda frame: frame.stretch > 0)
        assert "it ended" in {status.why for status in seen}
        with Camera(server.url("none"), config=QUICK) as camera, pytest.raises(SourceError, match="404 Not Found"):
            camera.wait_for_stream()


@pytest.mark.slow
def test_one_dead_camera_of_four_costs_the_others_nothing(video: Path, tmp_path: Path) -> None:
    with rtsp_server(tmp_path, {"cam": video}) as server:
        urls = [server.url("cam")] * 3 + ["rtsp://127.0.0.1:9/dead"]
        cameras = [Camera(url, (Size(36, 50),), config=QUICK) for url in urls]
        try:
            for camera in cameras[:3]:
                frames = fetch(camera, lambda frame: frame.time >= 3)
                assert len(frames) == frames[-1].index + 1
                assert {frame.stretch for frame in frames} == {0}
                assert frames[-1].index >= 0.99 * 30
            assert cameras[3].counts.received == 0
            assert cameras[3].status.state in ("connecting", "lost")
        finally:
            for camera in cameras:
                camera.close()


@pytest.mark.slow
def test_ped2_is_played_by_four_cameras_at_once(real_data: Path, tmp_path: Path) -> None:
    clips = sorted((real_data / "ucsd_ped2" / "UCSDped2" / "Test").glob("Test00[1-4]"))
    videos = {clip.name: encode_clip(tmp_path / f"{clip.name}.mp4", clip, frames=100) for clip in clips}
    with rtsp_server(tmp_path, videos) as server:
        cameras = [Camera(server.url(name), (Size(120, 180),), grey=True, rate=10, config=QUICK) for name in videos]
        try:
            for camera in cameras:
                frames = fetch(camera, lambda frame: frame.time >= 8)
                assert [frame.index for frame in frames] == list(range(len(frames)))
                assert all(b.time - a.time == pytest.approx(0.1, abs=0.002) for a, b in pairwise(frames))
                assert {frame.stretch for frame in frames} == {0}
                assert camera.info is not None
                assert camera.info.size == Size(240, 360)
        finally:
            for camera in cameras:
                camera.stop()
            for camera in cameras:
                camera.close()
