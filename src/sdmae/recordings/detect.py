"""A detector on many video files: one after the other or several at a time, with a summary at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sdmae.detector import Detector
from sdmae.errors import DetectorError, SdmaeError
from sdmae.progress import progress
from sdmae.recordings.files import check_writable, write_text
from sdmae.recordings.results import DONE, refuse_sources
from sdmae.recordings.watch import Order, Summary, mark_of
from sdmae.recordings.workers import each
from sdmae.video import Clip, probe

Report = Callable[[str], None]

REMARKS = 2
"""Remarks on clips unlike those the detector knows, at most: most often they are all of one camera."""
LISTED = 20
"""Videos in the summary, at most: where there are more, those with the highest alarms."""


def detect(detector: Detector, clips: Sequence[Clip], order: Order, report: Report) -> int:
    """Scores each clip into `order.output/<name>/`; returns how many could not be scored.

    There: `scores.csv` (or .json, .parquet), `scores.png`, `events.json` and a picture of each event where there is a
    threshold, `overlay.mp4` if asked for, and `done.json` at the very end. A clip that cannot be read is reported in
    one line and the others go on, and so is one whose folder holds the results of another video. Raises
    `DetectorError` where the folder holds another detector's scores, and `SourceError` where it cannot be written to,
    or results would lie among the files of a clip.
    """
    mark = mark_of(detector, order)
    refuse_sources(clips, order.output)
    _refuse_to_mix(mark, order.output / "run.json")
    check_writable(order.output)
    expected = {clip.name: _expected(clip) for clip in clips}
    summaries: list[Summary] = []
    known = all(expected.values())
    done = 0
    with progress("detecting", sum(expected.values()) if known else None, "frames") as bar, ExitStack() as stack:
        for summary in each(detector, clips, order, stack, bar.update):
            # To where the clip ends, whether its steps were told, it was skipped, or it failed half-way.
            done = max(int(bar.n), done + (expected[summary.name] or summary.frames))
            bar.update(done - bar.n)
            for line in summary.said:
                report(line)
            if summary.error:
                if len(clips) == 1:
                    raise summary.error
                report(str(summary.error))
            elif not (order.output / "run.json").exists():
                write_text(order.output / "run.json", json.dumps(mark, indent=2) + "\n")
            summaries.append(summary)
    scored = {summary.name for summary in summaries if not summary.error and not summary.skipped}
    remarks = [line for clip in clips if clip.name in scored for line in detector.remarks(clip)]
    for line in remarks[:REMARKS]:
        report(line)
    if len(remarks) > REMARKS:
        report(f"and {len(remarks) - REMARKS} more remarks of the kind")
    return _tell(summaries, order, report)


def interrupted(clips: Sequence[Clip], order: Order) -> str:
    """What is told after Ctrl-C."""
    if not any((order.output / clip.name / DONE).exists() for clip in clips):
        return "interrupted; no video was finished, and nothing is kept of those under way"
    return f"interrupted; finished videos are in {order.output}: the same command with --resume does the rest"


def _expected(clip: Clip) -> int:
    try:
        return probe(clip).declared_frames or 0
    except SdmaeError:
        return 0


def _refuse_to_mix(mark: dict[str, Any], path: Path) -> None:
    if not path.exists():
        return
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    if found != mark:
        raise DetectorError(
            f"{path.parent}: holds scores of another detector or protocol; choose another --output, or delete it"
        )


def _tell(summaries: Sequence[Summary], order: Order, report: Report) -> int:
    """The summary at the end; returns how many videos failed."""
    good = [s for s in summaries if not s.error]
    failed = len(summaries) - len(good)
    if not good:
        report(f"{failed} of {len(summaries)} videos could not be scored; nothing was written")
        return failed
    width = max(len(s.name) for s in good)
    alarmed = [s for s in good if s.events]
    for s in sorted(alarmed, key=lambda s: -s.highest)[:LISTED] if len(good) > LISTED else good:
        alarms = "" if s.events is None else f"  {s.events:4d} event{'' if s.events == 1 else 's'}"
        done = "  (done before)" if s.skipped else ""
        report(
            f"  {s.name:<{width}}  {s.frames:7d} frames  {s.seconds:8.1f} s  highest {s.highest:.4g}{alarms}{done}"
        )
    if len(good) > LISTED:
        report(f"  and {len(good) - min(len(alarmed), LISTED)} more videos")
    seconds = sum(s.seconds for s in good)
    length = f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"
    videos = f"{len(good)} video{'' if len(good) == 1 else 's'}"
    total = f"{videos}, {sum(s.frames for s in good)} frames, {length}"
    if any(s.events is not None for s in good):
        count = sum(s.events or 0 for s in good)
        total += f", {count} event{'' if count == 1 else 's'}"
    report(f"{order.output}: {total}")
    if all(s.events is None for s in good):
        report("no alarms: this detector has no calibration; run sdmae calibrate with normal video, or --threshold")
    if failed:
        report(f"{failed} of {len(summaries)} videos could not be scored; the others are in {order.output}")
    return failed
