"""A search by several processes finds what one finds, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from multiprocessing import active_children

import numpy as np
import pytest
import torch
from helpers.audit_cases import untrained, write_texture_store

from medattngan.core.files import UserError
from medattngan.data.slice_images import SliceImages
from medattngan.stages.audit import searchers
from medattngan.stages.audit.search import BLOCK, Bank, Found, read_bank, search


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    store = write_texture_store(tmp_path_factory.mktemp("textures") / "store", patients=(8, 1, 1))
    return read_bank(store, untrained())


def assert_same(one: Found, other: Found) -> None:
    for mine, theirs in zip(one[:2], other[:2], strict=True):
        assert all(np.array_equal(getattr(mine, f.name), getattr(theirs, f.name)) for f in fields(mine))
    assert torch.equal(one[2], other[2])


def test_a_worker_searches_what_it_was_given(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searchers, "_HELD", [])
    searchers._begin(*searchers._packed(bank, untrained()))
    images = bank.images[:5].float().flip(-1)
    pixels, embedded, places = searchers._search(images.numpy())
    assert_same((pixels, embedded, torch.from_numpy(places)), search(bank, images, untrained()))


def test_a_number_that_is_none_is_refused(bank: Bank) -> None:
    with pytest.raises(UserError, match="--workers 0"), searchers.searching(bank, untrained(), 0):
        pass


@pytest.fixture
def no_worker_stays() -> Iterator[None]:
    yield
    assert active_children() == []


@pytest.mark.slow
@pytest.mark.usefixtures("no_worker_stays")
def test_any_number_of_processes_finds_the_same(bank: Bank) -> None:
    some = bank.images.float()
    images = SliceImages.of(torch.cat([some, some.flip(-1), some.flip(-2)] * 4)[: 2 * BLOCK + 3])
    found, done = [], []
    for workers in (None, 1, 2):
        with searchers.searching(bank, untrained(), workers) as by:
            found.append(by(images, done.append))
    assert_same(found[0], found[1])  # tests run with one thread, as workers do
    assert_same(found[0], found[2])
    assert sum(done) == 3 * len(images)
