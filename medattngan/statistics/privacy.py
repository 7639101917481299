"""What a private training has spent: ε at a given δ, by Opacus' accountant of Rényi differential privacy.

    (ε, δ)-differential privacy: P[M(X) ∈ S] ≤ e^ε P[M(X') ∈ S] + δ for all S, and all X, X' that differ by one patient

Dwork & Roth 2014, doi:10.1561/0400000042, definition 2.4. Each move is a Gaussian mechanism of a Poisson sample
(Mironov, Talwar & Zhang 2019, arXiv:1908.10530); Rényi divergences of moves add up (Mironov 2017, arXiv:1702.07476,
proposition 1), and become an ε that is an upper bound (Balle et al. 2020, arXiv:1905.09982, theorem 21).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from medattngan.core.files import UserError

NAME = "RDP"
DIGITS = 10_000
"""Noise is rounded up to so many parts, as a number that people read and type; more of it only spends less."""


class Accountant:
    """Of moves that all have one chance of each patient and one noise.

    Args:
        rate: chance of each patient in each move, in (0, 1].
        noise: standard deviation in multiples of the clip, above 0.
        delta: in (0, 1).

    Raises:
        UserError: Opacus is not installed.
    """

    def __init__(self, rate: float, noise: float, delta: float) -> None:
        self.delta, self._opacus = delta, _opacus()
        self._orders = self._opacus.RDPAccountant.DEFAULT_ALPHAS
        self._one = self._opacus.analysis.rdp.compute_rdp(
            q=rate, noise_multiplier=noise, steps=1, orders=self._orders
        )  # fmt: skip

    def epsilon(self, moves: int) -> float:
        """Spent by so many moves."""
        if moves == 0:
            return 0.0
        with warnings.catch_warnings():
            # Of all bounds it takes the least; where that is the last of its list it says that more might be less yet.
            warnings.filterwarnings("ignore", message="Optimal order is the")
            found, _ = self._opacus.analysis.rdp.get_privacy_spent(
                orders=self._orders, rdp=self._one * moves, delta=self.delta
            )
        return float(found)

    def most_moves(self, epsilon: float) -> int:
        """How many moves spend `epsilon` at most."""
        if self.epsilon(1) > epsilon:
            return 0
        low, high = 1, 2
        while self.epsilon(high) <= epsilon:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.epsilon(middle) <= epsilon else (low, middle)
        return low


def least_noise(rate: float, moves: int, epsilon: float, delta: float) -> float:
    """The least noise, in multiples of the clip, with which so many moves spend `epsilon` at most.

    Raises:
        UserError: Opacus is not installed, or no noise is enough.
    """
    utils = _opacus().utils
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Optimal order is the")
        try:
            found: float = utils.get_noise_multiplier(
                target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=moves, accountant="rdp",
                epsilon_tolerance=min(0.01, epsilon / 100),
            )  # fmt: skip
        except ValueError as error:
            raise UserError(
                f"private.epsilon={epsilon:g} is too small for {moves:,} moves; lower train.kimg."
            ) from error
    return math.ceil(found * DIGITS) / DIGITS


def _opacus() -> Any:
    """The part of Opacus that counts.

    Raises:
        UserError: it is not installed.
    """
    try:
        from opacus import accountants
        from opacus.accountants import analysis, utils  # noqa: F401
    except ImportError:
        raise UserError("private training needs Opacus; install it with: pip install 'medattngan[private]'.") from None
    return accountants


def version_of() -> str:
    """The accountant by name and version, for records."""
    from importlib.metadata import version

    return f"{NAME}, opacus {version('opacus')}"
