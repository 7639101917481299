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
from typing import Any

from medattngan.core.files import read_json, require_absent, write_text
from medattngan.core.locks import alone
from medattngan.core.version import __version__
from medattngan.data.store import SliceStore
from medattngan.stages.report.card import Card, card_block
from medattngan.stages.report.collect import Collected, Made, collect
from medattngan.stages.report.comparison import name_of, side_by_side
from medattngan.stages.report.known import known_of_data, known_of_run
from medattngan.stages.report.of_run import how_made, judged
from medattngan.stages.report.reader_study import readers_block
from medattngan.stages.report.section import Section, contents
from medattngan.stages.report.utility import utility_block
from medattngan.stages.report.verdict import verdict

__all__ = ["Card", "report"]


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
        folders: one or more runs, the samples drawn from each, and as far as there are any their scores (of pairs,
            too), audits, a utility folder and the statistics of reader studies, in any order: what belongs to what is
            read from their digests.
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
    names = [name_of(position) if len(found.made) > 1 else "" for position in range(len(found.made))]
    readers = _readers(found)
    sections = _sections(found, store, names, subjects, seed)
    facts = [*known_of_data(store, subjects)]
    for one, name in zip(found.made, names, strict=True):
        facts += known_of_run(one, readers, subjects, name)
    sections.append(Section("card", "Model card", card_block(card or Card(), facts)))
    text = {
        "title": escape(title),
        "note": f'<p class="note">{escape(note)}</p>' if note else "",
        "summary": escape(_summary(store, found.made, subjects)),
        "verdict": "\n".join(map(_paragraph, names, (verdict(one, readers, subjects) for one in found.made))),
        "contents": contents(sections),
        "sections": "\n".join(section.html() for section in sections),
        "version": escape(__version__),
    }
    write_text(out, Template(_read("page.html")).substitute(text, style=_read("page.css")))
    return out


def _readers(found: Collected) -> dict[str, Any] | None:
    """The statistics that the verdict may go by: of the only run, as a study does not say which run it showed."""
    if len(found.made) != 1 or len(found.statistics) != 1:
        return None
    stats: dict[str, Any] = read_json(found.statistics[0] / "stats.json")
    return stats


def _paragraph(name: str, sentences: Sequence[str]) -> str:
    """A verdict, with the name of the run where there are several."""
    before = f"<strong>{escape(name)}.</strong> " if name else ""
    return f"<p>{before}{escape(' '.join(sentences))}</p>"


def _sections(found: Collected, store: SliceStore, names: Sequence[str], subjects: str, seed: int) -> list[Section]:
    """Judgements first, readers before all, then how it was made."""
    runs = [
        (one, f"r{i}", f"{name}: " if name else "") for i, (one, name) in enumerate(zip(found.made, names, strict=True))
    ]
    sections = [Section(f"readers-{i}", "Readers", readers_block(path)) for i, path in enumerate(found.statistics)]
    if len(runs) > 1:
        sections.append(Section("sides", "Side by side", side_by_side(found.made)))
    for one, anchor, before in runs:
        sections += judged(one, store, anchor, before, subjects, seed)
    sections += [
        Section(f"utility-{i}", "Utility for a classifier", utility_block(path)) for i, path in enumerate(found.utility)
    ]
    sections.append(Section("limits", "What these numbers do not say", _read("limits.html")))
    for one, anchor, before in runs:
        sections += how_made(one, store, anchor, before)
    return sections


def _read(name: str) -> str:
    return (importlib.resources.files("medattngan.stages.report") / name).read_text(encoding="utf-8")


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
