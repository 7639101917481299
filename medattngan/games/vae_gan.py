"""The game of a VAE and a GAN that share a decoder. Larsen et al. 2016, arXiv:1512.09300, algorithm 1.

    L_prior = KL(q(z|x) ‖ N(0, I))                               moves the encoder
    L_llike = |x - G(z)| and |D_l(x) - D_l(G(z))|²,  z ~ q(z|x)  moves encoder and generator
    L_GAN   of slices drawn from N(0, I) and of reconstructions  moves generator and discriminator, never the encoder

The paper has D_l alone; |x - G(z)| is added, as a reconstruction of a patient has to keep what the discriminator does
not look at. D_l is taken at unit length in every position (as Zhang et al. 2018, arXiv:1801.03924, Eq. 1), since the
discriminator's maps grow without bound and the weight of their error with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from medattngan.core.types import Images
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.attngan import kl_divergence
from medattngan.games.game import Batch, Draws, Networks, Phase, Round, Terms
from medattngan.games.latents import reparameterised


@dataclass(frozen=True)
class VaeGanGame(AdversarialGame):
    """`AdversarialGame` over slices of which half are drawn and half reconstructed, and an encoder.

    The networks are `generator`, `discriminator`, which gives its maps D_l when it is called with True as its third
    input, and `encoder`, (B, 1, H, W) → (B, 2, z_dim).

    Args:
        l1: weight of the mean |x - G(z)|, over pixels in [-1, 1].
        features: weight of the discriminator's layer.
        scale: of the Laplace distribution whose likelihood |x - G(z)| is, in the units of pixels: the smaller, the less
            the divergence weighs and the more a code may say. The weight of the divergence, in nats a slice, is
            l1 · scale / pixels.
    """

    l1: float = 10.0
    features: float = 1.0
    scale: float = 0.1

    def columns(self) -> tuple[str, ...]:
        """The adversarial game's, and the three terms that the encoder descends."""
        generator, *others = super().columns()
        return generator, "loss_l1", "loss_features", "kl", *others

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """The adversarial game's, and the noise of the codes."""
        return {**super().draw(now, source), "noise": torch.randn(now.count, self.z_dim, generator=source)}

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The discriminator's move, then that of generator and encoder together."""
        codes = networks["encoder"](batch.images, batch.conditions)
        mean, log_variance = codes.float().unbind(1)
        z = reparameterised(mean, log_variance, draws["noise"])
        # Half of what the discriminator is shown: without its graph, so that nothing adversarial reaches the encoder.
        half = (z.shape[0] + 1) // 2
        mixed = torch.cat([draws["z"][:half], z[half:].detach()])

        def reconstruction(adversarial: Callable[[], Terms]) -> Terms:
            return {
                **adversarial(),
                **self._likelihood(networks, batch, z),
                "kl": kl_divergence(mean, log_variance).mean() * (self._weight(batch.images) * self.z_dim),
            }

        for phase in super().phases(networks, batch, {**draws, "z": mixed}):
            if phase.players == ("generator",):
                phase = Phase(("generator", "encoder"), partial(reconstruction, phase.terms), phase.watched)
            yield phase

    def _likelihood(self, networks: Networks, batch: Batch, z: Tensor) -> Terms:
        """How far reconstructions are from their slices, in pixels and in the discriminator's layer."""
        made = networks["generator"](z, batch.conditions)
        asked = networks["discriminator"].bare
        wanted = asked(batch.images, batch.conditions, True).detach()
        error = layer_error(wanted, asked(made, batch.conditions, True))
        return {
            "loss_l1": self.l1 * (made.float() - batch.images).abs().mean(),
            "loss_features": self.features * error.mean(),
        }

    def _weight(self, images: Images) -> float:
        """Of the divergence in nats, beside a mean over pixels."""
        return self.l1 * self.scale / (images.shape[-1] * images.shape[-2])


def layer_error(wanted: Tensor, found: Tensor) -> Tensor:
    """|a - b|² of maps (B, C, H, W) at unit length in every position, the mean over positions: (B,) in [0, 4].

    >>> layer_error(torch.ones(1, 3, 2, 2), -7 * torch.ones(1, 3, 2, 2)).round()
    tensor([4.])
    """
    first, second = (maps * (maps.square().sum(1, keepdim=True) + 1e-8).rsqrt() for maps in (wanted, found))
    return (first - second).square().sum(1).mean((1, 2))
