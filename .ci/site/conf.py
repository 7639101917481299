"""Sphinx's configuration of the documentation site; `build.py` beside it prepares the pages and calls Sphinx."""

from __future__ import annotations

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
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "model_config"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
