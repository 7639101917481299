"""Score three sets of slices by every metric: the value of the synthetic ones, its interval, and the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.progress import Watch, unseen
from medattngan.metrics.sets import Part, Sides
from medattngan.metrics.table import Metric, all_metrics
from medattngan.statistics.bootstrap import REPLICATES, Plan, centred_interval, plan_bootstrap

Entry: TypeAlias = dict[str, Any]
"""What scores.json holds of one metric."""

_DIGITS = 6
Found = TypeVar("Found")


@dataclass(frozen=True)
class Scored:
    """What came out.

    Args:
        entries: metric → its entry.
        left_out: metric → why it was not measured and what it takes, in a sentence.
        positions: where in the volume the slices lie (see `positions.position_scores`), where that is known.
    """

    entries: dict[str, Entry]
    left_out: dict[str, str]
    positions: Entry | None = None


def score_sides(
    sides: Mapping[str, Sides], patients: Sequence[str], *, seed: int, replicates: int = REPLICATES
) -> Scored:
    """Measure every metric of `all_metrics()` whose kind of `sides` is given.

    Args:
        sides: `features`, `radiomics` and `images` of the same slices, or some of these.
        patients: the patient of each slice of the reference.
        seed: of the bootstrap.
        replicates: how often the bootstrap draws.
    """
    whole = replace(next(iter(sides.values())).whole, replicates=replicates)
    return score_parts(sides, patients, [whole], seed=seed)[0]


def score_parts(
    sides: Mapping[str, Sides],
    patients: Sequence[str],
    parts: Sequence[Part],
    *,
    seed: int,
    watch: Watch = unseen,
    volumes: Sequence[str] | None = None,
) -> list[Scored]:
    """`score_sides` of each part, as if there were nothing else; what parts have in common is measured once.

    `volumes` says of which volume each synthetic slice is, where they are of some.
    """
    of_whom = [[patients[row] for row in part.reference.tolist()] for part in parts]
    alike = [None if volumes is None else [volumes[row] for row in part.fake.tolist()] for part in parts]
    plans = [
        plan_bootstrap(whom, len(part.fake), seed=seed, replicates=part.replicates, volumes=of_one)
        for whom, part, of_one in zip(of_whom, parts, alike, strict=True)
    ]
    found = [Scored({}, {}) for _ in parts]
    metrics = all_metrics()
    groups = [names for names in _that_share(metrics) if metrics[names[0]].on in sides]
    advance = watch("scoring", len(groups) * len(parts))
    for names in groups:
        first = metrics[names[0]]
        some = [part.first(first.most_slices) for part in parts]
        drawn = [_first(plan, first.most_slices) for plan in plans]
        left = len(parts)
        try:
            for scored, plan, given in zip(found, drawn, first.share(sides[first.on], some), strict=True):
                _measure({name: metrics[name] for name in names}, given, plan, scored)
                left -= 1
                advance(1)
        except UserError as error:
            for scored in found:
                scored.left_out.update((name, str(error)) for name in names if name not in scored.entries)
            advance(left)
    for scored, whom in zip(found, of_whom, strict=True):
        for entry in scored.entries.values():
            entry["patients_real"] = len(set(whom[: entry["n_real"]]))
    return [Scored(_in_order(scored.entries), _in_order(scored.left_out)) for scored in found]


def _first(plan: Plan, count: int | None) -> Plan:
    """The plan of no more than so many images a side."""
    return Plan(plan.real[:, :count], plan.fake[:, :count])


def _that_share(metrics: Mapping[str, Metric[Any]]) -> list[list[str]]:
    """The names of `metrics`, those together that share what their parts have in common."""
    groups: dict[Any, list[str]] = {}
    for name, metric in metrics.items():
        groups.setdefault((metric.on, metric.share, metric.most_slices), []).append(name)
    return list(groups.values())


def _measure(
    metrics: Mapping[str, Metric[Any]], given: tuple[tuple[Any, ...], tuple[Any, ...]], plan: Plan, scored: Scored
) -> None:
    """Measure these metrics of one part into `scored`; those that compare alike are read from one comparison."""
    compared: dict[Any, tuple[Any, ...]] = {}
    drawn: dict[Any, Tensor] = {}
    for name, metric in metrics.items():
        try:
            if metric.compare not in compared:
                compared = {metric.compare: tuple(metric.compare(*one) for one in given)}  # no longer than it is used
            of_fake, of_other = compared[metric.compare]
            value, floor = metric.value(of_fake).item(), metric.value(of_other).item()
            key = (metric.compare, metric.replicates)
            if key not in drawn:
                drawn[key] = metric.replicates(of_fake, plan)
            scored.entries[name] = _entry(metric, value, floor, drawn[key], plan)
        except UserError as error:
            scored.left_out[name] = str(error)


def _in_order(found: Mapping[str, Found]) -> dict[str, Found]:
    """In the order of `all_metrics()`."""
    return {name: found[name] for name in all_metrics() if name in found}


def _entry(metric: Metric[Any], value: float, floor: float, replicates: Tensor, plan: Plan) -> Entry:
    low, high = centred_interval(value, replicates)
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
