"""ADA: choose the augmentation probability by how much the discriminator overfits.

Karras et al. 2020, arXiv:2006.06676, section 3.
"""

from __future__ import annotations

KIMG_TO_FULL = 100.0
"""Thousands of images over which the probability could go from 0 to 1 (the paper takes 500, with millions to spend)."""


def adjust(probability: float, sign_real: float, target: float, batch: int) -> float:
    """The next probability: up while r_t = mean sign of the discriminator on real images is above `target`, else down.

    >>> adjust(0.5, sign_real=1.0, target=0.6, batch=1000)
    0.51
    >>> adjust(0.0, sign_real=0.0, target=0.6, batch=1000)
    0.0
    """
    direction = (sign_real > target) - (sign_real < target)
    return min(max(probability + direction * batch / (KIMG_TO_FULL * 1000), 0.0), 1.0)
