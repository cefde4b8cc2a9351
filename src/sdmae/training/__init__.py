"""From ordinary video to a detector: two phases, resumable, on any device. Test data never comes here."""

from sdmae.training.run import Job, train

__all__ = ["Job", "train"]
