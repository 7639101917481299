"""The audit by volume: a volume is kept or left out as a whole, so it is judged as one.

Of forty honest slices at a false-positive rate of 1 %, a third of all volumes would have one that is flagged. So a
volume is compared with held-out patients, each of whom is a volume nobody copied. It is flagged where more of its
slices are flagged than of any of theirs, or where a slice of it lies nearer to a training patient than any of theirs:
for a volume that is exchangeable with n of theirs, each happens with probability 1 / (n + 1) at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from medattngan.stages.audit.calibrate import Flags
from medattngan.statistics.intervals import wilson


@dataclass(frozen=True)
class Judged:
    """Slices of several volumes, and what the audit found of each.

    Args:
        volume: (N,) which it is of.
        flagged: (N,) bool.
        score: (N,) how near it lies to a training patient; less is nearer.
        patient: (N,) the training patient that is nearest.
    """

    volume: npt.NDArray[Any]
    flagged: Flags
    score: npt.NDArray[np.float64]
    patient: npt.NDArray[np.intp]

    def by_volume(self) -> pd.DataFrame:
        """One row a volume, by its number: `slices`, `flagged_slices`, `share`, `closest`, and `same_patient`, the
        share of its slices that lie nearest to one and the same training patient.

        >>> flags, scores = np.array([True, False]), np.array([0.5, 2.0])
        >>> Judged(np.array([0, 0]), flags, scores, np.array([3, 3])).by_volume().iloc[0].to_list()
        [2.0, 1.0, 0.5, 0.5, 1.0]
        """
        table = pd.DataFrame(
            {"volume": self.volume, "flagged": self.flagged, "score": self.score, "patient": self.patient}
        )
        groups = table.groupby("volume", sort=True)
        found = pd.DataFrame(
            {
                "slices": groups.size(),
                "flagged_slices": groups["flagged"].sum(),
                "share": groups["flagged"].mean(),
                "closest": groups["score"].min(),
                "same_patient": groups["patient"].agg(lambda one: float(one.value_counts(normalize=True).iloc[0])),
            }
        )
        return found.astype({"slices": int, "flagged_slices": int})


def judge_volumes(samples: Judged, held_out: Judged) -> tuple[pd.DataFrame, dict[str, Any]]:
    """One row a synthetic volume, with `flagged`; and what audit.json says of volumes.

    Args:
        held_out: slices of real patients, each flagged by thresholds from the others.
    """
    found, real = samples.by_volume(), held_out.by_volume()
    limits = {"share": float(real["share"].max()), "closest": float(real["closest"].min())}
    found["flagged"] = (found["share"] > limits["share"]) | (found["closest"] < limits["closest"])
    count, flagged = len(found), int(found["flagged"].sum())
    low, high = wilson(flagged, count)
    listed = [
        {name: _plain(value) for name, value in row.items()} for row in found.reset_index().to_dict("records")
    ]  # fmt: skip
    return found, {
        "count": count,
        "flagged": {"count": flagged, "share": flagged / count, "ci95": [low, high]},
        "limits": limits,
        "false_positives_at_most": min(1.0, 2 / (len(real) + 1)),
        "held_out_patients": len(real),
        "same_patient": {"mean": float(found["same_patient"].mean()), "floor": float(real["same_patient"].mean())},
        "volumes": listed,
    }


def _plain(value: Any) -> bool | int | float:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return int(value) if float(value).is_integer() else float(f"{float(value):.6g}")


def volume_sentences(report: dict[str, Any]) -> Sequence[str]:
    """What audit.json says of volumes, in sentences; none of slices by themselves."""
    if (found := report.get("volumes")) is None:
        return []
    flagged, chance = found["flagged"]["count"], found["false_positives_at_most"]
    return [
        f"{flagged} of {found['count']} volumes have more flagged slices, or a nearer one, than any of "
        f"{found['held_out_patients']} held-out patients; by chance at most {chance:.0%} would. Volumes are marked as "
        "a whole."
    ]
