"""The alternating game in which the discriminator learns of no patient in particular.

DP-SGD (Abadi et al. 2016, arXiv:1607.00133, algorithm 1) on the discriminator alone; the generator learns from the
discriminator, and what is made of something private stays private (Dwork & Roth 2014, doi:10.1561/0400000042,
proposition 2.1). As Bie et al. 2023, arXiv:2302.02936, algorithm 1, have it: several moves of the discriminator to one
of the generator, and synthetic slices clipped like real ones, lest they outweigh them.

One move, of B patients expected, a clip C and noise of σ:

    g = (Σ_patients clip_C(∇ real) + N(0, σ² C² I)) / B + (Σ_B synthetic slices clip_C(∇ fake)) / B

Whether a patient takes part was drawn for each by itself (see `data.poisson`); to add or to remove one changes the sum
by C at most, whatever the patient's slices are and however many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from medattngan.core.types import Images, Logits
from medattngan.games.game import Batch, Draws, Network, Networks, Phase, Round, Terms
from medattngan.games.losses import LOSSES
from medattngan.games.objective import Objective

NOISE = "noise"
"""Among the draws: (numbers in all parameters of the discriminator,), standard normal."""
CLIPPED = 1 - 1e-6
"""Of the clip: float32 rounds, and the norm must not come out above it."""

Gradient = list[Tensor]


@dataclass(frozen=True)
class PrivateGame:
    """A generator and a discriminator whose gradient is clipped by patient and noised.

    Args:
        objective: a loss whose two sides can be taken apart; no penalties.
        z_dim: width of the latent.
        clip: C above.
        noise: σ above.
        patients: B above.
        slices: of each patient, whose mean loss is the patient's.
        generator_every: the generator moves in every so-manieth round.
    """

    objective: Objective
    z_dim: int
    clip: float
    noise: float
    patients: int
    slices: int = 1
    generator_every: int = 1

    def columns(self) -> tuple[str, ...]:
        """Of synthetic slices only: what the discriminator says of real ones is not for the log."""
        return "loss_generator", "loss_fake", "logits_fake"

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """Latents to be told from real slices, and on the generator's rounds others for it to move by."""
        drawn = {"z": torch.randn(now.count, self.z_dim, generator=source)}
        if now.step % self.generator_every == 0:
            drawn["z_generator"] = torch.randn(now.count, self.z_dim, generator=source)
        return drawn

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The discriminator's move, and the generator's where it has one.

        Args:
            batch: images (patients drawn × slices, 1, H, W), each patient's in a row.
            draws: also NOISE.
        """
        judge, sides = networks["discriminator"], LOSSES[self.objective.kind]
        with torch.no_grad():
            fake = networks["generator"](draws["z"], batch.conditions)
        asked = list[Logits]()

        def on_real(images: Images) -> Tensor:
            logits = judge.bare(images, batch.conditions)
            return sides.discriminator(logits, torch.zeros_like(logits)).mean()

        def on_fake(images: Images) -> Tensor:
            logits = judge.bare(images, batch.conditions)
            asked.append(logits.detach())
            return sides.discriminator(torch.zeros_like(logits), logits).mean()

        def watched() -> Terms:
            logits = torch.cat(asked)
            nothing = torch.zeros_like(logits)
            losses = {"loss_generator": sides.generator, "loss_fake": sides.discriminator}
            means = {name: side(nothing, logits).mean() for name, side in losses.items()}
            return means | {"logits_fake": logits.mean()}

        def move() -> Gradient:
            real = summed(judge, on_real, batch.images.split(self.slices), self.clip)
            noised = self._with_noise(real, draws[NOISE])
            # Last, so that whatever a layer keeps of the slices it saw is of synthetic ones.
            told = summed(judge, on_fake, fake.split(1), self.clip)
            return [(one + other) / self.patients for one, other in zip(noised, told, strict=True)]

        yield Phase(("discriminator",), dict, watched, gradients=move)
        if "z_generator" in draws:
            yield Phase(("generator",), lambda: self._generator_terms(networks, batch, draws["z_generator"]))

    def _with_noise(self, total: Gradient, noise: Tensor) -> Gradient:
        parts = torch.split(noise * (self.noise * self.clip), [one.numel() for one in total])
        return [one + part.view_as(one) for one, part in zip(total, parts, strict=True)]

    def _generator_terms(self, networks: Networks, batch: Batch, z: Tensor) -> Terms:
        logits = networks["discriminator"].bare(networks["generator"](z, batch.conditions), batch.conditions)
        loss = LOSSES[self.objective.kind].generator(torch.zeros_like(logits), logits).mean()
        return {"loss_generator": loss}

    def override(self, settings: Mapping[str, Any]) -> PrivateGame:
        """With these settings of the objective."""
        return replace(self, objective=replace(self.objective, **settings))


def summed(judge: Network, loss: Callable[[Images], Tensor], units: Sequence[Images], clip: float) -> Gradient:
    """Σ over `units` of the gradient of `loss` with respect to the parameters of `judge`, each clipped to `clip`.

    One after the other, each through the network by itself: so nothing of one unit can reach the gradient of another,
    whatever the layers are.
    """
    parameters = list(judge.module.parameters())
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for unit in units:
        found = torch.autograd.grad(loss(unit), parameters, allow_unused=True, materialize_grads=True)
        torch._foreach_add_(total, clipped(found, clip))
    return total


def clipped(gradient: Sequence[Tensor], clip: float) -> Gradient:
    """`gradient` as it is where its norm over all tensors is at most `clip`, else as long as that.

    What is not a number counts as nothing, which is as private as the rest: a sum with it would tell of one patient.

    >>> clipped([torch.tensor([3.0]), torch.tensor([4.0])], 1.0)
    [tensor([0.6000]), tensor([0.8000])]
    """
    norm = torch.stack([one.double().square().sum() for one in gradient]).sum().sqrt()
    share = (clip * CLIPPED / norm).clamp(max=1.0)
    share = torch.where(torch.isfinite(norm), share, torch.zeros_like(share)).float()
    return [torch.nan_to_num(one, posinf=0.0, neginf=0.0) * share for one in gradient]
