"""Name of a file or folder → the part of it that may be a patient's, and the form in which two names are compared."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from medattngan.scans.patients.words import COLLECTION, COUNTER, FINDINGS, NOBODY, PERSON, THING, WHEN, without_factors

_MONTH = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_YEAR, _MM, _DD = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[ _\-T.]?(?:[01]\d|2[0-3])[-_.:]?[0-5]\d(?:[-_.:]?[0-5]\d(?:\.\d+|\d{1,6})?)?)?"
DATE = re.compile(
    rf"(?<!\d)(?:{_YEAR}([-_. ]?){_MM}\1{_DD}{_TIME}|{_DD}([-_. ]?){_MM}\2{_YEAR}{_TIME}"
    rf"|{_MM}([-_. ]?){_DD}\3{_YEAR}{_TIME}"
    rf"|\d?\d[-_ ]?(?:{_MONTH})[a-z]*[-_ ]?{_YEAR})(?!\d)",
    re.IGNORECASE,
)
"""Days: 2019-03-02, 20190302_101530, 02.03.2019, 03-25-2019, 2Mar2019."""
_SHORT_DATE = re.compile(rf"(?<=[A-Za-z][_\-. ])\d\d{_MM}{_DD}(?!\d)")
"""190302 after a word."""
_YEAR_ALONE = re.compile(rf"(?<![A-Za-z0-9]){_YEAR}(?![A-Za-z0-9])")
_FIELD = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:ge|siemens|philips)?\d+(?:[.p]\d+)?(?:T5?|mm|um|px|kv|mas|bit)|[a-z]{0,5}[23]d\d{0,2})"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
"""3T, 1.5T, GE1T5, 2mm, 3D, ep2d: nobody's."""
_SERIES = re.compile(
    r"(?<!\d)((?:19|20)\d{12})_\d{1,5}[a-z]{0,2}(?:_(?:[ceit]\d+|ph|adc|tracew|moco|(?:eq|tilt|roi)_?\d+))*(?![^\W_])",
    re.IGNORECASE,
)
"""The series behind the time of the study, as dcm2niix writes them: 20190302101112_5a_e2_ph."""
_JOINED = re.compile(r"(?<![^\W_])(\d{1,2})(?=(?![0-9a-f]+(?![^\W_]))[^\W\d_]{3,}(?![^\W_]))", re.IGNORECASE)
"""The number of 2Smith and 0Normal, but not of 12abcd, which is a code."""
_GLUED = re.compile(r"(?<=\d)[^\W\d_]{3,}(?![^\W_])")
"""What a program did, written behind a number without a sign: 001Warped."""
_HASH = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4,12}){3,}"
    rf"|(?<![0-9a-f])(?!{_YEAR}{_MM}{_DD}\d{{6,12}}(?![0-9a-f]))[0-9a-f]{{16,}}"
    r"|(?<![^\W_])(?:1\.[23]|2\.16)(?:\.\d+){4,}|(?<![^\W_])2\.25\.\d{6,}",
    re.IGNORECASE,
)
"""UUIDs, digests and UIDs are taken whole, unless a word beside them may be a name: then they are of a slice."""
_VISIT_AT_END = re.compile(
    r"(?<=\d)(?:v|vis|visit|ses|sess|session|s|scan|study|exam|t|tp|time|run|m|d|w|wk|day|month|year|fu|fup)\d{1,4}$"
)
"""The visit of S001V2."""
_WORD = re.compile(r"[^\W_]+")
_SHAPE = re.compile(r"([^\W\d_]*)(\d*)([^\W\d_]?)")


_OF_FILES = THING | FINDINGS | COLLECTION | WHEN
"""A number after one of these is a patient's only where no word is."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a name says of a patient.

    Args:
        word: letters that are in no list of words, joined by `-`; they may be a name.
        number: the first number that counts neither visits nor slices, with its zeros.
        apart: whether a sign stands between word and number.
        after: what follows, in the same terms: the number of a visit, a slice, or of the patient of a collection.
        behind: where no such letters stand before the number, those behind it.
    """

    word: str = ""
    number: str = ""
    after: str = ""
    apart: bool = False
    behind: str = ""

    @property
    def key(self) -> str:
        """The patient by this name; empty where it names nobody."""
        return "-".join(filter(None, (self.word, self.number)))


def stem(name: str) -> str:
    """A file's name without its suffixes.

    >>> stem("sub-01_T1w.nii.gz"), stem("IM-0001.0002.png")
    ('sub-01_T1w', 'IM-0001.0002')
    """
    for suffix in (".gz", ".bz2"):
        name = name.removesuffix(suffix)
    return PurePosixPath(name).stem


@lru_cache(maxsize=1 << 16)
def same(text: str) -> str:
    """The form in which names and numbers of patients are compared: case, accents, blanks, zeros, signs do not count.

    >>> same("Sub-007"), same(" sub7"), same("00123 "), same("A.b_C")
    ('sub-7', 'sub-7', '123', 'a-b-c')
    """
    apart = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(one for one in apart if not unicodedata.combining(one))
    runs = re.findall(r"\d+|[^\W\d_]+", plain)
    joined = "-".join(run.lstrip("0") or "0" if run.isdigit() else run for run in runs)
    return joined or plain.strip(" \0")


def is_known(text: str) -> bool:
    """Whether a name is made of known words, counts and dates alone, and so names nobody.

    >>> is_known("imagesTr"), is_known("visit_2"), is_known("Smith"), is_known("2019-03-02"), is_known("0012")
    (True, True, False, True, False)
    """
    return not parse(text).key


def is_finding(text: str) -> bool:
    """Whether a folder is named for a known finding, group or species, and nothing but what shows it.

    >>> is_finding("Viral Pneumonia"), is_finding("COVID-19"), is_finding("Doe_Jane")
    (True, True, False)
    """
    if "".join(_WORD.findall(text)).casefold() in FINDINGS:
        return "^" not in text
    apart = _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
    words = {word.casefold() for word in apart if not (word.isdigit() and len(word) < 3)}
    return words <= FINDINGS | THING and not words.isdisjoint(FINDINGS) and "^" not in text


@lru_cache(maxsize=1 << 16)
def parse(text: str) -> Name:
    """The part of a name, without its suffix, that may be a patient's.

    >>> parse("Smith_20190302_T1w_pre").key, parse("img_012").key, parse("A1_2019").key, parse("T1_axial_run-2").key
    ('smith', '012', 'a-1', '')
    """
    text = unicodedata.normalize("NFKC", text)
    text = _SERIES.sub(r"\1", text)
    bare = without_factors(text)
    if bare != text and (found_without := parse(bare)).key:
        return found_without
    if found := _HASH.search(text):
        beside = parse(f"{text[: found.start()]} {text[found.end() :]}")
        return beside if beside.word not in ("", *PERSON.split("|")) else Name(word=found.group().casefold())
    text = _GLUED.sub(lambda word: f" {word[0]}" if word[0].casefold() in NOBODY else word[0], text)
    bare = _JOINED.sub(r"\1 ", _SHORT_DATE.sub(" ", _FIELD.sub(" ", DATE.sub(" ", text))))
    without_years = _assemble(_WORD.findall(_YEAR_ALONE.sub(" ", bare).casefold()))
    return without_years if without_years.key else _assemble(_WORD.findall(bare.casefold()))


def _assemble(words: list[str]) -> Name:
    """The words of a name, without dates, put together: see `Name`."""
    prefix: list[str] = []
    behind: list[str] = []
    own: list[str] = []
    things: list[str] = []
    findings: list[str] = []
    previous, apart = "", False
    words = [_VISIT_AT_END.sub("", word) for word in words]
    for word in words:
        parts = _SHAPE.fullmatch(word)
        letters, digits = (parts[1], parts[2]) if parts else ("", word)
        if word in NOBODY:
            pass
        elif word.isdigit():
            if previous not in COUNTER:
                apart = apart or not own
                of_file = previous in _OF_FILES or (things and previous.isdigit())  # both of normal_012_1
                (things if of_file and not own else own).append(word)
        elif letters in FINDINGS and digits:
            findings.append(digits)  # grade2, NORMAL2: a patient's only where no other number is
        elif letters in NOBODY and digits:
            # m06 is a month; M006 is somebody's number.
            things += [digits] * (letters not in COUNTER or (len(letters) == 1 and len(digits) > 2))
        elif not digits:
            (behind if own else prefix).append(word)
        else:
            prefix += [letters] * (bool(letters) and not own)
            own.append(digits)
        previous = word
    numbers = own if prefix else [word for word in _numbers(words) if word in own or word in things]
    number, after = [*(numbers or ([] if prefix else findings)), "", ""][:2]
    return Name("-".join(prefix), number, after, apart, "" if prefix else "-".join(behind))


def _numbers(words: list[str]) -> list[str]:
    """The numbers in the order of the name, alone or joined to a word; codes whole."""
    parts = [_SHAPE.fullmatch(word) for word in words]
    return [part[2] if part else word for part, word in zip(parts, words, strict=True)]
