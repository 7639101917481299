"""A training survives `kill -9`: real processes, real signals."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.stages.train.train import train

TREE = {
    "data": {"size": 32},
    "model": {"generator_width": 8, "discriminator_width": 8, "z_dim": 8},
    "attention": {"kind": "scaled_dot", "resolutions": [8]},
    "loss": {"penalty_every": 2},
    "augment": {"adaptive": True},
    "train": {
        "kimg": 0.16, "minutes": None, "batch_size": 4, "checkpoint_steps": 3, "log_kimg": 0.02,
        "grid_kimg": 10, "validate_minutes": None, "seed": 5,
    },
}  # fmt: skip


def config() -> Config:
    return Config.from_tree(TREE, "test")


def weights(run: Run) -> dict[str, str]:
    """The digest of each file of the last checkpoint that says how training would go on."""
    last = run.checkpoint("last")
    assert last.name == "step-000000040"
    names = ("generator.safetensors", "discriminator.safetensors", "ema.safetensors")
    digests = {name: hashlib.sha256((last / name).read_bytes()).hexdigest() for name in names}
    moments = torch.load(last / "optimizers.pt", weights_only=True)
    for player, optimizer in moments.items():
        tensors = [t for s in optimizer["state"].values() for t in s.values() if isinstance(t, torch.Tensor)]
        digests[player] = hashlib.sha256(b"".join(t.contiguous().numpy().tobytes() for t in tensors)).hexdigest()
    return digests


def start(store: SliceStore, configuration: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "medattngan", "train", str(configuration)]
    command += ["--data", str(store.path), "--out", str(out), "--resume"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def kill_after(process: subprocess.Popen[bytes], out: Path, step: int, delay: float) -> bool:
    """Wait until a checkpoint at `step` or later stands, `delay` seconds more, then kill; False if it ended before."""
    while process.poll() is None:
        if any(int(p.name[5:]) >= step for p in out.glob("checkpoints/step-*")):
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return process.returncode == -signal.SIGKILL
        time.sleep(0.005)
    process.communicate()
    return False


@pytest.fixture(scope="module")
def uninterrupted(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return weights(train(config(), tiny_store, tmp_path_factory.mktemp("whole") / "run", progress=False))


def run_with_kills(store: SliceStore, folder: Path, kills: list[tuple[int, float]]) -> Run:
    """Train in processes killed at these steps and delays, then to the end."""
    configuration, out = folder / "config.yaml", folder / "run"
    config().save(configuration)
    killed = [kill_after(start(store, configuration, out), out, step, delay) for step, delay in kills]
    assert any(killed), "every process ended before it could be killed"
    process = start(store, configuration, out)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
    return Run.open(out)


@pytest.mark.slow
def test_a_run_killed_between_checkpoints_resumes_to_the_same_weights(
    tiny_store: SliceStore, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    run = run_with_kills(tiny_store, tmp_path, [(12, 0.02)])
    assert weights(run) == uninterrupted
    steps = [int(line.split(",")[0]) for line in (run.path / "metrics.csv").read_text().splitlines()[1:]]
    assert steps == sorted(set(steps)), "a row of metrics.csv stands twice"


@pytest.mark.slow
def test_a_run_killed_at_any_step_resumes_to_the_same_weights(
    tiny_store: SliceStore, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    kills = [(0, 0.0), (3, 0.013), (6, 0.001), (15, 0.03), (27, 0.007), (36, 0.0)]
    assert weights(run_with_kills(tiny_store, tmp_path, kills)) == uninterrupted


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    tiny_store: SliceStore, tmp_path: Path, uninterrupted: dict[str, str]
) -> None:
    again = weights(train(config(), tiny_store, tmp_path / "again", progress=False))
    tree = {**TREE, "train": {**TREE["train"], "seed": 6}}  # type: ignore[dict-item]
    other = weights(train(Config.from_tree(tree, "test"), tiny_store, tmp_path / "other", progress=False))
    assert again == uninterrupted
    assert other["ema.safetensors"] != uninterrupted["ema.safetensors"]


def test_a_run_resumes_only_with_its_own_configuration_and_store(tiny_store: SliceStore, tmp_path: Path) -> None:
    tree = {**TREE, "train": {**TREE["train"], "kimg": 0.008}}  # type: ignore[dict-item]
    train(Config.from_tree(tree, "test"), tiny_store, tmp_path / "run", progress=False)
    other = {**tree, "loss": {"penalty_every": 4}}
    with pytest.raises(UserError, match="another configuration"):
        train(Config.from_tree(other, "test"), tiny_store, tmp_path / "run", resume=True, progress=False)
    with pytest.raises(UserError, match="exists already"):
        train(Config.from_tree(tree, "test"), tiny_store, tmp_path / "run", progress=False)
    longer = {**TREE, "train": {**TREE["train"], "kimg": 0.016}}  # type: ignore[dict-item]
    run = train(Config.from_tree(longer, "test"), tiny_store, tmp_path / "run", resume=True, progress=False)
    assert run.checkpoint("last").name == "step-000000004"
