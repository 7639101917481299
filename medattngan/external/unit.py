"""Pixels of any type as the network sees slices.

How values become [-1, 1], black to white, unless the user says which values are black and white:

    8 and 16 bits    the whole range of the type, where the slices fill it
    float            [-1, 1] where a share of the pixels is plainly negative, [0, 1] where none is
    bool             no, yes
    in doubt         refused: only whoever made them knows where black and white lie
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.external.spread import LEAST_PART, ends, fills

_TOLERANCE = 1e-3  # of the range: what rounding may leave outside; it is clipped
_PLAINLY_NEGATIVE = -0.1
_NEGATIVE_SHARE = 0.01
_CURE = "say which values are black and white with --range LOWER,UPPER, or save floats in [-1, 1]"

Ends = tuple[float, float]


def black_and_white(stack: npt.NDArray[np.generic], source: Path, value_range: Ends | None) -> Ends:
    """The values that are black and white in `stack`; `source` is named in errors.

    >>> black_and_white(np.array([0, 255], np.uint8), Path("a.npy"), None)
    (0.0, 255.0)
    >>> black_and_white(np.array([-1e-6, 1.0]), Path("a.npy"), None)
    (0.0, 1.0)

    Raises:
        UserError: the values leave a doubt, or are no numbers; or `value_range` is none.
    """
    if stack.dtype.kind == "f" and not np.isfinite(stack).all():
        raise UserError(f"{source} holds NaN or infinity; leave out the broken images.")
    if value_range is not None:
        require_range(value_range, "--range")
        return value_range
    if stack.dtype.kind == "b":
        return 0.0, 1.0
    if stack.dtype.kind == "f":
        return _of_floats(stack, source)
    if stack.dtype.kind not in "iu" or stack.dtype.itemsize > 2:
        raise UserError(f"{source} holds {stack.dtype} values, whose black and white are unknown; {_CURE}.")
    kind: np.dtype[Any] = stack.dtype
    limits = np.iinfo(kind)
    if not fills(stack, limits.min, limits.max):
        raise UserError(
            f"{source} holds {stack.dtype} values from {stack.min()} to {stack.max()}, {_most(stack)} a small part of "
            f"what the type holds, so their black and white are in doubt; {_CURE}."
        )
    return float(limits.min), float(limits.max)


def require_range(value_range: Ends, option: str) -> None:
    """Raises: UserError: it is not a lower and an upper number."""
    if not (np.isfinite(value_range).all() and value_range[0] < value_range[1]):
        given = ",".join(f"{end:g}" for end in value_range)
        raise UserError(f"{option} {given} is not a range; give LOWER,UPPER, lower first.")


def _of_floats(stack: npt.NDArray[np.generic], source: Path) -> Ends:
    values = np.asarray(stack, np.float32)
    low, high = float(values.min()), float(values.max())
    if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
        raise UserError(
            f"{source} holds values from {low:.4g} to {high:.4g}; scale them to [-1, 1], -1 being black, or say which "
            "are black and white with --range LOWER,UPPER."
        )
    negative = np.count_nonzero(values < _PLAINLY_NEGATIVE) / values.size
    if negative >= _NEGATIVE_SHARE:
        return -1.0, 1.0
    if low < -_TOLERANCE:
        raise UserError(
            f"{source} holds values from {low:.4g} to {high:.4g}, {negative:.2%} of them below {_PLAINLY_NEGATIVE}: "
            "too few for [-1, 1] and too low for [0, 1]; say which is meant with --range=-1,1 or --range 0,1."
        )
    if ends(values)[1] < LEAST_PART:
        raise UserError(
            f"{source} holds values from {low:.4g} to {high:.4g}, {_most(values)} nearly black as [0, 1]; {_CURE}."
        )
    return 0.0, 1.0


def _most(stack: npt.NDArray[np.generic]) -> str:
    first, last = ends(stack)
    return f"nearly all between {first:.4g} and {last:.4g},"


def to_unit(stack: npt.NDArray[np.generic], black: float, white: float) -> npt.NDArray[np.float32]:
    """Values → float32 in [-1, 1]; what lies outside is clipped.

    >>> to_unit(np.array([0, 255, 300]), 0, 255)
    array([-1.,  1.,  1.], dtype=float32)
    """
    values = np.asarray(stack, np.float32)
    if (black, white) != (-1, 1):
        values = (values - np.float32(black)) * np.float32(2 / (white - black)) - np.float32(1)
    return np.clip(values, -1, 1)
