"""What an audit says: shares with their intervals and floors, the controls, the statistics of copying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

import medattngan
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.stages.audit.calibrate import Flags, LeftOut, Thresholds, rate_over_patients
from medattngan.stages.audit.copying import (
    Placed,
    authentic,
    cell_count,
    data_copying,
    data_copying_replicates,
    k_means,
    nearest_centre,
)
from medattngan.stages.audit.membership import membership_inference
from medattngan.stages.audit.planted import PLANTED
from medattngan.stages.audit.search import Bank, Near
from medattngan.statistics.bootstrap import centred_interval, plan_bootstrap
from medattngan.statistics.intervals import wilson


@dataclass(frozen=True)
class Side:
    """A set of N slices, searched.

    Args:
        pixel: the nearest training slices in pixels.
        embedding: the nearest in the encoder's space.
        embedded: (N, E) where the slices lie there.
        patients: of each slice, or none for synthetic ones.
    """

    pixel: Near
    embedding: Near
    embedded: Tensor
    patients: list[str]

    def flag(self, limits: Thresholds) -> Flags:
        """Which of them count as copies: (N,) bool."""
        return limits.flag(self.pixel.relative, self.embedding.relative)


def findings(
    bank: Bank,
    sides: dict[str, Side],
    limits: Thresholds,
    alone: LeftOut,
    rate: float,
    seed: int,
    *,
    store: SliceStore,
    run: Run | None,
    split: str,
) -> dict[str, Any]:
    """All that audit.json holds but what was read."""
    held_out, samples = sides["held_out"], sides["samples"]
    controls = {kind: _control(sides[f"planted {kind}"], limits, kind) for kind in PLANTED}
    measured = {}
    if alone.judged.any():
        whose = np.asarray(held_out.patients)[alone.judged].tolist()
        measured["leave_one_patient_out"] = rate_over_patients(alone.flags[alone.judged], whose, seed=seed).to_json()
    if (checked := sides.get("checked")) is not None:
        other = "test" if split == "val" else "val"
        measured[other] = rate_over_patients(checked.flag(limits), checked.patients, seed=seed).to_json()
    membership = {"not_measured": "no --run was given"}
    if run is not None:
        membership = membership_inference(run, store, store.split(split), seed=seed)
    return {
        "flagged": _flagged(samples, limits),
        "patients_reproduced": _reproduced(bank, samples, limits, held_out, alone, seed),
        "controls": controls,
        "controls_met": all(control["met"] for control in controls.values()),
        "thresholds": {"pixel": _rounded(limits.pixel), "embedding": _rounded(limits.embedding)},
        "calibration": {
            "split": split,
            "false_positives": rate,
            "slices": len(held_out.patients),
            "patients": len(set(held_out.patients)),
            "measured": measured,
        },
        "data_copying": _data_copying(bank, held_out, samples, checked, seed),
        "authenticity": _authenticity(bank, samples, checked),
        "membership_inference": membership,
        "counts": {
            "samples": len(samples.pixel.row),
            "training_slices": len(bank.rows),
            "training_patients": len(bank.starts),
            "side_px": bank.size,
        },
        "seed": seed,
        "versions": {"medattngan": medattngan.__version__, "torch": torch.__version__},
    }


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _share(successes: int, count: int) -> dict[str, Any]:
    low, high = wilson(successes, count)
    return {"count": successes, "share": _rounded(successes / count), "ci95": [_rounded(low), _rounded(high)]}


def _flagged(samples: Side, limits: Thresholds) -> dict[str, Any]:
    """The share of samples flagged, and by which of the spaces."""
    pixel = samples.pixel.relative < limits.pixel
    embedding = samples.embedding.relative < limits.embedding
    both = _share(int((pixel | embedding).sum()), len(pixel))
    return {**both, "by_pixel": int(pixel.sum()), "by_embedding": int(embedding.sum())}


def _reproduced(
    bank: Bank, samples: Side, limits: Thresholds, held_out: Side, alone: LeftOut, seed: int
) -> dict[str, Any]:
    """The share of training patients who are the nearest to a flagged sample.

    `floor` is the mean share when as many real slices of held-out patients are drawn in place of the samples; null
    where none of them could be judged by the others.
    """
    patients = len(bank.starts)
    hit = nearest_patients(samples, limits)[samples.flag(limits)]
    shown = _share(len(np.unique(hit)), patients)
    if not alone.judged.any():
        return {**shown, "floor": None}
    blamed, left_out = nearest_patients(held_out, limits)[alone.judged], alone.flags[alone.judged]
    rng = np.random.default_rng([seed, 23])
    drawn = (rng.integers(len(blamed), size=len(samples.pixel.row)) for _ in range(200))
    floor = float(np.mean([len(np.unique(blamed[rows][left_out[rows]])) / patients for rows in drawn]))
    return {**shown, "floor": _rounded(floor)}


def nearest_patients(side: Side, limits: Thresholds) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The patient of the nearest slice, in the space that is nearer to its threshold."""
    by_pixel = side.pixel.relative / limits.pixel <= side.embedding.relative / limits.embedding
    return np.where(by_pixel, side.pixel.patient, side.embedding.patient)


def _control(side: Side, limits: Thresholds, kind: str) -> dict[str, Any]:
    """Recall of planted copies, and how many were traced to the right patient."""
    flags = side.flag(limits)
    right = nearest_patients(side, limits) == np.asarray(side.patients, np.intp)
    share = _share(int(flags.sum()), len(flags))
    bar = PLANTED[kind][1]
    return {
        "recall": share["share"],
        "ci95": share["ci95"],
        "bar": bar,
        "met": bool(share["share"] >= bar),
        "planted": len(flags),
        "traced": _rounded(float((flags & right).mean())),
        "by_pixel": _rounded(float((side.pixel.relative < limits.pixel).mean())),
        "by_embedding": _rounded(float((side.embedding.relative < limits.embedding).mean())),
    }


def _data_copying(bank: Bank, held_out: Side, samples: Side, checked: Side | None, seed: int) -> dict[str, Any]:
    """C_T of the samples in the encoder's space; `floor` has real slices of other patients in their place."""
    centres = k_means(bank.embedded, cell_count(len(held_out.patients)), seed=seed)

    def place(side: Side) -> Placed:
        return Placed(side.embedding.distance.astype(np.float64), nearest_centre(side.embedded, centres).numpy())

    reference, judged = place(held_out), place(samples)
    value = data_copying(reference, judged)
    if value is None:
        return {"not_measured": "no cell holds 20 held-out slices and 20 samples; draw more samples"}
    plan = plan_bootstrap(held_out.patients, len(samples.pixel.row), seed=seed)
    replicates = data_copying_replicates(reference, judged, plan)
    assert replicates is not None
    low, high = centred_interval(value, torch.from_numpy(replicates))
    floor = None if checked is None else data_copying(reference, place(checked))
    return {
        "c_t": _rounded(value),
        "ci95": [_rounded(low), _rounded(high)],
        "floor": None if floor is None else _rounded(floor),
        "cells": len(centres),
    }


def _authenticity(bank: Bank, samples: Side, checked: Side | None) -> dict[str, Any]:
    """AuthPct in the encoder's space; `floor` has real slices of other patients in the place of the samples."""
    positions = np.empty(int(bank.rows.max()) + 1, np.intp)
    positions[bank.rows] = np.arange(len(bank.rows))

    def share(side: Side) -> dict[str, Any]:
        found = authentic(
            side.embedding.distance.astype(np.float64), positions[side.embedding.row], bank.embedded, bank.patients
        )
        return _share(int(found.sum()), len(found))

    ours = share(samples)
    return {
        "auth_pct": _rounded(100 * ours["share"]),
        "ci95": [_rounded(100 * end) for end in ours["ci95"]],
        "floor": None if checked is None else _rounded(100 * share(checked)["share"]),
    }
