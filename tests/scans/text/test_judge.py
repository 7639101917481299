"""What the networks that ship find in pictures, and what they leave alone."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from helpers.lettered import anatomy, ink

from medattngan.core.types import Codes
from medattngan.scans.text import weights
from medattngan.scans.text.alphabet import encode
from medattngan.scans.text.judge import Kind, judged, lettered
from medattngan.scans.text.letters import rows_with_letters
from medattngan.scans.text.reader import STRIDE, Read

Grey = npt.NDArray[np.uint8]


def grey(pixels: npt.NDArray[np.float64]) -> Grey:
    return np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize(("px", "contrast"), [(12, 1.0), (9, 0.5), (16, 0.2), (24, 0.2)])
def test_a_name_is_found_and_covered_be_it_faint_or_small(px: int, contrast: float) -> None:
    drawn = ink("KANARIE^VERA 1901", px, (40, 60), (256, 256))
    boxes = [box for box, kind in judged(grey(anatomy(256) + contrast * drawn)) if kind is Kind.IDENTIFIER]
    left = drawn > 0.3
    whole, tight = left.sum(), np.prod([np.ptp(at) + 1 for at in np.nonzero(left)])
    for box in boxes:
        left[box.top : box.bottom, box.left : box.right] = False
    assert left.sum() < 0.1 * whole
    assert sum((box.bottom - box.top) * (box.right - box.left) for box in boxes) < 4 * tight


@pytest.mark.parametrize("size", [96, 128, 256])
def test_a_picture_without_text_is_left_alone(size: int) -> None:
    assert lettered(np.stack([grey(anatomy(size, seed)) for seed in range(4)])) == [False] * 4


def test_one_letter_is_a_marker_and_no_identifier() -> None:
    found = judged(grey(anatomy(256) + ink("R", 24, (20, 20), (256, 256))))
    assert [kind for _, kind in found] == [Kind.MARKER]


class Told:
    """A reader that reads one thing, as surely as is wanted."""

    def __init__(self, text: str, confidence: float) -> None:
        self.text, self.confidence = text, confidence

    def read(self, crops: torch.Tensor) -> Read:
        count = len(crops)
        tokens = torch.tensor([encode(self.text)] * count)
        return Read(tokens, torch.full((count,), self.confidence), torch.zeros(count, tokens.shape[1], 4, 4))


@pytest.mark.parametrize(
    ("text", "confidence", "kind"),
    [
        ("SUPINE", 0.9, Kind.MARKER),
        ("SUPINE", 0.5, Kind.IDENTIFIER),
        ("SPINDLER", 0.9, Kind.IDENTIFIER),
        ("", 0.5, Kind.IDENTIFIER),
        ("", 0.9, None),
    ],
)
def test_what_is_surely_read_decides_and_what_is_not_counts_as_a_name(
    text: str, confidence: float, kind: Kind | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = grey(anatomy(256) + ink("SUPINE", 20, (20, 20), (256, 256)))
    assert {kind for _, kind in judged(picture, read=False)} == {Kind.IDENTIFIER}
    monkeypatch.setattr(weights, "reader", lambda: Told(text, confidence))
    assert {found for _, found in judged(picture)} == ({kind} if kind else set())


class Looking(Told):
    """One that looks at a share of the length of each crop, whatever it reads."""

    def __init__(self, first: float, last: float) -> None:
        super().__init__("SPINDLER", 0.9)
        self.ends = (first, last)

    def read(self, crops: torch.Tensor) -> Read:
        told, columns = super().read(crops), crops.shape[-1] // STRIDE[1]
        attention = torch.zeros(*told.tokens.shape, 4, columns)
        attention[:, 0, :, int(self.ends[0] * columns)] = 0.25
        attention[:, 1:, :, int(self.ends[1] * columns) - 1] = 0.25
        return told._replace(attention=attention)


@pytest.mark.parametrize("turns", [0, 1])
def test_the_box_of_a_line_that_was_read_reaches_from_its_first_character_to_its_last(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = np.rot90(grey(anatomy(256) + ink("KANARIE 1901", 24, (90, 60), (256, 256))), turns).copy()
    reached = []
    for ends in ((0.0, 0.6), (0.4, 0.6), (0.4, 1.0)):
        monkeypatch.setattr(weights, "reader", lambda ends=ends: Looking(*ends))
        ((box, _),) = judged(picture)
        reached.append((box.left, box.right) if turns == 0 else (256 - box.bottom, 256 - box.top))
    wide_left, inside, wide_right = reached
    assert wide_left[0] < inside[0]
    assert wide_left[1] == inside[1]
    assert wide_right[0] == inside[0]
    assert wide_right[1] > inside[1]


def test_slices_that_show_letters_are_named_by_their_rows() -> None:
    marked = anatomy(128) + ink("L 12", 16, (8, 8), (128, 128))
    codes: Codes = np.rint(np.stack([anatomy(128), marked.clip(0, 1), anatomy(128, 1)]) * 65535).astype(np.uint16)
    assert rows_with_letters(codes, [0, 1, 2]) == [1]
    assert rows_with_letters(codes, [2, 0]) == []


def test_what_was_read_is_said_nowhere(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    name = "KANARIE^VERA"
    with caplog.at_level(logging.DEBUG):
        found = judged(grey(anatomy(256) + ink(name, 24, (20, 10), (256, 256))))
    said = caplog.text + "".join(capfd.readouterr()) + repr(found)
    assert found
    assert not any(part in said for part in name.split("^"))


def test_the_weights_are_small_and_their_card_says_where_they_are_from() -> None:
    files = sorted((Path(weights.__file__).parent / "weights").glob("*.safetensors"))
    assert weights.DETECTOR in files
    assert sum(path.stat().st_size for path in files) < 2_000_000
    card = (Path(weights.__file__).parent / "weights" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert all(digest in card for digest in weights.digests().values())
    assert all(word in card for word in ("CC BY 3.0", "CC BY 4.0", "train_screen.py", "Apache-2.0"))
