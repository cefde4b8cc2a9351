"""From normal video to a detector whose alarms come as seldom as was asked for."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from sdmae.config import ScoreConfig
from sdmae.data.store import Exclusion
from sdmae.data.zones import ignored_cells
from sdmae.detector import Detector
from sdmae.detector.gating import learned
from sdmae.errors import DetectorError, SourceError
from sdmae.progress import progress
from sdmae.recordings.files import check_writable, stamp
from sdmae.scoring import Calibration, VideoScores, calibrate_both
from sdmae.scoring.calibrated import normal_clip, warning, words
from sdmae.scoring.calibration import SHORTEST, check_lively, check_usual, too_many
from sdmae.video import Clip, Frame, probe, read_frames
from sdmae.video.place import lies_in

Report = Callable[[str], None]

NAMED = 8
"""Clips that are named in what is kept of a calibration."""
MOVED = 8.0
"""Grey levels by which a patch must differ from what it was at first: a still picture that is coded anew does not."""

_KEPT = re.compile(r".+\.npz(\.\d+\.part)?")
"""Names of the files in which the scores of finished clips wait."""


@dataclass(frozen=True)
class Order:
    """What to calibrate with, and where the result goes."""

    clips: Sequence[Clip]
    """Normal video, none of it learned from."""
    output: Path
    """The detector file to write. Scores of finished clips wait in a folder beside it, `<stem>.calibration`."""
    exclude: Sequence[Exclusion] = ()
    """Moments that are not normal, or outside the hours that are watched."""
    resume: bool = False
    """Take the scores that an interrupted run left."""
    overwrite: bool = False
    """Replace a file that is there."""
    force: bool = False
    """Take the video for normal, whatever the reference says."""
    reference: Calibration | None = None
    """What the detector was calibrated to before, by the same scores: video is held against it."""

    @property
    def folder(self) -> Path:
        """Where finished clips wait."""
        return self.output.with_name(f"{self.output.stem}.calibration")


def calibrate(detector: Detector, order: Order, report: Report) -> Detector:
    """The same detector with thresholds for `events.false_alarms_per_day`, written to `order.output`.

    What is cut out is scored, as it stands between what is not, but it and its neighbours do not count. What a gate
    does not know yet of this camera, it learns of the same video first. Raises
    `DetectorError` where the output exists, `SourceError` for video that cannot be used, or does not look normal to
    the detector.
    """
    if order.output.exists() and not order.overwrite:
        raise DetectorError(f"{order.output}: exists; choose another --output, or --overwrite it")
    for clip in order.clips:
        if lies_in(clip, order.folder):
            raise SourceError(f"{clip.path}: lies in {order.folder}, where scores would go; choose another --output")
    check_writable(order.output.parent)
    if not order.resume:
        _clear(order)
    if not order.force and not any(_moves(detector, clip, order.exclude) for clip in order.clips):
        raise SourceError(
            "nothing moves in this video: a threshold learned from it would alarm at the first thing that does; "
            "calibrate with video in which ordinary things happen, or say --force"
        )
    detector = _gated(detector, order, report)
    pairs: list[tuple[VideoScores, VideoScores]] = []
    used: list[str] = []
    total = _frames(order.clips, detector.rate)
    with progress("calibrating", total, "frames") as bar:
        for clip in order.clips:
            try:
                both = _scores(detector, clip, order, report)
            except SourceError as error:
                if len(order.clips) == 1:
                    raise
                report(f"{error}; left out")
                continue
            bar.update(len(both[0].scores))
            used.append(clip.name)
            _refuse_abnormal(both, clip, order)
            pairs += _cut(both, clip, order.exclude, detector.config.score)
    if not pairs:
        raise SourceError("no normal video is left to calibrate with: the exclusions cover everything, or none reads")
    # Under other zones the scores are lower, and lower ones are no sign of stillness.
    if order.reference and detector.calibration and not order.force:
        check_lively([normal_clip(causal) for _, causal in pairs], order.reference.causal)
    more = f" and {len(used) - NAMED} more" if len(used) > NAMED else ""
    video = f"{len(used)} clip{'' if len(used) == 1 else 's'}: {', '.join(used[:NAMED])}{more}"
    found = calibrate_both(pairs, detector.config.events, detector.calibration_fingerprint(), video)
    calibrated = Detector(
        detector.model,
        detector.config,
        detector.provenance,
        calibration=found,
        device=detector.device,
        batch=detector.batch,
    )
    calibrated.save(order.output)
    _clear(order)
    for name, level in (("live and causal", found.causal), ("offline", found.offline)):
        report(f"{name}: {words(level)}")
        if said := warning(level):
            report(f"{name}: {said}")
    for line in _doubts(pairs, detector, order):
        report(line)
    seen = [clip.name for clip in order.clips if clip.mark in detector.provenance.get("marks", ())]
    if seen:
        report(
            f"the detector was trained on {', '.join(seen[:8])} (or on a video of that name and size), which looks "
            "calmer to it than new video will: better calibrate with what it has not seen"
        )
    return calibrated


def _gated(detector: Detector, order: Order, report: Report) -> Detector:
    """The same detector with what its gate has to know, where it has one."""
    if not detector.config.gate.active:
        return detector
    gate = learned(detector.config, detector.model, _normal(detector, order))
    report(
        f"gate: what changes by more than {gate.threshold:g} grey levels moves; where nothing does, the classifier "
        f"is taken to say {gate.idle:g}"
    )
    return detector.with_settings(replace(detector.config, gate=gate))


def _normal(detector: Detector, order: Order) -> Iterator[tuple[Iterator[Frame], float]]:
    """The frames of each clip that are not excluded, and their rate; what cannot be read is told of later."""
    for clip in order.clips:
        with contextlib.suppress(SourceError):
            frames = read_frames(clip, (detector.size,), grey=detector.config.input.grey, rate=detector.rate)
            yield _left(frames, clip, order.exclude), probe(clip).rate


def _left(frames: Iterator[Frame], clip: Clip, exclude: Sequence[Exclusion]) -> Iterator[Frame]:
    with contextlib.suppress(SourceError):
        yield from (frame for frame in frames if not any(e.holds(clip.name, frame.time) for e in exclude))


def _refuse_abnormal(both: tuple[VideoScores, VideoScores], clip: Clip, order: Order) -> None:
    """At once, and not when hours more have been scored."""
    if order.reference is None or order.force:
        return
    levels = (order.reference.offline, order.reference.causal)
    for scores, level in zip(both, levels, strict=True):
        left = [one for one, _ in _cut((scores, scores), clip, order.exclude, ScoreConfig())]
        if sum(float(np.ptp(one.times)) for one in left if len(one.times)) > SHORTEST:
            try:
                check_usual([normal_clip(one) for one in left], level)
            except SourceError as error:
                raise SourceError(f"{clip.path}: {error}") from None


def _doubts(pairs: Sequence[tuple[VideoScores, VideoScores]], detector: Detector, order: Order) -> list[str]:
    """What may not be normal in the video that was taken for it."""
    if order.force:
        return []
    if order.reference is None:
        return ["whether this video is normal could not be checked: there was no calibration by these scores before"]
    causal = [normal_clip(one) for _, one in pairs]
    count, most, places = too_many(causal, order.reference.causal, detector.config.events)
    if count <= most:
        return []
    where = ", ".join(f"{pairs[k][1].name}:{max(time - 2, 0):.0f}-{time + 2:.0f}" for k, time in places)
    return [
        f"{count} alarms of the calibration before in this video, where {most} at most were to be expected: is all "
        f"of it normal? Look at {where}, and leave out what is not with --exclude"
    ]


def _moves(detector: Detector, clip: Clip, exclude: Sequence[Exclusion]) -> bool:
    """Whether anything ever looks otherwise than at first. Looks no further than that, so seldom far."""
    patch, grey = detector.config.model.patch, None
    grid = detector.size.height // patch, detector.size.width // patch
    watched = ~ignored_cells(detector.config.input.ignore, grid)
    try:
        for frame in read_frames(clip, (detector.size,), grey=True, rate=detector.rate):
            if any(e.holds(clip.name, frame.time) for e in exclude):
                continue
            cells = frame.image.reshape(grid[0], patch, grid[1], patch).mean((1, 3), dtype=np.float32)
            if grey is None:
                grey = cells
            elif float(np.abs(cells - grey)[watched].max()) > MOVED:
                return True
    except SourceError:
        return True  # told when it is to be scored
    return grey is None


def _frames(clips: Sequence[Clip], rate: float) -> int | None:
    total = 0.0
    for clip in clips:
        try:
            info = probe(clip)
        except SourceError:
            continue  # told when it is to be scored
        if info.declared_frames is None:
            return None
        total += info.declared_frames * min(1.0, rate / info.rate)
    return round(total)


def _clear(order: Order) -> None:
    """Away with the scores in the folder, and with it if nothing else is there: what is not ours stays."""
    with contextlib.suppress(OSError):
        for path in order.folder.iterdir():
            if _ours(path, order.clips):
                path.unlink()
        order.folder.rmdir()


def _ours(path: Path, clips: Sequence[Clip]) -> bool:
    """Whether a file holds scores that some run of ours has written, of these clips or of others."""
    if not _KEPT.fullmatch(path.name) or not path.is_file():
        return False
    if path.name.endswith(".part") or any(path.name == f"{clip.name}.npz" for clip in clips):
        return True
    try:
        with path.open("rb") as data, np.load(data) as kept:
            return {"key", "offline_scores", "causal_scores"} <= set(kept.files)
    except (OSError, ValueError, EOFError, BadZipFile):
        return False


def _scores(detector: Detector, clip: Clip, order: Order, report: Report) -> tuple[VideoScores, VideoScores]:
    """Offline and causal scores of a clip, from the folder of finished ones if they are there."""
    path = order.folder / f"{clip.name}.npz"
    key = json.dumps([detector.calibration_fingerprint(), stamp(clip)])
    if path.exists():
        try:
            with path.open("rb") as data, np.load(data) as kept:
                if str(kept["key"]) == key:
                    return _unpacked(clip.name, kept, "offline"), _unpacked(clip.name, kept, "causal")
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            pass  # cut off while it was written: scored again
    both = detector.score_both(clip, report=report)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        order.folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez(file, **{"key": np.array(key), **_packed(both[0], "offline"), **_packed(both[1], "causal")})
        part.replace(path)
    except OSError as error:
        raise DetectorError(
            f"{order.folder}: cannot be written ({error.strerror}); choose another --output"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return both


def _packed(scores: VideoScores, name: str) -> dict[str, Any]:
    parts = np.zeros((len(scores.scores), 0)) if scores.parts is None else scores.parts
    values = {"frames": scores.frames, "times": scores.times, "scores": scores.scores, "raw": scores.raw}
    return {f"{name}_{key}": value for key, value in {**values, "parts": parts}.items()}


def _unpacked(clip: str, kept: np.lib.npyio.NpzFile, name: str) -> VideoScores:
    values = {key: kept[f"{name}_{key}"] for key in ("frames", "times", "scores", "raw", "parts")}
    parts = values.pop("parts")
    return VideoScores(clip, **values, parts=parts if parts.shape[1] else None)


def _cut(
    both: tuple[VideoScores, VideoScores], clip: Clip, exclude: Sequence[Exclusion], score: ScoreConfig
) -> list[tuple[VideoScores, VideoScores]]:
    """What the exclusions leave of a clip, in unbroken pieces, and without frames into whose scores they reach."""
    times = both[0].times
    keep = np.ones(len(times), np.bool_)
    before, after = 4 * score.sigma, max(4 * score.sigma, 4 * score.causal_seconds)
    for one in exclude:
        if one.clip in (None, clip.name):
            keep &= (times < one.start - before) | (times > one.end + after)
    edges = np.flatnonzero(np.diff(keep)) + 1
    pieces = [piece for piece in np.split(np.arange(len(times)), edges) if len(piece) and keep[piece[0]]]
    return [(both[0].rows(piece), both[1].rows(piece)) for piece in pieces]
