"""A configuration as a training uses it: the preset's own choice in place of every `null`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from medattngan.core.config import Config
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.attngan import AttnGanGame
from medattngan.games.game import Game, System
from medattngan.games.private import PrivateGame
from medattngan.stages.train.precision import precision_for

SCARCE = 2000
"""Below so many slices the discriminator soon knows them by heart: augmentation is adaptive unless configured
otherwise."""


def is_adaptive(config: Config, system: System, slices: int) -> bool:
    """Whether the probability of augmentation follows the discriminator (ADA), with so many training slices."""
    asked, given = config.augment.adaptive, config.augment.probability
    if config.private.epsilon is not None or not system.augments:
        return False
    return asked if asked is not None else given is None and slices < SCARCE


def resolved(config: Config, system: System, slices: int) -> Config:
    """`config` with every value that `system`, which was built from it, and the number of `slices` decide.

    A value that stays None has no meaning for this system.
    """
    widths = {f"{name}_width": getattr(network, "width", None) for name, network in system.networks.items()}
    rates = {f"{name}_lr": rate for name, rate in system.rates.items()}
    game = system.game
    reads = getattr(system.networks[system.generator], "reads", None)
    stack = getattr(system.networks[system.generator], "stack", None)
    pretrained = {"pretrain_kimg": game.pretrain_images / 1000} if isinstance(game, AttnGanGame) else {}
    chosen: dict[str, dict[str, Any]] = {
        "model": {"z_dim": system.z_dim, **widths, **pretrained},
        "attention": {"words": () if reads is None else reads},
        "stack": {} if stack is None else stack.model_dump(),
        "loss": _objective(game),
        "augment": {
            "policy": tuple(system.policy),
            "probability": config.augment.probability or 0.0,
            "adaptive": is_adaptive(config, system, slices),
        },
        "optimizer": {
            **rates,
            "beta1": system.betas[0],
            "beta2": system.betas[1],
            "lr_end": system.rate_end,
            "beta2_end": system.last_beta2,
        },
        "train": {"batch_size": system.batch_size, "precision": precision_for(config.train)},
    }
    updated = {}
    for name, values in chosen.items():
        section = getattr(config, name)
        known = {key: value for key, value in values.items() if key in type(section).model_fields}
        updated[name] = section.model_copy(update=known)
    return config.model_copy(update=updated)


def _objective(game: Game) -> dict[str, Any]:
    """Of a game that has one, as it is played."""
    if isinstance(game, PrivateGame):
        return asdict(game.objective)
    return asdict(game.objective) | {"gamma_rule": "given"} if isinstance(game, AdversarialGame) else {}
