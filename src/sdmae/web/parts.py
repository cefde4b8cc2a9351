"""What the routes share: the running service, the store, and who is told of what."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from sdmae.errors import StoreError
from sdmae.live.store import Store
from sdmae.live.views import CameraView
from sdmae.web.feed import Feed
from sdmae.web.service import Service

T = TypeVar("T")
PATIENCE = 10.0
"""Seconds for which a browser is kept waiting for the disk."""


class NotThereError(Exception):
    """What was asked for is not there: 404."""


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a route may need."""

    service: Service
    store: Store
    feed: Feed

    def camera(self, name: str) -> CameraView:
        """The camera of that name. Raises `NotThereError`."""
        try:
            return self.service.camera(name)
        except KeyError:
            raise NotThereError(f"there is no camera {name}") from None


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


Given = Annotated[Parts, Depends(_parts)]
"""As a parameter of a route."""


def written(future: Future[T]) -> T:
    """What the store has written. Raises `StoreError` where it could not, or not in time."""
    try:
        return future.result(PATIENCE)
    except FutureTimeoutError:
        raise StoreError("the store has not answered in time; the change may still be made, look again") from None
