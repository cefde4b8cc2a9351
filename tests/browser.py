"""A real Chromium that is driven over its own protocol: no driver to install, no page that knows it is tested."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60.0
"""Seconds for which something is waited for, on a machine that has much else to do."""


class Browser:
    """One tab."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session
        self._number = 0
        self.complaints: list[str] = []
        """What was written into the console, and exceptions."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **values: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": values, "sessionId": self._session}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(PATIENCE))
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                result: dict[str, Any] = answer["result"]
                return result
            self._hear(answer)

    def open(
        self, address: str, *, width: int = 1440, height: int = 900, phone: bool = False, dark: bool = False
    ) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        self.send("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """What the expression, or promise, comes to."""
        given = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in given, given["exceptionDetails"]
        return given["result"].get("value")

    def until(self, condition: str) -> None:
        """Waits until the expression is true."""
        end = time.monotonic() + PATIENCE
        while True:
            with suppress(AssertionError):
                if self.run(f"Boolean({condition})"):
                    return
            if time.monotonic() > end:
                raise AssertionError(f"never came true: {condition}; the page: {self.text()[:2000]}")
            time.sleep(0.1)

    def key(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def click(self, selector: str) -> None:
        """A real press of the mouse in the middle of the element, which must be on top there."""
        place = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'nearest'});"
            "const b = e.getBoundingClientRect(), x = b.left + b.width / 2, y = b.top + b.height / 2;"
            "const top = document.elementFromPoint(x, y); return [x, y, e === top || e.contains(top)] })()"
        )
        assert place[2], f"{selector} is covered by something"
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))

    def _hear(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(told["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        elif message.get("method") == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(str(told["args"]))


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser with a profile of its own in the folder. The test is skipped where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no chromium or chrome is installed: the page was not driven in a browser")
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
    command += [f"--user-data-dir={folder}", "--disable-dev-shm-usage", "--hide-scrollbars", "about:blank"]
    with (folder.parent / "chromium.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        announced, end = folder / "DevToolsActivePort", time.monotonic() + PATIENCE
        while not (announced.exists() and announced.read_text().count("\n") >= 1):
            assert process.poll() is None, "chromium has ended"
            assert time.monotonic() < end, "chromium does not begin"
            time.sleep(0.1)
        port, path = announced.read_text().split()[:2]
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, open_timeout=PATIENCE) as socket:
            yield Browser(socket, _first_tab(socket))
    finally:
        process.terminate()
        process.wait(20)


def _first_tab(socket: ClientConnection) -> str:
    """The session of the tab that is open."""

    def ask(number: int, method: str, **values: Any) -> Any:
        socket.send(json.dumps({"id": number, "method": method, "params": values}))
        while (answer := json.loads(socket.recv(PATIENCE))).get("id") != number:
            pass
        return answer["result"]

    targets = ask(-1, "Target.getTargets")["targetInfos"]
    tab = next(target for target in targets if target["type"] == "page")
    return str(ask(-2, "Target.attachToTarget", targetId=tab["targetId"], flatten=True)["sessionId"])
