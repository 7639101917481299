"""What a private training promises, as it is recorded and as it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def promised(privacy: Mapping[str, Any]) -> str:
    """One sentence on the record of a checkpoint that was trained privately.

    >>> promised({"epsilon": 7.981, "delta": 1e-5, "noise": 1.2, "clip": 1.0, "moves": 900, "accountant": "RDP"})
    'each training patient: epsilon 7.98 at delta 1e-05 (DP-SGD, 900 moves, noise 1.2, clip 1, accountant RDP)'
    """
    return (
        f"each training patient: epsilon {privacy['epsilon']:.3g} at delta {privacy['delta']:g} (DP-SGD, "
        f"{privacy['moves']:,} moves, noise {privacy['noise']:g}, clip {privacy['clip']:g}, accountant "
        f"{privacy['accountant']})"
    )


LIMITS = (
    "The promise is about the weights and what is drawn from them. It does not cover what lies beside them: the number "
    "of patients, the range of intensities, the digest of the store, and every score or audit that compares with real "
    "slices."
)
"""What whoever reads the sentence must know."""
