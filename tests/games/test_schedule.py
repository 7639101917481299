"""Settings that move over a training, and penalties by the size."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import pytest
import torch
from helpers.tiny import tiny, tiny_config

from medattngan.core.config import Config, LossConfig
from medattngan.core.files import UserError
from medattngan.games.adversarial import AdversarialGame, discriminator_terms
from medattngan.games.game import Round
from medattngan.games.objective import Objective
from medattngan.games.schedule import GAMMA_RULES, cosine, r3gan
from medattngan.models import build
from medattngan.stages.train.resolve import resolved


def objective(**loss: Any) -> Objective:
    game = build(tiny_config(loss=loss, data={"size": 64})).game
    assert isinstance(game, AdversarialGame)
    return game.objective


def test_the_rules_are_those_that_a_configuration_may_name() -> None:
    assert set(get_args(get_type_hints(LossConfig)["gamma_rule"])) == {"given", *GAMMA_RULES}


@pytest.mark.parametrize(("rule", "gamma", "end"), [("stylegan2_ada", 0.0002 * 64**2 / 8, 1.0), ("r3gan", 2.0, 0.1)])
def test_a_rule_sets_both_weights_by_size_and_batch_and_the_run_keeps_the_number(
    rule: str, gamma: float, end: float
) -> None:
    rules = objective(gamma_rule=rule)
    assert (rules.r1_gamma, rules.r2_gamma, rules.gamma_end) == (pytest.approx(gamma), pytest.approx(gamma), end)
    config = tiny_config(loss={"gamma_rule": rule}, data={"size": 64})
    told = resolved(config, build(config), slices=10)
    assert (told.loss.gamma_rule, told.loss.r1_gamma, told.loss.gamma_end) == ("given", pytest.approx(gamma), end)
    assert resolved(told, build(told), slices=10) == told


def test_between_two_sizes_of_r3gan_lies_their_geometric_mean() -> None:
    assert r3gan(128, 1) == pytest.approx(math.sqrt(2 * 150))


def test_a_rule_beside_a_number_is_refused() -> None:
    with pytest.raises(UserError, match=r"gamma_rule is r3gan and loss\.r1_gamma is set, too"):
        objective(gamma_rule="r3gan", r1_gamma=1.0)


def test_what_is_annealed_falls_all_the_way_and_stays() -> None:
    shares = [cosine(i / 10, 0.2) for i in range(11)]
    assert shares == sorted(shares, reverse=True)
    assert (shares[0], shares[-1], cosine(3.0, 0.2)) == (1.0, pytest.approx(0.2), pytest.approx(0.2))


def test_annealed_penalties_are_the_plain_ones_times_the_share() -> None:
    torch.manual_seed(0)
    critic, rules = tiny().networks["discriminator"], Objective("relativistic", r1_gamma=2.0, r2_gamma=3.0)
    real, fake, mix = torch.rand(4, 1, 32, 32), torch.rand(4, 1, 32, 32), torch.rand(4, 1, 1, 1)
    plain, *_ = discriminator_terms(critic, rules, real, fake, mix)
    for gamma in (torch.full((4,), 0.25), torch.zeros(4)):
        for joint in (False, True):
            terms, *_ = discriminator_terms(critic, rules, real, fake, mix, joint, gamma)
            for name in ("r1", "r2"):
                assert terms[name].item() == pytest.approx(float(gamma[0]) * plain[name].item(), rel=1e-4)
            assert terms["loss_discriminator"].item() == pytest.approx(plain["loss_discriminator"].item(), rel=1e-4)


def test_a_round_is_told_how_far_the_annealing_is_and_a_training_without_one_is_told_nothing() -> None:
    def drawn(end: float) -> dict[str, torch.Tensor]:
        game = AdversarialGame(Objective("hinge", r1_gamma=1.0, gamma_end=end), 8)
        return game.draw(Round(0, 4, 32, annealed=0.5), torch.Generator().manual_seed(0))

    plain, moving = drawn(1.0), drawn(0.1)
    assert torch.equal(moving.pop("gamma"), torch.full((4,), cosine(0.5, 0.1)))
    assert all(torch.equal(plain[name], moving[name]) for name in plain.keys() | moving.keys())


def test_half_lives_of_nothing_or_twice_are_refused() -> None:
    for value in ("[0]", "[5, 5]"):
        with pytest.raises(UserError, match="half-life"):
            Config.load("compact", [f"train.ema_more={value}"])
