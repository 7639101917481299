"""Masks must end where their scans end, and one that does not fit must say why."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from helpers.masked_scans import labels_and_scan, write_dicom_pair, write_pair
from helpers.scan_files import write_nifti
from PIL import Image

from medattngan.core.files import UserError
from medattngan.data.masks import UNKNOWN
from medattngan.data.store import SliceStore, content_digest
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.masks.find import MasksAsked
from medattngan.stages.ingest.ingest import ingest


def take(folder: Path, out: str = "store", masks: str | Path | None = None, **options: object) -> SliceStore:
    given = {"size": 16, "progress": False, **options}
    return ingest([folder / "scans"], folder / out, masks=masks or folder / "masks", **given)  # type: ignore[arg-type]


def told_by_the_pixels(store: SliceStore, row: int) -> np.ndarray:
    """The class of each pixel by how bright it is: background, 3, 7."""
    return np.digitize(store.physical(row), [1500.0, 5000.0])


@pytest.mark.parametrize("plane", ["axial", "coronal", "sagittal"])
@pytest.mark.parametrize(("axes", "mask_axes"), [("RAS", "RAS"), ("LPS", "SAR"), ("PIL", "RAS")])
def test_every_pixel_of_a_mask_lies_on_its_pixel_of_the_scan(
    tmp_path: Path, plane: str, axes: str, mask_axes: str
) -> None:
    write_pair(tmp_path, "hippocampus_001", axes=axes, mask_axes=mask_axes)
    store = take(tmp_path, plane=plane, size=14)  # the longest side: nothing is resized but the padding
    assert store.classes is not None
    assert store.classes.names == ("background", "3", "7")
    agree = [np.mean(store.masks([row])[0] == told_by_the_pixels(store, row)) for row in range(len(store))]
    assert min(agree) > (0.999 if plane == "axial" else 0.85)  # a resized edge is between two brightnesses
    assert store.index["mask"].all()
    assert content_digest(store.path) == store.digest


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_fits_its_series_and_brings_no_word_of_its_own(tmp_path: Path, kind: str) -> None:
    write_dicom_pair(tmp_path, kind=kind)
    store = take(tmp_path, size=14)
    assert store.classes is not None
    assert store.classes.names == ("background", "Hippocampus", "Thalamus")
    for row in range(len(store)):
        expected = np.array([0, 2, 1])[told_by_the_pixels(store, row)]
        assert (store.masks([row])[0] == expected).mean() > 0.999
    written = b"".join(path.read_bytes() for path in sorted(store.path.iterdir()))
    assert b"Jane" not in written


def test_a_segmentation_may_lie_among_the_files_of_its_scan(tmp_path: Path) -> None:
    write_dicom_pair(tmp_path)
    (tmp_path / "masks" / "seg.dcm").rename(tmp_path / "scans" / "seg.dcm")
    store = take(tmp_path, masks=tmp_path / "scans")
    assert store.index["mask"].all()
    assert store.provenance["set_aside"]["files"] == {}


def test_a_slice_given_by_itself_is_taken_though_the_segmentation_is_of_its_series(tmp_path: Path) -> None:
    write_dicom_pair(tmp_path)
    (one, *_) = sorted((tmp_path / "scans").rglob("*.dcm"))
    assert len(ingest([one], tmp_path / "store", masks=tmp_path / "masks", size=14, progress=False)) == 1


def test_a_mask_that_does_not_fit_is_set_aside_by_reason_and_its_scan_stays(tmp_path: Path) -> None:
    labels, _ = labels_and_scan()
    for number in range(1, 6):
        write_pair(tmp_path, f"hippocampus_{number:03d}", seed=number)
    masks = tmp_path / "masks"
    write_nifti(masks / "hippocampus_001.nii.gz", labels[1:])
    moved = np.eye(4)
    moved[0, 3] = 0.5
    nib.Nifti1Image(labels, moved).to_filename(masks / "hippocampus_002.nii.gz")
    write_nifti(masks / "hippocampus_003.nii.gz", labels.astype(np.float32) + 0.5)
    (masks / "hippocampus_004.nii.gz").rename(masks / "liver_004.nii.gz")
    store = take(tmp_path)
    why = {"mask-shape": 1, "mask-affine": 1, "mask-values": 1, "mask-without-scan": 1}
    assert store.provenance["set_aside"]["files"] == why
    assert store.index.groupby("series")["mask"].first().sum() == 1
    assert store.index["series"].nunique() == 5
    without = [row for row in range(len(store)) if not store.index["mask"][row]]
    assert (store.masks(without) == UNKNOWN).all()
    assert store.with_masks().index["mask"].all()


@pytest.mark.parametrize(
    ("reason", "options"),
    [("mask-frame-of-reference", {"frame_of_reference": "1.2.3"}), ("mask-affine", {"shift_mm": 1.0})],
)
def test_a_segmentation_of_another_place_is_set_aside(tmp_path: Path, reason: str, options: dict[str, object]) -> None:
    write_dicom_pair(tmp_path, **options)  # type: ignore[arg-type]
    store = take(tmp_path)
    assert store.provenance["set_aside"]["files"] == {reason: 1}
    assert store.classes is None


def test_masks_beside_their_pictures_are_told_by_their_suffix(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "scans").mkdir()
    for number in range(4):
        mask = np.zeros((16, 16), np.uint8)
        mask[4:12, 2 + number : 9] = 1
        picture = mask * 200 + rng.integers(0, 40, mask.shape)
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "scans" / f"x{number}.png")
        palette = Image.fromarray(mask, "P") if number else Image.fromarray(mask)
        palette.putpalette([0, 0, 0, 255, 0, 0]) if number else None
        palette.save(tmp_path / "scans" / f"x{number}_mask.png")
    store = take(tmp_path, masks="_mask", labels=None)
    assert len(store) == 4
    for row in range(4):
        assert ((store.codes(row) > 30000) == (store.masks([row])[0] == 1)).all()


def test_a_list_of_classes_joins_values_and_leaves_out_the_rest(tmp_path: Path) -> None:
    write_pair(tmp_path, "hippocampus_001")
    listed = tmp_path / "scans" / "classes.csv"  # among the scans, and yet no scan that was left out
    listed.write_text("value,name\n3,grey\n9,grey\n")
    store = take(tmp_path, mask_classes=listed, size=14)
    assert "not-a-scan" not in (store.path / "provenance.json").read_text()
    assert store.classes is not None
    assert store.classes.names == ("background", "grey")
    assert all((store.masks([row])[0] == (told_by_the_pixels(store, row) == 1)).all() for row in range(len(store)))


def test_masks_change_neither_the_slices_nor_their_split(tmp_path: Path) -> None:
    for number in range(1, 7):
        write_pair(tmp_path, f"hippocampus_{number:03d}", seed=number)
    masked = take(tmp_path)
    plain = ingest([tmp_path / "scans"], tmp_path / "plain", size=16, progress=False)
    assert (masked.all_codes() == plain.all_codes()).all()
    assert masked.index.drop(columns="mask").equals(plain.index)


def test_what_is_neither_folder_nor_suffix_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, "hippocampus_001")
    for wrong in (tmp_path / "none" / "there", "_nowhere"):
        with pytest.raises(UserError, match="--masks"):
            take(tmp_path, masks=wrong)


def paired(folder: Path, scans: list[str], masks: list[str]) -> dict[str, str | None]:
    """Whose mask each scan was given, by path; every scan and mask has the same grid, as of a template."""
    for name in scans:
        write_nifti(folder / "scans" / name, np.random.default_rng(len(name)).random((12, 12, 4), np.float32))
    for name in masks:
        write_nifti(folder / "masks" / name, np.ones((12, 12, 4), np.uint8))
    found = [examine(one) for one in walk([folder / "scans"])]
    asked = MasksAsked.parse(folder / "masks", None, [folder / "scans"])
    series, _ = asked.pair(stacks(found, None, False, False), asked.split([], [folder / "scans"])[1])
    given = {one.pieces[0].relative: one.mask and one.mask.relative for one in series}
    return {name.removeprefix("scans/"): mask and mask.removeprefix("masks/") for name, mask in given.items()}


@pytest.mark.parametrize(
    ("scans", "masks", "given"),
    [
        (["p1/T1.nii"], ["p2/T1.nii"], {"p1/T1.nii": None}),
        (["case-1.nii"], ["case-1-2.nii"], {"case-1.nii": None}),
        (["p1/T1.nii"], ["p1/T1.nii", "p2/T1.nii"], {"p1/T1.nii": "p1/T1.nii"}),
        (["p1/T1.nii", "p2/T1.nii"], ["p2/T1_seg.nii"], {"p1/T1.nii": None, "p2/T1.nii": "p2/T1_seg.nii"}),
        (["images/case-1.nii"], ["labels/case-1.nii"], {"images/case-1.nii": "labels/case-1.nii"}),
        (["site/p1/T1.nii"], ["p1/T1.nii"], {"site/p1/T1.nii": "p1/T1.nii"}),
        (["case-1_T1.nii"], ["case-1_T1_labels.nii"], {"case-1_T1.nii": "case-1_T1_labels.nii"}),
    ],
)
def test_a_mask_is_of_the_scan_that_it_names_and_of_no_other_patient_s(
    scans: list[str], masks: list[str], given: dict[str, str | None], tmp_path: Path
) -> None:
    assert paired(tmp_path, scans, masks) == given
