"""One wide picture of what was found: three frames side by side and the score of the whole test video below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from sdmae.demo.alarms import Verdict
from sdmae.demo.overlay import Reviewed, score_limits, score_strip
from sdmae.demo.report import name_of
from sdmae.video import Image
from sdmae.video.draw import GREY, SLATE, WHITE
from sdmae.video.text import fit_text, put_text

FIRST = ("cyclist", "runner", "car", "thrown", "wrong_way")
"""Kinds in the order in which they are chosen."""
COLUMNS, TILE, GAP, CURVE, TEXT = 3, 560, 16, 132, 13
"""Pictures side by side, their width, what lies between them, rows of the curve, height of capitals: in pixels."""


def poster(clips: Sequence[Reviewed], stills: Mapping[tuple[str, int], Image], threshold: float) -> Image:
    """Up to three objects that were found, of different kinds if possible, over the score of all clips."""
    chosen = _choose([v for clip in clips for v in clip.verdicts])
    width = COLUMNS * TILE + (COLUMNS + 1) * GAP
    parts = [_tiles(chosen, stills, width)] if chosen else []
    inner = width - 2 * GAP
    curve = np.full((CURVE + GAP, width, 3), SLATE, np.uint8)
    curve[:CURVE, GAP : GAP + inner] = score_strip(
        inner,
        CURVE,
        np.concatenate([clip.scores.scores for clip in clips]),
        np.concatenate([clip.truth.labels for clip in clips]),
        threshold,
        score_limits(clips),
    )
    ends = np.cumsum([len(clip.scores.scores) for clip in clips])
    for end in ends[:-1]:
        column = GAP + round(inner * int(end) / int(ends[-1]))
        curve[:CURVE:3, column] = GREY  # where one clip ends and the next begins
    legend = np.full((round(TEXT * 3.4), width, 3), SLATE, np.uint8)
    seconds = sum(float(clip.scores.times[-1]) for clip in clips)
    text = (
        f"score (square-root scale) over {seconds:.0f} s of test video in {len(clips)} clips; "
        "dashed: threshold from normal video; red: ground truth"
    )
    put_text(legend, fit_text(text, inner, TEXT), TEXT // 2, GAP, TEXT, GREY)
    return np.concatenate([*parts, legend, curve])


def _choose(verdicts: Sequence[Verdict]) -> list[Verdict]:
    found = sorted((v for v in verdicts if v.found), key=lambda v: -v.peak)
    ranked: list[Verdict] = []
    for kind in FIRST:
        ranked += [v for v in found if v.track.kind == kind][:1]
    ranked += [v for v in found if v not in ranked]
    return ranked[:COLUMNS]


def _tiles(chosen: Sequence[Verdict], stills: Mapping[tuple[str, int], Image], width: int) -> Image:
    pictures = [stills[v.clip, v.track.id] for v in chosen]
    rows = max(round(p.shape[0] * TILE / p.shape[1]) for p in pictures)
    band = np.full((GAP + rows + round(TEXT * 2.6), width, 3), SLATE, np.uint8)
    for k, (verdict, picture) in enumerate(zip(chosen, pictures, strict=True)):
        left = GAP + k * (TILE + GAP)
        height = round(picture.shape[0] * TILE / picture.shape[1])
        band[GAP : GAP + height, left : left + TILE] = cv2.resize(
            picture, (TILE, height), interpolation=cv2.INTER_AREA
        )
        caption = f"{name_of(verdict.track.kind)}, {verdict.start:.1f} to {verdict.end:.1f} s of {verdict.clip}"
        put_text(band, fit_text(caption, TILE, TEXT), GAP + rows + TEXT // 2, left, TEXT, WHITE)
    return band
