"""What a model card can say without anybody having written it: read from run, store and what was measured.

Mitchell et al. 2019 (arXiv:1810.03993), sections Model details, Training data, Evaluation data, Quantitative analyses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from medattngan.core.cards import one_line
from medattngan.core.files import digest, read_json
from medattngan.core.text import counted
from medattngan.data.alike import spacing_in_words
from medattngan.data.store import SPLITS, SliceStore
from medattngan.stages.report.collect import Made
from medattngan.stages.report.comparison import describe_run
from medattngan.stages.report.record import device_in_words, spent
from medattngan.stages.report.verdict import verdict

DIGITS = 16
"""Of a digest: enough to tell weights apart."""


def known_of_data(store: SliceStore, subjects: str) -> Iterator[tuple[str, str]]:
    """The slices that runs of `store` learned from and are compared with."""
    index = store.index
    yield "Kind of slices", ", ".join(f"{kind} ({len(some)})" for kind, some in _kinds(index))
    for name in SPLITS:
        part = index[index["split"] == name]
        if len(part):
            use = {"train": "trained on", "val": "watched while training", "test": "held out for testing"}[name]
            yield f"Split {name}, {use}", f"{counted(len(part), 'slices')} of {part['patient'].nunique()} {subjects}"
    spacing = spacing_in_words(index["spacing_mm"])
    yield "Pixels", f"{store.size} × {store.size}" + (f", {spacing} each" if spacing else "")
    yield "Values", f"{store.map.lower:g} to {store.map.upper:g} {store.map.unit}"
    labels = index["label"].dropna().value_counts().sort_index()
    yield "Labels", one_line(labels.to_dict()) or "none"
    if "sex" in index:
        yield "Sex, slices", one_line(index["sex"].value_counts().sort_index().to_dict())


def _kinds(index: Any) -> Iterator[tuple[str, Any]]:
    columns = [name for name in ("plane", "modality", "sequence") if name in index]
    for values, some in index.groupby([index[name].fillna("") for name in columns], sort=True):
        yield " ".join(filter(None, map(str, values))), some


def known_of_run(
    made: Made, readers: Mapping[str, Any] | None, subjects: str, name: str = ""
) -> Iterator[tuple[str, str]]:
    """One run: what it is, how it was trained, how good its slices are. `name` tells it from others."""
    run = made.run
    before = f"{name}: " if name else ""
    provenance = read_json(run.path / "provenance.json")
    weights = str(made.drawn.provenance.get("weights_digest", ""))
    version = provenance["versions"].get("medattngan", "")
    yield (
        f"{before}Model",
        f"a generative network: {describe_run(made)}; {run.config.data.size} × {run.config.data.size} "
        f"pixels; weights {weights[:DIGITS]}, medattngan {version}".rstrip(", "),
    )
    conditions = [*(["label"] if run.config.data.conditional else []), *run.config.data.conditions]
    yield f"{before}Can be asked for", ", ".join(conditions) or "nothing: it draws what it learned, as often as it was"
    yield f"{before}Training", f"{spent(run)}, on {device_in_words(provenance['hardware'])}"
    yield (
        f"{before}Samples",
        f"{counted(len(made.drawn), 'slices')}; file {digest(made.samples / 'pixels.npy')[:DIGITS]}",
    )
    for heading, sentence in zip(("Quality", "Copies of patients"), verdict(made, readers, subjects), strict=True):
        yield f"{before}{heading}", sentence
