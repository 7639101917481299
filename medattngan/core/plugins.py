"""Entry points: what other packages add to a table of this one, so that nobody need fork it for a row of their own.

A package says in its pyproject.toml, for example,

    [project.entry-points."medattngan.attention"]
    ours = "their_package.attention:ours"

and the table of that group then has the row `ours`, with the object that the path names for its value
(https://packaging.python.org/specifications/entry-points).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib import metadata
from typing import Any, TypeVar

from medattngan.core.files import UserError

T = TypeVar("T")


def with_plugins(table: Mapping[str, T], group: str, kind: type[T] | None = None) -> dict[str, T]:
    """`table`, then the entry points of `group` by name; with none installed, a copy of `table`.

    Nothing is read or imported before the first call, and then once a process. Call it where a row is looked up and
    not where the table is written: a module that names this package would otherwise be imported by it half made.

    Args:
        group: as in `medattngan.presets`.
        kind: the class of a row, where it has one.

    Raises:
        UserError: a plug-in takes a name that is in `table` or is another plug-in's, is not of `kind`, or cannot be
            imported.
    """
    rows = dict(table)
    owners: dict[str, str] = {}
    for name, package, row in load(group):
        if name in rows:
            owner = owners.get(name, "medattngan itself")
            raise UserError(
                f"{package} adds {name!r} to {group}, which {owner} has; rename its entry point or remove it."
            )
        if kind is not None and not isinstance(row, kind):
            wrong = f"is of {type(row).__name__} and not of {kind.__name__}"
            raise UserError(f"{package} adds {name!r} to {group}, which {wrong}; repair or uninstall it.")
        rows[name], owners[name] = row, package
    return rows


def versions(group: str, names: Collection[str]) -> dict[str, str]:
    """The packages whose rows of `group` are among `names`, with their versions: for the record of what was used."""
    used = [point.dist for point in metadata.entry_points(group=group) if point.name in names]
    return {package.name: package.version for package in used if package is not None}


@cache
def load(group: str) -> tuple[tuple[str, str, Any], ...]:
    """(name, package, object) of every entry point of `group`, by name and package. `cache_clear` reads them anew.

    Raises:
        UserError: one cannot be imported.
    """
    points = metadata.entry_points(group=group)
    return tuple(sorted(((point.name, _package(point), _object(point)) for point in points), key=lambda row: row[:2]))


def _package(point: metadata.EntryPoint) -> str:
    return f"the package {point.dist.name}" if point.dist is not None else f"the module {point.module}"


def _object(point: metadata.EntryPoint) -> Any:
    """What an entry point names. Another's module may raise anything, and all of it is theirs to mend."""
    try:
        return point.load()
    except Exception as error:
        raise UserError(
            f"{_package(point)} adds {point.name!r} to {point.group}, but {point.value} cannot be imported "
            f"({type(error).__name__}: {error}); repair or uninstall it."
        ) from error
