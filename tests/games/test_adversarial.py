"""Closed forms of the adversarial losses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from medattngan.core.config import LossConfig
from medattngan.games.losses import LOSSES, relativistic_loss

LOGITS = st.lists(st.floats(-30, 30), min_size=1, max_size=8)


def of(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_are_per_sample_and_each_knows_its_own_sample_only(kind: str) -> None:
    real, fake = torch.randn(2, 5).double()
    for side in (LOSSES[kind].discriminator, LOSSES[kind].generator):
        whole = side(real, fake)
        assert whole.shape == (5,)
        torch.testing.assert_close(whole, torch.cat([side(real[i : i + 1], fake[i : i + 1]) for i in range(5)]))


@pytest.mark.parametrize("kind", LOSSES)
def test_losses_have_the_derivatives_that_autograd_says(kind: str) -> None:
    real, fake = torch.randn(2, 4, dtype=torch.float64).unbind()
    for side in (LOSSES[kind].discriminator, LOSSES[kind].generator):
        assert torch.autograd.gradcheck(side, (real.clone().requires_grad_(), fake.clone().requires_grad_()))


@pytest.mark.parametrize("kind", LOSSES)
def test_both_sides_pull_in_opposite_directions(kind: str) -> None:
    real, fake = of(0.2).requires_grad_(), of(-0.3).requires_grad_()
    critic_real, critic_fake = torch.autograd.grad(LOSSES[kind].discriminator(real, fake).sum(), (real, fake))
    (generator_fake,) = torch.autograd.grad(LOSSES[kind].generator(real, fake).sum(), fake)
    assert critic_real < 0  # the critic wants real images higher
    assert generator_fake < 0  # the generator wants its own higher
    assert (critic_fake > 0) or kind == "least_squares"  # least squares wants 0 of them, from above or below


def test_the_table_and_the_configuration_name_the_same_games() -> None:
    for kind in LOSSES:
        assert LossConfig(kind=kind).kind == kind  # type: ignore[arg-type]


@settings(deadline=None, max_examples=50)
@given(LOGITS)
def test_minimax_is_binary_cross_entropy(values: list[float]) -> None:
    logits = of(*values)
    ones, zeros = torch.ones_like(logits), torch.zeros_like(logits)

    def entropy(target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none")

    for kind in ("minimax", "non_saturating"):
        torch.testing.assert_close(LOSSES[kind].discriminator(logits, -logits), 2 * entropy(ones))
    torch.testing.assert_close(LOSSES["minimax"].generator(logits, logits), -entropy(zeros))
    torch.testing.assert_close(LOSSES["non_saturating"].generator(logits, logits), entropy(ones))


def test_a_critic_that_knows_nothing_scores_multiples_of_log_two() -> None:
    zero = of(0.0)
    expected = {"minimax": (2, -1), "non_saturating": (2, 1), "relativistic": (1, 1)}
    for kind, (critic, generator) in expected.items():
        assert LOSSES[kind].discriminator(zero, zero).item() == pytest.approx(critic * math.log(2))
        assert LOSSES[kind].generator(zero, zero).item() == pytest.approx(generator * math.log(2))


def test_minimax_as_written_saturates_where_the_critic_wins_and_the_other_does_not() -> None:
    slopes = {}
    for kind in ("minimax", "non_saturating"):
        fake = of(-20.0).requires_grad_()
        (slope,) = torch.autograd.grad(LOSSES[kind].generator(of(0.0), fake).sum(), fake)
        slopes[kind] = slope.item()
    assert slopes["minimax"] == pytest.approx(-math.exp(-20), rel=1e-6)
    assert slopes["non_saturating"] == pytest.approx(-1)


@settings(deadline=None, max_examples=50)
@given(st.floats(1, 100), st.floats(1, 100))
def test_the_hinge_is_content_beyond_its_margins(real: float, fake: float) -> None:
    assert LOSSES["hinge"].discriminator(of(real), of(-fake)).item() == 0


def test_the_hinge_has_slope_one_inside_its_margins() -> None:
    assert LOSSES["hinge"].discriminator(of(0.0, 0.5, -2.0), of(0.0, -2.0, 1.0)).tolist() == [2.0, 0.5, 5.0]
    assert LOSSES["hinge"].generator(of(7.0), of(3.0)).item() == -3.0


@settings(deadline=None, max_examples=50)
@given(st.floats(-20, 20), st.floats(-20, 20))
def test_least_squares_is_least_at_its_targets(real: float, fake: float) -> None:
    least = LOSSES["least_squares"]
    assert least.discriminator(of(1.0), of(0.0)).item() == least.generator(of(0.0), of(1.0)).item() == 0
    assert least.discriminator(of(real), of(fake)).item() == pytest.approx(((real - 1) ** 2 + fake**2) / 2)
    assert least.generator(of(real), of(fake)).item() == pytest.approx((fake - 1) ** 2 / 2)


def test_the_wasserstein_game_is_a_difference_and_its_generator_s_half_of_it() -> None:
    real, fake = torch.randn(2, 6).double()
    assert torch.equal(LOSSES["wasserstein"].discriminator(real, fake), fake - real)
    assert torch.equal(LOSSES["wasserstein"].generator(real, fake), -fake)


@settings(deadline=None, max_examples=50)
@given(st.floats(-30, 30), st.floats(-30, 30), st.floats(-100, 100))
def test_relativistic_losses_mirror_each_other_and_ignore_a_common_shift(a: float, b: float, shift: float) -> None:
    game = LOSSES["relativistic"]
    critic, generator = game.discriminator(of(a), of(b)), game.generator(of(a), of(b))
    torch.testing.assert_close(critic, game.generator(of(b), of(a)))
    torch.testing.assert_close(critic - generator, of(b - a))  # softplus(x) - softplus(-x) = x
    torch.testing.assert_close(relativistic_loss(of(a + shift), of(b + shift)), critic)
