"""A detector on video files: for each a table of scores and a plot."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sdmae.detector import Detector
from sdmae.errors import DetectorError, SdmaeError
from sdmae.evaluation.files import check_writable, write_lines, write_text
from sdmae.evaluation.plots import score_plot
from sdmae.progress import progress
from sdmae.scoring import VideoScores
from sdmae.video import Clip

Report = Callable[[str], None]


def detect(
    detector: Detector,
    clips: Sequence[Clip],
    output: Path,
    *,
    causal: bool,
    resume: bool,
    report: Report,
) -> int:
    """Scores each clip into `output/<name>/scores.csv` and `scores.png`; returns how many could not be scored.

    A clip that cannot be read is reported in one line and the others go on. What is written is whole, so that with
    `resume` the clips that are there are skipped. Raises `DetectorError` where the folder holds another detector's
    scores, and `SourceError` where it cannot be written to.
    """
    mark = {"detector": detector.fingerprint(), "protocol": "causal" if causal else "offline"}
    _refuse_to_mix(mark, output / "run.json")
    check_writable(output)
    failed = 0
    with progress("scoring", len(clips), "videos") as bar:
        for clip in clips:
            folder = output / clip.name
            if not (resume and (folder / "scores.csv").exists()):
                try:
                    scores = detector.score(clip, causal=causal, report=report)
                    write_text(output / "run.json", json.dumps(mark, indent=2) + "\n")
                    write_scores(folder, scores)
                except SdmaeError as error:
                    if len(clips) == 1:
                        raise
                    failed += 1
                    report(str(error))
            bar.update()
    if failed:
        others = f"the others are in {output}" if failed < len(clips) else "nothing was written"
        report(f"{failed} of {len(clips)} videos could not be scored; {others}")
    return failed


def write_scores(folder: Path, scores: VideoScores, labels: Sequence[bool] | None = None) -> None:
    """`scores.png`, then `scores.csv` (`frame,time,score`), which so says that the folder is complete."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        score_plot(folder / "scores.png", scores.times, scores.scores, labels, title=scores.name)
    except OSError as error:
        raise DetectorError(f"{folder}: cannot be written to ({error.strerror}); choose another --output") from None
    write_lines(folder / "scores.csv", _table(scores))


def _table(scores: VideoScores) -> Iterator[str]:
    yield "frame,time,score\n"
    for frame, time, score in zip(scores.frames, scores.times, scores.scores, strict=True):
        yield f"{int(frame)},{time:.6f},{float(score)!r}\n"


def _refuse_to_mix(mark: dict[str, str], path: Path) -> None:
    """The folder says whose scores it holds; those of two detectors or protocols never stand in one."""
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
