"""The verb: a run → its generator for other people's programs, in a folder.

README.md     the model card, filled from what is known
…             what the format asks for: see the file of its name
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medattngan.core.files import UserError, atomic_folder, require_absent, write_text
from medattngan.core.locks import alone
from medattngan.core.run import Run, weights_of
from medattngan.stages.export_model import medigan, monai, onnx, safetensors, torchscript
from medattngan.stages.export_model.evidence import read_evidence
from medattngan.stages.export_model.known import Known
from medattngan.stages.export_model.model_card import front_matter, model_card
from medattngan.stages.export_model.portable import portable
from medattngan.stages.report.card import Card


@dataclass(frozen=True)
class ModelFormat:
    """One line of `MODEL_FORMATS`.

    Args:
        write: the files of the format, into an empty folder.
        use: how they are used, for the card.
        card: where the card lies in the folder.
        front_matter: whether the card begins with the Hub's metadata.
    """

    write: Callable[[Known, Path], None]
    use: Callable[[Known], str]
    card: str = "README.md"
    front_matter: bool = False


MODEL_FORMATS: dict[str, ModelFormat] = {
    "monai": ModelFormat(monai.write, monai.use, "docs/README.md"),
    "medigan": ModelFormat(medigan.write, medigan.use),
    "torchscript": ModelFormat(torchscript.write, torchscript.use),
    "onnx": ModelFormat(onnx.write, onnx.use),
    "safetensors": ModelFormat(safetensors.write, safetensors.use, front_matter=True),
}
"""Formats by the name that --format gives them."""


@alone
def export_model(
    run: Run | str | Path,
    out: str | Path,
    *,
    format: str,
    evidence: Sequence[str | Path] = (),
    card: Card | str | Path | None = None,
    checkpoint: str = "best",
) -> Path:
    """Write the generator of `run` to the folder `out`, for programs that know nothing of this package.

    Args:
        format: a key of MODEL_FORMATS: `monai`, `medigan`, `torchscript`, `onnx` or `safetensors`.
        evidence: folders of samples drawn from it, their scores and their audit: quoted in the card, with intervals.
        card: what its authors say, or the path of its YAML (see `medattngan report --card`).
        checkpoint: `best` or `last`.

    Returns:
        `out`.

    Raises:
        UserError: the run cannot be expressed in that format, something for it is not installed, the evidence is of
            other weights, or `out` exists.
    """
    out = Path(out)
    require_absent(out)
    if format not in MODEL_FORMATS:
        raise UserError(f"--format {format!r} is not known; it must be one of {', '.join(MODEL_FORMATS)}.")
    if format == "onnx":
        onnx.require_packages()
    run = Run.of(run)
    folder = run.checkpoint(checkpoint)
    card = card if isinstance(card, Card) else Card() if card is None else Card.load(Path(card))
    known = Known(run, folder, portable(run, folder), read_evidence(evidence, weights_of(folder)), card)
    chosen = MODEL_FORMATS[format]
    with atomic_folder(out) as made:
        chosen.write(known, made)
        text = model_card(known, chosen.use(known))
        write_text(made / chosen.card, (front_matter(known) if chosen.front_matter else "") + text)
    return out
