"""Is this really normal? The moments of the training video that the finished detector finds strangest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdmae.data.store import Exclusion
from sdmae.detector import Detector
from sdmae.errors import SdmaeError
from sdmae.progress import progress
from sdmae.scoring import Map, VideoScores
from sdmae.video import Clip, Image, contact_sheet, heat, read_frames, write_picture

MOMENTS = 10
APART = 2.0
"""Seconds between two moments of one clip, at least."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of a clip and its score."""

    clip: Clip
    index: int
    time: float
    score: float


def review(
    detector: Detector,
    clips: Sequence[Clip],
    exclude: Sequence[Exclusion],
    path: Path,
    report: Callable[[str], None],
) -> list[Moment]:
    """Scores the training clips, writes a contact sheet of the highest moments, and says how to leave one out."""
    moments: list[Moment] = []
    with progress("reviewing", len(clips), "clips") as bar:
        for clip in clips:
            try:
                moments += _peaks(clip, detector.score(clip), exclude)
            except SdmaeError as error:
                report(str(error))
            moments = sorted(moments, key=lambda m: -m.score)[:MOMENTS]
            bar.update()
    tiles = []
    for clip in dict.fromkeys(m.clip for m in moments):
        mine = [m for m in moments if m.clip == clip]
        tiles += _tiles(detector, clip, mine)
    ranked = [tile for _, tile in sorted(tiles, key=lambda t: -t[0].score)]
    if ranked:
        write_picture(path, contact_sheet(ranked, columns=5, tile_width=320))
        report(
            f"{path}: the strangest moments of the training video ({len(ranked)}); leave out what is not normal with "
            f"--exclude [CLIP:]START-END and train again"
        )
    return moments


def _peaks(clip: Clip, scores: VideoScores, exclude: Sequence[Exclusion]) -> list[Moment]:
    found: list[Moment] = []
    for k in np.argsort(-scores.scores, kind="stable"):
        time = float(scores.times[k])
        near = any(abs(m.time - time) < APART for m in found)
        if not near and not any(e.holds(clip.name, time) for e in exclude):
            found.append(Moment(clip, int(scores.frames[k]), time, float(scores.scores[k])))
        if len(found) == MOMENTS:
            break
    return found


def _tiles(detector: Detector, clip: Clip, moments: Sequence[Moment]) -> list[tuple[Moment, tuple[Image, str]]]:
    wanted = {m.index: m for m in moments}
    maps: dict[int, Map] = {f.index: f.map for f in detector.frame_maps(clip, only=wanted)}
    tiles = []
    for frame in read_frames(clip, (None,)):
        moment = wanted.get(frame.index)
        if moment is not None and frame.index in maps:
            values = maps[frame.index]
            shown = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
            picture = heat(frame.image, shown, 0.5)
            tiles.append((moment, (picture, f"{clip.name}  {moment.time:.1f} s  {moment.score:.3g}")))
    return tiles
