"""Slices gathered on the device are the slices that are read, to the byte."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medattngan.conditions.table import measured
from medattngan.data.batches import Batches
from medattngan.data.intensity import codes_to_unit
from medattngan.data.resident import Resident, Slices, Streamed, slices_on, to_unit
from medattngan.data.store import SliceStore

CPU = torch.device("cpu")


def test_every_code_becomes_the_same_number_on_the_device_and_on_the_host() -> None:
    codes = np.arange(2**16, dtype=np.uint16)
    assert to_unit(torch.from_numpy(codes.view(np.int16))).numpy().tobytes() == codes_to_unit(codes).tobytes()


@pytest.mark.parametrize("size", [32, 16])
def test_a_batch_gathered_has_the_bytes_of_a_batch_read(size: int, tiny_store: SliceStore) -> None:
    part = tiny_store.split("train")
    batches = Batches(part, size, 5, 3, measured(part.index, True, ()))
    several: list[Slices] = [Streamed(batches), Resident(batches, CPU)]
    for step in (0, 1, 9, 10):  # into the second epoch
        for some in (slice(None), slice(2, 4)):
            images, told = batches(step, some)
            for slices in several:
                found, values = slices.batch(slices.fetch(step, some))
                assert torch.equal(found, images)
                assert found.stride() == images.stride()
                assert values.keys() == told.keys() == {"label"}
                assert torch.equal(values["label"], told["label"])


def test_what_travels_to_the_device_is_numbers_of_slices(tiny_store: SliceStore) -> None:
    batches = Batches(tiny_store.split("train"), 32, 4, 0)
    fetched = Resident(batches, CPU).fetch(0, slice(None))
    assert {name: tensor.shape for name, tensor in fetched.items()} == {"rows": (4,)}


def test_a_cpu_reads_its_slices_where_they_lie(tiny_store: SliceStore) -> None:
    assert isinstance(slices_on(CPU, Batches(tiny_store.split("train"), 32, 4, 0)), Streamed)


@pytest.mark.parametrize(("free", "kind"), [(1 << 30, "Resident"), (1 << 16, "Streamed")])
def test_slices_lie_on_a_gpu_where_they_fit_into_a_quarter_of_its_memory(
    free: int, kind: str, tiny_store: SliceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 1 << 31))
    monkeypatch.setattr("medattngan.data.resident.Resident", lambda batches, device: "Resident")
    found = slices_on(torch.device("cuda"), Batches(tiny_store.split("train"), 32, 4, 0))
    assert found == "Resident" if kind == "Resident" else isinstance(found, Streamed) and found.pinned
