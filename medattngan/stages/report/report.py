"""One page for people: what was made, beside what it was made from, how good it is and whether it copies anyone.

The page is a single HTML file that needs no network and no script. It holds pictures of real slices, so it is
as confidential as the scans; no name, pseudonym, date or path of theirs is on it.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

from medattngan.core.files import require_absent, write_text
from medattngan.core.locks import alone
from medattngan.core.version import __version__
from medattngan.data.store import SliceStore
from medattngan.stages.report.audit import audit_block
from medattngan.stages.report.card import Card, card_block
from medattngan.stages.report.collect import Made, collect
from medattngan.stages.report.comparison import describe_run, name_of, side_by_side
from medattngan.stages.report.curves import curve_figures
from medattngan.stages.report.pictures import choose, closest_pairs, gallery
from medattngan.stages.report.reader_study import readers_block
from medattngan.stages.report.record import record_tables
from medattngan.stages.report.scores import score_blocks
from medattngan.stages.report.utility import utility_block

__all__ = ["Card", "report"]

SHOWN = 24
"""Slices of each kind."""


@alone
def report(
    folders: Sequence[str | Path],
    store: SliceStore | str | Path,
    out: str | Path,
    *,
    title: str = "Synthetic slices",
    note: str = "",
    subjects: str = "patients",
    card: Card | None = None,
    seed: int = 0,
) -> Path:
    """Write the page `out` and return its path.

    Args:
        folders: one or more runs, the samples drawn from each, and as far as there are any their scores, audits, a
            utility folder and the statistics of reader studies, in any order: what belongs to what is read from their
            digests.
        store: the slices that the runs were trained on and the scores compare with.
        out: the HTML file to make.
        title: of the page.
        note: a paragraph for its top: what a reader must know before the pictures.
        subjects: what to call those whom the store's slices show.
        card: what to say in the model card.
        seed: of the choice of real slices.

    Raises:
        UserError: a folder is not what it should be, they do not belong together, or `out` exists.
    """
    out = Path(out)
    require_absent(out)
    store = SliceStore.of(store)
    found = collect([Path(folder) for folder in folders], store)
    several = len(found.made) > 1
    runs = [
        _article(one, store, f"r{position}", name_of(position) if several else "", subjects, seed)
        for position, one in enumerate(found.made)
    ]
    text = {
        "title": escape(title),
        "note": f'<p class="note">{escape(note)}</p>' if note else "",
        "summary": escape(_summary(store, found.made, subjects)),
        "sides": side_by_side(found.made),
        "runs": "\n".join(runs),
        "utility": _sections("utility", "Utility for a classifier", [utility_block(path) for path in found.utility]),
        "readers": _sections("readers", "Readers", [readers_block(path) for path in found.statistics]),
        "card": card_block(card or Card()),
        "version": escape(__version__),
    }
    write_text(out, _template("page.html").substitute(text, style=_read("page.css")))
    return out


def _article(one: Made, store: SliceStore, anchor: str, name: str, subjects: str, seed: int) -> str:
    """All about one run; `name` is empty where there is no other."""
    run, drawn = one.run, one.drawn
    split = str(one.scores[1]["split"]) if one.scores else "test"
    real, fake = choose(store.split(split), SHOWN, seed), drawn.codes[:SHOWN]
    shown = f"{drawn.map.lower:g} (black) to {drawn.map.upper:g} {drawn.map.unit} (white)"
    missing = "<p>These slices were not scored: run medattngan evaluate and add its folder.</p>"
    text = {
        "id": anchor,
        "heading": f"<h2>{escape(name)}: {escape(describe_run(one))}</h2>" if name else "",
        "real": gallery(real, "real"),
        "real_caption": escape(f"Real: {len(real)} slices of {split} {subjects}, drawn at random"),
        "synthetic": gallery(fake, "synthetic"),
        "synthetic_caption": escape(f"Synthetic: the first {len(fake)} of {len(drawn)}, not cherry-picked"),
        "window": escape(f"Synthetic slices are shown from {shown}, the real ones over the same fraction of theirs."),
        "copied": closest_pairs(drawn, store, run, seed) if one.audit is None else audit_block(one.audit),
        "scores": score_blocks(one.scores[0]) if one.scores else missing,
        "curves": curve_figures(run.path / "metrics.csv"),
        "record": record_tables(run, drawn, store, one.scores[1] if one.scores else None),
        "config": escape((run.path / "config.yaml").read_text(encoding="utf-8")),
    }
    return _template("run.html").substitute(text)


def _sections(name: str, heading: str, blocks: Sequence[str]) -> str:
    """One section a block; each heading has an address of its own."""
    return "\n".join(
        f'<section aria-labelledby="{name}-{i}"><h2 id="{name}-{i}">{escape(heading)}</h2>{block}</section>'
        for i, block in enumerate(blocks)
    )


def _read(name: str) -> str:
    return (importlib.resources.files("medattngan.stages.report") / name).read_text(encoding="utf-8")


def _template(name: str) -> Template:
    return Template(_read(name))


def _summary(store: SliceStore, made: Sequence[Made], subjects: str) -> str:
    """What the page is about, in two sentences."""
    modalities = ", ".join(sorted(str(name) for name in store.index["modality"].unique()))
    planes = ", ".join(sorted(str(name) for name in store.index["plane"].unique()))
    kept = int((store.index["split"] == "test").sum())
    run, drawn = made[0].run, made[0].drawn
    _, height, width = drawn.codes.shape
    who = "A generative network" if len(made) == 1 else f"Each of {len(made)} generative networks"
    return (
        f"{who} learned from {run.store['slices']} {planes} {modalities} slices of "
        f"{run.store['patients']} {subjects} and drew {len(drawn)} new slices of {height} × {width} pixels. "
        f"{kept} slices of {subjects} were held out for testing."
    )
