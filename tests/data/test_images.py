"""From codes on disk to tensors: one way, whatever the rows, the size and the type."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medattngan.data import images as module
from medattngan.data.images import codes_to_images, load_images, resize
from medattngan.data.intensity import unit_to_codes
from medattngan.data.store import SliceStore


def test_codes_come_back_exactly(tiny_store: SliceStore) -> None:
    codes = unit_to_codes(load_images(tiny_store)[:, 0].numpy())
    np.testing.assert_array_equal(codes, tiny_store.all_codes())


def test_rows_come_in_the_order_asked_for_and_may_repeat(tiny_store: SliceStore) -> None:
    rows = [5, 0, 5]
    expected = torch.stack([torch.from_numpy(tiny_store.unit(row)) for row in rows]).unsqueeze(1)
    assert torch.equal(load_images(tiny_store, rows), expected)


def test_no_rows_are_an_empty_tensor(tiny_store: SliceStore) -> None:
    assert load_images(tiny_store, [], 8).shape == (0, 1, 8, 8)


@pytest.mark.parametrize("size", [None, 20, 48])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_pieces_read_at_once_do_not_show(
    tiny_store: SliceStore, monkeypatch: pytest.MonkeyPatch, size: int | None, dtype: torch.dtype
) -> None:
    whole = load_images(tiny_store, size=size, dtype=dtype)
    monkeypatch.setattr(module, "SLICES_AT_ONCE", 7)
    assert torch.equal(load_images(tiny_store, size=size, dtype=dtype), whole)
    assert whole.dtype == dtype


def test_half_precision_is_the_rounded_whole_and_in_range(tiny_store: SliceStore) -> None:
    whole, half = (load_images(tiny_store, size=20, dtype=dtype) for dtype in (torch.float32, torch.float16))
    assert torch.equal(whole.half(), half)
    assert half.abs().max() <= 1


def test_a_plain_slice_stays_plain_at_any_size() -> None:
    white = codes_to_images(np.full((1, 100, 100), 65535, np.uint16))
    torch.testing.assert_close(resize(white, 64), torch.ones(1, 1, 64, 64), atol=1e-6, rtol=0)
    assert resize(white, 100) is white
