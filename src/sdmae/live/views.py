"""What a running `sdmae serve` tells of itself: to the page, and to whoever else holds a `LiveService`.

All times are seconds since 1970, UTC; all scores are causal ones. Nothing in here holds a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sdmae.live.health import CameraState
from sdmae.live.store import FrameCounts, Notice

From = Literal["page", "settings", "warm-up", "detector"]
"""Where a threshold comes from, the strongest first: set while running, written in the settings file, learnt in the
camera's own warm-up, calibrated in the detector file."""


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera now."""

    name: str
    """As in the settings."""
    source: str
    """As it may be seen: without user and password."""
    detector: str
    """Fingerprint of its detector: the one to ask the store's history by."""
    state: CameraState
    """How it is."""
    why: str
    """More of it in a few words, such as why it was lost; may be empty."""
    since: float
    """Since when it is so."""
    size: tuple[int, int] | None
    """Rows and columns of its own picture; None before the first."""
    rate: float
    """Frames a second that are looked at."""
    counts: FrameCounts
    """What became of its frames: received = scored + unscored + shed + waiting."""
    reconnects: int
    """Times that it was opened again."""
    score: float | None
    """The latest score; None before the first, and while it is lost."""
    time: float | None
    """When that frame came."""
    threshold: float | None
    """Alarms open above it; None while it is still being learnt in a warm-up."""
    event: int | None
    """Number of the event that is going on; None: none is."""
    warm_up: float | None
    """Share of its warm-up that is done, 0 to 1; None where it has none, or has ended."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a camera's scores are an alarm."""

    opens: float | None
    """An event begins above it; None while it is being learnt."""
    closes: float | None
    """It ends below it."""
    set_by: From | None
    """Where it comes from."""
    usual: float | None
    """The one that would hold if none were set on the page; None: none."""
    median: float | None
    """The median score of normal video; None where there is no calibration."""
    a_day: float | None
    """False alarms a day that the calibration expects at this threshold; None where there is none."""
    low: float | None
    """Lower end of its 90 % interval."""
    high: float | None
    """Upper end."""


@dataclass(frozen=True, slots=True)
class Strip:
    """The newest scores of a camera, N of them, not thinned out."""

    times: tuple[float, ...]
    """(N,) rising."""
    scores: tuple[float, ...]
    """(N,)."""
    threshold: float | None
    """As in `CameraView`."""
    now: float
    """When this was asked."""


@dataclass(frozen=True, slots=True)
class CameraChanged:
    """A camera is in another state, or has another threshold."""

    camera: CameraView


@dataclass(frozen=True, slots=True)
class Scored:
    """The highest score of a camera since the push before this: four a second at most."""

    camera: str
    time: float
    score: float
    latency: float
    """The longest time from one of their frames to its score, in seconds."""


Push = Notice | CameraChanged | Scored
"""What listeners are told. A `Notice` comes once the disk has the event."""
