"""Intervals of a share and of the area under a ROC curve, good with few cases and at 0 and 1."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

Interval = tuple[float, float]
INSIDE = 1e-12
"""At an area of 0 or 1 both sides of the equation are 0, which is not the end looked for."""


def wilson(right: float, count: float, level: float = 0.95) -> Interval:
    """Interval of a share: the p for which |right/count - p| ≤ z √(p(1-p)/count).

    Wilson 1927, J Am Stat Assoc 22:209-212. `right` may hold halves ("cannot tell"); the interval is then a little
    wide, because a half varies less than a whole.

    Raises:
        ValueError: not 0 ≤ right ≤ count, or count is 0.

    >>> [round(end, 4) for end in wilson(5, 10)]
    [0.2366, 0.7634]
    """
    if count <= 0 or not 0 <= right <= count:
        raise ValueError(f"{right} right of {count} is no share")
    z = float(norm.ppf((1 + level) / 2))
    share = right / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    low = 0.0 if right == 0 else float(middle - half)
    high = 1.0 if right == count else float(middle + half)
    return low, high


def newcombe_auc(area: float, synthetic: int, real: int, level: float = 0.95) -> Interval:
    """Interval of an area under the ROC curve from the area and the counts alone.

    Newcombe 2006, Stat Med 25:559-573, method 5: the θ for which |area - θ| ≤ z √V(θ), with the variance of Hanley and
    McNeil 1982 and both counts inside it replaced by their mean. It stays open at areas of 0 and 1, where the variance
    that the reads show is 0.

    Raises:
        ValueError: a class has no case, or the area is no share.
    """
    if synthetic < 1 or real < 1 or not 0 <= area <= 1:
        raise ValueError(f"area {area} of {synthetic} synthetic and {real} real cases")
    z = float(norm.ppf((1 + level) / 2))
    half = (synthetic + real) / 2 - 1

    def gap(theta: float) -> float:
        inside = 1 + half * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return abs(area - theta) - z * float(np.sqrt(theta * (1 - theta) * inside / (synthetic * real)))

    low = 0.0 if area == 0 else float(brentq(gap, 0.0, min(area, 1 - INSIDE)))
    high = 1.0 if area == 1 else float(brentq(gap, max(area, INSIDE), 1.0))
    return low, high
