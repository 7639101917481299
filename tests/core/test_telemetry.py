"""No library tells anybody that scans are read."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from medattngan.core.telemetry import SILENT

LOOK = """
import time
import numpy as np
{first}
from rapidocr import RapidOCR
RapidOCR(params={{"Global.log_level": "critical"}})(np.zeros((64, 64, 3), np.uint8))
time.sleep(15)
"""


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that keeps what it is first sent, and hangs up."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    heard.append(peer.recv(1000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def heard_from(first: str) -> list[bytes]:
    own = {name: value for name, value in os.environ.items() if name not in SILENT}
    with listening() as (address, heard):
        own |= dict.fromkeys(("ALL_PROXY", "http_proxy", "https_proxy"), address)
        subprocess.run([sys.executable, "-c", LOOK.format(first=first)], env=own, check=True)
    return heard


def test_importing_the_package_asks_for_silence_unless_the_user_has_spoken() -> None:
    script = f"import os, medattngan; print(*(os.environ[name] for name in {SILENT}))"
    own = {name: value for name, value in os.environ.items() if name not in SILENT}
    for given, said in (({}, "1 1"), ({SILENT[0]: "0"}, "0 1")):
        told = subprocess.run(
            [sys.executable, "-c", script], env=own | given, check=True, capture_output=True, text=True
        )
        assert told.stdout.split() == said.split()


@pytest.mark.slow
def test_looking_for_text_sends_nothing_to_the_network() -> None:
    pytest.importorskip("rapidocr")
    if not heard_from(""):
        pytest.skip("this version of ONNX Runtime is silent by itself")
    assert heard_from("import medattngan") == []
