"""The whole way on a drawn scene: learn what is normal, find what is not, and show it.

Every step leaves its result in the output folder, and a demo that was interrupted goes on from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdmae.config import Config
from sdmae.data.benchmark import Benchmark
from sdmae.data.scene import read_scene, write_scene
from sdmae.demo.alarms import excess, find_alarms, judge, learn_normal
from sdmae.demo.overlay import Reviewed, write_video
from sdmae.demo.poster import poster
from sdmae.demo.report import Story, count_of, in_words, write_report
from sdmae.detector import Detector, load
from sdmae.errors import BenchmarkError, DetectorError, SourceError
from sdmae.evaluation.ledger import environment
from sdmae.evaluation.protocol import evaluate
from sdmae.model.presets import preset
from sdmae.progress import progress
from sdmae.scoring import VideoScores
from sdmae.training import Job, train
from sdmae.training.preview import preview
from sdmae.training.run import settle
from sdmae.video import Clip, probe, write_picture

Report = Callable[[str], None]

NAME = "demo.safetensors"
"""The detector file."""
SHEET = 12
"""Training samples on the sheet of synthetic anomalies."""


def demo_config() -> Config:
    """`small`, made to be trained in two minutes on two cores.

    Chosen by time, and by the AUC on normal video with held-out synthetic anomalies.
    """
    small = preset("small")
    return replace(
        small,
        input=replace(small.input, tokens=600),
        model=replace(small.model, encoder_width=128, decoder_width=64, token_share=0.15),
        anomalies=replace(small.anomalies, objects=400),
        train=replace(
            small.train,
            teacher_epochs=18,
            student_epochs=3,
            batch_size=16,
            learning_rate=1.5e-3,
            warmup_steps=40,
            validation_samples=200,
            validate_every=6,
        ),
    )


@dataclass(frozen=True)
class Plan:
    """How much is drawn and learned: a matter of time alone."""

    training_clips: int = 8
    """Normal clips that are learned from; from five on one of them is held out to choose the checkpoint."""
    normal_clips: int = 3
    """Normal clips kept back from training for the threshold."""
    test_clips: int = 6
    """Test clips: all kinds of anomaly are in the first three, and the last of four or more is normal."""
    seconds: float = 20.0
    """Length of each clip."""
    height: int = 240
    """Rows of the video."""
    width: int = 360
    """Columns of the video."""
    config: Config = field(default_factory=demo_config)
    """The detector's settings, but for the seed."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the demo found out."""

    story: Story
    report: Path
    """The page that tells it."""


def demo(output: Path, *, seed: int, device: str | None, report: Report, plan: Plan | None = None) -> Outcome:
    """Draws the scene, trains, scores, and writes `report.html`, `demo.mp4`, `picture.jpg` and `metrics.json`.

    Goes on where an interrupted demo of the same seed stopped. `plan`: other sizes than the demo's own, for tests.
    Raises `BenchmarkError` where `output` holds the scene of another seed or size, `SourceError` where it cannot be
    written.
    """
    plan = plan or Plan()
    seconds: dict[str, float] = {}
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SourceError(f"{output}: cannot be made ({error.strerror}); choose another --output") from None
    try:
        return _steps(output, seed, device, report, plan, seconds)
    except KeyboardInterrupt:
        report(f"what is finished is in {output}: the same command goes on from there")
        raise


def _steps(
    output: Path, seed: int, device: str | None, report: Report, plan: Plan, seconds: dict[str, float]
) -> Outcome:
    drawn = (output / "scene" / "scene.json").exists()
    with _timed(seconds, _step("drawing the scene", drawn), report, "1/5"):
        benchmark = _scene(output / "scene", seed, plan)
    learned, normal_clips = benchmark.training[: plan.training_clips], benchmark.training[plan.training_clips :]

    config = replace(plan.config, train=replace(plan.config.train, seed=seed))
    trained = _finished(output / NAME, settle(config, learned), device)
    with _timed(seconds, _step("training", trained is not None), report, "2/5"):
        detector = trained or _train(output, learned, config, device)
    with _timed(seconds, "scoring and metrics", report, "3/5"):
        metrics = evaluate(detector, benchmark, output, report=_quiet, whole=False)
    with _timed(seconds, "threshold from normal video", report, "4/5"):
        normal = learn_normal(_scores(detector, normal_clips, "normal video"), config.events)
    with _timed(seconds, "video and pictures", report, "5/5"):
        scored = _scores(detector, [truth.clip for truth in benchmark.test], "maps")
        size = probe(benchmark.test[0].clip).size
        clips = []
        for truth, scores in zip(benchmark.test, scored, strict=True):
            above = excess(scores, normal)
            alarms = find_alarms(scores, truth.labels, normal.level, config.events)
            verdicts = judge(scores, above, truth.tracks or (), normal.threshold, size)
            clips.append(Reviewed(truth, scores, above, alarms, verdicts))
        stills = write_video(output / "demo.mp4", clips, normal.threshold, benchmark.rate)
        picture = poster(clips, stills, normal.threshold)
        write_picture(output / "picture.jpg", picture)

    machine = environment()["machine"]
    story = Story(
        seed=seed,
        clips=clips,
        normal=normal,
        metrics=metrics,
        stills=stills,
        picture=picture,
        seconds=seconds,
        machine=f"{machine['cpu']}, {machine['cores']} cores" + "".join(f", {gpu}" for gpu in machine["gpus"]),
        training=f"{plan.training_clips * plan.seconds:.0f} s of normal video",
        kept_back=f"{plan.normal_clips * plan.seconds:.0f} s of normal video kept back from training",
        files={name: what for name, what in FILES.items() if (output / name).exists()},
    )
    page = output / "report.html"
    write_report(page, story)
    _summary(story, page, report)
    return Outcome(story, page)


FILES = {
    "demo.mp4": "the annotated test video",
    "anomalies.jpg": "training samples with the synthetic anomalies that stand in for abnormal ones",
    "demo.training/review.jpg": "the ten strangest moments of the training video: is this really normal?",
    "picture.jpg": "the picture above",
    "metrics.json": "all figures; scores of every clip are in the folders beside it",
    "demo.safetensors": "the detector",
    "scene": "the scene with its pixel masks and tracks",
}


def _scene(root: Path, seed: int, plan: Plan) -> Benchmark:
    """The scene in `root`, drawn now if it is not there. Raises `BenchmarkError` where it is another one."""
    training = plan.training_clips + plan.normal_clips
    if (root / "scene.json").exists():
        benchmark = read_scene(root)
        about = json.loads((root / "scene.json").read_text(encoding="utf-8"))
        frames = {clip["frames"] for split in ("training", "test") for clip in about[split]}
        found = (about["seed"], about["height"], about["width"], len(about["training"]), len(about["test"]), frames)
        wanted = (seed, plan.height, plan.width, training, plan.test_clips, {round(plan.seconds * benchmark.rate)})
        if found != wanted:
            raise BenchmarkError(
                f"{root}: holds another scene (seed {about['seed']}); choose another --output, or delete it"
            )
        return benchmark
    with progress("drawing", None, "frames") as bar:

        def step(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        write_scene(
            root,
            seed=seed,
            training_clips=training,
            training_seconds=plan.seconds,
            test_clips=plan.test_clips,
            test_seconds=plan.seconds,
            height=plan.height,
            width=plan.width,
            progress=step,
        )
    return read_scene(root)


def _train(output: Path, clips: Sequence[Clip], config: Config, device: str | None) -> Detector:
    """The detector of these clips: the one begun, or a new one."""
    preview(clips, config, output / "anomalies.jpg", count=SHEET, report=_quiet)
    what = f"the demo's scene, seed {config.train.seed}"
    job = Job(clips, output / NAME, resume=True, device=device, trained_on=what)
    try:
        return train(job, config, _quiet)
    except DetectorError:
        # The folder is ours, and what it holds belongs to other settings: an older version's, say.
        return train(replace(job, resume=False, overwrite=True), config, _quiet)


def _finished(path: Path, config: Config, device: str | None) -> Detector | None:
    """The detector in that file if it was trained to the end with these settings."""
    try:
        detector = load(path, device=device)
    except DetectorError:
        return None
    # Its alarms may have been set to what the held-out video can vouch for.
    same = replace(detector.config, events=config.events) == config
    return detector if same and detector.provenance.get("finished") else None


def _scores(detector: Detector, clips: Sequence[Clip], what: str) -> list[VideoScores]:
    """Offline scores with their maps."""
    found = []
    with progress(what, len(clips), "clips") as bar:
        for clip in clips:
            found.append(detector.score(clip, maps=True))
            bar.update()
    return found


def _summary(story: Story, page: Path, report: Report) -> None:
    """What was found and what was not, in a few lines."""
    verdicts, threshold = story.verdicts, story.normal.threshold
    metrics = story.metrics
    difference = metrics["baselines"]["frame_difference"]
    for verdict in verdicts:
        report(f"  {'found ' if verdict.found else 'MISSED'}  {in_words(verdict, threshold)}")
    for alarm in story.false_alarms:
        report(f"  FALSE ALARM  {alarm.clip}, {alarm.start:.1f} to {alarm.end:.1f} s, peak {alarm.peak:.3f}")
    found = sum(v.found for v in verdicts)
    report(
        f"found {found} of {len(verdicts)} abnormal objects, missed {len(verdicts) - found}, "
        f"{count_of(len(story.false_alarms), 'false alarm')}"
    )
    report(
        f"micro AUC {_percent(metrics, 'micro_auc')}, macro AUC {_percent(metrics, 'macro_auc')} "
        f"(frame difference: {_percent(difference, 'micro_auc')}, {_percent(difference, 'macro_auc')}); "
        f"{metrics['fps_end_to_end']:.0f} frames a second; {sum(story.seconds.values()):.0f} s in all"
    )
    report(f"look at {page}, {page.with_name('demo.mp4')} and {page.with_name('picture.jpg')}")


def _percent(metrics: Any, name: str) -> str:
    return f"{100 * metrics[name]:.1f} %"


def _step(what: str, before: bool) -> str:
    return f"{what} (done before)" if before else what


def _quiet(line: str) -> None:
    """Steps have much to say that the summary and the report say better."""


@contextmanager
def _timed(seconds: dict[str, float], what: str, report: Report, number: str) -> Iterator[None]:
    report(f"{number} {what}")
    start = time.monotonic()
    yield
    seconds[what] = time.monotonic() - start
