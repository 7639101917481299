"""C_T and AuthPct against references and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from medattngan.stages.audit.copying import (
    Placed,
    authentic,
    cell_count,
    data_copying,
    data_copying_replicates,
    k_means,
    nearest_centre,
)
from medattngan.statistics.bootstrap import Plan


def one_cell(distance: np.ndarray) -> Placed:
    return Placed(distance, np.zeros(len(distance), int))


def test_in_one_cell_it_is_the_standardised_u_of_mann_and_whitney() -> None:
    rng = np.random.default_rng(0)
    held_out, samples = rng.gamma(2, 1, 40), rng.gamma(1.5, 1, 60)
    u = mannwhitneyu(samples, held_out).statistic
    z = (u - 40 * 60 / 2) / np.sqrt(40 * 60 * 101 / 12)
    assert data_copying(one_cell(held_out), one_cell(samples)) == pytest.approx(z)


def test_cells_count_by_their_held_out_slices_and_small_ones_not_at_all() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.uniform(size=90), rng.uniform(size=90) - 0.1
    cells = np.repeat([0, 1, 2], [60, 25, 5])
    parts = [data_copying(one_cell(p[cells == c]), one_cell(q[cells == c])) for c in range(2)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert data_copying(Placed(p, cells), Placed(q, cells)) == pytest.approx((60 * parts[0] + 25 * parts[1]) / 85)
    assert data_copying(one_cell(p[:19]), one_cell(q)) is None


def test_copies_are_far_below_0_and_strangers_far_above() -> None:
    rng = np.random.default_rng(0)
    held_out = one_cell(rng.uniform(1, 2, 100))
    near, far = (
        data_copying(held_out, one_cell(rng.uniform(0, 1, 100))),
        data_copying(held_out, one_cell(np.full(100, 3.0))),
    )
    assert near is not None
    assert far is not None
    assert near < -10 < 10 < far


def test_a_replicate_that_draws_each_once_is_the_value_itself() -> None:
    rng = np.random.default_rng(0)
    cells = np.repeat([0, 1], 30)
    held_out, samples = Placed(rng.uniform(size=60), cells), Placed(rng.uniform(size=60), cells)
    ones = torch.ones(3, 60, dtype=torch.int64)
    found = data_copying_replicates(held_out, samples, Plan(ones, ones))
    assert found == pytest.approx([data_copying(held_out, samples)] * 3)


def test_k_means_finds_three_heaps_and_is_the_same_again() -> None:
    generator = torch.Generator().manual_seed(0)
    heaps = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]).repeat_interleave(50, 0)
    points = heaps + torch.randn(150, 2, generator=generator)
    centres = k_means(points, 3, seed=0)
    assert torch.equal(centres, k_means(points, 3, seed=0))
    of = nearest_centre(points, centres).reshape(3, 50)
    assert [len(row.unique()) for row in of] == [1, 1, 1]
    assert len(of[:, 0].unique()) == 3


def test_fewer_distinct_points_than_centres_is_no_error() -> None:
    assert len(k_means(torch.zeros(10, 3), 4, seed=0)) == 1
    assert cell_count(0) == 1


def test_a_sample_is_authentic_unless_it_is_nearer_than_the_next_patient() -> None:
    angles = torch.tensor([0.0, 0.01, 0.5])
    embedded = torch.stack([angles.cos(), angles.sin()], 1)
    patients = np.array([0, 0, 1])
    gap = 1 - np.cos(0.5)  # from slice 0 to the nearest slice of another patient; its own neighbour does not count
    found = authentic(np.array([gap * 0.9, gap * 1.1]), np.array([0, 0]), embedded, patients)
    assert found.tolist() == [False, True]
