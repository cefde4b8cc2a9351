"""Whether the program lives, and whether it does its work: for whoever restarts it, and for whoever relies on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

CameraState = Literal["starting", "warming up", "watching", "lost", "degraded", "off"]
"""How a camera is: no picture yet; pictures, but scores are not settled yet; all is well; no picture, it is tried
again; its decoder crashes again and again, it is tried again more seldom; not enabled."""


@dataclass(frozen=True, slots=True)
class Health:
    """An answer."""

    ok: bool
    """Whether all that is needed is there."""
    reasons: tuple[str, ...]
    """What is not well, a line each; also where it is no reason to say no."""


def healthz(beats: Mapping[str, float], now: float, *, limit: float = 30.0) -> Health:
    """Whether every thread has shown a sign of life within `limit` seconds: where not, a restart may help.

    beats: when each one did last, by its name, and now, by one clock that does not jump (time.monotonic). A camera
    that is lost, or a broker that is away, is nothing that a restart would mend.
    """
    late = [f"{name}: no sign of life for {now - beat:.0f} s" for name, beat in sorted(beats.items())]
    silent = tuple(line for line, (_, beat) in zip(late, sorted(beats.items()), strict=True) if now - beat > limit)
    return Health(not silent, silent)


def readyz(cameras: Mapping[str, CameraState], store_trouble: str | None) -> Health:
    """Whether events would be seen and kept: the store can be written, and of the cameras at least one is watched.

    cameras: how each one is. Cameras that are not well are named even where others are.
    """
    unwell = [
        f"camera {name}: {state}" for name, state in sorted(cameras.items()) if state not in ("watching", "off")
    ]
    reasons = ([store_trouble] if store_trouble else []) + unwell
    return Health(store_trouble is None and "watching" in cameras.values(), tuple(reasons))
