"""The model card: what the people who trained the network say of it (Mitchell et al. 2019, arXiv:1810.03993)."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from medattngan.core.files import UserError

NOT_STATED = "Not stated by the author of this page."


class Card(BaseModel):
    """What a YAML file given as --card may hold; every key is a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = NOT_STATED
    """Whose scans, from where, with whose consent."""
    licence: str = NOT_STATED
    """Of the scans, of the weights and of the synthetic slices."""
    intended_use: str = (
        "Research: trying out and teaching methods, and adding to scarce training data where a measurement shows that "
        "it helps. Not for diagnosis, not as evidence of a finding, not in place of patients in a validation."
    )
    limits: str = (
        "Two-dimensional slices of the size and kind trained on. Rare findings are missing or wrong. What the scans "
        "over- or under-represent, the synthetic slices do too. Whoever holds the weights may learn of the patients."
    )
    contact: str = NOT_STATED

    @classmethod
    def load(cls, path: Path) -> Card:
        """Read a YAML file.

        Raises:
            UserError: it cannot be read or holds something else.
        """
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError, yaml.YAMLError):  # dates of no calendar are a ValueError
            raise UserError(
                f"--card {path} cannot be read as YAML; write lines such as `licence: CC BY 4.0`."
            ) from None
        try:
            return cls.model_validate(tree or {})
        except ValidationError as error:
            key = ".".join(str(part) for part in error.errors()[0]["loc"]) or "it"
            allowed = ", ".join(cls.model_fields)
            raise UserError(f"--card {path}: {key} is not a text of one of these keys: {allowed}.") from None


HEADINGS = {
    "data": "Data",
    "licence": "Licence",
    "intended_use": "Intended use",
    "limits": "Limits",
    "contact": "Contact",
}


def card_block(card: Card, known: Sequence[tuple[str, str]]) -> str:
    """What its authors say, then what is `known` from the files, as lists of terms."""
    stated = [(heading, getattr(card, key)) for key, heading in HEADINGS.items()]
    return f"{_terms(stated)}<h3>Known from the files</h3>{_terms(known)}"


def _terms(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in rows)
    return f'<dl class="card">{body}</dl>'
