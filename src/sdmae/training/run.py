"""A training run from clips to a detector file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from sdmae.config import AnomalyConfig, Config, to_dict
from sdmae.data.anomalies import Ordinary, Scene, build_bank, fill_bank, possible
from sdmae.data.anomalies.ubnormal import ubnormal_cutouts
from sdmae.data.neighbours import Spacing
from sdmae.data.store import Exclusion, FrameStore, open_store
from sdmae.data.training_set import SampleSet
from sdmae.detector import Detector, build_model
from sdmae.detector.build import ignored_patches
from sdmae.errors import ConfigError, DetectorError, SourceError
from sdmae.model.presets import fit
from sdmae.progress import progress
from sdmae.training.calibrate import calibrate_held_out
from sdmae.training.chance import Purpose, seed_of
from sdmae.training.checkpoint import State, load_checkpoint
from sdmae.training.footage import Footage, learn_footage
from sdmae.training.gating import learn_gate
from sdmae.training.phases import FINISHED, STUDENT, TEACHER, Run, run_phase
from sdmae.training.review import review
from sdmae.video import Clip, Size, probe
from sdmae.video.place import lies_in

Report = Callable[[str], None]

WRITTEN = ("checkpoint.pt", "checkpoint.pt.part", "losses.csv", "review.jpg", "review.jpg.part")
"""All that a run writes into its folder."""


@dataclass(frozen=True)
class Job:
    """What to train on and where the result goes."""

    clips: Sequence[Clip]
    """Normal video."""
    output: Path
    """The detector file. Checkpoint, losses and pictures go to a folder beside it, `<stem>.training`."""
    exclude: Sequence[Exclusion] = ()
    """Moments of the clips that are not normal."""
    ubnormal: Path | None = None
    """A copy of UBnormal whose training split gives objects for synthetic anomalies."""
    resume: bool = False
    """Go on from the checkpoint, if there is one."""
    overwrite: bool = False
    """Start anew even where a detector or a checkpoint exists."""
    device: str | None = None
    """cpu, or None for what accelerate finds."""
    trained_on: str = ""
    """What the clips are, for the detector's provenance."""
    finish: bool = True
    """Also calibrate the detector by what was held out, and show the strangest moments of the clips."""

    @property
    def folder(self) -> Path:
        """Where everything but the detector goes."""
        return self.output.with_name(f"{self.output.stem}.training")


def train(job: Job, config: Config, report: Report | None = None) -> Detector:
    """Trains, or goes on training, and writes the detector file.

    Raises `SourceError` for video that cannot be used, `DetectorError` where the output exists or the checkpoint
    does not belong to the job, `ConfigError` for settings that do not fit. KeyboardInterrupt leaves a checkpoint.
    """
    started = time.monotonic()
    report = report or _silent
    accelerator = accelerator_of(config, job.device)
    config = settle(config, job.clips)
    if accelerator.is_main_process:
        _check_output(job)
    else:
        report = _silent
    with accelerator.main_process_first():  # one process decodes, the others find it done
        store = open_frames(job.clips, config, job.exclude, report)
    key = _key(config, store, accelerator.num_processes, job.ubnormal)
    state = load_checkpoint(job.folder / "checkpoint.pt", key) if _resumes(job) else State(key)
    training, held_out = sample_sets(store, job.clips, config, accelerator.device, report, job.ubnormal)
    report(f"{len(training)} frames to learn from, {len(held_out)} held out to choose the checkpoint")

    if config.gate.train:  # what the network itself says of still frames is learned when there is one
        config = replace(config, gate=learn_gate(config, None, store, job.clips))
    torch.manual_seed(seed_of(config.train.seed, Purpose.WEIGHTS))
    model = build_model(config).to(accelerator.device)
    if state.model:
        model.load_state_dict(state.model)
    run = Run(accelerator, model, config, training, held_out, job.folder, state, report)
    for phase in (TEACHER, STUDENT):
        if state.phase == phase:
            run_phase(run, phase)

    # A model of its own: accelerate has wrapped the trained one's forward for mixed precision.
    final = build_model(config)
    final.load_state_dict(model.state_dict())
    if config.gate.active:
        config = replace(config, gate=learn_gate(config, final, store, job.clips))
    detector = Detector(final, config, {}, device=str(accelerator.device))
    detector.provenance.update(_provenance(job, detector, state, training, started))
    if accelerator.is_main_process:
        if job.finish:
            calibrate_held_out(detector, store, job.clips, report)
        detector.save(job.output)
        if job.finish:
            review(detector, job.clips, job.exclude, job.folder / "review.jpg", report)
    return detector


def settle(config: Config, clips: Sequence[Clip]) -> Config:
    """The configuration with input size and rate settled by the first clip."""
    settled = config
    for clip in reversed(clips):  # the first one decides; the others must be possible, too
        info = probe(clip)
        try:
            settled = fit(config, info.size.height, info.size.width, info.rate)
        except ConfigError as error:
            raise ConfigError(f"{clip.path}: {error}") from None
    ignored_patches(settled)  # refuses zones that leave nothing to watch, before a frame is decoded
    return settled


def open_frames(clips: Sequence[Clip], config: Config, exclude: Sequence[Exclusion], report: Report) -> FrameStore:
    """The clips' frames at the size of a settled configuration, decoded now or before."""
    size = Size(config.input.height or 0, config.input.width or 0)
    with progress("reading frames", None, "frames") as bar:
        return open_store(
            clips,
            size,
            grey=config.input.grey,
            rate=config.input.rate or 1000.0,
            jump=lambda clip: Spacing.of(config.input, probe(clip).rate).jump,
            exclude=exclude,
            report=report,
            step=bar.update,
        )


def sample_sets(
    store: FrameStore,
    clips: Sequence[Clip],
    config: Config,
    device: torch.device,
    report: Report,
    ubnormal: Path | None = None,
) -> tuple[SampleSet, SampleSet]:
    """What is trained on, and what the checkpoint is chosen by: other clips, other families of anomalies.

    ubnormal: a copy of that benchmark, whose training split gives one more family to train on.
    """
    return sets_of(learn_footage(store, clips, config, device), clips, config, report, ubnormal)


def sets_of(
    footage: Footage, clips: Sequence[Clip], config: Config, report: Report, ubnormal: Path | None = None
) -> tuple[SampleSet, SampleSet]:
    """The same of footage that is known already."""
    scene = footage.scene
    families = choose_families(scene, config.anomalies, report)
    seeds = [seed_of(config.train.seed, Purpose.OBJECTS, k) % 2**32 for k in range(2)]
    rate = config.input.rate or probe(clips[0]).rate
    extra = [ubnormal_cutouts(ubnormal, scene, rate=rate, seed=seeds[0])] if ubnormal else []
    decoys = None
    if config.anomalies.decoys and scene.cutouts:
        decoys = fill_bank([Ordinary(scene)], scene, objects=config.anomalies.objects, seed=seeds[0])
    sets = [
        footage.samples(
            bool(k),
            build_bank(scene, names, objects=config.anomalies.objects, seed=seeds[k], extra=() if k else extra),
            config.anomalies,
            probability=(config.anomalies.probability, 0.5)[k],
            flip=config.train.flip and k == 0,
            decoys=decoys,
        )
        for k, names in enumerate(families)
    ]
    return sets[0], sets[1]


def choose_families(scene: Scene, anomalies: AnomalyConfig, report: Report) -> tuple[list[str], list[str]]:
    """Families to train on and to hold out; where nothing can be cut out of the video, drawn ones serve for both.

    Raises `ConfigError` where a family is in both lists, or unknown.
    """
    both = set(anomalies.families) & set(anomalies.held_out)
    if both:
        raise ConfigError(f"anomalies: {sorted(both)[0]} is both trained on and held out; choose one")
    families, held_out = possible(scene, anomalies.families), possible(scene, anomalies.held_out)
    if len(families) < len(anomalies.families) or not held_out:
        report("too few moving objects could be cut out of this video: synthetic anomalies are drawn ones only")
    if not held_out and len(families) > 1:
        held_out = [families.pop()]
        report(f"'{held_out[0]}' is held out of training to choose the checkpoint")
    return families, held_out


def accelerator_of(config: Config, device: str | None) -> Accelerator:
    """Where it is trained: cpu, cuda, or None for what there is. Raises `ConfigError` for any other."""
    if device not in (None, "cpu", "cuda"):
        raise ConfigError(f"device {device}: train on cpu or cuda; which GPUs, CUDA_VISIBLE_DEVICES says")
    try:
        return Accelerator(mixed_precision=config.train.precision, cpu=device == "cpu")
    except ValueError:
        raise ConfigError(
            f"train.precision {config.train.precision} is not to be had on this device, or another was used before "
            "in this process: choose another"
        ) from None


def _silent(line: str) -> None:
    """Where several processes train, one speaks."""


def _check_output(job: Job) -> None:
    for clip in job.clips:
        if lies_in(clip, job.folder):
            raise SourceError(
                f"{clip.path}: lies in {job.folder}, where the training run would go; choose another --output"
            )
    if _resumes(job):
        return
    if job.overwrite:
        # By name: a user's own files may lie there.
        for name in WRITTEN:
            with contextlib.suppress(OSError):
                (job.folder / name).unlink(missing_ok=True)
    elif (job.folder / "checkpoint.pt").exists():
        raise DetectorError(
            f"{job.folder}: holds a training run; go on with --resume, or start anew with --overwrite"
        )
    elif job.output.exists():
        raise DetectorError(f"{job.output}: exists; choose another --output, or --overwrite it")
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DetectorError(f"{job.folder}: cannot be made ({error.strerror}); choose another --output") from None


def _resumes(job: Job) -> bool:
    return job.resume and (job.folder / "checkpoint.pt").exists()


def _key(config: Config, store: FrameStore, processes: int, ubnormal: Path | None) -> str:
    digest = hashlib.blake2b(json.dumps(to_dict(config)).encode(), digest_size=16)
    digest.update(f"{store.digest} {processes} {ubnormal.resolve() if ubnormal else ''}".encode())
    for stretch in store.stretches:
        digest.update(f"{stretch.clip} {stretch.start} {len(stretch.times)}".encode())
    return digest.hexdigest()


def _provenance(job: Job, detector: Detector, state: State, training: SampleSet, started: float) -> dict[str, Any]:
    return {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "sdmae": version("sdmae"),
        "torch": torch.__version__,
        "trained_on": job.trained_on or ", ".join(clip.name for clip in job.clips[:8]),
        "clips": len(job.clips),
        "marks": [clip.mark for clip in job.clips],
        "training_frames": len(training),
        "ubnormal": job.ubnormal is not None,
        "excluded": [[e.clip, e.start, e.end] for e in job.exclude],
        "seed": detector.config.train.seed,
        "device": str(training.source.device),
        "selection": "AUC on held-out normal clips with synthetic anomalies of families never trained on",
        "history": state.history,
        "seconds": round(time.monotonic() - started, 1),
        "finished": state.phase == FINISHED,
    }
