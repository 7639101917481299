"""More slices than are kept at once give the scores that they would give at once."""

from __future__ import annotations

import sys

import pytest
import torch

from medattngan.metrics.frechet import frechet_distance
from medattngan.metrics.frechet_bootstrap import frechet_replicates
from medattngan.metrics.products import MOST_PAIRED, in_products
from medattngan.metrics.sets import Sides
from medattngan.metrics.ssim import likeness
from medattngan.metrics.table import METRICS
from medattngan.stages.evaluate import score, strata
from medattngan.stages.evaluate.score import score_sides
from medattngan.statistics.bootstrap import plan_bootstrap


def draw(count: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dim", [5, 300])
def test_a_distance_in_parts_is_that_of_the_whole(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = draw(400, dim), draw(380, dim, seed=1) * 1.3 + 0.4
    plan = plan_bootstrap([str(i % 7) for i in range(400)], 380, seed=0, replicates=5)
    whole, replicates = frechet_distance(*pair), frechet_replicates(pair, plan)
    for module in ("frechet", "frechet_bootstrap"):
        monkeypatch.setattr(f"medattngan.metrics.{module}.AT_ONCE", 64)
    torch.testing.assert_close(frechet_distance(*pair), whole, rtol=1e-6, atol=0)
    torch.testing.assert_close(frechet_replicates(pair, plan), replicates, rtol=1e-6, atol=0)


def test_likeness_of_images_that_are_made_anew_is_that_of_images_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sides = Sides(*(draw(20, 1, 32, 32, seed=seed).clamp(-1, 1) for seed in range(3)))
    parts = [sides.whole, sides.whole.first(9)]
    kept = likeness(sides, parts)
    module = sys.modules["medattngan.metrics.ssim"]  # the package gives the function this name
    monkeypatch.setattr(module, "WHOLE", 8)
    monkeypatch.setattr(module, "_TILE", 3)
    for one, other in zip(likeness(sides, parts), kept, strict=True):
        for (near, pairs), (near_kept, pairs_kept) in zip(one, other, strict=True):
            assert torch.equal(near.index, near_kept.index)
            torch.testing.assert_close(near.similarity, near_kept.similarity)
            torch.testing.assert_close(pairs, pairs_kept)


def test_votes_in_parts_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    voters, names = draw(30, 4), [str(i % 3) for i in range(30)]
    patients = torch.arange(30) // 4
    at_once = strata._vote(voters, voters, names, patients)
    monkeypatch.setattr(strata, "_ASKING", 7)
    assert strata._vote(voters, voters, names, patients) == at_once


def test_all_pairs_are_compared_of_no_more_slices_than_fit_and_the_scores_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paired = [name for name, metric in METRICS.items() if metric.share is in_products]
    assert paired
    assert all(METRICS[name].most_slices == MOST_PAIRED for name in paired)
    few = {
        name: score.replace(metric, most_slices=20) if name in paired else metric for name, metric in METRICS.items()
    }
    sides, patients = Sides(*(draw(50, 6, seed=seed) for seed in range(3))), [str(i % 5) for i in range(50)]
    monkeypatch.setattr(score, "all_metrics", lambda: few)
    entries = score_sides({"features": sides}, patients, seed=0, replicates=20).entries
    first = Sides(sides.reference[:20], sides.fake[:20], sides.other[:20])
    expected = score_sides({"features": first}, patients[:20], seed=0, replicates=20).entries
    assert (entries["fd"]["n_fake"], entries["precision"]["n_fake"], entries["precision"]["n_real"]) == (50, 20, 20)
    assert all(entries[name]["value"] == expected[name]["value"] for name in paired if name in expected)
    assert all(entries[name]["floor"] == expected[name]["floor"] for name in paired if name in expected)
