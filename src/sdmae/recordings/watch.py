"""One video from decoding to its folder of results: scores, alarms with pictures, the annotated video."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from sdmae.data.schedule import Schedule, parse_schedule
from sdmae.detector import Detector
from sdmae.errors import DetectorError, SdmaeError
from sdmae.recordings.annotate import Marks, event_rows, write_overlay, write_thumbnails
from sdmae.recordings.files import stamp, write_text
from sdmae.recordings.heat_file import HeatFile
from sdmae.recordings.results import begin, finish, kept, refuse_other_source
from sdmae.recordings.tables import write_scores
from sdmae.scoring import Event, EventFormer, FrameMap, FrameScore, Levels, VideoScores, collect, score_frames
from sdmae.video import Clip, probe
from sdmae.video.clock import taken_at


@dataclass(frozen=True)
class Order:
    """What is wanted of each video."""

    output: Path
    """Each video gets a folder of its own in it."""
    causal: bool = False
    """The scores and alarms of a live stream: no look into the future."""
    resume: bool = False
    """Skip what is done."""
    overlay: bool = False
    """Write the annotated video, too."""
    table: str = "csv"
    """Format of the scores: csv, json or parquet."""
    threshold: float | None = None
    """Alarms open above it, instead of the calibrated one."""
    start: datetime | None = None
    """Local time of the first frame, where there is one clip that does not say."""
    jobs: int = 1
    """Videos scored at the same time, each in a process of its own."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of one video."""

    name: str
    frames: int = 0
    seconds: float = 0.0
    highest: float = 0.0
    events: int | None = None
    """Alarms; None where the detector has no threshold."""
    seconds_of_events: float = 0.0
    error: SdmaeError | None = None
    """Why it could not be scored."""
    skipped: bool = False
    """Done by an earlier run."""
    said: list[str] = field(default_factory=list)
    """Lines for the user."""


def score_clip(detector: Detector, clip: Clip, order: Order, step: Callable[[int], object]) -> Summary:
    """One video from decoding to its folder of results. Raises `SdmaeError` where it cannot be done."""
    folder = order.output / clip.name
    done = _done(detector, clip, order)
    refuse_other_source(folder, clip)
    if order.resume and (facts := kept(folder, done)):
        return Summary(name=clip.name, skipped=True, **facts)
    schedule = parse_schedule(detector.config.events.schedule)
    taken = order.start or taken_at(clip)
    if schedule is not None and taken is None:
        raise DetectorError(
            f"{clip.path}: does not say when it was taken, so that the schedule cannot be kept; give --start "
            f"2026-11-23T08:00, or a name such as cam_20261123-080000{clip.path.suffix}"
        )
    said: list[str] = []
    levels = levels_of(detector, order.threshold, causal=order.causal)
    events: list[Event] = []
    drawn = levels is not None or order.overlay
    with HeatFile() if drawn else nullcontext() as heat:
        found = _stepped(detector.frame_maps(clip, report=said.append), step)
        tap = None if heat is None else heat.append
        frames = score_frames(found, detector.config.score, detector.rate, causal=order.causal, explain=True, tap=tap)
        scores = collect(clip.name, _watched(frames, levels, detector.config.events.merge, events))
        if schedule is not None and taken is not None:
            events = [event for event in events if _inside(event, schedule, taken)]
        marks = Marks(
            frames=scores.frames,
            times=scores.times,
            scores=scores.scores,
            boxes=np.zeros((len(scores.frames), 4), np.float32) if scores.boxes is None else scores.boxes,
            heat=heat,
            events=events,
            levels=levels,
            median=_median(detector, order, scores),
        )
        begin(folder)
        thumbnails = write_thumbnails(folder, clip, marks) if levels else []
        if order.overlay:
            write_overlay(folder / "overlay.mp4", clip, marks, rate=probe(clip).rate)
    write_scores(folder, scores, table=order.table, threshold=levels.opens if levels else None, events=events)
    if levels:
        about = _about(detector, clip, order, levels, taken)
        rows = event_rows(events, probe(clip).size, thumbnails)
        for row in rows:
            row["taken"] = None if taken is None else (taken + timedelta(seconds=row["start"])).isoformat()
        write_text(folder / "events.json", json.dumps({**about, "events": rows}, indent=2) + "\n")
    summary = Summary(
        name=clip.name,
        frames=len(scores.scores),
        seconds=float(scores.times[-1] - scores.times[0]),
        highest=float(scores.scores.max()),
        events=len(events) if levels else None,
        seconds_of_events=sum(event.seconds for event in events),
        said=said,
    )
    files = ["scores.png", f"scores.{order.table}", *(["events.json"] if levels else []), *thumbnails]
    files += ["overlay.mp4"] if order.overlay else []
    facts = {k: getattr(summary, k) for k in ("frames", "seconds", "highest", "events", "seconds_of_events")}
    finish(folder, clip, files, done, facts)
    return summary


def _watched(
    frames: Iterator[FrameScore], levels: Levels | None, merge: float, events: list[Event]
) -> Iterator[FrameScore]:
    """The same frames, their events collected on the way."""
    former = EventFormer(levels, merge) if levels else None
    for frame in frames:
        if former and (event := former.push(frame)):
            events.append(event)
        yield frame
    if former and (event := former.flush()):
        events.append(event)


def _stepped(maps: Iterator[FrameMap], step: Callable[[int], object]) -> Iterator[FrameMap]:
    # By source frames, since those are what is expected: a fast source is thinned out. Offline scores come late, when
    # a stretch of video has ended; the network's maps show how far the work is.
    last = -1
    for one in maps:
        step(one.index - last)
        last = one.index
        yield one


def levels_of(detector: Detector, threshold: float | None, *, causal: bool) -> Levels | None:
    """The levels of an alarm under that threshold, or under the calibrated one; None where there is neither."""
    if threshold is None:
        return detector.levels(causal=causal) if detector.calibration else None
    if detector.calibration is None:
        return Levels(threshold, threshold)
    level = detector.calibration.level(causal=causal)
    return Levels.of(threshold, level.median, detector.config.events, level.normal_parts)


def _median(detector: Detector, order: Order, scores: VideoScores) -> float:
    if detector.calibration:
        return detector.calibration.level(causal=order.causal).median
    return float(np.median(scores.scores))


def _inside(event: Event, schedule: Schedule, taken: datetime) -> bool:
    """Whether any of it lies in the hours that are watched."""
    start = taken + timedelta(seconds=event.start)
    closed = sum(until - since for since, until in schedule.closed(start, event.seconds))
    return schedule.open_at(start) or closed < event.seconds


def _about(detector: Detector, clip: Clip, order: Order, levels: Levels, taken: datetime | None) -> dict[str, Any]:
    calibration = detector.calibration if order.threshold is None else None
    level = calibration.level(causal=order.causal) if calibration else None
    return {
        "video": clip.name,
        "source": str(clip.path),
        "taken": None if taken is None else taken.isoformat(),
        "detector": detector.fingerprint(),
        "protocol": _protocol(order),
        "threshold": levels.opens,
        "closes": levels.closes,
        "false_alarms_per_day": None
        if level is None
        else {"asked": level.asked, "expected": level.rate, "low": level.low, "high": level.high},
        "schedule": detector.config.events.schedule,
    }


def _protocol(order: Order) -> str:
    return "causal" if order.causal else "offline"


def mark_of(detector: Detector, order: Order) -> dict[str, Any]:
    """Whose scores they are; those of two detectors or protocols never stand in one folder."""
    return {"detector": detector.fingerprint(), "protocol": _protocol(order)}


def _done(detector: Detector, clip: Clip, order: Order) -> dict[str, Any]:
    """What must be the same for the results of a clip to be what would come now."""
    events = detector.config.events
    return {
        **mark_of(detector, order),
        "source": stamp(clip),
        "levels": str(levels_of(detector, order.threshold, causal=order.causal)),
        "events": [events.merge, events.schedule, None if order.start is None else order.start.isoformat()],
        "table": order.table,
        "overlay": order.overlay,
    }
