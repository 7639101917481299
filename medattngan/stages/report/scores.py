"""Each score drawn on a line beside its interval and its floor, and said in words."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from medattngan.metrics import all_metrics

Score = Mapping[str, Any]

WIDTH, HEIGHT, EDGE, MIDDLE = 360, 46, 14, 28


def score_blocks(scores: Mapping[str, Score]) -> str:
    """One block a score, in the order of `all_metrics()`, those of metrics that are not installed last."""
    order = list(all_metrics())

    def place(name: str) -> tuple[int, str]:
        metric = metric_of(name)
        return (order.index(metric) if metric in order else len(order), name)

    return "\n".join(score_block(name, scores[name]) for name in sorted(scores, key=place))


def metric_of(name: str) -> str:
    """The metric that a score's name begins with. FID is the Fréchet distance of Inception's features.

    >>> metric_of("kid[some]"), metric_of("fid[inception]")
    ('kid', 'fd')
    """
    metric = name.partition("[")[0]
    return "fd" if metric == "fid" else metric


def score_block(name: str, score: Score) -> str:
    """Heading, value, drawing and words of one score."""
    metric = all_metrics().get(metric_of(name))
    heading, meaning = (name, "") if metric is None else (metric.heading, metric.meaning)
    low, high = score["ci95"]
    beside = f"95 % interval {number(low)} to {number(high)}; real-vs-real baseline: {number(score['floor'])}"
    counts = f"{score['n_real']} real and {score['n_fake']} synthetic slices"
    counts += f"; baseline from {score['floor_sets']}." if "floor_sets" in score else "."
    return "".join(
        [
            f'<section class="score"><h3>{escape(heading)} <code>{escape(name)}</code></h3>',
            f'<p class="value"><strong>{number(score["value"])}</strong> {escape(beside)}</p>',
            f"{drawing(score)}<p><strong>{escape(verdict(score))}</strong> {escape(meaning)}</p>",
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


def number(value: float) -> str:
    """With three digits, or as many as stand before the point.

    >>> number(154.321), number(4.5), number(-0.51234)
    ('154', '4.50', '-0.512')
    """
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"


def verdict(score: Score) -> str:
    """What the number says, beside what real patients score.

    >>> verdict({"value": 9.0, "floor": 4.5, "ratio": 2.0, "ci95": [8.0, 10.0], "better": "lower"})
    'The synthetic slices are 2.0 times as far from these patients as other real patients are.'
    """
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    if "ratio" in score and value > floor:
        times = f"{value / floor:.1f}"
        return f"The synthetic slices are {times} times as far from these patients as other real patients are."
    if low <= floor <= high:
        return "Its interval contains the real-vs-real baseline."
    side = "above" if value > floor else "below"
    return f"{number(abs(value - floor))} {side} the real-vs-real baseline, which held-out real slices get."


def drawing(score: Score) -> str:
    """A dot with whiskers for the value, a dashed line for the floor: told apart by shape, not by colour."""
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    ends = [low, high, value, floor, *([0.0] if score["better"] == "lower" else [])]
    least = float(min(ends))
    span = float(max(ends)) - least or 1.0

    def at(x: float) -> float:
        return round(EDGE + (x - least) / span * (WIDTH - 2 * EDGE), 1)

    anchor, nudge = ("start", 5) if at(floor) < WIDTH / 2 else ("end", -5)
    words = f"{number(value)}, interval {number(low)} to {number(high)}; real-vs-real baseline {number(floor)}"
    cap = MIDDLE - 6
    whisker = f"M{at(low)} {cap}v12M{at(high)} {cap}v12M{at(low)} {MIDDLE}H{at(high)}"
    return "".join(
        [
            f'<svg class="line" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(words)}">',
            f'<line class="axis" x1="{EDGE}" y1="{MIDDLE}" x2="{WIDTH - EDGE}" y2="{MIDDLE}"/>',
            f'<line class="floor" x1="{at(floor)}" y1="4" x2="{at(floor)}" y2="{HEIGHT - 4}"/>',
            f'<text x="{at(floor) + nudge}" y="13" text-anchor="{anchor}">real</text>',
            f'<path class="whisker" d="{whisker}"/><circle cx="{at(value)}" cy="{MIDDLE}" r="5"/></svg>',
        ]
    )
