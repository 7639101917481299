"""Adversarial losses, each a pure function per sample.

`LOSSES[kind]` is a pair (discriminator, generator) of functions of the discriminator's logits on real and on
synthetic images, both (B,), that give (B,). The mean over the batch is what is minimised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch.nn.functional as F

from medattngan.core.types import Logits


class Adversarial(NamedTuple):
    """The two sides of a game; each takes (real logits, synthetic logits)."""

    discriminator: Callable[[Logits, Logits], Logits]
    generator: Callable[[Logits, Logits], Logits]
    relative: bool = False
    """It sees differences of logits only, so that they have no zero."""


def minimax_discriminator(real: Logits, fake: Logits) -> Logits:
    """-log D(x) - log(1 - D(G(z))). Goodfellow et al. 2014, arXiv:1406.2661, Eq. 1.

    >>> import torch
    >>> minimax_discriminator(torch.zeros(1), torch.zeros(1))  # 2 log 2
    tensor([1.3863])
    """
    return F.softplus(-real) + F.softplus(fake)


def minimax_generator(real: Logits, fake: Logits) -> Logits:
    """log(1 - D(G(z))), as written; no gradient where the discriminator wins. Goodfellow et al. 2014, Eq. 1."""
    del real
    return -F.softplus(fake)


def non_saturating_generator(real: Logits, fake: Logits) -> Logits:
    """-log D(G(z)). Goodfellow et al. 2014, section 3."""
    del real
    return F.softplus(-fake)


def hinge_discriminator(real: Logits, fake: Logits) -> Logits:
    """max(0, 1 - real) + max(0, 1 + fake). Lim & Ye 2017, arXiv:1705.02894; Zhang et al. 2019, Eq. 4."""
    return F.relu(1 - real) + F.relu(1 + fake)


def unbounded_generator(real: Logits, fake: Logits) -> Logits:
    """-fake: the generator's side of the hinge and of the Wasserstein game."""
    del real
    return -fake


def least_squares_discriminator(real: Logits, fake: Logits) -> Logits:
    """((real - 1)² + fake²) / 2. Mao et al. 2017, arXiv:1611.04076, Eq. 9."""
    return ((real - 1).square() + fake.square()) / 2


def least_squares_generator(real: Logits, fake: Logits) -> Logits:
    """(fake - 1)² / 2. Mao et al. 2017, Eq. 9."""
    del real
    return (fake - 1).square() / 2


def wasserstein_discriminator(real: Logits, fake: Logits) -> Logits:
    """fake - real. Arjovsky et al. 2017, arXiv:1701.07875, Eq. 2; wants a gradient penalty."""
    return fake - real


def relativistic_loss(winner: Logits, loser: Logits) -> Logits:
    """Falls as `winner` outscores `loser`; swap them for the two sides.

    Jolicoeur-Martineau 2019, arXiv:1807.00734; Huang et al. 2024 (R3GAN), arXiv:2501.05441, Eq. 2.
    """
    return F.softplus(loser - winner)


def relativistic_generator(real: Logits, fake: Logits) -> Logits:
    """The generator's side of `relativistic_loss`: synthetic should outscore real."""
    return relativistic_loss(fake, real)


LOSSES: dict[str, Adversarial] = {
    "minimax": Adversarial(minimax_discriminator, minimax_generator),
    "non_saturating": Adversarial(minimax_discriminator, non_saturating_generator),
    "hinge": Adversarial(hinge_discriminator, unbounded_generator),
    "least_squares": Adversarial(least_squares_discriminator, least_squares_generator),
    "wasserstein": Adversarial(wasserstein_discriminator, unbounded_generator),
    "relativistic": Adversarial(relativistic_loss, relativistic_generator, relative=True),
}
