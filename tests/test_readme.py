"""What the README promises is what is run, and what the pages point to is there."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(page.relative_to(ROOT).as_posix() for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def readme_command(name: str) -> str:
    """The text of the fenced block that follows `<!-- command: name -->`."""
    marker = re.escape(f"<!-- command: {name} -->")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(rf"^{marker}\n```bash\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"README.md must have one {name} command, it has {len(found)}"
    return str(found[0])


def prose(page: str) -> str:
    """The page without its code."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments that the page's headings can be reached by."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    shown = subprocess.run(
        ["bash", str(ROOT / ".ci/run"), "--show"], capture_output=True, text=True, check=True, timeout=30
    )
    assert shown.stdout == readme_command("test") + "\n"


@pytest.mark.parametrize("name", ["demo", "test"])
def test_a_readme_command_is_one_line_that_begins_with_an_environment_of_its_own(name: str) -> None:
    command = readme_command(name)
    assert "\n" not in command
    steps = [shlex.split(step) for step in command.split(" && ")]
    assert steps[0] == ["python3", "-m", "venv", ".venv"]
    assert all(step[0].startswith(".venv/bin/") for step in steps[1:])


def test_the_readme_commands_name_what_the_project_defines() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(re.findall(r"\.\[(\w+)\]", readme_command("test")))
    assert extras == {"dev"} <= set(project["optional-dependencies"])
    assert readme_command("demo").split(" && ")[-1].split()[0] == f".venv/bin/{next(iter(project['scripts']))}"


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_of_a_page_leads_somewhere(page: str) -> None:
    for target in (a or b for a, b in LINK.findall(prose(page))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        goal = ((ROOT / page).parent / path if path else ROOT / page).resolve()
        assert goal.exists(), f"{page} links to {target}, which does not exist"
        assert goal.is_relative_to(ROOT), f"{page} links to {target}, outside the project"
        if fragment and goal.suffix == ".md":
            assert fragment in anchors(goal), f"{page} links to {target}, which has no such heading"


def test_every_decision_is_listed_and_numbered_in_order() -> None:
    folder = ROOT / "docs/decisions"
    records = sorted(record.name for record in folder.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    listed = re.findall(r"^- \[.*\]\((\d{4}-[a-z0-9-]+\.md)\)$", (folder / "README.md").read_text(), re.MULTILINE)
    assert listed == records


def test_the_badges_say_what_the_project_file_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classifiers = dict(line.rsplit(" :: ", 1) for line in project["classifiers"] if "Status" in line)
    versions = [line.rsplit(" :: ", 1)[1] for line in project["classifiers"] if "Language :: Python ::" in line]
    said = {
        "python": " | ".join(versions),
        "licence": project["license"],
        "status": classifiers["Development Status"].rpartition(" - ")[2].lower(),
    }
    assert project["requires-python"] == f">={versions[0]}"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, value in said.items():
        drawn = (ROOT / f"docs/images/badge-{name}.svg").read_text(encoding="utf-8")
        assert f"<title>{name}: {value}</title>" in drawn
        assert drawn.count(f">{value}<") == 1
        assert f"![{name}: {value}](docs/images/badge-{name}.svg)" in readme
    assert readme.count("docs/images/badge-") == len(said)
