"""Schedules: the hours of the week in which a camera is watched, and what of a clip falls outside them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sdmae.data.store import Exclusion
from sdmae.errors import ConfigError
from sdmae.video import Clip, probe
from sdmae.video.clock import taken_at

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_LONGEST = 31 * 24 * 3600.0
"""Seconds of a clip that are looked at where its length is not known."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Stretches of the week, in minutes since Monday 00:00, none beginning before the one before it has ended."""

    spans: tuple[tuple[int, int], ...]
    """(start, stop) in minutes, 0 to 10,080."""

    def open_at(self, moment: datetime) -> bool:
        """Whether it is open at that local time."""
        minute = self._minute(moment)
        return any(start <= minute < stop for start, stop in self.spans)

    def closed(self, start: datetime, seconds: float) -> list[tuple[float, float]]:
        """Stretches of the next `seconds` after `start` in which it is closed, in seconds after `start`."""
        closed: list[tuple[float, float]] = []
        monday = start - timedelta(minutes=self._minute(start))
        edge, week = 0.0, 0
        while edge < seconds:
            for first, last in self.spans:
                opens = (monday + timedelta(weeks=week, minutes=first) - start).total_seconds()
                shuts = (monday + timedelta(weeks=week, minutes=last) - start).total_seconds()
                if shuts <= edge:
                    continue
                if opens > edge:
                    closed.append((edge, min(opens, seconds)))
                edge = shuts
                if edge >= seconds:
                    break
            week += 1
            if week > 2 + seconds / (60 * _WEEK):
                break
        return [(a, b) for a, b in closed if b > a]

    @staticmethod
    def _minute(moment: datetime) -> float:
        seconds = moment.second + moment.microsecond / 1e6
        return moment.weekday() * _DAY + moment.hour * 60 + moment.minute + seconds / 60


def parse_schedule(text: str) -> Schedule | None:
    """The schedule that a text such as `mon-fri 08:00-18:00, sat 10:00-14:00` says; None for an empty one: always.

    Days may be left out (every day); 22:00-06:00 goes on into the next day, and 24:00 is a day's end. Raises
    `ConfigError` naming the part that is not understood.
    """
    if not text.strip():
        return None
    minutes: list[tuple[int, int]] = []
    for part in text.split(","):
        found = re.fullmatch(
            r"(?:([a-z]{3})[a-z]*(?:\s*-\s*([a-z]{3})[a-z]*)?\s+)?(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)",
            part.strip().lower(),
        )
        times = [int(number) for number in found.groups()[2:]] if found else []
        days = [name for name in found.groups()[:2] if name] if found else []
        start, stop = (times[0] * 60 + times[1], times[2] * 60 + times[3]) if times else (-1, -1)
        bad = not found or any(day not in DAYS for day in days) or times[1] > 59 or times[3] > 59
        if bad or not 0 <= start < _DAY or not 0 < stop <= _DAY or start == stop:
            raise ConfigError(
                f"schedule '{part.strip()}': write days and hours as in 'mon-fri 08:00-18:00, sat 10:00-14:00'"
            )
        first = DAYS.index(days[0]) if days else 0
        last = DAYS.index(days[-1]) if days else 6
        for number in range((last - first) % 7 + 1):
            begins = (first + number) % 7 * _DAY + start
            minutes.append((begins, begins + ((stop - start) % _DAY or _DAY)))
    return Schedule(_joined(minutes))


def outside(clips: Sequence[Clip], schedule: Schedule | None, start: datetime | None = None) -> list[Exclusion]:
    """What of the clips falls outside the schedule.

    start: of the one clip there is; None: each clip's own. Raises `ConfigError` naming a clip that does not say when
    it was taken, or where `start` is to serve several.
    """
    if start is not None and len(clips) > 1:
        raise ConfigError(
            f"--start is the time of one clip, but there are {len(clips)}; put the time into their names"
        )
    if schedule is None:
        return []
    exclusions = []
    for clip in clips:
        taken = start or taken_at(clip)
        if taken is None:
            raise ConfigError(
                f"{clip.path}: does not say when it was taken, so that a schedule cannot be kept; give --start "
                f"2026-11-23T08:00, or a name such as cam_20261123-080000{clip.path.suffix}"
            )
        seconds = probe(clip).declared_seconds or _LONGEST
        exclusions += [Exclusion(a, b, clip.name) for a, b in schedule.closed(taken, seconds + 60)]
    return exclusions


def _joined(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Stretches cut at the week's end and joined where they touch or overlap."""
    cut = [piece for a, b in spans for piece in ((a, min(b, _WEEK)), (0, b - _WEEK)) if piece[1] > piece[0]]
    joined: list[tuple[int, int]] = []
    for a, b in sorted(cut):
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(b, joined[-1][1]))
        else:
            joined.append((a, b))
    return tuple(joined)
