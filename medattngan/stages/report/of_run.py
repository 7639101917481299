"""The parts of the page on one run: how its slices were judged, and how it was made."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from medattngan.data.store import SliceStore
from medattngan.stages.report.audit import audit_block
from medattngan.stages.report.collect import Made
from medattngan.stages.report.curves import curve_figures
from medattngan.stages.report.pairs import masks_block, text_block
from medattngan.stages.report.pictures import choose, closest_pairs, gallery
from medattngan.stages.report.record import record_tables
from medattngan.stages.report.scores import scores_block
from medattngan.stages.report.section import Section

SHOWN = 24
"""Slices of each kind."""

HOW_TO_READ = (
    "Dot and whiskers: the score and its 95 % interval, by bootstrap over patients and slices. Dashed line: the "
    "real-vs-real baseline, the score of real slices of other patients in place of the synthetic ones, which a perfect "
    "generator would reach. Each row has a scale of its own."
)
NOT_SCORED = "<p>These slices were not scored: run medattngan evaluate and add its folder.</p>"


def judged(one: Made, store: SliceStore, anchor: str, before: str, subjects: str, seed: int) -> Iterator[Section]:
    """Pictures, audit, scores, and whether slices show what they were drawn for.

    Args:
        anchor: begins the addresses of its parts.
        before: begins their headings, where there are several runs.
        seed: of the choice of real slices.
    """
    yield Section(f"{anchor}-look", f"{before}Real and synthetic slices", _pictures(one, store, subjects, seed))
    near = closest_pairs(one.drawn, store, one.run, seed) if one.audit is None else audit_block(one.audit)
    yield Section(f"{anchor}-near", f"{before}Was a patient copied?", near)
    scores = NOT_SCORED if one.scores is None else f"<p>{HOW_TO_READ}</p>{scores_block(one.scores[0])}"
    yield Section(f"{anchor}-score", f"{before}Scores", scores)
    if one.pairs is not None:
        yield Section(f"{anchor}-masks", f"{before}Do slices show their masks?", masks_block(one.pairs))
    if one.text is not None:
        yield Section(f"{anchor}-text", f"{before}Do slices show their captions?", text_block(one.text))


def how_made(one: Made, store: SliceStore, anchor: str, before: str) -> Iterator[Section]:
    """Training, and all that it was made with."""
    curves = f'<div class="curves">{curve_figures(one.run.path / "metrics.csv")}</div>'
    yield Section(f"{anchor}-train", f"{before}Training", curves)
    tables = record_tables(one.run, one.drawn, store, one.scores[1] if one.scores else None)
    config = escape((one.run.path / "config.yaml").read_text(encoding="utf-8"))
    record = f'<div class="tables">{tables}</div><h3>Configuration, every value as it was used</h3><pre>{config}</pre>'
    yield Section(f"{anchor}-record", f"{before}Record and configuration", record)


def _pictures(one: Made, store: SliceStore, subjects: str, seed: int) -> str:
    drawn, split = one.drawn, str(one.scores[1]["split"]) if one.scores else "test"
    real, fake = choose(store.split(split), SHOWN, seed), drawn.codes[:SHOWN]
    captions = {
        "real": f"Real: {len(real)} slices of {split} {subjects}, drawn at random",
        "synthetic": f"Synthetic: the first {len(fake)} of {len(drawn)}, not cherry-picked",
    }
    boxes = "".join(
        f'<figure class="box {kind}"><figcaption>{escape(captions[kind])}</figcaption>'
        f'<div class="tiles">\n{gallery(codes, kind)}\n</div></figure>'
        for kind, codes in (("real", real), ("synthetic", fake))
    )
    window = f"{drawn.map.lower:g} (black) to {drawn.map.upper:g} {drawn.map.unit} (white)"
    words = (
        f"Synthetic slices are shown from {window}, the real ones over the same fraction of theirs. Pixels are "
        "enlarged without smoothing. The synthetic slices show no person and are not for diagnosis. The others come "
        "from the scans: keep this page as you keep them."
    )
    return f'<div class="sides">{boxes}</div><p class="small">{escape(words)}</p>'
