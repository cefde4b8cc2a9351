"""What goes into the store and what comes out of it. All times are seconds since 1970, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["normal", "real"]
"""What a person said of an event: this was normal, or it was real."""

Box = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max in pixels of the source."""

Ending = Literal["scores", "lost", "stopped", "crash"]
"""Why an event is over: scores came down, the camera was lost, the program stopped, or it was killed and found the
event open at its next start."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The frame that shows an event best."""

    time: float
    """When it was."""
    score: float
    """The highest score so far."""
    box: Box | None = None
    """Of the strongest region."""
    term: str | None = None
    """Which of `scoring.TERMS` carried the score there."""
    parts: dict[str, float] = field(default_factory=dict)
    """What each term adds there."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that has just opened."""

    camera: str
    """A camera that `Store.register` knows."""
    start: float
    """When the score passed the threshold."""
    threshold: float
    """The threshold then."""
    detector: str
    """Fingerprint of the detector."""
    peak: Peak
    """So far."""
    end: float | None = None
    """The last moment above the closing level so far. None: the start."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is kept."""

    id: int
    """Never used for another event of the same store."""
    camera: str
    """Name of the camera."""
    start: float
    """When the score passed the threshold."""
    end: float
    """When it was last above the closing level; of an open event, so far."""
    ended_by: Ending | None
    """None: it is open."""
    threshold: float
    """The threshold then."""
    detector: str
    """Fingerprint of the detector."""
    peak: Peak
    """The frame that shows it best."""
    clip: str | None
    """Path of the clip in the media folder."""
    thumbnail: str | None
    """Path of the thumbnail in the media folder."""
    acknowledged_by: str | None
    """Who has seen it; None: nobody yet."""
    acknowledged_at: float | None
    """When."""
    verdict: Verdict | None
    """What a person said of it."""
    keep: bool
    """Never deleted by retention."""

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.ended_by is None


@dataclass(frozen=True, slots=True)
class StoredCamera:
    """A camera that the store knows."""

    name: str
    """As in the settings."""
    source: str
    """As it may be seen: without user and password."""
    detector: str
    """Fingerprint of the detector it had last."""
    added: float
    """When it was seen first."""


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """What became of frames: received = scored + unscored + shed + waiting, always."""

    received: int = 0
    """Frames decoded that the detector was to look at."""
    scored: int = 0
    """Frames that have a score."""
    unscored: int = 0
    """Frames that can have none: a neighbour is missing, or the camera was lost."""
    shed: int = 0
    """Frames left out because the machine could not keep up."""

    @property
    def waiting(self) -> int:
        """Frames whose fate is not known yet."""
        return self.received - self.scored - self.unscored - self.shed

    def since(self, before: FrameCounts) -> FrameCounts:
        """What came after `before`."""
        return FrameCounts(
            self.received - before.received,
            self.scored - before.scored,
            self.unscored - before.unscored,
            self.shed - before.shed,
        )


@dataclass(frozen=True, slots=True)
class EventCounts:
    """The events of one camera."""

    total: int
    """All that are kept."""
    open: int
    """Those going on."""
    unseen: int
    """Those that nobody has acknowledged."""
    normal: int
    """Those of which a person said that it was normal."""
    real: int
    """Those of which a person said that it was real."""


@dataclass(frozen=True, slots=True)
class StoreSize:
    """Bytes."""

    database: int
    """Of the tables and indices; free pages within the file are not counted."""
    media: int
    """Of clips and thumbnails."""

    @property
    def total(self) -> int:
        """Both."""
        return self.database + self.media


@dataclass(frozen=True, slots=True)
class Hook:
    """What of the events is put into the outbox for one address."""

    name: str
    """Of the address."""
    when: tuple[str, ...]
    """Some of start, update, end."""
    limit: int
    """Posts that wait, at most: beyond it the oldest are dropped."""
