"""The ReaderStudy: a folder with the cases of one study, shuffled and alike, and its readers' answers.

protocol.yaml      what readers are told and asked
cases.npy          uint16, real and synthetic slices in one secret order and on one grid of grey levels: (count, H, W),
                   or (count, sides, depth, H, W) where a case is a pair (2 sides) or a stack (depth > 1)
references.npy     (references, H, W) uint16, real training slices shown as examples; absent without any
study.json         geometry, unit, window, counts; nothing that tells the truth
study.sqlite       links (hashed), every reader's own order, every version of every read
truth.parquet      one row a case: the sealed answer; the server never opens it, `close` does
tells.json         how far noise, grey levels and spectrum alone tell real from synthetic; the server never opens it
provenance.json    what the study was made from
seal.json          what every file was that readers do not change (see `core/seal.py`)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medattngan.core.files import UserError, digest, read_json
from medattngan.core.seal import check, is_thorough
from medattngan.review.protocol import Protocol

if TYPE_CHECKING:  # at run time this would import torch, which the server does without
    from medattngan.core.types import Codes


ALIVE = ("study.sqlite*", "reads.csv", "truth.parquet")
"""What is written while readers read, and what nobody may open before the study is closed: that has a seal of its own
in study.json."""
FACTS = frozenset(
    {
        "study",
        "count",
        "reference_count",
        "readers",
        "width",
        "height",
        "spacing_mm",
        "unit",
        "lower",
        "upper",
        "window",
    }
    | {"presets", "truth_digest"}
)
"""Keys of study.json that the server, `close` and the page cannot do without."""


@dataclass(frozen=True)
class Study:
    """A study folder, opened without its truth.

    Args:
        path: the folder.
        protocol: what readers are told and asked.
        facts: study.json.
        cases: (count, H, W) or (count, sides, depth, H, W) uint16, memory-mapped.
        references: (references, H, W) uint16, memory-mapped; None without any.
    """

    path: Path
    protocol: Protocol
    facts: dict[str, Any]
    cases: Codes
    references: Codes | None

    @classmethod
    def open(cls, path: str | Path) -> Study:
        """Open the study at `path`.

        Raises:
            UserError: there is none, or it is damaged.
        """
        path = Path(path)
        if not (path / "study.json").is_file() or not (path / "cases.npy").is_file():
            made = f"medattngan review create SAMPLES --data STORE --count N --out {path}"
            raise UserError(f"{path} is not a reader study; make one with: {made}")
        check(path, "study")
        facts = read_json(path / "study.json")
        if not isinstance(facts, dict) or FACTS - facts.keys():
            raise UserError(f"{path} is damaged: study.json is not that of a study; put back a copy of the study.")
        truth = path / "truth.parquet"
        if is_thorough() and (not truth.is_file() or digest(truth) != facts["truth_digest"]):
            raise UserError(f"{path} is damaged: truth.parquet is not what was sealed; put back a copy of the study.")
        if not (path / "protocol.yaml").is_file():
            raise UserError(f"{path} is damaged: protocol.yaml is missing; put back a copy of the study.")
        cases = _open_array(path / "cases.npy")
        references = _open_array(path / "references.npy") if facts["reference_count"] else None
        shape = cases_shape(facts)
        if cases.shape != shape:
            raise UserError(f"{path} is damaged: cases.npy is {cases.shape} but study.json says {shape}.")
        protocol = Protocol.load(path / "protocol.yaml")
        if protocol.pairs != (sides(facts) == 2):
            raise UserError(f"{path} is damaged: protocol.yaml and study.json differ on pairs; put back a copy.")
        return cls(path, protocol, facts, cases, references)

    @property
    def database(self) -> Path:
        """Its SQLite file."""
        return self.path / "study.sqlite"

    def pixels(self, case: int) -> bytes:
        """All pixels of a case, little-endian uint16: side by side, each from the first slice to the last."""
        return bytes(self.cases[case].tobytes())


def sides(facts: dict[str, Any]) -> int:
    """How many pictures a case shows beside each other, by study.json: 2 of a pair, else 1."""
    return int(facts.get("sides", 1))


def depth(facts: dict[str, Any]) -> int:
    """How many slices a picture has that is scrolled through, by study.json; 1 without any."""
    return int(facts.get("depth", 1))


def cases_shape(facts: dict[str, Any]) -> tuple[int, ...]:
    """Of cases.npy, by study.json.

    >>> cases_shape({"count": 4, "height": 64, "width": 64}), cases_shape(
    ...     {"count": 4, "height": 64, "width": 64, "depth": 9}
    ... )
    ((4, 64, 64), (4, 1, 9, 64, 64))
    """
    plain = sides(facts) == depth(facts) == 1
    within = () if plain else (sides(facts), depth(facts))
    return (int(facts["count"]), *within, int(facts["height"]), int(facts["width"]))


def _open_array(path: Path) -> Codes:
    try:
        codes: Codes = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise UserError(f"{path.parent} is damaged: {path.name} is not whole; put back a copy of the study.") from None
    if codes.ndim not in (3, 5) or codes.dtype != np.dtype("<u2"):
        raise UserError(f"{path.parent} is damaged: {path.name} holds no slices; put back a copy of the study.")
    return codes
