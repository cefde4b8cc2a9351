"""`detect` with a threshold: alarms with their pictures, the annotated video, hours and zones that do not count."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from sdmae import Detector
from sdmae.config import EventConfig
from sdmae.data.schedule import parse_schedule
from sdmae.data.zones import ignored_cells, parse_zone
from sdmae.errors import DetectorError
from sdmae.recordings.detect import detect
from sdmae.recordings.watch import Order, _inside
from sdmae.scoring import Event
from sdmae.scoring.types import TERMS
from sdmae.video import Size, find_clips
from video_files import SIZE, picture

FIELDS = {"id", "start", "end", "peak", "time", "frame", "box", "term", "parts", "thumbnail", "taken"}
THRESHOLD = 0.58
"""Between the tiny detector's scores of what it knows and of what it does not."""


def watched(detector: Detector, source: Path, order: Order) -> dict[str, Any]:
    """What events.json says of one video."""
    assert detect(detector, find_clips(str(source)), order, lambda line: None) == 0
    found: dict[str, Any] = json.loads((order.output / source.stem / "events.json").read_text())
    return found


def with_events(detector: Detector, events: EventConfig) -> Detector:
    return detector.with_settings(replace(detector.config, events=events))


def test_an_event_is_told_with_its_time_its_box_and_its_picture(
    calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copy(odd_video, tmp_path / "gate_20261123-080000.mp4"))
    out = tmp_path / "out"
    about = watched(calibrated, source, Order(out))
    assert about["video"] == source.stem
    assert about["source"] == str(source)
    assert about["taken"] == "2026-11-23T08:00:00"
    assert about["detector"] == calibrated.fingerprint()
    assert about["protocol"] == "offline"
    assert calibrated.calibration is not None
    level = calibrated.calibration.offline
    assert about["threshold"] == level.threshold > about["closes"] > level.median
    rates = about["false_alarms_per_day"]
    assert rates == {"asked": 2000.0, "expected": level.rate, "low": level.low, "high": level.high}
    (event,) = about["events"]
    assert event.keys() == FIELDS
    # The wall stands there from 8 s to 12 s, which the score's Gaussian of 0.2 s widens at most.
    assert event["id"] == 1
    assert 7.5 < event["start"] < 8.5 < event["time"] < event["end"] < 12.5
    assert event["peak"] > about["threshold"]
    assert event["frame"] == round(event["time"] * 5)
    assert event["taken"] == (datetime(2026, 11, 23, 8) + timedelta(seconds=event["start"])).isoformat()
    assert event["term"] in TERMS
    assert set(event["parts"]) == set(TERMS)
    x0, y0, x1, y1 = event["box"]
    assert all(isinstance(edge, int) for edge in event["box"])
    assert 0 <= x0 < x1 <= SIZE.width
    assert 0 <= y0 < y1 <= SIZE.height
    # It overlaps the wall at columns 10 to 70, rows 10 to 40.
    assert min(x1, 70) > max(x0, 10)
    assert min(y1, 40) > max(y0, 10)
    thumbnail = cv2.imread(str(out / source.stem / event["thumbnail"]))
    assert thumbnail is not None
    assert thumbnail.shape == (*SIZE, 3)
    assert thumbnail[14:36, 20:60].mean() > thumbnail[45:].mean() + 30  # it shows the wall


def test_events_are_those_of_the_detector(calibrated: Detector, odd_video: Path, tmp_path: Path) -> None:
    for causal in (False, True):
        about = watched(calibrated, odd_video, Order(tmp_path / str(causal), causal=causal))
        found = list(calibrated.events(odd_video, causal=causal))
        assert len(found) > 0
        assert [row["peak"] for row in about["events"]] == [event.peak for event in found]
        assert [row["start"] for row in about["events"]] == pytest.approx([event.start for event in found], abs=1e-3)
        for row, event in zip(about["events"], found, strict=True):
            assert event.box is not None
            assert row["box"] == pytest.approx(event.box, abs=1.0)


def test_a_threshold_serves_where_nothing_was_calibrated(detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    assert detector.calibration is None
    about = watched(detector, odd_video, Order(tmp_path / "out", threshold=THRESHOLD))
    assert about["threshold"] == about["closes"] == THRESHOLD
    assert about["false_alarms_per_day"] is None
    assert about["taken"] is None
    (event,) = about["events"]
    assert 7.5 < event["start"] < event["end"] < 12.5
    assert event["taken"] is None
    assert (tmp_path / "out" / "odd" / event["thumbnail"]).exists()


def test_without_threshold_or_calibration_there_are_no_alarms(
    detector: Detector, odd_video: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    detect(detector, find_clips(str(odd_video)), Order(tmp_path / "out"), said.append)
    assert {path.name for path in (tmp_path / "out" / "odd").iterdir()} == {"scores.csv", "scores.png", "done.json"}
    assert "no alarms" in said[-1]
    assert "sdmae calibrate" in said[-1]
    assert "--threshold" in said[-1]


def test_a_threshold_of_the_users_own_comes_before_the_calibrated_one(
    calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    about = watched(calibrated, odd_video, Order(tmp_path / "out", threshold=0.7))
    assert about["threshold"] == 0.7
    assert about["events"] == []
    assert about["false_alarms_per_day"] is None


def test_the_overlay_shows_every_frame_of_the_source(calibrated: Detector, odd_video: Path, tmp_path: Path) -> None:
    watched(calibrated, odd_video, Order(tmp_path / "out", overlay=True))
    frames = []
    with av.open(tmp_path / "out" / "odd" / "overlay.mp4") as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            frames.append((frame.time, frame.to_ndarray(format="rgb24")))
    assert [time for time, _ in frames] == pytest.approx(np.arange(100) / 5, abs=1e-3)
    for _, image in frames:
        assert image.shape[0] > SIZE.height  # the caption and the curve lie below the picture
        assert image.shape[1] == SIZE.width
    # Normal frames are left as they were; where the alarm is, heat and a box are drawn.
    calm = np.abs(frames[20][1][: SIZE.height].astype(float) - picture(20).astype(float)).mean()
    wall = frames[50][1][10:40, 10:70].astype(float)
    assert calm < 6
    assert (wall.max(-1) - wall.min(-1)).mean() > 20  # white it was, and is coloured now


def test_the_pictures_of_an_earlier_run_are_removed(detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    watched(detector, odd_video, Order(out, threshold=THRESHOLD, overlay=True, table="json"))
    folder = out / "odd"
    assert (folder / "event_001.jpg").exists()
    (folder / "notes.txt").write_text("the user's own")
    about = watched(detector, odd_video, Order(out, threshold=0.9))
    assert about["events"] == []
    # An annotated video of other alarms must not stand beside these.
    assert {path.name for path in folder.iterdir()} == {
        "scores.csv",
        "scores.png",
        "events.json",
        "done.json",
        "notes.txt",
    }


# --- hours ---------------------------------------------------------------------------------------------------------


def test_events_outside_the_schedule_are_dropped(calibrated: Detector, odd_video: Path, tmp_path: Path) -> None:
    scheduled = with_events(calibrated, replace(calibrated.config.events, schedule="mon 08:00-09:00"))
    assert scheduled.calibration is not None  # the hours watched do not move the threshold
    inside = watched(scheduled, odd_video, Order(tmp_path / "in", start=datetime(2026, 11, 23, 8)))
    assert len(inside["events"]) == 1
    assert inside["schedule"] == "mon 08:00-09:00"
    # Tuesday, the same hour; and a Monday on which the hour has passed.
    for k, moment in enumerate((datetime(2026, 11, 24, 8), datetime(2026, 11, 23, 9))):
        about = watched(scheduled, odd_video, Order(tmp_path / f"out{k}", start=moment))
        assert about["events"] == []
        assert not list((tmp_path / f"out{k}" / "odd").glob("event_*.jpg"))
    # It begins ten seconds before the hour, and the event goes on when the hour has come.
    across = watched(scheduled, odd_video, Order(tmp_path / "across", start=datetime(2026, 11, 23, 7, 59, 50)))
    assert len(across["events"]) == 1


def test_an_event_counts_if_any_of_it_falls_into_the_hours() -> None:
    schedule = parse_schedule("mon 08:00-09:00")
    assert schedule is not None

    def inside(start: float, peak: float, end: float) -> bool:
        event = Event(start, end, 1.0, peak, 0, None, None, {})
        return _inside(event, schedule, datetime(2026, 11, 23, 7))

    hour = 3600.0
    assert inside(1.5 * hour, 1.6 * hour, 1.7 * hour)
    assert not inside(0.0, 10.0, 0.9 * hour)
    assert not inside(2.5 * hour, 3 * hour, 4 * hour)
    assert inside(0.5 * hour, 0.6 * hour, 1.1 * hour)
    # It begins before the hours and goes on after them, and peaks at another time.
    assert inside(0.5 * hour, 3 * hour, 4 * hour)


def test_a_schedule_needs_the_time_of_the_video(calibrated: Detector, odd_video: Path, tmp_path: Path) -> None:
    scheduled = with_events(calibrated, replace(calibrated.config.events, schedule="mon 08:00-09:00"))
    with pytest.raises(DetectorError, match=r"odd\.mp4: does not say when it was taken.*--start") as error:
        detect(scheduled, find_clips(str(odd_video)), Order(tmp_path / "out"), lambda line: None)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


# --- zones ---------------------------------------------------------------------------------------------------------


def test_nothing_counts_inside_an_ignore_zone(detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    zone = parse_zone("0,0 80,0 80,48 0,48", SIZE)
    blind = detector.with_settings(replace(detector.config, input=replace(detector.config.input, ignore=(zone,))))
    maps = blind.score(odd_video, maps=True).maps
    assert maps is not None
    cells = ignored_cells((zone,), (9, 12))
    # The mean filter of three cells reaches one cell into the zone.
    deep = cells & np.roll(cells, -1, 0) & np.roll(cells, -1, 1)
    assert deep.any()
    assert (maps[:, deep] == 0).all()
    assert (maps[:, ~cells] > 0).all()
    seen = watched(detector, odd_video, Order(tmp_path / "seen", threshold=THRESHOLD))
    ignored = watched(blind, odd_video, Order(tmp_path / "ignored", threshold=THRESHOLD))
    assert len(seen["events"]) == 1
    assert ignored["events"] == []
    # What is ignored cannot be seen from outside either: the network never sees it.
    assert blind.score(odd_video).scores[45:55].max() < detector.score(odd_video).scores[45:55].min()


def test_zones_belong_to_the_scores(detector: Detector) -> None:
    zone = parse_zone("0,0 50,0 50,36 0,36", Size(72, 100))
    blind = detector.with_settings(replace(detector.config, input=replace(detector.config.input, ignore=(zone,))))
    assert blind.fingerprint() != detector.fingerprint()
    back = blind.with_settings(detector.config)
    assert back.fingerprint() == detector.fingerprint()
