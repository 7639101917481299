"""Sphinx's configuration of the documentation site; `build.py` beside it prepares the pages and calls Sphinx."""

from __future__ import annotations

from typing import Any

project = "medattngan"
html_title = "medattngan"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
html_theme = "furo"
html_copy_source = False
html_show_sourcelink = False

# The anchors that a code host gives to headings, so that a link holds in both places.
myst_heading_anchors = 6

# Docstrings are written for `help()`: single backticks mean code.
default_role = "literal"
python_maximum_signature_line_length = 100
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def _name_sections_only(
    app: Any, what: str, name: str, subject: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, str | None] | None:
    """A configuration's signature names its sections; the defaults of all their keys would fill a screen."""
    fields = getattr(subject, "model_fields", None)
    return (f"(*, {', '.join(fields)})", returned) if what == "class" and fields else None


def setup(app: Any) -> None:
    """What Sphinx calls once it has read this file."""
    app.connect("autodoc-process-signature", _name_sections_only)
