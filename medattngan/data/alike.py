"""What may be said of many slices at once: only what is so of every one of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

SPACING_TOLERANCE = 0.01
"""Pixel sizes that differ by less than this share are one."""


def one_spacing(spacings_mm: Iterable[float | None]) -> float | None:
    """The one size of a pixel, in mm; None where one is unknown or they differ: a guess would be measured with.

    >>> one_spacing([1.0, 1.001, 0.999]), one_spacing([4.3, 7.8]), one_spacing([1.0, None])
    (1.0, None, None)
    """
    found = np.asarray([np.nan if one is None else one for one in spacings_mm], np.float64)
    if not len(found) or not np.isfinite(found).all() or found.min() <= 0:
        return None
    middle = float(np.median(found))
    return middle if np.abs(found - middle).max() <= SPACING_TOLERANCE * middle else None


def one_word(words: Iterable[str], otherwise: str) -> str:
    """The word that all of them are, else `otherwise`.

    >>> one_word(["axial", "axial"], "acquired"), one_word(["axial", "coronal"], "acquired")
    ('axial', 'acquired')
    """
    found = set(words)
    return found.pop() if len(found) == 1 else otherwise


def spacing_in_words(spacings_mm: Iterable[float]) -> str:
    """The size of pixels as a table shows it, least to greatest where they differ; empty where none is known.

    >>> spacing_in_words([1.5, 1.5]), spacing_in_words([4.3, 7.8]), spacing_in_words([])
    ('1.5 mm', '4.3 to 7.8 mm', '')
    """
    known = [one for one in spacings_mm if np.isfinite(one)]
    if not known:
        return ""
    least, greatest = f"{min(known):.3g}", f"{max(known):.3g}"
    return f"{least} mm" if least == greatest else f"{least} to {greatest} mm"
