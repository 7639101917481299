"""Captions of the slices that are in the store, and their vocabulary: words of the training split alone.

What is written is words of the vocabulary and nothing else, one caption a line: a word that fewer than FEWEST_PATIENTS
training patients have stands in no caption of any split.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from medattngan.conditions.numbers import FEWEST_PATIENTS
from medattngan.conditions.text import TEXT, common
from medattngan.conditions.words import words
from medattngan.core.files import UserError
from medattngan.core.text import counted
from medattngan.scans.captions.attributes import attributes
from medattngan.scans.captions.identifying import KINDS
from medattngan.scans.captions.notes import read_captions
from medattngan.scans.captions.regions import Regions, read_areas, read_regions
from medattngan.scans.series import Series
from medattngan.scans.table.rows import Labels
from medattngan.stages.ingest.assemble import StoredSeries

ATTRIBUTES = "attributes"
RECIPES = (".yaml", ".yml")


@dataclass(frozen=True)
class Captions:
    """What was asked for: tables with what was left out of them by kind, recipes of regions, and attributes."""

    files: tuple[Path, ...] = ()
    tables: tuple[Labels, ...] = ()
    left_out: Counter[str] | None = None
    recipes: tuple[Regions, ...] = ()
    by_attributes: bool = False

    @classmethod
    def read(cls, sources: Sequence[str | Path], keep: Sequence[str]) -> Captions:
        """Read what `--captions` names: `attributes`, a YAML of regions, or a table.

        Raises:
            UserError: one cannot be read.
        """
        if isinstance(sources, str | Path):
            sources = [sources]
        files = tuple(Path(one) for one in sources if str(one) != ATTRIBUTES)
        tables = [read_captions(path, keep) for path in files if path.suffix.lower() not in RECIPES]
        return cls(
            files,
            tuple(table for table, _ in tables),
            sum((left for _, left in tables), Counter()),
            tuple(read_regions(path) for path in files if path.suffix.lower() in RECIPES),
            any(str(one) == ATTRIBUTES for one in sources),
        )

    @property
    def asked(self) -> list[str]:
        """The kinds of sources, in the order of a slice's captions."""
        return ["table"] * len(self.tables) + ["regions"] * len(self.recipes) + [ATTRIBUTES] * self.by_attributes

    def join(
        self, index: pd.DataFrame, chosen: Sequence[tuple[StoredSeries, list[int]]], record: dict[str, Any]
    ) -> pd.DataFrame:
        """The index with a column `text`, where captions were asked for; `record` gains `captions`, and a note.

        Args:
            index: one row a slice, in the order of `chosen`.
            chosen: the series, and which of their slices are in the store.

        Raises:
            UserError: no word is said of FEWEST_PATIENTS training patients.
        """
        if not self.asked:
            return index
        shared = self._of_several([part.series for part, _ in chosen])
        areas = cache(lambda recipe, path: None if path in shared else read_areas(path, self.recipes[recipe].values))
        lines = [one for part, keep in chosen for one in self._of_series(part, keep, areas)]
        train = (index["split"] == "train").to_numpy()
        patients = [str(patient) for patient in index["patient"]]
        told = [(patients[i], [w for line in lines[i] for w in words(line)]) for i in range(len(lines)) if train[i]]
        vocabulary = common(told)
        lacking = self._lacking([part.series for part, _ in chosen])
        if shared:
            maps = counted(len(shared), "maps of regions were", "map of regions was")
            lacking.append(
                f"{maps} not read, as each would be of several patients, whose files bear one name; put maps into "
                "folders as those of their scans."
            )
        if not vocabulary:
            said = (
                f"--captions: no word is said of {FEWEST_PATIENTS} training patients; check what they say, and of whom."
            )
            raise UserError(" ".join([said, *lacking]))
        kept = [_known(several, vocabulary) for several in lines]
        every = {word for several in lines for line in several for word in words(line)}
        counts = Counter(word for i in range(len(lines)) if train[i] for word in set(" ".join(kept[i]).split()))
        record["captions"] = {
            "sources": self.asked,
            "vocabulary": {word: counts[word] for word in sorted(vocabulary)},
            "fewest_patients": FEWEST_PATIENTS,
            "rare_words_left_out": len(every - vocabulary),
            "could_identify": dict(sorted((self.left_out or Counter()).items())),
            "slices_without": sum(not one for one in kept),
        }
        record["notes"] += [*_notes(record["captions"], len(index)), *lacking]
        return index.assign(**{TEXT: pd.array(["\n".join(one) or None for one in kept], dtype="string")})

    def _of_several(self, series: Sequence[Series]) -> set[Path]:
        """The maps that would be of more than one patient: names that say only what was scanned do not tell whose."""
        whose: dict[Path, set[str]] = defaultdict(set)
        for one in series:
            for recipe in self.recipes:
                whose[recipe.path(one)].add(one.patient)
        return {path for path, patients in whose.items() if len(patients) > 1 and path.is_file()}

    def _lacking(self, series: Sequence[Series]) -> list[str]:
        """A sentence for each recipe that finds no map for some series; it names none of them."""
        counts = [sum(not recipe.path(one).is_file() for one in series) for recipe in self.recipes]
        return [
            f"{count} of {len(series)} series have no map of regions: of SCAN.nii.gz it would be "
            f"{recipe.folder.name}/SCAN{recipe.suffix}; check masks and suffix of the recipe."
            for recipe, count in zip(self.recipes, counts, strict=True)
            if count
        ]

    def _of_series(self, part: StoredSeries, keep: Sequence[int], areas: Any) -> Iterator[list[str]]:
        """The captions of each kept slice of a series."""
        slices, plane, series = part.record["slices"], str(part.record["plane"]), part.series
        places = [math.nan if slices[i][0] is None else float(slices[i][0]) for i in range(len(slices))]
        known = [place for place in places if math.isfinite(place)]
        span = (min(known), max(known)) if known else (math.nan, math.nan)
        for i in keep:
            said = [_listed(table, series, int(slices[i][2])) for table in self.tables]
            for number, recipe in enumerate(self.recipes):
                found = areas(number, recipe.path(series))
                at = None if found is None else found.at(plane, places[i])
                said.append("" if at is None else recipe.say(at, plane, series.modality))
            said.append(attributes(series, plane, places[i], span) if self.by_attributes else "")
            yield [line for one in said for line in one.split("\n") if line]


def _listed(table: Labels, series: Series, source: int) -> str:
    """What a table says of a slice, one caption a line."""
    piece = series.pieces[max(source, 0)]
    row = table.find(piece.relative, series.patient, piece.patient, by_stem=len(series.pieces) == 1)
    return "" if row is None or row.label is None else row.label


def _known(lines: Sequence[str], vocabulary: set[str]) -> list[str]:
    """Captions of known words alone, each once."""
    kept = (" ".join(word for word in words(line) if word in vocabulary) for line in lines)
    return list(dict.fromkeys(line for line in kept if line))


def _notes(record: dict[str, Any], slices: int) -> list[str]:
    said = f"Captions: {len(record['vocabulary'])} words of at least {FEWEST_PATIENTS} training patients each"
    notes = [f"{said}; {record['rare_words_left_out']} rarer ones were left out."]
    if record["could_identify"]:
        kinds = "; ".join(f"{count} times {KINDS[kind]}" for kind, count in record["could_identify"].items())
        notes.append(f"Left out of the captions as they could identify: {kinds}; --keep-word WORD keeps one.")
    if record["slices_without"]:
        notes.append(f"{record['slices_without']} of {slices} slices have no caption.")
    return notes
