"""Sensitivity and bias of a detector, apart. Green and Swets 1966; Macmillan and Creelman 2005, Detection Theory.

d′ = z(H) - z(F) and c = -(z(H) + z(F)) / 2, with H the share of synthetic slices called synthetic, F that of real ones,
and z the quantile of the normal distribution. Both shares are (k + ½) / (n + 1), the log-linear correction of
Hautus 1995, Behav Res Methods Instrum Comput 27:46-51, so that no hit and no miss stay finite.
"""

from __future__ import annotations

from scipy.stats import norm


def corrected_rate(called: float, count: int) -> float:
    """(called + ½) / (count + 1), in (0, 1).

    >>> corrected_rate(9, 9)
    0.95
    """
    return (called + 0.5) / (count + 1)


def d_prime(hit_rate: float, false_alarm_rate: float) -> float:
    """How far apart real and synthetic lie for this reader, in standard deviations; 0 cannot tell them apart.

    >>> round(d_prime(0.8413447, 0.1586553), 5)
    2.0
    """
    return float(norm.ppf(hit_rate) - norm.ppf(false_alarm_rate))


def criterion(hit_rate: float, false_alarm_rate: float) -> float:
    """Above 0: leans to calling slices real. Below 0: leans to calling them synthetic.

    >>> round(criterion(0.5, 0.1586553), 5)
    0.5
    """
    return float(-(norm.ppf(hit_rate) + norm.ppf(false_alarm_rate)) / 2)


def slope(rate: float) -> float:
    """dz/dp at a rate: 1 / φ(z(p)). Gourevitch and Galanter 1967, Psychometrika 32:25-33."""
    return float(1 / norm.pdf(norm.ppf(rate)))
