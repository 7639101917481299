"""Inner products of features: kernels and distances of all pairs are read from them, in the whole and in every part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from medattngan.metrics.sets import Part, Sides

MOST_PAIRED = 4096
"""Slices a side of which all pairs are compared: five matrices of so many rows and columns take 0.7 GB."""


@dataclass(frozen=True)
class Products:
    """The inner product of every pair of features, float64.

    Args:
        real: (N, N).
        fake: (M, M).
        between: (N, M).
        dim: width of the features.
    """

    real: Tensor
    fake: Tensor
    between: Tensor
    dim: int


def products(real: Tensor, fake: Tensor) -> Products:
    """Of features (N, dim) and (M, dim), any float type."""
    real, fake = real.double(), fake.double()
    return Products(real @ real.T, fake @ fake.T, real @ fake.T, real.shape[1])


def in_products(sides: Sides, parts: Sequence[Part]) -> Iterator[tuple[tuple[Products], tuple[Products]]]:
    """`products` of each part: one matrix product of the whole serves all of them, where it is not too large."""
    if len(sides.reference) > MOST_PAIRED:
        for part in parts:
            r, f, o = sides.reference[part.reference], sides.fake[part.fake], sides.other[part.other]
            yield (products(r, f),), (products(r, o),)
        return
    reference, fake, other = (side[:].double() for side in (sides.reference, sides.fake, sides.other))
    real, of_fake, of_other = (side @ side.T for side in (reference, fake, other))
    with_fake, with_other = reference @ fake.T, reference @ other.T
    for part in parts:
        r, f, o = part.reference, part.fake, part.other
        within = _some(real, r, r)
        found = (
            Products(within, _some(of_fake, f, f), _some(with_fake, r, f), reference.shape[1]),
            Products(within, _some(of_other, o, o), _some(with_other, r, o), reference.shape[1]),
        )
        yield (found[0],), (found[1],)


def _some(matrix: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Rows and columns of `matrix`; itself where there are as many as it has, in their order."""
    whole = (len(rows), len(columns)) == matrix.shape and bool((rows.diff() == 1).all() and (columns.diff() == 1).all())
    return matrix if whole else matrix[rows][:, columns]
