"""An edit of a mask moves what it names, and fills what it leaves."""

from __future__ import annotations

import numpy as np
import pytest

from medattngan.core.files import UserError
from medattngan.data.mask_edits import ALL, Edit
from medattngan.data.masks import Classes

CLASSES = Classes.named(["core", "rim"])


def nested() -> np.ndarray:
    """A core of 4 x 4 within a rim of 8 x 8, in 24 x 24."""
    mask = np.zeros((1, 24, 24), np.uint8)
    mask[0, 8:16, 8:16] = 2
    mask[0, 10:14, 10:14] = 1
    return mask


def test_a_structure_shifted_and_shifted_back_is_where_it_was() -> None:
    there = Edit("shift", ALL, 3, -2).apply(nested(), CLASSES)
    assert np.array_equal(there[0, 3:, :-2], nested()[0, :-3, 2:])
    assert np.array_equal(Edit("shift", ALL, -3, 2).apply(there, CLASSES), nested())


def test_a_scaled_structure_has_the_square_of_the_factor_in_area() -> None:
    larger = Edit("scale", "core", factor=2).apply(nested(), CLASSES)
    assert (larger == 1).sum() == 4 * 16
    rows, columns = np.nonzero(larger[0] == 1)
    assert (rows.mean(), columns.mean()) == (11.5, 11.5)


def test_what_is_removed_becomes_what_lay_around_it() -> None:
    without = Edit("remove", "core").apply(nested(), CLASSES)
    assert (without[0, 8:16, 8:16] == 2).all()
    assert (Edit("remove", ALL).apply(nested(), CLASSES) == 0).all()


def test_a_mask_without_the_structure_stays_as_it_is() -> None:
    assert (Edit("scale", "rim", factor=3).apply(np.zeros((2, 8, 8), np.uint8), CLASSES) == 0).all()


@pytest.mark.parametrize("text", ["turn=core:3", "shift=core", "shift=core:1", "scale=core:0", "remove=", "scale=x:a"])
def test_what_is_no_edit_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(UserError, match="remove=CLASS"):
        Edit.parse(text)


def test_an_edit_names_a_structure_that_there_is() -> None:
    for name in ("liver", "background"):
        with pytest.raises(UserError, match=r"core, rim|no structure"):
            Edit("remove", name).apply(nested(), CLASSES)


@pytest.mark.parametrize(
    "text", ["shift=thalamus:nan,0", "shift=thalamus:0,inf", "scale=thalamus:nan", "scale=thalamus:0"]
)
def test_an_edit_by_no_number_is_none(text: str) -> None:
    with pytest.raises(UserError, match="is not one of"):
        Edit.parse(text)
