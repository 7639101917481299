"""Which folders belong to one page: recognised by what is in them, and matched by their digests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, digest, read_json
from medattngan.core.run import Run
from medattngan.core.seal import check
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore

KINDS: dict[str, tuple[str, ...]] = {
    "run": ("config.yaml", "store.json"),
    "samples": ("samples.parquet", "pixels.npy"),
    "scores": ("scores.json",),
    "segmentation": ("segmentation.json", "provenance.json"),
    "audit": ("audit.json", "gallery.png"),
    "utility": ("utility.json",),
    "statistics": ("stats.json",),
}
"""The files that tell what a folder is."""


@dataclass(frozen=True)
class Made:
    """A run, and what was made from it.

    Args:
        samples: the folder of `drawn`.
        scores: scores.json and its provenance.json, or None.
        audit: the folder that `audit` wrote, or None.
        pairs: segmentation.json of `evaluate --task segmentation`, or None.
        text: text.json of `evaluate --text`, or None.
    """

    run: Run
    samples: Path
    drawn: Samples
    scores: tuple[dict[str, Any], dict[str, Any]] | None
    audit: Path | None
    pairs: dict[str, Any] | None = None
    text: dict[str, Any] | None = None


@dataclass(frozen=True)
class Collected:
    """All that the page shows."""

    made: list[Made]
    utility: list[Path] = field(default_factory=list)
    statistics: list[Path] = field(default_factory=list)


def collect(folders: Sequence[Path], store: SliceStore) -> Collected:
    """Sort `folders` and match them.

    Raises:
        UserError: a folder is none of `KINDS` or is damaged, they do not belong together, or there is no run with
            samples.
    """
    sorted_out: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for folder in folders:
        kind = kind_of(folder)
        check(folder, kind)
        sorted_out[kind].append(folder)
    runs = [Run.open(path) for path in sorted_out["run"]]
    _require_same_store(store, {run.path: str(run.store["digest"]) for run in runs})
    samples = {path: Samples.open(path) for path in sorted_out["samples"]}
    for drawn in samples.values():
        drawn.require_synthetic("reported")
    made = [_matched(run, *_samples_of(run, samples), sorted_out, store) for run in runs]
    if not made:
        raise UserError("there is no run among the folders; a report needs a run and samples drawn from it.")
    _require_all_used(sorted_out, made)
    return Collected(made, sorted_out["utility"], sorted_out["statistics"])


def _matched(run: Run, path: Path, drawn: Samples, sorted_out: dict[str, list[Path]], store: SliceStore) -> Made:
    """A run, its samples, and what was found of them."""
    scores = _pick(sorted_out["scores"], path, _scored, "scores")
    audit = _pick(sorted_out["audit"], path, _audited, "audits")
    pairs = _pick(sorted_out["segmentation"], path, _scored, "segmentation scores")
    found = None if scores is None else (read_json(scores / "scores.json"), read_json(scores / "provenance.json"))
    if found is not None and scores is not None:
        _require_same_store(store, {scores: str(found[1]["store"])})
    if audit is not None:
        _require_same_store(store, {audit: str(read_json(audit / "audit.json")["digests"]["store"])})
    shown = None if pairs is None else read_json(pairs / "segmentation.json")
    if shown is not None and pairs is not None:
        _require_same_store(store, {pairs: str(shown["store_digest"])})
    text = None if scores is None or not (scores / "text.json").is_file() else read_json(scores / "text.json")
    return Made(run, path, drawn, found, audit, shown, text)


def kind_of(folder: Path) -> str:
    """What a folder is, by what is in it.

    Raises:
        UserError: it is none of `KINDS`.
    """
    for kind, names in KINDS.items():
        if all((folder / name).is_file() for name in names):
            return kind
    raise UserError(f"{folder} is not a folder of one of these kinds: {', '.join(KINDS)}; was it made by medattngan?")


def _samples_of(run: Run, samples: dict[Path, Samples]) -> tuple[Path, Samples]:
    """The samples that were drawn from weights that the run still has."""
    weights = {digest(folder / "ema.safetensors") for folder in run.checkpoints()}
    own = [path for path, drawn in samples.items() if drawn.provenance.get("weights_digest") in weights]
    if not own:
        raise UserError(
            f"no samples were given that were drawn from a checkpoint that {run.path} has; "
            f"draw some: medattngan sample {run.path} --count 500 --out SAMPLES."
        )
    if len(own) > 1:
        raise UserError(f"{own[0]} and {own[1]} were both drawn from {run.path}; give one of them.")
    return own[0], samples[own[0]]


def _pick(candidates: Sequence[Path], samples: Path, made_from: Callable[[Path], object], what: str) -> Path | None:
    """Of the candidates, the one that was made from `samples`; None where none was."""
    pixels = digest(samples / "pixels.npy")
    own = [path for path in candidates if made_from(path) == pixels]
    if len(own) > 1:
        raise UserError(f"{own[0]} and {own[1]} are both {what} of {samples}; give one of them.")
    return own[0] if own else None


def _scored(folder: Path) -> object:
    return read_json(folder / "provenance.json").get("samples_file")


def _audited(folder: Path) -> object:
    return read_json(folder / "audit.json")["digests"]["samples"]


def _require_same_store(store: SliceStore, made_with: dict[Path, str]) -> None:
    for what, made in made_with.items():
        if made != store.digest:
            raise UserError(f"{what} was made with another store than {store.path}; give the one it was made with.")


def _require_all_used(sorted_out: dict[str, list[Path]], made: Sequence[Made]) -> None:
    """Refuse a folder that no run has a place for: it would be left out in silence."""
    pixels = {digest(one.samples / "pixels.npy") for one in made}
    used = {one.samples for one in made}
    stray = [path for path in sorted_out["samples"] if path not in used]
    stray += [path for kind in ("scores", "segmentation") for path in sorted_out[kind] if _scored(path) not in pixels]
    stray += [path for path in sorted_out["audit"] if _audited(path) not in pixels]
    if stray:
        raise UserError(f"{stray[0]} was not made from a run or samples given here; give those too or leave it out.")
