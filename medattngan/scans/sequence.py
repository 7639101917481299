"""Which MR sequence a series is of: one word of a closed list, whatever the operator wrote and however files are named.

Series descriptions, protocol names and names of files are free text, which may hold a patient's name: they are matched
against the patterns below and go nowhere. What they do not say is told by Acquisition Contrast (0008,9209), a defined
term of DICOM PS3.3 C.8.13.3.1, then by echo, repetition and inversion time. The ranges of times lie around those that
textbooks give for spin echo and inversion recovery (McRobbie et al., MRI from Picture to Proton, 3rd ed. 2017, ch. 3),
with gaps between them: what lies in a gap is OTHER.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

OTHER = "OTHER"

SEQUENCES: dict[str, str] = {
    "T1": "T1-weighted",
    "T1CE": "T1-weighted, after a contrast agent",
    "T2": "T2-weighted",
    "T2star": "T2*-weighted gradient echo",
    "FLAIR": "T2-weighted, fluid attenuated",
    "STIR": "short inversion time, fat suppressed",
    "PD": "proton-density-weighted",
    "DWI": "diffusion-weighted, with or without gradients, and trace images",
    "ADC": "map of the apparent diffusion coefficient",
    "SWI": "susceptibility-weighted",
    "BOLD": "functional",
    "perfusion": "with or without a contrast agent, and its maps",
    "angiography": "time of flight, phase contrast",
    "localizer": "a scout",
    OTHER: "something else, or not known",
}
"""All that a `sequence` can be, and what it means."""

_CONTRASTS = {
    "T1": "T1",
    "T2": "T2",
    "T2_STAR": "T2star",
    "FLUID_ATTENUATED": "FLAIR",
    "STIR": "STIR",
    "PROTON_DENSITY": "PD",
    "DIFFUSION": "DWI",
    "PERFUSION": "perfusion",
    "FLOW_ENCODED": "angiography",
    "TOF": "angiography",
}
"""Acquisition Contrast → sequence; TAGGING, MIXED and UNKNOWN say none."""

_PLAIN: tuple[tuple[str, str], ...] = (
    ("localizer", r"\blocali[sz]er|\bloc\b|\bscout|\bsurvey\b|\b3 ?plane\b"),
    ("ADC", r"\be?adc\b|\bdadc|apparent diffusion"),
    (OTHER, r"\bt[12] ?(?:map|rho)|\bcolfa\b|\bdiff.* fa\b|\btensor\b|\bfield ?map|\bb[01] ?map|\bqsm\b"),
    ("perfusion", r"\bp?c?asl\b|\bperf|\bpwi\b|\bdsc\b|\bdce\b|\bcb[fv]\b|\bmtt\b|\btmax\b"),
    ("DWI", r"\bdwi|\bdti|\bdiff|\btrace|\bdki\b|\bhardi\b|\bhbv\b|\bb[1-9]\d?00\b"),
    ("SWI", r"\bswi\b|\bswip\b|\bswan\b|\bsuscept"),
    ("T2star", r"\bt2w? ?(?:\*|star)|\bt2s\b|\bmedic\b"),
    ("BOLD", r"\bbold\b|\bfmri|\brs ?fmri|\bresting|\btask\b"),
    ("angiography", r"\btof\b|\bmr[av]\b|\bangio"),
)
"""Words that say it alone, in the order in which they are asked: a diffusion series may be called t2, too."""

_FLUID = re.compile(r"flair|dark ?fluid|\bt2f\b")
_SHORT_TI = re.compile(r"\bstir\b|\btirm\b")
_T1 = re.compile(r"\bs?t1(?!\d)|mprage|mp2rage|\bf?spgr\b|\bbravo\b|\bvibe\b|\blava\b|\bthrive\b")
_T2 = re.compile(r"\bs?t2(?!\d)")
_PD = re.compile(r"\bpdw?i?\b|\bproton")
_AGENT = re.compile(r"\+ ?c\b|\bc ?\+|\bpost\b(?! ?op)|\bgd\b|\bgad|\bce\b|\bkm\b|contrast|\bt1(?:ce|c|gd|post|km)\b")
_NO_AGENT = re.compile(
    r"\b(?:pre|non?|without|w o|ohne|vor|sans|sin)\b ?(?:iv )?(?:contrast|gd|gad|km|ce|c)|\bnative?\b"
)

_EITHER = "PD or T2"
"""Two echoes of one scan under one name; the echo time says which."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a series; whatever is not known is left out.

    Args:
        words: description, protocol, Image Type, or the name of a file: free text.
        contrast: Acquisition Contrast.
        kinds: Scanning Sequence (0018,0020): SE, IR, GR, EP, RM.
        echo_ms, repetition_ms, inversion_ms, flip_deg: as set at the scanner.
        b_value: s/mm².
        agent: whether a contrast agent is named.
    """

    words: str = ""
    contrast: str = ""
    kinds: str = ""
    echo_ms: float | None = None
    repetition_ms: float | None = None
    inversion_ms: float | None = None
    flip_deg: float | None = None
    b_value: float | None = None
    agent: bool = False


def sequence(said: Said) -> str:
    """A key of SEQUENCES.

    >>> sequence(Said("t1_mprage_sag_p2_iso")), sequence(Said("AX T2 FLAIR FS")), sequence(Said("Smith knee"))
    ('T1', 'FLAIR', 'OTHER')
    >>> sequence(Said(kinds="SE", echo_ms=100, repetition_ms=4000)), sequence(Said("T1", agent=True))
    ('T2', 'T1CE')
    """
    found = by_words(said.words)
    if found == _EITHER:
        found = "" if said.echo_ms is None else "PD" if said.echo_ms < 50 else "T2"
    found = found or _CONTRASTS.get(said.contrast.strip().upper(), "") or _by_times(said)
    return "T1CE" if found == "T1" and said.agent else found or OTHER


@lru_cache(maxsize=1 << 12)
def by_words(text: str) -> str:
    """What a text says; empty where it says nothing, or two things at once."""
    words = f" {re.sub(r'[^a-z0-9*+]+', ' ', text.casefold())} "
    for name, pattern in _PLAIN:
        if re.search(pattern, words):
            return name
    one, two = bool(_T1.search(words)), bool(_T2.search(words))
    if _FLUID.search(words):
        return "T1" if one else "FLAIR"
    if _SHORT_TI.search(words):
        return "STIR"
    if one and not two:
        return "T1CE" if _AGENT.search(words) and not _NO_AGENT.search(words) else "T1"
    density = bool(_PD.search(words))
    if two and not one:
        return _EITHER if density else "T2"
    return "PD" if density and not one else ""


def by_name(relative: str) -> str:
    """What the name of a file says, else that of the nearest folder that says something; empty where none does.

    >>> by_name("sub-07/anat/sub-07_T1w.nii.gz"), by_name("IXI-T2/IXI012-HH-1211.nii"), by_name("PD/patient-3.nii")
    ('T1', 'T2', '')
    """
    *folders, file = relative.split("/")
    found = by_words(file)
    if found and found != _EITHER:
        return found
    for folder in reversed(folders):
        found = by_words(folder)
        if found not in ("", _EITHER, "PD"):  # a folder called PD is of Parkinson's disease as often
            return found
    return ""


def _by_times(said: Said) -> str:
    """Empty where the times leave it open."""
    if said.b_value is not None:
        return "DWI"
    if said.echo_ms is None or said.repetition_ms is None or "EP" in said.kinds:
        return ""
    echo, repetition, inversion = said.echo_ms, said.repetition_ms, said.inversion_ms or 0.0
    if inversion:
        if inversion >= 1600 and repetition >= 4000:
            return "FLAIR"
        if 80 <= inversion <= 300 and repetition >= 1500:
            return "STIR"
        return "T1" if 300 < inversion < 1400 and echo < 20 else ""
    return _without_inversion(echo, repetition, said.flip_deg, "GR" in said.kinds)


def _without_inversion(echo: float, repetition: float, flip: float | None, gradient: bool) -> str:
    if repetition < 15:  # spoiled gradient echo; balanced ones flip further
        return "T1" if echo < 7 and flip is not None and 5 <= flip <= 25 else ""
    if 50 <= repetition <= 900:
        if flip is not None and flip < 40:
            return "T2star" if echo >= 10 else ""
        return "T1" if echo < 30 else ""
    if repetition < 2000 or gradient:
        return ""
    return "T2" if echo >= 70 else "PD" if echo <= 45 else ""
