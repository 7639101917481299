"""Firefox by Marionette, the protocol that it speaks without a driver beside it.

https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html: messages are LENGTH:JSON, commands those of
WebDriver (https://www.w3.org/TR/webdriver2/). Playwright needs a Firefox of its own build.
"""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "ArrowUp": "\ue013", "ArrowDown": "\ue015"}
PATIENCE_S = 60


class Firefox:
    """One window of a Firefox that listens at a port of this machine."""

    def __init__(self, port: int) -> None:
        self._socket = _connect(port)
        self._file = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._receive()  # who it is
        self._ask("WebDriver:NewSession", {})

    def _receive(self) -> Any:
        length = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, "Firefox is gone"
            length += byte
        return json.loads(self._file.read(int(length)))

    def _ask(self, command: str, parameters: dict[str, Any]) -> Any:
        message = json.dumps([0, next(self._numbers), command, parameters]).encode()
        self._socket.sendall(str(len(message)).encode() + b":" + message)
        _, _, error, result = self._receive()
        assert error is None, error
        return result

    def open(self, url: str) -> None:
        """Go to an address."""
        self._ask("WebDriver:Navigate", {"url": url})

    def reload(self) -> None:
        """Load the page anew."""
        self._ask("WebDriver:Refresh", {})

    def script(self, body: str, *arguments: object) -> Any:
        """What a function of this body returns, in the page."""
        return self._ask("WebDriver:ExecuteScript", {"script": body, "args": list(arguments)})["value"]

    def wait(self, condition: str, *arguments: object) -> None:
        """Until an expression holds."""
        until = time.monotonic() + PATIENCE_S
        while not self.script(f"return {condition}", *arguments):
            assert time.monotonic() < until, f"never: {condition} {arguments}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        """What an element says."""
        return str(self.script("return document.querySelector(arguments[0]).textContent", selector))

    def _act(self, kind: str, *actions: dict[str, Any], **more: Any) -> None:
        self._ask("WebDriver:PerformActions", {"actions": [{"type": kind, "id": kind, "actions": [*actions], **more}]})

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            value = KEYS.get(key, key)
            self._act("key", {"type": "keyDown", "value": value}, {"type": "keyUp", "value": value})

    def _middle(self, selector: str) -> dict[str, int]:
        box = self.script("return document.querySelector(arguments[0]).getBoundingClientRect().toJSON()", selector)
        return {"x": int(box["x"] + box["width"] / 2), "y": int(box["y"] + box["height"] / 2)}

    def click(self, selector: str) -> None:
        """Press the left button in the middle of an element."""
        where = {"type": "pointerMove", "duration": 0, **self._middle(selector)}
        down, up = ({"type": f"pointer{way}", "button": 0} for way in ("Down", "Up"))
        self._act("pointer", where, down, up, parameters={"pointerType": "mouse"})

    def wheel(self, selector: str, pixels: int) -> None:
        """Turn the wheel over an element."""
        turn = {"type": "scroll", "deltaX": 0, "deltaY": pixels, "duration": 0, "origin": "viewport"}
        self._act("wheel", {**turn, **self._middle(selector)})

    def close(self) -> None:
        """Let go of the connection."""
        self._file.close()
        self._socket.close()


def _connect(port: int) -> socket.socket:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        except ConnectionRefusedError:
            assert time.monotonic() < until, "Firefox does not listen"
            time.sleep(0.1)


@contextmanager
def firefox(languages: str = "en-US") -> Iterator[Firefox]:
    """A headless Firefox with a profile of its own, which asks for these languages (as in Accept-Language)."""
    found = shutil.which("firefox-esr") or shutil.which("firefox")
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        wishes = {"marionette.port": port, "intl.accept_languages": languages, "app.update.enabled": False}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wishes.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines), encoding="utf-8")
        command = [found, "--headless", "--marionette", "--no-remote", "--profile", profile]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            window = Firefox(port)
            try:
                yield window
            finally:
                window.close()
        finally:
            process.terminate()
            process.wait(timeout=60)
