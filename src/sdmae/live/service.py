"""Many cameras in, events out: the thing that `sdmae serve` runs, and all that a page needs of it.

    with LiveService(settings) as service:              # opens the store, starts cameras, scoring, outlets
        service.cameras()                               # [CameraView]: state, counts, latest score, threshold
        service.camera("yard")                          # one of them
        service.strip("yard", seconds=60)               # Strip: the newest scores, up to five minutes
        service.picture("yard")                         # JPEG bytes of the newest scored frame; None: none yet
        service.picture("yard", heat=True)              # the same with the heat map over it
        service.thresholds("yard")                      # Thresholds
        service.set_threshold("yard", 0.42)             # kept across restarts; None: the usual one again
        service.would_be("yard", 0.42, since, until)    # WouldBe: alarms there would have been, from the history
        end = service.subscribe(listener)               # listener(Push) on our threads, must not wait; end() ends it
        service.healthz(), service.readyz()             # Health
        service.metrics.render()                        # (bytes, content type) for /metrics
        service.store                                   # Store: store.read for questions; acknowledge, judge, keep
        service.settings                                # LiveSettings: host, port, token, ...

Every method may be called from any thread and answers at once, but for `picture`, which takes some milliseconds, and
`would_be`, which reads the store. An unknown camera is a KeyError.
"""

from __future__ import annotations

from collections.abc import Callable

from sdmae.live.health import Health
from sdmae.live.metrics import Metrics
from sdmae.live.settings import LiveSettings
from sdmae.live.store import Store, WouldBe
from sdmae.live.views import CameraView, Push, Strip, Thresholds


class LiveService:
    """See the head of this file."""

    settings: LiveSettings
    store: Store
    metrics: Metrics

    def __init__(self, settings: LiveSettings) -> None:
        """Starts everything. Raises `SdmaeError` for what cannot work: detectors, sources, the store."""
        raise NotImplementedError

    def cameras(self) -> list[CameraView]:
        """All cameras in the order of the settings."""
        raise NotImplementedError

    def camera(self, name: str) -> CameraView:
        """One camera."""
        raise NotImplementedError

    def strip(self, name: str, seconds: float = 60.0) -> Strip:
        """The newest scores of a camera."""
        raise NotImplementedError

    def picture(self, name: str, *, heat: bool = False) -> bytes | None:
        """The newest scored frame as a JPEG, with its heat map and box if asked for; None where there is none."""
        raise NotImplementedError

    def thresholds(self, name: str) -> Thresholds:
        """When its scores are an alarm."""
        raise NotImplementedError

    def set_threshold(self, name: str, threshold: float | None) -> Thresholds:
        """Sets the threshold from now on; None: the usual one again. An open event goes on under the new levels."""
        raise NotImplementedError

    def would_be(self, name: str, threshold: float, since: float, until: float) -> WouldBe:
        """The alarms another threshold would have given in that time."""
        raise NotImplementedError

    def subscribe(self, listener: Callable[[Push], object]) -> Callable[[], None]:
        """Has `listener` told of events, states and scores until what this gives is called."""
        raise NotImplementedError

    def healthz(self) -> Health:
        """Whether every thread lives."""
        raise NotImplementedError

    def readyz(self) -> Health:
        """Whether events would be seen and kept."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes open events and ends everything, within 5 s."""
        raise NotImplementedError

    def __enter__(self) -> LiveService:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
