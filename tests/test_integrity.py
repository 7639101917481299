"""Damage to any file of any folder is noticed, an audit's verdict cannot be got rid of, and changes are recorded."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.folders import KINDS
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.core.seal import check, thorough
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore, content_digest
from medattngan.extractors.encoder import load_encoder
from medattngan.review.study import Study
from medattngan.stages.audit.audit import audit
from medattngan.stages.export.export import export
from medattngan.stages.reseal.reseal import reseal
from medattngan.stages.train.train import train

OPEN = {
    "store": SliceStore.open,
    "run": Run.open,
    "samples": Samples.open,
    "encoder": load_encoder,
    "study": Study.open,
}
LIVE = ("study.sqlite",)
"""Readers write to it all the time; SQLite itself looks after it."""


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """All of it, to be harmed."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def open_again(kind: str, folder: Path) -> object:
    return OPEN[kind](folder) if kind in OPEN else check(folder, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bit_that_turns_over_in_any_file_of_any_folder_is_noticed(made: Path, tmp_path: Path, kind: str) -> None:
    folder = Path(shutil.copytree(made / kind, tmp_path / kind))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in LIVE]
    assert len(files) > 2
    with thorough():
        open_again(kind, folder)
        for path in files:
            whole = path.read_bytes()
            for place in {0, len(whole) // 2, len(whole) - 1}:
                path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
                with pytest.raises(UserError) as raised:
                    open_again(kind, folder)
                assert path.name in str(raised.value) or "step-" in str(raised.value)
            path.write_bytes(whole)
        open_again(kind, folder)


def test_train_and_test_swapped_are_noticed(copy: Path) -> None:
    file = copy / "store" / "index.parquet"
    index = pd.read_parquet(file)
    index["split"] = index["split"].replace({"train": "test", "test": "train"})
    index.to_parquet(file, index=False)
    with pytest.raises(UserError, match=r"index\.parquet .* reseal"):
        SliceStore.open(copy / "store")


def test_weights_that_are_not_numbers_are_noticed(copy: Path) -> None:
    folder = Run.open(copy / "run").checkpoint("best")
    weights = load_file(folder / "ema.safetensors")
    save_file(
        {name: torch.full_like(tensor, torch.nan) for name, tensor in weights.items()}, folder / "ema.safetensors"
    )
    with pytest.raises(UserError, match=r"ema\.safetensors is not what was written; remove it to use the one before"):
        Run.open(copy / "run").checkpoint("best")


def test_a_cut_checkpoint_is_removed_and_the_one_before_resumed_to_the_same_weights(copy: Path) -> None:
    run, store, config = Run.open(copy / "run"), copy / "store", Config.load(copy / "config.yaml")
    last = run.checkpoint("last")
    whole = (last / "ema.safetensors").read_bytes()
    (last / "ema.safetensors").write_bytes(whole[:100])
    with pytest.raises(UserError, match=rf"{last.name} is damaged: ema.* remove it to use the one before\.$"):
        train(config, store, run.path, resume=True, progress=False)
    shutil.rmtree(last)
    train(config, store, run.path, resume=True, progress=False)
    assert (last / "ema.safetensors").read_bytes() == whole


def test_a_verdict_cannot_be_dropped(copy: Path, tmp_path: Path) -> None:
    file = copy / "samples" / "samples.parquet"
    assert "flagged" in pd.read_parquet(file)
    pd.read_parquet(file).drop(columns="flagged").to_parquet(file, index=False)
    with pytest.raises(UserError, match=r"samples\.parquet"):
        export(copy / "samples", tmp_path / "dicom")
    reseal(copy / "samples", "no need for verdicts")
    with pytest.raises(UserError, match="altered since they were audited"):
        export(copy / "samples", tmp_path / "dicom")
    options = {"encoder": copy / "encoder", "false_positives": 0.3, "planted": 12}
    audit(copy / "samples", copy / "store", tmp_path / "audit", **options)  # type: ignore[arg-type]
    export(copy / "samples", tmp_path / "dicom", include_flagged="a test")


def test_a_verdict_holds_for_the_pixels_it_was_passed_on(copy: Path, tmp_path: Path) -> None:
    file = copy / "samples" / "pixels.npy"
    np.save(file, np.load(file)[::-1].copy())
    with pytest.raises(UserError, match=r"pixels\.npy is not what was written"):
        export(copy / "samples", tmp_path / "dicom")
    reseal(copy / "samples", "in another order")
    assert Samples.open(copy / "samples").altered_since_audit
    with pytest.raises(UserError, match="altered since they were audited"):
        export(copy / "samples", tmp_path / "dicom")


def test_a_store_changed_on_purpose_has_a_new_digest_and_says_why(copy: Path) -> None:
    path = copy / "store"
    before = SliceStore.open(path).digest
    assert content_digest(path) == before
    index = pd.read_parquet(path / "index.parquet")
    index["label"] = index["label"].replace({"small": "tiny"})
    index.to_parquet(path / "index.parquet", index=False)
    result = CliRunner().invoke(app, ["reseal", str(path), "--reason", "another word"])
    assert result.exit_code == 0, result.output
    store = SliceStore.open(path)
    (record,) = store.provenance["resealed"]
    assert (record["reason"], record["digest_before"], record["digest_after"]) == ("another word", before, store.digest)
    assert list(record["files"]) == ["index.parquet"]
    assert content_digest(path) == store.digest != before
    with pytest.raises(UserError, match="another store"):
        train(Config.load(copy / "config.yaml"), path, copy / "run", resume=True, progress=False)


@pytest.mark.parametrize("kind", ["audit", "scores", "study", "encoder"])
def test_results_are_made_again_and_not_resealed(copy: Path, kind: str) -> None:
    next(path for path in sorted((copy / kind).iterdir()) if path.suffix == ".json").write_text("{}")
    with pytest.raises(UserError):
        reseal(copy / kind, "nicer numbers")


def test_resealing_needs_a_reason_and_a_change(copy: Path) -> None:
    with pytest.raises(UserError, match="--reason is empty"):
        reseal(copy / "store", " ")
    with pytest.raises(UserError, match="nothing to reseal"):
        reseal(copy / "store", "why not")
    (copy / "store" / "seal.json").unlink()
    with pytest.raises(UserError, match=r"has no seal\.json"):
        reseal(copy / "store", "why not")


def test_another_machine_may_resume_and_a_true_difference_is_named_with_both_values(copy: Path) -> None:
    config = Config.load(copy / "config.yaml", ["train.accelerator=cpu", "train.kimg=0.028"])
    run = train(config, copy / "store", copy / "run", resume=True, progress=False)
    assert Run.open(run.path).config.train.accelerator == "cpu"
    other = Config.load(copy / "config.yaml", ["train.batch_size=8"])
    with pytest.raises(UserError, match=r"train\.batch_size was 4 and is 8 now"):
        train(other, copy / "store", copy / "run", resume=True, progress=False)
