"""How fast a detector is, stage by stage and end to end, beside what the machine can do."""

from sdmae.evaluation.speed.run import Order, bench
from sdmae.evaluation.speed.subject import RUNTIMES, Setting

__all__ = ["RUNTIMES", "Order", "Setting", "bench"]
