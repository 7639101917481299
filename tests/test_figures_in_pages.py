"""A figure that a page repeats from a benchmark is one that the benchmark has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "docs/how-to/choose.md"]
FIGURE = re.compile(r"(?<![\w.,])\d+(?:,\d{3})+|(?<![\w.,])\d+\.\d+")
BENCHMARK = re.compile(r"\]\(((?:docs|\.\.)/benchmarks/[a-z]+\.md)")


def paragraphs(page: str) -> list[str]:
    """Rows of tables, points of lists and paragraphs that link to a benchmark."""
    text = re.sub(r"^```.*?^```$", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [part for part in re.split(r"\n\s*\n|\n(?=[|\-] ?)", text) if BENCHMARK.search(part)]


def missing(page: str, part: str) -> list[str]:
    """Decimals, and numbers of four digits and more, of a paragraph that no page it links to has."""
    sources = [(ROOT / page).parent / goal for goal in BENCHMARK.findall(part)]
    there = "\n".join(source.resolve().read_text(encoding="utf-8") for source in sources)
    said = re.sub(r"CC BY-SA [\d.]+", "", part)
    return [figure for figure in FIGURE.findall(said) if figure not in FIGURE.findall(there)]


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_stands_in_the_benchmark_beside_it(page: str) -> None:
    parts = paragraphs(page)
    assert len(parts) >= 6
    assert {part: figures for part in parts if (figures := missing(page, part))} == {}


def test_a_figure_that_no_benchmark_has_is_found_out() -> None:
    assert missing("README.md", "| [27.3](docs/benchmarks/compact.md) | 9.9 | 10,472 |") == []
    assert missing("README.md", "| [26.9](docs/benchmarks/compact.md) | 9.9 | 10,473 |") == ["26.9", "10,473"]
