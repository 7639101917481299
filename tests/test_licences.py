"""What the base install brings may be used under Apache-2.0: nothing in it is under the GPL or the AGPL."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]

GPL = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )General Public License", re.IGNORECASE)
"""GPL and AGPL. Not the LGPL, which lets a program of any licence link to the library, as Python does."""

EXCEPTION = re.compile(r"WITH \S*exception", re.IGNORECASE)
"""The runtime libraries of GCC are under the GPL with an exception for whatever is linked to them."""


def base() -> list[Requirement]:
    """The dependencies of the base install, as `pyproject.toml` has them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(line) for line in project["dependencies"]]


def closure(wanted: list[Requirement]) -> dict[str, Distribution]:
    """Everything that is installed because of `wanted`, by name."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    todo = [(requirement, extra) for requirement in wanted for extra in ("", *requirement.extras)]
    while todo:
        requirement, extra = todo.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in asked:
            continue
        asked.add((name, extra))
        try:
            one = distribution(name)
        except PackageNotFoundError:
            assert requirement not in wanted, f"{name} is not installed"
            continue  # of a platform or an extra that is not this one's
        found[name] = one
        for line in one.requires or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                todo += [(needed, each) for each in ("", *needed.extras)]
    return found


def licences(one: Distribution) -> list[str]:
    """What a package says of its licence: expression, first line of the free text, classifiers."""
    meta = one.metadata
    said = [meta.get("License-Expression"), (meta.get("License") or "").strip().split("\n")[0]]
    said += [line for line in meta.get_all("Classifier") or [] if line.startswith("License ::")]
    return [line for line in said if line and line != "UNKNOWN"]


def is_gpl(said: str) -> bool:
    """Whether a licence, or every one of those to choose from, is the GPL or the AGPL.

    >>> is_gpl("GPL-3.0-or-later"), is_gpl("MIT OR GPL-2.0-only"), is_gpl("LGPL-2.1")
    (True, False, False)
    """
    return all(GPL.search(choice) and not EXCEPTION.search(choice) for choice in re.split(r"\s+OR\s+", said))


def test_nothing_in_the_base_install_is_under_the_gpl() -> None:
    found = closure(base())
    assert len(found) > 40, "the closure of the dependencies was not found"
    said = {name: licences(one) for name, one in found.items()}
    assert {name: lines for name, lines in said.items() if any(map(is_gpl, lines))} == {}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("GPL-3.0-or-later", True),
        ("GPLv3", True),
        ("GNU AGPLv3", True),
        ("GNU General Public License v3", True),
        ("License :: OSI Approved :: GNU General Public License v3 (GPLv3)", True),
        ("BSD-3-Clause AND GPL-2.0-only", True),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("MIT OR GPL-2.0-only", False),
        ("LGPL-2.1-or-later", False),
        ("GNU Lesser General Public License v3", False),
        ("License :: OSI Approved :: GNU Lesser General Public License v2 or later (LGPLv2+)", False),
        ("Apache-2.0", False),
    ],
)
def test_a_licence_is_told_by_what_it_says(said: str, wrong: bool) -> None:
    assert is_gpl(said) is wrong


def test_the_check_would_find_the_decoder_that_was_once_required() -> None:
    try:
        one = distribution("pylibjpeg-libjpeg")
    except PackageNotFoundError:
        pytest.skip("pylibjpeg-libjpeg is not installed, as it need not be")
    assert any(is_gpl(line) for line in licences(one))


def test_every_package_of_the_base_install_says_its_licence_or_notice_does() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    silent = [name for name, one in closure(base()).items() if not licences(one)]
    assert [name for name in silent if name not in notice] == []
