"""What readers said who did not know which slices are real."""

from __future__ import annotations

from html import escape
from pathlib import Path

from medattngan.core.files import read_json
from medattngan.stages.report.pictures import data_uri

FIGURES = {
    "roc.png": "Each reader's ROC curve: the nearer to the diagonal, the less they could tell.",
    "choices.png": "In what share of pairs each reader named the synthetic one; 50 % is guessing.",
    "confidence.png": "How often each answer was given, for real and for synthetic slices.",
    "times.png": "How long each case took, and how often they were right, along their order.",
}


def readers_block(folder: Path) -> str:
    """The section on a reader study; `folder` was written by `review stats`."""
    stats = read_json(folder / "stats.json")
    findings = "".join(f"<li>{escape(sentence)}</li>" for sentence in stats["findings"])
    notes = "".join(f"<li>{escape(sentence)}</li>" for sentence in stats["notes"])
    figures = "".join(
        f'<figure class="curve"><img src="{data_uri("image/png", (folder / name).read_bytes())}" alt="{escape(words)}">'
        f"<figcaption>{escape(words)}</figcaption></figure>"
        for name, words in FIGURES.items()
        if (folder / name).is_file()
    )
    beside = f"<h3>Caveats</h3><ul>{notes}</ul>" if notes else ""
    return f'<ul>{findings}</ul><div class="curves broad">{figures}</div>{beside}'
