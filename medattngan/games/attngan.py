"""The game of AttnGAN. Xu et al. 2018, arXiv:1711.10485: first the encoders learn to match, then the networks play.

    L_D = ½ [unconditional, real and synthetic] + ½ [with its sentence, against synthetic and another's sentence]
    L_G = Σ over sizes of Eq. 4  +  λ L_DAMSM of the largest slice  +  KL of the conditioning augmentation

by Eq. 3 and 5.

The paper's Eq. 5 has no pair of a real slice with another's sentence; its published code has, after Reed et al. 2016,
arXiv:1605.05396, algorithm 1: synthetic slices and wrong pairs share one half of the conditional loss, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from medattngan.core.files import UserError
from medattngan.core.types import Images, Logits
from medattngan.games.game import Batch, Draws, Network, Networks, Phase, Round, Terms
from medattngan.games.matching import another_text, matching_loss, same_text, sentence_similarity, word_similarity

LAMBDA = 5.0
"""Of the matching loss in the generator's."""


@dataclass(frozen=True)
class AttnGanGame:
    """One discriminator a size, the smallest first; a generator that holds the text encoder; an image encoder.

    Args:
        judges: names of the discriminators, by size.
        z_dim: width of the latent, with the noise of the conditioning augmentation.
        pretrain_images: how many slices the encoders are shown before the game.
    """

    judges: tuple[str, ...]
    z_dim: int
    pretrain_images: int

    def columns(self) -> tuple[str, ...]:
        """Losses of the encoders, of each discriminator and of the generator, and three numbers to watch."""
        first = ("loss_match_words", "loss_match_sentence")
        moved = ("loss_generator", "loss_words", "loss_sentence", "kl")
        judged = tuple(f"loss_{name}" for name in self.judges)
        return (*first, *judged, *moved, "logits_real", "logits_fake", "sign_real")

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """Latents, and by what another's sentence is chosen; nothing while the encoders learn."""
        if now.step * now.count < self.pretrain_images:
            return {}
        return {
            "z": torch.randn(now.count, self.z_dim, generator=source),
            "wrong": torch.rand(now.count, now.count, generator=source),
        }

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The encoders' move, or the discriminators' moves and the generator's."""
        tokens = batch.conditions["text"]
        same = same_text(tokens)
        if "z" not in draws:
            yield Phase(("regions", "text"), lambda: self._match(networks, batch.images, tokens, same))
            return
        drawn = networks["generator"](draws["z"], batch.conditions, True)
        place, valid = another_text(same, draws["wrong"])
        sentences = torch.stack([drawn.sentence, drawn.sentence[place]])
        seen: dict[str, Logits] = {}

        def judged(name: str, fake: Images) -> Terms:
            factor = batch.images.shape[-1] // fake.shape[-1]
            real = F.avg_pool2d(batch.images, factor) if factor > 1 else batch.images
            scores = networks[name].bare(real, {"sentences": sentences})
            others = networks[name].bare(fake.detach(), {"sentences": sentences[:1]})
            seen["real"], seen["fake"] = scores[0].detach(), others[0].detach()
            return {f"loss_{name}": discriminator_loss(scores, others, valid).mean()}

        for name, fake in zip(self.judges, drawn.images, strict=True):
            yield Phase((name,), lambda name=name, fake=fake: judged(name, fake))  # type: ignore[misc]
        yield Phase(
            ("generator",),
            lambda: self._generator(networks, drawn, sentences[:1], same),
            lambda: {
                "logits_real": seen["real"].mean(),
                "logits_fake": seen["fake"].mean(),
                "sign_real": seen["real"].sign().mean(),
            },
        )

    def _match(self, networks: Networks, images: Images, tokens: Tensor, same: Tensor) -> Terms:
        """What the encoders learn by."""
        words, there, sentence = networks["text"](tokens)
        of_words, of_sentence = matching_terms(networks["regions"], images, words, there, sentence, same)
        return {"loss_match_words": of_words, "loss_match_sentence": of_sentence}

    def _generator(self, networks: Networks, drawn: Any, sentences: Tensor, same: Tensor) -> Terms:
        """What the generator learns by."""
        scores = [
            networks[name].bare(fake, {"sentences": sentences})
            for name, fake in zip(self.judges, drawn.images, strict=True)
        ]
        of_words, of_sentence = matching_terms(
            networks["regions"], drawn.images[-1], drawn.words, drawn.there, drawn.sentence, same
        )
        return {
            "loss_generator": torch.stack([generator_loss(one).mean() for one in scores]).sum(),
            "loss_words": LAMBDA * of_words,
            "loss_sentence": LAMBDA * of_sentence,
            "kl": kl_divergence(drawn.mean, drawn.log_variance).mean(),
        }

    def override(self, settings: Mapping[str, Any]) -> AttnGanGame:
        """Refuse: the losses are the paper's.

        Raises:
            UserError: naming the first.
        """
        raise UserError(f"model.preset=attngan has no loss.{next(iter(settings))}; take it out of the configuration.")


def matching_terms(
    encoder: Network, images: Images, words: Tensor, there: Tensor, sentence: Tensor, same: Tensor
) -> tuple[Tensor, Tensor]:
    """L_DAMSM by words and by sentences, means over the batch and over both directions' sum; see `matching`."""
    regions, slices = encoder(images)
    of_words = matching_loss(word_similarity(regions.float(), words.float(), there), same)
    of_sentences = matching_loss(sentence_similarity(slices.float(), sentence.float()), same)
    return of_words.mean(), of_sentences.mean()


def discriminator_loss(real: Logits, fake: Logits, valid: Tensor) -> Logits:
    """Eq. 5 with wrong pairs, of each slice (B,).

    Args:
        real: (3, B), scores of real slices: unconditional, with their sentence, with another's.
        fake: (2, B), of synthetic ones: unconditional, with their sentence.
        valid: (B,), whether there was another text in the batch.

    >>> discriminator_loss(torch.zeros(3, 1), torch.zeros(2, 1), torch.tensor([True]))  # 2 log 2
    tensor([1.3863])
    """
    alone = F.softplus(-real[0]) + F.softplus(fake[0])
    # Where every slice of the batch has one text, synthetic slices have the whole of the half.
    against = torch.where(valid, (F.softplus(fake[1]) + F.softplus(real[2])) / 2, F.softplus(fake[1]))
    return (alone + F.softplus(-real[1]) + against) / 2


def generator_loss(fake: Logits) -> Logits:
    """Eq. 4 of each slice, (B,): scores (2, B), unconditional and with its sentence."""
    return (F.softplus(-fake[0]) + F.softplus(-fake[1])) / 2


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """D_KL(N(μ, σ²) ‖ N(0, 1)) of each row, the mean over its dimensions, (B,). StackGAN's Eq. 2.

    >>> kl_divergence(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([1.])
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).mean(1) / 2
