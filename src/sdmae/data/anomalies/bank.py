"""Objects drawn before training begins, packed so that pasting them needs no work but copying."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sdmae.data.anomalies.drawn import Shapes, Thin
from sdmae.data.anomalies.joined import Joined, Riders
from sdmae.data.anomalies.protocol import CENTRE, AnomalousObject, Family
from sdmae.data.anomalies.scene import Scene
from sdmae.data.anomalies.walkers import Fast, OutOfScale, Stretched
from sdmae.errors import ConfigError

BYTES = 160 << 20
"""Most memory of a bank's pixels. A family whose share is spent before all its objects are drawn has fewer."""
QUANTILES = 64
MAKERS: dict[str, Callable[[Scene], Family]] = {
    "fast": Fast,
    "stretched": Stretched,
    "joined": Joined,
    "riders": Riders,
    "shapes": Shapes,
    "thin": Thin,
    "out_of_scale": OutOfScale,
}
FAMILIES: tuple[str, ...] = tuple(MAKERS)
"""Every family's name."""
NEED_CUTOUTS = frozenset({"fast", "stretched", "joined", "riders", "out_of_scale"})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObjectBank:
    """Packed objects. Pixels live on the device, everything that decides where they go on the CPU."""

    pixels: Tensor
    """(P, C + 1) uint8: colour and opacity of all canvases, row by row, each with a clear border of one pixel."""
    start: Tensor
    """(n, 5) int64: first pixel of the object's canvas at each instant."""
    canvas: Tensor
    """(n, 2) int64: rows and columns of the canvas, border included."""
    extent: Tensor
    """(n, 4) int64: top, left, bottom, right (exclusive) of the object at t within its canvas."""
    offsets: Tensor
    """(n, 5, 2) float32: (dy, dx) at each instant."""
    foot: Tensor
    """(n,) float32: row to stand on; NaN for any."""
    column: Tensor
    """(n,) float32: column of its middle; NaN for any."""
    families: tuple[str, ...]
    """Families that have objects here; object i belongs to `families[family[i]]`."""
    family: Tensor
    """(n,) int64, ascending."""
    first: Tensor
    """(families + 1,) int64: where each family's objects begin."""
    rows: Tensor
    """(QUANTILES,) float32: rows for objects that stand anywhere."""
    columns: Tensor
    """(bands, QUANTILES) float32: columns of plausible places, for bands of rows from top to bottom of the frame."""
    size: tuple[int, int]
    """(H, W) of the frames it was made for."""

    def __len__(self) -> int:
        return len(self.canvas)

    def to(self, device: torch.device | str) -> ObjectBank:
        """The same bank with its pixels on `device`."""
        return replace(self, pixels=self.pixels.to(device))


def build_bank(
    scene: Scene, families: Sequence[str], *, objects: int, seed: int, extra: Sequence[Family] = ()
) -> ObjectBank:
    """`objects` objects of each of `families`, made for what `learn_scene` found, and of each of `extra`.

    extra: families that need more than the scene, such as cut-outs of another data set.

    Families that need moving objects are skipped with a warning where the footage has none. Raises `ConfigError` for
    an unknown family, and where no family is left.
    """
    left = possible(scene, families)
    if len(left) < len(families):
        missing = ", ".join(name for name in families if name not in left)
        log.warning("too few moving objects in the training video to cut out; left out: %s", missing)
    return fill_bank([*(MAKERS[name](scene) for name in left), *extra], scene, objects=objects, seed=seed)


def possible(scene: Scene, families: Sequence[str]) -> list[str]:
    """Those of the families that can be made for the scene. Raises `ConfigError` for an unknown one."""
    for name in families:
        if name not in MAKERS:
            raise ConfigError(f"unknown family of synthetic anomalies {name!r}; known: {', '.join(FAMILIES)}")
    return [name for name in families if scene.cutouts or name not in NEED_CUTOUTS]


def fill_bank(families: Sequence[Family], scene: Scene, *, objects: int, seed: int) -> ObjectBank:
    """A bank of `objects` objects of each of `families`, whoever wrote them; places are the scene's.

    Raises `ConfigError` without families or objects.
    """
    if not families or objects < 1:
        raise ConfigError(
            "no synthetic anomalies left: add 'shapes' or 'thin', or train on video with moving objects"
        )
    chunks: list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]] = []
    start, canvas, extent, offsets, foot, column, counts, total = [], [], [], [], [], [], [], 0
    for number, family in enumerate(families):
        # A generator of each family's own: leaving one out does not change the others.
        rng = np.random.default_rng([seed, 2, *family.name.encode()])
        room = BYTES * (number + 1) // len(families)
        drawn = 0
        for _ in range(2 * objects):  # some draws are too faint to use
            one = _packed(family.draw(rng))
            if one is None:
                continue
            pixels, box, made = one
            if drawn and (total + len(pixels)) * pixels.shape[1] > room:
                log.info("bank of synthetic anomalies is full: %d of %d of %s", drawn, objects, family.name)
                break
            shape = made.mask.shape
            each = shape[1] * shape[2]
            chunks.append(pixels)
            start.append([total + each * (i if shape[0] == 5 else 0) for i in range(5)])
            canvas.append(shape[1:])
            extent.append(box)
            offsets.append(made.offsets)
            foot.append(np.nan if made.foot is None else made.foot)
            column.append(np.nan if made.column is None else made.column)
            total += len(pixels)
            drawn += 1
            if drawn == objects:
                break
        if not drawn:
            raise ConfigError(f"no object of the family {family.name!r} shows up in this video; leave the family out")
        counts.append(drawn)
    rng = np.random.default_rng([seed, 3])
    return ObjectBank(
        pixels=torch.from_numpy(np.concatenate(chunks)),
        start=torch.tensor(start),
        canvas=torch.tensor(canvas),
        extent=torch.tensor(extent),
        offsets=torch.from_numpy(np.stack(offsets)),
        foot=torch.tensor(foot, dtype=torch.float32),
        column=torch.tensor(column, dtype=torch.float32),
        families=tuple(family.name for family in families),
        family=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
        first=torch.tensor([0, *np.cumsum(counts)]),
        rows=torch.tensor(sorted(scene.foot(rng) for _ in range(QUANTILES)), dtype=torch.float32),
        columns=_columns(scene),
        size=scene.size,
    )


Packed = tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], tuple[int, int, int, int], AnomalousObject]


def _packed(made: AnomalousObject) -> Packed | None:
    """Pixels (P, C + 1), extent at t, and the object cropped to what is seen of it; None where nothing is at t."""
    seen = made.mask.max(axis=0) >= 8
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    at_t = made.mask[CENTRE if len(made.mask) == 5 else 0]
    if not bool(np.any(at_t >= 128)):
        return None
    area = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    texture = np.pad(made.texture[:, *area], [(0, 0), (1, 1), (1, 1), (0, 0)], mode="edge")
    mask = np.pad(made.mask[:, *area], [(0, 0), (1, 1), (1, 1)])
    solid = mask[CENTRE if len(mask) == 5 else 0] >= 64
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    box = int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    pixels = np.concatenate([texture, mask[..., None]], axis=3).reshape(-1, texture.shape[3] + 1)
    return pixels, box, replace(made, texture=texture, mask=mask)


def _columns(scene: Scene) -> Tensor:
    """(bands, QUANTILES): columns spread evenly over the plausible cells of each band of rows."""
    bands, across = scene.places.shape
    cell = scene.size[1] / across
    table = []
    for band in range(bands):
        used = np.flatnonzero(scene.columns((band + 0.5) / bands * scene.size[0]))
        where = (np.arange(QUANTILES) + 0.5) / QUANTILES * len(used)
        inside = where.astype(int)
        table.append((used[inside] + where - inside) * cell)
    return torch.from_numpy(np.stack(table).astype(np.float32))
