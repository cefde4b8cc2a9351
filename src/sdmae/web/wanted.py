"""Which events are asked for, as it stands in an address."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends, Query

from sdmae.live.store import Verdict, Wanted

State = Literal["open", "new", "seen", "normal", "real"]
"""Going on; seen by nobody; seen by somebody; said to be normal; said to be real."""

_Time = Annotated[float | None, Query(allow_inf_nan=False)]


def _wanted(
    camera: Annotated[str | None, Query(max_length=64)] = None,
    since: _Time = None,
    until: _Time = None,
    state: State | None = None,
) -> Wanted:
    verdicts: dict[State, Verdict] = {"normal": "normal", "real": "real"}
    return Wanted(
        camera=camera or None,
        since=since,
        until=until,
        open=True if state == "open" else None,
        acknowledged={"new": False, "seen": True}.get(state or ""),
        verdict=verdicts.get(state) if state else None,
    )


Asked = Annotated[Wanted, Depends(_wanted)]
"""As a parameter of a route."""
