"""The smallest network that is still the whole method, and how to train it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sdmae import Detector
from sdmae.config import AnomalyConfig, Config, InputConfig, ModelConfig, ScoreConfig, TrainConfig
from sdmae.training import Job, train
from sdmae.video import find_clips

TINY = Config(
    preset="tiny",
    input=InputConfig(tokens=108, grey=True),
    model=ModelConfig(patch=8, encoder_width=16, decoder_width=16, depth=2, heads=2, map_loss="bce", position="sine"),
    anomalies=AnomalyConfig(probability=0.5, objects=12, families=("shapes",), held_out=("thin",)),
    train=TrainConfig(
        teacher_epochs=1,
        student_epochs=1,
        batch_size=8,
        learning_rate=1e-3,
        held_out=0.2,
        validation_samples=16,
        warmup_steps=2,
        schedule="cosine",
    ),
    score=ScoreConfig(resolution="token", filter_frames=3, filter_cells=3, sigma=0.2),
)
SETTINGS = """
input: {tokens: 108, grey: true}
model: {patch: 8, encoder_width: 16, decoder_width: 16, depth: 2, heads: 2, map_loss: bce, position: sine}
anomalies: {probability: 0.5, objects: 12, families: [shapes], held_out: [thin]}
train: {teacher_epochs: 1, student_epochs: 3, batch_size: 8, held_out: 0.2, validation_samples: 16}
score: {resolution: token, filter_frames: 3, filter_cells: 3, sigma: 0.2}
"""
"""Nearly the same as a settings file, for the command line."""


def longer(config: Config, teacher: int, student: int) -> Config:
    """The same configuration with that many epochs."""
    return replace(config, train=replace(config.train, teacher_epochs=teacher, student_epochs=student))


def train_tiny(
    video: Path, output: Path, config: Config = TINY, *, resume: bool = False, overwrite: bool = False
) -> Detector:
    """Trains on the CPU."""
    return train(Job(find_clips(str(video)), output, resume=resume, overwrite=overwrite, device="cpu"), config)
