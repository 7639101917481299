"""The trained weights that come with the package; see the model card beside them, `weights/MODEL_CARD.md`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from safetensors.torch import load_file

from medattngan.core.files import digest
from medattngan.scans.text.detector import Detector
from medattngan.scans.text.reader import Reader

FOLDER = Path(__file__).parent / "weights"
DETECTOR = FOLDER / "detector.safetensors"
READER = FOLDER / "reader.safetensors"


@cache
def detector() -> Detector:
    """One a process, ready to look."""
    network = Detector()
    network.load_state_dict(load_file(DETECTOR))
    return network.float().eval().requires_grad_(False)


@cache
def reader() -> Reader | None:
    """One a process, ready to read; None where the package comes without its weights."""
    if not READER.is_file():
        return None
    network = Reader()
    network.load_state_dict(load_file(READER))
    return network.float().eval().requires_grad_(False)


def digests() -> dict[str, str]:
    """Which weights these are, for provenance."""
    return {path.stem: digest(path) for path in (DETECTOR, READER) if path.is_file()}
