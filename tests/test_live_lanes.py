"""Frames of several cameras through one network: together, fairly, and counted exactly. No clock, no network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from live_files import open_in, until
from sdmae import Detector, load
from sdmae.config import SourceConfig
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.data.zones import parse_zone
from sdmae.detector.maps import MapStream
from sdmae.detector.together import Part, maps_together
from sdmae.errors import DetectorError
from sdmae.live.accounts import Accounts
from sdmae.live.announce import Announcer
from sdmae.live.batcher import EACH, Batcher
from sdmae.live.desk import Desk
from sdmae.live.detectors import load_detectors
from sdmae.live.lane import Lane
from sdmae.live.metrics import Metrics
from sdmae.live.recorder import Recorder
from sdmae.live.settings import CameraSettings, Secret
from sdmae.live.store import FrameCounts, Store, StoredEvent
from sdmae.scoring import find_events
from sdmae.video import Frame, find_clips, read_frames
from sdmae.video.live import StreamInfo
from video_files import SIZE

NOWHERE = Secret.address("rtsp://127.0.0.1:9/x")
INFO = StreamInfo(SIZE, 5.0, "h264")


def camera(name: str, detector: Path, **more: object) -> CameraSettings:
    return replace(CameraSettings(name, NOWHERE, str(detector)), **more)  # type: ignore[arg-type]


@dataclass
class World:
    """Lanes whose frames are given by hand."""

    lanes: dict[str, Lane]
    batcher: Batcher
    accounts: Accounts
    store: Store
    recorder: Recorder

    def give(self, name: str, frames: list[Frame]) -> None:
        lane = self.lanes[name]
        for frame in frames:
            lane.receive(frame)
            lane.prepare(frame, INFO)
            self.batcher.offer(lane, frame)

    def counts(self, name: str) -> FrameCounts:
        return self.accounts.of(name)

    def settle(self) -> None:
        """Scores all that waits, as at the end of a file."""
        self.batcher.start(list(self.lanes.values()))
        for lane in self.lanes.values():
            self.batcher.end(lane, lost=True)
        until(lambda: not any(count.waiting for count in self.accounts.all().values()))
        until(lambda: not any(lane.broken_off for lane in self.lanes.values()))
        self.recorder.close(10)

    def events(self) -> list[StoredEvent]:
        return sorted(self.store.read.events(), key=lambda event: event.id)


@contextmanager
def world(folder: Path, *cameras: CameraSettings, limit: int | None = None) -> Iterator[World]:
    with open_in(folder) as store:
        names = [one.name for one in cameras]
        announcer = Announcer(store, [])
        recorder = Recorder(announcer, store)
        accounts = Accounts(names)
        metrics = Metrics(accounts, queues=dict, spool=dict, dropped=dict)
        desk = Desk(
            accounts,
            metrics,
            recorder,
            store,
            SourceConfig(),
            lambda name: None,
            lambda name, time, score, late: None,
        )
        detectors = load_detectors(cameras, "cpu")
        lanes = {one.name: Lane(one, detectors[one.name], desk) for one in cameras}
        batcher = Batcher(accounts)
        try:
            for lane in lanes.values():
                lane.limit = limit or 10_000
                lane.go()
                lane.camera.close()
            yield World(lanes, batcher, accounts, store, recorder)
        finally:
            batcher.close(5)
            recorder.close(5)


def live(video: Path, detector: Detector, wall: float = 1.6e9) -> list[Frame]:
    """The frames of a file as a camera has them."""
    frames = read_frames(
        find_clips(str(video))[0], (detector.size,), grey=detector.config.input.grey, rate=detector.rate
    )
    return [replace(frame, wall=wall + frame.time) for frame in frames]


def test_one_batch_for_several_cameras(
    detector_file: Path, detector: Detector, odd_video: Path, tmp_path: Path
) -> None:
    cameras = [camera(name, detector_file, threshold=9.0) for name in ("a", "b", "c")]
    frames = live(odd_video, detector)[:30]
    with world(tmp_path, *cameras) as here:
        assert here.lanes["a"].detector.model is here.lanes["c"].detector.model
        for name in here.lanes:
            here.give(name, frames)
        here.settle()
        scored = here.counts("a").scored
        assert here.counts("a") == FrameCounts(30, scored, 30 - scored, 0)
        assert scored >= 20
        assert here.counts("b") == here.counts("c") == here.counts("a")
        assert here.batcher.frames == 3 * scored
        # Of each camera up to EACH frames, and those without neighbours come alone at both ends.
        assert here.batcher.batches <= -(-30 // EACH) + 2


def test_events_are_those_of_the_file(
    calibrated_file: Path, calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    levels = calibrated.levels(causal=True)
    expected = [
        one
        for one in find_events(calibrated.stream(odd_video), levels, calibrated.config.events.merge)
        if one.start > 1
    ]
    assert len(expected) == 1
    frames = live(odd_video, calibrated)
    with world(tmp_path, camera("a", calibrated_file), camera("b", calibrated_file)) as here:
        for part in (frames[:40], frames[40:]):
            for name in ("a", "b"):
                here.give(name, part)
        here.settle()
        found = here.events()
        assert {event.camera for event in found} == {"a", "b"}
        assert len(found) == 2
        for event in found:
            one = expected[0]
            assert event.start == pytest.approx(1.6e9 + one.start, abs=1e-3)
            assert event.end == pytest.approx(1.6e9 + one.end, abs=1e-3)
            assert event.peak.time == pytest.approx(1.6e9 + one.time, abs=1e-3)
            assert event.peak.score == pytest.approx(one.peak, rel=1e-4)
            assert event.peak.term == one.term
            assert one.box is not None
            shares = (SIZE.width, SIZE.height, SIZE.width, SIZE.height)
            assert event.peak.box == pytest.approx([edge * n for edge, n in zip(one.box, shares, strict=True)])
            assert event.ended_by == "scores"
            assert event.threshold == levels.opens
            assert event.thumbnail is not None
            assert (tmp_path / "media" / event.thumbnail).stat().st_size > 1000


def test_overload_sheds_the_oldest_of_each_alike(
    detector_file: Path, detector: Detector, odd_video: Path, tmp_path: Path
) -> None:
    cameras = [camera(name, detector_file, threshold=9.0) for name in ("a", "b")]
    frames = live(odd_video, detector)[:60]
    with world(tmp_path, *cameras, limit=8) as here:
        for frame in frames:
            for name in here.lanes:
                here.give(name, [frame])
        for name in here.lanes:
            count = here.counts(name)
            assert count.received == 60
            assert here.lanes[name].waiting.ready == 8
            assert count.shed == 60 - here.lanes[name].waiting.waiting
        here.settle()
        for name in here.lanes:
            count = here.counts(name)
            assert count.received == count.scored + count.unscored + count.shed == 60
            assert count.scored == 8
        assert here.counts("a") == here.counts("b")


def test_of_a_file_nothing_is_shed(detector_file: Path, detector: Detector, odd_video: Path, tmp_path: Path) -> None:
    frames = live(odd_video, detector)
    with world(tmp_path, camera("a", detector_file, threshold=9.0), limit=4) as here:
        here.lanes["a"].waits = True
        here.batcher.start(list(here.lanes.values()))
        here.give("a", frames)  # waits again and again until there is room
        here.batcher.end(here.lanes["a"], lost=True)
        until(lambda: not here.counts("a").waiting)
        assert here.counts("a").shed == 0
        assert here.counts("a").received == len(frames)


def test_frames_that_the_camera_dropped_are_shed(
    detector_file: Path, detector: Detector, odd_video: Path, tmp_path: Path
) -> None:
    frames = live(odd_video, detector)
    with world(tmp_path, camera("a", detector_file, threshold=9.0)) as here:
        here.give("a", [*frames[:20], *(replace(frame, stretch=1) for frame in frames[35:50])])
        here.settle()
        count = here.counts("a")
        assert (count.received, count.shed) == (50, 15)
        assert (
            count.unscored == 4
        )  # the outermost of each stretch: the camera is slow, one frame reaches over the gap
        assert count.waiting == 0


def test_zones_of_a_camera_share_the_batch(detector: Detector, odd_video: Path) -> None:
    zone = parse_zone("10,10 70,10 70,40 10,40", SIZE)
    config = detector.config
    zoned = detector.with_settings(replace(config, input=replace(config.input, ignore=(zone,))))
    assert zoned.network_fingerprint() == detector.network_fingerprint()
    assert zoned.fingerprint() != detector.fingerprint()
    frames = live(odd_video, detector)[36:46]
    samples = next(iter(stream_samples(frames, Spacing.of(config.input, 5.0), 10)))
    both = maps_together([Part(one, MapStream(one.config, one.size), samples) for one in (detector, zoned)])
    for one, maps in zip((detector, zoned), both, strict=True):
        alone = list(one.maps_of(frames, 5.0, batch=10))
        assert [image.index for image in maps] == [image.index for image in alone]
        for image, other in zip(maps, alone, strict=True):
            np.testing.assert_allclose(image.map, other.map, rtol=1e-4, atol=1e-6)
    assert not np.allclose(both[0][5].map, both[1][5].map)


def test_one_network_and_a_calibration_for_each(detector_file: Path, calibrated_file: Path, tmp_path: Path) -> None:
    other = load(calibrated_file, device="cpu")
    assert other.calibration is not None
    other.calibration = other.calibration.asked_for(200.0)
    other.save(tmp_path / "other.safetensors")
    cameras = [
        camera("a", calibrated_file),
        camera("b", tmp_path / "other.safetensors"),
        camera("c", detector_file, threshold=0.25),
    ]
    with world(tmp_path, *cameras) as here:
        assert len({lane.group for lane in here.lanes.values()}) == 1
        assert len({id(lane.detector.model) for lane in here.lanes.values()}) == 1
        opens = []
        for lane in here.lanes.values():
            assert lane.levels is not None
            assert lane.levels.levels is not None
            opens.append(lane.levels.levels.opens)
        assert opens[0] < opens[1]
        assert opens[2] == 0.25


def test_zones_are_of_the_cameras_picture(
    calibrated_file: Path, calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    zone = "10,10 70,10 70,40 10,40"
    cameras = [
        camera("all", calibrated_file, threshold=9.0),
        camera("part", calibrated_file, ignore=(zone,), threshold=9.0),
    ]
    frames = live(odd_video, calibrated)
    with world(tmp_path, *cameras) as here:
        for name in here.lanes:
            here.give(name, frames)
        one, other = here.lanes.values()
        assert one.group == other.group
        assert other.fingerprint != one.fingerprint
        here.settle()
        assert here.counts("all") == here.counts("part")
        highest = [max(lane.strip(1e12).scores) for lane in (one, other)]
        assert highest[1] < 0.95 * highest[0]


def test_without_any_threshold_it_is_refused(detector_file: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(DetectorError, match=r"camera a: .*run sdmae calibrate.*threshold.*warm_up"),
        world(tmp_path, camera("a", detector_file)),
    ):
        pass


def test_outside_its_hours_there_are_no_events(
    calibrated_file: Path, calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    from datetime import datetime

    moment = datetime(2026, 11, 25, 12, 0, 0).timestamp()
    cameras = [
        camera("out", calibrated_file, schedule="wed 14:00-15:00"),
        camera("in", calibrated_file, schedule="wed 11:00-12:30"),
    ]
    with world(tmp_path, *cameras) as here:
        for name in here.lanes:
            here.give(name, live(odd_video, calibrated, moment))
        here.settle()
        assert [event.camera for event in here.events()] == ["in"]


def test_the_scores_are_kept_as_history(
    calibrated_file: Path, calibrated: Detector, odd_video: Path, tmp_path: Path
) -> None:
    with world(tmp_path, camera("a", calibrated_file)) as here:
        here.give("a", live(odd_video, calibrated, 1.6e9))
        here.settle()
        minutes = here.store.read.minutes("a", 1.6e9 - 60, 1.6e9 + 120)
        assert sum(minute.counts.scored for minute in minutes) == here.counts("a").scored
        highest = max(float(np.nanmax(minute.scores)) for minute in minutes)
        assert highest == pytest.approx(here.events()[0].peak.score)
