"""Score three sets of slices by every metric: the value of the synthetic ones, its interval, and the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor

from medattngan.files import UserError
from medattngan.metrics.resample import REPLICATES, Plan, centred_interval, plan_bootstrap
from medattngan.metrics.table import METRICS, Metric

Entry: TypeAlias = dict[str, Any]
"""What scores.json holds of one metric."""

_DIGITS = 6


@dataclass(frozen=True)
class Sides:
    """The same three sets of slices, as images or as features; equally long.

    Args:
        reference: (n, …), real, what the synthetic ones are compared with.
        fake: (n, …), synthetic.
        other: (n, …), real slices of other patients, put in the place of the synthetic ones for the floor.
    """

    reference: Tensor
    fake: Tensor
    other: Tensor

    def take(self, reference: Sequence[int], fake: Sequence[int], other: Sequence[int]) -> Sides:
        """Some rows of each set."""
        return Sides(self.reference[list(reference)], self.fake[list(fake)], self.other[list(other)])


@dataclass(frozen=True)
class Scored:
    """What came out.

    Args:
        entries: metric → its entry.
        left_out: metric → why it was not measured and what it takes, in a sentence.
    """

    entries: dict[str, Entry]
    left_out: dict[str, str]


def score_sides(
    sides: Mapping[str, Sides], patients: Sequence[str], *, seed: int, replicates: int = REPLICATES
) -> Scored:
    """Measure every metric of `METRICS` whose kind of `sides` is given.

    Args:
        sides: `features`, `radiomics` and `images` of the same slices, or some of these.
        patients: the patient of each slice of the reference.
        seed: of the bootstrap.
        replicates: how often the bootstrap draws.
    """
    n_fake = len(next(iter(sides.values())).fake)
    plan = plan_bootstrap(patients, n_fake, seed=seed, replicates=replicates)
    compared: dict[tuple[str, Any], tuple[Any, Any]] = {}
    scored = Scored({}, {})
    for name, metric in METRICS.items():
        if metric.on not in sides:
            continue
        key = (metric.on, metric.compare)
        try:
            if key not in compared:
                compared[key] = _compare(metric, sides[metric.on])
            scored.entries[name] = _entry(metric, *compared[key], plan)
            scored.entries[name]["patients_real"] = len(set(patients))
        except UserError as error:
            scored.left_out[name] = str(error)
    return scored


def _compare(metric: Metric[Any], sides: Sides) -> tuple[Any, Any]:
    """What the metric is read from, of the synthetic slices and of the other patients'."""
    return metric.compare(sides.reference, sides.fake), metric.compare(sides.reference, sides.other)


def _entry(metric: Metric[Any], compared: Any, of_other: Any, plan: Plan) -> Entry:
    value = metric.value(compared).item()
    floor = metric.value(of_other).item()
    low, high = centred_interval(value, metric.replicates(compared, plan))
    entry: Entry = {
        "value": rounded(value),
        "ci95": [rounded(max(low, metric.least)), rounded(min(high, metric.most))],
        "floor": rounded(floor),
        "better": metric.better,
        "n_real": plan.real.shape[1],
        "n_fake": plan.fake.shape[1],
    }
    # Of a distance that cannot be negative only: the floor of others lies about 0, and so does any divisor.
    if metric.better == "lower" and metric.least == 0 and floor > 0:
        entry["ratio"] = rounded(value / floor)
    return entry


def shortfall(entry: Mapping[str, Any]) -> float:
    """How much worse than real slices of other patients a score is: what strata are ranked by.

    The ratio where there is one, because distances of unlike counts have unlike floors; else the difference, in the
    direction that is worse.

    >>> shortfall({"better": "higher", "value": 0.25, "floor": 0.75})
    0.5
    """
    if "ratio" in entry:
        return float(entry["ratio"])
    difference = float(entry["value"]) - float(entry["floor"])
    return {"lower": difference, "higher": -difference, "floor": abs(difference)}[entry["better"]]


def rounded(value: float) -> float:
    """To 6 digits: the rest is rounding of the network's sums, which differs between machines."""
    if not math.isfinite(value):
        raise ValueError(f"a score came out as {value}")
    return float(f"{value:.{_DIGITS}g}")
