"""Slices however they are given: a path, Samples in memory, or an array."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.external.open import External, open_slices

Slices: TypeAlias = str | Path | Samples | npt.NDArray[Any] | Tensor | Sequence[Any]


def is_array(given: object) -> bool:
    """Whether slices are given as numbers: an array, a tensor, or a list of them."""
    return isinstance(given, np.ndarray | Tensor | list | tuple)


def given_slices(given: Slices) -> External:
    """Slices to be judged.

    Raises:
        UserError: they cannot be read, or are something else.
    """
    if isinstance(given, Samples):
        labels = [label if isinstance(label, str) and label else None for label in given.table["label"]]
        path = Path("the samples") if given.path is None else given.path
        return External(path, "samples", given.codes, labels, [], given, {})
    if is_array(given):
        return array_slices(given, "the array")
    if isinstance(given, str | Path):
        return open_slices(Path(given))
    kind = type(given).__name__
    raise UserError(
        f"synthetic slices are wanted, and this is of type {kind}; give what mg.sample or mg.generate returns, a path "
        'of samples, pictures or DICOM, or an array (n, H, W), as in mg.evaluate("samples", "store", "scores").'
    )


def name_of(given: Slices) -> str:
    """What a sentence calls slices: their path, where they have one."""
    if isinstance(given, str | Path):
        return str(given)
    return str(given.path) if isinstance(given, Samples) and given.path is not None else "what was given"


def array_slices(given: Any, name: str) -> External:
    """An array, tensor or list of slices, (n, H, W) or (n, 1, H, W).

    Args:
        name: what messages call it.

    Raises:
        UserError: it has another shape.

    >>> len(array_slices(np.zeros((3, 1, 8, 8)), "real"))
    3
    """
    parts = [part.detach().cpu().numpy() if isinstance(part, Tensor) else np.asarray(part) for part in _parts(given)]
    array = parts[0] if len(parts) == 1 and not isinstance(given, list | tuple) else np.stack(parts)
    if array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 3 or len(array) == 0:
        raise UserError(f"{name} has the shape {array.shape}; give slices of one channel, (n, H, W) or (n, 1, H, W).")
    return External(Path(name), "array", array, [None] * len(array), [], None, {})


def _parts(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]
