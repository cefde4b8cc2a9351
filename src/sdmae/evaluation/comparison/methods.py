"""What `sdmae compare` is given: folders of scores, the one truth they are held against, and what evaluate noted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sdmae.data.benchmark import Benchmark
from sdmae.errors import BenchmarkError, ConfigError
from sdmae.evaluation.comparison.noted import Noted, read_noted
from sdmae.evaluation.files.benchmark_truth import benchmark_truth
from sdmae.evaluation.files.frame_files import SERIES, Truth, folder_truth, read_pairs
from sdmae.metrics import micro_auc

Floats = NDArray[np.float64]

LABELS = "labels"
"""Folder in `SERIES` in which evaluate leaves the labels of each video, with the scores in folders beside it."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """The scores of a detector, or of anything else, on the videos of a comparison."""

    name: str
    """Unlike that of any other in it."""
    folder: Path
    """Where they come from."""
    scores: Sequence[Floats]
    """One array (N,) for each video, in the order of the comparison's names."""
    noted: Noted = field(default_factory=Noted)
    """What evaluate said of it; without its figures where they are by other labels than the comparison's."""
    dropped: bool = False
    """Whether figures were left out for that reason."""


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
    missing: Sequence[str] = ()
    """What of the benchmark that gives the labels is not there, where it was given."""

    @property
    def partial(self) -> dict[tuple[str, ...], list[str]]:
        """Who was measured without what of the benchmark; empty where all of it was there, as far as is known."""
        lacking: dict[tuple[str, ...], list[str]] = {}
        if self.missing:
            lacking[tuple(self.missing)] = ["the labels"]
        for method in self.methods:
            if method.noted.missing:
                lacking.setdefault(method.noted.missing, []).append(method.name)
        return lacking

    @property
    def apart(self) -> str | None:
        """Why these figures do not go beside published ones, a clause; None where they do."""
        for lines, names in self.partial.items():
            return f"{names[0]} is of a part of {self.benchmark} (not there: {'; '.join(lines)})"
        for method in self.methods:
            if method.noted.doubts:
                return f"{method.name} {method.noted.doubts[0]}"
            if method.dropped:
                return f"the labels are not those that {method.name} was evaluated by"
        return None


def read_contest(methods: Sequence[str], truth: Benchmark | Path | None = None) -> Contest:
    """Reads what is to be compared.

    methods: each an output folder of evaluate or any folder of scores that `sdmae metrics frames` takes, alone or as
    NAME=DIR. truth: a benchmark or a folder of labels; None: the labels that evaluate left in one of the folders.
    Labels of somebody's own may differ from those that evaluate used; what evaluate measured by its own is then left
    out.

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
    notes = [read_noted(folder) for _, folder in named]
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
        dropped = _differs(folder, note, labels, scores, own=isinstance(truth, Path))
        if dropped:
            note = replace(note, figures=None, origin=None, alarms=None)
        read.append(Method(name, folder, scores, note, dropped))
    return Contest(benchmark, videos, labels, read, truth.missing if isinstance(truth, Benchmark) else ())


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if equals and not Path(text).exists():
        if not name.strip() or not folder:
            raise ConfigError(f"{text}: give NAME=DIR, or DIR alone")
        return " ".join(name.split()), Path(folder)
    return Path(text).resolve().name or text, Path(text)


def _benchmark(folders: Sequence[Path], notes: Sequence[Noted], truth: Benchmark | Path | None) -> str | None:
    """The one benchmark of all of them."""
    found = [(str(folder), note.benchmark) for folder, note in zip(folders, notes, strict=True) if note.benchmark]
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


def _differs(folder: Path, note: Noted, labels: Sequence[Floats], scores: Sequence[Floats], *, own: bool) -> bool:
    """Whether the labels are others than those by which evaluate measured these scores.

    own: somebody's own, which may be; otherwise raises `BenchmarkError`.
    """
    here = micro_auc(labels, scores)
    if note.micro_auc is None or abs(note.micro_auc - here) <= 1e-6:
        return False
    if not own:
        raise BenchmarkError(
            f"{folder}: metrics.json says micro AUC {note.micro_auc:.4f}, but its scores give {here:.4f} with these "
            "labels; evaluate anew, or give the labels it was evaluated with"
        )
    return True
