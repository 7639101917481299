"""The parts of the page, each with a heading and an address, and the list of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Section:
    """One part.

    Args:
        anchor: its address on the page.
        heading: plain text.
        body: HTML.
    """

    anchor: str
    heading: str
    body: str

    def html(self) -> str:
        """The part as it stands on the page."""
        return (
            f'<section aria-labelledby="{self.anchor}"><h2 id="{self.anchor}">{escape(self.heading)}</h2>\n'
            f"{self.body}\n</section>"
        )


def contents(sections: Sequence[Section]) -> str:
    """Links to the parts.

    >>> contents([Section("a", "A & B", "")])
    '<nav aria-label="Contents"><ul><li><a href="#a">A &amp; B</a></li></ul></nav>'
    """
    links = "".join(f'<li><a href="#{one.anchor}">{escape(one.heading)}</a></li>' for one in sections)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'
