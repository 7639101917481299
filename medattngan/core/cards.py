"""How the nouns show themselves: a few lines at a prompt, a small table with pictures in a notebook."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any


def lines(title: str, facts: Mapping[str, object]) -> str:
    """For `repr`.

    >>> print(lines("Run at run", {"preset": "compact"}))
    <Run at run
      preset  compact>
    """
    width = max(map(len, facts), default=0)
    body = "\n".join(f"  {name:{width}}  {value}" for name, value in facts.items())
    return f"<{title}\n{body}>"


def table(title: str, facts: Mapping[str, object], picture: bytes = b"", words: str = "") -> str:
    """For `_repr_html_`, which Jupyter asks for.

    Args:
        picture: a PNG, or nothing.
        words: what is on it, for those who cannot see it.
    """
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th><td style="text-align:left">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
    )
    shown = ""
    if picture:
        uri = f"data:image/png;base64,{base64.b64encode(picture).decode('ascii')}"
        shown = f'<img src="{uri}" alt="{escape(words)}" style="image-rendering:pixelated;max-width:100%">'
    return f"<div><strong>{escape(title)}</strong><table>{rows}</table>{shown}</div>"


def one_line(counts: Mapping[Any, object]) -> str:
    """Counts by name, those of nothing left out.

    >>> one_line({"train": 48, "val": 0, ("MR", "axial"): 3})
    'train 48, MR axial 3'
    """
    named = {" ".join(name) if isinstance(name, tuple) else str(name): count for name, count in counts.items()}
    return ", ".join(f"{name} {count}" for name, count in named.items() if count)
