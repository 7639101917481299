"""The documentation as a site: what is made of docs/, and that it builds without a warning and stands by itself."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import medattngan as mg

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILD = ROOT / ".ci" / "site" / "build.py"
LISTED = ("tutorials", "how-to", "reference", "explanation", "benchmarks")
"""The sections whose every page the menu names; decisions and laboratory notes have lists of their own."""


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_build", BUILD)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_menu_names_every_page() -> None:
    linked = {goal.partition("#")[0] for goal in re.findall(r"\]\(([^)\s]+)\)", (DOCS / "README.md").read_text())}
    pages = {
        p.relative_to(DOCS).as_posix() for s in LISTED for kind in ("*.md", "*.ipynb") for p in (DOCS / s).glob(kind)
    }
    assert pages - linked == set()
    assert {f"{section}/README.md" for section in ("decisions", "notebook")} <= linked


def test_the_page_of_the_python_interface_names_every_public_name(build: ModuleType) -> None:
    names = set(build.public_names())
    assert names == {name for name in mg.__all__ if not name.startswith("_")}
    assert set(re.findall(r"^\| `mg\.(\w+)`", (DOCS / "reference/api.md").read_text(), re.MULTILINE)) == names


@pytest.mark.parametrize(
    ("page", "link", "on_the_site"),
    [
        ("docs/how-to/ingest.md", "[a](../reference/ingest.md#masks)", "[a](../reference/ingest.md#masks)"),
        ("docs/how-to/ingest.md", "[a](../../CONTRIBUTING.md#add-a-format)", "[a](../contributing.md#add-a-format)"),
        ("docs/how-to/ingest.md", "[a](../README.md)", "[a](../index.md)"),
        ("docs/how-to/ingest.md", "[a](../../pyproject.toml)", "a (`pyproject.toml`)"),
        ("docs/how-to/ingest.md", "[a](../tutorials/a-study.ipynb)", "[a](../tutorials/a-study.md)"),
        ("docs/how-to/ingest.md", "[a](https://x.org/y.md)", "[a](https://x.org/y.md)"),
        ("docs/how-to/ingest.md", "`[a](../../pyproject.toml)`", "`[a](../../pyproject.toml)`"),
        ("docs/how-to/ingest.md", "[`a` b](../README.md)", "[`a` b](../index.md)"),
        ("README.md", "![a](docs/images/b.png)", "![a](images/b.png)"),
        ("docs/README.md", "[a](../README.md)", "[a](readme.md)"),
    ],
)
def test_links_are_turned_to_where_the_site_has_the_page(
    build: ModuleType, page: str, link: str, on_the_site: str
) -> None:
    assert build.relinked(f"Say {link}.", ROOT / page) == f"Say {on_the_site}."


def test_a_notebook_becomes_text_and_code_in_its_order(build: ModuleType, tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": ["# A\n", "b"]}, {"cell_type": "code", "source": ["x = 1"]}]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells}))
    assert build.notebook(tmp_path / "n.ipynb") == "# A\nb\n\n```python\nx = 1\n```"


class Page(HTMLParser):
    """What a page points to, what it loads by itself, and the names by which its parts are reached."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {key: value or "" for key, value in attrs}
        self.names.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif "src" in given or (tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload")):
            self.loads.append(given.get("src") or given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with warnings as errors."""
    for module in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(module, reason="part of the extra docs")
    out = tmp_path_factory.mktemp("site")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    told = subprocess.run(
        [sys.executable, str(BUILD), str(out)], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    return out


@pytest.mark.slow
def test_every_page_is_on_the_site_and_in_its_search(site: Path) -> None:
    expected = {
        page.relative_to(DOCS).with_suffix(".html") for kind in ("*.md", "*.ipynb") for page in DOCS.rglob(kind)
    }
    missing = {page for page in expected - {Path("README.html")} if not (site / page).is_file()}
    assert missing == set()
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    documents = re.search(r'"?docnames"?:\s*(\[.*?\])', index)
    assert documents is not None
    assert {page.with_suffix("").as_posix() for page in expected - {Path("README.html")}} <= set(
        json.loads(documents[1])
    )


@pytest.mark.slow
def test_every_link_leads_to_a_part_of_the_site_and_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        assert [source for source in page.loads if re.match(r"([a-z]+:)?//", source)] == []
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            goal, _, fragment = link.partition("#")
            target = (path.parent / unquote(goal)).resolve() if goal else path
            assert target.is_file(), f"{path.relative_to(site)} links to {link}"
            if fragment and target in pages:
                assert unquote(fragment) in pages[target].names, f"{path.relative_to(site)} links to {link}"


@pytest.mark.slow
def test_the_reference_has_the_docstring_of_every_public_name(site: Path) -> None:
    page = Page((site / "reference/api.html").read_text(encoding="utf-8"))
    assert {f"medattngan.{name}" for name in mg.__all__ if not name.startswith("_")} <= page.names
