"""What the network will be shown: training samples with their synthetic anomalies, as a contact sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from sdmae.config import Config
from sdmae.training.chance import Purpose, generator
from sdmae.training.run import open_frames, sample_sets, settle
from sdmae.video import Clip, Image, contact_sheet, write_picture

OUTLINE = (255, 64, 64)


def preview(
    clips: Sequence[Clip], config: Config, output: Path, *, count: int, report: Callable[[str], None]
) -> None:
    """Writes `count` augmented samples, each as x[t] with its mask outlined and its motion gradient beside it."""
    config = settle(config, clips)
    store = open_frames(clips, config, (), report)
    training, _ = sample_sets(store, clips, config, torch.device("cpu"), report)
    training.probability = 1.0
    chance = generator(config.train.seed, Purpose.SAMPLES)
    ids = torch.randperm(len(training), generator=chance)[:count]
    batch = training.batch(ids, chance)
    tiles = []
    for k, samples in enumerate(batch.samples.numpy()):
        motion = cv2.absdiff(samples[1], samples[3]).reshape(samples[0].shape)
        pictures = (_outlined(_rgb(samples[2]), batch.masks[k].numpy()), _rgb(motion))
        tiles.append((np.concatenate(pictures, axis=1), f"sample {int(ids[k])}"))
    write_picture(output, contact_sheet(tiles, columns=3, tile_width=560))
    report(f"{output}: {len(tiles)} samples; left the frame with its anomaly outlined, right its motion gradient")


def _rgb(image: Image) -> Image:
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _outlined(image: Image, mask: Image) -> Image:
    image = np.ascontiguousarray(image)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(image, contours, -1, OUTLINE, 1), np.uint8)
