"""When a clip was taken: from its name, from its file, or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from sdmae.errors import SourceError
from sdmae.video import Clip, find_clips
from sdmae.video.clock import parse_moment, taken_at
from video_files import make_frames, make_video, picture


@pytest.fixture(autouse=True)
def two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's time is two hours ahead of UTC."""
    monkeypatch.setenv("TZ", "XXX-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def named(name: str) -> datetime | None:
    """What a folder of frames of that name says; nothing in it is opened."""
    return taken_at(Clip("cam", Path("/nowhere") / name, (Path("1.png"),)))


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("20261123-143000.mp4", datetime(2026, 11, 23, 14, 30)),
        ("cam_2026-11-23_14-30-05.mkv", datetime(2026, 11, 23, 14, 30, 5)),
        ("20261123T1430.mp4", datetime(2026, 11, 23, 14, 30)),
        ("gate 2026.11.23 14.30.05", datetime(2026, 11, 23, 14, 30, 5)),
        ("NVR_ch3_20261123143005_20261123150000.mp4", datetime(2026, 11, 23, 14, 30, 5)),
        ("20261123-1430-20261123-1500.mp4", datetime(2026, 11, 23, 14, 30)),
        ("2026-11-23 14h30m05.avi", datetime(2026, 11, 23, 14, 30, 5)),
        ("20240229-000000", datetime(2024, 2, 29)),
        ("20230229-000000", None),
        ("20261323-143000", None),
        ("20261123-243000", None),
        ("cam1.mp4", None),
        ("1920x1080_2026.mp4", None),
        ("120261123143005.mp4", None),
        ("2026112314300.mp4", None),
    ],
)
def test_recorders_put_the_time_into_the_name(name: str, wanted: datetime | None) -> None:
    assert named(name) == wanted


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)),
    st.sampled_from(["%Y%m%d-%H%M%S", "%Y-%m-%d_%H-%M-%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y.%m.%d %H.%M.%S"]),
    st.sampled_from(["{}", "cam_{}", "cam7-{}", "{}_part", "{}.mp4"]),
)
def test_every_moment_is_found_in_a_name(moment: datetime, style: str, around: str) -> None:
    assert named(around.format(moment.strftime(style))) == moment.replace(microsecond=0)


def recorded(path: Path, created: str | None) -> Clip:
    """A video whose container says when it was made."""
    with av.open(path, "w") as container:
        if created is not None:
            container.metadata["creation_time"] = created
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 100, 72, "yuv420p"
        for k in range(3):
            frame = av.VideoFrame.from_ndarray(picture(k), "rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    [clip] = find_clips(str(path))
    return clip


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_else_the_file_says_when_it_was_made(tmp_path: Path, ending: str) -> None:
    clip = recorded(tmp_path / f"cam.{ending}", "2026-11-23T08:00:00Z")
    assert taken_at(clip) == datetime(2026, 11, 23, 10)


@pytest.mark.parametrize("created", [None, "1970-01-01T00:00:00Z", "1980-01-06T00:00:00Z"])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_camera_without_a_clock_says_nothing(tmp_path: Path, created: str | None, ending: str) -> None:
    assert taken_at(recorded(tmp_path / f"cam.{ending}", created)) is None


def test_a_name_is_taken_before_what_the_file_says(tmp_path: Path) -> None:
    good = recorded(tmp_path / "cam_20260101-120000.mp4", "2026-11-23T08:00:00Z")
    assert taken_at(good) == datetime(2026, 1, 1, 12)
    impossible = recorded(tmp_path / "cam_20261301-120000.mp4", "2026-11-23T08:00:00Z")
    assert taken_at(impossible) == datetime(2026, 11, 23, 10)


def test_a_folder_of_frames_has_its_name_alone(tmp_path: Path) -> None:
    for name, wanted in (("cam_20260101-120000", datetime(2026, 1, 1, 12)), ("cam", None)):
        [clip] = find_clips(str(make_frames(tmp_path / name, ["1.png"])))
        assert taken_at(clip) == wanted


def test_a_file_that_is_no_video_is_told(tmp_path: Path) -> None:
    (tmp_path / "cam.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"cam\.mp4"):
        taken_at(Clip("cam", tmp_path / "cam.mp4"))
    assert taken_at(Clip("cam", make_video(tmp_path / "20260101-120000.mp4", 2))) == datetime(2026, 1, 1, 12)


def test_a_moment_may_name_its_time_zone() -> None:
    assert parse_moment("2026-11-23T08:00") == datetime(2026, 11, 23, 8)
    assert parse_moment("2026-11-23T08:00:30Z") == datetime(2026, 11, 23, 10, 0, 30)
    assert parse_moment("2026-11-23T08:00-05:00") == datetime(2026, 11, 23, 15)
    assert parse_moment("2026-11-23") == datetime(2026, 11, 23)


@given(st.datetimes(datetime(1990, 1, 1)), st.none() | st.integers(-14 * 60, 14 * 60))
def test_a_moment_is_read_as_it_is_written(moment: datetime, east: int | None) -> None:
    if east is None:
        assert parse_moment(moment.isoformat()) == moment
        return
    hours, minutes = divmod(abs(east), 60)
    text = f"{moment.isoformat()}{'-' if east < 0 else '+'}{hours:02d}:{minutes:02d}"
    if moment.year < 9999:
        assert parse_moment(text) == moment + timedelta(minutes=120 - east)


@pytest.mark.parametrize("text", ["", "noon", "08:00", "2026-13-01", "2026-11-23T25:00", "0001-01-01T00:00+14:00"])
def test_what_is_no_moment_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SourceError, match="no time; write it as 2026-11-23T08:00:00") as error:
        parse_moment(text)
    assert "\n" not in str(error.value)
