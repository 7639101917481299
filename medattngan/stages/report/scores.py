"""Each score drawn on a line beside its interval and its floor, and said in words."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

Score = Mapping[str, Any]

MEANINGS: dict[str, tuple[str, str]] = {
    "fd": (
        "Fréchet distance",
        "How far the synthetic slices as a group are from the real ones, in what a network trained on "
        "photographs sees in them. 0 would be the same; lower is better. It grows when fewer slices are "
        "compared, so compare it only with its floor and with scores of as many slices.",
    ),
    "kid": (
        "Kernel distance",
        "The same question as the Fréchet distance, asked in a way that few slices do not bias. Lower is better; "
        "about 0 is the best there is.",
    ),
    "kid_subsets": (
        "Kernel distance, in subsets",
        "The kernel distance as papers report it: the mean over random subsets.",
    ),
    "frd": (
        "Radiomic distance",
        "The Fréchet distance in texture features that radiologists' software measures, not in those of a network. "
        "Lower is better; compare it with its floor only.",
    ),
    "precision": (
        "Precision",
        "Share of the synthetic slices that lie among real ones: do they look right?",
    ),
    "recall": (
        "Recall",
        "Share of the real slices that lie among synthetic ones: is everything there that patients show?",
    ),
    "density": (
        "Density",
        "How thickly real slices surround the synthetic ones: precision, less moved by outliers.",
    ),
    "coverage": (
        "Coverage",
        "Share of the real slices with a synthetic one near by: recall, less moved by outliers.",
    ),
    "ssim_nearest_real": (
        "Likeness to the nearest real slice",
        "Structural similarity (1 is the same picture) of each synthetic slice with the most similar real one, "
        "on average. Well below the floor, the slices look like no patient's. It does not show copying: the "
        "comparison is with patients the network never saw.",
    ),
    "ssim_pairwise": (
        "Likeness among themselves",
        "Structural similarity between synthetic slices. Above the floor, they are less varied than real "
        "slices; far above it, the network repeats itself.",
    ),
    "ms_ssim_pairwise": (
        "Likeness among themselves, at five scales",
        "The same at five scales, which slices of 176 pixels and more allow.",
    ),
}
"""The name before any bracket → heading, what it means; in the order of the page. Names as in `METRICS`."""
MEANINGS["fid"] = MEANINGS["fd"]

DISTANCES = ("fd", "fid", "frd")
"""Never near 0 for real slices, so that a ratio to the floor means something."""

WIDTH, HEIGHT, EDGE, MIDDLE = 360, 46, 14, 28


def score_blocks(scores: Mapping[str, Score]) -> str:
    """One block a score, in the order of MEANINGS, those without a meaning last."""
    order = list(MEANINGS)

    def place(name: str) -> tuple[int, str]:
        base = name.partition("[")[0]
        return (order.index(base) if base in order else len(order), name)

    return "\n".join(score_block(name, scores[name]) for name in sorted(scores, key=place))


def score_block(name: str, score: Score) -> str:
    """Heading, value, drawing and words of one score."""
    heading, meaning = MEANINGS.get(name.partition("[")[0], (name, ""))
    low, high = score["ci95"]
    beside = f"95 % interval {number(low)} to {number(high)}; real slices: {number(score['floor'])}"
    counts = f"{score['n_real']} real and {score['n_fake']} synthetic slices"
    counts += f"; floor from {score['floor_sets']}." if "floor_sets" in score else "."
    return "".join(
        [
            f'<section class="score"><h3>{escape(heading)} <code>{escape(name)}</code></h3>',
            f'<p class="value"><strong>{number(score["value"])}</strong> {escape(beside)}</p>',
            f"{drawing(score)}<p><strong>{escape(verdict(name, score))}</strong> {escape(meaning)}</p>",
            f'<p class="small">{escape(counts + _worst(score))}</p>',
            *(f'<p class="warning">Take care: {escape(str(words))}.</p>' for words in score.get("warnings", [])),
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
        f"real slices: {number(worst['floor'])})."
    )


def number(value: float) -> str:
    """With three digits, or as many as stand before the point.

    >>> number(154.321), number(4.5), number(-0.51234)
    ('154', '4.50', '-0.512')
    """
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{decimals}f}"


def verdict(name: str, score: Score) -> str:
    """What the number says, beside what real patients score.

    >>> verdict("fd[some]", {"value": 9.0, "floor": 4.5, "ci95": [8.0, 10.0], "better": "lower"})
    'The synthetic slices are 2.0 times as far from these patients as other real patients are.'
    """
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    if name.partition("[")[0] in DISTANCES and value > floor > 0:
        times = f"{value / floor:.1f}"
        return f"The synthetic slices are {times} times as far from these patients as other real patients are."
    if low <= floor <= high:
        return "Its interval holds what real slices of other patients score."
    side = "above" if value > floor else "below"
    return f"{number(abs(value - floor))} {side} what real slices of other patients score."


def drawing(score: Score) -> str:
    """A dot with whiskers for the value, a dashed line for the floor: told apart by shape, not by colour."""
    value, floor, (low, high) = float(score["value"]), float(score["floor"]), score["ci95"]
    ends = [low, high, value, floor, *([0.0] if score["better"] == "lower" else [])]
    least = float(min(ends))
    span = float(max(ends)) - least or 1.0

    def at(x: float) -> float:
        return round(EDGE + (x - least) / span * (WIDTH - 2 * EDGE), 1)

    anchor, nudge = ("start", 5) if at(floor) < WIDTH / 2 else ("end", -5)
    words = f"{number(value)}, interval {number(low)} to {number(high)}; real slices score {number(floor)}"
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
