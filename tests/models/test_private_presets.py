"""What cannot be private is refused in a sentence that names it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.tiny import PLAIN, tiny, tiny_config

from medattngan.core.files import UserError
from medattngan.core.private_section import PrivateConfig
from medattngan.games.private import PrivateGame
from medattngan.models import build

PRIVATE = {"epsilon": 8.0, "noise": 1.0}


@pytest.mark.parametrize(
    ("section", "keys", "said"),
    [
        ("loss", {"kind": "relativistic"}, "loss.kind=relativistic cannot be private"),
        ("loss", {"kind": "wasserstein"}, "loss.kind=wasserstein cannot be private"),
        ("loss", {"r1_gamma": 1.0}, "loss.r1_gamma is set"),
        ("loss", {"gradient_penalty": 10.0}, "loss.gradient_penalty is set"),
        ("loss", {"rebuild": 1.0}, "loss.rebuild is set"),
        ("loss", {"gamma_rule": "r3gan"}, "loss.gamma_rule is set"),
        ("augment", {"adaptive": True}, "takes no augmentation"),
        ("augment", {"probability": 0.4}, "takes no augmentation"),
        ("private", {**PRIVATE, "noise": None}, "private.noise is not set"),
    ],
)
def test_settings_that_cannot_be_private_are_refused(section: str, keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        tiny(**{"private": PRIVATE, section: keys})


def test_conditions_are_refused_as_they_are_measured_on_patients() -> None:
    with pytest.raises(UserError, match="how label is distributed"):
        tiny(classes=2, private=PRIVATE)


@pytest.mark.parametrize("preset", PLAIN)
def test_a_preset_is_private_or_says_why_not(preset: str) -> None:
    if preset in ("attention_generator", "dcgan"):
        with pytest.raises(UserError, match="normalises over the batch"):
            tiny(preset, private=PRIVATE)
        return
    if preset == "vae_gan":
        with pytest.raises(UserError, match="plays by rules"):
            tiny(preset, private=PRIVATE)
        return
    system = tiny(preset, private=PRIVATE)
    assert isinstance(system.game, PrivateGame)
    judge, images = system.networks["discriminator"].eval(), torch.randn(4, 1, 32, 32)
    alone = torch.cat([judge(one) for one in images.split(1)])
    torch.testing.assert_close(judge(images), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keys", [{"noise": 1.0}, {"clip": 0.5}, {"delta": 1e-6}, {"slices": 2}])
def test_what_asks_for_privacy_without_an_epsilon_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"private\.epsilon is not: this training would not be private"):
        tiny_config(private=keys)


def test_without_an_epsilon_a_preset_is_what_it_was() -> None:
    assert not isinstance(build(tiny_config()).game, PrivateGame)
    # As a run keeps it: every key at its default.
    assert tiny_config(private=PrivateConfig().model_dump()).private.epsilon is None
