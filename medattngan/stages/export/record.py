"""provenance.json of an export: what was asked for and what came of it, without a word of where it was read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import medattngan
from medattngan.stages.export.options import Asked
from medattngan.stages.export.plan import PlannedSeries


def record(
    planned: Sequence[PlannedSeries], asked: Asked, left_out: Mapping[str, int], notes: Sequence[str],
    **further: Any,
) -> dict[str, Any]:  # fmt: skip
    """The record, with `further` options. The path of `like` stays out: it may name a patient."""
    origin = planned[0].series.origin
    return {
        "synthetic": True,
        "samples_digest": origin.samples,
        "run": origin.run,
        "store_digest": origin.store,
        "options": asdict(asked) | {"like": asked.like is not None} | further,
        "series": [
            {"folder": one.folder, "label": one.series.label, "slices": len(one.rows), "uid": one.series.uid}
            for one in planned
        ],
        "left_out": dict(left_out),
        "notes": list(notes),
        "versions": {"medattngan": medattngan.__version__},
    }
