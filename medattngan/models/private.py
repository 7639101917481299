"""A preset made private: its networks as they are, the rules of `games.private`, and what cannot be private refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch.nn.modules.batchnorm import _BatchNorm

from medattngan.conditions.condition import Condition
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import System
from medattngan.games.objective import LossKind, Objective
from medattngan.games.private import PrivateGame, most_together

SEPARABLE = ("minimax", "non_saturating", "hinge", "least_squares")
"""Losses that are a sum over real and over synthetic slices, and need no gradient penalty."""
OWN: LossKind = "non_saturating"
"""The loss, where the preset's cannot be private and the configuration names none."""


def require_private(config: Config, conditions: Sequence[Condition]) -> None:
    """Refuse what a configuration asks for and no private training can do.

    Raises:
        UserError: naming the key and the cure.
    """
    loss, augment = config.loss, config.augment
    if loss.kind is not None and loss.kind not in SEPARABLE:
        raise UserError(
            f"loss.kind={loss.kind} cannot be private, as each patient's loss must be its own and without a gradient "
            f"penalty; choose {', '.join(SEPARABLE)}."
        )
    for key in ("r1_gamma", "r2_gamma", "gradient_penalty"):
        if getattr(loss, key):
            raise UserError(
                f"loss.{key} is set, but private training takes no gradient penalty: it would be differentiated twice "
                "for each patient; take it out."
            )
    for key, default in (("rebuild", 0), ("gamma_rule", "given"), ("gamma_end", 1)):
        if getattr(loss, key) not in (None, default):
            raise UserError(
                f"loss.{key} is set, but private training has one loss for each patient and no gradient penalty; take "
                "it out."
            )
    if augment.adaptive or augment.probability:
        raise UserError(
            "private training takes no augmentation, and its control would read what the discriminator says of "
            "patients; take augment.adaptive and augment.probability out."
        )
    if conditions:
        raise UserError(
            f"private training takes no conditions: how {conditions[0].name} is distributed would be measured on the "
            "patients, without noise; set data.conditional=false and data.conditions=[]."
        )


def private_system(system: System, config: Config) -> System:
    """`system` with a private game.

    Raises:
        UserError: its rules, its discriminator or its settings cannot be private.
    """
    preset, private = config.model.preset, config.private
    if type(system.game) is not AdversarialGame or system.discriminator is None:
        raise UserError(f"model.preset={preset} plays by rules that private training does not know; choose compact.")
    if any(isinstance(layer, _BatchNorm) for layer in system.networks[system.discriminator].modules()):
        raise UserError(
            f"model.preset={preset} cannot be private: its discriminator normalises over the batch and keeps the "
            "statistics of patients; choose compact or sagan."
        )
    if private.noise is None:
        raise UserError("private.noise is not set; train chooses it from private.epsilon.")
    own = system.game.objective
    kind = own.kind if own.kind in SEPARABLE else OWN
    game = PrivateGame(
        Objective(kind), system.game.z_dim, private.clip, private.noise, system.batch_size, private.slices,
        private.generator_every, most_together(system.networks[system.discriminator], config.data.size),
    )  # fmt: skip
    return replace(system, game=game, policy=())
