"""A real Chromium without a window, driven by the DevTools protocol over two pipes.

Pipes and not a port: nobody else can reach it, and it ends when they close.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT_S = 60.0


def program() -> str | None:
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


class Browser:
    """One tab. `problems` are errors of the console, uncaught exceptions, and whatever the page
    tried to fetch over a network."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.problems: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self._ask(f"{domain}.enable")

    def open(self, page: Path, *, width: int = 1280, height: int = 900, hash_: str = "") -> None:
        self.resize(width, height)
        self.problems.clear()
        self._ask("Page.navigate", url=page.as_uri() + hash_)
        self.wait("document.readyState === 'complete'")

    def resize(self, width: int, height: int) -> None:
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, scheme: str, media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("Emulation.setEmulatedMedia", media=media, features=features)

    def eval(self, script: str) -> Any:
        """The value of an expression, a promise's once it is there. Raises AssertionError with the
        page's exception."""
        told = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until an expression is true; looked at with every frame that the page draws."""
        self.eval(
            "new Promise((done, failed) => { const end = performance.now() + 30000;"
            f"const look = () => ({condition}) ? done() : performance.now() > end"
            f" ? failed(new Error({json.dumps(condition)})) : requestAnimationFrame(look);"
            "look(); })"
        )

    def press(self, key: str) -> None:
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"Enter": "\r"}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self._ask(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text
            )

    def screenshot(self, file: Path) -> None:
        data = self._ask("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(data))

    def pdf(self) -> bytes:
        return base64.b64decode(self._ask("Page.printToPDF")["data"])

    def close(self) -> None:
        self._session = None
        self._ask("Browser.close")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            told = self._receive()
            if told.get("id") == self._number:
                assert "error" not in told, f"{method}: {told['error']}"
                result: dict[str, Any] = told["result"]
                return result
            self._note(told)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], _TIMEOUT_S)
            assert ready, "Chromium does not answer"
            block = os.read(self._from, 1 << 20)
            assert block, "Chromium has ended"
            self._rest += block
        message, self._rest = self._rest.split(b"\0", 1)
        told: dict[str, Any] = json.loads(message)
        return told

    def _note(self, told: dict[str, Any]) -> None:
        parameters = told.get("params", {})
        match told.get("method"):
            case "Runtime.exceptionThrown":
                self.problems.append(json.dumps(parameters["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "warning", "assert"):
                self.problems.append(json.dumps(parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.problems.append(json.dumps(parameters["entry"]))
            case "Network.requestWillBeSent":
                url = parameters["request"]["url"]
                if not url.startswith(("file:", "data:", "blob:", "about:")):
                    self.problems.append(f"asked for {url}")


@contextlib.contextmanager
def running(executable: str) -> Iterator[Browser]:
    """Chromium reads its orders from descriptor 3 and answers on 4."""
    order_out, order_in = os.pipe()
    answer_out, answer_in = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        argv = [
            "/bin/sh",
            "-c",
            # Moves the pipes to 3 and 4. dash knows descriptors of one digit only, as numbers.
            'exec 3<"/dev/fd/$1" 4>"/dev/fd/$2"; shift 2; exec "$@"',
            "sh",
            str(order_out),
            str(answer_in),
            executable,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}",
        ]
        process = subprocess.Popen(
            argv,
            pass_fds=(order_out, answer_in),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(order_out)
        os.close(answer_in)
        try:
            browser = Browser(order_in, answer_out)
            yield browser
            browser.close()
        finally:
            os.close(order_in)
            os.close(answer_out)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
