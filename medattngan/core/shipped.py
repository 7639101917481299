"""The configurations that come with the package: the files of configs/, which the wheel holds too.

>>> "compact" in shipped()
True
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_PACKAGE = Path(str(files("medattngan")))
PLACES = (_PACKAGE / "configs", _PACKAGE.parent / "configs")
"""In a wheel, and in a clone: pyproject.toml puts the one into the other."""


def shipped() -> dict[str, Path]:
    """Each by its name, which is that of its file."""
    folder = next((place for place in PLACES if place.is_dir()), None)
    return {} if folder is None else {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find(given: str | Path) -> Path:
    """The file that is meant: a path, or the name of one that is shipped where there is no such file.

    >>> find("compact").name, find("mine.yaml").name
    ('compact.yaml', 'mine.yaml')
    """
    path = Path(given)
    return path if path.is_file() else shipped().get(str(given), path)


def configs() -> dict[str, str]:
    """The shipped configurations, by name: what the first line of each file says of it.

    >>> configs()["compact"]
    'The default: a small attention-GAN for few scans and small machines'
    """
    return {name: _first_words(path) for name, path in shipped().items()}


def _first_words(path: Path) -> str:
    line = path.read_text(encoding="utf-8").splitlines()[0]
    return line.removeprefix("#").partition(" (medattngan/")[0].strip()
