"""As many bits come out as went in, through every codec and every way to lay them out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from helpers.read_scans import RADIOGRAPH, assert_values, found_in, read
from helpers.scan_files import texture, write_dicom
from imagecodecs import jpeg2k_encode, jpeg8_encode
from pydicom.encaps import encapsulate
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    ParametricMapStorage,
)

from medattngan.scans.formats.dicom_codecs import DECODERS
from medattngan.scans.series import SetAside

RGB: dict[str, Any] = {
    "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0, "Rows": 32, "Columns": 32
}  # fmt: skip
GREY = np.rint(texture((32, 32), 0, 0, 4095)).astype(np.uint16)


def write_jpeg(path: Path, frames: list[bytes], syntax: str, pixels: npt.NDArray[Any], **attributes: Any) -> None:
    dataset = write_dicom(path, pixels, **RADIOGRAPH, **attributes)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("predictor", [1, 4, 7])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_jpeg_of_any_depth_predictor_and_sign_changes_nothing(
    tmp_path: Path, bits: int, predictor: int, signed: bool
) -> None:
    top = 2**bits
    stored = np.rint(texture((32, 32), bits, 0, top - 1)).astype(np.uint8 if bits == 8 else np.uint16)
    coded = jpeg8_encode(stored, lossless=True, predictor=predictor, bitspersample=bits)
    depth = {"BitsStored": bits, "HighBit": bits - 1, "PixelRepresentation": int(signed)}
    write_jpeg(tmp_path / "a", [coded], JPEGLosslessSV1 if predictor == 1 else JPEGLossless, stored, **depth)
    values = stored.astype(int)
    assert_values(read(tmp_path), np.where(signed & (values >= top // 2), values - top, values))


def test_jpeg_of_12_bits_keeps_12_bits_in_every_frame(tmp_path: Path) -> None:
    frames = [GREY, GREY[::-1]]
    coded = [jpeg8_encode(frame, 100, bitspersample=12) for frame in frames]
    depth = {"BitsStored": 12, "HighBit": 11, "NumberOfFrames": 2}
    write_jpeg(tmp_path / "a", coded, JPEGExtended12Bit, GREY, **depth)
    prepared = read(tmp_path)
    assert np.abs(prepared.map.decode(prepared.codes) - np.stack(frames)).max() <= 6
    assert len(np.unique(prepared.codes)) > 300


def test_a_jpeg_that_is_cut_off_is_not_filled_with_grey(tmp_path: Path) -> None:
    coded = jpeg8_encode(GREY, lossless=True, bitspersample=12)
    write_jpeg(tmp_path / "a", [coded[: len(coded) // 2 * 2 - 200]], JPEGLosslessSV1, GREY)
    with pytest.raises(SetAside, match="unreadable"):
        read(tmp_path)


def test_a_syntax_that_no_decoder_reads_is_said(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "a", [b"\0\0\1\xb3"], MPEG2MPML, GREY)
    assert [file.reason for file in found_in(tmp_path)] == ["no-decoder"]
    assert MPEG2MPML not in DECODERS


def test_colour_of_16_bits_with_equal_channels_keeps_16_bits(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", np.stack([GREY] * 3, -1), **RGB, **RADIOGRAPH)
    assert_values(read(tmp_path), GREY)


def test_channels_that_differ_by_more_than_two_steps_of_their_stored_bits_are_colour(tmp_path: Path) -> None:
    tinted = np.stack([GREY, GREY // 2 + 900, GREY], -1)
    write_dicom(tmp_path / "a", tinted, BitsStored=12, HighBit=11, **RGB, **RADIOGRAPH)
    with pytest.raises(SetAside, match="colour"):
        read(tmp_path)


def test_the_luma_of_16_bits_is_grey_where_there_is_no_chroma(tmp_path: Path) -> None:
    middle = np.full_like(GREY, 2**15)
    write_dicom(
        tmp_path / "grey" / "a", np.stack([GREY, middle, middle], -1),
        **(RGB | {"PhotometricInterpretation": "YBR_FULL"}), **RADIOGRAPH,
    )  # fmt: skip
    write_dicom(
        tmp_path / "red" / "a", np.stack([GREY, middle, middle + 9000], -1),
        **(RGB | {"PhotometricInterpretation": "YBR_FULL"}), **RADIOGRAPH,
    )  # fmt: skip
    assert_values(read(tmp_path / "grey"), GREY)
    with pytest.raises(SetAside, match="colour"):
        read(tmp_path / "red")


def test_a_palette_of_16_bits_gives_16_bits(tmp_path: Path) -> None:
    indices = np.rint(texture((32, 32), 0, 0, 255)).astype(np.uint8)
    table = (np.arange(256) ** 2).astype("<u2")
    palette: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        palette[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        palette[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
    write_dicom(tmp_path / "a", indices, **palette, **RADIOGRAPH)
    assert_values(read(tmp_path), table[indices].astype(float))


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4"])
@pytest.mark.parametrize("big", [False, True])
def test_whole_numbers_of_any_size_sign_and_byte_order_come_back(tmp_path: Path, kind: str, big: bool) -> None:
    ends = np.iinfo(kind)
    pixels = np.rint(texture((32, 32), 0, max(ends.min, -(2**20)), min(ends.max, 2**20))).astype(kind)
    dataset = write_dicom(tmp_path / "a", pixels, **RADIOGRAPH)
    if big:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        data = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
        dataset.PixelData = np.frombuffer(data, np.uint16).byteswap().tobytes() if kind.endswith("1") else data
        dataset["PixelData"].VR = "OW"
        dataset.set_original_encoding(False, False)
        dataset.save_as(tmp_path / "a", implicit_vr=False, little_endian=False)
    assert_values(read(tmp_path), pixels)


@pytest.mark.parametrize("kind", ["FloatPixelData", "DoubleFloatPixelData"])
def test_floats_are_read_but_for_parametric_maps(tmp_path: Path, kind: str) -> None:
    pixels = texture((32, 32), 0, -0.5, 0.5).astype(np.float32 if kind.startswith("Float") else np.float64)
    absent = dict.fromkeys(("BitsStored", "HighBit", "PixelRepresentation", "PixelData"))
    whole = np.zeros((32, 32), np.int32 if kind.startswith("Float") else np.int64)
    for name, extra in (("mr", {}), ("map", {"SOPClassUID": ParametricMapStorage})):
        dataset = write_dicom(tmp_path / name / "a", whole, **absent, **RADIOGRAPH, **extra)
        setattr(dataset, kind, pixels.tobytes())
        dataset.save_as(tmp_path / name / "a")
    assert_values(read(tmp_path / "mr"), pixels)
    assert [file.reason for file in found_in(tmp_path / "map")] == ["derived-object"]


def test_numbers_in_the_upper_bits_are_taken_from_there(tmp_path: Path) -> None:
    """High Bit 15 of 12 stored bits; the lower four hold something else."""
    write_dicom(tmp_path / "a", (GREY << 4) | 0x9, BitsStored=12, HighBit=15, **RADIOGRAPH)
    assert_values(read(tmp_path), GREY)


def test_a_high_bit_that_cannot_be_is_the_one_that_must_be(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", GREY | 0x5000, BitsStored=12, HighBit=7, **RADIOGRAPH)
    assert_values(read(tmp_path), GREY)


def test_what_is_turned_over_is_turned_within_its_stored_bits(tmp_path: Path) -> None:
    write_dicom(tmp_path / "a", GREY, BitsStored=12, HighBit=11, PhotometricInterpretation="MONOCHROME1", **RADIOGRAPH)
    assert_values(read(tmp_path), 4095.0 - GREY)


@pytest.mark.parametrize("bits", [{"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, {"BitsStored": 1, "HighBit": 0}])
def test_one_bit_is_a_mask(tmp_path: Path, bits: dict[str, int]) -> None:
    write_dicom(tmp_path / "a", np.eye(32, dtype=np.uint8), **bits, **RADIOGRAPH)
    assert [file.reason for file in found_in(tmp_path)] == ["label-mask"]


def test_a_sign_inside_that_the_header_denies_sets_the_file_aside(tmp_path: Path) -> None:
    """Numbers below 0 came out as great ones."""
    signed = np.rint(texture((16, 16), 1, -500, 500)).astype(np.int16)
    encoded = jpeg2k_encode(signed, level=0, reversible=True, codecformat="j2k")
    for signs in (1, 0):
        write_jpeg(tmp_path / str(signs) / "a", [encoded], JPEG2000Lossless, signed, PixelRepresentation=signs)
    assert_values(read(tmp_path / "1"), signed[None])
    with pytest.raises(SetAside, match="unreadable"):
        read(tmp_path / "0")
