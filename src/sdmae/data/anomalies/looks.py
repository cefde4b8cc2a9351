"""Pictures with opacity: scaled, softened, put over one another."""

from __future__ import annotations

import cv2
import numpy as np

from sdmae.data.anomalies.protocol import Bytes


def scaled(texture: Bytes, mask: Bytes, height: float, width: float) -> tuple[Bytes, Bytes]:
    """`texture` (T, h, w, C) and `mask` (T, h, w) 0..255 at `height` × `width` pixels, at least 2 × 2."""
    h, w = max(2, round(height)), max(2, round(width))
    if (h, w) == mask.shape[1:]:
        return texture, mask
    smaller = h * w < mask.shape[1] * mask.shape[2]
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    looks = [cv2.resize(t, (w, h), interpolation=how).reshape(h, w, texture.shape[3]) for t in texture]
    if h > 1.2 * mask.shape[1]:
        # An enlarged picture is blurred, which a network would learn instead of the size.
        blurred = [cv2.GaussianBlur(t, (0, 0), 0.6 * h / mask.shape[1]).reshape(t.shape) for t in looks]
        looks = [cv2.addWeighted(t, 1.5, b, -0.5, 0).reshape(t.shape) for t, b in zip(looks, blurred, strict=True)]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.stack(looks).astype(np.uint8), np.stack([cv2.resize(m, (w, h), interpolation=how) for m in mask])


def softened(texture: Bytes, mask: Bytes, sigma: float = 0.6) -> tuple[Bytes, Bytes]:
    """A hard 0/1 mask as opacity 0..255 that falls off over a pixel or two, and the object's own colours beyond it.

    Without them a cut-out would carry a rim of the ground it was cut from to wherever it is pasted.
    """
    textures, masks = [], []
    for look, hard in zip(texture, mask, strict=True):
        look, hard = (np.pad(a, [(1, 1), (1, 1)] + [(0, 0)] * (a.ndim - 2), mode="edge" if a is look else "constant")
                      for a in (look, hard))  # fmt: skip
        inside = hard.astype(np.float32)
        weight = cv2.blur(inside, (5, 5))[:, :, None]
        spread = cv2.blur(look * inside[:, :, None], (5, 5)).reshape(look.shape) / np.maximum(weight, 1e-3)
        filled = np.where((inside[:, :, None] > 0) | (weight < 1e-3), look, spread)
        textures.append(np.clip(filled, 0, 255).astype(np.uint8))
        masks.append(np.clip(cv2.GaussianBlur(inside, (0, 0), sigma) * 255 + 0.5, 0, 255).astype(np.uint8))
    return np.stack(textures), np.stack(masks)


def over(top: tuple[Bytes, Bytes], below: tuple[Bytes, Bytes]) -> tuple[Bytes, Bytes]:
    """Texture (T, h, w, C) and mask (T, h, w) of one picture over another of the same h × w; T = 1 repeats."""
    a, b = (p[1].astype(np.float32)[..., None] / 255 for p in (top, below))
    behind = b * (1 - a)
    opacity = a + behind
    colour = (top[0] * a + below[0] * behind) / np.maximum(opacity, 1e-6)
    # Where both are clear the top's colours stay, for the edges that interpolation reaches.
    colour = np.where(opacity > 0, colour, top[0])
    return np.clip(colour + 0.5, 0, 255).astype(np.uint8), np.clip(opacity[..., 0] * 255 + 0.5, 0, 255).astype(
        np.uint8
    )


def placed(picture: tuple[Bytes, Bytes], size: tuple[int, int], top: int, left: int) -> tuple[Bytes, Bytes]:
    """Texture and mask on a clear canvas of `size`, the top left corner at (top, left); what sticks out is cut."""
    texture, mask = picture
    count, h, w, channels = texture.shape
    canvas = np.zeros((count, *size, channels), np.uint8)
    opacity = np.zeros((count, *size), np.uint8)
    y0, x0, y1, x1 = max(0, top), max(0, left), min(size[0], top + h), min(size[1], left + w)
    if y1 > y0 and x1 > x0:
        canvas[:, y0:y1, x0:x1] = texture[:, y0 - top : y1 - top, x0 - left : x1 - left]
        opacity[:, y0:y1, x0:x1] = mask[:, y0 - top : y1 - top, x0 - left : x1 - left]
    return canvas, opacity


def cut_out(texture: Bytes, mask: Bytes, height: float, width: float) -> tuple[Bytes, Bytes]:
    """A cut-out (T, h, w, C) with its hard 0/1 mask (T, h, w), scaled, its edge as sharp at every size."""
    soft, opacity = softened(texture, mask)  # a pixel larger on each side
    high, wide = (
        side / old * new for side, old, new in zip(opacity.shape[1:], mask.shape[1:], (height, width), strict=True)
    )
    soft, opacity = scaled(soft, opacity, high, wide)
    if opacity.shape[1] > 1.2 * mask.shape[1]:
        steep = (opacity.astype(np.float32) - 128) * (height / mask.shape[1]) + 128
        opacity = np.clip(steep, 0, 255).astype(np.uint8)
    return soft, opacity
