"""All scores in one table, each drawn beside its interval and its baseline, and below it what each says."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from medattngan.metrics import all_metrics
from medattngan.metrics.table import DIRECTIONS, heading_of, metric_of
from medattngan.stages.report.numbers import number

Score = Mapping[str, Any]

WIDTH, HEIGHT, EDGE = 180, 22, 8


def scores_block(scores: Mapping[str, Score]) -> str:
    """The table and the cards, in the order of `all_metrics()`, those of metrics that are not installed last."""
    order = list(all_metrics())

    def place(name: str) -> tuple[int, str]:
        metric = metric_of(name)
        return (order.index(metric) if metric in order else len(order), name)

    names = sorted(scores, key=place)
    cards = "\n".join(score_card(name, scores[name]) for name in names)
    return f'{score_table({name: scores[name] for name in names})}\n<div class="cards">\n{cards}\n</div>'


def score_table(scores: Mapping[str, Score]) -> str:
    """One row a score: what it is and which way is better, its value, interval and baseline, and a drawing of them."""
    head = "".join(f'<th scope="col">{words}</th>' for words in ("score", "value", "95 % interval", "real vs real", ""))
    rows = "\n".join(_row(name, score) for name, score in scores.items())
    return f'<table class="scores"><thead><tr>{head}</tr></thead><tbody>\n{rows}\n</tbody></table>'


def _row(name: str, score: Score) -> str:
    low, high = score["ci95"]
    mark = ' <span class="flag" title="see below">caution</span>' if score.get("warnings") else ""
    return (
        f'<tr><th scope="row">{escape(heading_of(name))}{mark}<br><code>{escape(name)}</code> '
        f'<span class="way">{DIRECTIONS[score["better"]]}</span></th>'
        f'<td class="value">{number(score["value"])}</td><td class="ci">{number(low)} to {number(high)}</td>'
        f'<td class="base">{number(score["floor"])}</td><td class="drawn">{drawing(score)}</td></tr>'
    )


def score_card(name: str, score: Score) -> str:
    """What one score says, of how many slices, where it is worst, and what makes it doubtful."""
    metric = all_metrics().get(metric_of(name))
    meaning = "" if metric is None else metric.meaning
    counts = f"{score['n_real']} real and {score['n_fake']} synthetic slices"
    counts += f"; baseline from {score['floor_sets']}." if "floor_sets" in score else "."
    return "".join(
        [
            f'<section class="card"><h3>{escape(heading_of(name))} <code>{escape(name)}</code></h3>',
            f"<p><strong>{escape(verdict(score))}</strong> {escape(meaning)}</p>",
            f'<p class="small">{escape(counts + _worst(score))}</p>',
            *(f'<p class="warning">Caution: {escape(str(words))}.</p>' for words in score.get("warnings", [])),
            "</section>",
        ]
    )


def _worst(score: Score) -> str:
    """The stratum that falls shortest, where there are any."""
    if (worst := score.get("worst_stratum")) is None:
        return ""
    low, high = worst["ci95"]
    return (
        f" Worst by {worst['by']}: {worst['stratum']}, {number(worst['value'])} ({number(low)} to {number(high)}; "
        f"real-vs-real baseline: {number(worst['floor'])})."
    )


def verdict(score: Score) -> str:
    """What the number says, beside what real patients score.

    >>> verdict({"value": 9.0, "floor": 4.5, "ratio": 2.0, "ci95": [8.0, 10.0], "better": "lower"})
    'The synthetic slices are 2.0 times as far from these patients as other real patients are.'
    """
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    if "ratio" in score and value > floor:
        times = f"{value / floor:,.{1 if value < 100 * floor else 0}f}"
        return f"The synthetic slices are {times} times as far from these patients as other real patients are."
    if low <= floor <= high:
        return "Its interval contains the real-vs-real baseline."
    side = "above" if value > floor else "below"
    return f"{number(abs(value - floor))} {side} the real-vs-real baseline, which held-out real slices get."


def drawing(score: Score) -> str:
    """A dot with whiskers for the value, a dashed line for the baseline: told apart by shape, not by colour."""
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    ends = [low, high, value, floor, *([0.0] if score["better"] == "lower" else [])]
    least = float(min(ends))
    span = float(max(ends)) - least or 1.0
    middle = HEIGHT / 2

    def at(x: float) -> float:
        return round(EDGE + (x - least) / span * (WIDTH - 2 * EDGE), 1)

    words = f"{number(value)}, interval {number(low)} to {number(high)}; real-vs-real baseline {number(floor)}"
    cap = middle - 5
    whisker = f"M{at(low)} {cap:g}v10M{at(high)} {cap:g}v10M{at(low)} {middle:g}H{at(high)}"
    return "".join(
        [
            f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">',
            f'<line class="axis" x1="{EDGE}" y1="{middle:g}" x2="{WIDTH - EDGE}" y2="{middle:g}"/>',
            f'<line class="floor" x1="{at(floor)}" y1="1" x2="{at(floor)}" y2="{HEIGHT - 1}"/>',
            f'<path class="whisker" d="{whisker}"/><circle cx="{at(value)}" cy="{middle:g}" r="4"/></svg>',
        ]
    )
