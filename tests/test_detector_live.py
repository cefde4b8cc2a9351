"""`Detector.stream` and `sdmae detect` on live sources: the scores of the file, alarms as JSON lines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from live_server import encode, rtsp_server
from sdmae import Detector, SdmaeError
from sdmae.cli import main
from sdmae.detector.live import open_camera, score_camera
from sdmae.scoring import Event, find_events
from spoken import Refused, said
from video_files import SIZE, make_video, picture, with_a_blaze


@pytest.fixture(scope="module")
def blaze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds at 10 frames a second."""
    return encode(tmp_path_factory.mktemp("live") / "cam.mp4", map(with_a_blaze, range(80)), 10)


def test_a_file_in_real_time_has_the_scores_of_the_file(detector: Detector, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 50)
    expected = {score.index: score for score in detector.stream(video)}
    live = list(detector.stream(f"realtime:{video}"))
    reach = max(detector.config.input.gap, detector.config.input.gradient_gap) / detector.rate
    last = max(score.time for score in expected.values())
    whole = [score for score in expected.values() if reach <= score.time + 1e-6 and score.time <= last - reach + 1e-6]
    assert [round(score.time, 4) for score in live] == [round(score.time, 4) for score in whole]
    for score in live:
        assert score.map is not None
        assert score.map.shape == expected[0].map.shape  # type: ignore[union-attr]
    # The first of the file, whose past is a repeated frame, are in the averages of those after them.
    settled = [(a, b) for a, b in zip(live, whole, strict=True) if a.time > 1.0]
    assert settled
    for one, other in settled:
        assert one.raw == pytest.approx(other.raw, rel=1e-4)


def test_frames_without_their_neighbours_are_counted(detector: Detector, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 25)
    missing = 0

    def count(frames: int) -> None:
        nonlocal missing
        missing += frames

    with open_camera(detector, f"loop:{video}") as camera:
        frames = (frame for frame, _ in zip(camera, range(60), strict=False))
        scores = list(score_camera(detector, frames, camera.wait_for_stream(), unscored=count))
    assert missing > 0
    assert len(scores) + missing == 60


def test_a_camera_that_cannot_be_reached_at_first_is_an_error(detector: Detector) -> None:
    with pytest.raises(SdmaeError, match="Connection refused") as error:
        next(iter(detector.stream("rtsp://viewer:geheim@127.0.0.1:9/cam")))
    assert "geheim" not in str(error.value)


def events_of(detector: Detector, video: Path) -> list[Event]:
    levels = detector.levels(causal=True)
    return list(find_events(detector.stream(video), levels, detector.config.events.merge))


@pytest.mark.slow
def test_alarms_of_a_camera_are_lines_of_json(
    calibrated: Detector, calibrated_file: Path, odd_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A file's first frames have no past, and look strange; a camera's are not scored.
    expected = [event for event in events_of(calibrated, odd_video) if event.start > 1]
    assert len(expected) == 1
    assert main(["detect", f"realtime:{odd_video}", "--detector", str(calibrated_file)]) == 0
    out, err = capsys.readouterr()
    opened, closed = map(json.loads, out.splitlines())
    assert (opened["event"], closed["event"]) == ("opened", "closed")
    assert opened["number"] == closed["number"] == 1
    assert closed["start"] == pytest.approx(expected[0].start, abs=0.01)
    assert closed["end"] == pytest.approx(expected[0].end, abs=0.01)
    assert closed["peak"] == pytest.approx(expected[0].peak, rel=1e-3)
    assert closed["term"] == expected[0].term
    x0, y0, x1, y1 = closed["box"]
    assert 0 <= x0 < x1 <= SIZE.width
    assert 0 <= y0 < y1 <= SIZE.height
    assert closed["began"] < closed["ended"]
    assert "frames scored" in said(err)[-1]


def test_ctrl_c_closes_the_open_alarm_and_ends_well(calibrated_file: Path, blaze: Path, tmp_path: Path) -> None:
    with rtsp_server(tmp_path, {"cam": blaze}, users={"viewer": "geheim"}) as server:
        source = server.url("cam", "viewer:geheim")
        command = [sys.executable, "-m", "sdmae", "detect", source, "--detector", str(calibrated_file)]
        # Python ignores Ctrl-C where it was started in the background.
        with subprocess.Popen(
            [*command, "--threshold", "0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            first = json.loads(process.stdout.readline())
            assert first["event"] == "opened"
            os.kill(process.pid, signal.SIGINT)
            out, err = process.stdout.read(), process.stderr.read()
            assert process.wait(20) == 0
    closed = json.loads(out.splitlines()[-1])
    assert closed["event"] == "closed"
    assert "frames scored" in said(err)[-1]
    assert "Traceback" not in err
    assert not any(word in text for text in (json.dumps(first), out, err) for word in ("viewer", "geheim"))


def test_an_open_alarm_closes_when_its_camera_is_lost(
    calibrated_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = encode(tmp_path / "cam.mp4", map(picture, range(30)), 10)
    command = ["detect", f"realtime:{video}", "--detector", str(calibrated_file), "--threshold", "0"]
    assert main(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["opened", "closed"]


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (["--output", "out"], "leave out --output"),
        (["--overlay"], "leave out --overlay"),
        (["--jobs", "2"], "leave out --jobs"),
        (["rtsp://other/x"], "give one source"),
    ],
)
def test_what_a_live_source_does_not_take_is_refused(
    rest: list[str], words: str, calibrated_file: Path, refused: Refused
) -> None:
    line = refused(["detect", "rtsp://viewer:geheim@cam/x", *rest, "--detector", str(calibrated_file)], words)
    assert "geheim" not in line


def test_recorded_video_still_needs_an_output(video: Path, detector_file: Path, refused: Refused) -> None:
    refused(["detect", str(video), "--detector", str(detector_file)], "--output is missing")


def test_a_live_source_needs_a_threshold(
    video: Path, detector_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["detect", f"realtime:{video}", "--detector", str(detector_file)]) == 2
    assert "never calibrated" in said(capsys.readouterr().err)[-1]
