"""`detect` on many videos: what is done is not done again, several at a time, and what is told at the end."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sdmae import Detector
from sdmae.progress import progress
from sdmae.recordings import watch
from sdmae.recordings.detect import LISTED, detect
from sdmae.recordings.detect import interrupted as told_after_ctrl_c
from sdmae.recordings.tables import write_scores
from sdmae.recordings.watch import Order, score_clip
from sdmae.recordings.workers import each
from sdmae.video import Clip, find_clips
from video_files import make_frames, make_video, with_a_blaze


def run(detector: Detector, sources: str | Path, order: Order) -> list[str]:
    """What was said, but for remarks on the videos, which are slower than the detector."""
    said: list[str] = []
    detect(detector, find_clips(str(sources)), order, said.append)
    return [line for line in said if "the detector looks at" not in line and "more remarks" not in line]


def test_videos_unlike_the_detectors_own_are_remarked_on(detector: Detector, three: Path, tmp_path: Path) -> None:
    said: list[str] = []
    detect(detector, find_clips(str(three)), Order(tmp_path / "out"), said.append)
    assert [line.endswith("--input.rate of the slowest camera") for line in said[:3]] == [True, True, False]
    assert said[2] == "and 1 more remarks of the kind"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A folder of three videos; in the second something is not normal."""
    folder = tmp_path / "videos"
    folder.mkdir()
    make_video(folder / "a.mp4", 20, rate=5)
    make_video(folder / "b.mp4", 70, rate=5, draw=with_a_blaze)
    make_video(folder / "c.mp4", 12, rate=5)
    return folder


# --- resume --------------------------------------------------------------------------------------------------------


def touched(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    make_video(video, 13, rate=5)
    return detector, order


def other_threshold(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    return detector, replace(order, threshold=0.59)


def other_format(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    return detector, replace(order, table="json")


def with_overlay(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    return detector, replace(order, overlay=True)


def other_merge(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    config = detector.config
    return detector.with_settings(replace(config, events=replace(config.events, merge=0.5))), order


def other_schedule(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    events = replace(detector.config.events, schedule="mon 08:00-09:00")
    return detector.with_settings(replace(detector.config, events=events)), order


def other_start(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    return detector, replace(order, start=datetime(2026, 11, 23, 9))


def lost_mark(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    (order.output / "cam" / "done.json").unlink()
    return detector, order


def cut_mark(detector: Detector, video: Path, order: Order) -> tuple[Detector, Order]:
    path = order.output / "cam" / "done.json"
    path.write_text(path.read_text()[:40])
    return detector, order


CHANGES = [
    touched,
    other_threshold,
    other_format,
    with_overlay,
    other_merge,
    other_schedule,
    other_start,
    lost_mark,
    cut_mark,
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_would_come_out_otherwise_is_done_again(
    change: Callable[[Detector, Path, Order], tuple[Detector, Order]], detector: Detector, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "cam.mp4", 12, rate=5)
    order = Order(tmp_path / "out", threshold=0.58, resume=True, start=datetime(2026, 11, 23, 8))
    run(detector, video, order)
    plot = order.output / "cam" / "scores.png"
    plot.write_bytes(b"kept")
    assert "(done before)" in run(detector, video, order)[0]
    assert plot.read_bytes() == b"kept"
    detector, order = change(detector, video, order)
    assert "(done before)" not in run(detector, video, order)[0]
    assert plot.read_bytes() != b"kept"
    # Now it is done, under what has changed.
    plot.write_bytes(b"kept")
    assert "(done before)" in run(detector, video, order)[0]
    assert plot.read_bytes() == b"kept"


def test_a_new_calibration_is_another_threshold(calibrated: Detector, detector: Detector, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 12, rate=5)
    order = Order(tmp_path / "out", resume=True)
    run(detector, video, order)
    assert not (order.output / "cam" / "events.json").exists()
    assert "(done before)" not in run(calibrated, video, order)[0]
    assert (order.output / "cam" / "events.json").exists()


def test_without_resume_all_is_done_again(detector: Detector, tmp_path: Path) -> None:
    video = make_video(tmp_path / "cam.mp4", 12, rate=5)
    order = Order(tmp_path / "out")
    run(detector, video, order)
    (order.output / "cam" / "scores.png").write_bytes(b"old")
    assert "(done before)" not in run(detector, video, order)[0]
    assert (order.output / "cam" / "scores.png").read_bytes() != b"old"


@pytest.mark.parametrize("step", ["write_thumbnails", "write_overlay", "write_scores", "event_rows", "write_text"])
def test_a_run_that_is_killed_leaves_no_mark(
    step: str, detector: Detector, odd_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(tmp_path / "out", threshold=0.58, overlay=True, resume=True)

    def killed(*rest: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(watch, step, killed)
        with pytest.raises(KeyboardInterrupt):
            run(detector, odd_video, order)
    assert not order.output.exists()
    assert "(done before)" not in run(detector, odd_video, order)[0]
    assert {path.name for path in (order.output / "odd").iterdir()} == {
        *("scores.csv", "scores.png", "events.json", "event_001.jpg", "overlay.mp4", "done.json")
    }


def test_a_second_run_that_is_killed_leaves_no_mark_of_the_first(
    detector: Detector, odd_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Order(tmp_path / "out", threshold=0.58)
    run(detector, odd_video, order)

    def killed(*rest: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "write_scores", killed)
    with pytest.raises(KeyboardInterrupt):
        run(detector, odd_video, replace(order, threshold=0.57))
    # Old scores beside new pictures would be taken for one result.
    assert not (order.output / "odd").exists()


def test_ctrl_c_keeps_what_is_finished(
    detector: Detector, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def interrupted(folder: Path, *rest: Any, **options: Any) -> None:
        if folder.name == "b":
            raise KeyboardInterrupt
        write_scores(folder, *rest, **options)

    order = Order(tmp_path / "out", threshold=0.58, resume=True)
    with monkeypatch.context() as patch:
        patch.setattr(watch, "write_scores", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(detector, three, order)
    assert sorted(path.name for path in order.output.iterdir()) == ["a", "run.json"]
    assert "finished videos are in" in told_after_ctrl_c(find_clips(str(three)), order)
    said = run(detector, three, order)
    assert ["(done before)" in line for line in said[:3]] == [True, False, False]
    assert len(list(order.output.glob("*/done.json"))) == 3


# --- several at a time ---------------------------------------------------------------------------------------------


def test_two_jobs_write_what_one_writes_and_name_what_cannot_be_read(
    calibrated: Detector, three: Path, tmp_path: Path
) -> None:
    (three / "bad.mp4").write_bytes(b"nothing")
    said = [run(calibrated, three, Order(tmp_path / f"{jobs}", jobs=jobs, overlay=True)) for jobs in (1, 2)]
    one, two = (contents(tmp_path / f"{jobs}") for jobs in (1, 2))
    assert "b/event_001.jpg" in one
    assert one.keys() == two.keys()
    # To the bit: scores, pictures, videos. Only the tests' single thread makes that sure (see test_detector).
    assert [name for name in one if one[name] != two[name]] == []
    for lines in said:
        assert len([line for line in lines if "bad.mp4" in line]) == 1
        assert lines[-1].startswith("1 of 4 videos could not be scored")
        assert not any("Traceback" in line for line in lines)
    # Several are told as they are finished, but the summary is the same.
    assert sorted(said[0][1:-2]) == sorted(said[1][1:-2])
    assert not (tmp_path / "2" / "bad").exists()


def test_ctrl_c_does_not_wait_for_the_videos_under_way(detector: Detector, tmp_path: Path) -> None:
    (done,) = find_clips(str(make_video(tmp_path / "done.mp4", 5)))
    endless = tmp_path / "000.png"
    os.mkfifo(endless)  # whoever opens it waits until somebody writes
    needed: list[str] = []

    def rescue() -> None:
        needed.append("the second worker was waited for")
        with os.fdopen(os.open(endless, os.O_RDWR | os.O_NONBLOCK), "wb") as file:
            file.write(b"nothing")

    timer = threading.Timer(100, rescue)
    timer.start()

    def stopped() -> None:
        with ExitStack() as stack:
            clips = [done, Clip("endless", tmp_path, (endless, endless))]
            for summary in each(detector, clips, Order(tmp_path / "out", jobs=2), stack, lambda count: None):
                assert summary.name == "done", summary
                raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            stopped()
    finally:
        timer.cancel()
    assert not needed
    assert not multiprocessing.active_children()
    assert [path.parent.name for path in (tmp_path / "out").glob("*/done.json")] == ["done"]


def test_ctrl_c_leaves_nothing_of_the_videos_under_way(detector: Detector, tmp_path: Path) -> None:
    """The second worker waits in the middle of its annotated video, and is ended there."""
    (done,) = find_clips(str(make_video(tmp_path / "done.mp4", 5)))
    folder = make_frames(tmp_path / "under_way", [f"{k:03}.png" for k in range(9)])
    slow = folder / "008.png"
    data = slow.read_bytes()
    slow.unlink()
    os.mkfifo(slow)
    # It can be read once, for the scores.
    feeder = threading.Thread(target=lambda: slow.write_bytes(data), daemon=True)
    feeder.start()
    (under_way,) = find_clips(str(folder))
    order = Order(tmp_path / "out", jobs=2, overlay=True)
    (tmp_path / "out" / "under_way").mkdir(parents=True)
    (tmp_path / "out" / "under_way" / "event_001.jpg").write_text("the user's own")

    def stopped() -> None:
        with ExitStack() as stack:
            for summary in each(detector, [done, under_way], order, stack, lambda count: None):
                assert summary.name == "done", summary
                for _ in range(6000):
                    if list(order.output.glob("under_way/*.part")):
                        break
                    time.sleep(0.01)
                assert len(list(order.output.glob("under_way/*"))) == 3  # with the mark that it is begun
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert [path.name for path in (order.output / "under_way").iterdir()] == ["event_001.jpg"]
    assert (order.output / "done" / "done.json").exists()


def test_ctrl_c_before_any_video_is_finished_promises_none(
    detector: Detector, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*rest: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "write_scores", interrupted)
    order = Order(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(detector, three, order)
    assert not order.output.exists()
    assert "no video was finished" in told_after_ctrl_c(find_clips(str(three)), order)


@pytest.mark.parametrize(("jobs", "videos"), [(1, 3), (2, 3), (2, 1)])
@pytest.mark.parametrize("done", [False, True])
def test_the_bar_ends_with_the_last_frame(
    jobs: int, videos: int, done: bool, detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(videos):
        make_video(tmp_path / f"{k}.mp4", 41, rate=50)  # thinned out to the detector's 25 a second
    (tmp_path / "out").mkdir()
    if done:
        run(detector, tmp_path / "0.mp4", Order(tmp_path / "out"))
    bars = []

    def watched(*rest: Any) -> Any:
        bars.append(progress(*rest))
        return bars[-1]

    monkeypatch.setattr("sdmae.recordings.detect.progress", watched)
    run(detector, tmp_path / "?.mp4", Order(tmp_path / "out", jobs=jobs, resume=True))
    (bar,) = bars
    assert bar.total == 41 * videos
    assert bar.n == bar.total


def test_one_job_tells_its_steps_by_source_frames(detector: Detector, tmp_path: Path) -> None:
    make_video(tmp_path / "fast.mp4", 41, rate=50)  # thinned out to the detector's 25 a second
    counts: list[int] = []
    with ExitStack() as stack:
        order = Order(tmp_path / "out", jobs=2)  # a single clip needs no process of its own
        (summary,) = each(detector, find_clips(str(tmp_path / "fast.mp4")), order, stack, counts.append)
    assert summary.frames == 21
    assert sum(counts) == 41


# --- the summary ---------------------------------------------------------------------------------------------------


def test_the_summary_tells_each_video_and_all_of_them(calibrated: Detector, three: Path, tmp_path: Path) -> None:
    said = run(calibrated, three, Order(tmp_path / "out", threshold=0.58))
    assert [line.split()[0] for line in said[:3]] == ["a", "b", "c"]
    events = json.loads((tmp_path / "out" / "b" / "events.json").read_text())["events"]
    highest = max(event["peak"] for event in events)
    assert said[1].split() == ["b", "70", "frames", "13.8", "s", "highest", f"{highest:.4g}", "1", "event"]
    assert said[0].endswith("0 events")
    assert said[3] == f"{tmp_path / 'out'}: 3 videos, 102 frames, 0.3 min, 1 event"
    assert len(said) == 4


def test_a_long_list_tells_the_highest_alarms(
    detector: Detector, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for k in range(LISTED):
        shutil.copy(three / "c.mp4", three / f"d{k:02}.mp4")
    scored = []

    def brief(detector: Detector, clip: Any, order: Order, step: Any) -> watch.Summary:
        scored.append(clip.name)
        if clip.name in "abc":
            return score_clip(detector, clip, order, step)
        return watch.Summary(clip.name, 12, 2.2, 0.5, 0)

    monkeypatch.setattr("sdmae.recordings.workers.score_clip", brief)
    said = run(detector, three, Order(tmp_path / "out", threshold=0.58))
    assert len(scored) == LISTED + 3
    assert said[0].split()[0] == "b"
    assert said[1] == f"  and {LISTED + 2} more videos"
    assert said[2].startswith(f"{tmp_path / 'out'}: {LISTED + 3} videos")
    assert len(said) == 3


def test_what_a_damaged_video_lost_is_told_once(calibrated: Detector, tmp_path: Path) -> None:
    from video_files import cut

    cut(make_video(tmp_path / "cam.mkv", 100, rate=5, draw=with_a_blaze), 0.7)
    said = run(calibrated, tmp_path / "cam.mkv", Order(tmp_path / "out", overlay=True))
    assert len([line for line in said if "stops decoding" in line]) == 1
