"""Text burned into scans: found, covered or set aside, and never repeated."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pytest
from helpers.scan_files import texture, write_dicom
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.scans import pipelines as transforms
from medattngan.scans.bounds import Bounds
from medattngan.scans.find import examine
from medattngan.scans.series import REASONS
from medattngan.scans.text import rapidocr as ocr
from medattngan.scans.text.boxes import Box, merged
from medattngan.scans.text.find import find_text
from medattngan.scans.text.markers import may_identify
from medattngan.stages.ingest import ingest as ingest_module
from medattngan.stages.ingest.ingest import ingest

NAME = "KANARIE^VERA"
DATE = "1901-02-03"
needs_reader = pytest.mark.skipif(
    importlib.util.find_spec("rapidocr") is None, reason="the extra `screen` is not installed"
)


def anatomy(size: int = 128, seed: int = 0) -> npt.NDArray[np.float64]:
    """A soft-edged blob with soft texture on a dark ground, in 0 … 1: nothing that looks like letters."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    body = 1 / (1 + np.exp(30 * (np.hypot(rows * 1.1, columns) - 0.6)))
    grain = gaussian_filter(rng.standard_normal((size, size)), size / 24)
    return np.clip(body * (0.5 + 0.1 * grain / grain.std()), 0, 1) + rng.uniform(0, 0.01, (size, size))


def letters(text: str, shape: tuple[int, int], place: tuple[int, int] = (3, 3), px: int = 14) -> npt.NDArray[np.bool_]:
    """Which pixels the text takes; `place` is row and column."""
    picture = Image.new("L", shape[::-1])
    ImageDraw.Draw(picture).text(place[::-1], text, fill=255, font=ImageFont.load_default(px))
    return np.asarray(picture) > 127


def burn(pixels: npt.NDArray[np.float64], text: str, **where: object) -> npt.NDArray[np.float64]:
    return np.where(letters(text, pixels.shape, **where), 1.0, pixels)  # type: ignore[arg-type]


def save_png(path: Path, pixels: npt.NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((pixels * 255).clip(0, 255).astype(np.uint8)).save(path)


def save_dicom(
    path: Path, pixels: npt.NDArray[np.float64], at: int = 0, series: str = "1", **attributes: object
) -> None:
    write_dicom(
        path, np.rint(pixels * 4095).astype(np.uint16), PatientID=f"p{series}", SeriesInstanceUID=f"1.2.{series}",
        InstanceNumber=at + 1, ImagePositionPatient=[0.0, 0.0, 3.0 * at], BitsStored=12, HighBit=11,
        RescaleIntercept=-1024, **attributes,
    )  # fmt: skip


def take(source: Path, out: Path, **options: object) -> SliceStore:
    return ingest([source], out, progress=False, **{"size": 128, "split": (1.0, 0.0, 0.0), **options})  # type: ignore[arg-type]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.slow
@needs_reader
def test_text_is_covered_and_nothing_else_is_changed(tmp_path: Path) -> None:
    clean = anatomy()
    save_png(tmp_path / "clean" / "1.png", clean)
    save_png(tmp_path / "planted" / "1.png", burn(clean, NAME))
    before = take(tmp_path / "clean", tmp_path / "a", screen="mask")
    after = take(tmp_path / "planted", tmp_path / "b", screen="mask")
    (entry,) = after.provenance["screen"]["masked_series"]
    covered = np.zeros(clean.shape, bool)
    for top, left, bottom, right in entry["boxes"]:
        covered[top:bottom, left:right] = True
    assert covered[letters(NAME, clean.shape)].all()
    assert covered.mean() < 0.25
    np.testing.assert_array_equal(after.physical(0)[covered], 0)
    np.testing.assert_array_equal(after.physical(0)[~covered], before.physical(0)[~covered])
    assert before.provenance["screen"]["masked"] == {"series": 0, "slices": 0, "places": 0}
    assert after.provenance["screen"]["masked"] == {"series": 1, "slices": 1, "places": len(entry["boxes"])}


@pytest.mark.slow
@needs_reader
def test_text_at_one_place_is_covered_on_every_slice_of_a_long_ct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transforms, "SLICES_AT_ONCE", 3)
    for at in range(6):
        pixels = anatomy(seed=at)
        save_dicom(tmp_path / "scans" / f"{at}.dcm", burn(pixels, NAME) if at < 2 else pixels, at)
    store = take(tmp_path / "scans", tmp_path / "store", window="full", screen="mask")
    assert len(store) == 6
    ((top, left, bottom, right),) = store.provenance["screen"]["masked_series"][0]["boxes"]
    assert letters(NAME, (128, 128))[top:bottom, left:right].sum() == letters(NAME, (128, 128)).sum()
    for i in range(6):
        assert (store.physical(i)[top:bottom, left:right] <= -1020).all()


@pytest.mark.slow
@needs_reader
def test_a_series_with_text_is_set_aside_whole_and_others_stay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    for series in "12":
        for at in range(3):
            pixels = anatomy(seed=at + 3 * int(series))
            pixels = burn(pixels, NAME) if (series, at) == ("1", 2) else pixels
            save_dicom(tmp_path / "scans" / series / f"{at}.dcm", pixels, at, series)
    rejected = tmp_path / "rejected.csv"
    out = tmp_path / "out" / "store"
    store = ingest([tmp_path / "scans"], out, window="full", screen="set-aside", rejected=rejected)
    assert len(store) == 3
    assert store.provenance["set_aside"]["files"] == {"burned-in-text": 3}
    assert store.provenance["set_aside"]["slices"] == {"burned-in-text": 3}
    with rejected.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(Path(row["file"]).parent.name, row["reason"]) for row in rows] == [("1", "burned-in-text")] * 3
    said = "".join(capfd.readouterr()) + caplog.text
    assert f"3 files and 3 slices burned-in-text ({REASONS['burned-in-text']})" in said
    written = b"".join([rejected.read_bytes(), *contents(out).values()])
    for word in (NAME, *NAME.split("^")):
        assert word not in said
        assert word.encode() not in written


@pytest.mark.slow
@needs_reader
def test_what_was_covered_is_listed_by_file_and_box_but_not_by_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    save_png(tmp_path / "scans" / "with.png", burn(anatomy(), DATE))
    save_png(tmp_path / "scans" / "without.png", anatomy(seed=1))
    rejected = tmp_path / "rejected.csv"
    ingest([tmp_path / "scans"], tmp_path / "out" / "store", screen="mask", rejected=rejected)
    with rejected.open(newline="") as handle:
        (row,) = list(csv.DictReader(handle))
    assert (Path(row["file"]).name, row["reason"]) == ("with.png", "masked-text")
    said = "".join(capfd.readouterr()) + caplog.text
    assert "masked: text at 1 places of 1 series" in said
    written = b"".join([rejected.read_bytes(), *contents(tmp_path / "out").values()])
    assert DATE not in said
    assert DATE.encode() not in written


@pytest.mark.slow
@needs_reader
def test_a_screening_that_found_nothing_says_so_and_no_screening_says_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    save_png(tmp_path / "scans" / "one.png", anatomy())
    ingest([tmp_path / "scans"], tmp_path / "plain")
    assert "screened" not in "".join(capfd.readouterr()) + caplog.text
    ingest([tmp_path / "scans"], tmp_path / "screened", screen="set-aside")
    assert "screened: no text was found" in "".join(capfd.readouterr()) + caplog.text


@pytest.mark.slow
@needs_reader
def test_markers_of_side_and_view_stay(tmp_path: Path) -> None:
    for number, marker in enumerate(("R", "L", "AP PORTABLE")):
        save_png(tmp_path / "scans" / f"{number}.png", burn(anatomy(seed=number), marker, px=18))
    store = take(tmp_path / "scans", tmp_path / "store", screen="set-aside")
    assert len(store) == 3
    assert store.provenance["set_aside"]["files"] == {}


@pytest.mark.slow
@needs_reader
def test_text_in_a_nifti_is_read_the_way_it_is_looked_at(tmp_path: Path) -> None:
    slices = np.stack([burn(anatomy(seed=i), NAME) for i in range(9)])
    shown = np.moveaxis(slices, 0, -1)  # (row, column, slice): towards posterior, left, superior
    axes = np.array([[0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]], float)
    (tmp_path / "scans").mkdir()
    image = nib.as_closest_canonical(nib.Nifti1Image((shown * 1000).astype(np.float32), axes))
    image.to_filename(tmp_path / "scans" / "a.nii.gz")
    store = take(tmp_path / "scans", tmp_path / "store", screen="mask")
    ink = letters(NAME, (128, 128))
    (box,) = store.provenance["screen"]["masked_series"][0]["boxes"]
    assert ink[box[0] : box[2], box[1] : box[3]].sum() == ink.sum()
    assert all((store.codes(i)[ink] == 0).all() for i in range(9))


@pytest.mark.slow
@needs_reader
def test_headers_that_speak_of_text_or_faces_are_heeded(tmp_path: Path) -> None:
    flags = ("BurnedInAnnotation", "RecognizableVisualFeatures", None)
    for number, flag in enumerate(flags):
        said = {} if flag is None else {flag: "YES"}
        save_dicom(tmp_path / "scans" / f"{number}.dcm", anatomy(seed=number), 0, str(number), **said)
    save_dicom(tmp_path / "scans" / "3.dcm", burn(anatomy(seed=3), NAME), 0, "3", BurnedInAnnotation="YES")
    aside = take(tmp_path / "scans", tmp_path / "a", window="full", screen="set-aside")
    assert aside.provenance["set_aside"]["files"] == {"says-burned-in": 2, "says-recognizable": 1}
    mask = take(tmp_path / "scans", tmp_path / "b", window="full", screen="mask")
    assert mask.provenance["set_aside"]["files"] == {"says-burned-in": 1, "says-recognizable": 1}
    assert mask.provenance["screen"]["masked"]["series"] == 1
    off = take(tmp_path / "scans", tmp_path / "c", window="full")
    assert len(off) == 4
    assert off.provenance["screen"] == {}
    assert any("3 files say that their pixels identify" in note for note in off.provenance["notes"])


@pytest.mark.slow
@needs_reader
def test_a_page_of_text_is_set_aside_though_it_was_to_be_masked(tmp_path: Path) -> None:
    page = np.random.default_rng(0).uniform(0, 0.1, (160, 160))
    for row in range(4, 150, 18):
        page = burn(page, f"{NAME} {row}", place=(row, 4))
    save_png(tmp_path / "scans" / "page.png", page)
    save_png(tmp_path / "scans" / "scan.png", anatomy())
    store = take(tmp_path / "scans", tmp_path / "store", screen="mask")
    assert len(store) == 1
    assert store.provenance["set_aside"]["files"] == {"burned-in-text": 1}


@needs_reader
@pytest.mark.slow
def test_screening_gives_the_same_bytes_at_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.examine.SMALL_BYTES", 0)
    for number in range(3):
        save_png(tmp_path / "scans" / f"{number}.png", burn(anatomy(seed=number), f"{NAME}{number}"))
        for at in range(3):
            save_dicom(tmp_path / "scans" / f"{number}-{at}", anatomy(seed=9 + at + 3 * number), at, str(number))
    take(tmp_path / "scans", tmp_path / "one", screen="mask", workers=1)
    take(tmp_path / "scans", tmp_path / "two", screen="mask", workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert SliceStore.open(tmp_path / "one").provenance["screen"]["masked"]["series"] == 3


def test_work_done_without_screening_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medattngan.stages.ingest.request.require_reader", lambda: None)
    claims: list[str] = []
    monkeypatch.setattr(ingest_module, "_claim", lambda work, fingerprint: claims.append(fingerprint))
    save_png(tmp_path / "scans" / "1.png", texture((16, 16)) / 1000)
    found = [examine(item) for item in ingest_module.walk([tmp_path / "scans"])]
    for screen in (None, "mask", "set-aside"):
        request = ingest_module.Request(16, "axial", None, (1.0, 0.0, 0.0), 0, None, screen).check()
        places = ingest_module.Places.check([], tmp_path / "out", None, None)
        ingest_module._plan(request, places, None, found, b"salt", Bounds(), None, [])
    assert len(set(claims)) == 3


def test_without_the_reader_the_extra_is_named_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ocr._reader.cache_clear()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(UserError, match=r"medattngan\[screen\]"):
        take(tmp_path / "nowhere", tmp_path / "store", screen="mask")


def test_another_way_of_screening_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--screen blur is not one of set-aside, mask"):
        take(tmp_path, tmp_path / "store", screen="blur")
    assert CliRunner().invoke(app, ["ingest", str(tmp_path), "--out", "o", "--screen", "blur"]).exit_code == 2


@pytest.mark.slow
@needs_reader
def test_a_box_lies_around_its_line_at_any_size_of_picture() -> None:
    for size in (96, 512):
        picture = (burn(anatomy(size), "ROE 1961", px=size // 7) * 255).clip(0, 255).astype(np.uint8)
        (box,) = find_text(picture)
        rows, columns = np.nonzero(letters("ROE 1961", (size, size), px=size // 7))
        assert box.top <= rows.min()
        assert box.left <= columns.min()
        assert box.bottom > rows.max()
        assert box.right > columns.max()
        assert (box.bottom - box.top) * (box.right - box.left) < 5 * np.ptp(rows) * np.ptp(columns)


@given(st.lists(st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 12)] * 2), max_size=12))
def test_merged_boxes_cover_the_same_and_do_not_overlap(places: list[tuple[int, int, int, int]]) -> None:
    boxes = [Box(top, left, top + height, left + width) for top, left, height, width in places]
    apart = merged(boxes)
    counts = np.zeros((50, 50), int)
    for box in apart:
        counts[box.top : box.bottom, box.left : box.right] += 1
    assert counts.max(initial=0) <= 1
    assert all((counts[box.top : box.bottom, box.left : box.right] == 1).all() for box in boxes)
    assert merged(apart) == apart


@given(st.text(max_size=2))
def test_fewer_than_three_letters_of_an_alphabet_name_nobody(text: str) -> None:
    assert not may_identify("".join(character for character in text if character < "\u2e80"))
