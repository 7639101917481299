"""One step of the alternating game: first the critic, then the generator. Goodfellow et al. 2014, algorithm 1."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from medattngan.core.types import Images, Logits
from medattngan.games.losses import LOSSES
from medattngan.games.objective import Objective
from medattngan.games.penalties import squared_gradient, unit_gradient_penalty

Critic = Callable[[Images], Logits]
Terms = dict[str, Tensor]
"""Named scalars; their sum is minimised and each is logged."""


def discriminator_terms(
    critic: Critic, objective: Objective, real: Images, fake: Images, mix: Tensor | None, joint: bool = False
) -> tuple[Terms, Logits, Logits]:
    """The critic's losses, and its logits (B,) on real and on synthetic images, without graph.

    Args:
        real, fake: (B, 1, H, W) as the critic sees them, after augmentation; `fake` without a graph.
        mix: (B, 1, 1, 1) in [0, 1] where this step takes the penalties, None where it does not.
        joint: ask the critic about both in one pass, (2B, 1, H, W).
    """
    wants = [("r1", objective.r1_gamma), ("r2", objective.r2_gamma)]
    weights = {name: gamma for name, gamma in wants if mix is not None and gamma > 0}
    if joint:
        logits, squares = _judge(critic, torch.cat([real, fake]), bool(weights))
        (real_logits, fake_logits), (at_real, at_fake) = logits.chunk(2), squares.chunk(2)
    else:
        real_logits, at_real = _judge(critic, real, "r1" in weights)
        fake_logits, at_fake = _judge(critic, fake, "r2" in weights)
    terms = {"loss_discriminator": LOSSES[objective.kind].discriminator(real_logits, fake_logits).mean()}
    strength = objective.penalty_every  # lazy: seldom, and as many times as strong
    for name, square in (("r1", at_real), ("r2", at_fake)):
        if name in weights:
            terms[name] = square.mean() * (weights[name] / 2 * strength)
    if mix is not None and objective.gradient_penalty > 0:
        penalty = unit_gradient_penalty(critic, real, fake, mix)
        terms["gradient_penalty"] = penalty.mean() * (objective.gradient_penalty * strength)
    return terms, real_logits.detach(), fake_logits.detach()


def _judge(critic: Critic, images: Images, penalised: bool) -> tuple[Logits, Tensor]:
    """The critic's logits and, where it is penalised, its squared gradients at `images`, else zeros; both (B,)."""
    images = images.detach().requires_grad_(penalised)
    logits = critic(images)
    return logits, squared_gradient(logits, images) if penalised else torch.zeros_like(logits)


def generator_terms(critic: Critic, objective: Objective, real: Images, fake: Images) -> Terms:
    """The generator's losses; `fake` carries its graph.

    The relativistic game asks the critic again about `real`, as it is after its own move: that move can shift all
    logits by more than real and synthetic ones differ, and the generator would take the shift for its lead or lag.
    """
    fake_logits = critic(fake)
    real_logits = critic(real).detach() if objective.kind == "relativistic" else fake_logits
    return {"loss_generator": LOSSES[objective.kind].generator(real_logits, fake_logits).mean()}


def penalties_due(objective: Objective, step: int) -> bool:
    """Whether this step takes gradient penalties (lazily: Karras et al. 2020, arXiv:1912.04958, section 3.1)."""
    wanted = objective.r1_gamma + objective.r2_gamma + objective.gradient_penalty > 0
    return wanted and step % objective.penalty_every == 0
