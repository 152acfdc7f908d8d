"""Firefox, driven by WebDriver BiDi, which it speaks by itself. Needs firefox-esr and python3-websocket.

Chromium is what the tests use (browser.py); this is for what another engine may see differently."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.waiting import until

WAIT_SECONDS = 60.0


class Firefox:
    """One page. A method is named as the command of https://w3c.github.io/webdriver-bidi/ behind it."""

    def __init__(self, address: str):
        websocket = pytest.importorskip("websocket")
        self._socket = websocket.create_connection(f"{address}/session", timeout=WAIT_SECONDS,
                                                   suppress_origin=True)
        self._commands = 0
        self.ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
        self.page = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> dict:
        self._commands += 1
        self._socket.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") != self._commands:
                continue  # an event
            assert answer["type"] == "success", answer
            return answer["result"]

    def navigate(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self.page, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """What it is, by way of JSON; a promise is waited for."""
        result = self.ask("script.evaluate", target={"context": self.page}, awaitPromise=True,
                          expression=f"(async () => JSON.stringify(await ({expression})))()")
        assert result["type"] == "success", result
        text = result["result"].get("value")
        return None if text is None else json.loads(text)

    def close(self) -> None:
        self.ask("browser.close")
        self._socket.close()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    program = shutil.which("firefox-esr")
    if program is None:
        pytest.skip("firefox-esr is not installed (300 MB, so ./test does not install it)")
    folder = tmp_path_factory.mktemp("firefox")
    log: Path = folder / "log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [program, "--headless", "--no-remote", "--profile", folder,
             "--remote-debugging-port", "0"],
            stdout=errors, stderr=errors, env={"HOME": str(folder), "PATH": "/usr/bin:/bin"})
    try:
        listening = r"WebDriver BiDi listening on (ws://\S+)"
        assert until(lambda: re.search(listening, log.read_text()), WAIT_SECONDS), log.read_text()
        driven = Firefox(re.search(listening, log.read_text())[1])
        yield driven
        driven.close()
        process.wait(WAIT_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
