"""The page of a real `sdmae serve`, in a process of its own, on a real camera."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from live_files import until


def test_serve_shows_its_cameras_and_ends_when_told(calibrated_file: Path, odd_video: Path, tmp_path: Path) -> None:
    token = "a-token-of-the-tests-0123456789"
    (tmp_path / "cameras.yaml").write_text(
        f"listen: 127.0.0.1:0\ntoken: ${{PAGE_TOKEN}}\ndevice: cpu\ncameras:\n"
        f"  - {{name: yard, source: 'loop:{odd_video}', detector: '{calibrated_file}'}}\n"
    )
    command = [sys.executable, "-m", "sdmae", "serve", str(tmp_path / "cameras.yaml")]
    environment = os.environ | {"PAGE_TOKEN": token, "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment
    ) as running:
        try:
            assert running.stderr is not None
            threading.Thread(target=lambda stream: lines.extend(stream), args=(running.stderr,), daemon=True).start()
            until(lambda: "the page is at http" in "".join(lines), 120)
            address = re.findall(r"the page is at (http://127\.0\.0\.1:\d+)", "".join(lines))[0]

            def ask(path: str) -> bytes:
                request = Request(address + path, headers={"Authorization": f"Bearer {token}"})
                with urlopen(request, timeout=30) as answer:
                    return bytes(answer.read())

            def scored() -> bool:
                time.sleep(0.2)
                return json.loads(ask("/api/cameras"))[0]["score"] is not None

            until(scored, 60)
            assert ask("/api/cameras/yard/picture?heat=true").startswith(b"\xff\xd8\xff")
            assert json.loads(ask("/api/cameras/yard/strip"))["scores"]
            assert json.loads(ask("/api/cameras/yard/threshold"))["set_by"] == "detector"
            assert json.loads(ask("/api/cameras/yard/would-be?threshold=1"))["alarms"] == 0
            assert b'sdmae_frames_scored_total{camera="yard"}' in ask("/metrics")
            assert json.loads(ask("/readyz"))["ok"]
            with pytest.raises(HTTPError, match="401"):
                urlopen(f"{address}/api/cameras", timeout=30)
            running.send_signal(signal.SIGTERM)
            assert running.wait(60) == 0, "".join(lines)
        finally:
            running.kill()
    assert token not in "".join(lines)
    assert "Traceback" not in "".join(lines)
