"""The study of pairs: who is seen by whom, what is compared, and that it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.tiny import tiny_config
from helpers.tiny_masks import write_masked_store

from medattngan.conditions.mask import DRAWN, NAME
from medattngan.core.files import UserError, read_json
from medattngan.data.store import SliceStore
from medattngan.metrics.dice import overlaps
from medattngan.stages.utility import segmentation
from medattngan.stages.utility.segmentation import (
    BOTH,
    CLASSICAL,
    REAL,
    SYNTHETIC,
    compare,
    draw_patients_of,
    halves,
    segmentation_utility,
)

TRAIN = {"kimg": 0.016, "minutes": None, "validate_minutes": None}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    return write_masked_store(tmp_path_factory.mktemp("masked-store"))


def test_no_patient_is_in_both_halves_and_few_are_among_many(store: SliceStore) -> None:
    pool, others = halves(store.split("train"))
    assert not set(pool.index["patient"]) & set(others.index["patient"])
    assert len(pool) + len(others) == len(store.split("train"))
    few, many = (set(draw_patients_of(pool, count, 3).index["patient"]) for count in (2, 3))
    assert few < many
    with pytest.raises(UserError, match="4 patients"):
        draw_patients_of(pool, 5, 0)


def test_an_arm_that_is_better_on_every_slice_has_its_interval_above_zero() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (24, 8, 8)).astype(np.uint8)
    wrong = np.where(rng.random(truth.shape) < 0.4, 0, truth).astype(np.uint8)
    patients = np.array([f"p{i // 4}" for i in range(24)])
    good, poor = overlaps(truth, truth, 3), overlaps(wrong, truth, 3)
    arms = {REAL: [poor] * 3, CLASSICAL: [poor] * 3, SYNTHETIC: [poor] * 3, BOTH: [good] * 3}
    told = compare(arms, patients)["dice"]
    assert told["arms"][BOTH]["value"] == 1.0
    assert told["differences"][f"{BOTH} - {CLASSICAL}"]["ci95"][0] > 0
    assert told["differences"][f"{SYNTHETIC} - {REAL}"]["ci95"] == [0, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", [NAME, DRAWN])
def test_a_study_is_whole_and_is_not_computed_again(
    name: str, store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_config(data={"size": 32, "conditions": [name]}, train=TRAIN)
    options = {"patients": [2], "seeds": 2, "amount": 1, "steps": 3, "pretrain_minutes": 0.01}
    found = segmentation_utility(config, store, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert set(found) == {"2 scratch", "2 pretrained"}
    assert set(found["2 scratch"]["dice"]["arms"]) == {REAL, CLASSICAL, SYNTHETIC, BOTH}
    scratch, pretrained = (found[f"2 {start}"]["dice"]["arms"] for start in ("scratch", "pretrained"))
    assert scratch[REAL] == pretrained[REAL]  # the GAN has no part in it
    assert read_json(tmp_path / "out" / "segmentation.json")["results"] == found

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(segmentation, "fit", refuse)
    assert segmentation_utility(config, store, tmp_path / "out", **options) == found  # type: ignore[arg-type]


def test_a_gan_without_masks_is_refused(store: SliceStore, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="drawn_mask"):
        segmentation_utility(tiny_config(), store, tmp_path / "out")
