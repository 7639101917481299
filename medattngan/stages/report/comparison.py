"""Several runs in one table, a column a run."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from medattngan.metrics.table import DIRECTIONS, heading_of
from medattngan.stages.report.collect import Made
from medattngan.stages.report.numbers import number


def name_of(position: int) -> str:
    """Run A, Run B …

    >>> name_of(0), name_of(27)
    ('Run A', 'Run AB')
    """
    letters = ""
    position += 1
    while position:
        position, letter = divmod(position - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"Run {letters}"


def describe_run(made: Made) -> str:
    """Preset, attention and seed in a few words."""
    config = made.run.config
    where = ", ".join(str(resolution) for resolution in config.attention.resolutions)
    attention = "no attention" if config.attention.kind == "none" else f"{config.attention.kind} at {where} px"
    return f"{config.model.preset}, {attention}, seed {config.train.seed}"


def side_by_side(made: Sequence[Made]) -> str:
    """Every score of every run, its interval and floor. A score that one run lacks is a dash."""
    better = {name: score["better"] for one in made for name, score in (one.scores[0] if one.scores else {}).items()}
    head = "".join(
        f'<th scope="col">{name_of(position)}: {escape(describe_run(one))}</th>' for position, one in enumerate(made)
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(heading_of(name))}<br><code>{escape(name)}</code> {DIRECTIONS[better[name]]}</th>'
        f"{''.join(_entry(one, name) for one in made)}</tr>"
        for name in sorted(better)
    )
    words = (
        "Each score with its 95 % interval; in brackets, the real-vs-real baseline. Scores from different numbers of "
        "slices cannot be compared; the numbers are given under each run."
    )
    table = f'<div class="scroll"><table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"<p>{words}</p>{table}"


def _entry(one: Made, name: str) -> str:
    score = one.scores[0].get(name) if one.scores else None
    if score is None:
        return "<td>–</td>"
    low, high = score["ci95"]
    return (
        f"<td><strong>{number(score['value'])}</strong> {number(low)} to {number(high)} ({number(score['floor'])})</td>"
    )
