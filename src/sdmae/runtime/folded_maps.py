"""From the last tokens of teacher and student to the maps of the score, one channel of the picture at a time.

A channel of all patches is small enough to stay in the processor's cache between the product that makes it and the
sum that takes it in; all channels of all patches are not.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from sdmae.model import SDMAE
from sdmae.model.tokens import scatter_patches


class FoldedMaps(nn.Module):
    """The heads of teacher and student together with `score_maps`, to the same result."""

    teacher_weight: Tensor
    teacher_bias: Tensor
    student_weight: Tensor
    student_bias: Tensor

    def __init__(self, model: SDMAE, resolution: Literal["pixel", "token"]) -> None:
        super().__init__()
        self.config, self.channels, self.grid = model.config, model.channels, model.grid
        self.resolution = resolution
        pixels = model.config.patch**2
        for name, head in (("teacher", model.head), ("student", model.student["head"])):
            assert isinstance(head, nn.Linear)
            weight = head.weight.detach().reshape(self.channels + 1, pixels, -1)
            self.register_buffer(f"{name}_weight", weight.clone())
            self.register_buffer(f"{name}_bias", head.bias.detach().reshape(self.channels + 1, pixels).clone())

    def forward(
        self, teacher: Tensor, student: Tensor, target: Tensor, rows: Tensor | None, cells: Tensor | None, b: int
    ) -> tuple[Tensor, ...]:
        """`error`, `discrepancy` and `anomaly_map`, each (B, h, w).

        `teacher`, `student` (B * K, D) normed; `target` (B * K, p*p*C) uint8, patches of x[t] with values ordered
        (row, column, channel); `cells` (B, K) of the tokens, None: all of them, in order; `rows` (B * K,), the same
        in the grids of all B frames, (B * h*w,).
        """
        wanted = target.reshape(target.shape[0], -1, self.channels)
        error, discrepancy, anomaly_map = self._of_map(teacher, student)
        for c in range(self.channels):
            predicted = self._predicted("teacher", c, teacher)
            apart = predicted - self._predicted("student", c, student)
            missed = predicted - (wanted[..., c].to(predicted.dtype) / 127.5 - 1)
            error = torch.addcmul(error, missed, missed)
            discrepancy = torch.addcmul(discrepancy, apart, apart)
        count = self.channels + 1
        return tuple(
            self._laid_out(values, rows, cells, b) for values in (error / count, discrepancy / count, anomaly_map)
        )

    def _predicted(self, who: str, channel: int, tokens: Tensor) -> Tensor:
        """One channel of what teacher or student predicts, (B * K, p*p)."""
        bias, weight = getattr(self, f"{who}_bias")[channel], getattr(self, f"{who}_weight")[channel]
        return torch.addmm(bias, tokens, weight.t())

    def _of_map(self, teacher: Tensor, student: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the map's channel adds to error and discrepancy, and the map itself; (B * K, p*p)."""
        if not self.config.map_weight:
            nothing = teacher.new_zeros(teacher.shape[0], self.teacher_weight.shape[1])
            return nothing, nothing, nothing
        predicted, other = (self._predicted(w, -1, t) for w, t in (("teacher", teacher), ("student", student)))
        if self.config.map_loss == "bce":
            predicted, other = predicted.sigmoid(), other.sigmoid()
        apart = predicted - other
        return predicted.square(), apart.square(), predicted.clamp(0, 1)

    def _laid_out(self, values: Tensor, rows: Tensor | None, cells: Tensor | None, b: int) -> Tensor:
        """(B * K, p*p) to maps (B, h, w); tokens that are not there are 0."""
        h, w = self.grid
        if self.resolution == "pixel":
            kept = (
                h * w if cells is None else cells.shape[1]
            )  # said, not left to -1: a traced graph would settle on it
            return scatter_patches(values.reshape(b, kept, -1), cells, self.grid, self.config.patch)
        values = values.mean(-1)
        if rows is not None:
            values = values.new_zeros(b * h * w).index_copy(0, rows, values)
        return values.reshape(b, h, w)
