"""From scans to the end of a reader study, by the command line alone, with a real PACS and a real browser.

Two readers answer by a rule of their own; what `review stats` then says is worked out again by hand.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers.orthanc import PASSWORD, USER, session, start_orthanc
from helpers.reading_window import Window, order_of
from scipy.stats import binomtest
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.stages.demo.cohort import make_cohort
from medattngan.stages.demo.scans import write_scan
from medattngan.statistics.intervals import wilson

pytestmark = pytest.mark.slow

CASES = 10
"""Of each kind."""
SMALL = [
    "data.size=32", "attention.resolutions=[8]", "model.generator_width=8", "model.discriminator_width=8",
    "train.kimg=0.5", "train.minutes=null", "train.batch_size=8", "train.validate_minutes=null",
]  # fmt: skip


def medattngan(*arguments: object) -> str:
    """Run one command as a user does; what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@contextmanager
def served(study: Path) -> Iterator[str]:
    """`medattngan review serve` in a process of its own, ended as by Ctrl+C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "medattngan", "review", "serve", str(study), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        server.stdout.close()


def test_from_scans_to_a_finished_reader_study(
    browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_folders: Path
) -> None:
    for patient in make_cohort(8, seed=1):
        write_scan(patient, tmp_path / "scans", 1)
    store, run, samples, dicom = (tmp_path / name for name in ("store", "run", "samples", "dicom"))
    medattngan("ingest", tmp_path / "scans", "--out", store, "--size", 32, "--split", "0.5,0.25,0.25")
    config = Path(__file__).parents[2] / "configs" / "compact.yaml"
    settings = [part for key in SMALL for part in ("--set", key)]
    medattngan("train", config, "--data", store, "--out", run, *settings)
    medattngan("sample", run, "--count", 40, "--out", samples)
    audit = ["--false-positives", 0.1, "--planted", 40, "--run", run]
    medattngan("encoder", store, "--out", tmp_path / "encoder", "--kimg", 1)
    medattngan(
        "audit", samples, "--data", store, "--out", tmp_path / "audit", "--encoder", tmp_path / "encoder", *audit
    )
    medattngan(
        "evaluate", samples, "--data", store, "--out", tmp_path / "scores", "--extractor", "efficientnet-lite0@128"
    )
    flagged = pd.read_parquet(samples / "samples.parquet")["flagged"]
    medattngan("export", samples, "--out", dicom)

    pacs = start_orthanc(tmp_path / "orthanc")
    try:
        monkeypatch.setenv("MEDATTNGAN_PUSH_USER", USER)
        monkeypatch.setenv("MEDATTNGAN_PUSH_PASSWORD", PASSWORD)
        medattngan("push", dicom, "--url", pacs.url)
        with session() as http:
            studies = http.get(f"{pacs.url}/studies", timeout=30).json()
        assert all("SYNTHETIC" in str(study["00100010"]) for study in studies)
        assert studies
        assert len(pacs.instances()) == pacs.arrivals() == int((~flagged).sum())
    finally:
        pacs.stop()

    study = tmp_path / "study"
    made = ["--count", CASES, "--readers", 2, "--references", 2, "--seed", 3]
    links = medattngan("review", "create", samples, "--data", store, "--out", study, *made)
    tokens = [line.rsplit("/r/", 1)[1] for line in links.splitlines() if "/r/" in line]
    rules = [lambda n: 1 + n % 5, lambda n: 1 + (3 * n + n // 7) % 5]
    with served(study) as address:
        for reader, (token, rule) in enumerate(zip(tokens, rules, strict=True), start=1):
            read_all(Window(browser, address), token, rule, offline=reader == 2)
    medattngan("review", "close", study)
    medattngan("review", "stats", study, "--out", tmp_path / "statistics")
    check_by_hand(study, tmp_path / "statistics", rules)
    folders = [run, samples, *(tmp_path / name for name in ("scores", "audit", "statistics"))]
    medattngan("report", *folders, "--data", store, "--out", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    stats = json.loads((tmp_path / "statistics" / "stats.json").read_text())
    assert stats["counts"]["reads"] == 4 * CASES
    assert "Planted copies" in page
    assert all(kind in page for kind in ("Readers", "Membership inference by the discriminator: AUC"))


def read_all(window: Window, token: str, rule: Any, *, offline: bool) -> None:
    """Read every case by the keyboard; for a third of them without a network."""
    window.begin(token)
    fetched = "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/pixels'))"
    for n in range(1, 2 * CASES + 1):
        if offline and n == 5:
            window.saved()
            window.page.wait_for_function(f"(count) => {fetched}.length >= count", arg=8)
            window.context.set_offline(True)
        if offline and n == 8:
            window.wait_for_text("#kept", "3 cases waiting to be sent")
            window.context.set_offline(False)
        window.read(n, str(rule(n)), "3", "3")
    window.wait_for_text("#curtain", "All your answers are saved")
    window.close()


def check_by_hand(study: Path, statistics: Path, rules: list[Any]) -> None:
    """Accuracy, its interval, sensitivity, specificity, AUC, d' of each reader, from rule, order and truth alone."""
    table = pd.read_parquet(study / "truth.parquet").set_index("case")
    truth = table["synthetic"]
    stats = json.loads((statistics / "stats.json").read_text())
    assert stats["counts"]["real"] == stats["counts"]["synthetic"] == CASES
    for number, (rule, entry) in enumerate(zip(rules, stats["readers"], strict=True), start=1):
        steps, patients = {True: [], False: []}, []
        for n, case in enumerate(order_of(study, number), start=1):
            steps[bool(truth[case])].append(rule(n))
            patients += [] if truth[case] else [table["patient"][case]]
        synthetic, real = np.array(steps[True]), np.array(steps[False])
        hits = (synthetic > 3).sum() + (synthetic == 3).sum() / 2
        rejections = (real < 3).sum() + (real == 3).sum() / 2
        right = hits + rejections
        assert entry["sensitivity"]["value"] == pytest.approx(hits / CASES)
        assert entry["specificity"]["value"] == pytest.approx(rejections / CASES)
        assert entry["accuracy"]["value"] == pytest.approx(right / (2 * CASES))
        if hits == int(hits):
            known = binomtest(int(hits), CASES).proportion_ci(method="wilson")
            assert entry["sensitivity"]["ci95"] == pytest.approx([known.low, known.high], abs=1e-6)
        # Slices of one patient are one cluster: as many as would vary by chance as much as these do.
        share, right_real = right / (2 * CASES), (1 - (np.sign(real - 3) + 1) / 2) - rejections / CASES
        sums = np.array([right_real[np.array(patients) == one].sum() for one in set(patients)])
        variance = np.var((np.sign(synthetic - 3) + 1) / 2, ddof=1) / CASES
        variance += len(sums) / (len(sums) - 1) * (sums**2).sum() / CASES**2
        low, high = wilson(share * (count := min(share * (1 - share) / (variance / 4), 2 * CASES)), count)
        assert entry["accuracy"]["ci95"] == pytest.approx([low, high], abs=1e-6)
        wins = (synthetic[:, None] > real).sum() + (synthetic[:, None] == real).sum() / 2
        assert entry["auc"]["value"] == pytest.approx(wins / CASES**2)
