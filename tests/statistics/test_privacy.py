"""What is spent is what Opacus says, and what the papers do."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("opacus", reason="needs the extra private")

from medattngan.statistics.privacy import Accountant, least_noise


@pytest.mark.parametrize(("noise", "rate", "moves"), [(1.1, 0.01, 1000), (4.0, 0.01, 10_000), (0.8, 0.1, 7), (2, 1, 3)])
def test_epsilon_is_that_of_opacus_step_by_step(noise: float, rate: float, moves: int) -> None:
    from opacus.accountants import RDPAccountant

    reference = RDPAccountant()
    for _ in range(moves):
        reference.step(noise_multiplier=noise, sample_rate=rate)
    assert Accountant(rate, noise, 1e-5).epsilon(moves) == pytest.approx(reference.get_epsilon(1e-5), rel=1e-12)


def test_epsilon_is_no_more_than_published_for_the_moments_accountant() -> None:
    # Abadi et al. 2016, arXiv:1607.00133, section 3.2: (1.26, 1e-5) for q = 0.01, σ = 4, T = 10,000.
    assert 0.9 < Accountant(0.01, 4.0, 1e-5).epsilon(10_000) < 1.26


def test_without_sampling_it_is_within_the_closed_form_of_gaussians() -> None:
    # Mironov 2017, arXiv:1702.07476, propositions 3 and 7: α T / (2 σ²) + log(1/δ) / (α - 1), least over α.
    moves, noise, delta = 10, 8.0, 1e-5
    bound = moves / (2 * noise**2) + math.sqrt(2 * moves * math.log(1 / delta)) / noise
    assert 0.8 * bound < Accountant(1.0, noise, delta).epsilon(moves) <= bound


def test_moves_and_noise_use_the_budget_and_never_pass_it() -> None:
    noise = least_noise(0.02, 400, 3.0, 1e-5)
    spent = Accountant(0.02, noise, 1e-5)
    assert 2.95 < spent.epsilon(400) <= 3.0
    most = spent.most_moves(3.0)
    assert spent.epsilon(most) <= 3.0 < spent.epsilon(most + 1)
    assert spent.epsilon(0) == 0
    assert Accountant(0.5, 0.3, 1e-5).most_moves(0.1) == 0
