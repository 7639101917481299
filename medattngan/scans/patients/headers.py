"""Whose a DICOM object is: Patient ID, its issuer, and the study. Clauses are of DICOM PS3.3.

A Patient ID (C.7.1.1) is unique within its Issuer of Patient ID. Archives and de-identification leave the issuer out,
pad the number or replace it, so that two IDs that could be one patient's are one patient here:

- case, blanks, signs and zeros in front do not count, nor does a visit behind the number;
- an ID is told apart by issuer only where every object with it names one;
- objects of one study are of one patient (C.7.2.1), whatever their IDs; but a Study Instance UID too short to be
  unique, as 1.2.3 is, joins only those without an ID;
- an ID that stands for nobody is no ID. Objects without one are of their study's patient, or of whom their path says,
  and all that are left are one patient.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from medattngan.scans.patients.conventions import named_by_data_set
from medattngan.scans.patients.names import same
from medattngan.scans.patients.owner import Owner
from medattngan.scans.patients.paths import by_convention
from medattngan.scans.patients.sets import Joined
from medattngan.scans.patients.words import words_of

_WITH_CHECK_DIGIT = re.compile(r"[^^]+\^\w{1,2}\^(?:M10|M11|ISO|NPI|BCV)?\^")
"""An HL7 identifier with a check digit and a scheme of HL7's table 0061; other words between carets are a name's."""
NOBODY = words_of(
    """
    anon anonym anonymous anonymus anonymized anonymised anonymize anonymise anonymouspatient anonymizedpatient
    anonymisedpatient anonymouspatientid patientanonymous anonymizedid anonymizer anonyme anonymisiert anonimo
    anonimizado deidentified deid deidentifiedpatient unknown unknownid unknownpatient unk unidentified unbekannt
    inconnu desconocido sconosciuto none null nil na nan notavailable notapplicable notassigned nopatientid nopatid
    noid noname nobody patientid patid pid mrn id empty blank removed redacted hidden masked deleted dummy undefined
    default tbd tba todo private confidential doe johndoe janedoe doejohn doejane patientname name namefirst
    subject case notprovided unspecified anonymousstudy anoniem onbekend okand ukendt
    """
)
"""What stands in Patient ID where nobody is meant, without blanks and signs. With a number, ANON017, it is somebody."""

VISIT = re.compile(
    r"(?:(?<=\d\d\d)[\W_]+(?:v|t|d|w|m|y|mr|ct)\d{1,2}"
    r"|(?<=\d)[\W_]+(?:(?:vis|visit|ses|session|tp|time|timepoint|scan|exam|study|day|wk|week|mo|month|yr|year|fu|followup)"
    r"[\W_]?\d{1,4}|fu|follow-?up|bl|baseline|pre|post|pre-?op|post-?op|screening))[\W_]*$",
    re.IGNORECASE,
)
"""A visit behind the number of a patient: XYZ-001-V2, P12_pre, 0047 FU3."""

UNSIGNED = 6
"""Numbers of so many characters are written with signs and without; in shorter ones a sign parts site and number."""

UNIQUE_UID = 16
"""A UID shorter than this was made up by hand, and may be on the scans of many patients."""

Node: TypeAlias = tuple[str, str]
"""A patient's key, and the issuer where it takes one to tell two apart."""

NAMELESS: Node = ("\0nobody", "")


class Header(NamedTuple):
    """What an object says of its patient, each empty where it says nothing, and its path where it names nobody."""

    patient: str
    issuer: str
    study: str
    relative: str


def header(patient: str, issuer: str, study: str, relative: str) -> Header:
    """The header of an object: the same for all of a study that have a Patient ID.

    >>> header("12^^^HOSP&1.2&ISO", "", "1", "")[:2]
    ('12', 'HOSP')
    >>> header("12^4^M11^HOSP", "", "1", "")[:2]  # with a check digit, and how it was worked out
    ('12', 'HOSP')
    """
    # HL7's identifiers come with who gave them (v2.5, 2.A.14), and some gateways copy all of it.
    patient = patient.strip("^ ")
    if _WITH_CHECK_DIGIT.match(patient):
        patient, _, _, authority = patient.split("^")[:4]
    else:
        patient, _, authority = re.sub(r"\^{2,}", "^^", patient).partition("^^")
    issuer = issuer or authority.partition("&")[0]
    return Header(patient, issuer, study, relative if is_nobody(patient) else "")


@lru_cache(maxsize=1 << 16)
def is_nobody(patient: str) -> bool:
    """Whether a Patient ID names nobody.

    >>> is_nobody("ANONYMOUS"), is_nobody("0000"), is_nobody(" "), is_nobody("X-X-X"), is_nobody("anon 17")
    (True, True, True, True, False)
    """
    plain = re.sub(r"[\W_]+", "", patient).casefold()
    return not plain or plain in NOBODY or re.fullmatch(r"0+|x+|9{4,}", plain) is not None


def owners(headers: Iterable[Header]) -> dict[Header, Owner]:
    """Whose each object is.

    >>> found = owners([Header("123 ", "", "1", ""), Header("00123", "site", "2", ""), Header("124", "", "3", "")])
    >>> len({owner.key for owner in found.values()})
    2
    """
    everyone = sorted(set(headers))
    sets = Joined()
    nodes = _by_id(everyone)
    rules = dict.fromkeys(nodes, "header")
    _join_studies(nodes, sets, [one.study for one in nodes if len(one.study) >= UNIQUE_UID])
    _join_unsigned(nodes, sets)
    for by_path in (False, True):
        if by_path:
            for one in (one for one in everyone if one not in nodes):
                if (found := by_convention(one.relative)) is not None:
                    nodes[one], rules[one] = (found.key, ""), found.rule
        # Whoever has no ID may be anybody of the study.
        without = [one for one in everyone if one not in nodes and one.study]
        known = _join_studies(nodes, sets, [one.study for one in without])
        for one in without:
            if one.study in known:
                nodes[one], rules[one] = known[one.study], "study"
    for one in everyone:
        if one not in nodes:
            nodes[one], rules[one] = NAMELESS, "nobody"
    return _named(nodes, rules, sets)


def _by_id(headers: Sequence[Header]) -> dict[Header, Node]:
    """Those with a Patient ID. Issuers count where every object with an ID names one, and not all the same."""
    named = {one: _by_name(one.patient) for one in headers if not is_nobody(one.patient)}
    issuers: dict[str, set[str]] = defaultdict(set)
    for one, key in named.items():
        issuers[key].add(same(one.issuer))
    return {
        one: (key, same(one.issuer) if "" not in issuers[key] and len(issuers[key]) > 1 else "")
        for one, key in named.items()
    }


@lru_cache(maxsize=1 << 16)
def _by_name(patient: str) -> str:
    """How a Patient ID is compared; without the visit, where a known data set writes it into the ID.

    >>> _by_name("OAS2_0001_MR1"), _by_name("Patient 12-3"), _by_name("XYZ-001-V2")
    ('oas-2-1', 'patient-12-3', 'xyz-1')
    """
    found = named_by_data_set(patient)
    return same(VISIT.sub("", patient) if found is None else found)


def _join_unsigned(nodes: Mapping[Header, Node], sets: Joined) -> None:
    """A long ID that somebody wrote without signs, 1234567890, is that of 123 456 7890; short ones are not."""
    bare: dict[str, list[Header]] = defaultdict(list)
    for one in nodes:
        if one.patient.isalnum() and len(one.patient) >= UNSIGNED:
            bare[one.patient.casefold().lstrip("0")].append(one)
    for one in (one for one in nodes if not one.patient.isalnum()):
        for other in bare[re.sub(r"[\W_]+", "", one.patient).casefold().lstrip("0")]:
            if "" in (one.issuer, other.issuer) or same(one.issuer) == same(other.issuer):
                sets.join(nodes[other], nodes[one])


def _join_studies(nodes: Mapping[Header, Node], sets: Joined, studies: Sequence[str]) -> dict[str, Node]:
    """Make one patient of all in each of `studies`; return one node of each."""
    wanted = set(studies)
    first: dict[str, Node] = {}
    for one, node in nodes.items():
        if one.study in wanted:
            sets.join(first.setdefault(one.study, node), node)
    return first


def _named(nodes: Mapping[Header, Node], rules: Mapping[Header, str], sets: Joined) -> dict[Header, Owner]:
    """Owners whose key and words are the first of their set, so that they depend on no order."""
    members: dict[object, list[tuple[str, str]]] = defaultdict(list)
    for one, node in nodes.items():
        words = (
            one.study or one.relative if is_nobody(one.patient) else "\0".join(filter(None, (one.patient, one.issuer)))
        )
        members[sets.of(node)].append(("\0".join(filter(None, node)), words))
    keys = {group: (min(key for key, _ in some), min(words for _, words in some)) for group, some in members.items()}
    return {one: Owner(*keys[sets.of(node)], rules[one]) for one, node in nodes.items()}
