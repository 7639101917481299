"""Plug-ins: a table takes the rows of installed packages, and says whose row is at fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.installed import install_package

from medattngan.core import plugins
from medattngan.core.files import UserError
from medattngan.core.plugins import versions, with_plugins

GROUP = "medattngan.numbers"
TABLE = {"one": 1}


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """Plug-ins are read once a process; here, once a test."""
    plugins.load.cache_clear()
    yield
    plugins.load.cache_clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_without_plugins_the_table_is_what_it_was(site: Path) -> None:
    assert with_plugins(TABLE, GROUP) == TABLE
    assert with_plugins(TABLE, GROUP) is not TABLE


def test_an_installed_package_adds_its_rows_after_the_tables_own_and_leaves_the_table_alone(site: Path) -> None:
    install_package(site, "plugin_of_two", "a, b = 2, 3", {GROUP: {"two": "a", "three": "b"}})
    assert list(with_plugins(TABLE, GROUP).items()) == [("one", 1), ("three", 3), ("two", 2)]
    assert TABLE == {"one": 1}
    assert with_plugins(TABLE, "medattngan.letters") == TABLE


def test_a_plugin_is_imported_once_however_often_the_table_is_read(site: Path) -> None:
    install_package(site, "plugin_once", "row = object()", {GROUP: {"row": "row"}})
    first = with_plugins({}, GROUP)["row"]
    (site / "plugin_once-1.0.dist-info" / "entry_points.txt").unlink()
    assert with_plugins({}, GROUP)["row"] is first


def test_a_name_that_the_table_has_is_refused_with_the_package_that_takes_it(site: Path) -> None:
    install_package(site, "plugin_thief", "row = 1", {GROUP: {"one": "row"}})
    with pytest.raises(UserError, match=r"the package plugin_thief adds 'one' to medattngan.numbers, which medattngan"):
        with_plugins(TABLE, GROUP)


def test_two_packages_with_one_name_are_both_named(site: Path) -> None:
    install_package(site, "plugin_first", "row = 1", {GROUP: {"two": "row"}})
    install_package(site, "plugin_second", "row = 2", {GROUP: {"two": "row"}})
    with pytest.raises(UserError, match=r"the package plugin_second adds 'two' .* which the package plugin_first has"):
        with_plugins(TABLE, GROUP)


@pytest.mark.parametrize("code", ["import no_such_module", "raise RuntimeError('no')", "other = 1"])
def test_a_plugin_that_does_not_load_is_named_with_a_cure(site: Path, code: str) -> None:
    package = f"plugin_broken_{len(code)}"
    install_package(site, package, code, {GROUP: {"two": "row"}})
    with pytest.raises(UserError, match=rf"{package} adds 'two' .* cannot be imported \(.*\); repair or uninstall it"):
        with_plugins(TABLE, GROUP)


def test_a_row_of_another_class_is_refused(site: Path) -> None:
    install_package(site, "plugin_of_text", "row = 'two'", {GROUP: {"two": "row"}})
    with pytest.raises(UserError, match=r"plugin_of_text adds 'two' .*, which is of str and not of int; repair"):
        with_plugins(TABLE, GROUP, int)


def test_the_packages_of_the_rows_that_were_used_are_known_with_their_versions(site: Path) -> None:
    install_package(site, "plugin_used", "row = 2", {GROUP: {"two": "row"}})
    install_package(site, "plugin_idle", "row = 3", {GROUP: {"three": "row"}})
    assert versions(GROUP, {"one", "two"}) == {"plugin_used": "1.0"}
