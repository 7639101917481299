"""Where everything on the page came from: digests, counts, seeds, versions. Nothing of any patient."""

from __future__ import annotations

import csv
from html import escape
from typing import Any

from medattngan.core.files import read_json
from medattngan.core.privacy import LIMITS, promised
from medattngan.core.run import Run
from medattngan.data.alike import spacing_in_words
from medattngan.data.samples import Samples
from medattngan.data.store import SPLITS, SliceStore

Rows = list[tuple[str, str]]


def record_tables(run: Run, samples: Samples, store: SliceStore, scores: dict[str, Any] | None) -> str:
    """Tables of data, training and samples, and of scores where there are any."""
    made = read_json(run.path / "provenance.json")
    tables = [
        ("Real slices", _data(store)),
        ("Training", [*_training(run, made), *_privacy(samples)]),
        ("Synthetic slices", _samples(samples)),
    ]
    tables += [] if scores is None else [("Scores", _scores(scores))]
    return "\n".join(_table(heading, rows) for heading, rows in tables)


def _table(heading: str, rows: Rows) -> str:
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f"<table><caption>{escape(heading)}</caption><tbody>{body}</tbody></table>"


def _data(store: SliceStore) -> Rows:
    rows = []
    for name in SPLITS:
        part = store.index[store.index["split"] == name]
        rows.append((name, f"{len(part)} slices of {part['patient'].nunique()} patients"))
    spacing = spacing_in_words(store.index["spacing_mm"])
    rows.append(("pixels", f"{store.size} × {store.size}" + (f", {spacing}" if spacing else "")))
    rows.append(("intensities", f"{store.map.lower:g} to {store.map.upper:g} {store.map.unit}"))
    labels = store.index["label"].dropna().value_counts().sort_index()
    if len(labels):
        rows.append(("labels", ", ".join(f"{name}: {count}" for name, count in labels.items())))
    if "sequence" in store.index:
        sequences = store.index["sequence"].dropna().value_counts().sort_index()
        rows.append(("sequences", ", ".join(f"{name}: {count}" for name, count in sequences.items())))
    return [*rows, ("store", store.digest)]


def _training(run: Run, made: dict[str, Any]) -> Rows:
    config, hardware = run.config, made["hardware"]
    where = ", ".join(map(str, config.attention.resolutions))
    return [
        ("preset", config.model.preset),
        (
            "attention",
            config.attention.kind if config.attention.kind == "none" else f"{config.attention.kind} at {where} px",
        ),
        (
            "budget",
            ("" if config.train.minutes is None else f"{config.train.minutes:g} minutes, at most ")
            + f"{config.train.kimg * 1000:,.0f} slices",
        ),
        ("trained", spent(run)),
        ("seed", str(made["seed"])),
        ("hardware", device_in_words(hardware)),
        ("threads", threads_in_words(hardware)),
        ("versions", ", ".join(f"{name} {number}" for name, number in made["versions"].items())),
    ]


def threads_in_words(hardware: dict[str, Any]) -> str:
    """How many threads trained, how they waited for each other, and how memory was kept.

    >>> threads_in_words({"torch_threads": 2, "openmp": {"OMP_WAIT_POLICY": "passive (chosen)"}, "allocator": "glibc"})
    '2; OMP_WAIT_POLICY passive (chosen); allocator: glibc'
    """
    settings = [f"{name} {value}" for name, value in hardware.get("openmp", {}).items()]
    allocator = [f"allocator: {hardware['allocator']}"] if "allocator" in hardware else []
    return "; ".join([str(hardware.get("torch_threads")), *settings, *allocator])


def device_in_words(hardware: dict[str, Any]) -> str:
    """What trained.

    >>> device_in_words({"cpu_count": 2, "machine": "x86_64"})
    '2 CPU cores (x86_64)'
    """
    return str(hardware.get("accelerator") or f"{hardware.get('cpu_count')} CPU cores ({hardware.get('machine')})")


def spent(run: Run) -> str:
    """How long the training has been, from the last row of its log."""
    with (run.path / "metrics.csv").open(newline="", encoding="utf-8") as handle:
        last = {"kimg": "0", "seconds": "0"}
        for row in csv.DictReader(handle):
            last = row
    return f"{float(last['kimg']):.1f} thousand slices shown in {float(last['seconds']) / 60:.1f} minutes"


def _privacy(samples: Samples) -> Rows:
    """What the private training of the network that drew them promises, and what not."""
    found = samples.provenance.get("checkpoint", {}).get("privacy")
    return [] if found is None else [("privacy", f"{promised(found)}. {LIMITS}")]


def _samples(samples: Samples) -> Rows:
    known = samples.provenance
    rows = [("count", str(len(samples)))]
    rows += [
        (name.replace("_", " "), str(known[name]))
        for name in ("seed", "truncation", "run", "weights_digest")
        if name in known
    ]
    labels = samples.table["label"].dropna().value_counts().sort_index()
    if len(labels):
        rows.append(("labels", ", ".join(f"{name}: {count}" for name, count in labels.items())))
    return rows


def _scores(scores: dict[str, Any]) -> Rows:
    extractor = scores["extractor"]
    return [
        ("compared with", f"split {scores['split']}"),
        ("extractor", str(extractor["name"])),
        ("its weights", str(extractor["weights_sha256"])),
        ("interval", str(scores["interval"])),
        ("seed", str(scores["seed"])),
    ]
