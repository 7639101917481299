"""Texture matrices against scikit-image and against counting one pixel at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import graycomatrix, graycoprops
from torch import Tensor

from medattngan.extractors.texture import LEVELS, cooccurrence, cooccurrence_features, run_features, runs, tone_features


def draw(seed: int, height: int = 9, width: int = 12, levels: int = 5, count: int = 2) -> Tensor:
    return torch.randint(0, levels, (count, height, width), generator=torch.Generator().manual_seed(seed))


def by_definition(levels: np.ndarray, step: tuple[int, int]) -> np.ndarray:
    """Runs along one direction, one pixel at a time: (LEVELS, longest)."""
    height, width = levels.shape
    found = np.zeros((LEVELS, max(height, width)))
    for row in range(height):
        for column in range(width):
            before = row - step[0], column - step[1]
            inside = 0 <= before[0] < height and 0 <= before[1] < width
            if inside and levels[before] == levels[row, column]:
                continue
            length, at = 0, (row, column)
            while 0 <= at[0] < height and 0 <= at[1] < width and levels[at] == levels[row, column]:
                length, at = length + 1, (at[0] + step[0], at[1] + step[1])
            found[levels[row, column], length - 1] += 1
    return found


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 12))
def test_cooccurrence_agrees_with_scikit_image(seed: int, height: int, width: int) -> None:
    levels = draw(seed, height, width)
    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    for image, found in zip(levels.numpy().astype(np.uint8), cooccurrence(levels).numpy(), strict=True):
        theirs = graycomatrix(image, [1], angles, levels=LEVELS, symmetric=True, normed=True)[:, :, 0]
        np.testing.assert_allclose(found, theirs.transpose(2, 0, 1), atol=1e-12)


def test_cooccurrence_features_agree_with_scikit_image() -> None:
    levels = draw(1, 20, 20)
    features = cooccurrence_features(levels).numpy()
    for image, found in zip(levels.numpy().astype(np.uint8), features, strict=True):
        matrix = graycomatrix(image, [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], LEVELS, True, True)
        for place, name in (
            (5, "contrast"),
            (6, "correlation"),
            (7, "dissimilarity"),
            (10, "ASM"),
            (14, "homogeneity"),
        ):
            assert found[place] == pytest.approx(graycoprops(matrix, name).mean(), rel=1e-9), name


def test_two_columns_of_two_levels_have_the_features_that_arithmetic_gives() -> None:
    """Levels 1 and 2 side by side: across, p(1, 2) = p(2, 1) = ½; down, p(1, 1) = p(2, 2) = ½."""
    across = cooccurrence_features(torch.tensor([[[0, 1]] * 30]).repeat(1, 1, 1))
    entropy = across[0, 11].item()
    # Across and both diagonals join unlike levels, down joins like ones: one bit of entropy in all four.
    assert entropy == pytest.approx(1.0, abs=1e-9)
    assert across[0, 5].item() == pytest.approx(0.75)  # contrast 1, 1, 0, 1
    assert across[0, 6].item() == pytest.approx(-0.5)  # correlation −1, −1, 1, −1
    assert across[0, 13].item() == pytest.approx((1 - np.exp(-2)) ** 0.5)  # one level tells the other


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 8), st.integers(1, 3))
def test_runs_are_what_counting_finds(seed: int, height: int, width: int, levels: int) -> None:
    images = draw(seed, height, width, levels)
    for image, found in zip(images.numpy(), runs(images).numpy(), strict=True):
        for direction, step in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
            np.testing.assert_array_equal(found[direction], by_definition(image, step))


def test_a_run_of_every_length_once_has_the_emphases_that_arithmetic_gives() -> None:
    """One row with runs of 1, 2 and 3 pixels of levels 1, 2 and 3, seen along the row."""
    row = torch.tensor([[[0, 1, 1, 2, 2, 2]]])
    matrix = runs(row)[0, 0]
    assert matrix.sum() == 3
    assert matrix[[0, 1, 2], [0, 1, 2]].tolist() == [1, 1, 1]
    features = run_features(row)[0]
    # Along the row 3 runs; in the other three directions 6 of one pixel each.
    assert features[0].item() == pytest.approx(((1 + 1 / 4 + 1 / 9) / 3 + 3) / 4)
    assert features[1].item() == pytest.approx(((1 + 4 + 9) / 3 + 3) / 4)
    assert features[6].item() == pytest.approx((3 / 6 + 3) / 4)


def tones_by_definition(levels: np.ndarray) -> list[float]:
    """The five tone features, one pixel at a time."""
    height, width = levels.shape
    s, n = np.zeros(LEVELS + 1), np.zeros(LEVELS + 1)
    for row in range(height):
        for column in range(width):
            block = levels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2] + 1
            value = levels[row, column] + 1
            s[value] += abs(value - (block.sum() - value) / (block.size - 1))
            n[value] += 1
    p, there = n / n.sum(), np.nonzero(n)[0]
    pairs = [(i, j) for i in there for j in there]
    contrast = sum(p[i] * p[j] * (i - j) ** 2 for i, j in pairs) / (len(there) * (len(there) - 1)) * s.sum() / n.sum()
    busy = (p * s).sum() / sum(abs(i * p[i] - j * p[j]) for i, j in pairs)
    complexity = sum(abs(i - j) * (p[i] * s[i] + p[j] * s[j]) / (p[i] + p[j]) for i, j in pairs) / n.sum()
    strength = sum((p[i] + p[j]) * (i - j) ** 2 for i, j in pairs) / s.sum()
    return [1 / (p * s).sum(), contrast, busy, complexity, strength]


@settings(deadline=None, max_examples=10)
@given(st.integers(0, 1000))
def test_tones_are_what_counting_finds(seed: int) -> None:
    images = draw(seed, 7, 6)
    for image, found in zip(images.numpy(), tone_features(images).numpy(), strict=True):
        np.testing.assert_allclose(found, tones_by_definition(image), rtol=1e-6)


@pytest.mark.parametrize("measure", [cooccurrence_features, run_features, tone_features])
def test_a_flat_slice_has_finite_features(measure: object) -> None:
    assert callable(measure)
    assert measure(torch.zeros(1, 8, 8, dtype=torch.int64)).isfinite().all()
