"""Nearest training slices, against looking at every pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.audit_cases import SLICES, untrained, write_texture_store

from medattngan.core.files import UserError
from medattngan.stages.audit.align import Shifts, normalise_locally, prepare, similarity, variants
from medattngan.stages.audit.planted import PLANTED, plant
from medattngan.stages.audit.search import REFERENCE_PATIENTS, Bank, read_bank, search
from medattngan.stages.encoder.encoder import embed


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    store = write_texture_store(tmp_path_factory.mktemp("textures") / "store", patients=(8, 1, 1))
    return read_bank(store, untrained())


def test_the_bank_holds_each_training_slice_once_patient_after_patient(bank: Bank) -> None:
    assert sorted(bank.rows) == list(range(8 * SLICES))
    assert (np.diff(bank.patients) >= 0).all()
    assert bank.starts.tolist() == [SLICES * i for i in range(8)]
    assert bank.coarse.norm(dim=1).numpy() == pytest.approx(np.ones(8 * SLICES), abs=1e-5)


def test_distances_in_pixels_are_those_of_looking_at_every_pair(bank: Bank) -> None:
    generator = torch.Generator().manual_seed(1)
    queries = (bank.images[:6].float() + 0.5 * torch.randn(6, 1, 32, 32, generator=generator)).clamp(-1, 1)
    pixel, _, _ = search(bank, queries, untrained())
    shifts = Shifts.of(32)
    everybody = prepare(normalise_locally(bank.images), shifts, second=True)
    for i in range(6):
        query = prepare(variants(queries[i : i + 1])[0], shifts, second=False)
        distance = 1 - similarity(query, everybody, shifts).numpy()
        assert pixel.row[i] == bank.rows[distance.argmin()]
        assert pixel.distance[i] == pytest.approx(distance.min(), abs=1e-4)
        by_patient = np.sort(np.minimum.reduceat(distance, bank.starts))
        exact = np.median(by_patient[1 : REFERENCE_PATIENTS + 1])
        # The reference comes from the best slice of each patient at low resolution: near, and never below.
        assert exact - 1e-4 <= pixel.reference[i] < exact + 0.15


def test_distances_to_the_encoder_are_those_of_every_pair(bank: Bank) -> None:
    network = untrained()
    queries = bank.images[5:9].float().flip(-1)
    _, near, places = search(bank, queries, network)
    distance = 1 - (embed(network, queries) @ bank.embedded.T).numpy()
    by_patient = np.sort(np.stack([distance[:, bank.patients == p].min(1) for p in range(8)], 1), axis=1)
    assert near.row.tolist() == bank.rows[distance.argmin(1)].tolist()
    assert near.distance == pytest.approx(np.maximum(by_patient[:, 0], 0), abs=1e-5)
    assert near.reference == pytest.approx(np.median(by_patient[:, 1 : REFERENCE_PATIENTS + 1], axis=1), abs=1e-5)
    assert places.norm(dim=1).numpy() == pytest.approx(np.ones(4), abs=1e-5)


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_copy_is_traced_to_the_slice_it_was_made_from(bank: Bank, kind: str) -> None:
    chosen = np.arange(0, 8 * SLICES, 23)
    copies = plant(kind, bank.images[torch.from_numpy(chosen)], seed=0)
    pixel, _, _ = search(bank, copies, untrained())
    assert (pixel.row == bank.rows[chosen]).all()
    assert (pixel.relative < 0.6).all()


def test_one_training_patient_is_not_enough(tmp_path: Path) -> None:
    store = write_texture_store(tmp_path / "store", patients=(1, 1, 1))
    with pytest.raises(UserError, match="2 training patients"):
        read_bank(store, untrained())
