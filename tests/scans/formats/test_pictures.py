"""Pictures come upright, with all their bits, and whole; or are set aside with the reason."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from medattngan.external.open import open_slices
from medattngan.scans.formats.picture import describe, is_picture, load
from medattngan.scans.formats.picture_files import read_pages
from medattngan.scans.series import SetAside
from medattngan.stages.ingest.ingest import ingest

GREY = np.random.default_rng(0).integers(0, 256, (24, 36)).astype(np.uint8)
DEEP = np.random.default_rng(1).integers(0, 4096, (24, 36)).astype(np.uint16)

SEEN: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.T,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: np.rot90,
}
"""Exif 2.32, tag 274 → what is seen of what is stored."""


def read(path: Path) -> npt.NDArray[np.float32]:
    """(row, column, page), after ingest and the doors for others' slices have agreed on it."""
    with path.open("rb") as file:
        assert is_picture(path, file.read(4096))
    return load(describe(path, path.name))[0]


def reason(path: Path) -> str:
    with pytest.raises(SetAside) as aside:
        read(path)
    return aside.value.reason


def png(path: Path, pixels: npt.NDArray[Any], kind: int, *extra: tuple[bytes, bytes], interlaced: bool = False) -> None:
    """A PNG of 16 bits; `kind` is its colour type (0 grey, 2 RGB, 4 grey and alpha, 6 RGBA)."""

    def chunk(tag: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    parts = [pixels[top::down, left::right] for top, left, down, right in (passes if interlaced else [(0, 0, 1, 1)])]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for part in parts for row in part)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, int(interlaced))
    body = [chunk(b"IHDR", head), *(chunk(*one) for one in extra), chunk(b"IDAT", zlib.compress(rows))]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(body) + chunk(b"IEND", b""))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x112] = orientation
    return tags


@pytest.mark.parametrize("orientation", SEEN)
def test_pictures_are_turned_as_their_tag_says(tmp_path: Path, orientation: int) -> None:
    seen = SEEN[orientation](GREY)
    picture = Image.fromarray(GREY)
    picture.save(tmp_path / "a.png", exif=exif(orientation))
    picture.convert("RGB").save(tmp_path / "a.webp", exif=exif(orientation), lossless=True)
    for name, options in (
        ("plain", {}),
        ("lzw", {"compression": "tiff_lzw"}),
        ("zip", {"compression": "tiff_adobe_deflate"}),
    ):
        picture.save(tmp_path / f"{name}.tif", tiffinfo={274: orientation}, **options)
    Image.fromarray(DEEP).save(tmp_path / "deep.tif", tiffinfo={274: orientation}, compression="tiff_lzw")
    png(tmp_path / "deep.png", np.stack([DEEP] * 3, -1), 2, (b"eXIf", exif(orientation).tobytes()[6:]))
    for path in sorted(tmp_path.iterdir()):
        np.testing.assert_array_equal(read(path)[..., 0], SEEN[orientation](DEEP) if "deep" in path.name else seen)
    corner = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    corner[:16, :16] = 200
    Image.fromarray(corner).save(tmp_path / "a.jpg", exif=exif(orientation), quality=95)
    assert np.abs(read(tmp_path / "a.jpg")[..., 0] - SEEN[orientation](corner)).max() < 20


def test_slices_from_elsewhere_are_turned_as_well(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png", exif=exif(6))
    np.testing.assert_array_equal(open_slices(tmp_path).pixels[0], SEEN[6](GREY))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_stay_sixteen_in_every_png(tmp_path: Path, kind: int, channels: int, interlaced: bool) -> None:
    pixels = np.stack([DEEP] * (channels if kind < 4 else channels - 1), -1)
    if kind >= 4:
        pixels = np.concatenate([pixels, np.full((*DEEP.shape, 1), 65535, np.uint16)], -1)
    png(tmp_path / "a.png", pixels, kind, interlaced=interlaced)
    np.testing.assert_array_equal(read(tmp_path / "a.png")[..., 0], DEEP)
    found = open_slices(tmp_path).pixels
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found[0], DEEP)


def test_colours_of_sixteen_bits_become_luminance_of_sixteen(tmp_path: Path) -> None:
    png(tmp_path / "a.png", np.stack([DEEP * 4, DEEP * 2, DEEP], -1), 2)
    expected = DEEP * (0.299 * 4 + 0.587 * 2 + 0.114)
    np.testing.assert_allclose(open_slices(tmp_path).pixels[0], expected, atol=1)
    assert reason(tmp_path / "a.png") == "colour"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sixteen_bits_stay_sixteen_in_a_tiff_in_colour(
    tmp_path: Path, order: Any, planes: str, compression: str | None
) -> None:
    pixels = np.stack([DEEP] * 3, 0 if planes == "separate" else -1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", planarconfig=planes, byteorder=order, compression=compression)
    np.testing.assert_array_equal(read(path)[..., 0], DEEP)


@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_stay_sixteen_in_a_tiff_that_another_library_decodes(tmp_path: Path, channels: int) -> None:
    cv2 = pytest.importorskip("cv2")
    pixels = np.stack([DEEP] * 3 + [np.full_like(DEEP, 65535)] * (channels - 3), -1)
    cv2.imwrite(str(tmp_path / "a.tif"), pixels, [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    with tifffile.TiffFile(tmp_path / "a.tif") as written:
        assert written.pages.first.compression == tifffile.COMPRESSION.LZW
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[..., 0], DEEP)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_signs_and_floating_point_of_a_tiff_are_kept(tmp_path: Path, compression: str | None) -> None:
    signed = DEEP.astype(np.int16) - 1024
    options: dict[str, Any] = {"compression": compression} if compression else {}
    Image.fromarray(signed.astype(np.float32)).save(tmp_path / "float.tif", **options)
    np.testing.assert_array_equal(read(tmp_path / "float.tif")[..., 0], signed)
    tifffile.imwrite(tmp_path / "signed.tif", signed)
    np.testing.assert_array_equal(read(tmp_path / "signed.tif")[..., 0], signed)
    assert read_pages(tmp_path / "signed.tif").pixels.dtype == np.int16
    tifffile.imwrite(tmp_path / "signed.tif", np.abs(signed))
    assert read_pages(tmp_path / "signed.tif").pixels.dtype == np.int16


def test_a_colour_map_of_sixteen_bits_keeps_them(tmp_path: Path) -> None:
    indices, colours = GREY, np.stack([np.arange(256) * 16 + 3] * 3).astype(np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", indices, photometric="palette", colormap=colours)
    np.testing.assert_array_equal(read(tmp_path / "deep.tif")[..., 0], colours[0][indices])
    tifffile.imwrite(
        tmp_path / "eight.tif", indices, photometric="palette", colormap=np.stack([np.arange(256) * 257] * 3)
    )
    np.testing.assert_array_equal(read(tmp_path / "eight.tif")[..., 0], indices)
    assert load(describe(tmp_path / "eight.tif", "x"))[1]["full_range"] == (0, 255)


def test_what_is_transparent_is_set_aside_and_what_is_opaque_is_read(tmp_path: Path) -> None:
    alpha = np.full_like(GREY, 255)
    Image.fromarray(np.stack([GREY, alpha], -1)).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read(tmp_path / "opaque.png")[..., 0], GREY)
    alpha[3, 4] = 254
    Image.fromarray(np.stack([GREY, alpha], -1)).save(tmp_path / "la.png")
    Image.fromarray(np.stack([GREY, GREY, GREY, alpha], -1)).save(tmp_path / "rgba.png")
    Image.fromarray(np.stack([GREY, GREY, GREY, alpha], -1)).save(tmp_path / "rgba.tif")
    Image.fromarray(np.stack([GREY, GREY, GREY, alpha], -1)).save(tmp_path / "rgba.webp", lossless=True)
    Image.fromarray(GREY).save(tmp_path / "key.png", transparency=int(GREY[5, 6]))
    Image.fromarray(np.stack([GREY] * 3, -1)).save(tmp_path / "keys.png", transparency=(int(GREY[5, 6]),) * 3)
    absent = next(value for value in range(256) if value not in GREY)
    Image.fromarray(GREY).save(tmp_path / "unused.png", transparency=absent)
    np.testing.assert_array_equal(read(tmp_path / "unused.png")[..., 0], GREY)
    for name in ("la.png", "rgba.png", "rgba.tif", "rgba.webp", "key.png", "keys.png"):
        assert reason(tmp_path / name) == "transparent"


@pytest.mark.parametrize("pages", [1, 2])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colours_in_planes_of_their_own_are_no_slices(tmp_path: Path, planes: str, pages: int) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (pages, 32, 40, 3), np.uint8)
    for name, pixels in (("colour", colours), ("grey", np.repeat(colours[..., :1], 3, -1))):
        stored = pixels if planes == "contig" else np.moveaxis(pixels, -1, 1)
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, photometric="rgb", planarconfig=planes, metadata=None)
    assert reason(tmp_path / "colour.tif") == "colour"
    np.testing.assert_array_equal(read(tmp_path / "grey.tif"), np.moveaxis(colours[..., 0], 0, -1))


def test_other_colour_spaces_are_not_taken_for_grey_and_alpha(tmp_path: Path) -> None:
    grey = Image.fromarray(GREY)
    black = np.zeros((*GREY.shape, 4), np.uint8)
    black[..., 3] = 255 - GREY
    Image.fromarray(black, "CMYK").save(tmp_path / "ink.tif")
    np.testing.assert_allclose(read(tmp_path / "ink.tif")[..., 0], GREY, atol=1)
    Image.fromarray(black, "CMYK").save(tmp_path / "ink.jpg", quality=100, subsampling=0)
    assert np.abs(read(tmp_path / "ink.jpg")[..., 0] - GREY).mean() < 2
    grey.convert("RGB").convert("YCbCr").save(tmp_path / "video.tif")
    np.testing.assert_allclose(read(tmp_path / "video.tif")[..., 0], GREY, atol=2)


def test_every_page_and_frame_is_a_slice_and_pages_of_unlike_size_are_none(tmp_path: Path) -> None:
    pages = np.random.default_rng(2).integers(0, 255, (5, 24, 36)).astype(np.uint8)
    pictures = [Image.fromarray(page) for page in pages]
    for name, options in (
        ("plain.tif", {}), ("lzw.tif", {"compression": "tiff_lzw"}), ("moving.png", {}), ("moving.gif", {}),
        ("moving.webp", {"lossless": True}),
    ):  # fmt: skip
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], **options)
        np.testing.assert_array_equal(np.moveaxis(read(tmp_path / name), -1, 0), pages)
    with tifffile.TiffWriter(tmp_path / "unlike.tif") as file:
        for page in (pages[0], pages[1], pages[2, :12]):
            file.write(page, photometric="minisblack")
    assert reason(tmp_path / "unlike.tif") == "unlike-pages"
    with tifffile.TiffWriter(tmp_path / "thumbnail.tif") as file:
        file.write(pages[0], photometric="minisblack")
        file.write(pages[0, ::4, ::4], photometric="minisblack", subfiletype=1)
    np.testing.assert_array_equal(read(tmp_path / "thumbnail.tif")[..., 0], pages[0])


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "lzw.tif", "a.bmp"])
def test_pixels_have_the_shape_that_the_file_gives_them(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {"compression": "tiff_lzw"} if name == "lzw.tif" else {}
    Image.fromarray(GREY).save(tmp_path / name, dpi=(200, 100), **options)
    _, meta = load(describe(tmp_path / name, name))
    assert meta["affine"][0, 0] / meta["affine"][1, 1] == pytest.approx(2, rel=0.01)
    assert meta["spacing_known"] is False
    Image.fromarray(GREY).save(tmp_path / name, dpi=(72, 72), **options)
    assert load(describe(tmp_path / name, name))[1]["affine"].tolist() == np.eye(4).tolist()


def test_a_circle_of_tall_pixels_is_ingested_as_a_circle(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:64, :128]
    disc = (((rows - 32) * 2) ** 2 + (columns - 64) ** 2 < 40**2) * 200
    noise = np.random.default_rng(0).integers(0, 20, disc.shape)
    (tmp_path / "in").mkdir()
    Image.fromarray((disc + noise).astype(np.uint8)).save(tmp_path / "in" / "a.png", dpi=(200, 100))
    store = ingest([tmp_path / "in"], tmp_path / "store", size=64, split=(1, 0, 0))
    shown = store.codes(0) > 30000
    assert abs(int(shown.any(0).sum()) - int(shown.any(1).sum())) <= 1
    assert store.index["spacing_mm"].isna().all()


def test_a_turn_of_ninety_degrees_turns_the_shape_of_pixels(tmp_path: Path) -> None:
    tags = exif(6)
    Image.fromarray(GREY).save(tmp_path / "a.png", dpi=(200, 100), exif=tags)
    assert read_pages(tmp_path / "a.png").aspect == pytest.approx(0.5, rel=0.01)


def test_white_is_zero_in_every_depth(tmp_path: Path) -> None:
    for pixels in (GREY, DEEP):
        name = f"{pixels.dtype}.tif"
        tifffile.imwrite(tmp_path / name, np.invert(pixels), photometric="miniswhite", compression="zlib")
        np.testing.assert_array_equal(read(tmp_path / name)[..., 0], pixels)
    tifffile.imwrite(tmp_path / "float.tif", GREY.astype(np.float32), photometric="miniswhite")
    assert reason(tmp_path / "float.tif") == "unreadable"


def test_kinds_that_no_decoder_here_reads_are_said_to_be_unreadable_or_no_scan(tmp_path: Path) -> None:
    whole = tmp_path / "a.jpg"
    Image.fromarray(GREY).save(whole)
    twelve = bytearray(whole.read_bytes())
    at = twelve.index(b"\xff\xc0")
    twelve[at + 1], twelve[at + 4] = 0xC1, 12  # extended sequential, 12 bits
    whole.write_bytes(twelve)
    assert reason(whole) == "unreadable"
    heic = b"\0\0\0\x18ftypheic" + bytes(64)
    assert not is_picture(tmp_path / "a.heic", heic)
