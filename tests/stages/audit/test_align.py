"""The similarity of two slices, against slow loops and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from medattngan.stages.audit.align import Shifts, normalise_locally, prepare, similarity, variants


def overlap_correlation(first: Tensor, second: Tensor, dy: int, dx: int) -> float:
    """Pearson's correlation of the pixels that the two share when row y of the first lies on row y + dy."""
    size = first.shape[-1]
    pairs = [
        (float(first[y, x]), float(second[y + dy, x + dx]))
        for y in range(size)
        for x in range(size)
        if 0 <= y + dy < size and 0 <= x + dx < size
    ]
    return float(np.corrcoef(np.array(pairs).T)[0, 1])


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_the_similarity_is_the_largest_correlation_of_any_overlap(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, other = torch.randn(1, 16, 16, generator=generator), torch.randn(2, 16, 16, generator=generator)
    shifts = Shifts(16, 2)
    found = similarity(prepare(query, shifts, second=False), prepare(other, shifts, second=True), shifts)
    for k in range(2):
        tried = [overlap_correlation(query[0], other[k], dy, dx) for dy in range(-2, 3) for dx in range(-2, 3)]
        assert found[k].item() == pytest.approx(max(tried), abs=1e-4)


def blobs(count: int, size: int = 32) -> Tensor:
    """Smooth random slices in [-1, 1]: (count, 1, size, size)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, 1, size // 4, size // 4, generator=generator)
    return torch.tanh(torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic"))


def best(first: Tensor, second: Tensor) -> float:
    shifts = Shifts.of(first.shape[-1])
    query = prepare(variants(first)[0], shifts, second=False)
    return similarity(query, prepare(normalise_locally(second), shifts, second=True), shifts).item()


CHANGES = {
    "nothing": lambda x: x,
    "left and right swapped": lambda x: x.flip(-1),
    "upside down": lambda x: x.flip(-2),
    "moved by 3 px": lambda x: torch.roll(x, (3, -3), (-2, -1)),
    "darker and flatter": lambda x: 0.5 * x - 0.3,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_slice_is_nearer_to_itself_than_to_any_other(change: str) -> None:
    slices = blobs(4)
    changed = CHANGES[change](slices[:1])
    own = best(changed, slices[:1])
    assert own > 0.9
    assert own > max(best(changed, slices[i : i + 1]) for i in range(1, 4)) + 0.2


def test_a_turned_slice_is_found_again_by_the_opposite_turn() -> None:
    from medattngan.stages.audit.align import _rotate

    slices = blobs(4)
    turned = _rotate(slices[:1], 8.0)
    assert best(turned, slices[:1]) > 0.85
    assert best(turned, slices[:1]) > max(best(turned, slices[i : i + 1]) for i in range(1, 4)) + 0.2


def test_an_exact_copy_has_similarity_1() -> None:
    slices = blobs(2)
    assert best(slices[:1], slices[:1]) == pytest.approx(1.0, abs=1e-5)


def test_a_blank_slice_resembles_nothing() -> None:
    blank = torch.full((1, 1, 32, 32), -1.0)
    assert abs(best(blank, blobs(1))) < 0.05


def test_the_first_variant_is_the_slice_itself_and_all_differ() -> None:
    slices = blobs(1)
    made = variants(slices)
    assert made.shape == (1, 20, 32, 32)
    assert torch.equal(made[:, 0], normalise_locally(slices))
    assert len({variant.numpy().tobytes() for variant in made[0]}) == 20
