"""The trained networks that come with the package, to begin a training from: the folders of medattngan/zoo.

    zoo.json                     what it is in a line, its licence, and the digest of every file
    config.json                  configuration, and what sampling must know of the slices it learned from
    model.safetensors            the averaged generator
    discriminator.safetensors
    README.md, audit.json, LICENCE.txt

scripts/train_zoo.py makes one. A folder is also what `export-model --format safetensors` writes, so that it is sampled
from like a run: `medattngan sample zoo:NAME`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from medattngan.core.files import UserError, digest, read_json

PREFIX = "zoo:"
RECORD = "zoo.json"
PLACE = Path(str(files("medattngan"))) / "zoo"
MOST_BYTES = 4_000_000
"""Of a file: the networks are for every user, and most want none of them."""


@dataclass(frozen=True)
class Entry:
    """One folder of the zoo.

    Args:
        path: the folder.
        line: what it is, in a line.
        licence: of its weights.
        files: by name, the SHA-256 of each file.
    """

    path: Path
    line: str
    licence: str
    files: dict[str, str]

    def require_whole(self) -> None:
        """Read every file and compare it with its digest.

        Raises:
            UserError: one is missing or not what was shipped.
        """
        for name, expected in self.files.items():
            if not (self.path / name).is_file() or digest(self.path / name) != expected:
                raise UserError(f"{self.path / name} is not what medattngan ships; install the package again.")


def zoo(place: Path = PLACE) -> dict[str, Entry]:
    """The trained networks that come with the package, by name: `train(…, begin="zoo:NAME")` begins from one.

    Args:
        place: the folder of the entries.
    """
    found = {}
    for record in sorted(place.glob(f"*/{RECORD}")):
        held = read_json(record)
        found[record.parent.name] = Entry(record.parent, held["line"], held["licence"], held["files"])
    return found


def located(given: str | Path, place: Path = PLACE) -> Path:
    """The folder that is meant: a path, or that of `zoo:NAME`, once it was found to be whole.

    Raises:
        UserError: the zoo has no such entry, or it is damaged.

    >>> located("run").name
    'run'
    """
    name = str(given)
    if not name.startswith(PREFIX):
        return Path(given)
    entries = zoo(place)
    entry = entries.get(name.removeprefix(PREFIX))
    if entry is None:
        there = ", ".join(PREFIX + one for one in entries) or "nothing"
        raise UserError(f"{name} is not in the zoo; there is: {there}.")
    entry.require_whole()
    return entry.path
