"""Free text and times become one word of a closed list."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.canaries import MARKUP, WORD
from helpers.scan_files import write_dicom, write_nifti
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from medattngan.core.files import UserError
from medattngan.scans.formats import dicom, nifti
from medattngan.scans.sequence import SEQUENCES, Said, by_name, sequence
from medattngan.stages.ingest.only import Only
from medattngan.stages.ingest.worker import quiet

PIXELS = np.arange(256, dtype=np.int16).reshape(16, 16)

DESCRIPTIONS = {
    "T1": [
        "t1_mprage_sag_p2_iso",
        "sT1W_3D_TFE",
        "Ax 3D T1 BRAVO",
        "T1 FLAIR",
        "SAG T1 pre contrast",
        "T1W non contrast",
    ],
    "T1CE": ["Ax T1 +C", "T1 post gad", "t1_tse_tra_KM", "t1ce", "COR T1 CE"],
    "T2": ["T2W_TSE", "t2_tse_tra", "Sag Cube T2", "AX T2 FS"],
    "T2star": ["T2* GRE", "t2star_axial", "t2w*"],
    "FLAIR": ["AX T2 FLAIR FS", "t2_tirm_tra_dark-fluid", "3D FLAIR"],
    "STIR": ["STIR cor", "t2_tirm_cor"],
    "PD": ["PD_TSE_FS", "pdw_spair", "Proton Density"],
    "DWI": ["ep2d_diff_3scan_trace_p2", "DWI b1000", "DTI_64dir", "ep2d_diff_TRACEW"],
    "ADC": ["ep2d_diff_3scan_trace_p2_ADC", "Apparent Diffusion Coefficient (mm2/s)", "dADC_map"],
    "SWI": ["SWI_Images", "Ax SWAN", "susceptibility"],
    "BOLD": ["ep2d_bold_moco", "rsfMRI", "task-rest_bold"],
    "perfusion": ["pCASL_3D", "ep2d_perf", "DSC", "rCBV CBV"],
    "angiography": ["TOF_3D_multi-slab", "MRA neck"],
    "localizer": ["localizer", "3-plane loc", "Survey_SHC", "scout"],
    "OTHER": ["T1 map", "gre_field_mapping", "Smith^Jane", "knee", "T1_T2 both", "", "T10 to L2"],
}


@pytest.mark.parametrize(("words", "name"), [(text, name) for name, some in DESCRIPTIONS.items() for text in some])
def test_what_operators_write_is_one_word(words: str, name: str) -> None:
    assert sequence(Said(words)) == name


TIMES = {
    "T1": [Said(kinds="SE", echo_ms=12, repetition_ms=550), Said(echo_ms=3, repetition_ms=2300, inversion_ms=900),
           Said(kinds="GR", echo_ms=4.6, repetition_ms=9.8, flip_deg=8)],
    "T2": [Said(kinds="SE", echo_ms=100, repetition_ms=4500), Said("TSE", echo_ms=90, repetition_ms=3000)],
    "PD": [Said(kinds="SE", echo_ms=15, repetition_ms=2500), Said("PD T2", echo_ms=20)],
    "FLAIR": [Said(kinds="SE IR", echo_ms=120, repetition_ms=9000, inversion_ms=2500)],
    "STIR": [Said(echo_ms=40, repetition_ms=4000, inversion_ms=160)],
    "T2star": [Said(kinds="GR", echo_ms=20, repetition_ms=600, flip_deg=20)],
    "DWI": [Said(b_value=0.0), Said(b_value=1000.0, echo_ms=80, repetition_ms=5000)],
    "OTHER": [Said(kinds="GR", echo_ms=2, repetition_ms=4, flip_deg=60), Said(echo_ms=20),
              Said(kinds="EP", echo_ms=30, repetition_ms=2000), Said(kinds="SE", echo_ms=58, repetition_ms=3000)],
}  # fmt: skip


@pytest.mark.parametrize(("said", "name"), [(said, name) for name, some in TIMES.items() for said in some])
def test_where_nobody_wrote_anything_the_times_say_it_or_leave_it_open(said: Said, name: str) -> None:
    assert sequence(said) == name


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_written_only_words_of_the_list_come_out(text: str) -> None:
    assert sequence(Said(text)) in SEQUENCES
    assert by_name(text) in {"", *SEQUENCES}


def piece_of(path: Path, **said: object) -> str:
    write_dicom(path, PIXELS, SOPClassUID=MRImageStorage, Modality="MR", **said)
    with quiet():
        (piece,) = dicom.describe(path, path.name)
    return piece.sequence


def test_a_header_says_it_by_description_contrast_or_times_and_an_agent_counts(tmp_path: Path) -> None:
    assert piece_of(tmp_path / "a", SeriesDescription="t2_space", EchoTime=5, RepetitionTime=500) == "T2"
    assert piece_of(tmp_path / "b", EchoTime=5, RepetitionTime=500) == "T1"
    assert piece_of(tmp_path / "c", EchoTime=5, RepetitionTime=500, ContrastBolusAgent="Gadovist") == "T1CE"
    assert piece_of(tmp_path / "d", SeriesDescription=MARKUP, AcquisitionContrast="FLUID_ATTENUATED") == "FLAIR"
    assert piece_of(tmp_path / "e", ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]) == "ADC"
    assert piece_of(tmp_path / "f", SeriesDescription=WORD) == "OTHER"


def test_a_functional_group_says_it_for_its_frames(tmp_path: Path) -> None:
    kind = Dataset()
    kind.AcquisitionContrast = "PROTON_DENSITY"
    shared = Dataset()
    shared.MRImageFrameTypeSequence = [kind]
    assert piece_of(tmp_path / "a", SharedFunctionalGroupsSequence=[shared]) == "PD"


def test_a_volume_says_it_by_its_name_its_folder_or_the_file_beside_it(tmp_path: Path) -> None:
    def said(relative: str, beside: str | None = None) -> str:
        path = tmp_path / relative
        write_nifti(path, np.ones((8, 8, 8), np.float32))
        if beside is not None:
            path.with_name(path.name.removesuffix(".nii.gz") + ".json").write_text(beside)
        (piece,) = nifti.describe(path, relative)
        return piece.sequence

    assert said("sub-07/anat/sub-07_ce-gadolinium_T1w.nii.gz") == "T1CE"
    assert said("sub-07/anat/sub-07_FLAIR.nii.gz") == "FLAIR"
    assert said("IXI-T2/IXI012-HH-1211.nii.gz") == "T2"
    assert said("imagesTr/la_003.nii.gz") == ""
    assert said("a/scan.nii.gz", '{"EchoTime": 0.1, "RepetitionTime": 4.5, "PatientName": "x"}') == "T2"
    assert said("b/scan.nii.gz", '{"SeriesDescription": "t1_mprage"}') == "T1"
    for hostile in ("{", "[]", '{"EchoTime": "x", "ImageType": 3}', "[" * 100_000):
        assert said("c/scan.nii.gz", hostile) == ""


def test_only_takes_any_value_of_a_column_and_all_columns() -> None:
    only = Only.parse(["sequence=t1", "sequence=FLAIR", "modality=mr"])
    assert only.asked == ("modality=MR", "sequence=FLAIR", "sequence=T1")
    with pytest.raises(UserError, match="sequence must be one of T1, T1CE"):
        Only.parse(["sequence=mprage"])
    with pytest.raises(UserError, match="is none of sequence=VALUE, modality=VALUE"):
        Only.parse(["plane=axial"])
