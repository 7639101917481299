"""Packages that a test installs beside this one, as pip would leave them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def install_package(folder: Path, name: str, code: str, groups: Mapping[str, Mapping[str, str]]) -> None:
    """Write the module `name` and what an installer records of it to `folder`, which is to be on `sys.path`.

    Args:
        groups: group of entry points → name of the entry point → what it is called in the module.
    """
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{point} = {name}:{attribute}" for point, attribute in points.items())]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]))
