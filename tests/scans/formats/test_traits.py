"""What frames say of themselves is read alike from every encoding, from the standard's elements and from vendors'."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.scan_files import write_dicom
from helpers.stacks_in_files import MR, found, named, write_stacks
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medattngan.scans.formats.dicom import describe
from medattngan.scans.series import Piece
from medattngan.scans.stack.traits import TRAITS
from medattngan.stages.ingest.worker import quiet

PIXELS = np.arange(256, dtype=np.int16).reshape(16, 16)
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]

Private = tuple[int, str, int, str, object]


def with_private(path: Path, elements: list[Private], syntax: str = ExplicitVRLittleEndian, **said: object) -> Piece:
    dataset = Dataset()
    dataset.update(write_dicom(path, PIXELS, SOPClassUID=MR, Modality="MR", **said))
    for group, creator, element, vr, value in elements:
        dataset.private_block(group, "SOMEBODY ELSE", create=True).add_new(element, "LO", "17")
        dataset.private_block(group, creator, create=True).add_new(element, vr, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dcmwrite(path, dataset, enforce_file_format=True)
    with quiet():
        (piece,) = describe(path, path.name)
    return piece


def trait(piece: Piece, name: str) -> object:
    return piece.traits[list(TRAITS).index(name)]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("element", "b_value"),
    [
        ((0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "1000"), 1000.0),
        ((0x0043, "GEMS_PARM_01", 0x39, "IS", ["1000000700", "8", "0", "0"]), 700.0),
        ((0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0), 800.0),
        ((0x0065, "Image Private Header", 0x09, "FD", 50.0), 50.0),
    ],
)
def test_b_values_of_vendors_are_read(tmp_path: Path, element: Private, b_value: float, syntax: str) -> None:
    assert with_private(tmp_path / "a", [element], syntax).b_value == b_value


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    "elements",
    [
        [(0x0019, "SIEMENS MR HEADER", 0x0E, "FD", [0.5, 0.25, -1.0])],
        [(0x0019, "GEMS_ACQU_01", e, "DS", v) for e, v in ((0xBB, "0.5"), (0xBC, "0.25"), (0xBD, "-1"))],
        [(0x2005, "Philips MR Imaging DD 001", e, "FL", v) for e, v in ((0xB0, 0.5), (0xB1, 0.25), (0xB2, -1.0))],
        [(0x0065, "Image Private Header", 0x37, "FD", [0.5, 0.25, -1.0])],
    ],
)
def test_directions_of_vendors_are_read(tmp_path: Path, elements: list[Private], syntax: str) -> None:
    assert trait(with_private(tmp_path / "a", elements, syntax), "direction") == (0.5, 0.25, -1.0)


def test_phase_images_of_vendors_are_told_from_magnitude(tmp_path: Path) -> None:
    assert trait(with_private(tmp_path / "a", [(0x0043, "GEMS_PARM_01", 0x2F, "SS", 2)]), "component") == 2.0
    philips = with_private(tmp_path / "b", [(0x2005, "Philips MR Imaging DD 001", 0x11, "CS", "P")])
    assert trait(philips, "component") == "P"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_traits_are_the_same_in_every_encoding(tmp_path: Path, syntax: str) -> None:
    said = {
        "TemporalPositionIdentifier": 3,
        "EchoNumbers": [1, 2],
        "FlipAngle": "12.50",
        "AcquisitionDate": "19700102",
        "AcquisitionTime": "000001",
        "ConvolutionKernel": "B30f",
    }
    piece = with_private(tmp_path / "a", [], syntax, **said)
    assert [trait(piece, name) for name in ("temporal", "echo", "flip", "kernel")] == [3.0, (1.0, 2.0), 12.5, "B30f"]
    assert trait(piece, "acquired") == 62135769601.0


def test_odd_values_of_what_only_tells_frames_apart_cost_nothing(tmp_path: Path) -> None:
    odd = {"TriggerTime": "888888", "FlipAngle": "777777", "AcquisitionTime": "noon", "AcquisitionDate": "20209999"}
    with quiet():
        write_stacks(tmp_path, 2, 9, lambda t, k: odd | {"AcquisitionNumber": t})
        for path in tmp_path.iterdir():
            path.write_bytes(path.read_bytes().replace(b"888888", b"n/a   ").replace(b"777777", b"1,5   "))
        assert sorted(map(named, found(tmp_path))) == [[(t, k) for k in range(9)] for t in range(2)]
