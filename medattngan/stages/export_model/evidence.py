"""What was measured of slices that a checkpoint drew: scores and audit, matched to it by their digests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medattngan.core.files import UserError, digest, read_json
from medattngan.core.seal import check
from medattngan.data.samples import Samples
from medattngan.stages.report.collect import kind_of

TAKEN = ("samples", "scores", "audit")


@dataclass(frozen=True)
class Evidence:
    """What is known of the slices.

    Args:
        scores: scores.json, and its provenance.json; empty where they were not scored.
        audit: audit.json; empty where they were not audited.
    """

    scores: dict[str, Any]
    scored: dict[str, Any]
    audit: dict[str, Any]


def read_evidence(folders: Sequence[str | Path], weights: Path) -> Evidence:
    """Read folders of samples, and of their scores and audit, in any order.

    Args:
        weights: the file that the samples must have been drawn from.

    Raises:
        UserError: a folder is of another kind, damaged, or about other weights; or there are two of a kind.
    """
    found: dict[str, Path] = {}
    for path in map(Path, folders):
        kind = kind_of(path)
        if kind not in TAKEN:
            raise UserError(f"--evidence {path} is of the kind {kind}; give samples, their scores and their audit.")
        if kind in found:
            raise UserError(f"--evidence {found[kind]} and {path} are both of the kind {kind}; give one of them.")
        check(path, kind)
        found[kind] = path
    if not found:
        return Evidence({}, {}, {})
    if "samples" not in found:
        raise UserError("--evidence needs the samples too: they say which weights the scores and the audit are about.")
    drawn = Samples.open(found["samples"])
    drawn.require_synthetic("taken for evidence")
    if drawn.provenance.get("weights_digest") != digest(weights):
        raise UserError(
            f"--evidence {found['samples']} was not drawn from {weights.parent}; give samples of this checkpoint."
        )
    pixels = digest(found["samples"] / "pixels.npy")
    scores, scored, audit = ({}, {}, {})  # type: tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
    if "scores" in found:
        scores, scored = (read_json(found["scores"] / name) for name in ("scores.json", "provenance.json"))
        _require_about(found["scores"], scored.get("samples_file"), pixels, found["samples"])
    if "audit" in found:
        audit = read_json(found["audit"] / "audit.json")
        _require_about(found["audit"], audit["digests"]["samples"], pixels, found["samples"])
    return Evidence(scores, scored, audit)


def _require_about(path: Path, about: object, pixels: str, samples: Path) -> None:
    if about != pixels:
        raise UserError(f"--evidence {path} is not about {samples}; give the one that was made from it.")
