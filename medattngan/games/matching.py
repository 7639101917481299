"""How well slices and captions match: the attentional similarity of AttnGAN's DAMSM, and its losses.

Xu et al. 2018, arXiv:1711.10485, section 3.2, Eq. 7 to 13. Regions are (B, N, D), words (B, T, D), which of them are
there (B, T) bool; slices and sentences (B, D). A matrix (B, B) has a row a slice and a column a caption.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

GAMMA_1, GAMMA_2, GAMMA_3 = 4.0, 5.0, 10.0
"""How sharply a word looks at regions, how much the best word counts, how sharply captions are told apart."""


def looked_at(regions: Tensor, words: Tensor, there: Tensor, gamma: float = GAMMA_1) -> Tensor:
    """How much each word of each caption looks at each region of each slice: (B slices, B captions, T, N), Eq. 7 to 9.

    The scores are first made comparable over the words, then sharpened over the regions.
    """
    scores = torch.einsum("bnd,ctd->bctn", regions, words)
    shut = ~there[None, :, :, None]
    over_words = scores.masked_fill(shut, torch.finfo(scores.dtype).min).softmax(2).masked_fill(shut, 0.0)
    return (gamma * over_words).softmax(3)


def word_similarity(regions: Tensor, words: Tensor, there: Tensor, gamma: float = GAMMA_2) -> Tensor:
    """R(Q, D) of every slice with every caption, (B, B), Eq. 10: log(Σ_i exp(γ2 R(c_i, e_i)))^(1/γ2).

    The sum runs over the words that are there, and its logarithm is divided by γ2, so that it is close to the greatest
    cosine of a word with what it looks at.
    """
    read = torch.einsum("bctn,bnd->bctd", looked_at(regions, words, there), regions)
    cosines = F.cosine_similarity(read, words[None], dim=3)
    return cosines.mul(gamma).masked_fill(~there[None], torch.finfo(cosines.dtype).min).logsumexp(2) / gamma


def sentence_similarity(slices: Tensor, sentences: Tensor) -> Tensor:
    """The cosine of every slice with every sentence: (B, B)."""
    return F.normalize(slices, dim=1) @ F.normalize(sentences, dim=1).T


def same_text(tokens: Tensor) -> Tensor:
    """Which captions (B, T) are the same: (B, B) bool.

    >>> same_text(torch.tensor([[1, 2], [1, 2], [2, 1]]))[0]
    tensor([ True,  True, False])
    """
    return (tokens[:, None] == tokens[None]).all(2)


def matching_loss(similarity: Tensor, same: Tensor, gamma: float = GAMMA_3) -> Tensor:
    """-log P(D_i | Q_i) - log P(Q_i | D_i) of each pair, (B,), Eq. 11 to 13.

    Another slice with the same caption is no wrong answer, and is left out of the sums.

    >>> matching_loss(torch.zeros(4, 4), torch.eye(4, dtype=torch.bool))  # 2 log 4: told apart by chance
    tensor([2.7726, 2.7726, 2.7726, 2.7726])
    """
    others = same & ~torch.eye(len(same), dtype=torch.bool, device=same.device)
    logits = (gamma * similarity).masked_fill(others, torch.finfo(similarity.dtype).min)
    right = torch.arange(len(logits), device=logits.device)
    captions = F.cross_entropy(logits, right, reduction="none")
    return captions + F.cross_entropy(logits.T, right, reduction="none")


def another_text(same: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """For each caption of a batch one that differs from it: its place (B,), and whether there is one (B,).

    Args:
        same: (B, B), which captions are the same.
        drawn: (B, at least B) in [0, 1), by which one is chosen.

    >>> same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    >>> another_text(same, torch.tensor([[0.1, 0.9, 0.3], [0.9, 0.1, 0.2], [0.2, 0.4, 0.9]]))
    (tensor([2, 2, 1]), tensor([True, True, True]))
    """
    scores = drawn[:, : len(same)].masked_fill(same, -1.0)
    best, place = scores.max(1)
    return place, best >= 0
