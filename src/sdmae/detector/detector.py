"""From video to scores and events by one network: offline or as a stream, one code path."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sdmae.config import Config, to_dict
from sdmae.data.neighbours import Spacing, stream_samples
from sdmae.detector.build import build_model
from sdmae.detector.file import Contents, read_file, write_file
from sdmae.detector.live import stream_source
from sdmae.detector.maps import MapStream
from sdmae.detector.shipped import resolve
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.model import SDMAE
from sdmae.runtime import PyTorchRuntime, pick_device
from sdmae.scoring import (
    Calibration,
    Event,
    FrameMap,
    FrameScore,
    Levels,
    Map,
    VideoScores,
    collect,
    find_events,
    score_frames,
    score_frames_both,
)
from sdmae.video import Clip, Frame, Size, find_clips, probe, read_frames
from sdmae.video.live import is_live

BATCH = 32
"""Frames scored at once. Larger batches gain nothing on a CPU, and scores do not depend on it beyond rounding."""
SLOWEST = 0.98
"""Share of the detector's frame rate below which a source is too slow for it."""
ASPECT = 1.15
"""Ratio between the aspect ratios of a source and of the network's frame beyond which the picture is distorted."""
SCORING = 1
"""Counts the ways in which scores came from a network and its settings: it changes where either would give others."""

Report = Callable[[str], None]


class Detector:
    """A network with its configuration and where it came from. Make one with `sdmae.load`, or by training."""

    def __init__(
        self,
        model: SDMAE,
        config: Config,
        provenance: dict[str, Any],
        *,
        calibration: Calibration | None = None,
        device: str | None = None,
        batch: int = BATCH,
    ) -> None:
        """Raises `ConfigError` for a device that there is not."""
        self.model = model
        self.config = config
        self.provenance = provenance
        self.calibration = calibration
        self.batch = batch
        self.runtime = PyTorchRuntime(model, config.score, pick_device(device))

    def with_settings(self, config: Config) -> Detector:
        """The same network under other settings of what is scored and when it is an alarm.

        `config`: this detector's own, with other `score`, `events` or `input.ignore`. The calibration comes along
        where it still holds, its thresholds set anew where another number of false alarms is asked for.
        """
        model = self.model
        if config.input.ignore != self.config.input.ignore:
            model = build_model(config)
            model.load_state_dict(self.model.state_dict())
        other = Detector(model, config, self.provenance, device=self.device, batch=self.batch)
        if self.calibration and self.calibration.fingerprint == other.calibration_fingerprint():
            budget = config.events.false_alarms_per_day
            asked = budget != self.config.events.false_alarms_per_day
            other.calibration = self.calibration.asked_for(budget) if asked else self.calibration
        return other

    @property
    def device(self) -> str:
        """Where it runs, as torch names it."""
        return str(self.runtime.device)

    @property
    def size(self) -> Size:
        """Rows and columns of a network frame."""
        if self.config.input.height is None or self.config.input.width is None:
            raise ConfigError("the detector's input size was never settled: fit its configuration to a video first")
        return Size(self.config.input.height, self.config.input.width)

    @property
    def rate(self) -> float:
        """Frames a second that are looked at; faster sources are thinned out to it."""
        if self.config.input.rate is None:
            raise ConfigError("the detector's frame rate was never settled: fit its configuration to a video first")
        return self.config.input.rate

    def remarks(self, clip: Clip) -> list[str]:
        """What makes a clip unlike those the detector knows, a line each: scores of it are to be taken with care."""
        info = probe(clip)
        said = []
        if info.rate < SLOWEST * self.rate:
            said.append(
                f"{clip.path}: {info.rate:.3g} frames a second, but the detector looks at {self.rate:.3g}, so that "
                "thresholds hold less well; train with --input.rate of the slowest camera"
            )
        own, trained = info.size.width / info.size.height, self.size.width / self.size.height
        if not 1 / ASPECT < own / trained < ASPECT:
            said.append(
                f"{clip.path}: {info.size.width}x{info.size.height}, squeezed into the detector's "
                f"{self.size.width}x{self.size.height}: is it the camera that the detector was trained on?"
            )
        return said

    def levels(self, *, causal: bool) -> Levels:
        """The levels at which an alarm opens and closes. Raises `DetectorError` without a calibration."""
        if self.calibration is None:
            raise DetectorError("this detector was never calibrated; run sdmae calibrate with normal video")
        return self.calibration.level(causal=causal).levels(self.config.events)

    def score(
        self, source: str | Path | Clip, *, maps: bool = False, causal: bool = False, report: Report | None = None
    ) -> VideoScores:
        """Scores of one video: the offline ones, which may look ahead, or the causal ones of `stream`.

        `source` names one video or one folder of frames; with `maps`, the filtered anomaly map (h, w) of every frame
        comes too, and memory grows with the video. `report` is told, in one line, what did not decode. Raises
        `SourceError` where there is nothing to score.
        """
        clip = _one_clip(source)
        found = self.frame_maps(clip, report=report)
        return collect(
            clip.name, score_frames(found, self.config.score, self.rate, causal=causal, keep_maps=maps, explain=True)
        )

    def score_both(
        self, source: str | Path | Clip, *, report: Report | None = None, tap: Callable[[Map], object] | None = None
    ) -> tuple[VideoScores, VideoScores]:
        """Offline and causal scores of one video, from one pass through the network.

        `tap` gets the filtered map (h, w) of each frame of the offline scores, in their order.
        """
        clip = _one_clip(source)
        return self.score_both_of(clip.name, self.frame_maps(clip, report=report), tap=tap)

    def score_both_of(
        self, name: str, maps: Iterable[FrameMap], *, tap: Callable[[Map], object] | None = None
    ) -> tuple[VideoScores, VideoScores]:
        """The same of maps that are there already."""
        return score_frames_both(name, maps, self.config.score, self.rate, explain=True, tap=tap)

    def stream(self, source: str | Path | Clip, *, report: Report | None = None) -> Iterator[FrameScore]:
        """Causal scores, frame by frame, with their maps: no future beyond the triplet, no per-video extremes.

        A live source (`rtsp://...`, `webcam:0`; see `sdmae.video.live`) is streamed until the iterator is closed,
        opened again whenever it is lost, and frames without all their neighbours have no score; `report` is told of
        losses. Raises `SourceError` where there is nothing to score, or a camera cannot be reached at first.
        """
        if isinstance(source, str) and is_live(source):
            return stream_source(self, source, report=report)
        found = self.frame_maps(_one_clip(source), report=report)
        return score_frames(found, self.config.score, self.rate, causal=True, keep_maps=True, explain=True)

    def events(
        self, source: str | Path | Clip, *, causal: bool = False, report: Report | None = None
    ) -> Iterator[Event]:
        """The alarms of one video, each as soon as it has ended; boxes in source pixels.

        Raises `DetectorError` without a calibration, `SourceError` where there is nothing to score.
        """
        clip = _one_clip(source)
        levels = self.levels(causal=causal)
        size = probe(clip).size
        found = self.frame_maps(clip, report=report)
        scores = score_frames(found, self.config.score, self.rate, causal=causal, explain=True)
        for event in find_events(scores, levels, self.config.events.merge):
            x0, y0, x1, y1 = event.box or (0.0, 0.0, 1.0, 1.0)
            box = (x0 * size.width, y0 * size.height, x1 * size.width, y1 * size.height)
            yield replace(event, box=box)

    def frame_maps(
        self, clip: Clip, *, only: Container[int] | None = None, report: Report | None = None
    ) -> Iterator[FrameMap]:
        """The combined map of every frame that is looked at, or of the indices `only`, unfiltered (equation 6)."""
        info = probe(clip)
        patch = self.config.model.patch
        if min(info.size) < patch:
            raise SourceError(
                f"{clip.path}: {info.size.width}x{info.size.height} pixels, smaller than the detector's patch of "
                f"{patch}: use a larger picture"
            )
        frames = read_frames(clip, (self.size,), grey=self.config.input.grey, rate=self.rate, report=report)
        yield from self.maps_of(_more_than_one(frames, clip), info.rate, only=only)

    def maps_of(
        self,
        frames: Iterable[Frame],
        source_rate: float,
        *,
        only: Container[int] | None = None,
        batch: int | None = None,
        unscored: Callable[[int], object] | None = None,
    ) -> Iterator[FrameMap]:
        """The same of frames at the network's size, which come at `source_rate` a second.

        batch: frames at once, instead of the detector's own; 1 waits for none. unscored: given, a frame that has not
        got all its neighbours has no map, and it is told how many each time.
        """
        stream = MapStream(self.config, self.size)
        spacing = Spacing.of(self.config.input, source_rate)
        for samples in stream_samples(frames, spacing, batch or self.batch, unscored=unscored):
            standing = stream.standing(samples)
            if only is not None:
                rows = np.array([int(index) in only for index in samples.indices])
                samples = samples.chosen(rows)
                standing = standing[rows] if standing is not None else None
                if not len(samples.indices):
                    continue
            yield from stream.maps(samples, self.runtime(samples.frames, samples.neighbours, samples.order), standing)

    def fingerprint(self) -> str:
        """32 hexadecimal digits of everything that moves scores: weights, input, network and score settings."""
        return self._digest(*(to_dict(self.config)[k] for k in ("input", "model", "score")))

    def network_fingerprint(self) -> str:
        """The same of what the network is and how it is fed: frames of detectors that agree in it may be one batch.

        Ignore zones, and how its maps become scores, may differ.
        """
        settings = to_dict(self.config)
        score = {k: settings["score"][k] for k in ("resolution", "masks")}
        return self._digest(settings["input"] | {"ignore": []}, settings["model"], score)

    def _digest(self, *settings: dict[str, Any]) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for section in settings:
            section.pop("weighting", None)  # of the losses alone; so earlier detectors keep their fingerprint
        digest.update(json.dumps(list(settings), sort_keys=True).encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def calibration_fingerprint(self) -> str:
        """32 hexadecimal digits of everything that moves alarms: `fingerprint`, runtime, how events are formed."""
        events = self.config.events
        settings = [SCORING, self.fingerprint(), type(self.runtime).__name__, events.hysteresis, events.merge]
        return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()

    def save(self, path: str | Path) -> None:
        """Writes the detector file, whole or not at all. Raises `DetectorError` where it cannot be written."""
        tensors = {k: v.detach().cpu().contiguous() for k, v in self.model.state_dict().items()}
        write_file(Path(path), Contents(self.config, self.provenance, self.calibration, tensors))


def load(path: str | Path, *, device: str | None = None, batch: int = BATCH, stale: bool = False) -> Detector:
    """The detector in that file, or the shipped one of that name. Runs no code from it and needs no second file.

    `device`: as torch names it; None: the first GPU, else the CPU. `batch`: frames scored at once. `stale`: leave
    out a calibration that no longer holds. Raises `DetectorError` where the file is missing, cut off, of a newer
    format, not ours, or, unless `stale`, was changed since it was calibrated.
    """
    path = resolve(path)
    contents = read_file(path)
    model = build_model(contents.config)
    try:
        model.load_state_dict(contents.tensors)
    except RuntimeError:
        raise DetectorError(f"{path}: its weights and its configuration do not belong together") from None
    detector = Detector(model, contents.config, contents.provenance, device=device, batch=batch)
    calibration = contents.calibration
    if calibration and calibration.fingerprint != detector.calibration_fingerprint():
        if not stale:
            raise DetectorError(
                f"{path}: its alarms were calibrated for other weights, settings or another runtime than it has now; "
                f"calibrate it again: sdmae calibrate NORMAL_VIDEO --detector {path} --output NEW.safetensors"
            )
        calibration = None
    detector.calibration = calibration
    return detector


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
