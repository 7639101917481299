"""Look at the slices of a study for tells in their pixels, and cure them where that is wanted."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from medattngan.core.files import UserError, read_json
from medattngan.core.types import Codes
from medattngan.review import tells
from medattngan.review.harmonise import apply, climb, ends
from medattngan.review.slices import Slices

TELLS = "tells.json"


def look(slices: Slices, seed: int, *, harmonise: bool) -> tuple[Slices, dict[str, Any]]:
    """The slices as the study is to show them, and what tells.json says of them.

    Where they are harmonised, `before` holds what was told of them before, and `tried` what each map left. Of a stack
    the middle slice is looked at: its neighbours would count one finding several times.
    """
    synthetic = slices.truth["synthetic"].to_numpy(bool)
    patients = slices.truth["patient"].fillna("").to_numpy(str)
    measured = partial(tells.measure, synthetic=synthetic, patients=patients, seed=seed)
    found = measured(_middles(slices.cases))
    if not harmonise:
        return slices, found
    noise = int(np.random.default_rng([seed, 4]).integers(2**63))
    rung, tried = climb(_middles(slices.cases), noise, measured)
    lower, upper = ends(slices.facts["lower"], slices.facts["upper"], rung)
    told = {**asdict(rung), "map": "medattngan.review.harmonise"}
    facts = {**slices.facts, "lower": lower, "upper": upper, "levels": rung.levels, "harmonised": told}
    every = slices.cases.reshape(-1, *slices.cases.shape[-2:])
    cases: Codes = apply(every, rung, noise).reshape(slices.cases.shape)
    references = apply(slices.references, rung, noise + 1) if len(slices.references) else slices.references
    harmonised = replace(slices, cases=cases, references=references, facts=facts)
    return harmonised, {**measured(_middles(cases)), "harmonised": told, "before": found, "tried": tried}


def _middles(cases: Codes) -> Codes:
    """(N, H, W): slices as they are, of stacks (N, depth, H, W) the middle ones."""
    return cases if cases.ndim == 3 else cases[:, cases.shape[1] // 2]


def told_by(study: Path) -> dict[str, Any]:
    """What tells.json of a study says.

    Raises:
        UserError: it does not exist or was edited into something else.
    """
    found = read_json(study / TELLS)
    if not isinstance(found, dict) or "measured" not in found:
        raise UserError(f"{study / TELLS} is not what review create wrote; put back a copy of the study.")
    return found
