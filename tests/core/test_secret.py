"""Numbers from a key: normal as they should be, repeatable with it, and different with any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import stats

from medattngan.core.secret import KEY_BYTES, Secret, make_secret

KEY = bytes(range(KEY_BYTES))


def test_numbers_are_standard_normal() -> None:
    numbers = Secret(KEY, "").normal(100_001, 3)
    assert numbers.shape == (100_001,)
    assert stats.kstest(numbers, "norm").pvalue > 0.01
    halves = numbers[:50_000], numbers[50_000:100_000]  # the sine and the cosine of the same angles
    assert abs(np.corrcoef(*halves)[0, 1]) < 0.015


def test_another_key_context_or_place_gives_unrelated_numbers() -> None:
    numbers = Secret(KEY, "a").normal(1000, 1, 2)
    assert np.array_equal(numbers, Secret(KEY, "a").normal(1000, 1, 2))
    others = [Secret(bytes(KEY_BYTES), "a").normal(1000, 1, 2), Secret(KEY, "b").normal(1000, 1, 2)]
    others += [Secret(KEY, "a").normal(1000, *place) for place in ((1, 3), (2, 2), (1,))]
    assert all(abs(np.corrcoef(numbers, other)[0, 1]) < 0.15 for other in others)


def test_a_key_is_for_its_owner_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_secret(path)
    key = path.read_bytes()
    assert len(key) == KEY_BYTES
    assert path.stat().st_mode & 0o077 == 0
    make_secret(path)
    assert path.read_bytes() == key
    assert [one.name for one in tmp_path.iterdir()] == ["key"]
