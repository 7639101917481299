"""A caption comes back as it was told, with words of several training patients alone, and padding is no word."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medattngan.conditions.table import draw, encoded, of_run, to_store
from medattngan.conditions.text import MOST_WORDS, PADDING, Text, lengths, measure_text
from medattngan.conditions.words import words
from medattngan.core.files import UserError
from medattngan.data.batches import one_of

WORDS = ("axial", "brain", "putamen", "stem", "t1", "thalamus")
TEXT = Text(WORDS, ("axial t1", "axial t1 thalamus"), (3, 1), (4, 0, 0, 0, 4, 1))


def index(**captions: list[str]) -> pd.DataFrame:
    rows = [{"patient": patient, "text": text} for patient, several in captions.items() for text in several]
    return pd.DataFrame(rows)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=MOST_WORDS))
def test_tokens_and_lengths_give_the_caption_back(said: list[str]) -> None:
    tokens = TEXT.encode([" ".join(said)])
    assert TEXT.sentence(tokens[0]) == said
    assert lengths(tokens).tolist() == [len(said)]


def test_padding_is_no_word_and_no_word_is_padding() -> None:
    assert PADDING not in TEXT.tokens.values()
    assert sorted(TEXT.tokens.values()) == list(range(1, len(WORDS) + 1))
    row = TEXT.encode(["brain stem"])[0]
    assert (row[2:] == PADDING).all()
    assert len(row) == MOST_WORDS


def test_a_longer_caption_is_cut_and_still_has_its_length() -> None:
    tokens = TEXT.encode([" ".join(["axial"] * (MOST_WORDS + 5))])
    assert lengths(tokens).tolist() == [MOST_WORDS]


def test_words_and_captions_of_fewer_than_three_patients_are_in_no_run() -> None:
    said = index(a=["axial thalamus", "axial smith"], b=["axial thalamus"], c=["axial thalamus jones"], d=["axial"])
    text = measure_text(said)
    assert text.vocabulary == ("axial", "thalamus")
    assert text.captions == ("axial thalamus",)  # `axial` alone is said of two patients, when rare words are left out
    record = str(to_store([text]))
    assert "smith" not in record
    assert "jones" not in record
    assert of_run(to_store([text])) == (text,)


def test_slices_without_a_caption_cannot_be_trained_on() -> None:
    said = index(a=["axial"], b=["axial"], c=["axial"], d=["", "axial"])
    with pytest.raises(UserError, match=r"1 of 5 training slices have no caption.*ingest with --captions"):
        measure_text(said)
    with pytest.raises(UserError, match="1 of 4 training slices"):
        measure_text(pd.DataFrame({"patient": list("abcd"), "text": ["axial", "axial", "axial", pd.NA]}))


@pytest.mark.parametrize(("text", "why"), [("", "is empty"), ("12, 13!", "is empty"), ("kidney", "no word that this")])
def test_an_empty_or_unknown_caption_is_refused_with_the_vocabulary(text: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"--text .*{why}.*axial, brain, putamen, stem, t1, thalamus"):
        TEXT.parse(text)


def test_what_is_partly_unknown_keeps_its_known_words_and_names_the_others() -> None:
    assert TEXT.parse("Axial T1: kidney and THALAMUS") == "axial t1 thalamus"
    assert TEXT.unknown("Axial T1: kidney and THALAMUS") == ["kidney", "and"]


def test_captions_are_drawn_as_often_as_the_training_slices_have_them() -> None:
    drawn = draw([TEXT], 4000, seed=1)["text"]
    assert np.mean([one == "axial t1" for one in drawn]) == pytest.approx(0.75, abs=0.03)
    assert list(drawn[:5]) == list(draw([TEXT], 5, seed=1)["text"])
    assert encoded([TEXT], {"text": drawn[:7]})["text"].shape == (7, MOST_WORDS)


def test_where_no_caption_is_shared_words_are_drawn_and_each_draw_is_a_caption() -> None:
    lonely = Text(WORDS, (), (), (4, 1, 1, 1, 4, 1))
    drawn = lonely.draw(50, 0, 0)
    lonely.require(drawn)
    assert {word for one in drawn for word in one.split()} == set(WORDS)


def test_each_of_several_captions_is_told_in_its_turn_and_none_that_is_not_there() -> None:
    captions = TEXT.alternatives(["axial\nbrain stem\nputamen", "thalamus"])
    assert captions.shape == (2, 3, MOST_WORDS)
    shares = np.linspace(0, 0.999, 30)
    told = [one_of(captions, np.array([share, share])) for share in shares]
    first = {tuple(TEXT.sentence(one[0])) for one in told}
    assert first == {("axial",), ("brain", "stem"), ("putamen",)}
    assert {tuple(TEXT.sentence(one[1])) for one in told} == {("thalamus",)}


def test_words_are_letters_and_sequences_and_no_numbers() -> None:
    assert words("X-ray of 12/05/2020, T2w, CD4+ 350 cells; L5") == ["x-ray", "of", "t2w", "cells", "l5"]


def test_the_record_of_a_run_rebuilds_the_same_tokens() -> None:
    again = Text.from_record(TEXT.record())
    assert torch.equal(again.encode(["axial thalamus"]), TEXT.encode(["axial thalamus"]))
