"""How well-known data sets name their patients: one record each.

A convention is a pattern that is looked for anywhere in a file's path below its source. The groups of the pattern are
what is the patient's own: no visit, sequence, channel or edition of the data set. Where two editions number the same
patients alike, they share a key, so that both may be read into one store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from medattngan.scans.patients.names import parse
from medattngan.scans.patients.words import PERSON, without_factors


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to name a patient.

    Args:
        name: of the data set or standard; it may stand in provenance.
        pattern: a regular expression; case is ignored.
        key: the patient in terms of the pattern's groups.
        example: a path below its source.
        patient: the key of the example.
    """

    name: str
    pattern: str
    key: str
    example: str
    patient: str

    def find(self, path: str) -> str | None:
        """The key of the patient whom `path` names by this convention, None where it names nobody by it.

        >>> CONVENTIONS[0].find("sub-ADNI002S0295/anat/x_T1w.nii")
        'ADNI-002-S-0295'
        """
        found = _compiled(self.pattern).search(path)
        return None if found is None else found.expand(self.key)


_COMPILED: dict[str, re.Pattern[str]] = {}


def _compiled(pattern: str) -> re.Pattern[str]:
    return _COMPILED.setdefault(pattern, re.compile(pattern, re.IGNORECASE | re.ASCII))


_START, _END = r"(?<![a-z0-9])", r"(?![a-z0-9])"
_DECATHLON = "brats|hippocampus|la|liver|lung|prostate|pancreas|colon|hepaticvessel|spleen"

CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "ADNI", rf"(?:{_START}|adni)(\d{{3}})[_-]?s[_-]?(\d{{4,5}}){_END}", r"ADNI-\1-S-\2",
        "ADNI/002_S_0295/MPRAGE/2006-04-18/ADNI_002_S_0295_MR_I13722.nii", "ADNI-002-S-0295",
    ),
    Convention("OASIS", rf"{_START}(OAS(?:[12]_|3|4)\d{{4}}){_END}", r"\1", "OAS2_0001_MR2/mpr-1.nii", "OAS2_0001"),
    Convention(
        "TCGA", rf"{_START}TCGA[-_]([a-z0-9]{{2}})[-_]([a-z0-9]{{4}}){_END}", r"TCGA-\1-\2",
        "TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_1.tif", "TCGA-CS-4941",
    ),
    Convention("BIDS", r"(?:^|/)(sub-[a-z0-9]+)(?=[/_.]|$)", r"\1", "sub-07/ses-2/anat/sub-07_ses-2_T1w.nii", "sub-07"),
    # The glioma cases of 2021 and of 2023 have the same numbers.
    Convention(
        "BraTS 2021", rf"{_START}BraTS2021[-_](\d{{5}}){_END}", r"BraTS-GLI-\1",
        "BraTS2021_00000/BraTS2021_00000_t1ce.nii.gz", "BraTS-GLI-00000",
    ),
    Convention(
        "BraTS 2023", rf"{_START}BraTS-([a-z]+(?:-RT)?)-(\d{{4,5}})(?=-\d{{1,3}}{_END})", r"BraTS-\1-\2",
        "BraTS-GLI-00005-001/BraTS-GLI-00005-001-t1c.nii.gz", "BraTS-GLI-00005",
    ),
    # The cases of 2017 to 2019 are largely the same, and end in the number of a time point.
    Convention(
        "BraTS 2017 to 2019", rf"{_START}BraTS1\d_([a-z0-9]+_[a-z0-9]+)_\d+(?=[_/.]|$)", r"BraTS-\1",
        "Brats18_TCIA01_147_1/Brats18_TCIA01_147_1_flair.nii.gz", "BraTS-TCIA01_147",
    ),
    Convention(
        "BraTS 2020", rf"{_START}(BraTS20_(?:Training|Validation|Testing)_\d+){_END}", r"\1",
        "BraTS20_Training_001/BraTS20_Training_001_flair.nii", "BraTS20_Training_001",
    ),
    Convention(
        "UCSF-PDGM", rf"{_START}(UCSF-PDGM-\d+){_END}", r"\1",
        "UCSF-PDGM-0004_FU003d_nifti/UCSF-PDGM-0004_FU003d_T1.nii.gz", "UCSF-PDGM-0004",
    ),
    Convention(
        "UPENN-GBM", rf"{_START}(UPENN-GBM-\d+){_END}", r"\1", "UPENN-GBM-00001_21_T1GD.nii.gz", "UPENN-GBM-00001",
    ),
    Convention(
        "PI-CAI", r"(?:^|/)(\d{5})_\d{7}(?=[_./]|$)", r"PI-CAI-\1", "10000/10000_1000000_t2w.mha", "PI-CAI-10000",
    ),
    Convention(
        "fastMRI", r"(?:^|/)file_?(?:(?:brain|knee|prostate)_[a-z0-9]+_)?(?:\d{3}_(?=\d{7}))?(\d{3,8})(?=[_.]|$)",
        r"fastMRI-\1", "file_brain_AXT2_200_2000019.nii", "fastMRI-2000019",
    ),
    Convention(
        "CHAOS", r"(?:^|/)(?:MR|CT)/(\d+)/(?:T1DUAL|T2SPIR|DICOM_anon|Ground)(?=/)", r"CHAOS-\1",
        "MR/1/T1DUAL/DICOM_anon/InPhase/IMG-0004-00002.png", "CHAOS-1",
    ),
    Convention(
        "crossMoDA", rf"{_START}crossmoda\d*_([a-z]+_\d+)(?=[_.]|$)", r"crossMoDA-\1",
        "crossmoda2021_ldn_1_ceT1.nii.gz", "crossMoDA-ldn_1",
    ),
    Convention("3D-IRCADb", rf"{_START}(3Dircadb[12]\.\d+){_END}", r"\1", "3Dircadb1.7/image_0.png", "3Dircadb1.7"),
    Convention("IXI", rf"{_START}(IXI\d{{3}}){_END}", r"\1", "IXI012-HH-1211-T1.nii.gz", "IXI012"),
    Convention("LiTS", r"(?:^|/)(?:volume|segmentation)-(\d+)(?=[_./]|$)", r"LiTS-\1", "volume-0.nii", "LiTS-0"),
    Convention(
        "Medical Decathlon", rf"(?:^|/)((?:{_DECATHLON})_\d{{1,3}})(?=[_.]|$)", r"\1", "imagesTr/la_003.nii", "la_003",
    ),
    Convention("MIMIC-CXR", r"(?:^|/)p\d\d/(p\d{8})(?=/)", r"\1", "p10/p10000032/s50414267/02aa804e.jpg", "p10000032"),
    Convention("ChestX-ray14", r"(?:^|/)(\d{8})_\d{3}(?=\.)", r"\1", "images/00000013_005.png", "00000013"),
    # Both knees of a patient have grades of their own, and lie in their folders.
    Convention(
        "OAI", r"(?:^|/)(9\d{6})(?:[_-]?[LR](?=[_.]|$)|(?=/))", r"OAI-\1", "train/0/9001695L.png", "OAI-9001695",
    ),
    Convention("JSRT", rf"{_START}(JPC[LN]N\d{{3}}){_END}", r"\1", "JPCLN001.png", "JPCLN001"),
    Convention(
        "Shenzhen and Montgomery", rf"{_START}((?:CHN|MCU)CXR_\d{{4}}){_END}", r"\1",
        "CHNCXR_0001_0.png", "CHNCXR_0001",
    ),
    Convention(
        "TCIA", rf"{_START}(C3[LN]-\d{{5}}|LIDC-IDRI-\d{{4}}|ProstateX-\d{{4}}|LUNG1-\d{{3}}|(?:R01|AMC)-\d{{3}}"
        rf"|Breast_MRI_\d{{3}}|HN-[a-z]+-\d{{3}}|NLST-\d+|RIDER-\d{{10}}|Burdenko-GBM-\d{{3}}|fastMRI_breast_\d{{3}}"
        rf"|MIDRC-RICORD-1[ABC]-\d{{6}}-\d{{6}}|\d{{3}}_HM10395){_END}", r"\1",
        "LIDC-IDRI-0001/1-001.png", "LIDC-IDRI-0001",
    ),
    Convention(
        "patient and a number", rf"{_START}({PERSON})[ _\-(#]*0*(\d+)", r"\1-\2",
        "patient3/study2_FLAIR.nii.gz", "patient-3",
    ),
)  # fmt: skip
"""Asked in this order; the first that finds somebody decides. nnU-Net's and others' are rules on words: see `names`."""


def named(path: str) -> tuple[str, str] | None:
    """(the convention's name, the patient's key) for a path below its source; None where no convention is known.

    >>> named("train/case_00000/imaging.nii.gz")
    ('patient and a number', 'case-0')
    >>> named("Smith/T1.nii.gz")
    >>> named("Smith/t1_sag_p2_iso.nii")
    >>> named("t1_sag_p2.nii")
    ('patient and a number', 'p-2')
    """
    bare = without_factors(path)
    if bare != path and any(parse(part).key for part in bare.split("/")):
        path = bare
    for convention in CONVENTIONS:
        if (patient := convention.find(path)) is not None:
            return convention.name, patient
    return None


def named_by_data_set(text: str) -> str | None:
    """The patient's key where a known data set names its patients so; a mere word and a number is no data set.

    >>> named_by_data_set("sub-07_ses-2"), named_by_data_set("patient3")
    ('sub-07', None)
    """
    found = named(text)
    return None if found is None or found[0] == CONVENTIONS[-1].name else found[1]
