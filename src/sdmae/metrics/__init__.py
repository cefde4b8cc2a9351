"""Measures of any detector's scores against ground truth: plain arrays in, numbers out."""

from sdmae.metrics.auc import (
    average_precision,
    equal_error_rate,
    macro_auc,
    macro_auc_two_class,
    micro_auc,
    micro_auc_clip_normalised,
    roc,
)

__all__ = [
    "average_precision",
    "equal_error_rate",
    "macro_auc",
    "macro_auc_two_class",
    "micro_auc",
    "micro_auc_clip_normalised",
    "roc",
]
