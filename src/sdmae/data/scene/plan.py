"""Which anomalies the test clips of a written scene hold, and when."""

from __future__ import annotations

from sdmae.data.scene.staged import STILL_KINDS, Staged

_CLIPS: tuple[tuple[str, ...], ...] = (
    ("runner", "thrown"),
    ("cyclist",),
    ("wrong_way", "car"),
    ("car", "runner"),
    ("thrown",),
    ("wrong_way",),
    ("cyclist", "runner"),
    ("car",),
)
"""Kinds of each clip, over and over; the first three hold every kind that moves."""

_NORMAL_FROM = 4
"""With so many clips, the last one is normal throughout."""


def plan_test_clips(clips: int, seconds: float) -> list[tuple[Staged, ...]]:
    """The anomalies of each of `clips` test clips of that length; an empty tuple for a normal one.

    One stands in the middle, two at 30 % and 70 % of the clip: in 20 s at 3:2 with normal video before and after.
    """
    plan = []
    for n in range(clips):
        kinds = () if clips >= _NORMAL_FROM and n == clips - 1 else _CLIPS[n % len(_CLIPS)]
        moments = (0.5,) if len(kinds) == 1 else (0.3, 0.7)
        plan.append(tuple(Staged(kind, at * seconds) for kind, at in zip(kinds, moments, strict=False)))
    return plan


def plan_still_clips(clips: int, seconds: float) -> list[tuple[Staged, ...]]:
    """The same with what stands still: one of `STILL_KINDS` in turn from 40 % of each clip to its end.

    As in `plan_test_clips` the last of four clips or more is normal throughout.
    """
    plan = [(Staged(STILL_KINDS[n % len(STILL_KINDS)], 0.4 * seconds),) for n in range(clips)]
    return [*plan[:-1], ()] if clips >= _NORMAL_FROM else [*plan]
