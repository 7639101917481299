"""Captions as a condition: column of the store → words → tokens; `sample --text` → the same.

A run keeps the words that at least FEWEST_PATIENTS training patients have, and the captions that as many have, with
their numbers of slices. Token PADDING fills a row up and is no word; the words are counted from 1, so the length of a
caption is the number of its tokens that are not PADDING.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from medattngan.conditions.condition import Column
from medattngan.conditions.numbers import FEWEST_PATIENTS
from medattngan.conditions.words import words
from medattngan.core.files import UserError

TEXT = "text"
"""The column of a store's index and of the samples; a slice's captions stand one a line."""
PADDING = 0
"""The token after the last word. It stands for nothing else: it is no end of sentence, and no word has it."""
MOST_WORDS = 32
"""Of a longer caption the first are told; fewer, where no training slice has so many."""
MOST_CAPTIONS = 1000
"""Kept in a run to draw from, the commonest."""
DRAWN_WORDS = 6
"""In a caption that is drawn where the training patients have none in common."""


def lengths(tokens: Tensor) -> Tensor:
    """Words in each row of tokens (…, T): (…).

    >>> lengths(torch.tensor([[3, 1, 0, 0], [2, 2, 1, 2]]))
    tensor([2, 4])
    """
    return (tokens != PADDING).sum(-1)


@dataclass(frozen=True)
class Text:
    """Captions, by the words that the training slices have.

    Args:
        vocabulary: in alphabetical order; token i + 1 is word i.
        captions: those that at least FEWEST_PATIENTS training patients have.
        counts: how many training slices have each of them.
        word_counts: how many training slices have each word.
        longest: words that are told of a caption at most; of a longer one the first.

    >>> Text(("axial", "thalamus")).encode(["Axial: thalamus", "thalamus"])[:, :3]
    tensor([[1, 2, 0],
            [2, 0, 0]])
    """

    vocabulary: tuple[str, ...]
    captions: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    word_counts: tuple[int, ...] = field(default=(), repr=False)
    longest: int = MOST_WORDS
    name: str = TEXT

    @cached_property
    def tokens(self) -> dict[str, int]:
        """The token of each word."""
        return {word: token for token, word in enumerate(self.vocabulary, 1)}

    def known(self, text: str) -> list[str]:
        """The words of a caption that are in the vocabulary, in order, `longest` at most."""
        return [word for word in words(text) if word in self.tokens][: self.longest]

    def unknown(self, text: str) -> list[str]:
        """The words of a caption that are not in the vocabulary."""
        return [word for word in words(text) if word not in self.tokens]

    def encode(self, values: Column) -> Tensor:
        """(count, longest) int64 tokens of the first caption of each value, filled up with PADDING."""
        return self.alternatives([str(value).split("\n", 1)[0] for value in values])[:, 0]

    def alternatives(self, values: Column) -> Tensor:
        """(count, most captions of a slice, longest) int64: every caption of each value, in order, then PADDING."""
        told = [[self.known(line) for line in str(value).split("\n")] for value in values]
        rows = torch.zeros(len(told), max(map(len, told), default=1), self.longest, dtype=torch.long)
        for row, lines in zip(rows, told, strict=True):
            for place, line in zip(row, [line for line in lines if line], strict=False):
                place[: len(line)] = torch.tensor([self.tokens[word] for word in line])
        return rows

    def sentence(self, tokens: Tensor) -> list[str]:
        """The words of one row of tokens (T,)."""
        return [self.vocabulary[int(token) - 1] for token in tokens if token != PADDING]

    def parse(self, text: str) -> str:
        """A caption as the networks are told it: its known words.

        Raises:
            UserError: it has none; the vocabulary is listed.
        """
        known = self.known(text)
        if not known:
            said = "is empty" if not words(text) else "has no word that this run knows"
            raise UserError(f"--text {said}; write it with: {', '.join(self.vocabulary)}.")
        return " ".join(known)

    def require(self, values: Column) -> None:
        """Refuse captions without a known word.

        Raises:
            UserError: naming the vocabulary.
        """
        for value in values:
            self.parse(str(value))

    def draw(self, count: int, seed: int, place: int) -> list[str]:
        """Captions as often as the training slices have those that several patients have; where they have none in
        common, DRAWN_WORDS words at most, as often as the training slices have them."""
        rng = np.random.default_rng([seed, 4, place])
        if self.captions:
            shares = np.asarray(self.counts, np.float64)
            return [self.captions[i] for i in rng.choice(len(self.captions), count, p=shares / shares.sum())]
        shares = np.asarray(self.word_counts or [1] * len(self.vocabulary), np.float64)
        some = min(DRAWN_WORDS, len(self.vocabulary))
        picked = [rng.choice(len(self.vocabulary), some, replace=False, p=shares / shares.sum()) for _ in range(count)]
        return [" ".join(self.vocabulary[i] for i in row) for row in picked]

    def spread(self, count: int, seed: int, place: int) -> list[str]:
        """As `draw`."""
        return self.draw(count, seed, place)

    def column(self, values: Column) -> Any:
        """Text: the known words of each caption."""
        return pd.array([" ".join(self.known(str(value))) for value in values], dtype="string")

    def record(self) -> dict[str, Any]:
        """Vocabulary, captions and counts: nothing that fewer than FEWEST_PATIENTS patients have."""
        kept: dict[str, tuple[Any, ...]] = {"vocabulary": self.vocabulary, "captions": self.captions}
        kept |= {"counts": self.counts, "word_counts": self.word_counts}
        return {"kind": TEXT, "longest": self.longest, **{key: list(value) for key, value in kept.items()}}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Text:
        """What `record` gave."""
        return cls(
            tuple(map(str, record["vocabulary"])),
            tuple(map(str, record["captions"])),
            tuple(map(int, record["counts"])),
            tuple(map(int, record["word_counts"])),
            int(record["longest"]),
        )


def measure_text(index: pd.DataFrame, name: str = TEXT) -> Text:
    """Vocabulary and captions of the training slices of `index`.

    Raises:
        UserError: a slice has no caption, or none of its words is said of FEWEST_PATIENTS patients.
    """
    patients = [str(patient) for patient in index["patient"]]
    told = [[words(line) for line in ("" if pd.isna(one) else str(one)).split("\n")] for one in index[name]]
    vocabulary = common(zip(patients, ([word for line in lines for word in line] for lines in told), strict=True))
    known = [[" ".join(word for word in line if word in vocabulary) for line in lines] for lines in told]
    if missing := sum(not any(lines) for lines in known):
        raise UserError(
            f"data.conditions has {name}, but {missing} of {len(known)} training slices have no caption of words that "
            f"{FEWEST_PATIENTS} patients have; ingest with --captions that say something of every scan."
        )
    pairs = [(patient, [line for line in lines if line]) for patient, lines in zip(patients, known, strict=True)]
    shared = common(pairs)
    counted = Counter(line for _, lines in pairs for line in lines if line in shared)
    kept = sorted(counted, key=lambda line: (-counted[line], line))[:MOST_CAPTIONS]
    said = Counter(word for lines in known for word in {word for line in lines for word in line.split()})
    ordered = tuple(sorted(vocabulary))
    longest = min(MOST_WORDS, max(len(line.split()) for lines in known for line in lines))
    return Text(
        ordered, tuple(kept), tuple(counted[line] for line in kept), tuple(said[word] for word in ordered), longest
    )


def common(said: Iterable[tuple[str, Sequence[str]]], least: int = FEWEST_PATIENTS) -> set[str]:
    """What at least `least` patients have, of pairs (patient, what is said of one slice).

    >>> common([("a", ["axial", "smith"]), ("b", ["axial"]), ("c", ["axial"]), ("a", ["smith"])])
    {'axial'}
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for patient, several in said:
        for one in several:
            owners[one].add(patient)
    return {one for one, patients in owners.items() if len(patients) >= least}


def is_text(index: pd.DataFrame, name: str) -> bool:
    """Whether the column is that of the captions."""
    return name == TEXT and name in index
