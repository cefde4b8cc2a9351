"""The network of the paper: tensors in, tensors out. No files, no video, no clocks."""

from sdmae.model.autoencoder import SDMAE, Output
from sdmae.model.flops import gflop_per_frame
from sdmae.model.losses import student_loss, teacher_loss
from sdmae.model.maps import score_maps
from sdmae.model.presets import PRESETS, preset

__all__ = [
    "PRESETS",
    "SDMAE",
    "Output",
    "gflop_per_frame",
    "preset",
    "score_maps",
    "student_loss",
    "teacher_loss",
]
