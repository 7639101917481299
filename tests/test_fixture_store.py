"""The store that the other tests lean on is what they take it for."""

from __future__ import annotations

from medattngan.data.store import SPLITS, SliceStore


def test_the_tiny_store_keeps_every_patient_in_one_split_with_both_labels_in_each(
    tiny_store: SliceStore,
) -> None:
    assert (len(tiny_store), tiny_store.size) == (72, 32)
    assert tiny_store.index.groupby("patient")["split"].nunique().max() == 1
    for name in SPLITS:
        assert set(tiny_store.split(name).index["label"]) == {"small", "large"}


def test_the_tiny_store_has_slices_that_differ(tiny_store: SliceStore) -> None:
    assert len({codes.tobytes() for codes in tiny_store.all_codes()}) == len(tiny_store)
