"""How a setting moves over a training, and how strong gradient penalties are to be at each size.

    s(t) = end + (1 - end) (1 + cos πt) / 2        1 at t = 0, `end` from t = 1 on

R3GAN takes its penalties' weight to a tenth this way, its rates from 2e-4 to 5e-5 and β2 from 0.9 to 0.99 (Huang et al.
2024, arXiv:2501.05441; `cosine_decay_with_warmup` and the presets of https://github.com/brownvc/R3GAN).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

GammaRule = Literal["stylegan2_ada", "r3gan"]
R3GAN_END = 0.1
"""Of the weight, at the end: 2 → 0.2 for FFHQ at 64 px, 150 → 15 at 256 px."""


def cosine(share: float, end: float) -> float:
    """The factor when `share` of the way is gone: 1 at first, `end` at last.

    >>> cosine(0.0, 0.1), round(cosine(0.5, 0.1), 12), round(cosine(1.0, 0.1), 12), cosine(0.3, 1.0)
    (1.0, 0.55, 0.1, 1.0)
    """
    return end + (1 - end) * (1 + math.cos(math.pi * min(max(share, 0.0), 1.0))) / 2


def stylegan2_ada(size: int, batch: int) -> float:
    """γ = 0.0002 · size² / batch: the heuristic of StyleGAN2-ADA's `auto` (Karras et al. 2020, arXiv:2006.06676).

    >>> round(stylegan2_ada(256, 16), 4)
    0.8192
    """
    return 0.0002 * size**2 / batch


def r3gan(size: int, batch: int) -> float:
    """γ of R3GAN's presets for FFHQ, 2 at 64 px and 150 at 256, and the power of the size through both elsewhere.

    It was not chosen for other sizes, nor by the batch, which is 256 there.

    >>> [round(r3gan(size, 8), 6) for size in (64, 256)]
    [2.0, 150.0]
    """
    return float(2.0 * (size / 64) ** math.log(75, 4))


GAMMA_RULES: dict[GammaRule, Callable[[int, int], float]] = {"stylegan2_ada": stylegan2_ada, "r3gan": r3gan}
"""(size, batch) → the weight γ of R1 and R2, of which half is taken, as in `Objective`."""
