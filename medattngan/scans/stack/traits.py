"""What may tell two frames at one place apart, in the order in which it is asked."""

from __future__ import annotations

from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["same", "order", "clock"]
"""How the values of a trait make stacks.

`same`: frames of one stack have one value.
`order`: a number that grows from stack to stack, and need not be the same on every slice of one.
`clock`: a time at which files were made, which counts only where pauses set the stacks apart.
"""

TRAITS: dict[str, Kind] = {
    "dimensions": "same",
    "stack": "same",
    "temporal": "same",
    "echo": "same",
    "trigger": "order",
    "phase": "same",
    "direction": "same",
    "component": "same",
    "frame_type": "same",
    "inversion": "same",
    "flip": "same",
    "repetition": "same",
    "sequence": "same",
    "options": "same",
    "kernel": "same",
    "algorithm": "same",
    "filter": "same",
    "correction": "same",
    "thickness": "same",
    "energy": "same",
    "contrast": "same",
    "acquisition": "same",
    "reference": "order",
    "study": "same",
    "series_number": "same",
    "description": "same",
    "object": "same",
    "acquired": "order",
    "content": "clock",
}
"""Trait → kind, most telling first: the standard's own indices, then what was set at the scanner, then the clock.

Neither file names nor Instance Number are among them: they are the order of storing, not of scanning.
"""
