"""Patients of a private round: each by itself, with the same chance, and only slices of their own."""

from __future__ import annotations

import numpy as np

from medattngan.core.secret import Secret
from medattngan.data.poisson import PoissonPatients

PATIENTS = [f"p{number}" for number in (3, 0, 1, 1, 2, 3, 0, 1, 4, 5, 6, 7)]


def drawn(slices: int = 2, rate: float = 0.3) -> PoissonPatients:
    return PoissonPatients(PATIENTS, rate, slices, Secret(bytes(32), ""))


def test_each_patient_comes_by_itself_with_the_same_chance() -> None:
    sampler, rounds = drawn(slices=1), 3000
    came = np.zeros((rounds, 8))
    for step in range(rounds):
        for row in sampler.rows(step)[:, 0]:
            came[step, int(PATIENTS[row][1:])] += 1
    assert came.max() == 1  # never twice in a round, however many slices
    assert np.allclose(came.mean(0), 0.3, atol=5 * np.sqrt(0.3 * 0.7 / rounds))
    assert np.isclose(came.sum(1).var(), 8 * 0.3 * 0.7, rtol=0.15)  # of a sum of eight independent draws
    assert came.sum(1).min() == 0


def test_slices_are_the_patients_own_and_change() -> None:
    sampler = drawn()
    seen = [tuple(PATIENTS[row] for row in rows) for step in range(200) for rows in sampler.rows(step)]
    assert all(len(set(names)) == 1 for names in seen)
    chosen = {tuple(sorted(rows)) for step in range(200) for rows in sampler.rows(step) if PATIENTS[rows[0]] == "p1"}
    assert chosen == {(2, 3), (2, 7), (3, 7)}  # two different ones of three, every pair


def test_who_comes_in_a_round_depends_on_no_other_patient() -> None:
    few = PoissonPatients(PATIENTS[:10], 0.3, 1, Secret(bytes(32), ""))
    for step in range(50):
        kept = {PATIENTS[row] for row in drawn(slices=1).rows(step)[:, 0]} - {"p6", "p7"}
        assert {PATIENTS[row] for row in few.rows(step)[:, 0]} == kept
