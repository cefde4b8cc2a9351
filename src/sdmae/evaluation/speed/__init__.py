"""How fast a detector is, stage by stage and end to end, beside what the machine can do."""

from sdmae.evaluation.speed.run import Order, bench
from sdmae.evaluation.speed.subject import Setting

__all__ = ["Order", "Setting", "bench"]
