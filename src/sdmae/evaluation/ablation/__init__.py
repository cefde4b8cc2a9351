"""The paper's ablation: what each part of the method is worth, by leaving it out."""

from sdmae.evaluation.ablation.rows import Row, Skipped, rows_of
from sdmae.evaluation.ablation.run import Order, ablate, usual

__all__ = ["Order", "Row", "Skipped", "ablate", "rows_of", "usual"]
