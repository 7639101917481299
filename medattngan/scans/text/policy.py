"""By which rules text is believed, as a store's provenance has them."""

from __future__ import annotations

from typing import Any

from medattngan.scans.text import judge, markers, rapidocr


def policy() -> dict[str, Any]:
    """Every threshold and margin, by name."""
    return {
        "min_score": rapidocr.MIN_SCORE,
        "min_characters": markers.MIN_CHARACTERS,
        "margin": rapidocr.MARGIN,
        "min_probability": judge.MIN_PROBABILITY,
        "cover": judge.COVER,
    }
