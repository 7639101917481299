"""Ingest by the workers of a Dask cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pydicom.data import get_testdata_file

from medattngan.core.files import UserError
from medattngan.extractors.crew import crew
from medattngan.extractors.table import extract, load_extractor
from medattngan.stages.ingest.ingest import ingest

CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Dask itself, as it starts and ends
def test_a_cluster_makes_the_same_store(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "scans").mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        (tmp_path / "scans" / name).write_bytes(Path(str(get_testdata_file(name))).read_bytes())
    (tmp_path / "cluster.py").write_text(CLUSTER)
    command = [sys.executable, str(tmp_path / "cluster.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout is not None
        try:
            address = cluster.stdout.readline().strip()
            options = {"size": 32, "split": (1.0, 0.0, 0.0), "progress": False}
            there = ingest([tmp_path / "scans"], tmp_path / "there", cluster=address, **options)
            here = ingest([tmp_path / "scans"], tmp_path / "here", **options)
        finally:
            cluster.terminate()
    assert len(there) == 2
    assert there.digest == here.digest


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_makes_the_same_features(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "cluster.py").write_text(CLUSTER)
    command = [sys.executable, str(tmp_path / "cluster.py")]
    images = torch.rand(70, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    extractor = load_extractor("radiomics-2d")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        assert cluster.stdout is not None
        try:
            with crew(None, cluster.stdout.readline().strip()) as by:
                assert by is not None
                made = by.extract(extractor, images)
        finally:
            cluster.terminate()
    assert torch.equal(made, extract(extractor, images))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (tmp_path / "CT.dcm").write_bytes(Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())
    with pytest.raises(UserError, match="no Dask scheduler answers"):
        ingest([tmp_path / "CT.dcm"], tmp_path / "store", cluster="tcp://127.0.0.1:1", progress=False)
