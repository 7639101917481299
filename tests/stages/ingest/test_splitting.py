"""Splits: by patient, in proportion, the same each time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.core.files import UserError
from medattngan.stages.ingest.split import check_shares, split_patients

SHARES = st.sampled_from([(0.8, 0.1, 0.1), (0.6, 0.2, 0.2), (0.9, 0.0, 0.1), (1.0, 0.0, 0.0), (0.34, 0.33, 0.33)])


@settings(deadline=None, max_examples=60)
@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=4), shares=SHARES, seed=st.integers(0, 9))
def test_every_label_is_divided_in_the_shares_to_within_two_patients(
    counts: list[int], shares: tuple[float, float, float], seed: int
) -> None:
    labels = {f"{label}-{i}": str(label) for label, count in enumerate(counts) for i in range(count)}
    split = split_patients(labels, shares, seed)
    assert set(split) == set(labels)
    for label, count in enumerate(counts):
        here = Counter(split[patient] for patient in labels if labels[patient] == str(label))
        for name, share in zip(("train", "val", "test"), shares, strict=True):
            assert abs(here[name] - share * count) <= 2
    assert split == split_patients(dict(reversed(labels.items())), shares, seed)


@settings(deadline=None)
@given(count=st.integers(3, 30))
def test_three_patients_are_enough_for_three_splits(count: int) -> None:
    split = split_patients({str(i): None for i in range(count)}, (0.98, 0.01, 0.01), 0)
    assert set(split.values()) == {"train", "val", "test"}


def test_another_seed_gives_another_split() -> None:
    labels = {str(i): None for i in range(30)}
    assert split_patients(labels, (0.5, 0.25, 0.25), 0) != split_patients(labels, (0.5, 0.25, 0.25), 1)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (0.0, 0.5, 0.5), (float("nan"), 0.5, 0.5)])
def test_shares_that_make_no_split_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UserError, match="--split"):
        check_shares(shares)
