"""What is set aside is explained where people look it up."""

from __future__ import annotations

import re
from pathlib import Path

from medattngan.scans.formats.dicom_codecs import DECODERS
from medattngan.scans.series import REASONS

PAGE = (Path(__file__).parents[2] / "docs/reference/ingest.md").read_text(encoding="utf-8")


def test_the_page_on_ingest_has_every_reason_and_its_words() -> None:
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", PAGE.split("## Reasons")[1], re.MULTILINE))
    assert rows == REASONS


def test_the_page_on_ingest_names_every_decoder() -> None:
    names = {"pillow": "Pillow", "imagecodecs": "imagecodecs", "pyjpegls": "pyjpegls", "pylibjpeg": "pylibjpeg-"}
    assert {name for name in DECODERS.values() if names[name] not in PAGE} == set()
