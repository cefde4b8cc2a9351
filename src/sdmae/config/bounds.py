"""What settings may be."""

from __future__ import annotations

from collections.abc import Iterable

from sdmae.config.settings import Config, SourceConfig
from sdmae.errors import ConfigError


def check_source(config: SourceConfig) -> None:
    """Raises `ConfigError` naming the first setting of a source that is out of its range."""
    _within(
        [
            ("open_timeout", config.open_timeout, 0.1, 600),
            ("read_timeout", config.read_timeout, 0.1, 600),
            ("max_pixels", config.max_pixels, 1, 1 << 30),
            ("first_retry", config.first_retry, 0.01, 3600),
            ("last_retry", config.last_retry, config.first_retry, 3600),
            ("keep_seconds", config.keep_seconds, 0, 3600),
            ("keep_megabytes", config.keep_megabytes, 0, 1e5),
            ("waiting_frames", config.waiting_frames, 1, 1e5),
        ]
    )
    if config.transport not in ("tcp", "udp"):
        raise ConfigError(f"transport is {config.transport}; it must be tcp or udp")


def _within(bounds: Iterable[tuple[str, float, float, float]]) -> None:
    for name, value, low, high in bounds:
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value:.10g}; it must be between {low:.10g} and {high:.10g}")


def check(config: Config) -> None:
    """Raises `ConfigError` naming the first setting that is out of its range."""
    model, train, anomalies = config.model, config.train, config.anomalies
    bounds: list[tuple[str, float, float, float]] = [
        ("input.height", config.input.height or 1, 1, 1 << 16),
        ("input.width", config.input.width or 1, 1, 1 << 16),
        ("input.rate", config.input.rate or 25.0, 1e-3, 1e5),
        ("input.tokens", config.input.tokens, 1, 1 << 20),
        ("input.gap", config.input.gap, 1e-3, 1e4),
        ("input.gradient_gap", config.input.gradient_gap, 1e-3, 1e4),
        ("model.patch", model.patch, 1, 256),
        ("model.encoder_width", model.encoder_width, 1, 1 << 16),
        ("model.decoder_width", model.decoder_width, 1, 1 << 16),
        ("model.mlp_ratio", model.mlp_ratio, 0.01, 100),
        ("model.depth", model.depth, 1, 64),
        ("model.heads", model.heads, 1, 64),
        ("model.dropout", model.dropout, 0, 0.99),
        ("model.masking_ratio", model.masking_ratio, 0, 0.99),
        ("model.token_share", model.token_share, 0.001, 1),
        ("model.map_weight", model.map_weight, 0, 1e6),
        ("model.classifier_weight", model.classifier_weight, 0, 1e6),
        ("anomalies.probability", anomalies.probability, 0, 1),
        ("anomalies.objects", anomalies.objects, 1, 1 << 20),
        ("anomalies.per_frame", anomalies.per_frame, 1, 16),
        ("anomalies.decoys", anomalies.decoys, 0, 1),
        ("train.teacher_epochs", train.teacher_epochs, 1, 1 << 20),
        ("train.student_epochs", train.student_epochs, 1, 1 << 20),
        ("train.batch_size", train.batch_size, 1, 1 << 20),
        ("train.learning_rate", train.learning_rate, 1e-9, 10),
        ("train.warmup_steps", train.warmup_steps, 0, 1 << 30),
        ("train.weight_decay", train.weight_decay, 0, 100),
        ("train.clip_norm", 1 if train.clip_norm is None else train.clip_norm, 1e-9, 1e9),
        ("train.checkpoint_minutes", train.checkpoint_minutes, 0, 1e6),
        ("train.held_out", train.held_out, 0.001, 0.9),
        ("train.validation_samples", train.validation_samples, 8, 1 << 20),
        ("train.validate_every", train.validate_every, 1, 1 << 20),
        ("score.sigma", config.score.sigma, 0, 1e4),
        ("score.causal_seconds", config.score.causal_seconds, 0, 1e4),
        ("score.still", config.score.still, 0, 1e6),
        ("score.still_seconds", config.score.still_seconds, 0.5, 3600),
        ("events.false_alarms_per_day", config.events.false_alarms_per_day, 1e-4, 1e6),
        ("events.hysteresis", config.events.hysteresis, 0, 1),
        ("events.merge", config.events.merge, 0, 3600),
        ("score.filter_frames", config.score.filter_frames, 1, 1001),
        ("score.filter_cells", config.score.filter_cells, 1, 1001),
        ("gate.threshold", 0 if config.gate.threshold is None else config.gate.threshold, 0, 510),
        ("gate.idle", 0 if config.gate.idle is None else config.gate.idle, 0, 1),
        ("gate.margin", config.gate.margin, 0, 64),
        ("gate.halo", config.gate.halo, 0, 1),
        ("gate.context", config.gate.context, 0, 1),
        ("gate.step", config.gate.step, 1.05, 32),
        ("gate.full_seconds", config.gate.full_seconds, 0, 1e6),
    ]
    _within(bounds)
    if (config.input.height is None) != (config.input.width is None):
        raise ConfigError("input.height and input.width belong together: give both, or neither")
    for polygon in config.input.ignore:
        if len(polygon) < 6 or len(polygon) % 2 or not all(0 <= value <= 1 for value in polygon):
            raise ConfigError(
                f"input.ignore: {list(polygon)} is no polygon; give x1, y1, x2, y2, x3, y3 and so on, all from 0 to 1"
            )
    if config.gate.train and not config.gate.active:
        raise ConfigError("gate.train is on, but gate.active is not: turn both on, or neither")
    for name in ("filter_frames", "filter_cells"):
        if getattr(config.score, name) % 2 == 0:
            raise ConfigError(f"score.{name} is {getattr(config.score, name)}; it must be odd")
    for name in ("encoder_width", "decoder_width"):
        width = getattr(model, name)
        if width % 4 or width % model.heads:
            raise ConfigError(
                f"model.{name} is {width}; it must be a multiple of 4 and of model.heads, {model.heads}"
            )
    for name in ("families", "held_out"):
        if not getattr(anomalies, name):
            raise ConfigError(f"anomalies.{name} is empty; name a family of synthetic anomalies, such as thin")
    for family in anomalies.families:
        if family in anomalies.held_out:
            raise ConfigError(f"anomalies: {family} is both trained on and held out; choose one")
