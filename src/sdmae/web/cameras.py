"""Cameras: how they are, what they see, their scores, their thresholds."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from sdmae.live.store import EventCounts, History
from sdmae.web.feed import camera_fields
from sdmae.web.parts import Given, NotThereError

DAY = 24 * 3600
_SHOWN = 500
"""Alarms of another threshold that are listed, at most."""

router = APIRouter(prefix="/api/cameras", tags=["cameras"])


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold to be set."""

    threshold: Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)] | None
    """None: the usual one again."""


@router.get("")
def cameras(parts: Given) -> list[dict[str, Any]]:
    """All cameras in the order of the settings, each with the number of its events that nobody has seen."""
    counts = parts.store.read.counts()
    none = EventCounts(0, 0, 0, 0, 0)
    return [
        camera_fields(camera) | {"events": asdict(counts.get(camera.name, none))}
        for camera in parts.service.cameras()
    ]


@router.get("/{name}/strip")
def strip(name: str, parts: Given, seconds: Annotated[float, Query(gt=0, le=300)] = 120) -> dict[str, Any]:
    """The newest scores of a camera, every one."""
    parts.camera(name)
    return asdict(parts.service.strip(name, seconds))


@router.get("/{name}/history")
def history(
    name: str,
    parts: Given,
    since: Annotated[float, Query(ge=0, le=1e11)],
    until: Annotated[float, Query(ge=0, le=1e11)],
    points: Annotated[int, Query(ge=1, le=2000)] = 600,
) -> dict[str, Any]:
    """The highest score of each of so many equal stretches of the time; null where nothing was scored.

    Of the last minute or two there is no history yet; `strip` has it.
    """
    camera = parts.camera(name)
    # The least that has a length: what is turned round, or empty, is no time at all.
    until = max(until, since + 1.0)
    kept = parts.store.read.minutes(name, since, until, detector=camera.detector)
    values = History.of(kept, since, until).strip(since, until, points)
    return {"since": since, "until": until, "scores": values}


@router.get("/{name}/picture", responses={200: {"content": {"image/jpeg": {}}}, 204: {}}, response_class=Response)
def picture(name: str, parts: Given, heat: bool = False) -> Response:
    """The newest scored frame, with the heat map if asked for; 204 where there is none yet."""
    parts.camera(name)
    jpeg = parts.service.picture(name, heat=heat)
    return Response(status_code=204) if jpeg is None else Response(jpeg, media_type="image/jpeg")


@router.get("/{name}/threshold")
def threshold(name: str, parts: Given) -> dict[str, Any]:
    """When its scores are an alarm, and how often calibration expects a false one."""
    parts.camera(name)
    return asdict(parts.service.thresholds(name))


@router.put("/{name}/threshold")
def set_threshold(name: str, wanted: Threshold, parts: Given) -> dict[str, Any]:
    """Sets the threshold from now on; null: the usual one again."""
    parts.camera(name)
    return asdict(parts.service.set_threshold(name, wanted.threshold))


@router.get("/{name}/would-be")
def would_be(
    name: str,
    parts: Given,
    threshold: Annotated[float, Query(allow_inf_nan=False)],
    days: Annotated[float, Query(gt=0, le=31)] = 7,
) -> dict[str, Any]:
    """How many alarms there would have been in the last days at another threshold, by the history of scores.

    `least` and `most`: certainly no fewer, no more; `hours`: of history that this rests on; `by_day`: of the local
    days, today last; the first is seldom a whole one.
    """
    parts.camera(name)
    until = time.time()
    since = until - days * DAY
    try:
        found = parts.service.would_be(name, threshold, since, until)
    except KeyError:
        raise NotThereError(f"camera {name} has no history yet") from None
    return {
        "threshold": threshold,
        "days": days,
        "alarms": found.count,
        "least": found.least,
        "most": found.most,
        "hours": round(found.hours, 3),
        "by_day": _by_day([start for start, _ in found.alarms], since, until),
        "spans": found.alarms[-_SHOWN:],
    }


def _by_day(starts: list[float], since: float, until: float) -> list[dict[str, Any]]:
    """How many of the times lie in each local day that has a part in the time from `since` to `until`."""
    # Not in steps of 24 hours: a day on which the clock is changed has 23 or 25.
    first, today, *numbers = (datetime.fromtimestamp(at).date().toordinal() for at in (since, until, *starts))
    every = range(first, today + 1)
    return [{"day": datetime.fromordinal(day).date().isoformat(), "alarms": numbers.count(day)} for day in every]
