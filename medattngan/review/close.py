"""Close a reader study: take no more reads, lift the seal, and put every read beside the truth."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
from pyarrow import ArrowException

from medattngan.core.files import UserError, atomic_path, digest
from medattngan.core.seal import SEAL, forget, replace_file
from medattngan.core.spreadsheets import defuse, restore
from medattngan.review.database import Database, Read
from medattngan.review.protocol import PATIENT, Protocol, Question
from medattngan.review.study import Study

READS = "reads.csv"
TRUTH = {False: "real", True: "synthetic"}
SIDES = {False: "left", True: "right"}
"""Of a pair: where the synthetic one lies."""


def close_study(path: str | Path, *, incomplete: bool = False) -> Path:
    """End the reading for good and write `reads.csv`, one row a read that counts; return its path.

    A server that is running refuses further reads at once. Closing again writes the same file again, also where it was
    changed or removed: it is made of the database alone.

    Raises:
        UserError: a reader has unread cases and `incomplete` is false, or the sealed truth is not what was sealed.
    """
    if (Path(path) / SEAL).is_file():
        forget(Path(path), "study", READS)
    study = Study.open(path)
    truth = open_truth(study)
    database = Database(study.database)
    try:
        database.mark_closed(incomplete=incomplete)
        reads = database.all_newest()
    finally:
        database.close()
    out = study.path / READS
    replace_file(study.path, "study", READS, lambda file: write_reads(file, reads, truth, study.protocol))
    return out


def load_reads(path: str | Path) -> pd.DataFrame:
    """The reads of a closed study, one row a read, by reader and position.

    Columns: `reader` (str), `position` (int, from 1), `case` (int, index into cases.npy), `synthetic` (bool),
    `patient-number` (int, the same for real cases of one patient, missing for synthetic ones; not in files of versions
    that did not write it), one
    column a question (numbers where its options are; missing where an optional question was left out; text is ""
    then), and `milliseconds` (int). Of pairs, in place of `synthetic`: `right` (bool), whether the synthetic one lay
    there, and `group` (int), the same for pairs whose real one is of the same patient.

    Raises:
        UserError: the study is not closed, or its reads.csv was edited into something else.
    """
    study = Study.open(path)
    file = study.path / READS
    if not file.is_file():
        raise UserError(f"{study.path} is not closed yet; first run: medattngan review close {study.path}")
    try:
        return parse_reads(file, study.protocol)
    except (ValueError, pd.errors.ParserError) as error:
        cure = f"write it again: medattngan review close {study.path} --incomplete"
        raise UserError(f"{file} cannot be read ({error}); {cure}") from None


def tabulate(reads: list[Read], truth: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """One row a read, as `reads.csv` holds it; `truth` is indexed by case and has `synthetic`, of pairs `right`.

    What readers wrote is defused: a comment that begins with = would be computed where the file is opened.
    """
    words, known = (SIDES, truth["right"]) if protocol.pairs else (TRUTH, truth["synthetic"])
    beside = pd.DataFrame({"truth": known.map(words)})
    numbers = pd.factorize(truth["patient"])[0]
    if protocol.pairs:
        beside["group"] = numbers
    else:
        beside[PATIENT] = ["" if number < 0 else str(number) for number in numbers]
    of_case = {case: dict(zip(beside.columns, row, strict=True)) for case, *row in beside.itertuples(name=None)}
    rows = [_row(read, of_case[read.case], protocol) for read in reads]
    return pd.DataFrame(rows, columns=_columns(protocol))


def write_reads(file: Path, reads: list[Read], truth: pd.DataFrame, protocol: Protocol) -> None:
    """Write `reads` as CSV beside their truth (see `tabulate`)."""
    table = tabulate(reads, truth, protocol)
    with atomic_path(file) as temporary:
        # All text in quotes: a comment may hold a lone carriage return, which no default would quote.
        table.to_csv(temporary, index=False, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)


def parse_reads(file: Path, protocol: Protocol) -> pd.DataFrame:
    """Read what `write_reads` wrote; the columns are those of `load_reads`.

    Raises:
        ValueError: it is something else.
    """
    return in_types(pd.read_csv(file, dtype="string", keep_default_na=False, na_filter=False), protocol)


def in_types(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """What `tabulate` gives, as text, → the columns of `load_reads`.

    Raises:
        ValueError: it is something else.
    """
    columns = _columns(protocol)
    if list(table.columns) not in (columns, [name for name in columns if name != PATIENT]):
        raise ValueError("its columns are not those of the protocol")
    words = SIDES if protocol.pairs else TRUTH
    if set(table["truth"]) - set(words.values()):
        raise ValueError(f"it has a truth that is neither {words[False]} nor {words[True]}")
    named = "right" if protocol.pairs else "synthetic"
    truth: dict[str, pd.Series[Any]] = {named: (table["truth"] == words[True]).astype(bool)}
    if protocol.pairs:
        truth["group"] = table["group"].astype("int64")
    elif PATIENT in table:
        truth[PATIENT] = table[PATIENT].mask(table[PATIENT] == "").astype("Int64")
    return pd.DataFrame(
        {
            "reader": table["reader"].astype(object),
            "position": table["n"].astype("int64"),
            "case": table["case"].astype("int64"),
            **truth,
            **{question.id: _answers(table[question.id], question) for question in protocol.questions},
            "milliseconds": table["milliseconds"].astype("int64"),
        }
    )


def _answers(column: pd.Series[str], question: Question) -> pd.Series[Any]:
    """One question's column as read from CSV, in the type of its options."""
    if question.kind == "text" or isinstance(question.options[0].value, str):
        return column.map(restore).astype(object)
    numbers = column.mask(column == "").astype("Int64")
    return numbers if numbers.isna().any() else numbers.astype("int64")


def open_truth(study: Study) -> pd.DataFrame:
    """The sealed answers by case, checked against the digest that study.json was given when they were sealed.

    Raises:
        UserError: they are not what was sealed.
    """
    file = study.path / "truth.parquet"
    if not file.is_file():
        raise UserError(f"{file} does not exist; without it no read can be judged: put back a copy.")
    if digest(file) != study.facts["truth_digest"]:
        raise UserError(f"{file} is not the file that was sealed when the study was made; put back a copy.")
    try:
        return pd.read_parquet(file).set_index("case")
    except (OSError, ValueError, ArrowException):
        raise UserError(f"{file} cannot be read; put back a copy.") from None


def _columns(protocol: Protocol) -> list[str]:
    truth = ["truth", "group" if protocol.pairs else PATIENT]
    return ["reader", "n", "case", *truth, *(question.id for question in protocol.questions), "milliseconds"]


def _row(read: Read, truth: dict[str, object], protocol: Protocol) -> dict[str, object]:
    given = {question.id: read.answers.get(question.id, "") for question in protocol.questions}
    answers = {name: defuse(answer) if isinstance(answer, str) else answer for name, answer in given.items()}
    where = {"reader": f"reader-{read.reader}", "n": read.n, "case": read.case, **truth}
    return {**where, **answers, "milliseconds": read.milliseconds}
