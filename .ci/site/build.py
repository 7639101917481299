"""Build the documentation site: python .ci/site/build.py OUT

The pages are docs/ as it is, written to be read on a code host too. Here links that leave docs/ become the name of the
file, as it has no page; notebooks become pages; the page of the Python interface is given the docstrings; and the menu
is made. Warnings are errors. Nothing on the site comes from another server: it is read, and searched, from a disk.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PLACES = {"docs/README.md": "index.md", "README.md": "readme.md", "CONTRIBUTING.md": "contributing.md"}
"""Pages that stand elsewhere on the site than in docs/."""
API = "reference/api.md"
SECTIONS = ("tutorials", "how-to", "reference", "explanation", "benchmarks", "decisions", "notebook")
LINK = re.compile(
    r"^(?P<fence>```|~~~).*?^(?P=fence)$|`[^`\n]+`|"
    r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<goal>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)
"""A link, whose text may have code in it; or code, in which nothing is a link."""


def public_names() -> list[str]:
    """The public names of the package, read without importing it."""
    tree = ast.parse((ROOT / "medattngan" / "__init__.py").read_text(encoding="utf-8"))
    lists = {node.targets[0].id: node.value for node in tree.body if _is_plain_assignment(node)}
    return [name for name in ast.literal_eval(lists["__all__"]) if not name.startswith("_")]


def _is_plain_assignment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)


def place(path: Path) -> str | None:
    """Where a file of the project stands on the site, or None if it has no page there."""
    name = path.relative_to(ROOT).as_posix()
    if name in PLACES:
        return PLACES[name]
    if not path.is_relative_to(DOCS) or path.is_dir():
        return None
    return path.relative_to(DOCS).as_posix().replace(".ipynb", ".md")


def relinked(markdown: str, source: Path) -> str:
    """The text of `source` with links that hold on the site."""
    up = "../" * (place(source) or "").count("/")

    def link(found: re.Match[str]) -> str:
        goal, mark, fragment = (found["goal"] or "").partition("#")
        if not goal or re.match(r"[a-z]+:", goal):
            return found[0]
        target = (source.parent / goal).resolve()
        if (at := place(target)) is None:
            return f"{found['text']} (`{target.relative_to(ROOT).as_posix()}`)"
        return f"{found['image']}[{found['text']}]({up}{at}{mark}{fragment})"

    return LINK.sub(link, markdown)


def notebook(path: Path) -> str:
    """The cells of a notebook, which is kept without outputs, as text and fenced code."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(parts)


def docstrings() -> str:
    """The directives that make the reference of every public name."""
    lines = ["", "## In detail", "", "```{eval-rst}"]
    for name in public_names():
        kind = "autoclass" if name[0].isupper() else "autofunction"
        lines += [f".. {kind}:: medattngan.{name}", ""]
    return "\n".join([*lines, "```", ""])


def menu(pages: Path) -> str:
    """Tables of contents, one a section; a README leads its section."""
    parts = []
    for section in SECTIONS:
        names = sorted(page.stem for page in (pages / section).glob("*.md"))
        names.sort(key=lambda name: name != "README")
        entries = "\n".join(f"{section}/{name}" for name in names)
        caption = section.replace("-", " ").capitalize()
        parts.append(f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n{entries}\n```")
    parts.append("```{toctree}\n:hidden:\n:caption: The project\n\nreadme\ncontributing\n```")
    return "\n\n".join(parts)


def prepare(pages: Path) -> None:
    """Write the pages of the site as MyST reads them."""
    shutil.copytree(DOCS, pages, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.md", "*.ipynb"))
    sources = [*DOCS.rglob("*.md"), *DOCS.rglob("*.ipynb"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for source in sources:
        text = notebook(source) if source.suffix == ".ipynb" else source.read_text(encoding="utf-8")
        page = pages / str(place(source))
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(relinked(text, source), encoding="utf-8")
    with (pages / API).open("a", encoding="utf-8") as page_of_names:
        page_of_names.write(docstrings())
    with (pages / "index.md").open("a", encoding="utf-8") as index:
        index.write("\n\n" + menu(pages) + "\n")


def main(out: str) -> int:
    """Build into the folder `out`; 0 if there was no warning."""
    from sphinx.cmd.build import build_main

    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder, "pages")
        prepare(pages)
        options = ["-q", "-W", "--keep-going", "-c", str(Path(__file__).parent), "-d", str(Path(folder, "trees"))]
        return int(build_main([*options, "-b", "html", str(pages), out]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: build.py OUT")
    sys.exit(main(sys.argv[1]))
