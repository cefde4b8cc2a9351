"""The report of a benchmark: whole, alone, and readable in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdmae import load
from sdmae.data.benchmark import Benchmark, Mask, TestClip
from sdmae.evaluation.protocol import evaluate
from sdmae.evaluation.report.pieces import Line, chart, score_curve, table
from sdmae.scoring import AlarmLevel, Calibration
from sdmae.video import find_clips
from video_files import make_video, with_a_blaze

VOID = ("meta", "img", "br")


class Page(HTMLParser):
    """Keeps the words and the addresses of a page, and sees to it that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "poster", "action", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


@dataclass
class Run:
    """One evaluation with everything that a benchmark can have."""

    folder: Path
    metrics: dict[str, Any]
    page: Page = field(init=False)
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = (self.folder / "report.html").read_text(encoding="utf-8")
        self.page = Page(self.text)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.page.words))


def blaze(index: int) -> Mask:
    mask = np.zeros((72, 100), bool)
    if 40 <= index < 60:
        mask[10:40, 10:70] = True
    return mask


LEVEL = AlarmLevel(0.0, 0.0, 1, 2.0, 1, 3, 1, 60, 3, 0.3, 0.1, 0, 1, (0.2, 0.1), (), ())


def benchmark_in(folder: Path) -> Benchmark:
    """One training clip; a test clip with a blaze whose name needs escaping, and a normal one."""
    normal = make_video(folder / "n.mp4", 30)
    clips = [find_clips(str(p))[0] for p in (make_video(folder / "a&b.mp4", 80, draw=with_a_blaze), normal)]
    # Longer than the blaze, so that there is something to miss however good the detector is.
    labels = [(np.arange(80) >= 40) & (np.arange(80) < 75), np.zeros(30, bool)]
    test = tuple(TestClip(c, one, blaze) for c, one in zip(clips, labels, strict=True))
    return Benchmark(name="scene", rate=25.0, training=(clips[1],), test=test, missing=("clips 3 to 9 & masks",))


@pytest.fixture(scope="module", params=["uncalibrated", "calibrated"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, detector_file: Path) -> Run:
    folder = tmp_path_factory.mktemp("report")
    loaded = load(detector_file, device="cpu")
    # The smoothing of the benchmark, for which alone an offline threshold holds.
    detector = loaded.with_settings(replace(loaded.config, score=replace(loaded.config.score, sigma=1.0)))
    benchmark = benchmark_in(folder)
    if request.param == "calibrated":
        middle = float(np.median(detector.score(benchmark.test[0].clip).scores))
        level = replace(LEVEL, threshold=middle)
        detector.calibration = Calibration(level, level, detector.calibration_fingerprint(), "made up")
    else:
        detector.calibration = None
    metrics = evaluate(detector, benchmark, folder / "out", report=lambda line: None)
    return Run(folder / "out", metrics)


def test_the_page_is_whole_and_stands_alone(made: Run) -> None:
    assert made.page.addresses
    for address in made.page.addresses:
        assert address.startswith("data:image/jpeg;base64,"), address[:80]
    assert not re.search(r"https?:|url\(|@import|<script|<link|<iframe", made.text)
    assert "$" not in re.sub(r"base64,[^\"]*", "", made.text)  # every blank was filled in
    assert not re.search(r"\b(nan|None|inf)\b", made.words)


def test_the_page_has_all_that_was_measured(made: Run) -> None:
    assert made.page.headings == [
        f"Drawn scene: micro AUC {100 * made.metrics['micro_auc']:.1f} %",
        "Beside what needs no training",
        "Curves",
        "Alarms",
        "Score, clip by clip",
        "The worst misses",
        "The worst false alarms",
        "Video by video",
        "How it was measured",
        "With what",
    ]
    for source in (made.metrics, made.metrics["causal"], made.metrics["baselines"]["frame_difference"]):
        for key in ("micro_auc", "macro_auc", "macro_auc_two_class", "average_precision", "eer"):
            assert f"{100 * source[key]:.1f}" in made.words
    for key in ("rbdc", "tbdc", "pixel_auc"):
        assert f"{100 * made.metrics[key]:.1f}" in made.words
    low, high = (made.metrics["intervals"]["macro_auc"][end] for end in ("low", "high"))
    assert f"[{100 * low:.1f} to {100 * high:.1f} %]" in made.words
    assert "a&b" in made.words
    assert "clips 3 to 9 & masks" in made.words
    assert made.metrics["detector"] in made.words
    assert "Ledger: no line" in made.words
    assert len(re.findall('<polyline class="curve"', made.text)) == 2
    assert len(re.findall('<figure class="chart">', made.text)) == 3
    calibrated = made.metrics["alarms"]["calibrated"]
    assert ("calibrated, from normal video" in made.words) == (calibrated is not None)
    assert ("never calibrated" in made.words) == (calibrated is None)
    assert ('class="limit"' in made.text) == (calibrated is not None)
    if calibrated is not None:  # what is found counts for nothing without the time for which an alarm is on
        tile = next(part for part in re.findall(r"<div><b>(.*?)</span></div>", made.text) if "events found" in part)
        assert tile.startswith(f"{calibrated['events_found']} of {made.metrics['alarms']['events']}<")
        assert f"alarms on in {100 * calibrated['false_share']:.1f} % of normal time" in tile


def test_the_pictures_are_few_and_small(made: Run) -> None:
    pictures = [address for address in made.page.addresses if address.startswith("data:")]
    assert len(pictures) % 2 == 0  # each frame has its heat map
    assert len(pictures) <= 40
    assert len(made.text) < 2_000_000


def test_the_markdown_table_has_the_same_figures(made: Run) -> None:
    lines = (made.folder / "table.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    head, first = rows[0], next(row for row in rows if row[0] == "this detector, offline")
    found = dict(zip(head, first, strict=True))
    assert found["micro"] == f"{100 * made.metrics['micro_auc']:.1f}"
    assert found["RBDC"] == f"{100 * made.metrics['rbdc']:.1f}"
    assert {len(row) for row in rows if row[0].startswith(("this detector", "frame diff"))} == {len(head)}
    assert [row[0] for row in rows if row[0] in ("a&b", "n")] == ["a&b", "n"]


def test_metrics_json_holds_what_was_returned(made: Run) -> None:
    assert json.loads((made.folder / "metrics.json").read_text()) == made.metrics


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_shows_it(made: Run, width: int, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium or chrome is installed: the page was not opened in a browser")
    # What runs within the page finds what sticks out and pictures that do not decode, and says so in its title.
    probe = """<script>addEventListener("load", () => {
      const pictures = [...document.images], page = document.documentElement;
      const broken = pictures.filter(p => !p.naturalWidth).length;
      document.title = `wide ${page.scrollWidth > page.clientWidth} broken ${broken} pictures ${pictures.length}`;
    });</script></head>"""
    eager = made.text.replace('loading="lazy"', "").replace("</head>", probe)
    # Within a frame, since the window of a headless chromium has a least width of its own.
    (tmp_path / "inner.html").write_text(eager, encoding="utf-8")
    outer = tmp_path / "outer.html"
    outer.write_text(
        f'<iframe src="inner.html" width="{width}" height="900"></iframe><script>addEventListener("load", () => '
        "document.body.append(frames[0].document.title, frames[0].document.body.innerText))</script>",
        encoding="utf-8",
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=8000"]
    done = subprocess.run(
        [*command, "--window-size=1400,1000", "--dump-dom", outer.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    errors = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert errors == []
    pictures = sum(address.startswith("data:") for address in made.page.addresses)
    assert f"wide false broken 0 pictures {pictures}" in done.stdout
    assert "The worst false alarms" in done.stdout
    assert f"{100 * made.metrics['micro_auc']:.1f} %" in done.stdout


# --- pieces --------------------------------------------------------------------------------------------------------


def test_long_curves_keep_their_peaks() -> None:
    heights = np.full(50_000, 0.1)
    heights[12_345] = 1.0
    labels = np.zeros(50_000, bool)
    labels[100:200] = True
    drawn = score_curve("x", "", np.arange(50_000) / 25, heights, labels, 0.5, 2000.0)
    points = re.findall(r'class="curve" points="([^"]*)"', drawn)[0].split()
    assert len(points) <= 1002
    assert min(float(point.split(",")[1]) for point in points) == 6.0
    assert drawn.count('class="truth"') == 1


def test_a_chart_goes_through_its_corners() -> None:
    x = np.linspace(0, 1, 5001)
    drawn = chart([Line("a <b>", x, np.minimum(1, 2 * x), 2)], "across", "up", "title")
    points = re.findall(r'class="line l2" points="([^"]*)"', drawn)[0].split()
    assert (points[0], points[-1]) == ("46,310", "346,10")
    assert "a &lt;b&gt;" in drawn
    # Of what is level, the ends are enough.
    assert sum(point.endswith(",10") for point in points) == 2


def test_words_in_tables_are_escaped() -> None:
    assert "<td>a&lt;b</td>" in table(["x"], [["a<b"]])
