"""A small study of blobs, and a server of it on a loopback port."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import uvicorn

from medattngan.core.types import Codes
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.review.create import create_study
from medattngan.review.database import Database
from medattngan.review.protocol import Protocol
from medattngan.review.serve import LOOPBACK_NAMES, configure
from medattngan.review.server import build_app
from medattngan.review.study import Study

SIZE = 16
INTENSITY = {"lower": 0.0, "upper": 1200.0, "unit": "a.u.", "modality": "MR", "plane": "axial", "spacing_mm": 4.0}
ANSWERS = {"authenticity": 2, "plausibility": 4, "quality": 3}

# Of plain HTTP on the loopback: reading the certificates of all authorities would take 40 ms a client.
client = partial(httpx.Client, verify=False, timeout=60)
fetch = partial(httpx.get, verify=False)


def blobs(count: int, seed: int) -> Codes:
    """(count, SIZE, SIZE) codes of bright blobs in the dark, all of one distribution."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] - SIZE / 2
    radius = rng.uniform(3, 5, (count, 1, 1))
    blob = 1 / (1 + np.exp(2 * (np.hypot(rows, columns)[None] - radius))) + rng.normal(0, 0.03, (count, SIZE, SIZE))
    return np.rint(np.clip(blob * 0.9, 0, 1) * 65535).astype(np.uint16)


def write_store(path: Path, codes: Codes, **columns: Sequence[Any] | object) -> SliceStore:
    """A store of one slice a patient, all of the split test but where `columns` say otherwise."""
    path.mkdir()
    writer = StoreWriter(path)
    for one in codes:
        writer.add(one)
    names = [f"p{i:04d}" for i in range(len(codes))]
    table = pd.DataFrame({"patient": names, "series": names, "position_mm": np.arange(len(codes)) * 3.0})
    fixed = {"modality": "MR", "plane": "axial", "spacing_mm": 4.0, "label": None, "split": "test"}
    table = table.assign(**{**fixed, "lower": 0.0, "upper": 1200.0, "unit": "a.u.", **columns})
    writer.finish(table, {"scheme": "percentile", **INTENSITY}, {"source": "blobs"})
    return SliceStore.open(path)


def write_samples(path: Path, codes: Codes, **columns: Sequence[Any]) -> Path:
    """A samples folder."""
    table = pd.DataFrame({"number": np.arange(len(codes)), "seed": 0, "label": pd.array([None] * len(codes), "string")})
    Samples(codes, table.assign(**columns), dict(INTENSITY), {"synthetic": True, "seed": 0}).save(path)
    return path


@dataclass(frozen=True)
class Made:
    """A study and its links."""

    path: Path
    tokens: list[str]


def make_study(folder: Path, *, count: int = 4, readers: int = 2, references: int = 0, **protocol: object) -> Made:
    """A study of `count` slices of each kind in a new folder `folder`."""
    codes = blobs(3 * count, 0)
    splits = ["test"] * count + ["train"] * count
    folder.mkdir()
    store = write_store(folder / "store", codes[: 2 * count], split=splits)
    samples = write_samples(folder / "samples", codes[2 * count :])
    tokens = create_study(
        samples, store, folder / "study", count=count, readers=readers, references=references, seed=5,
        protocol=Protocol.model_validate(protocol),
    )  # fmt: skip
    return Made(folder / "study", tokens)


def make_stacks(folder: Path, *, depth: int = 5, count: int = 3, readers: int = 1, pairs: bool = False) -> Made:
    """A study whose cases are `depth` slices of a series of 8, 3 mm apart, and of synthetic volumes of 8."""
    folder.mkdir()
    series = np.repeat([f"s{number}" for number in range(count)], 8)
    places = np.tile(np.arange(8) * 3.0, count)
    codes = blobs(16 * count, 0)
    store = write_store(folder / "store", codes[: 8 * count], patient=series, series=series, position_mm=places)
    volume = np.repeat(np.arange(count), 8)
    samples = write_samples(folder / "samples", codes[8 * count :], volume=volume, position_mm=places)
    tokens = create_study(
        samples, store, folder / "study", count=count, readers=readers, seed=5, depth=depth, pairs=pairs,
        letters="keep",
    )  # fmt: skip
    return Made(folder / "study", tokens)


@contextmanager
def serving(path: Path, owner: str | None = None, *, interim: bool = False) -> Iterator[str]:
    """The study at `path`, served as `review serve` does; yields the address."""
    study = Study.open(path)
    app = build_app(study, Database(study.database), LOOPBACK_NAMES, owner=owner, interim=interim)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(configure(app, host="127.0.0.1", port=0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            while CLIENTS:
                CLIENTS.pop().close()
            server.should_exit = True
            thread.join()


CLIENTS: list[httpx.Client] = []
"""Open connections of readers; `serving` closes them at its end."""


class Reader:
    """A browser of one reader: cookie, CSRF token, and what a page would send."""

    def __init__(self, address: str, token: str) -> None:
        self.http = client(base_url=address)
        CLIENTS.append(self.http)
        self.entered = self.http.get(f"/r/{token}")
        self.csrf = self.http.get("/api/study").json().get("csrf", "")

    def put(
        self, n: int | str, answers: object = None, read_id: str | None = None, **changes: object
    ) -> httpx.Response:
        """Send one read."""
        body = {"read_id": read_id or str(uuid.uuid4()), "answers": answers or ANSWERS, "milliseconds": 1200, **changes}
        return self.http.put(f"/api/reads/{n}", json=body, headers={"X-CSRF-Token": self.csrf})
