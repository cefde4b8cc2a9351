"""What `sdmae compare` is given: folders of scores, the one truth they are held against, and what evaluate noted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark
from sdmae.errors import BenchmarkError, ConfigError
from sdmae.evaluation.benchmark_truth import benchmark_truth
from sdmae.evaluation.frame_files import Truth, folder_truth, read_pairs
from sdmae.metrics import micro_auc

Floats = NDArray[np.float64]

SERIES, LABELS = "series", "labels"
"""Where evaluate leaves the labels of each video, and the scores of the baselines in folders beside them."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """The scores of a detector, or of anything else, on the videos of a comparison."""

    name: str
    """Unlike that of any other in it."""
    folder: Path
    """Where they come from."""
    scores: Sequence[Floats]
    """One array (N,) for each video, in the order of the comparison's names."""
    fps: float | None = None
    """Frames a second from file to score, where evaluate measured them."""
    machine: str | None = None
    """What it ran on, in words, where that was noted."""


@dataclass(frozen=True, slots=True, eq=False)
class Contest:
    """Methods on the same videos."""

    benchmark: str | None
    """Its name, where it is known."""
    videos: Sequence[str]
    """Names of the videos."""
    labels: Sequence[Floats]
    """One array (N,) of 0 and 1 for each."""
    methods: Sequence[Method]
    """Two or more."""


def read_contest(methods: Sequence[str], truth: Benchmark | Path | None = None) -> Contest:
    """Reads what is to be compared.

    methods: each an output folder of evaluate or any folder of scores that `sdmae metrics frames` takes, alone or as
    NAME=DIR. truth: a benchmark or a folder of labels; None: the labels that evaluate left in one of the folders.
    Labels of somebody's own may differ from those that evaluate used.

    Raises `ConfigError` for fewer than two methods, two of one name, and where there are no labels; `BenchmarkError`
    for different benchmarks, different videos or numbers of frames, different labels, labels of one kind, a folder
    whose metrics are not those of its scores, and all that `read_pairs` refuses.
    """
    if len(methods) < 2:
        raise ConfigError(f"{len(methods) or 'no'} method; give at least two folders, A B or NAME=A NAME=B")
    named = [_named(text) for text in methods]
    for k, (name, folder) in enumerate(named):
        twin = next((other for earlier, other in named[:k] if earlier == name), None)
        if twin is not None:
            raise ConfigError(f"{twin} and {folder} are both called {name}; tell them apart: NAME={folder}")
    notes = [_metrics(folder) for _, folder in named]
    folders = [folder for _, folder in named]
    benchmark = _benchmark(folders, notes, truth)
    source = _truth(folders, truth)
    videos: list[str] = []
    labels: list[Floats] = []
    read = []
    for (name, folder), note in zip(named, notes, strict=True):
        pairs = read_pairs(folder, source)
        if not videos:
            videos, labels = list(pairs), [t for t, _ in pairs.values()]
            _check_kinds(source, labels)
        scores = [pairs[video][1] for video in videos]
        if note is not None and not isinstance(truth, Path):
            _check_noted(folder, note, labels, scores)
        fps = _number(note, "fps_end_to_end")
        read.append(Method(name, folder, scores, fps, _machine(note)))
    return Contest(benchmark, videos, labels, read)


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if equals and not Path(text).exists():
        if not name.strip() or not folder:
            raise ConfigError(f"{text}: give NAME=DIR, or DIR alone")
        return " ".join(name.split()), Path(folder)
    return Path(text).resolve().name or text, Path(text)


def _metrics(folder: Path) -> dict[str, Any] | None:
    """What evaluate wrote; None of a folder that is not of its making."""
    path = folder / "metrics.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BenchmarkError(f"{path}: cannot be read ({error}); evaluate anew") from None
    if not isinstance(found, dict):
        raise BenchmarkError(f"{path}: is not what evaluate writes; evaluate anew")
    return found


def _benchmark(
    folders: Sequence[Path], notes: Sequence[Mapping[str, Any] | None], truth: Benchmark | Path | None
) -> str | None:
    """The one benchmark of all of them."""
    found = []
    for folder, note in zip(folders, notes, strict=True):
        if note is None and folder.resolve().parent.name == SERIES:
            note = _metrics(folder.resolve().parent.parent)
        if note and note.get("benchmark"):
            found.append((str(folder), str(note["benchmark"])))
    if isinstance(truth, Benchmark):
        found.append(("--benchmark", truth.name))
    for where, name in found:
        if name != found[0][1]:
            raise BenchmarkError(
                f"{found[0][0]} is of {found[0][1]}, but {where} of {name}; compare methods on one benchmark"
            )
    return found[0][1] if found else None


def _truth(folders: Sequence[Path], given: Benchmark | Path | None) -> Truth:
    if isinstance(given, Benchmark):
        return benchmark_truth(given)
    if given is not None:
        return folder_truth(given)
    places = [folder / SERIES / LABELS for folder in folders]
    places += [folder.parent / LABELS for folder in folders if folder.resolve().parent.name == SERIES]
    holding = [place for place in dict.fromkeys(places) if place.is_dir()]
    if not holding:
        raise ConfigError(
            f"{folders[0]}: no labels in it or in any other of the folders; give --benchmark NAME --root DIR or "
            "--labels DIR"
        )
    first, *others = [folder_truth(folder) for folder in holding]
    for other in others:
        for video in first.origins:
            if video in other.origins and not np.array_equal(first.read(video), other.read(video)):
                raise BenchmarkError(
                    f"{first.origins[video]} and {other.origins[video]} differ; evaluate both on one copy of the "
                    "benchmark"
                )
    return first


def _check_kinds(truth: Truth, labels: Sequence[Floats]) -> None:
    every = np.concatenate(list(labels))
    if every.all() or not every.any():
        kind = "abnormal" if every.all() else "normal"
        raise BenchmarkError(f"{truth.where}: all {len(every)} frames are {kind}; an AUC needs both kinds")
    if len(labels) < 2:
        raise BenchmarkError(f"{truth.where}: 1 video; at least two are needed to say how an AUC moves with them")


def _check_noted(folder: Path, note: Mapping[str, Any], labels: Sequence[Floats], scores: Sequence[Floats]) -> None:
    noted, here = _number(note, "micro_auc"), micro_auc(labels, scores)
    if noted is not None and abs(noted - here) > 1e-6:
        raise BenchmarkError(
            f"{folder}: metrics.json says micro AUC {noted:.4f}, but its scores give {here:.4f} with these labels; "
            "evaluate anew, or give the labels it was evaluated with"
        )


def _number(note: Mapping[str, Any] | None, key: str) -> float | None:
    value = (note or {}).get(key)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


def _machine(note: Mapping[str, Any] | None) -> str | None:
    """The machine in words, from what the ledger's `environment` says of it."""
    made = (note or {}).get("made")
    about = made.get("machine") if isinstance(made, dict) else None
    if not isinstance(about, dict):
        return None
    gpus = about.get("gpus")
    parts = [str(gpu) for gpu in gpus] if isinstance(gpus, list) else []
    if not parts and about.get("cpu"):
        parts = [str(about["cpu"]), *([f"{about['cores']} cores"] if about.get("cores") else [])]
    return ", ".join(parts) or None
