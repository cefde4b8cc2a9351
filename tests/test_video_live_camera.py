"""A camera's supervision: its decoder crashes, hangs and ends; frames wait, are dropped, or keep a file waiting."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from live_files import until
from live_server import http_server, send_mjpeg
from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.video import Frame, Size, find_clips, read_frames
from sdmae.video.live import Camera, Status, camera
from video_files import SIZE, make_frames, make_video

QUICK = SourceConfig(open_timeout=5, read_timeout=2, first_retry=0.1, last_retry=0.2)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_file_in_real_time_gives_the_same_pictures_and_ends(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 30, rate=25)
    began = time.monotonic()
    with Camera(f"realtime:{video}", (Size(36, 50), None), grey=True, rate=12.5) as one:
        frames = list(one)
        assert one.status.state == "ended"
        assert one.counts.received == len(frames)
    assert time.monotonic() - began > 1.0
    expected = list(read_frames(find_clips(str(video))[0], (Size(36, 50), None), grey=True, rate=12.5))
    assert [round(f.time, 4) for f in frames] == [round(f.time, 4) for f in expected]
    assert [f.index for f in frames] == list(range(len(expected)))
    for frame, other in zip(frames, expected, strict=True):
        assert frame.images[0].shape == (36, 50, 1)
        assert all(np.array_equal(a, b) for a, b in zip(frame.images, other.images, strict=True))
        assert frame.images[0].flags.writeable
    assert {f.stretch for f in frames} == {0}
    walls = [f.wall for f in frames if f.wall is not None]
    assert len(walls) == len(frames)
    assert walls[-1] - walls[0] == pytest.approx(frames[-1].time, abs=0.5)


def test_a_file_is_never_shed_from(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 60, rate=60, size=Size(240, 320))
    with Camera(f"realtime:{video}", config=SourceConfig(waiting_frames=2)) as one:
        until(lambda: one.counts.received >= 2)
        time.sleep(1.2)  # longer than the video lasts
        assert [frame.index for frame in one] == list(range(60))
        assert one.counts.dropped == 0


def test_a_file_over_and_over_begins_another_stretch_each_time(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 10, rate=25)
    with Camera(f"loop:{video}") as one:
        frames = [frame for frame, _ in zip(one, range(25), strict=False)]
    assert [f.stretch for f in frames] == [0] * 10 + [1] * 10 + [2] * 5
    assert all(a.time < b.time for a, b in pairwise(frames))


def test_a_crashed_decoder_is_started_again(tmp_path: Path) -> None:
    seen: list[Status] = []
    video = make_video(tmp_path / "cam.mp4", 50, rate=25)
    with Camera(f"loop:{video}", config=QUICK, on_status=seen.append) as one:
        frames = [next(iter(one))]
        assert one.decoder_pid is not None
        os.kill(one.decoder_pid, signal.SIGSEGV)
        until(lambda: one.counts.connections >= 2)
        while frames[-1].stretch == 0:
            frames.append(next(iter(one)))
        assert one.counts.crashes == 1
    assert all(a.time < b.time for a, b in pairwise(frames))
    assert any("SIGSEGV" in status.why for status in seen)
    assert [s.state for s in seen if s.state != "connecting"][:3] == ["streaming", "lost", "streaming"]


def test_a_decoder_that_crashes_again_and_again_degrades_its_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "CRASHES", 2)
    seen: list[Status] = []
    video = make_video(tmp_path / "cam.mp4", 50, rate=25)
    with Camera(f"loop:{video}", config=QUICK, on_status=seen.append) as one:
        for connection in (1, 2, 3):
            until(lambda count=connection: one.counts.connections >= count)  # type: ignore[misc]
            assert one.decoder_pid is not None
            os.kill(one.decoder_pid, signal.SIGKILL)
            until(lambda count=connection: one.counts.crashes >= count)  # type: ignore[misc]
        until(lambda: one.status.state == "streaming")  # not dead
    assert [status.degraded for status in seen if status.state == "lost"] == [False, True, True]


def test_a_decoder_that_hangs_is_ended_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_SLACK", 0.5)
    video = make_video(tmp_path / "cam.mp4", 50, rate=25)
    config = SourceConfig(read_timeout=0.5, first_retry=0.1)
    with Camera(f"loop:{video}", config=config) as one:
        next(iter(one))
        hung = one.decoder_pid
        assert hung is not None
        os.kill(hung, signal.SIGSTOP)
        until(lambda: one.counts.crashes == 1)
        until(lambda: one.status.state == "streaming")
        assert not alive(hung)


def test_a_listener_that_fails_harms_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail(status: Status) -> None:
        raise RuntimeError("mistaken")

    video = make_video(tmp_path / "cam.mp4", 5, rate=25)
    with Camera(f"realtime:{video}", on_status=fail) as one:
        assert len(list(one)) == 5
    assert "failed" in caplog.text


def test_what_nobody_fetches_is_dropped_whole_and_counted(tmp_path: Path) -> None:
    folder = make_frames(tmp_path / "frames", ["0.jpg"])
    pictures = [(folder / "0.jpg").read_bytes()] * 60
    with http_server(lambda asked: send_mjpeg(asked, pictures, 50)) as url:
        config = SourceConfig(waiting_frames=8, first_retry=30)
        with Camera(f"{url}/cam", config=config) as one:
            until(lambda: one.status.state == "lost")
            waiting: list[Frame] = []
            while (frame := one.get(0)) is not None:
                waiting.append(frame)
            counts = one.counts
    assert counts.received == counts.dropped + len(waiting)
    assert 0 < len(waiting) <= 8
    assert counts.dropped > 0
    assert counts.dropped % 8 == 0
    assert len({frame.stretch for frame in waiting}) == 1
    assert waiting[0].stretch == counts.dropped // 8


def test_closing_takes_no_time_and_leaves_no_process(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 50, rate=25)
    cameras = [Camera(f"loop:{video}", config=SourceConfig(waiting_frames=2)) for _ in range(2)]
    until(lambda: all(one.counts.received == 2 for one in cameras))  # they wait to be fetched
    pids = [one.decoder_pid for one in cameras]
    began = time.monotonic()
    for one in cameras:
        one.close()
        one.close()
    assert time.monotonic() - began < 5
    assert not any(alive(pid) for pid in pids if pid)
    assert "ended" in repr(cameras[0])
    assert [thread for thread in threading.enumerate() if thread.name.startswith("camera")] == []


def test_a_decoder_ends_with_the_program_that_started_it(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 50, rate=25)
    program = (
        "import sys, time; from sdmae.video.live import Camera; one = Camera(sys.argv[1]); next(iter(one)); "
        "print(one.decoder_pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program, f"loop:{video}"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.kill()
    until(lambda: not alive(pid))


def test_a_picture_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 5, size=SIZE)
    with Camera(f"realtime:{video}", config=SourceConfig(max_pixels=1000)) as one:
        with pytest.raises(SourceError, match="1000 pixels") as error:
            one.wait_for_stream()
        assert "\n" not in str(error.value)
        assert one.status.retry_in > QUICK.last_retry


def test_a_webcam_that_is_not_there_is_lost_not_fatal() -> None:
    with (
        Camera("webcam:99", config=QUICK) as one,
        pytest.raises(SourceError, match=r"webcam:99: .*check the"),
    ):
        one.wait_for_stream()


def test_clips_are_cut_from_what_the_camera_sent(tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 40, rate=25)
    with Camera(f"realtime:{video}", config=SourceConfig(keep_seconds=60)) as one:
        frames = list(one)
        start, end = one.write_clip(tmp_path / "clip.mp4", frames[15].time, frames[30].time)
    assert (start, end) == pytest.approx((frames[10].time, frames[30].time))
    clip = list(read_frames(find_clips(str(tmp_path / "clip.mp4"))[0]))
    assert len(clip) == 21
    assert all(np.array_equal(a.image, b.image) for a, b in zip(clip, frames[10:31], strict=True))
    with Camera(f"realtime:{video}") as one, pytest.raises(SourceError, match="keep_seconds"):
        one.write_clip(tmp_path / "clip.mp4", 0, 1)
