"""Affine couplings, with the density of every latent in closed form. Dinh et al. 2017 (Real NVP), arXiv:1605.08803.

    u = f(z),   log p(z) = log N(u; 0, I) + log |det ∂f/∂z|                      (Eq. 2)
    a coupling from noise to latents: v = m u + (1 - m) (u exp(s(m u)) + t(m u))   (Eq. 9), log |det| = Σ (1 - m) s

The masks m are the last four binary digits of the place, each both ways round, so that any two of sixteen places are
apart in some of them; the others meet through what lies between. Nearest the latents
lies one triangular map, v = B u + μ: all normal distributions, of any covariance, are among what the flow can be, and
couplings are left with what is not normal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Conditions
from medattngan.core.types import Latent
from medattngan.models.flow.context import Context

COUPLINGS, HIDDEN = 8, 128
STRETCH = 2.0
"""Most that |s| can be: a factor of 7 a coupling."""


class Coupling(nn.Module):
    """One coupling, the identity at first.

    Args:
        width: of the latent.
        context: width of what it is told.
        number: which of the couplings, from 0: says which half of the places stays.
    """

    def __init__(self, width: int, context: int, number: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(width + context, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2)
        )
        self.output = nn.Linear(HIDDEN, 2 * width)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        self.kept: Tensor
        self.register_buffer("kept", mask(width, number), persistent=False)

    def forward(self, u: Latent, context: Tensor) -> tuple[Latent, Tensor]:
        """From noise to latents: (B, width) → the same, and log |det| (B,)."""
        log_scale, shift = self._told(u, context)
        return u * log_scale.exp() + shift, log_scale.sum(1)

    def inverse(self, v: Latent, context: Tensor) -> tuple[Latent, Tensor]:
        """From latents to noise, and log |det| of this way."""
        log_scale, shift = self._told(v, context)
        return (v - shift) * (-log_scale).exp(), -log_scale.sum(1)

    def _told(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Log-scales and shifts, 0 where the mask keeps; they depend on what it keeps alone."""
        told = self.output(self.hidden(torch.cat([x * self.kept, context], 1)))
        log_scale, shift = (told * torch.cat([1 - self.kept, 1 - self.kept])).chunk(2, 1)
        return STRETCH * torch.tanh(log_scale / STRETCH), shift


def mask(width: int, number: int) -> Tensor:
    """(width,), 1 at the places that coupling `number` keeps: those with, then those without a digit, digit by digit.

    >>> mask(4, 0).tolist(), mask(4, 1).tolist(), mask(4, 2).tolist()
    ([0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0])
    """
    digits = max(1, (width - 1).bit_length())
    digit = torch.arange(width) >> (number // 2 % digits) & 1
    return (digit if number % 2 == 0 else 1 - digit).float()


class Triangular(nn.Module):
    """v = B u + μ with B lower triangular and a positive diagonal; the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(width))
        self.log_diagonal = nn.Parameter(torch.zeros(width))
        self.below = nn.Parameter(torch.zeros(width, width))

    def matrix(self) -> Tensor:
        """B, (width, width)."""
        return torch.tril(self.below, -1) + torch.diag(self.log_diagonal.exp())

    def forward(self, u: Latent) -> Latent:
        return u @ self.matrix().T + self.mean

    def inverse(self, v: Latent) -> Latent:
        """From latents to noise."""
        return torch.as_tensor(torch.linalg.solve_triangular(self.matrix(), (v - self.mean).T, upper=False).T)


class CouplingFlow(nn.Module):
    """Couplings, then the triangular map.

    Args:
        width: of the latent, 2 or more.
        classes, numbers: what it is told of each slice.

    >>> flow = CouplingFlow(2)
    >>> flow.log_density(torch.zeros(1, 2))  # of a standard normal, as long as it has not learned: -log 2π
    tensor([-1.8379], grad_fn=<AddBackward0>)
    """

    def __init__(self, width: int, classes: int = 0, numbers: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.context = Context(classes, numbers)
        self.couplings = nn.ModuleList(Coupling(width, self.context.width, number) for number in range(COUPLINGS))
        self.triangular = Triangular(width)

    def forward(self, u: Latent, conditions: Conditions = NOTHING) -> Latent:
        """Standard normal noise (B, width) → latents."""
        context = self.context(conditions, u)
        for coupling in self.couplings:
            u, _ = coupling(u, context)
        return torch.as_tensor(self.triangular(u))

    def inverse(self, z: Latent, conditions: Conditions = NOTHING) -> tuple[Latent, Tensor]:
        """Latents (B, width) → noise, and log |det ∂u/∂z| (B,)."""
        context = self.context(conditions, z)
        u, volume = self.triangular.inverse(z), -self.triangular.log_diagonal.sum()
        for coupling in reversed(self.couplings):
            u, more = coupling.inverse(u, context)  # type: ignore[operator]
            volume = volume + more
        return u, volume

    def log_density(self, z: Latent, conditions: Conditions = NOTHING) -> Tensor:
        """log p(z) of latents (B, width), exact, in nats: (B,)."""
        u, volume = self.inverse(z, conditions)
        return -u.square().sum(1) / 2 + (volume - u.shape[1] / 2 * math.log(2 * math.pi))

    def loss(self, z: Latent, draws: Mapping[str, Tensor], conditions: Conditions = NOTHING) -> Tensor:
        """-log p(z) a dimension, (B,); `draws` is not used."""
        del draws
        return -self.log_density(z, conditions) / z.shape[1]
