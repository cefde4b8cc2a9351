"""The ablation itself: one row after the other, each trained, judged and written down before the next begins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdmae.config import Config, ModelConfig, ScoreConfig, to_dict
from sdmae.data.anomalies import FAMILIES, possible
from sdmae.data.benchmark import Benchmark
from sdmae.data.training_set import SampleSet
from sdmae.detector import Detector, load
from sdmae.errors import ConfigError, DetectorError, SdmaeError
from sdmae.evaluation.ablation.judge import Judge, make_judge
from sdmae.evaluation.ablation.plan import Plan, open_plan
from sdmae.evaluation.ablation.report import Results, gather, write_results
from sdmae.evaluation.ablation.rows import FULL, Row, Skipped, rows_of, with_epochs
from sdmae.evaluation.files.frame_files import PARTIAL
from sdmae.evaluation.protocol import SYNTHETIC, check_ledger, ledger_of, note, protocol_of, seen_in_training
from sdmae.evaluation.scored_clips import check_labels, headline, score_test_clips, under
from sdmae.evaluation.smoothing import smoothing_of
from sdmae.recordings.files import check_writable, write_text
from sdmae.runtime import pick_device
from sdmae.training import Job, train
from sdmae.training.footage import Footage, learn_footage
from sdmae.training.pace import Pace, measure_pace
from sdmae.training.run import choose_families, open_frames, sets_of, settle

Report = Callable[[str], None]

MINUTES, SEEDS = 10.0, 3
"""Minutes a row on a CPU; seeds on a GPU, where there is no such limit."""
DETECTOR, ROW, TEST = "detector.safetensors", "row.json", "test.json"
"""In a row's folder: its network, what the judge says of it, what the test split says. The latter two come last."""


@dataclass(frozen=True)
class Order:
    """What is to be ablated, and where the result goes."""

    benchmark: Benchmark
    """Its training split is what every row learns."""
    output: Path
    """A folder: a new one, or one in which this very ablation was begun."""
    config: Config
    """The method that the rows change."""
    rows: Sequence[str] = ()
    """Names of rows; none: all that apply."""
    seeds: int = 1
    """Trainings of each row, with `train.seed` and the numbers after it."""
    minutes: float | None = None
    """Most minutes for the training of a row; None: the epochs of the configuration."""
    test: bool = False
    """Measure the rows on the test split, too."""
    ledger: Path | None = None
    """Where runs on a real test split are noted; None: as `sdmae evaluate` does."""
    device: str | None = None
    """cpu, cuda, or None for a GPU if there is one."""

    def place(self, row: Row, seed: int) -> Path:
        """The folder of one row with one of the seeds, from 0."""
        return self.output / row.name / f"seed-{seed}"


@dataclass
class _Bench:
    """What the rows have in common while they are worked on."""

    order: Order
    plan: Plan
    judge: Judge
    full: Row
    report: Report
    took: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    """Seconds of the rows done by now, of those with a network of their own and of the others."""


def usual(device: str | None) -> tuple[int, float | None]:
    """Seeds and minutes where nobody says how many. Raises `ConfigError` for a device that there is not."""
    return (1, MINUTES) if pick_device(device).type == "cpu" else (SEEDS, None)


def ablate(order: Order, report: Report) -> dict[str, str]:
    """Trains and judges every row that is not done, and writes ablation.json, .md and .png after each.

    Returns what went wrong, by row: those are tried again the next time. Raises `ConfigError` for rows that there are
    not and for a folder that holds something else; what `full` cannot do is raised, since nothing can be said without
    it. KeyboardInterrupt leaves everything such that the same order goes on.
    """
    if order.seeds < 1:
        raise ConfigError(f"--seeds {order.seeds}: give 1 or more")
    if order.minutes is not None and not 0 < order.minutes < float("inf"):
        raise ConfigError(f"--minutes {order.minutes:g}: give more than 0")
    rows_of(order.config, order.rows)  # a wrong name is told before anything is read
    if order.test:
        check_labels(order.benchmark)
        if order.benchmark.name not in SYNTHETIC:
            check_ledger(_ledger(order))
    # Rows on a part of a benchmark and rows on the whole of it never share a table.
    name = order.benchmark.name + (f" ({PARTIAL})" if order.benchmark.missing else "")
    plan = open_plan(order.output, name, order.config, order.minutes)
    check_writable(order.output)

    clips = order.benchmark.training
    config = settle(order.config, clips)
    store = open_frames(clips, config, (), report)
    started = time.perf_counter()
    footage = learn_footage(store, clips, config, pick_device(order.device))
    config = _possible(config, footage, report)
    rows, skipped = _rows(order, config, footage)
    judge = make_judge(footage)
    plan.settle(order.output, store.digest, judge.digest)
    if any(row.name not in plan.epochs for row in rows if row.trained):
        sets = sets_of(footage, clips, config, report)
        _set_epochs(order, plan, rows, sets, time.perf_counter() - started, report)

    results = Results(order.output, plan, rows_of(config)[0], skipped)
    write_results(results, gather(results))
    bench = _Bench(order, plan, judge, rows[0], report)
    tasks = [(row, seed) for seed in range(order.seeds) for row in rows]
    failures: dict[str, str] = {}
    for number, (row, seed) in enumerate(tasks):
        if _done(order, row, seed):
            continue
        left = [one for one, other in tasks[number:] if not _done(order, one, other)]
        report(f"{number + 1} of {len(tasks)}: {row.name}, seed {seed}: {row.change}{_left(bench, left)}")
        before = time.perf_counter()
        try:
            _work(bench, row, seed)
        except SdmaeError as error:
            if row.name == FULL:
                raise
            failures[f"{row.name}, seed {seed}"] = str(error)
            report(f"{row.name}, seed {seed}: {error}")
            continue
        bench.took[row.trained].append(time.perf_counter() - before)
        write_results(results, gather(results))
    return failures


def _possible(config: Config, footage: Footage, report: Report) -> Config:
    """The configuration with those families of anomalies that the video gives objects for, once for all rows."""
    families, held_out = choose_families(footage.scene, config.anomalies, report)
    return replace(config, anomalies=replace(config.anomalies, families=tuple(families), held_out=tuple(held_out)))


def _rows(order: Order, config: Config, footage: Footage) -> tuple[list[Row], list[Skipped]]:
    """The rows asked for; those of families that the video has no objects for are skipped."""
    gone = {f"without-{name}" for name in set(order.config.anomalies.families) - set(config.anomalies.families)}
    gone |= {f"with-{name}" for name in set(FAMILIES) - set(possible(footage.scene, FAMILIES))}
    left = [name for name in order.rows if name not in gone]
    rows, skipped = rows_of(config, left or ([FULL] if order.rows else []))
    asked = gone & (set(order.rows) or gone)
    skipped += [Skipped(name, "the video gives no such objects to train on") for name in sorted(asked)]
    return [row for row in rows if row.name not in gone], skipped


def _set_epochs(
    order: Order,
    plan: Plan,
    rows: Sequence[Row],
    sets: tuple[SampleSet, SampleSet],
    overhead: float,
    report: Report,
) -> None:
    """As many for every row as `full` has time for; fewer for a row that is slower.

    overhead: seconds that a row takes before its first step.
    """
    paces: dict[ModelConfig, Pace] = {}
    for row in rows:
        if not row.trained or row.name in plan.epochs:
            continue
        settings = row.config.train
        if order.minutes is None:
            plan.epochs[row.name] = [settings.teacher_epochs, settings.student_epochs]
            continue
        # What a loss weighs does not make a step any slower.
        model = replace(row.config.model, weighting="motion", map_weight=1.0, classifier_weight=1.0)
        if model not in paces:
            report(f"timing {row.name}")
            paces[model] = measure_pace(row.config, sets, order.device)
        room = 60 * order.minutes - overhead
        fitting = paces[model].epochs(settings, len(sets[0]), room)
        if (least := paces[model].seconds(settings, len(sets[0]), (1, 1))) > room:
            report(f"{row.name}: one epoch of each phase takes about {(overhead + least) / 60:.1f} minutes already")
        most = plan.epochs.get(FULL, list(fitting))
        plan.epochs[row.name] = [min(pair) for pair in zip(fitting, most, strict=True)]
    if order.minutes is not None:
        teacher, student = plan.epochs[FULL]
        report(f"{order.minutes:g} minutes a row: {teacher} epochs of the teacher, {student} of the student")


def _done(order: Order, row: Row, seed: int) -> bool:
    place = order.place(row, seed)
    return (place / ROW).exists() and (not order.test or (place / TEST).exists())


def _work(bench: _Bench, row: Row, seed: int) -> None:
    """Whatever of one row is not done."""
    place = bench.order.place(row, seed)
    started = time.perf_counter()
    resumed = (place / DETECTOR).exists() or (place / "detector.training" / "checkpoint.pt").exists()
    detector = _detector(bench, row, seed)
    if not (place / ROW).exists():
        scores = bench.judge.scores(detector)
        _write(
            place / ROW,
            {
                "row": row.name,
                "seed": detector.config.train.seed,
                "judge": bench.judge.digest,
                "detector": detector.fingerprint(),
                "config": to_dict(detector.config),
                "epochs": [detector.config.train.teacher_epochs, detector.config.train.student_epochs],
                "history": detector.provenance["history"] if row.trained else None,
                "device": detector.device,
                "seconds": round(time.perf_counter() - started, 1),
                "resumed": resumed,
                "scores": {name: [group.tolist() for group in groups] for name, groups in scores.items()},
            },
        )
        # Only there to be continued from, and far larger than all the rest.
        (place / "detector.training" / "checkpoint.pt").unlink(missing_ok=True)
    if bench.order.test and not (place / TEST).exists():
        _write(place / TEST, _test(bench, row, detector))


def _detector(bench: _Bench, row: Row, seed: int) -> Detector:
    """The row's detector: read, trained, trained to its end, or the one of `full` under another score."""
    order = bench.order
    if not row.trained:
        return _with_score(_detector(bench, bench.full, seed), row.config.score)
    place = order.place(row, seed)
    if (place / DETECTOR).exists():  # written when training has ended
        return load(place / DETECTOR, device=order.device)
    teacher, student = bench.plan.epochs[row.name]
    job = Job(
        order.benchmark.training,
        place / DETECTOR,
        resume=True,
        device=order.device,
        trained_on=f"{order.benchmark.name} (training split)",
        finish=False,
    )
    try:
        return train(job, with_epochs(row.config, (teacher, student), seed), lambda line: None)
    except DetectorError as error:
        if not (job.folder / "checkpoint.pt").exists():
            raise
        raise DetectorError(f"{str(error).partition(';')[0]}; delete {place} to train the row anew") from None


def _with_score(detector: Detector, score: ScoreConfig) -> Detector:
    return detector.with_settings(replace(detector.config, score=score))


def _test(bench: _Bench, row: Row, detector: Detector) -> dict[str, Any]:
    """The frame measures on the test split, noted in the ledger where it is a real one."""
    order = bench.order
    smoothing = smoothing_of(order.benchmark.name)
    scored, _ = score_test_clips(under(detector, smoothing), order.benchmark, bench.report)
    figures, _ = headline(detector, scored)
    if order.benchmark.name not in SYNTHETIC:
        path = _ledger(order)
        protocol = protocol_of(detector, smoothing)
        seen = seen_in_training(detector.provenance, order.benchmark.test)
        about = {"protocol": protocol, "seen_in_training": seen, "ablation": row.name}
        note(detector, order.benchmark, figures, path, bench.report, **about)
    return {key: figures[key] for key in ("micro_auc", "macro_auc", "macro_auc_two_class", "intervals", "causal")}


def _ledger(order: Order) -> Path:
    return ledger_of(order.output) if order.ledger is None else order.ledger


def _left(bench: _Bench, rows: Sequence[Row]) -> str:
    """How long all that is left will take, in words; nothing before anything is known."""
    order, took = bench.order, bench.took
    given = 60 * order.minutes if order.minutes is not None else None
    seconds = 0.0
    for row in rows:
        known = took[row.trained]
        each = sum(known) / len(known) if known else (given if row.trained else 0.0)
        if each is None:
            return ""
        seconds += each
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f" (about {f'{hours} h ' if hours else ''}{minutes} min left)"


def _write(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=1, allow_nan=False) + "\n")
