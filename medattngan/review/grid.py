"""One grid of grey levels for real and synthetic slices, so that no number tells what the eye cannot see.

Codes as they come give real slices away: a scanner's whole numbers leave a comb of codes with gaps between them, a
percentile map leaves pixels at exactly 65535, a masked background is exactly 0, and a generator's tanh does none of
these. All slices therefore pass through one and the same map, from the network's range x in [0, 1] to a code:

    y     = clip((x - TRIM) / (1 - 2 TRIM), 0, 1)          both ends are cut off, in both kinds
    level = floor(y * levels + r),  r uniform in [0, 1)     dithered, so that no comb is left
    code  = round(level * 65535 / levels)

`levels` is at most 4095, and fewer where a source has coarser steps than that: a finer grid would show them. With
the dither a level is right on average, and wrong by less than one step.
"""

from __future__ import annotations

import numpy as np

from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX

TRIM = 0.02
"""Of the network's range, at each end: more than a trained generator leaves in an empty background."""
FINEST, COARSEST = 4095, 127
"""The most and the fewest steps of the grid."""


def common_levels(slices: list[Codes]) -> int:
    """How many steps the grid may have so that no slice's own lattice shows through.

    >>> smooth = np.arange(0, 65536, 7, dtype=np.uint16)
    >>> common_levels([smooth]), common_levels([smooth, np.arange(0, 65536, 257, dtype=np.uint16)])
    (4095, 244)
    """
    coarsest = max((_step(codes) for codes in slices), default=1.0)
    return int(np.clip((1 - 2 * TRIM) * CODE_MAX / coarsest, COARSEST, FINEST))


def _step(codes: Codes) -> float:
    """The spacing of the lattice that a slice's codes lie on; 1 where they lie on none.

    Among k codes drawn anywhere, the two closest are about 65535 / k² apart; a lattice keeps all of them much further
    apart. The ends are left out: what was clipped to them lies on no lattice.
    """
    used = np.unique(codes)
    used = used[(used > 0) & (used < CODE_MAX)].astype(np.int64)
    if len(used) < 2:
        return 1.0
    closest = float(np.diff(used).min())
    return closest if closest > 8 * CODE_MAX / len(used) ** 2 else 1.0


def place(codes: Codes, levels: int, seed: int) -> Codes:
    """Codes (H, W) as stored → codes (H, W) on the common grid; `seed` is that of the dither."""
    scaled = (np.asarray(codes, np.float64) / CODE_MAX - TRIM) / (1 - 2 * TRIM)
    dither = np.random.default_rng(seed).random(scaled.shape)
    level = np.floor(np.clip(scaled, 0.0, 1.0) * levels + dither)
    # The top level is reached by 1 alone, which no dither may lift beyond it.
    placed: Codes = np.rint(np.minimum(level, levels) * (CODE_MAX / levels)).astype(np.uint16)
    return placed


def grid_ends(lower: float, upper: float) -> tuple[float, float]:
    """The physical values of codes 0 and 65535 of the grid, from those of the map that the slices came with."""
    cut = TRIM * (upper - lower)
    return lower + cut, upper - cut
