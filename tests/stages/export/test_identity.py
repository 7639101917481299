"""One command, one series; any other, another: no archive ever finds unlike slices under one number."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pydicom
import pytest
from helpers.dicom_checks import complaints
from helpers.export_cases import CT, files_of, make_samples

from medattngan.core.files import UserError, read_json
from medattngan.data.samples import Samples
from medattngan.external.open import open_slices
from medattngan.stages.export import write
from medattngan.stages.export.export import export

OTHERS: list[dict[str, Any]] = [
    {"multiframe": True},
    {"sop": "ct"},
    {"sop": "mr"},
    {"window": (40, 400)},
    {"overlay": False},
    {"stamp": True},
    {"transfer_syntax": "rle"},
    {"transfer_syntax": "jpegls"},
    {"multiframe": True, "transfer_syntax": "rle"},
    {"multiframe": True, "limit": 2},
    {"limit": 2},
    {"limit": 1},
    {"include_flagged": "one reason"},
    {"include_flagged": "another reason"},
    {"multiframe": True, "include_flagged": "one reason"},
    {"uid_root": "1.2.826.0.1.3680043.8.498"},
]
MEANINGS: list[dict[str, Any]] = [
    {"unit": "a.u."}, {"modality": "MR"}, {"plane": "coronal"}, {"spacing_mm": 2.0}, {"lower": -1000.0},
]  # fmt: skip


def samples(label: str | None = "a", **changes: Any) -> Samples:
    made = make_samples({**CT, "modality": "OT", **changes}, 4)
    made.table["label"] = pd.array([label] * 4, "string")
    made.table["flagged"] = [False, False, True, False]
    return made


def read(path: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(file) for file in files_of(path)]


@pytest.mark.slow
def test_every_option_that_changes_a_slice_makes_another_series(tmp_path: Path) -> None:
    exported = [read(export(samples(), tmp_path / str(i), **one).path) for i, one in enumerate([{}, *OTHERS])]
    exported += [read(export(samples(**one), tmp_path / f"m{i}").path) for i, one in enumerate(MEANINGS)]
    exported.append(read(export(samples("b"), tmp_path / "label").path))
    assert len({one[0].SeriesInstanceUID for one in exported}) == len(exported)
    classes, numbers, instances = defaultdict(set), defaultdict(set), set()
    for dataset in (dataset for one in exported for dataset in one):
        classes[dataset.SeriesInstanceUID].add(dataset.SOPClassUID)
        assert dataset.InstanceNumber not in numbers[dataset.SeriesInstanceUID]
        numbers[dataset.SeriesInstanceUID].add(dataset.InstanceNumber)
        instances.add(dataset.SOPInstanceUID)
    assert all(len(found) == 1 for found in classes.values())
    assert len(instances) == sum(map(len, exported))


def test_series_of_one_frame_of_reference_are_one_series(tmp_path: Path) -> None:
    frames = [
        {one.FrameOfReferenceUID for one in read(export(samples(), tmp_path / name, sop=name).path)}
        for name in ("ct", "mr")
    ]
    assert [len(found) for found in frames] == [1, 1]
    assert frames[0].isdisjoint(frames[1])


@pytest.mark.parametrize("options", [{}, {"multiframe": True}, {"sop": "ct", "transfer_syntax": "rle"}], ids=str)
def test_the_same_command_gives_the_same_bytes(options: dict[str, Any], tmp_path: Path) -> None:
    first, second = (export(samples(), tmp_path / name, **options).path for name in ("1", "2"))
    names = sorted(file.relative_to(first) for file in first.rglob("*") if file.is_file())
    assert Path("provenance.json") in names
    assert all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_frames_beyond_what_an_object_holds_go_into_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "OBJECT_FRAMES", 3)
    made = samples()
    report = export(made, tmp_path / "dicom", multiframe=True, include_flagged="to show")
    assert [file.name for file in files_of(report.path)] == ["slices-0001.dcm", "slices-0002.dcm"]
    first, second = read(report.path)
    assert (first.NumberOfFrames, second.NumberOfFrames) == (3, 1)
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert "Frames: 3." in first.ImageComments
    assert "Frames" not in second.ImageComments
    assert first.PixelData + second.PixelData == made.codes.tobytes()
    assert [line for file in files_of(report.path) for line in complaints(file)] == []


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("two\nlines", "line break"),
        ("two\r", "line break"),
        ("a\x1b[31mb", "control"),
        ("a\x85b", "control"),
        ("a\u2028b", "line break"),
        ("x" * 46, "take away 1 bytes"),
        ("ü" * 23, "too long for a series description"),
    ],
)
def test_a_label_that_dicom_cannot_hold_is_refused(label: str, said: str, tmp_path: Path) -> None:
    made = samples()
    made.table["label"] = pd.Series([label] * 4, dtype=object)
    with pytest.raises(UserError, match=said) as refused:
        export(made, tmp_path / "dicom")
    assert "\n" not in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["ü" * 22, "x" * 45, "肺がん", "𝄞 one", "a\\b", "  spaces  ", "^=,;"])
def test_a_label_that_dicom_can_hold_is_written_whole_and_is_valid(label: str, tmp_path: Path) -> None:
    path = export(samples(label), tmp_path / "dicom").path
    assert label.replace("\\", "/").strip() in read(path)[0].SeriesDescription
    assert [line for file in files_of(path) for line in complaints(file)] == []


def test_an_instance_says_modality_and_unit_in_the_words_of_the_standard(tmp_path: Path) -> None:
    (dataset, *_) = read(export(samples(modality="ct", unit="hu"), tmp_path / "dicom", sop="ct").path)
    assert (dataset.Modality, dataset.RescaleType) == ("CT", "HU")
    with pytest.raises(UserError, match="no defined term") as refused:
        export(samples(modality="DOE^JOHN"), tmp_path / "other")
    assert "DOE" not in str(refused.value)
    assert not (tmp_path / "other").exists()


def test_a_foreign_unit_is_read_in_any_case_and_none_is_made_up(tmp_path: Path) -> None:
    path = tmp_path / "slices.npy"
    np.save(path, make_samples(CT).codes)
    assert open_slices(path).physical(unit="hu", value_range=(-1000, 400), stored=(0, 65535)).intensity["unit"] == "HU"
    for unit in ("", "a\nb", "x" * 17):
        with pytest.raises(UserError, match="--unit"):
            export(samples(unit=unit), tmp_path / "dicom")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"uid_root": "1.40"}, "--uid-root"),
        ({"uid_root": "1.２"}, "--uid-root"),
        ({"uid_root": "1.2\n"}, "--uid-root"),
        ({"window": (40, 0)}, "--window"),
        ({"window": (float("nan"), 1)}, "--window"),
        ({"include_flagged": "a\nb"}, "--include-flagged"),
        ({"include_flagged": "x" * 1025}, "--include-flagged"),
        ({"limit": 0}, "--limit"),
        ({"sop": "CT"}, "--sop"),
        ({"transfer_syntax": "jpeg"}, "--transfer-syntax"),
    ],
)
def test_options_are_checked_before_the_slices_are_read(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        export(tmp_path / "nothing is here", tmp_path / "dicom", **options)


@pytest.mark.parametrize("spacing", [-1.0, 0.0, 1e-9, 1e9, float("inf")])
def test_a_pixel_of_no_possible_size_is_refused(spacing: float, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mm is not possible"):
        export(samples(spacing_mm=spacing), tmp_path / "dicom")


def test_the_record_says_what_was_asked_and_not_where_it_was_read(tmp_path: Path) -> None:
    made = samples()
    report = export(made, tmp_path / "dicom", notes=["2 files left out"])
    record = read_json(report.path / "provenance.json")
    assert record["left_out"] == {"flagged": 1, "beyond_limit": 0}
    assert record["notes"] == report.notes == ["2 files left out"]
    assert record["series"] == [
        {"folder": "series-01-a", "label": "a", "slices": 3, "uid": read(report.path)[0].SeriesInstanceUID}
    ]
    assert str(tmp_path) not in (report.path / "provenance.json").read_text()


def test_an_export_without_room_is_refused_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "HEADER_BYTES", 10**18)
    with pytest.raises(UserError, match=r"3 slices take about 3 EB and .* are free"):
        export(samples(), tmp_path / "dicom")
    assert list(tmp_path.iterdir()) == []
