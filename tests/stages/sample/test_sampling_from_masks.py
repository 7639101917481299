"""Pairs: slices that lie beside the masks they were drawn from, or drawn with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.tiny import tiny_config
from helpers.tiny_masks import CLASSES, write_masked_store

from medattngan.conditions.mask import DRAWN, NAME
from medattngan.conditions.table import of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.explain.explain import explain
from medattngan.stages.sample.masks import read_masks
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

TRAIN = {"kimg": 0.032, "minutes": None, "validate_minutes": None, "log_kimg": 0.008}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_masked_store(tmp_path_factory.mktemp("masked-store"))


@pytest.fixture(scope="module")
def runs(store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: trained(store, folder / name, name) for name in (NAME, DRAWN)}


def trained(store: SliceStore, out: Path, name: str, **options: object) -> Run:
    config = tiny_config(data={"size": 32, "conditions": [name] if name else []}, train={**TRAIN})
    return train(config, store, out, progress=False, **options)  # type: ignore[arg-type]


def test_samples_lie_beside_the_masks_that_they_were_drawn_from(
    runs: dict[str, Run], store: SliceStore, tmp_path: Path
) -> None:
    made = sample(runs[NAME], tmp_path / "pairs", count=50, masks=store.path)
    assert made.masks is not None
    assert made.classes is not None
    assert made.classes.names == ("background", *CLASSES)
    own = store.split("train")
    known = {mask.tobytes() for mask in own.masks(range(len(own)))}
    assert {mask.tobytes() for mask in made.masks} == known  # 48 masks: each comes once before any comes again
    assert made.provenance["masks"]["of_patients"] is True
    assert set(made.table["mask"]) == {"core; rim"}


def test_a_generator_that_draws_masks_needs_none(runs: dict[str, Run], tmp_path: Path) -> None:
    made = sample(runs[DRAWN], tmp_path / "pairs", count=5)
    again = sample(runs[DRAWN], tmp_path / "again", count=21)
    assert made.masks is not None
    assert again.masks is not None
    assert made.masks.max() <= 2
    assert np.array_equal(made.masks, again.masks[:5])
    assert np.array_equal(made.codes, again.codes[:5])
    assert made.provenance["masks"] == {"from": "generator", "of_patients": False}
    kept = Samples.open(tmp_path / "pairs")
    kept.save(tmp_path / "copy")
    assert np.array_equal(Samples.open(tmp_path / "copy").masks, made.masks)  # type: ignore[arg-type]


def test_masks_that_were_drawn_can_be_drawn_from(runs: dict[str, Run], tmp_path: Path) -> None:
    drawn = sample(runs[DRAWN], tmp_path / "drawn", count=4)
    made = sample(runs[NAME], tmp_path / "pairs", count=4, masks=tmp_path / "drawn")
    assert drawn.masks is not None
    assert made.masks is not None
    assert sorted(m.tobytes() for m in made.masks) == sorted(m.tobytes() for m in drawn.masks)
    assert made.provenance["masks"]["of_patients"] is False


def test_an_edit_changes_the_mask_and_the_slice(runs: dict[str, Run], store: SliceStore, tmp_path: Path) -> None:
    plain = sample(runs[NAME], tmp_path / "plain", count=3, masks=store.path)
    edited = sample(runs[NAME], tmp_path / "edited", count=3, masks=store.path, edits=["remove=core"])
    assert plain.masks is not None
    assert edited.masks is not None
    assert (plain.masks == 1).any(axis=(1, 2)).all()
    assert not (edited.masks == 1).any()
    assert not np.array_equal(plain.codes, edited.codes)


@pytest.mark.parametrize("name", [NAME, DRAWN])
def test_the_mask_has_a_say_in_every_verdict(name: str, runs: dict[str, Run]) -> None:
    system = build(runs[name].config, of_run(runs[name].store))
    images = torch.rand(4, 1, 32, 32)
    one = torch.randint(0, 3, (4, 32, 32), dtype=torch.uint8)
    discriminator = system.networks["discriminator"].eval()
    assert not torch.equal(discriminator(images, {name: one}), discriminator(images, {name: 2 - one}))
    for gradient in torch.autograd.grad(discriminator(images, {name: one}).sum(), list(discriminator.parameters())):
        assert torch.isfinite(gradient).all()


def test_a_run_holds_the_names_of_classes_and_no_mask(runs: dict[str, Run], store: SliceStore) -> None:
    rows = {hashlib.sha256(row.tobytes()).digest() for mask in store.masks([0, 20]) for row in [mask[8:24]]}
    assert rows
    for run in runs.values():
        assert not [path for path in run.path.rglob("*") if path.name.startswith("masks")]
        assert [record["name"] for record in run.store["conditions"][0]["classes"]] == ["background", *CLASSES]
    with pytest.raises(UserError, match="--masks"):
        sample(runs[NAME], store.path.parent / "none", count=1)
    with pytest.raises(UserError, match=r"data\.conditions=\[mask\]"):
        sample(runs[DRAWN], store.path.parent / "none", count=1, masks=store.path)


@pytest.mark.parametrize("name", [NAME, DRAWN])
def test_networks_begun_from_a_run_without_masks_draw_what_it_drew(
    name: str, store: SliceStore, tmp_path: Path
) -> None:
    plain = trained(store, tmp_path / "plain", "")
    system = build(plain.config, of_run(plain.store))
    config = tiny_config(data={"size": 32, "conditions": [name]}, train={**TRAIN})
    from medattngan.stages.train.initialise import begin_from
    from medattngan.stages.train.select import describe, select_training

    conditions = of_run(describe(store, select_training(store, config), config))
    masked = build(config, conditions)
    begin_from(plain, system)
    begin_from(plain, masked)
    z, mask = torch.randn(4, system.z_dim), {name: torch.randint(0, 3, (4, 32, 32), dtype=torch.uint8)}
    drawn = masked.networks["generator"](z, mask)
    assert torch.allclose(drawn[:, :1], system.networks["generator"](z), atol=1e-6)
    logits = [one.networks["discriminator"](drawn[:, :1], mask) for one in (masked, system)]
    assert torch.allclose(*logits, atol=1e-5)


def test_slices_without_a_mask_take_no_part(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    store = write_masked_store(tmp_path / "store", maskless=3)
    assert trained(store, tmp_path / "run", NAME).store["slices"] == 5 * 6
    assert trained(store, tmp_path / "plain", "").store["slices"] == 8 * 6


def test_explain_shows_the_mask_that_is_drawn_beside_a_slice(runs: dict[str, Run], tmp_path: Path) -> None:
    explain(runs[DRAWN], tmp_path / "explained")
    assert (tmp_path / "explained" / "mask.png").is_file()


def test_a_class_above_255_is_refused_and_not_another(tmp_path: Path) -> None:
    np.save(tmp_path / "masks.npy", np.full((1, 32, 32), 257, np.int16))
    with pytest.raises(UserError, match="has class 257"):
        read_masks(tmp_path / "masks.npy", "train", CLASSES, 32, 1, 0, [])
