"""`sdmae ablate`: what each part of the method is worth."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jsonargparse import ArgumentParser as Parser

from sdmae.cli.arguments import add_benchmark, add_device, root_of
from sdmae.config import Config, check
from sdmae.errors import ConfigError
from sdmae.progress import say


def ablate(args: Namespace, config: Config) -> int:
    """Trains the method again and again with one part changed, and says what each part is worth."""
    from sdmae.data.readers import read_benchmark
    from sdmae.evaluation.ablation import Order, rows_of, usual
    from sdmae.evaluation.ablation import ablate as run

    names = [name.strip() for name in args.rows.split(",")] if args.rows is not None else []
    if args.list:
        _list(config, names)
        return 0
    if args.benchmark is None or args.output is None:
        raise ConfigError("give --benchmark NAME --root DIR and --output DIR; or --list for the rows alone")
    rows_of(config, names)
    epochs = (args.teacher_epochs, args.student_epochs)
    if args.minutes is not None and epochs != (None, None):
        raise ConfigError("--minutes chooses the epochs: leave it out, or --teacher-epochs and --student-epochs")
    seeds, minutes = usual(args.device)
    if epochs != (None, None):
        teacher, student = (
            given if given is not None else own
            for given, own in zip(epochs, (config.train.teacher_epochs, config.train.student_epochs), strict=True)
        )
        minutes = None
        config = replace(config, train=replace(config.train, teacher_epochs=teacher, student_epochs=student))
        check(config)
    benchmark = read_benchmark(args.benchmark, root_of(args), partial=args.partial)
    if benchmark.missing:
        say(f"{args.root}: not the whole of {args.benchmark}: {'; '.join(benchmark.missing)} missing")
    order = Order(
        benchmark,
        args.output,
        config,
        rows=names,
        seeds=seeds if args.seeds is None else args.seeds,
        minutes=minutes if args.minutes is None else args.minutes,
        test=args.test,
        ledger=args.ledger,
        device=args.device,
    )
    try:
        failures = run(order, say)
    except KeyboardInterrupt:
        say(f"interrupted; all that was done is in {args.output}: the same command goes on")
        return 130
    if failures:
        say(f"not done: {'; '.join(failures)}: the same command tries them again")
    say(f"{args.output / 'ablation.md'}: the table, with ablation.png and ablation.json")
    return 2 if failures else 0


def ablate_arguments(parser: Parser) -> None:
    """Of `sdmae ablate`."""
    add_benchmark(parser, required=False)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="a folder; what is done in it already is not done again"
    )
    parser.add_argument("--list", action="store_true", help="say which rows there are, and do nothing")
    parser.add_argument("--rows", type=str, metavar="A,B,...", help="only these rows, and full; default: all")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="trainings of each row; default: 1 on a CPU, 3 on a GPU"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="train a row for as many epochs as take at most that long here; default: 10 on a CPU; no limit on a GPU",
    )
    parser.add_argument("--teacher-epochs", type=int, metavar="N", help="of phase 1, however long they take")
    parser.add_argument("--student-epochs", type=int, metavar="N", help="of phase 2, likewise")
    parser.add_argument("--test", action="store_true", help="measure every row on the benchmark's test split, too")
    parser.add_argument(
        "--ledger", type=Path, help="where each look at a real test split is noted; default: as in evaluate"
    )
    add_device(parser)


def _list(config: Config, names: Sequence[str]) -> None:
    from sdmae.evaluation.ablation import rows_of

    rows, skipped = rows_of(config, names)
    said = [(row.name, f"{row.part}: {row.change}" if row.part else row.change) for row in rows]
    said += [(one.name, f"left out: {one.why}") for one in skipped]
    width = 2 + max(len(name) for name, _ in said)
    sys.stdout.write("".join(f"{name:<{width}}{text}\n" for name, text in said))
