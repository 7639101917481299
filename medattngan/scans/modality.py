"""Modality (0008,0060) of images: the defined terms of DICOM PS3.3 C.7.3.1.1.1, and OT for whatever else stands there.

The attribute is a code string that scanners and tools fill with free text all the same, a name among it. It is copied
into stores, runs, samples and exports, so only the standard's own words may pass.
"""

from __future__ import annotations

OTHER = "OT"

_TERMS = """
    BDUS BI BMD CFM CR CT DG DMS DX ES GM IO IVOCT IVUS LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OT PA PT PX
    RF RG RTIMAGE SM SMR SRF TG US VA XA XC
"""
_RETIRED = "CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF"
MODALITIES = frozenset([*_TERMS.split(), *_RETIRED.split()])
"""Terms of objects with pixels. What is no image (SR, KO, RTSTRUCT, ...) is set aside before anybody asks."""


def modality(value: object) -> str:
    """The defined term in `value`, however it is padded and cased; OT where it is none.

    >>> modality("mr "), modality("Doe^Jane"), modality(None), modality(["CT", "PT"])
    ('MR', 'OT', 'OT', 'OT')
    """
    term = str(value or "").strip(" \0").upper()
    return term if term in MODALITIES else OTHER
