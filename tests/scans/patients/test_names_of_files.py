"""Whose a file is by its path: one patient is one, however the files are called."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from medattngan.scans.patients.conventions import CONVENTIONS, Convention, named
from medattngan.scans.patients.paths import COLLECTION, owners


def patients(*paths: str, pages: bool = False) -> dict[str, set[str]]:
    """The files of each patient."""
    groups: dict[str, set[str]] = {}
    for path, owner in owners([f"scans/{path}" for path in paths], pages).items():
        groups.setdefault(owner.key, set()).add(path.removeprefix("scans/"))
    return groups


@pytest.mark.parametrize("convention", CONVENTIONS, ids=lambda convention: convention.name)
def test_every_convention_is_told_by_its_example(convention: Convention) -> None:
    assert named(convention.example) == (convention.name, convention.patient)


def test_the_reference_lists_every_convention_in_its_order() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "patients.md").read_text("utf-8")
    rows = page.partition("| convention |")[2].splitlines()[2 : 2 + len(CONVENTIONS)]
    assert [row.split("|")[1].strip() for row in rows] == [convention.name for convention in CONVENTIONS]


OF_ONE = {
    "nnU-Net": ["imagesTr/{}_0000.nii.gz", "imagesTr/{}_0001.nii.gz", "labelsTr/{}.nii.gz", "imagesTs/{}_0003.nii.gz"],
    "channels": ["CASE_{:0>3}_0000.nii.gz", "CASE_{:0>3}_0001.nii.gz", "CASE_{:0>3}_0003.nii.gz"],
    "visits": ["patient{}/study1_T1W.nii.gz", "patient{}/study2_FLAIR.nii.gz", "patient{}/study2_T2W.nii.gz"],
    "BraTS 2018": ["HGG/Brats18_CBICA_AA{}_1/Brats18_CBICA_AA{}_1_t1.nii", "Brats17_CBICA_AA{}_2_flair.nii"],
    "BraTS 2020": ["BraTS20_Training_00{}/BraTS20_Training_00{}_flair.nii", "BraTS20_Training_00{}_t1ce.nii"],
    "BraTS 2021": ["BraTS2021_0000{}/BraTS2021_0000{}_t1ce.nii.gz", "BraTS-GLI-0000{}-000-t1c.nii"],
    "BraTS 2023": ["BraTS-PED-0000{}-000-t1c.nii.gz", "BraTS-PED-0000{}-001/BraTS-PED-0000{}-001-t2f.nii.gz"],
    "UCSF": ["UCSF-PDGM-000{}_nifti/UCSF-PDGM-000{}_T1.nii.gz", "UCSF-PDGM-000{}_FU003d_T1.nii.gz"],
    "UPENN": ["UPENN-GBM-0000{}_11_T1.nii.gz", "UPENN-GBM-0000{}_21_FLAIR.nii.gz"],
    "PI-CAI": ["1000{}/1000{}_100000{}_t2w.mha", "1000{}_100500{}_adc.mha"],
    "BIDS": ["sub-0{}/ses-1/anat/sub-0{}_ses-1_T1w.nii", "sub-0{}/ses-2/anat/sub-0{}_ses-2_run-2_T2w.nii"],
    "ADNI": ["002_S_029{}/MPRAGE/2006-04-18/I13.nii", "bl/ADNI_002_S_029{}_MR_I14.nii", "sub-ADNI002S029{}_T1w.nii"],
    "OASIS": ["OAS2_000{}_MR1/RAW/mpr-1.nii", "OAS2_000{}_MR2/RAW/mpr-2.nii"],
    "OASIS 3": ["OAS3000{}_MR_d0129/T1w.nii.gz", "OAS3000{}_MR_d0757/T1w.nii.gz"],
    "fastMRI": ["file_brain_AXT2_200_200000{}.nii", "file_brain_AXFLAIR_200_200000{}.nii"],
    "CHAOS": ["MR/{}/T1DUAL/DICOM_anon/InPhase/IMG-0004-00002.nii", "MR/{}/T2SPIR/DICOM_anon/IMG-0002-00001.nii"],
    "Decathlon": ["imagesTr/BRATS_00{}.nii.gz", "labelsTr/BRATS_00{}.nii.gz"],
    "IXI": ["T1/IXI01{}-HH-1211-T1.nii.gz", "T2/IXI01{}-HH-1211-T2.nii.gz"],
    "TCGA": ["TCGA-02-000{}/2001.01.01/T1.nii", "TCGA_02_000{}_20010203.nii"],
    "KiTS": ["case_0000{}/imaging.nii.gz", "case_0000{}_0000.nii.gz"],
    "pre and post": ["P0{}_pre.nii.gz", "P0{}_post.nii.gz", "p{}-followup.nii.gz"],
    "folders of visits": ["baseline/00{}.nii", "followup/00{}.nii", "visit_3/00{}.nii"],
    "day and month": ["ax{}_day0.nii", "ax{}_month6.nii", "ax{}-m12.nii", "AX{}_w04.nii"],
    "side": ["knee_0{}_left.nii", "knee_0{}_R.nii", "right_knee_0{}.nii"],
    "counted visits": ["A{}_v1.nii", "A{}_v2.nii", "A{}_tp3.nii", "A{}_timepoint_4.nii", "A{}_ses-5.nii", "A{}V6.nii"],
    "runs and echoes": ["A{}_run-1.nii", "A{}_run-2_echo-3.nii", "A{}_acq2.nii"],
    "dates": ["A{}_2019-03-02.nii", "A{}_20190302.nii", "20210504_A{}.nii", "A{}_2021.nii", "A{}_02.03.2019_T1.nii"],
    "dates of the USA": ["A{}_06-24-2001.nii", "03-25-2002_A{}.nii", "A{}_06242003.nii", "06-25-2002/A{}.nii"],
    "AutoPET": ["fdg_{}d85987183_06-24-2001-NA-PET_0000.nii.gz", "fdg_{}d85987183_03-25-2002-NA_0001.nii.gz"],
    "BraTS 2024": ["BraTS-MEN-RT-000{}-1/BraTS-MEN-RT-000{}-1_t1c.nii.gz", "BraTS-MEN-RT-000{}-2_t1c.nii.gz"],
    "a visit joined to a number": ["{}01V1.nii", "{}01V2.nii", "{}01.nii"],
    "before and after": ["Xu{}smith_vorher.nii", "Xu{}smith_nachher.nii", "Xu{}smith_II.nii", "Xu{}smith_IV.nii"],
    "times": ["A{}_20190302_101530.nii", "A{}_2019-03-02T10-15-30.nii", "A{}_3Mar2020.nii"],
    "letters": ["x0{}a.nii", "x0{}b.nii", "x{}c.nii"],
    "processing": ["A{}_n4_bet.nii", "A{}_T1w_desc-preproc_space-MNI.nii", "A{}_brain_1mm.nii", "A{}_defaced.nii"],
    "visit and no more": ["{}01/pre.nii", "{}01/post.nii", "{}01/2019-03-02/T1.nii", "{}01/month6/T2.nii"],
    "SPM and CAT12": ["sub-0{}_T1w.nii", "mri/wmsub-0{}_T1w.nii", "mwp1sub-0{}_T1w.nii", "y_sub-0{}_T1w.nii"],
    "made of another": ["A{}xyz.nii", "c1A{}xyz.nii", "meanA{}xyz.nii", "swrA{}xyz.nii", "coA{}xyz.nii"],
    "classes of tissue alone": ["mwp1B{}xyz.nii", "mwp2B{}xyz.nii", "p0B{}xyz.nii"],
    "ANTs": ["A0{}_T1.nii", "A0{}Warped.nii", "A0{}InverseWarped.nii", "A0{}_N4.nii"],
    "dcm2niix": ["A{}_t1_mprage_sag_p2_iso_20190302101112_3.nii", "A{}_ep2d_diff_b1000_20190302101112_5a_ADC.nii"],
    "waves": ["wave1/00{}.nii", "wave2/00{}.nii"],
    "surnames": ["A{0}smith/1.nii", "A{0}smith/2.nii", "A{0}smith/T1/other.nii"],
}  # fmt: skip


@pytest.mark.parametrize("names", OF_ONE.values(), ids=OF_ONE)
def test_a_visit_sequence_channel_or_side_never_splits_a_patient_and_two_patients_stay_two(names: list[str]) -> None:
    people = [{name.replace("{}", str(n)).format(n, n) for name in names} for n in range(1, 7)]
    groups = patients(*set.union(*people))
    assert sorted(map(sorted, groups.values())) == sorted(map(sorted, people))


def test_series_of_an_unnamed_study_are_of_one_patient() -> None:
    assert len(patients("20190302101112_3.nii", "20190302101112_4_e2_ph.nii", "DWI_20190302101112_5a_ADC.nii")) == 1
    assert len(patients("20190302101530123456.png", "IM_20190302101530987654.png", pages=True)) == 1


@pytest.mark.parametrize(
    "slice_of",
    [
        "{}.MR.HEAD_XYZ.0005.000{}.2016.01.21.18.11.40.609375.12345.png",
        "{}.CT.THORAX.2.{}.2016.11.21.18.11.40.609375.12345.png",
        "{}_1.2.840.113619.2.55.3.1762295590.1623.{}.png",
        "{}_{}0302a6b1-4e49-80ba-63a80b6bddd6-0f8d.png",
    ],
)
def test_a_uid_or_date_of_a_slice_does_not_hide_whose_it_is(slice_of: str) -> None:
    names = {who: [slice_of.format(who, k) for k in range(1, 5)] for who in ("MUELLER", "JONES")}
    assert sorted(map(len, patients(*names["MUELLER"], *names["JONES"], pages=True).values())) == [4, 4]


def test_names_that_are_people_keep_their_visits_together() -> None:
    assert set(patients("张三1.nii", "张三2.nii", "李四1.nii", "李四2.nii")) == {"张三", "李四"}
    assert set(patients("Smith_06-24-2001.nii", "Smith_03-25-2002.nii", "Jones_I.nii", "Jones_II.nii")) == {
        "smith",
        "jones",
    }
    assert len(patients("leeds_normal_012_1.nii", "leeds_normal_012_2.nii")) == 1
    assert set(patients("Smith_1.nii", "Smith_2.nii", "Jones_1.nii", "Jones_2.nii")) == {"smith", "jones"}
    assert set(patients("Smith_190302.nii", "Smith_scan2.nii", "Jones_T1.nii")) == {"smith", "jones"}
    assert len(patients("Smith/88112.nii", "Smith/88391.nii", "Jones/90001.nii")) == 2


@pytest.mark.parametrize(
    "names",
    [
        [f"hippocampus_{k:03d}.nii.gz" for k in range(1, 30)],
        [f"amos_{k:04d}.nii.gz" for k in range(30)],
        [f"ISLES22_{k:04d}.nii.gz" for k in range(30)],
        [f"volume-{k}.nii" for k in range(30)],
        [f"{k}.nii.gz" for k in range(30)],
        [f"s{k:04d}/ct.nii.gz" for k in range(30)],
        [f"img{k:04d}.nii.gz" for k in range(30)],
        [f"CT{k:03d}.nii.gz" for k in range(30)],
        [f"NYU/00509{k}/mprage.nii.gz" for k in range(10, 40)],
        [f"group{'AB'[k % 2]}/scan_{k}.nii.gz" for k in range(60)],
        [f"{('AD', 'CN')[k % 2]}/{k:03d}.nii.gz" for k in range(30)],
    ],
    ids=lambda names: names[0],
)
def test_numbered_volumes_of_a_collection_are_a_patient_each(names: list[str]) -> None:
    assert len(patients(*names)) == len(names)


def test_a_folder_of_many_numbered_volumes_is_no_patient_and_one_of_few_is() -> None:
    many = [f"{site}/{site}{k}.nii" for site in ("Leeds", "Lyon") for k in range(COLLECTION)]
    assert len(patients(*many)) == 2 * COLLECTION
    assert len(patients(*[name for name in many if "9" not in name])) == 2


def test_pictures_with_a_number_of_a_slice_are_of_one_patient() -> None:
    names = [f"patient{k}_slice{s:03d}.png" for k in range(3) for s in range(5)]
    assert len(patients(*names, pages=True)) == 3
    names = [f"{kind}-IM-{k:04d}-0001.jpeg" for k in range(4) for kind in ("NORMAL2", "NORMAL")]
    assert len(patients(*names, pages=True)) == 4
    names = [f"{who}_{s:03d}.png" for who in ("smith", "jones", "ng") for s in range(5)]
    assert set(patients(*names, pages=True)) == {"smith", "jones", "ng"}
    names = [f"{k:08d}_{s:03d}.png" for k in range(4) for s in range(3)]
    assert len(patients(*names, pages=True)) == 4
    assert len(patients(*[f"IM-{k:04d}-{s:04d}.jpg" for k in range(4) for s in range(3)], pages=True)) == 4
    assert len(patients(*[f"slice_{s}.png" for s in range(9)], pages=True)) == 1
    assert len(patients(*[f"{k:02d}/img_{s}.png" for k in range(5) for s in range(30)], pages=True)) == 5


def test_pictures_with_a_number_alone_are_a_patient_each() -> None:
    for form in ("{}.png", "img_{:03d}.png", "IM{:04d}.jpg", "brain {}.png", "image({}).jpg"):
        assert len(patients(*[form.format(k) for k in range(12)], pages=True)) == 12


def test_a_number_above_all_files_is_a_patient_and_a_year_or_a_time_point_is_none() -> None:
    assert len(patients("00001/scan1.nii", "00001/scan2.nii")) == 1
    assert len(patients("00001/scan1.nii", "00001/scan2.nii", "IXI012-HH-1211-T1.nii")) == 2
    assert len(patients("scan_2019/001.nii", "scan_2021/001.nii", "2022/001.nii")) == 1
    assert len(patients("t0/x.nii", "t1/x.nii", "t2/x.nii")) == 1


def test_one_name_in_two_normal_forms_is_one_patient() -> None:
    assert len(patients("Müller_T1.nii", "Mu\u0308ller_T2.nii", "MÜLLER_pre.nii", "Muller.nii")) == 1


def test_what_names_nobody_is_one_patient() -> None:
    groups = owners(["scans/pre.nii", "scans/post.nii", "scans/2019-03-02.nii", "scans/T1.nii"], False)
    assert {owner.rule for owner in groups.values()} == {"one source"}
    assert len({owner.key for owner in groups.values()}) == 1


def test_a_patient_of_two_sources_is_one_and_a_source_is_a_patient_only_among_many() -> None:
    both = owners(["a/1/T1.nii", "b/1/T1.nii", "b/2/T1.nii"], False)
    assert [owner.key for owner in both.values()] == ["1", "1", "2"]
    few = owners(["leeds/001.nii", "lyon/002.nii", "lyon/003.nii"], False)
    assert len({owner.key for owner in few.values()}) == 3
    many = owners([f"{who}/{scan}.nii" for who in ("ann", "ben", "cleo", "dan") for scan in ("x", "y")], False)
    assert {owner.key for owner in many.values()} == {"ann", "ben", "cleo", "dan"}


def test_the_order_of_files_decides_nothing() -> None:
    names = [f"scans/{name}".format(n, n) for some in OF_ONE.values() for n in range(3) for name in
             (one.replace("{}", "{0}") for one in some)]  # fmt: skip
    forward, backward = owners(names, False), owners(names[::-1], False)
    assert all(forward[one].key == backward[one].key for one in names)
    assert any(forward[a].key == forward[b].key for a, b in combinations(names, 2))


@pytest.mark.parametrize("form", ["{}_{}.nii", "{}_{}/T1.nii", "{}{}.nii", "{} {}_pre.nii"])
def test_a_number_before_a_surname_counts_visits(form: str) -> None:
    visits = [("01", "Smith"), ("02", "Smith"), ("3", "Smith"), ("04", "Doe"), ("05", "Roe")]
    names = [form.format(*one) for one in visits]
    assert sorted(map(len, patients(*names).values())) == [1, 1, 3]
    assert set(patients(*names)) == {"smith", "doe", "roe"}


def test_a_number_after_a_surname_counts_visits_in_folders_too() -> None:
    assert set(patients("Smith_1/T1.nii", "Smith_2/T1.nii", "Jones_1/T1.nii")) == {"smith", "jones"}
    assert len(patients("ABC_01/T1.nii", "ABC_02/T1.nii", "ABC_03/T1.nii")) == 3


def test_words_with_the_same_numbers_before_them_are_one_patient_in_doubt() -> None:
    crossed = [f"{k:02d}_{word}" for k in (1, 2, 3) for word in ("smith", "jones")]
    assert len(patients(*[f"{name}.nii" for name in crossed])) == 1
    assert len(patients(*[f"{name}.png" for name in crossed], pages=True)) == 1
    slices = [f"{k:03d}_{word}.png" for word, last in (("smith", 30), ("jones", 25)) for k in range(last)]
    assert set(patients(*slices, pages=True)) == {"smith", "jones"}


def test_numbers_of_many_patients_before_a_word_stay_patients() -> None:
    assert len(patients(*[f"{k:03d}_xyzt.nii" for k in range(30)])) == 30
    assert len(patients(*[f"{k:02d}_{word}.nii" for k in range(30) for word in ("xyzt", "abct")])) == 30
    assert len(patients(*[f"{k:02d}abcd.nii" for k in range(5)])) == 5


def test_a_folder_of_a_grade_is_no_patient_and_both_sides_of_one_stay_together() -> None:
    knees = ["train/0/9001695L.png", "val/3/9001695R.png", "train/0/9001700R.png", "test/2/9001701L.png"]
    assert sorted(map(len, patients(*knees, pages=True).values())) == [1, 1, 2]
    eyes = [f"{(k + side) % 5}/{10_000 + k}_{('left', 'right')[side]}.jpeg" for k in range(20) for side in (0, 1)]
    assert len(patients(*eyes, pages=True)) == 20
    slices = [f"{k}/{s:05d}.png" for k in range(1, 6) for s in range(30)]
    assert len(patients(*slices, pages=True)) == 5
