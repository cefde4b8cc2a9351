"""What Prometheus reads: the frames' accounts as they are, and what the pipeline reports beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sdmae.errors import SdmaeError
from sdmae.live.accounts import Accounts

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds, upper edges."""

Lengths = Callable[[], Mapping[str, int]]
"""Gives lengths by name, at once. Where it raises `SdmaeError`, since the store cannot be read, they are left out."""


class Metrics:
    """The metrics of one `sdmae serve`, in a registry of their own."""

    def __init__(self, accounts: Accounts, *, queues: Lengths, spool: Lengths, dropped: Lengths) -> None:
        """`queues`: lengths by queue; `spool`: posts that wait by webhook; `dropped`: messages dropped by outlet."""
        self.registry = CollectorRegistry()
        self._accounts = accounts
        self._lengths = (
            ("sdmae_queue_length", "What waits.", "queue", queues, GaugeMetricFamily),
            ("sdmae_spool_posts", "Posts that have not got through.", "hook", spool, GaugeMetricFamily),
            ("sdmae_messages_dropped", "Messages and posts dropped.", "outlet", dropped, CounterMetricFamily),
        )
        self.registry.register(cast(Collector, self))
        by, registry = ["camera"], self.registry
        self._latency = Histogram("sdmae_latency_seconds", "Frame to score.", by, registry=registry, buckets=BUCKETS)
        self._score = Gauge("sdmae_score", "The latest score.", by, registry=registry)
        self._time = Gauge("sdmae_last_frame_time_seconds", "When the latest frame came.", by, registry=registry)
        self._reconnects = Counter("sdmae_reconnects", "Times a camera was opened again.", by, registry=registry)
        self._events = Counter("sdmae_events", "Events begun.", by, registry=registry)
        for camera in accounts.all():
            self._reconnects.labels(camera)
            self._events.labels(camera)

    def frame(self, camera: str, time: float) -> None:
        """A frame came, at that time in seconds since 1970."""
        self._time.labels(camera).set(time)

    def score(self, camera: str, score: float, latency: float) -> None:
        """A frame got its score, `latency` seconds after it came."""
        self._score.labels(camera).set(score)
        self._latency.labels(camera).observe(latency)

    def reconnect(self, camera: str) -> None:
        """A camera was opened again."""
        self._reconnects.labels(camera).inc()

    def event(self, camera: str) -> None:
        """An event has begun."""
        self._events.labels(camera).inc()

    def collect(self) -> Iterator[Metric]:
        """What is asked for at each scrape and not counted here; the registry calls it."""
        counts = self._accounts.all()
        for fate, text in (
            ("received", "Frames that were to be looked at."),
            ("scored", "Frames that got a score."),
            ("unscored", "Frames that could have none."),
            ("shed", "Frames left out since the machine could not keep up."),
        ):
            family = CounterMetricFamily(f"sdmae_frames_{fate}", text, labels=["camera"])
            for camera, count in counts.items():
                family.add_metric([camera], getattr(count, fate))
            yield family
        waiting = GaugeMetricFamily("sdmae_frames_waiting", "Frames whose fate is open.", labels=["camera"])
        for camera, count in counts.items():
            waiting.add_metric([camera], count.waiting)
        yield waiting
        for name, text, label, lengths, kind in self._lengths:
            try:
                found = lengths()
            except SdmaeError:
                continue
            lengths_family = kind(name, text, labels=[label])
            for key, length in found.items():
                lengths_family.add_metric([key], length)
            yield lengths_family

    def render(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
