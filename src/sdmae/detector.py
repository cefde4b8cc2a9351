"""A trained detector: one safetensors file that scores any video."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sdmae.config import Config, ScoreConfig, from_dict, to_dict
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.model import SDMAE
from sdmae.runtime import PyTorchRuntime, pick_device
from sdmae.scoring import FrameMap, FrameScore, Terms, VideoScores, collect, combine, score_frames, score_frames_both
from sdmae.video import Clip, Frame, Size, find_clips, probe, read_frames

FORMAT = "sdmae-detector"
FORMAT_VERSION = 1
BATCH = 32
"""Frames scored at once. Larger batches gain nothing on a CPU, and scores do not depend on it beyond rounding."""

Report = Callable[[str], None]


class Detector:
    """A network with its configuration and where it came from. Make one with `sdmae.load`, or by training."""

    def __init__(
        self,
        model: SDMAE,
        config: Config,
        provenance: dict[str, Any],
        *,
        device: str | None = None,
        batch: int = BATCH,
    ) -> None:
        self.model = model
        self.config = config
        self.provenance = provenance
        self.batch = batch
        self._runtime = PyTorchRuntime(model, config.score, pick_device(device))

    def with_score(self, score: ScoreConfig) -> Detector:
        """The same network under other score settings: weights of the terms, filter, pooling, smoothing, masks."""
        config = replace(self.config, score=score)
        return Detector(self.model, config, self.provenance, device=str(self._runtime.device), batch=self.batch)

    @property
    def size(self) -> Size:
        """Rows and columns of a network frame."""
        if self.config.input.height is None or self.config.input.width is None:
            raise ConfigError("the detector's input size was never settled: fit its configuration to a video first")
        return Size(self.config.input.height, self.config.input.width)

    def score(
        self, source: str | Path | Clip, *, maps: bool = False, causal: bool = False, report: Report | None = None
    ) -> VideoScores:
        """Scores of one video: the offline ones, which may look ahead, or the causal ones of `stream`.

        `source` names one video or one folder of frames; with `maps`, the filtered anomaly map (h, w) of every frame
        comes too, and memory grows with the video. `report` is told, in one line, what did not decode. Raises
        `SourceError` where there is nothing to score.
        """
        clip = _one_clip(source)
        return collect(clip.name, self._scores(clip, causal=causal, maps=maps, report=report))

    def score_both(
        self, source: str | Path | Clip, *, report: Report | None = None
    ) -> tuple[VideoScores, VideoScores]:
        """Offline and causal scores of one video, from one pass through the network."""
        clip = _one_clip(source)
        both = score_frames_both(self.frame_maps(clip, report=report), self.config.score, probe(clip).rate)
        offline, causal = (collect(clip.name, scores) for scores in both)
        return offline, causal

    def stream(self, source: str | Path | Clip, *, report: Report | None = None) -> Iterator[FrameScore]:
        """Causal scores, frame by frame, with their maps: no future beyond the triplet, no per-video extremes."""
        return self._scores(_one_clip(source), causal=True, maps=True, report=report)

    def _scores(self, clip: Clip, *, causal: bool, maps: bool, report: Report | None) -> Iterator[FrameScore]:
        rate = probe(clip).rate
        return score_frames(
            self.frame_maps(clip, report=report), self.config.score, rate, causal=causal, keep_maps=maps
        )

    def frame_maps(
        self, clip: Clip, *, only: Container[int] | None = None, report: Report | None = None
    ) -> Iterator[FrameMap]:
        """The combined map of every frame, or of the indices `only`, unfiltered (paper, equation 6)."""
        info = probe(clip)
        patch = self.config.model.patch
        if min(info.size) < patch:
            raise SourceError(
                f"{clip.path}: {info.size.width}x{info.size.height} pixels, smaller than the detector's patch of "
                f"{patch}: use a larger picture"
            )
        frames = read_frames(clip, (self.size,), grey=self.config.input.grey, report=report)
        spacing = Spacing.of(self.config.input, info.rate)
        for samples in stream_samples(_more_than_one(frames, clip), spacing, self.batch):
            if only is not None:
                samples = samples.chosen(np.array([int(index) in only for index in samples.indices]))
                if not len(samples.indices):
                    continue
            terms = Terms(**self._runtime(samples.frames, samples.neighbours))
            combined = combine(terms, self.config.score)
            for index, time, values in zip(samples.indices, samples.times, combined, strict=True):
                yield FrameMap(int(index), float(time), values, samples.stretch)

    def fingerprint(self) -> str:
        """32 hexadecimal digits of everything that moves scores: weights, input, network and score settings."""
        digest = hashlib.blake2b(digest_size=16)
        settings = to_dict(self.config)
        digest.update(json.dumps([settings[k] for k in ("input", "model", "score")], sort_keys=True).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Writes the detector file, whole or not at all. Raises `DetectorError` where it cannot be written."""
        path = Path(path)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        metadata = {
            "format": FORMAT,
            "format_version": str(FORMAT_VERSION),
            "config": json.dumps(to_dict(self.config)),
            "provenance": json.dumps(self.provenance),
        }
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(save(tensors, metadata))
            part.replace(path)
        except OSError as error:
            raise DetectorError(
                f"{path}: cannot be written ({error.strerror}); name a folder with room and rights"
            ) from None
        finally:
            part.unlink(missing_ok=True)


def load(path: str | Path, *, device: str | None = None, batch: int = BATCH) -> Detector:
    """The detector in that file. Runs no code from it and needs no second file.

    `device`: as torch names it; None: the first GPU, else the CPU. `batch`: frames scored at once. Raises
    `DetectorError` where the file is missing, cut off, of a newer format, or not ours.
    """
    path = Path(path)
    if path.is_dir():
        raise DetectorError(f"{path}: a folder; name the detector file that `sdmae train` wrote")
    if not path.is_file():
        raise DetectorError(f"{path}: no such detector file; `sdmae train` makes one")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DetectorError(
                    f"{path}: a safetensors file, but not an sdmae detector; name one `sdmae train` wrote"
                )
            config = _read_config(path, metadata)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except (SafetensorError, OSError):
        raise DetectorError(
            f"{path}: not a detector, or one that was cut off: copy it again, or train it anew"
        ) from None
    model = build_model(config)
    try:
        model.load_state_dict(tensors)
        provenance = json.loads(metadata["provenance"])
    except (RuntimeError, KeyError, ValueError):
        raise DetectorError(f"{path}: its weights and its configuration do not belong together") from None
    return Detector(model, config, provenance, device=device, batch=batch)


def build_model(config: Config) -> SDMAE:
    """An untrained network for a configuration whose input size is settled."""
    if config.input.height is None or config.input.width is None:
        raise ConfigError("the input size is open: fit the configuration to a video first")
    patch = config.model.patch
    grid = (config.input.height // patch, config.input.width // patch)
    return SDMAE(config.model, config.input.channels, grid)


def _read_config(path: Path, metadata: dict[str, str]) -> Config:
    try:
        version = int(metadata["format_version"])
        if version > FORMAT_VERSION:
            raise DetectorError(
                f"{path}: detector format {version}, this sdmae reads up to {FORMAT_VERSION}: install a newer sdmae"
            )
        return from_dict(json.loads(metadata["config"]))
    except (KeyError, ValueError, TypeError, ConfigError):
        raise DetectorError(f"{path}: its configuration cannot be read; was the file edited?") from None


def _one_clip(source: str | Path | Clip) -> Clip:
    if isinstance(source, Clip):
        return source
    clips = find_clips(str(source))
    if len(clips) > 1:
        raise SourceError(f"{source}: holds {len(clips)} videos; score them one by one")
    return clips[0]


def _more_than_one(frames: Iterable[Frame], clip: Clip) -> Iterator[Frame]:
    """The same frames. Raises `SourceError` before the first is given on if it is the only one."""
    iterator = iter(frames)
    held: list[Frame] = []
    for frame in iterator:
        held.append(frame)
        if len(held) == 2:
            yield from held
            yield from iterator
            return
    raise SourceError(f"{clip.path}: a single frame shows no motion; a video needs at least two")
