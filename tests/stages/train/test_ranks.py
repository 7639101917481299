"""Several processes play the round that one plays: real processes over gloo, started in every way we document."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from helpers.tiny import tiny_config
from safetensors.torch import load_file
from torch import nn

from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.stages.train.ranks import Ranks, require_shares
from medattngan.stages.train.train import train

# In the relativistic game the last bias has no gradient but rounding, which Adam makes as large as any other.
TRAIN = {
    "kimg": 0.08, "minutes": None, "batch_size": 8, "checkpoint_steps": 4, "log_kimg": 0.016, "grid_kimg": 10,
    "validate_minutes": None, "seed": 5,
}  # fmt: skip
STEPS = 10
PAGE = Path(__file__).parents[3] / "docs/how-to/devices.md"
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]


def config(preset: str = "compact", **train_keys: object) -> Config:
    sections = {"loss": {"kind": "non_saturating", "penalty_every": 2}, "augment": {"probability": 0.5}}
    return tiny_config(preset, train=TRAIN | train_keys, **sections)


def command(configuration: Config, store: SliceStore, out: Path, *more: str) -> list[str]:
    """What follows `python -m`."""
    path = out.parent / f"{out.name}.yaml"
    configuration.save(path)
    return ["medattngan", "train", str(path), "--data", str(store.path), "--out", str(out), *more]


def start(arguments: Sequence[str], start_new_session: bool = False, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=start_new_session,
    )  # fmt: skip


def wait_for(run: Path) -> None:
    """Until the run has a checkpoint besides its first."""
    deadline = time.monotonic() + 120
    while not list(run.glob("checkpoints/step-*4")) and time.monotonic() < deadline:
        time.sleep(0.05)


def end(process: subprocess.Popen[str], status: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=400)
    assert process.returncode == status, err
    return out, err


def weights(run: Path) -> dict[str, torch.Tensor]:
    last = Run.open(run).checkpoint("last")
    assert last.name == f"step-{STEPS:09d}"
    names = ("generator", "discriminator", "ema")
    return {f"{n}.{k}": v for n in names for k, v in load_file(last / f"{n}.safetensors").items()}


def assert_close(one: Mapping[str, torch.Tensor], two: Mapping[str, torch.Tensor]) -> None:
    assert one.keys() == two.keys()
    for key, tensor in one.items():
        torch.testing.assert_close(tensor, two[key], rtol=2e-3, atol=2e-5, msg=key)


def free_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return str(taken.getsockname()[1])


@pytest.fixture(scope="module")
def alone(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights that one process arrives at."""
    return weights(train(config(), tiny_store, tmp_path_factory.mktemp("alone") / "run", progress=False).path)


@pytest.mark.slow
def test_two_processes_arrive_where_one_does_and_one_of_them_writes(
    tiny_store: SliceStore, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    out, err = end(start(command(config(devices=2), tiny_store, tmp_path / "run")))
    assert out.split() == [str(tmp_path / "run")]
    assert "Traceback" not in err
    assert_close(alone, weights(tmp_path / "run"))
    rows = (tmp_path / "run/metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["step", "2", "4", "6", "8", "10"]


Shell = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def shell(tiny_store: SliceStore, tmp_path: Path) -> Shell:
    """Starts what the page says in a folder that has what the page names: programs, a configuration, a store."""
    (tmp_path / "configs").mkdir()
    config().save(tmp_path / "configs/compact.yaml")
    (tmp_path / "store").symlink_to(tiny_store.path)
    (tmp_path / "bin").mkdir()
    own = {"torchrun": "-m torch.distributed.run", "medattngan": "-m medattngan", "srun": str(tmp_path / "srun.py")}
    for name, module in own.items():
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        program.chmod(0o755)
    (tmp_path / "srun.py").write_text(SRUN)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, "MASTER_PORT": free_port()}

    def begin(text: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", text],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


SRUN = """
import os, subprocess, sys
both = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "train", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2"}
both |= {"SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": "2", "SLURM_NODELIST": "127.0.0.1", "SLURM_LOCALID": "0"}
both |= {"MASTER_ADDR": "127.0.0.1"}
tasks = [
    subprocess.Popen(sys.argv[1:], env={**os.environ, **both, "SLURM_PROCID": number, "SLURM_NODEID": number})
    for number in "01"
]
sys.exit(max(task.wait() for task in tasks))
"""
"""What `srun --nodes=2 --ntasks-per-node=1` gives each process, both on this machine."""


def blocks(section: str) -> list[str]:
    """The commands of a section of the page."""
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    return re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def changed(text: str, changes: Mapping[str, str]) -> str:
    """What the page says, but for a name that stands for something, or what this machine has fewer of."""
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


SMALL = {"train compact ": "train configs/compact.yaml "}
"""In place of the preset of that name, which is for 64 px, one for the store at hand."""


@pytest.mark.slow
def test_the_line_of_the_page_for_torchrun_starts_them(
    shell: Shell, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    end(shell(changed(blocks("Under torchrun")[0], SMALL)))
    assert_close(alone, weights(tmp_path / "run"))


@pytest.mark.slow
def test_the_line_of_the_page_for_torchrun_starts_them_on_two_nodes(
    shell: Shell, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    line = changed(blocks("Under torchrun")[1], SMALL | {"FIRST": "127.0.0.1", "29500": free_port()})
    nodes = [shell(changed(line, {"--node-rank=0": f"--node-rank={number}"})) for number in range(2)]
    for node in nodes:
        end(node)
    assert_close(alone, weights(tmp_path / "run"))


@pytest.mark.slow
def test_the_script_of_the_page_for_slurm_starts_them_on_two_nodes(
    shell: Shell, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    (script,) = blocks("Under SLURM")
    assert {"#SBATCH --nodes=2", "#SBATCH --ntasks-per-node=4"} <= set(script.splitlines())
    fewer = {"train.accelerator=cuda": "train.accelerator=cpu", "train.devices=4": "train.devices=1"}
    end(shell(changed(script, SMALL | fewer)))
    assert_close(alone, weights(tmp_path / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_killing_one_ends_all_and_a_resume_repeats_what_was_lost(
    victim: int, tiny_store: SliceStore, tmp_path: Path
) -> None:
    end(start(command(config("dcgan", devices=2), tiny_store, tmp_path / "whole")))
    killed = start(command(config("dcgan", devices=2, kimg=100.0), tiny_store, tmp_path / "run"))
    wait_for(tmp_path / "run")
    children = Path(f"/proc/{killed.pid}/task/{killed.pid}/children").read_text().split()
    processes = [killed.pid, *map(int, children)]
    os.kill(processes[victim], signal.SIGKILL)
    killed.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in processes[1:]) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(Path(f"/proc/{pid}").exists() for pid in processes)
    steps = [int(path.name[5:]) for path in Run.open(tmp_path / "run").checkpoints()]
    if max(steps) < STEPS:  # a fast machine may have gone past what the whole training did
        end(start(command(config("dcgan", devices=2), tiny_store, tmp_path / "run", "--resume")))
        for key, tensor in weights(tmp_path / "whole").items():
            assert torch.equal(tensor, weights(tmp_path / "run")[key]), key


@pytest.mark.slow
@pytest.mark.parametrize(("devices", "launcher"), [(1, []), (2, []), (2, TORCHRUN)], ids=["one", "own", "torchrun"])
def test_an_interruption_is_told_once_with_how_to_go_on(
    devices: int, launcher: list[str], tiny_store: SliceStore, tmp_path: Path
) -> None:
    arguments = command(config(devices=devices, kimg=100.0), tiny_store, tmp_path / "run")
    process = start([*launcher, *arguments], start_new_session=True)
    wait_for(tmp_path / "run")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does at Ctrl+C
    out, err = process.communicate(timeout=120)
    assert process.returncode in ((1,) if launcher else (130,))  # torchrun's own
    assert out == ""
    assert err.count("medattngan: ") == 1, err
    assert "medattngan: Interrupted; run the same command with --resume to go on." in err.splitlines()


@pytest.mark.slow
def test_who_loses_another_process_says_so_in_a_sentence(tiny_store: SliceStore, tmp_path: Path) -> None:
    process = start(command(config(devices=2, kimg=100.0), tiny_store, tmp_path / "run"))
    wait_for(tmp_path / "run")
    process.terminate()  # the first alone
    _, err = end(process, status=143)
    assert "medattngan: Terminated; run the same command with --resume to go on." in err
    assert "medattngan: another process of this training has ended (Connection closed by peer" in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(
    tiny_store: SliceStore, tmp_path: Path, alone: dict[str, torch.Tensor]
) -> None:
    end(start(command(config(devices=2, kimg=0.032), tiny_store, tmp_path / "run")))
    train(config(), tiny_store, tmp_path / "run", resume=True, progress=False)
    assert_close(alone, weights(tmp_path / "run"))


@pytest.mark.slow
def test_a_mistake_is_told_once_and_ends_all(tiny_store: SliceStore, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/notes.txt").write_text("mine")
    _, err = end(start(command(config(devices=2), tiny_store, tmp_path / "run")), status=2)
    assert err.count("exists already") == 1
    assert "Traceback" not in err


def test_a_batch_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(UserError, match=r"train\.batch_size is 9, which 2 processes"):
        require_shares(9, config(devices=2).train)


def test_one_image_a_process_is_refused_where_a_layer_normalises_over_images() -> None:
    normed = [nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))]
    require_shares(4, config(devices=2).train, normed)
    require_shares(2, config(devices=2).train, [nn.Linear(2, 2)])
    with pytest.raises(UserError, match="set it to 4 or more"):
        require_shares(2, config(devices=2).train, normed)


def test_processes_that_nobody_asked_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    with pytest.raises(UserError, match=r"torchrun started 4 processes .* train\.devices is 2"):
        Ranks(config(devices=2).train)


def test_a_share_is_rows_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = Ranks(config().train)
    monkeypatch.setattr(ranks, "count", 2)
    monkeypatch.setattr(Ranks, "number", 1)
    assert ranks.rows({"z": torch.arange(8).reshape(4, 2)}, 4)["z"].tolist() == [[4, 5], [6, 7]]
