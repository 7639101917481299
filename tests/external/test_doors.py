"""Every verb that takes slices from elsewhere sees the same values in the same files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
import tifffile
from PIL import Image

from medattngan.core.files import UserError
from medattngan.core.types import Codes
from medattngan.data.intensity import IntensityMap, codes_to_unit
from medattngan.data.store import SliceStore
from medattngan.external.open import Synthetic, open_slices
from medattngan.review import slices as review
from medattngan.scans.formats.picture import describe, load
from medattngan.stages.audit import audit as audit_module
from medattngan.stages.evaluate import evaluate as evaluate_module
from medattngan.stages.export.export import export
from tests.helpers.audit_cases import SIZE, write_texture_store

Make = Callable[[Path], Path]
COUNT = 3
PIXELS = np.random.default_rng(0).integers(0, 65536, (COUNT, SIZE, SIZE)).astype(np.uint16)


def array(folder: Path) -> Path:
    np.save(folder / "slices.npy", PIXELS)
    return folder / "slices.npy"


def pictures(folder: Path) -> Path:
    for number, one in enumerate(PIXELS):
        Image.fromarray(one).save(folder / f"{number}.png")
    return folder


def white_is_zero(folder: Path) -> Path:
    for number, one in enumerate(PIXELS):
        tifffile.imwrite(folder / f"{number}.tiff", np.invert(one), photometric="miniswhite")
    return folder


def samples(folder: Path) -> Path:
    open_slices(array(folder)).physical().save(folder / "samples")
    return folder / "samples"


def dicom(folder: Path) -> Path:
    export(samples(folder), folder / "dicom")
    for number, file in enumerate(sorted((folder / "dicom").rglob("*.dcm"))):
        assert pydicom.dcmread(file).InstanceNumber == number + 1
    return folder / "dicom"


MAKERS: list[Make] = [array, pictures, white_is_zero, samples, dicom]
"""Each writes PIXELS; as physical values they are the pixels, which the store's map of 0 to 65535 places."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SliceStore:
    made = write_texture_store(tmp_path_factory.mktemp("doors") / "store", (2, 2, 2))
    made.intensity |= {"lower": 0.0, "upper": 65535.0}
    return made


class SeenError(Exception):
    """Carries what a verb opened, so that the rest of it need not run."""


def seen_by_evaluate(path: Path, store: SliceStore, out: Path, monkeypatch: pytest.MonkeyPatch) -> Codes:
    return _stopped(evaluate_module, lambda: evaluate_module.evaluate(path, store, out), monkeypatch)


def seen_by_audit(path: Path, store: SliceStore, out: Path, monkeypatch: pytest.MonkeyPatch) -> Codes:
    run = lambda: audit_module.audit(path, store, out, false_positives=0.4)  # noqa: E731
    return _stopped(audit_module, run, monkeypatch)


def seen_by_review(path: Path, store: SliceStore, out: Path, monkeypatch: pytest.MonkeyPatch) -> Codes:
    return review._synthetic(path, store)[0]


def seen_by_export(path: Path, store: SliceStore, out: Path, monkeypatch: pytest.MonkeyPatch) -> Codes:
    files = sorted(export(path, out).path.rglob("*.dcm"))
    read = [pydicom.dcmread(file) for file in files]
    values = [one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in read]
    return np.rint(np.stack(values)).astype(np.uint16)


def _stopped(module: Any, verb: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> Codes:
    """What `open_slices` gave to the verb as the network sees it, as codes; the verb goes no further."""
    original = Synthetic.__init__

    def stop(self: Synthetic, images: Any, *further: Any) -> None:
        original(self, images, *further)
        raise SeenError(images)

    monkeypatch.setattr(Synthetic, "__init__", stop)
    with pytest.raises(SeenError) as seen:
        verb()
    monkeypatch.undo()
    unit: npt.NDArray[np.float32] = seen.value.args[0][:, 0].numpy()
    return np.rint((unit.astype(np.float64) + 1) / 2 * 65535).astype(np.uint16)


@pytest.mark.parametrize("see", [seen_by_evaluate, seen_by_audit, seen_by_review, seen_by_export])
@pytest.mark.parametrize("make", MAKERS)
def test_the_same_slices_have_the_same_values_through_every_door(
    tmp_path: Path, store: SliceStore, monkeypatch: pytest.MonkeyPatch, make: Make, see: Callable[..., Codes]
) -> None:
    (tmp_path / "in").mkdir()
    np.testing.assert_array_equal(see(make(tmp_path / "in"), store, tmp_path / "out", monkeypatch), PIXELS)


@pytest.mark.parametrize("see", [seen_by_evaluate, seen_by_audit, seen_by_review, seen_by_export])
def test_no_door_takes_the_pixels_of_a_samples_folder_without_its_table(
    tmp_path: Path, store: SliceStore, monkeypatch: pytest.MonkeyPatch, see: Callable[..., Codes]
) -> None:
    folder = samples(tmp_path)
    with monkeypatch.context() as patch, pytest.raises(UserError, match="give its folder"):
        see(folder / "pixels.npy", store, tmp_path / "out", patch)
    (folder / "samples.parquet").unlink()
    with monkeypatch.context() as patch, pytest.raises(UserError, match="not a samples folder"):
        see(folder, store, tmp_path / "out", patch)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "zlib", "tiff_lzw"])
@pytest.mark.parametrize("photometric", [0, 1])
def test_a_tiff_is_judged_by_the_values_that_ingest_reads(
    tmp_path: Path, dtype: Any, compression: str | None, photometric: int
) -> None:
    limits = np.iinfo(dtype)
    stored = np.random.default_rng(1).integers(0, limits.max, (SIZE, SIZE), dtype=dtype, endpoint=True)
    options: dict[str, Any] = {"compression": compression} if compression else {}
    file = tmp_path / "x.tif"
    Image.fromarray(stored).save(file, tiffinfo={262: photometric}, **(options if compression != "zlib" else {}))
    if compression == "zlib":
        names = {0: "miniswhite", 1: "minisblack"}
        tifffile.imwrite(file, stored, photometric=names[photometric], compression="zlib")
    with tifffile.TiffFile(file) as written:
        assert written.pages.first.photometric == photometric
    ours = open_slices(tmp_path).pixels
    if photometric == 1 or compression == "zlib":
        np.testing.assert_array_equal(ours[0], stored if photometric == 1 else np.invert(stored))
    ingested = load(describe(file, "x.tif"))[0]
    np.testing.assert_array_equal(ours[0], ingested[..., 0])


def test_lossy_greys_are_read_as_ingest_reads_them_and_colours_as_luminance(tmp_path: Path) -> None:
    grey = np.full((4, 4, 3), (100, 101, 102), np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    Image.fromarray(np.full((4, 4, 3), (200, 0, 0), np.uint8)).save(tmp_path / "b.png")
    found = open_slices(tmp_path)
    assert found.pixels[:, 0, 0].tolist() == [101, 60]
    assert found.notes == ["1 sample in colour was taken as luminance"]


def test_dicom_says_what_its_values_are(tmp_path: Path) -> None:
    given = open_slices(array(tmp_path)).physical(
        value_range=(-1024, 3071), unit="HU", modality="CT", plane="axial", spacing_mm=1.5
    )
    export(given, tmp_path / "dicom")
    found = open_slices(tmp_path / "dicom")
    assert found.known == {"unit": "HU", "modality": "CT", "spacing_mm": 1.5, "synthetic": True}
    again = found.physical(plane="axial")
    assert {**again.intensity, "lower": 0, "upper": 0} == {**given.intensity, "lower": 0, "upper": 0}
    np.testing.assert_allclose(again.physical(0), given.physical(0), atol=again.map.step)
    window = IntensityMap(-1024.0, 3071.0, "HU")
    np.testing.assert_allclose(found.unit(window).images[:, 0], codes_to_unit(PIXELS), atol=1e-4)


def test_dicom_that_does_not_say_it_is_synthetic_is_not_exported_as_such(tmp_path: Path) -> None:
    folder = dicom(tmp_path)
    (first, *_) = sorted(folder.rglob("*.dcm"))
    dataset = pydicom.dcmread(first)
    del dataset.SyntheticData
    dataset.save_as(first)
    with pytest.raises(UserError, match=r"without Synthetic Data \(0008,001C\) YES"):
        open_slices(folder).physical()


def test_a_modality_that_is_none_is_not_passed_on(tmp_path: Path) -> None:
    folder = dicom(tmp_path)
    for file in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(file)
        dataset.Modality = "MUELLER ANNA"
        dataset.save_as(file)
    assert open_slices(folder).physical().intensity["modality"] == "OT"


def test_dicom_in_another_unit_than_the_store_is_not_placed(tmp_path: Path) -> None:
    folder = dicom(tmp_path)
    open_slices(folder).unit(IntensityMap(0.0, 65535.0, "a.u."))
    with pytest.raises(UserError, match=r"are a\.u\. but those of the store are HU; say .* Rescale Type"):
        open_slices(folder).unit(IntensityMap(-1024.0, 3071.0, "HU"))
