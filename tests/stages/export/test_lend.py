"""What `--like` borrows is what `ingest` makes of that series, and never that of another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from helpers.export_cases import CT, MR, files_of, make_samples
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, EnhancedMRImageStorage, RLELossless

from medattngan.core.files import UserError
from medattngan.data.samples import Samples
from medattngan.stages.export.export import export
from medattngan.stages.export.lend import read_like
from medattngan.stages.ingest.ingest import ingest

SIDE, EXPLICIT = 64, pydicom.uid.ExplicitVRLittleEndian


def square(intensity: dict[str, object] = CT) -> Samples:
    wide = make_samples(intensity)
    return Samples(np.pad(wide.codes, ((0, 0), (0, 24), (0, 0))), wide.table, wide.intensity, {})


def save(dataset: Dataset, path: Path, syntax: str = EXPLICIT) -> None:
    dataset.file_meta = pydicom.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = EXPLICIT
    if syntax != EXPLICIT:
        dataset.compress(syntax, generate_instance_uid=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def one_slice(number: int, series: str = "1.2.3", **changes: object) -> Dataset:
    """A CT slice of 32 x 28 px of 0.6875 mm; `changes` by keyword, None takes an attribute away."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"{series}.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.PatientID = "1.2", series, "anyone"
    dataset.Modality, dataset.ImageType, dataset.InstanceNumber = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"], number
    dataset.Rows, dataset.Columns, dataset.PixelSpacing, dataset.SliceThickness = 32, 28, [0.6875, 0.6875], 3.0
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3.0 * number]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    rng = np.random.default_rng(number)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value) if value is not None else delattr(dataset, keyword)
    pixels = rng.integers(0, 2000, (dataset.Rows, dataset.Columns), dtype=np.uint16)
    dataset.PixelData = pixels.tobytes()
    return dataset


def write_series(folder: Path, count: int = 3, syntax: str = EXPLICIT, **changes: object) -> Path:
    series = str(changes.pop("series", "1.2.3"))
    for number in range(count):
        save(one_slice(number, series, **changes), folder / f"{series}-{number:02d}.dcm", syntax)
    return folder


def spacing_of(out: Path) -> list[float]:
    return [float(one) for one in pydicom.dcmread(files_of(out)[0]).PixelSpacing]


@pytest.mark.parametrize(
    ("rows", "columns", "spacing"), [(32, 28, 0.6875), (28, 32, 0.6875), (32, 32, 0.5), (32, 28, (2.0, 1.0))]
)
def test_the_pixel_size_is_that_which_ingest_gives_the_series(
    rows: int, columns: int, spacing: float | tuple[float, float], tmp_path: Path
) -> None:
    sides = spacing if isinstance(spacing, tuple) else (spacing, spacing)
    real = write_series(tmp_path / "real", Rows=rows, Columns=columns, PixelSpacing=list(sides))
    store = ingest([real], tmp_path / "store", size=SIDE, progress=False)
    expected = float(store.index["spacing_mm"].iloc[0])
    assert spacing_of(export(square(), tmp_path / "dicom", like=real).path) == pytest.approx([expected] * 2)


def test_a_localizer_before_the_series_lends_nothing(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real")
    scout = one_slice(0, "1.2.1", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], PixelSpacing=[9.0, 9.0])
    save(scout, real / "0-first.dcm")
    report = export(square(), tmp_path / "dicom", like=real)
    assert spacing_of(report.path)[0] == pytest.approx(0.34375)
    assert "passed over: 1 file that is no image of" in report.notes[0]


def test_of_several_series_none_is_chosen_and_all_are_listed(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real")
    write_series(real, count=2, series="1.2.4", PixelSpacing=[0.5, 0.5])
    with pytest.raises(UserError, match=r"2 series: .*1\.2\.3-00\.dcm \(CT, 3 slices.*1\.2\.4-00\.dcm \(CT, 2 slices"):
        export(square(), tmp_path / "dicom", like=real)
    assert not (tmp_path / "dicom").exists()
    assert spacing_of(export(square(), tmp_path / "dicom", like=real / "1.2.4-00.dcm").path) == [0.25, 0.25]


def test_two_echoes_of_one_series_lend_what_they_share(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real", EchoTime=5.0)
    for number in range(3):
        save(one_slice(number, EchoTime=50.0, SOPInstanceUID=f"1.2.9.{number}"), real / f"second-{number}.dcm")
    assert spacing_of(export(square(), tmp_path / "dicom", like=real).path)[0] == pytest.approx(0.34375)


def enhanced(path: Path) -> None:
    """Two frames, last one first, that say all in functional groups."""
    dataset = one_slice(0)
    for keyword in ("PixelSpacing", "SliceThickness", "ImageOrientationPatient", "ImagePositionPatient"):
        delattr(dataset, keyword)
    dataset.SOPClassUID, dataset.NumberOfFrames, dataset.Modality = EnhancedMRImageStorage, 2, "MR"
    dataset.PixelData = dataset.PixelData * 2
    shared, measures, facing, shown = Dataset(), Dataset(), Dataset(), Dataset()
    measures.PixelSpacing, measures.SliceThickness = [1.5, 1.5], 4.0
    facing.ImageOrientationPatient = [0.8, 0.6, 0, 0, 0, -1]
    shown.WindowCenter, shown.WindowWidth = 400, 800
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [facing]
    shared.FrameVOILUTSequence = [shown]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for place in (4.0, 0.0):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [0.6 * place, -0.8 * place, 0.0]
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    save(dataset, path)


def test_an_enhanced_object_lends_from_its_functional_groups(tmp_path: Path) -> None:
    enhanced(tmp_path / "real.dcm")
    report = export(square(MR), tmp_path / "dicom", like=tmp_path / "real.dcm", sop="mr")
    dataset = pydicom.dcmread(files_of(report.path)[0])
    assert spacing_of(report.path) == [0.75, 0.75]
    assert float(dataset.SliceThickness) == 4.0
    assert [float(one) for one in dataset.ImageOrientationPatient] == pytest.approx([0.8, 0.6, 0, 0, 0, -1])
    assert (float(dataset.WindowCenter), float(dataset.WindowWidth)) == (400, 800)


def test_what_was_borrowed_and_what_could_not_be_is_said(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real", PixelSpacing=None, WindowCenter=40, WindowWidth=400)
    report = export(make_samples({**CT, "spacing_mm": None}), tmp_path / "dicom", like=real)
    assert "PixelSpacing" not in pydicom.dcmread(files_of(report.path)[0])
    (note,) = report.notes
    assert note == (
        "--like: borrowed: slice thickness 3 mm; orientation 1 0 0 0 1 0; window 40, 400; "
        "not to be had: pixel size, body part"
    )


@pytest.mark.parametrize("tilt", [0.3, -0.3])
def test_a_tilted_gantry_lends_its_slices_and_cannot_be_cut_across(tilt: float, tmp_path: Path) -> None:
    facing = [1, 0, 0, 0, float(np.cos(tilt)), float(np.sin(tilt))]
    for number in range(10):
        tilted = one_slice(number, ImageOrientationPatient=facing)
        save(tilted, tmp_path / "real" / f"{number}.dcm")
    like = read_like(tmp_path / "real", "axial", (SIDE, SIDE))
    assert like.spacing_mm == pytest.approx(0.34375)
    assert like.orientation == pytest.approx(tuple(np.round(facing, 4)))
    with pytest.raises(UserError, match="cannot be cut across"):
        read_like(tmp_path / "real", "coronal", (SIDE, SIDE))


def test_a_volume_cut_across_lends_what_the_cut_has(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real", count=20)
    store = ingest([real], tmp_path / "store", size=SIDE, plane="coronal", progress=False)
    like = read_like(real, "coronal", (SIDE, SIDE))
    assert like.spacing_mm == pytest.approx(float(store.index["spacing_mm"].iloc[0]))
    assert like.orientation == (1, 0, 0, 0, 0, -1)
    assert like.thickness_mm == pytest.approx(0.6875)


def test_compressed_pixels_need_not_be_read(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real", syntax=RLELossless)
    assert spacing_of(export(square(), tmp_path / "dicom", like=real).path)[0] == pytest.approx(0.34375)


def structured_report(folder: Path) -> None:
    dataset = one_slice(0)
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(dataset, keyword)
    save(dataset, folder / "report.dcm")


def scout(folder: Path) -> None:
    save(one_slice(0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), folder / "scout.dcm")


def a_text(folder: Path) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("nothing to see")


@pytest.mark.parametrize("write", [structured_report, scout, a_text])
def test_a_folder_without_an_image_is_refused(write: Callable[[Path], None], tmp_path: Path) -> None:
    write(tmp_path / "real")
    with pytest.raises(UserError, match="holds no DICOM image"):
        export(square(), tmp_path / "dicom", like=tmp_path / "real")


def test_windows_of_pictures_that_are_bright_where_low_are_not_lent(tmp_path: Path) -> None:
    real = write_series(tmp_path / "real", PhotometricInterpretation="MONOCHROME1", WindowCenter=40, WindowWidth=400)
    assert read_like(real, "axial", (SIDE, SIDE)).window is None
