"""A table and plots of the measurements, made from bench.json alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sdmae.recordings.files import replacing, write_text

_STAGES = ("decode", "decode_resize", "resize", "upload", "network", "score", "write", "together")


def write_report(folder: Path, found: Mapping[str, Any]) -> None:
    """`bench.md` and `bench.png` of what bench.json holds."""
    write_text(folder / "bench.md", "\n".join(_table(found)) + "\n")
    figure = _figure(found["rows"])
    with replacing(folder / "bench.png") as part:
        figure.savefig(part, format="png", dpi=120)


def _table(found: Mapping[str, Any]) -> Iterator[str]:
    machine, source = found["machine"], found["source"]
    gpus = f", {', '.join(machine['gpus'])}" if machine["gpus"] else ""
    yield f"# Speed on {machine['cpu']}, {machine['cores']} cores{gpus}\n"
    height, width = source["size"]
    yield (
        f"Source: {source['name'].rpartition(' ')[0]}, {width}x{height}, {source['codec']}. Frames a second, medians "
        f"of {found['repeats']} turns of {found['seconds']:g} s; each alone, and together from file to scores. Only "
        "**network** is comparable to the paper's 1,655 (RTX 3090): it begins with frames on the device and ends "
        "with maps there.\n"
    )
    for device, ceiling in found["ceilings"].items():
        yield f"- {device} can do: {', '.join(f'{name} {value:g}' for name, value in ceiling.items())}"
    yield ""
    stages = [name for name in _STAGES if any(name in row["stages"] for row in found["rows"])]
    head = ["", *(name.replace("_", " + ") for name in stages)]
    head += ["of decode + resize", "of matrix product", "batch p50 / p95 / p99, ms", "GFLOP", "peak, MiB"]
    yield _line(head)
    yield _line(["---"] * len(head))
    for row in found["rows"]:
        yield _line(_cells(row, stages))


def _cells(row: Mapping[str, Any], stages: Sequence[str]) -> list[str]:
    shares, timed = row["share_of_ceiling"], row["stages"]
    batch = timed.get("network", {}).get("latency_ms")
    peaks = [f"{value:.0f}{' GPU' if name == 'gpu' else ''}" for name, value in row["peak_mib"].items() if value]
    return [
        row["key"],
        *(f"{timed[name]['fps']:,.0f}" if name in timed else "" for name in stages),
        _percent(shares.get("together_of_decode_resize")),
        _percent(shares.get("network_of_matmul")),
        " / ".join(f"{batch[name]:.1f}" for name in ("p50", "p95", "p99")) if batch else "",
        f"{row['gflop_per_frame']:.2f}",
        ", ".join(peaks),
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """The network's frames a second by batch, and where the time of a frame goes."""
    figure = Figure(figsize=(11, 2.4 + 0.32 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    alone = [row for row in rows if "network" in row["stages"]]
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in alone:
        name = row["key"].rpartition(", batch ")[0]
        lines.setdefault(name, []).append((row["batch"], row["stages"]["network"]["fps"]))
    for name, points in lines.items():
        left.plot(*zip(*sorted(points), strict=True), marker="o", label=name)
    left.set(xlabel="batch", ylabel="frames a second", title="network alone")
    if lines:
        left.set_xscale("log", base=2)
        left.set_ylim(bottom=0)
        left.legend(fontsize=7)
    names = [row["key"] for row in alone]
    start = [0.0] * len(alone)
    # Writing is done once a video, and is not in "together".
    for stage in ("decode_resize", "upload", "network", "score"):
        taken = [1e3 / row["stages"][stage]["fps"] if stage in row["stages"] else 0.0 for row in alone]
        if any(taken):
            right.barh(names, taken, left=start, label=stage.replace("_", " + "))
            start = [a + b for a, b in zip(start, taken, strict=True)]
    right.plot([1e3 / row["stages"]["together"]["fps"] for row in alone], names, "kd", label="together")
    right.set(xlabel="milliseconds a frame", title="stages alone, and together (they overlap)")
    right.tick_params(axis="y", labelsize=7)
    right.invert_yaxis()
    right.legend(fontsize=7)
    return figure
