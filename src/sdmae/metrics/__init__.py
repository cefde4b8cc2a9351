"""Measures of any detector's scores against ground truth: plain arrays in, numbers out."""

from sdmae.metrics.alarms import (
    AlarmReport,
    OperatingPoint,
    alarm_report,
    alarms_per_day,
    event_delays,
    false_alarms,
    frame_ends,
    operating_point,
    runs_above,
)
from sdmae.metrics.auc import (
    average_precision,
    equal_error_rate,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    micro_auc_clip_normalised,
    roc,
)
from sdmae.metrics.bootstrap import Interval, Measure, bootstrap_auc, bootstrap_difference, pair_counts
from sdmae.metrics.derived import DerivedTracks, derive_tracks
from sdmae.metrics.detections import map_detections, quantile_levels, stream_detections
from sdmae.metrics.pixel import PixelAUC, pixel_auc
from sdmae.metrics.regions import RegionResult, rbdc_tbdc

__all__ = [
    "AlarmReport",
    "DerivedTracks",
    "Interval",
    "Measure",
    "OperatingPoint",
    "PixelAUC",
    "RegionResult",
    "alarm_report",
    "alarms_per_day",
    "average_precision",
    "bootstrap_auc",
    "bootstrap_difference",
    "derive_tracks",
    "equal_error_rate",
    "event_delays",
    "false_alarms",
    "frame_ends",
    "macro_auc",
    "macro_auc_two_class",
    "map_detections",
    "micro_auc",
    "micro_auc_clip_normalised",
    "operating_point",
    "pair_counts",
    "pixel_auc",
    "quantile_levels",
    "rbdc_tbdc",
    "roc",
    "runs_above",
    "stream_detections",
]
