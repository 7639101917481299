"""What readers are told and asked by default where a case is a pair or a stack; of single slices see `Protocol`.

In a pair a real and a synthetic one stand side by side: two-alternative forced choice. Who must choose cannot lean to
"real" or "synthetic", so that the share of right choices measures what can be told, free of that bias (Green and Swets
1966, Signal Detection Theory and Psychophysics).
"""

from __future__ import annotations

from typing import Any


def _options(*labels: str) -> list[dict[str, Any]]:
    return [{"value": value, "label": label} for value, label in enumerate(labels, start=1)]


PAIR: dict[str, Any] = {
    "title": "Which one is synthetic?",
    "instructions": "You will see two images side by side. One is from a patient, the other was made by a computer. "
    "Say which one is synthetic; where you cannot tell, guess.",
    "questions": [
        {
            "id": "authenticity",
            "text": "Which one is synthetic?",
            "role": "authenticity",
            "options": _options("left", "right"),
        },
        {"id": "confidence", "text": "How sure are you?", "options": _options("a guess", "fairly sure", "certain")},
        {"id": "comment", "text": "What gave it away, or what is wrong?", "kind": "text", "required": False},
    ],
}
"""The keys of a protocol with `design: pair`, wherever it leaves them out."""

STACK_INSTRUCTIONS = (
    "You will see stacks of slices one by one; scroll through each. Some are from patients, some were made by a "
    "computer. Judge each on its own; the share of synthetic stacks is not told."
)
STACK_QUESTION = "Is this stack real or synthetic?"
"""In place of those that speak of slices, where no protocol is given and cases are stacks."""
