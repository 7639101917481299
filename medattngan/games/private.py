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
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from medattngan.core.types import Images, Logits
from medattngan.games.game import Batch, Draws, Networks, Phase, Round, Terms
from medattngan.games.losses import LOSSES
from medattngan.games.objective import Objective

NOISE = "noise"
"""Among the draws: (numbers in all parameters of the discriminator,), standard normal."""
CLIPPED = 1 - 1e-6
"""Of the clip: float32 rounds, and the norm must not come out above it."""

TOGETHER, NUMBERS = 32, 1 << 24
"""Patients whose gradients are taken at a time, and numbers in all these gradients, at most."""

Gradient = list[Tensor]
Loss = Callable[[Callable[[Images], Logits], Images], Tensor]
"""Of what judges, and the slices of a patient."""


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
        together: patients whose gradients are taken at a time; see `most_together`.
    """

    objective: Objective
    z_dim: int
    clip: float
    noise: float
    patients: int
    slices: int = 1
    generator_every: int = 1
    together: int = 1

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
        judge, sides = networks["discriminator"].module, LOSSES[self.objective.kind]
        with torch.no_grad():
            fake = networks["generator"](draws["z"], batch.conditions)

        def on_real(judged: Callable[[Images], Logits], images: Images) -> Tensor:
            logits = judged(images)
            return sides.discriminator(logits, torch.zeros_like(logits)).mean()

        def on_fake(judged: Callable[[Images], Logits], images: Images) -> Tensor:
            logits = judged(images)
            return sides.discriminator(torch.zeros_like(logits), logits).mean()

        def watched() -> Terms:
            with torch.no_grad():
                logits = networks["discriminator"].bare(fake, batch.conditions)
            nothing = torch.zeros_like(logits)
            losses = {"loss_generator": sides.generator, "loss_fake": sides.discriminator}
            means = {name: side(nothing, logits).mean() for name, side in losses.items()}
            return means | {"logits_fake": logits.mean()}

        def move() -> Gradient:
            patients = batch.images.reshape(-1, self.slices, *batch.images.shape[1:])
            real = summed(judge, on_real, patients, self.clip, self.together)
            noised = self._with_noise(real, draws[NOISE])
            told = summed(judge, on_fake, fake.unsqueeze(1), self.clip, self.together)
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


def summed(judge: nn.Module, loss: Loss, units: Tensor, clip: float, together: int = 1) -> Gradient:
    """Σ over `units` of the gradient of `loss` with respect to the parameters of `judge`, each clipped to `clip`.

    Each unit goes through the network by itself, as `torch.func.vmap` has it too: so nothing of one can reach the
    gradient of another, whatever the layers are.

    Args:
        units: (U, S, 1, H, W).
        together: units at a time, see `most_together`; 1 for one after the other.
    """
    total = [torch.zeros_like(parameter) for parameter in judge.parameters()]
    for some in torch.split(units, together) if len(units) else ():
        found = _vectorised(judge, loss, some) if together > 1 else _alone(judge, loss, some[0])
        torch._foreach_add_(total, clipped_sum(found, clip))
    return total


def _alone(judge: nn.Module, loss: Loss, unit: Images) -> Gradient:
    """The gradient of one unit, (1, …) each."""
    parameters = list(judge.parameters())
    found = torch.autograd.grad(loss(judge, unit), parameters, allow_unused=True, materialize_grads=True)
    return [one.unsqueeze(0) for one in found]


def _vectorised(judge: nn.Module, loss: Loss, units: Tensor) -> Gradient:
    """The gradients of several units, (U, …) each."""

    def of_one(parameters: dict[str, Tensor], unit: Images) -> Tensor:
        return loss(lambda images: torch.as_tensor(functional_call(judge, parameters, (images,))), unit)

    parameters = {name: parameter.detach() for name, parameter in judge.named_parameters()}
    found = vmap(grad(of_one), in_dims=(None, 0))(parameters, units)
    return [found[name] for name in parameters]


def clipped_sum(gradients: Sequence[Tensor], clip: float) -> Gradient:
    """Σ of U gradients, (U, …) each: as they are where their norm over all tensors is at most `clip`, else as long.

    What is not a number counts as nothing, which is as private as the rest: a sum with it would tell of one patient.

    >>> clipped_sum([torch.tensor([[3.0]]), torch.tensor([[4.0]])], 1.0)
    [tensor([0.6000]), tensor([0.8000])]
    """
    parts = [torch.linalg.vector_norm(one, dim=1, dtype=torch.float64) for one in map(_rows, gradients)]
    norm = torch.linalg.vector_norm(torch.stack(parts), dim=0)
    share = torch.where(torch.isfinite(norm), (clip * CLIPPED / norm).clamp(max=1.0), 0.0)
    return [torch.tensordot(share.to(one), one.nan_to_num(0.0, 0.0, 0.0), 1) for one in gradients]


def _rows(gradient: Tensor) -> Tensor:
    return gradient.reshape(len(gradient), -1)


def most_together(judge: nn.Module, size: int) -> int:
    """How many units go through a discriminator at a time: 1 where `torch.func.vmap` does not know its layers.

    Args:
        size: height and width of its images, in pixels.
    """
    most = min(TOGETHER, NUMBERS // sum(one.numel() for one in judge.parameters()))
    if most < 2:
        return 1
    try:
        _vectorised(judge, lambda judged, images: judged(images).sum(), torch.zeros(2, 1, 1, size, size))
    except RuntimeError:  # also what PyTorch has not implemented
        return 1
    return most
