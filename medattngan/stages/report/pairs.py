"""Do slices show the mask, or the words, that they were drawn for?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

Record = Mapping[str, Any]


def masks_block(record: Record) -> str:
    """segmentation.json of `evaluate --task segmentation`: a sentence, and a table by class."""
    made, real, ratio, of = record["samples"], record["ceiling"], record["quotient"], record["of"]
    words = (
        f"A segmenter that has only met real patients finds the mask that was asked for in {of['pairs']} synthetic "
        f"slices with a Dice of {_with_ends(made, 'dice')}; higher is better. Its ceiling is the same on "
        f"{of['real_patients']} held-out real patients, {_with_ends(real, 'dice')}, and its floor is the mask of "
        f"another sample, {_known(record['floor'])}. The slices reach {_with_ends(ratio, 'value')} of the ceiling."
    )
    rows = [
        [name, _known(made["classes"].get(name)), _known(real["classes"].get(name))]
        for name in dict.fromkeys([*made["classes"], *real["classes"]])
    ]
    table = _table("Dice by class (higher is better)", ("class", "synthetic", "real patients"), rows)
    return f"<p>{escape(words)}</p>{_nearest(record.get('nearest', {}))}{table}"


def _nearest(entry: Record) -> str:
    if "drawn" not in entry:
        return ""
    words = (
        f"{entry['masks']} masks were drawn, not taken from patients. Their Dice with the most alike training mask is "
        f"{entry['drawn']:.3f} on average, that of other patients' masks {entry['held_out']:.3f}; {entry['above']:.1%} "
        "of the drawn ones are more alike to one than 95 % of other patients' are. Far more than 5 % would be copying."
    )
    return f"<p>{escape(words)}</p>"


def text_block(record: Record) -> str:
    """text.json of `evaluate --text`: a table of the measures, real slices and chance beside them."""
    rows = [
        [NAMES.get(name.partition("[")[0], name), name, _with_ends(entry, "value"), _with_ends(entry["real"], "value"),
         f"{entry['chance']:.3g}"]
        for name, entry in record.items()
        if "[" in name
    ]  # fmt: skip
    words = (
        "Probes that learned from real training slices alone are asked what the synthetic slices show, and the same of "
        f"real slices of the split {record['split']}: no slice can show what they cannot tell there. Words asked for: "
        f"{', '.join(map(str, record['words']))}."
    )
    heads = ("measure (higher is better)", "score", "synthetic", "real slices", "chance")
    return f"<p>{escape(words)}</p>{_table('', heads, rows)}"


NAMES = {
    "attribute_accuracy": "Words that are shown, balanced accuracy",
    "r_precision": "Own caption found among 100",
}
"""What the measures are called."""


def _table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(one)}</td>" for one in more)}</tr>'
        for first, *more in rows
    )
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{named}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _with_ends(entry: Record, key: str) -> str:
    if not entry.get("ci95"):
        return f"{entry[key]:.3f}"
    low, high = entry["ci95"]
    return f"{entry[key]:.3f} (95 % {low:.3f} to {high:.3f})"


def _known(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
