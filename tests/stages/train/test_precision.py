"""bf16 is chosen by what the processor can do; penalties and scores stay float32."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
import torch
from helpers.tiny import tiny_config

from medattngan.core.config import TrainConfig
from medattngan.core.run import Run
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.players import Players
from medattngan.stages.train.precision import choose, precision_for, processor_flags
from medattngan.stages.train.train import train

CPUINFO = "processor\t: 0\nmodel name\t: made up\nflags\t\t: fpu avx2 {} avx512f\n"
HOME = import_module("medattngan.stages.train.precision")


@pytest.mark.parametrize(
    ("flag", "precision"), [("avx512_bf16", "bf16-mixed"), ("amx_bf16", "bf16-mixed"), ("avx512_vnni", "32-true")]
)
def test_auto_takes_bf16_where_the_processor_multiplies_it(tmp_path: Path, flag: str, precision: str) -> None:
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flag))
    assert choose(True, processor_flags(tmp_path / "cpuinfo")) == precision


def test_a_system_that_does_not_say_has_no_bf16(tmp_path: Path) -> None:
    assert choose(True, processor_flags(tmp_path / "absent")) == "32-true"


def test_what_the_user_asks_for_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, asked in ((frozenset(), "bf16-mixed"), (frozenset({"amx_bf16"}), "32-true")):
        monkeypatch.setattr(HOME, "processor_flags", lambda flags=flags: flags)
        assert precision_for(TrainConfig(precision=asked, accelerator="cpu")) == asked


def test_a_run_records_the_precision_that_auto_came_to(
    tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HOME, "processor_flags", lambda: frozenset({"amx_bf16"}))
    keys = {"kimg": 0.004, "minutes": None, "batch_size": 4, "validate_minutes": None}
    train(tiny_config(train={**keys, "precision": "auto", "accelerator": "cpu"}), tiny_store, tmp_path / "run")
    assert Run.open(tmp_path / "run").config.train.precision == "bf16-mixed"


def test_under_bf16_penalties_are_computed_in_float32_and_the_rest_is_not(tiny_store: SliceStore) -> None:
    configuration = tiny_config(train={"precision": "bf16-mixed", "accelerator": "cpu", "batch_size": 4})
    part = tiny_store.split("train")
    system = build(configuration, ())
    players = Players(configuration, system, Batches(part, configuration.data.size, 4, 0))
    images = torch.randn(4, 1, configuration.data.size, configuration.data.size)
    judge = players.players["discriminator"]
    plain = system.networks["discriminator"](images, {})
    torch.testing.assert_close(judge.bare(images, {}, twice=True), plain, rtol=0, atol=0)
    assert not torch.equal(judge.bare(images, {}), plain)
    assert players.synthesize(2).dtype == torch.float32
