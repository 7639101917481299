"""One page for people: what was made, beside what it was made from, and how good it is.

The page is a single HTML file that needs no network and no script. It holds pictures of real slices, so it is
as confidential as the scans; no name, pseudonym, date or path of theirs is on it.
"""

from __future__ import annotations

import importlib.resources
from html import escape
from pathlib import Path
from string import Template

from medattngan import __version__
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.files import UserError, digest, read_json, require_absent, write_text
from medattngan.report.curves import curve_figures
from medattngan.report.pictures import choose, closest_pairs, gallery
from medattngan.report.record import record_tables
from medattngan.report.scores import score_blocks
from medattngan.run import Run

__all__ = ["report"]

SHOWN = 24
"""Slices of each kind."""


def report(
    run: str | Path,
    samples: str | Path,
    scores: str | Path,
    store: SliceStore,
    out: str | Path,
    *,
    title: str = "Synthetic slices",
    note: str = "",
    subjects: str = "patients",
    seed: int = 0,
) -> Path:
    """Write the page `out` and return its path.

    Args:
        run: the run folder.
        samples: the samples folder.
        scores: the folder that `evaluate` wrote.
        store: the slices that the run was trained on and the scores compare with.
        out: the HTML file to make.
        title: of the page.
        note: a paragraph for its top: what a reader must know before the pictures.
        subjects: what to call those whom the store's slices show.
        seed: of the choice of real slices.

    Raises:
        UserError: a folder is not what it should be, they do not belong together, or `out` exists.
    """
    run, samples, scores, out = Path(run), Path(samples), Path(scores), Path(out)
    require_absent(out)
    opened, drawn = Run.open(run), Samples.open(samples)
    found, compared = read_json(scores / "scores.json"), read_json(scores / "provenance.json")
    _require_same_store(store, {run: opened.store["digest"], scores: compared["store"]})
    _require_own_samples(opened, drawn, samples)
    split = str(compared["split"])
    real, fake = choose(store.split(split), SHOWN, seed), drawn.codes[:SHOWN]
    shown = f"{drawn.map.lower:g} (black) to {drawn.map.upper:g} {drawn.map.unit} (white)"
    text = {
        "title": escape(title),
        "note": f'<p class="note">{escape(note)}</p>' if note else "",
        "summary": escape(_summary(store, opened, drawn, subjects)),
        "real": gallery(real, "real"),
        "real_caption": escape(f"Real: {len(real)} slices of {split} {subjects}, drawn at random"),
        "synthetic": gallery(fake, "synthetic"),
        "synthetic_caption": escape(f"Synthetic: the first {len(fake)} of {len(drawn)}, not picked by eye"),
        "window": escape(f"Synthetic slices are shown from {shown}, the others over the same share of theirs."),
        "closest": closest_pairs(drawn, store, opened, seed),
        "scores": score_blocks(found),
        "curves": curve_figures(opened.path / "metrics.csv"),
        "record": record_tables(opened, drawn, store, compared),
        "config": escape((opened.path / "config.yaml").read_text(encoding="utf-8")),
        "version": escape(__version__),
    }
    files = importlib.resources.files("medattngan.report")
    page = Template((files / "page.html").read_text(encoding="utf-8"))
    write_text(out, page.substitute(text, style=(files / "page.css").read_text(encoding="utf-8")))
    return out


def _require_same_store(store: SliceStore, made_with: dict[Path, str]) -> None:
    for what, made in made_with.items():
        if made != store.digest:
            raise UserError(f"{what} was made with another store than {store.path}; give the one it was made with.")


def _require_own_samples(run: Run, drawn: Samples, path: Path) -> None:
    """Refuse samples of other weights than those of a checkpoint that the run still has."""
    weights = {digest(folder / "ema.safetensors") for folder in run.checkpoints()}
    if drawn.provenance.get("weights_digest") not in weights:
        raise UserError(f"{path} was not drawn from a checkpoint that {run.path} has; sample the run again.")


def _summary(store: SliceStore, run: Run, drawn: Samples, subjects: str) -> str:
    """What the page is about, in two sentences."""
    modalities = ", ".join(sorted(str(name) for name in store.index["modality"].unique()))
    planes = ", ".join(sorted(str(name) for name in store.index["plane"].unique()))
    kept = int((store.index["split"] == "test").sum())
    _, height, width = drawn.codes.shape
    return (
        f"A generative network learned from {run.store['slices']} {planes} {modalities} slices of "
        f"{run.store['patients']} {subjects} and drew {len(drawn)} new slices of {height} × {width} pixels. "
        f"{kept} slices of {subjects} that it never saw were kept for testing."
    )
