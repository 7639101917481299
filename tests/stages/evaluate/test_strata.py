"""Scores by stratum: who lies where, and which is worst."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from medattngan.metrics.sets import Sides, in_pairs
from medattngan.stages.evaluate import strata
from medattngan.stages.evaluate.score import score_sides
from medattngan.stages.evaluate.strata import THIRDS, Strata, brightness_thirds, by_vote, score_strata, worst


def draw(count: int, seed: int, shift: float = 0.0) -> Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed)) + shift


def pictures(count: int, seed: int) -> Tensor:
    """Smooth enough that their likenesses differ."""
    small = torch.rand(count, 1, 4, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(small, (16, 16), mode="bilinear")


def test_thirds_of_brightness_are_equal_in_the_reference() -> None:
    levels = torch.linspace(-1, 1, 30)[torch.randperm(30, generator=torch.Generator().manual_seed(0))]
    images = levels[:, None, None, None].expand(-1, 1, 4, 4)
    found = brightness_thirds(Sides(images, images[:5] * 0 + 0.9, images))
    assert [list(found.reference).count(third) for third in THIRDS] == [10, 10, 10]
    assert list(found.fake) == ["high"] * 5


def test_a_synthetic_slice_takes_the_stratum_of_its_neighbours() -> None:
    other = torch.cat([draw(10, 0), draw(10, 1, shift=20)])
    names = ["a"] * 10 + ["b"] * 10
    patients = [f"p{i}" for i in range(20)]
    found = by_vote(Sides(other, torch.cat([draw(3, 2, 20), draw(2, 3)]), other), names, names, patients)
    assert list(found.fake) == ["b", "b", "b", "a", "a"]
    assert list(found.other) == names


def test_slices_of_one_patient_do_not_vote_on_each_other() -> None:
    """Patient p lies apart from all others, with a label of its own: without it, its slices are voted to the rest."""
    other = torch.cat([draw(10, 0), draw(6, 1, shift=20)])
    names = ["a"] * 10 + ["b"] * 6
    found = by_vote(Sides(other, other, other), names, names, [f"q{i}" for i in range(10)] + ["p"] * 6)
    assert list(found.other) == ["a"] * 16
    assert list(found.fake)[10:] == ["b"] * 6


def test_nobody_votes_on_their_own_slice_where_others_are_few() -> None:
    """Patient p has twelve slices, all others three: three vote, and none of p's."""
    voters = torch.cat([draw(12, 0), draw(3, 1, shift=20)])
    patients = torch.tensor([0] * 12 + [1, 2, 3])
    found = strata.nearest_voters(voters, voters, patients)
    assert found.shape == (15, 3)
    assert not (patients[found] == patients[:, None]).any()


def test_known_labels_are_not_voted_on() -> None:
    other = draw(6, 0)
    found = by_vote(Sides(other, other, other), ["a"] * 6, ["a"] * 6, ["p"] * 6, ["x"] * 6)
    assert list(found.fake) == ["x"] * 6


def test_the_stratum_that_the_generator_misses_is_the_worst(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strata, "LEAST_IN_STRATUM", 20)
    names = ["a", "b"] * 30
    shifted = torch.where(torch.tensor([name == "b" for name in names])[:, None], 3.0, 0.0)
    sides = {"features": Sides(draw(60, 0), draw(60, 1) + shifted, draw(60, 2))}
    patients = [f"p{i // 6}" for i in range(60)]
    _, found, left_out = score_strata(sides, patients, {"label": Strata(names, names, names)}, seed=0)
    assert not left_out
    assert set(found) == {"fd", "kid", "precision", "recall", "density", "coverage"}
    for metric, divided in found.items():
        assert worst(divided)["stratum"] == "b", metric
        assert worst(divided)["by"] == "label"
        assert all(entry["n_real"] == 30 for entry in divided["label"].values())


def test_whole_and_stratum_score_as_their_slices_alone_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though products of features and likeness of images are measured once for all of them."""
    monkeypatch.setattr(strata, "LEAST_IN_STRATUM", 20)
    sides = {
        "features": Sides(draw(50, 3), draw(50, 4), draw(50, 5)),
        "radiomics": Sides(draw(50, 6), draw(50, 7), draw(50, 8)),
        "images": Sides(pictures(50, 9), pictures(50, 10), pictures(50, 11)),
    }
    names = ["a", "b"] * 25
    patients = [f"p{i % 7}" for i in range(50)]
    whole, found, _ = score_strata(sides, patients, {"label": Strata(names, names, names)}, seed=0)
    rows = range(0, 50, 2)
    taken = {kind: side.take(rows, rows, rows) for kind, side in sides.items()}
    alone = score_sides(taken, patients[::2], seed=0, replicates=60)
    assert set(found) == set(alone.entries) >= {"fd", "frd", "kid", "coverage", "ssim_nearest_real", "ssim_pairwise"}
    for metric, divided in found.items():
        assert divided["label"]["a"] == alone.entries[metric], metric
    assert whole == score_sides(sides, patients, seed=0)


def test_a_stratum_of_too_few_slices_is_a_sentence_with_the_number_needed() -> None:
    names = ["a"] * 58 + ["b"] * 2
    sides = {"features": Sides(draw(60, 0), draw(60, 1), draw(60, 2))}
    patients = [f"p{i % 5}" for i in range(60)]
    _, found, left_out = score_strata(sides, patients, {"label": Strata(names, names, names)}, seed=0)
    assert set(found["fd"]["label"]) == {"a"}
    assert "needs 50 slices a side, of 2 patients; there are 2 real ones" in left_out["by label, b"]


def test_metrics_that_read_the_same_comparison_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from medattngan.metrics import prdc, table

    calls = []

    def counted(real: Tensor, fake: Tensor) -> prdc.Balls:
        calls.append(len(real))
        return prdc.balls(real, fake)

    for name in ("precision", "recall", "density", "coverage"):
        own = replace(table.METRICS[name], compare=counted, share=in_pairs)
        monkeypatch.setitem(table.METRICS, name, own)
    score_sides({"features": Sides(draw(20, 0), draw(20, 1), draw(20, 2))}, ["a", "b"] * 10, seed=0, replicates=10)
    assert len(calls) == 2  # of the synthetic slices, and of the floor
