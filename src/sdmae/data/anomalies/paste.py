"""Pasting objects of a bank into a batch of samples, on the device the samples are on.

Every decision is made on the CPU from one block of random numbers whose size depends on the batch alone; pixels are
blended in whole numbers. So a CPU and a GPU give the same picture to the bit, and nothing waits for the device.
Canvases of different sizes are worked through as one ragged list of pixels: no padding, no loop over samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sdmae.data.anomalies.bank import ObjectBank
from sdmae.data.anomalies.protocol import CENTRE

FINE = 64
"""Places are kept to this share of a pixel."""
SEEN = 64
"""Opacity, 0..255, from which a pixel belongs to the object's mask: a stroke thinner than a pixel still does."""
PER_SAMPLE, PER_OBJECT = 2, 10
"""Random numbers drawn for each sample, and for each object it might get."""
SHARP = 0.7
"""Share of the objects quick enough for it that are pasted at whole pixels, as sharp as the frame itself."""
ORDER = (CENTRE, 0, 1, 3, 4)
"""t comes first, so that its pixels, the only ones the mask needs, are the head of the list."""


def paste(
    samples: Tensor, bank: ObjectBank, probability: float, per_frame: int, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Samples with objects in some of them.

    `samples` (B, 5, H, W, C) uint8 are the instants t-s, t-1, t, t+1, t+s; they are left as they are. With
    `probability` a sample gets 1 to `per_frame` objects. `generator` is a CPU generator.

    Returns (B, 5, H, W, C) uint8 samples, (B, H, W) uint8 masks at t (1 where an object is) and (B,) bool labels, all
    on the samples' device. The bank's pixels must be on that device too. Raises `ValueError` where shapes disagree.
    """
    count, five, height, width, channels = samples.shape
    if five != 5 or bank.pixels.shape[1] != channels + 1:
        raise ValueError(f"samples of shape {tuple(samples.shape)} and a bank of {bank.pixels.shape[1] - 1} channels")
    device = samples.device
    chance = torch.rand(count, PER_SAMPLE + PER_OBJECT * per_frame, generator=generator)
    # One pixel too many: whatever falls outside the frame is written there.
    canvas = torch.empty(samples.numel() // channels + 1, channels, dtype=torch.uint8, device=device)
    canvas[:-1] = samples.reshape(-1, channels)
    masks = torch.zeros(count * height * width + 1, dtype=torch.uint8, device=device)
    pasted = chance[:, 0] < probability
    objects = 1 + _floor(chance[:, 1], per_frame)
    for layer in range(per_frame):
        chosen = torch.nonzero(pasted & (objects > layer)).flatten()
        if len(chosen):
            begin = PER_SAMPLE + layer * PER_OBJECT
            _layer(canvas, masks, bank, chosen, chance[chosen, begin : begin + PER_OBJECT], (height, width))
    masks = masks[:-1].view(count, height, width)
    return canvas[:-1].view(samples.shape), masks, masks.flatten(1).amax(dim=1) > 0


def _floor(chance: Tensor, count: int | Tensor) -> Tensor:
    """Whole numbers 0..count - 1 from chances in [0, 1)."""
    whole = (chance * count).long()
    return torch.minimum(whole, torch.as_tensor(count) - 1)


def _layer(
    canvas: Tensor, masks: Tensor, bank: ObjectBank, chosen: Tensor, chance: Tensor, size: tuple[int, int]
) -> None:
    """Blend one object into each of the samples `chosen` (K,), as `chance` (K, PER_OBJECT) has it."""
    plan, pixels, at_t = _plan(bank, chosen, chance, size)
    device = canvas.device
    plan = plan.to(device, non_blocking=True)
    height, width = size
    # Rows of all canvases in one list; then the pixels of all rows.
    tall = plan[:, 0]
    counts = int(pixels[0])
    owner = torch.repeat_interleave(tall, output_size=counts)
    mine = plan[owner]
    down = torch.arange(counts, device=device) - (tall.cumsum(0) - tall)[owner]
    stride = mine[:, 1] + 1
    y = mine[:, 4] + down
    inside = (y >= 0) & (y < height)
    flip = mine[:, 8]
    source = mine[:, 2] + down * stride + flip * (stride - 1)
    frame_row = mine[:, 3] * (height * width) + y * width + mine[:, 5]
    row = torch.repeat_interleave(mine[:, 1], output_size=int(pixels[1]))
    along = torch.arange(int(pixels[1]), device=device) - (mine[:, 1].cumsum(0) - mine[:, 1])[row]
    x = mine[:, 5][row] + along
    valid = inside[row] & (x >= 0) & (x < width)
    step = (1 - 2 * flip)[row]
    tap = source[row] + along * step
    below = tap + stride[row]
    fine = mine.to(torch.int32)
    fy, fx = fine[:, 6][row, None], fine[:, 7][row, None]
    pixel = bank.pixels
    upper = pixel[tap].int() * fx + pixel[tap + step].int() * (FINE - fx)
    lower = pixel[below].int() * fx + pixel[below + step].int() * (FINE - fx)
    mixed = upper * fy + lower * (FINE - fy)  # 0..255 * FINE²
    colour = (((mixed[:, :-1] >> 4) * fine[:, 9][row, None] + (1 << 19)) >> 20) + fine[:, 10][row, None]
    colour = colour.clamp_(0, 255)
    alpha = mixed[:, -1:] + (mixed[:, -1:] >> 8)  # 0..2²⁰, less a hair
    dump = len(canvas) - 1
    target = torch.where(valid, frame_row[row] + along, dump)
    old = canvas[target].int()
    canvas[target] = ((old * ((1 << 20) - alpha) + colour * alpha + (1 << 19)) >> 20).to(torch.uint8)
    # The mask at t alone.
    first = slice(0, int(at_t))
    sample = mine[:, 11] * (height * width) + y * width + mine[:, 5]
    spot = torch.where(valid[first], sample[row[first]] + along[first], len(masks) - 1)
    masks[spot] = masks[spot] | (mixed[first, -1] >= SEEN * FINE * FINE).to(torch.uint8)


def _plan(bank: ObjectBank, chosen: Tensor, chance: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """What to copy where: (5 K, 12) int64 on the CPU, one line for each object and instant, instants in `ORDER`.

    Columns: rows and columns to write; first pixel to read; frame (sample and instant) to write to; top and left
    there; weights of the upper and left neighbour, of `FINE`; 1 if mirrored; gain (of 4096) and bias; sample. Also
    the totals of rows and of pixels, and how many of these pixels belong to t.
    """
    height, width = size
    family = _floor(chance[:, 0], len(bank.families))
    index = bank.first[family] + _floor(chance[:, 1], bank.first[family + 1] - bank.first[family])
    canvas, extent = bank.canvas[index], bank.extent[index].float()
    tall, broad = extent[:, 2] - extent[:, 0], extent[:, 3] - extent[:, 1]
    own = bank.column[index]
    flip = (chance[:, 2] < 0.5) & own.isnan()
    anywhere = bank.rows[_floor(chance[:, 3], len(bank.rows))]
    foot = torch.where(bank.foot[index].isnan(), anywhere, bank.foot[index]) + (chance[:, 4] - 0.5) * 0.2 * tall
    band = _floor((foot / height).clamp(0, 1), len(bank.columns))
    quantiles = bank.columns.shape[1]
    middle = bank.columns[band, _floor(chance[:, 5], quantiles)] + (chance[:, 6] - 0.5) * (2 * width / quantiles)
    middle = torch.where(own.isnan(), middle, own + (chance[:, 6] - 0.5) * broad)
    # Wholly inside where it fits, but for a tenth that may stick out; what is larger than the frame is centred.
    foot = _held(foot, 0.9 * tall, height + 0.1 * tall)
    left = _held(middle - broad / 2, -0.1 * broad, width - 0.9 * broad)
    # Mirrored, the object's left edge is what was its right.
    columns = canvas[:, 1].float()
    inner = torch.where(flip, columns - extent[:, 3], extent[:, 1])
    place = torch.stack([foot - extent[:, 2], left - inner], dim=1)
    mirror = torch.stack([torch.ones(len(index)), 1 - 2 * flip.float()], dim=1)
    offsets = bank.offsets[index] * mirror[:, None]
    places = place[:, None] + offsets
    # A slow object at whole pixels would stand still, then jump.
    sharp = (chance[:, 9] < SHARP) & (offsets[:, CENTRE + 1].abs().amax(dim=1) >= 1)
    places = torch.where(sharp[:, None, None], places.round(), places)
    fixed = (places * FINE).round().long()[:, ORDER].transpose(0, 1).reshape(-1, 2)
    whole, part = fixed.div(FINE, rounding_mode="floor"), fixed.remainder(FINE)
    gain = 4096 * (0.8 + 0.4 * chance[:, 7])
    bias = (chance[:, 8] - 0.5) * 40 + 128 * (1 - gain / 4096)
    five = len(ORDER)
    start = bank.start[index][:, ORDER].transpose(0, 1).reshape(-1)
    instant = torch.tensor(ORDER).repeat_interleave(len(index))
    sample = chosen.repeat(five)
    # A canvas between pixels touches one row and one column more; its clear border serves for both ends.
    rows, columns_ = canvas[:, 0].repeat(five) - 1, canvas[:, 1].repeat(five) - 1
    plan = torch.stack(
        [rows, columns_, start, sample * 5 + instant, whole[:, 0] + 1, whole[:, 1] + 1, part[:, 0], part[:, 1],
         flip.long().repeat(five), gain.round().long().repeat(five), bias.round().long().repeat(five), sample],
        dim=1,
    )  # fmt: skip
    area = rows * columns_
    return plan, torch.stack([rows.sum(), area.sum()]), area[: len(index)].sum()


def _held(value: Tensor, least: Tensor, most: Tensor) -> Tensor:
    """`value` within the bounds; halfway between them where they cross."""
    middle = (least + most) / 2
    return torch.where(least <= most, value.maximum(least).minimum(most), middle)
