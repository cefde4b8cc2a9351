"""What the page needs of a running `sdmae serve`; `sdmae.live.service.LiveService` has it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sdmae.live.health import Health
from sdmae.live.store import WouldBe
from sdmae.live.views import CameraView, Push, Strip, Thresholds


class Rendered(Protocol):
    """The metrics."""

    def render(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its content type."""


class Service(Protocol):
    """Whoever watches the cameras. Any thread may call any method. An unknown camera is a KeyError."""

    @property
    def metrics(self) -> Rendered:
        """What Prometheus reads."""

    def cameras(self) -> list[CameraView]:
        """All cameras in the order of the settings."""

    def camera(self, name: str) -> CameraView:
        """One camera."""

    def strip(self, name: str, seconds: float = 60.0) -> Strip:
        """The newest scores of a camera, up to five minutes."""

    def picture(self, name: str, *, heat: bool = False) -> bytes | None:
        """The newest scored frame as a JPEG, with its heat map if asked for; None where there is none."""

    def thresholds(self, name: str) -> Thresholds:
        """When its scores are an alarm."""

    def set_threshold(self, name: str, threshold: float | None) -> Thresholds:
        """Sets the threshold from now on; None: the usual one again."""

    def would_be(self, name: str, threshold: float, since: float, until: float) -> WouldBe:
        """The alarms another threshold would have given in that time."""

    def subscribe(self, listener: Callable[[Push], object]) -> Callable[[], None]:
        """Has `listener`, which must not wait, told of everything; what this gives ends it."""

    def healthz(self) -> Health:
        """Whether a restart might help."""

    def readyz(self) -> Health:
        """Whether events would be seen and kept."""
