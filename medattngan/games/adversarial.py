"""The alternating game of two: first the discriminator moves, then the generator.

Goodfellow et al. 2014, arXiv:1406.2661, algorithm 1, one move each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from medattngan import augment
from medattngan.core.types import Images, Logits
from medattngan.games.game import Batch, Draws, Networks, Phase, Round, Terms
from medattngan.games.losses import LOSSES
from medattngan.games.objective import Objective
from medattngan.games.penalties import squared_gradient, unit_gradient_penalty
from medattngan.games.rebuild import CORNER, misdrawn
from medattngan.games.schedule import cosine

Discriminator = Callable[[Images], Logits]
SEEN = ("real", "fake", "moved")
"""What the discriminator is shown, augmented each time anew: real slices, synthetic ones, and those again that the
generator moves by."""


@dataclass(frozen=True)
class AdversarialGame:
    """A generator and a discriminator; every loss of `LOSSES`, with gradient penalties.

    Args:
        objective: losses and penalties.
        z_dim: width of the latent.
        group: the discriminator compares images in groups of so many at most, so that real and synthetic ones can go
            through it in one pass where a batch is a multiple of it: fewer, larger operations. 0 for two passes.
    """

    objective: Objective
    z_dim: int
    group: int = 0

    def columns(self) -> tuple[str, ...]:
        """Losses, penalties that have a weight, and three numbers to watch."""
        rules = self.objective
        weights = {"r1": rules.r1_gamma, "r2": rules.r2_gamma, "gradient_penalty": rules.gradient_penalty}
        penalties = (name for name, weight in weights.items() if weight > 0)
        drawn = ("rebuild",) if rules.rebuild > 0 else ()
        return "loss_generator", "loss_discriminator", *penalties, *drawn, "logits_real", "logits_fake", "sign_real"

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """Latents, where between real and synthetic to penalise, and an augmentation for each time images are seen."""
        drawn = {"z": torch.randn(now.count, self.z_dim, generator=source)}
        if penalties_due(self.objective, now.step):
            drawn["mix"] = torch.rand(now.count, 1, 1, 1, generator=source)
            if self.objective.gamma_end != 1:  # a tensor, so that a recorded round reads it anew
                drawn["gamma"] = torch.full((now.count,), cosine(now.annealed, self.objective.gamma_end))
        for name in SEEN:
            seen = augment.draw(now.count, now.size, now.policy, now.probability, source)
            drawn |= {f"{name}.{key}": tensor for key, tensor in seen.items()}
        if self.objective.rebuild > 0:
            drawn[CORNER] = torch.randint(4, (now.count,), generator=source)
        return drawn

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The discriminator's move, then the generator's, both on the same synthetic images."""
        rules, real = self.objective, batch.images
        fake = networks["generator"](draws["z"], batch.conditions)

        def seen(images: Images, name: str) -> Images:
            prefix = f"{name}."
            return augment.apply(images, {k.removeprefix(prefix): v for k, v in draws.items() if k.startswith(prefix)})

        def discriminator(images: Images, twice: bool = False) -> Logits:
            sets = len(images) // len(real)
            told = {name: one.repeat(sets, *[1] * (one.ndim - 1)) for name, one in batch.conditions.items()}
            return networks["discriminator"].bare(images, told, twice=twice)

        mix = draws.get("mix")
        joint = self.group > 0 and len(real) % self.group == 0
        seen_real, logits = seen(real, "real"), list[Logits]()

        def first_move() -> Terms:
            asked = partial(discriminator, twice=mix is not None)
            terms, *found = discriminator_terms(
                asked, rules, seen_real, seen(fake.detach(), "fake"), mix, joint, draws.get("gamma")
            )
            logits.extend(found)
            if rules.rebuild > 0:
                again = networks["discriminator"].bare(seen_real, {**batch.conditions, CORNER: draws[CORNER]})
                terms["rebuild"] = misdrawn(again, seen_real, draws[CORNER]).mean() * rules.rebuild
            return terms

        yield Phase(("discriminator",), first_move, lambda: self._watched(*logits))
        yield Phase(("generator",), lambda: generator_terms(discriminator, rules, seen_real, seen(fake, "moved")))

    def _watched(self, real: Logits, fake: Logits) -> Terms:
        # The relativistic game sees differences only: there the synthetic images' mean stands for the logits' zero.
        zero = fake.mean() if LOSSES[self.objective.kind].relative else 0.0
        return {"logits_real": real.mean(), "logits_fake": fake.mean(), "sign_real": (real - zero).sign().mean()}

    def override(self, settings: Mapping[str, Any]) -> AdversarialGame:
        """With these settings of the objective."""
        return replace(self, objective=replace(self.objective, **settings))


def discriminator_terms(
    discriminator: Discriminator,
    objective: Objective,
    real: Images,
    fake: Images,
    mix: Tensor | None,
    joint: bool = False,
    gamma: Tensor | None = None,
) -> tuple[Terms, Logits, Logits]:
    """The discriminator's losses, and its logits (B,) on real and on synthetic images, without graph.

    Args:
        real, fake: (B, 1, H, W) as the discriminator sees them, after augmentation; `fake` without a graph.
        mix: (B, 1, 1, 1) in [0, 1] where this step takes the penalties, None where it does not.
        joint: ask the discriminator about both in one pass, (2B, 1, H, W).
        gamma: (B,) what all penalties are multiplied by, where they are annealed.
    """
    wants = [("r1", objective.r1_gamma), ("r2", objective.r2_gamma)]
    weights = {name: gamma for name, gamma in wants if mix is not None and gamma > 0}
    if joint:
        logits, squares = _judge(discriminator, torch.cat([real, fake]), bool(weights))
        (real_logits, fake_logits), (at_real, at_fake) = logits.chunk(2), squares.chunk(2)
    else:
        real_logits, at_real = _judge(discriminator, real, "r1" in weights)
        fake_logits, at_fake = _judge(discriminator, fake, "r2" in weights)
    terms = {"loss_discriminator": LOSSES[objective.kind].discriminator(real_logits, fake_logits).mean()}
    strength = objective.penalty_every  # lazy: seldom, and as many times as strong
    for name, square in (("r1", at_real), ("r2", at_fake)):
        if name in weights:
            terms[name] = _weighed(square, gamma) * (weights[name] / 2 * strength)
    if mix is not None and objective.gradient_penalty > 0:
        penalty = unit_gradient_penalty(discriminator, real, fake, mix)
        terms["gradient_penalty"] = _weighed(penalty, gamma) * (objective.gradient_penalty * strength)
    return terms, real_logits.detach(), fake_logits.detach()


def _weighed(penalty: Tensor, gamma: Tensor | None) -> Tensor:
    return penalty.mean() if gamma is None else (penalty * gamma).mean()


def _judge(discriminator: Discriminator, images: Images, penalised: bool) -> tuple[Logits, Tensor]:
    """The logits (B,) and, where it is penalised, the squared gradients (B,) at `images`, else zeros."""
    images = images.detach().requires_grad_(penalised)
    logits = discriminator(images)
    return logits, squared_gradient(logits, images) if penalised else torch.zeros_like(logits)


def generator_terms(discriminator: Discriminator, objective: Objective, real: Images, fake: Images) -> Terms:
    """The generator's losses; `fake` carries its graph.

    A relativistic game asks the discriminator again about `real`, as it is after its own move: that move can shift all
    logits by more than real and synthetic ones differ, and the generator would take the shift for its lead or lag.
    """
    fake_logits = discriminator(fake)
    real_logits = discriminator(real).detach() if LOSSES[objective.kind].relative else fake_logits
    return {"loss_generator": LOSSES[objective.kind].generator(real_logits, fake_logits).mean()}


def penalties_due(objective: Objective, step: int) -> bool:
    """Whether this step takes gradient penalties (lazily: Karras et al. 2020, arXiv:1912.04958, section 3.1)."""
    wanted = objective.r1_gamma + objective.r2_gamma + objective.gradient_penalty > 0
    return wanted and step % objective.penalty_every == 0
