"""Volumes leave the house as volumes: other programs find one, where it was drawn, as far apart as it was drawn."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from helpers.dicom_checks import complaints, find
from helpers.tiny_volumes import volume_samples
from PIL import Image

from medattngan.core.files import UserError
from medattngan.core.plots import is_signed
from medattngan.data.affine import slice_affine
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
PLANES = ["axial", *(pytest.param(name, marks=pytest.mark.slow) for name in ("coronal", "sagittal"))]
FIRST = "series-01-volume-0001"


def physical(samples: Samples, volume: int) -> np.ndarray:
    rows = np.flatnonzero(samples.table["volume"] == volume)
    return np.stack([samples.physical(int(row)) for row in rows])


def read_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The voxels (slices, rows, columns) as SimpleITK reads them, and its affine from (row, column, slice) to RAS+."""
    reader = sitk.ImageSeriesReader()
    (only,) = reader.GetGDCMSeriesIDs(str(folder))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder), only))
    image = reader.Execute()
    affine = np.eye(4)
    axes = np.asarray(image.GetDirection()).reshape(3, 3) * np.asarray(image.GetSpacing())
    affine[:3, :3], affine[:3, 3] = axes[:, [1, 0, 2]], image.GetOrigin()
    return sitk.GetArrayFromImage(image), LPS @ affine


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two axial volumes, exported."""
    out = tmp_path_factory.mktemp("exported") / "dicom"
    export(volume_samples(), out, progress=False)
    return out


@pytest.mark.parametrize("plane", PLANES)
def test_a_series_is_one_volume_with_the_spacing_and_place_it_was_drawn_at(
    plane: str, axial: Path, tmp_path: Path
) -> None:
    samples = volume_samples(plane)
    out = axial if plane == "axial" else export(samples, tmp_path / "dicom", progress=False).path
    series = sorted(out.glob("series-*"))
    assert [one.name for one in series] == [FIRST, "series-02-volume-0002"]
    for number, folder in enumerate(series):
        voxels, affine = read_series(folder)
        assert np.allclose(np.linalg.norm(affine[:3, :3], axis=0), [2.0, 2.0, 3.0])
        expected = physical(samples, number)
        first = slice_affine(plane, 2.0, 24, -12.0)
        backwards = not np.allclose(affine[:3, 3], first[:3, 3])
        np.testing.assert_allclose(voxels[::-1] if backwards else voxels, expected, atol=0.02)
        last = affine @ [0, 0, 8 if not backwards else 0, 1]
        assert np.allclose(last[:3], slice_affine(plane, 2.0, 24, 12.0)[:3, 3], atol=1e-4)


@pytest.mark.parametrize("plane", PLANES)
def test_the_nifti_lies_where_its_series_lies(plane: str, axial: Path, tmp_path: Path) -> None:
    samples = volume_samples(plane)
    out = axial if plane == "axial" else export(samples, tmp_path / "dicom", progress=False).path
    image = nib.load(out / "volume-0002" / "volume.nii.gz")  # type: ignore[attr-defined]
    values, affine = image.get_fdata(), image.affine  # type: ignore[attr-defined]
    expected = physical(samples, 1)
    for number in (0, 8):
        np.testing.assert_allclose(values[:, :, number], expected[number], atol=1e-3)
        at = affine @ [0, 0, number, 1]
        assert np.allclose(at[:3], slice_affine(plane, 2.0, 24, -12.0 + 3.0 * number)[:3, 3], atol=1e-4)
    assert b"SYNTHETIC" in bytes(image.header["descrip"])  # type: ignore[attr-defined]


def test_dcm2niix_makes_one_volume_of_a_series(axial: Path, tmp_path: Path) -> None:
    program, out = find("dcm2niix"), tmp_path / "converted"
    assert program is not None
    out.mkdir()
    subprocess.run([program, "-o", str(out), "-f", "v", str(axial / FIRST)], check=True, capture_output=True)
    (converted,) = out.glob("*.nii")
    theirs = nib.load(converted)  # type: ignore[attr-defined]
    ours = nib.load(axial / "volume-0001" / "volume.nii.gz")  # type: ignore[attr-defined]
    assert theirs.shape == (24, 24, 9)  # type: ignore[attr-defined]
    assert np.allclose(theirs.header.get_zooms(), (2.0, 2.0, 3.0))  # type: ignore[attr-defined]
    canonical = [nib.as_closest_canonical(one) for one in (theirs, ours)]  # type: ignore[attr-defined]
    assert np.allclose(canonical[0].affine, canonical[1].affine, atol=1e-3)
    np.testing.assert_allclose(canonical[0].get_fdata(), canonical[1].get_fdata(), atol=0.02)


def test_every_slice_says_synthetic_and_conforms_and_counts_from_one(axial: Path) -> None:
    files = sorted((axial / "series-02-volume-0002").iterdir())
    read = [pydicom.dcmread(file) for file in files]
    assert [file.name for file in files] == [f"slice-{number:05d}.dcm" for number in range(1, 10)]
    assert [int(one.InstanceNumber) for one in read] == list(range(1, 10))
    assert {one.SyntheticData for one in read} == {"YES"}
    assert all("SYNTHETIC" in one.SeriesDescription and "volume 0002" in one.SeriesDescription for one in read)
    assert len({one.FrameOfReferenceUID for one in read}) == 1
    assert {float(one.SpacingBetweenSlices) for one in read} == {3.0}
    assert complaints(files[0]) == []


def test_sheet_and_film_are_signed_and_say_synthetic_beneath(axial: Path) -> None:
    for name in ("planes.png", "slices.gif"):
        path = axial / "volume-0001" / name
        assert is_signed(path.read_bytes()[:4096])
        with Image.open(path) as picture:
            strip = np.asarray(picture.convert("L"))[-14:]
        assert strip.max() > 240
        assert (strip > 0).mean() < 0.5
    with Image.open(axial / "volume-0001" / "slices.gif") as film:
        assert film.n_frames == 9  # type: ignore[attr-defined]


@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_sheet_and_film_go_from_the_first_slice_to_the_last_in_every_plane(
    plane: str, axial: Path, tmp_path: Path
) -> None:
    """The same codes make the same pictures, whichever way DICOM's axes run."""
    assert np.array_equal(volume_samples(plane).codes, volume_samples().codes)
    out = export(volume_samples(plane), tmp_path / "dicom", progress=False).path
    for name in ("planes.png", "slices.gif"):
        with Image.open(axial / "volume-0001" / name) as one, Image.open(out / "volume-0001" / name) as other:
            assert np.array_equal(np.asarray(one), np.asarray(other))


def test_a_volume_with_a_flagged_slice_stays_behind_whole(tmp_path: Path) -> None:
    samples = volume_samples(volumes=3, slices=3)
    flags = np.zeros(9, bool)
    flags[4] = True
    marked = replace(samples, table=samples.table.assign(flagged=flags))
    report = export(marked, tmp_path / "dicom", progress=False)
    assert [one.name for one in report.series] == [FIRST, "series-02-volume-0003"]
    assert (report.slices, report.flagged_left_out) == (6, 3)
    one = export(samples, tmp_path / "one", limit=1, progress=False)
    assert (len(one.series), one.slices) == (1, 3)


@pytest.mark.slow
def test_the_same_volumes_give_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        export(volume_samples(slices=4), tmp_path / name, progress=False)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        found.append({path.relative_to(tmp_path / name): path.read_bytes() for path in files})
    assert found[0] == found[1]


def test_a_secondary_capture_cannot_be_a_volume(tmp_path: Path) -> None:
    for options in ({"sop": "sc"}, {"multiframe": True}):
        with pytest.raises(UserError, match="a volume needs a place in space"):
            export(volume_samples(), tmp_path / "dicom", **options)  # type: ignore[arg-type]
