"""DICOM: which decoder reads which transfer syntax (PS3.5 8.2). One each, so that a file is the same bytes everywhere.

pydicom would ask whatever decoders are installed, in an order of its own; those of lossy JPEG differ by grey levels.
JPEG Extended and JPEG Lossless are read by libjpeg-turbo, as imagecodecs brings it, through pydicom's door for plugins.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

DECODERS: dict[str, str] = {
    JPEGBaseline8Bit: "pillow",
    JPEGExtended12Bit: "imagecodecs",
    JPEGLossless: "imagecodecs",
    JPEGLosslessSV1: "imagecodecs",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
    JPEG2000Lossless: "pylibjpeg",
    JPEG2000: "pylibjpeg",
    HTJ2KLossless: "pylibjpeg",
    HTJ2KLosslessRPCL: "pylibjpeg",
    HTJ2K: "pylibjpeg",
    RLELossless: "pylibjpeg",
}
"""The names are pydicom's for its plugins."""

END_OF_IMAGE, FILL = b"\xff\xd9", b"\0\xff"

DECODER_DEPENDENCIES = {uid: ("imagecodecs",) for uid, name in DECODERS.items() if name == "imagecodecs"}
"""pydicom asks a plugin for this, and for `is_available`."""


def has_decoder(syntax: str) -> bool:
    """Whether the pixels of a transfer syntax can be read: the uncompressed ones, and those of `DECODERS`."""
    return syntax in DECODERS or (UID(syntax).is_transfer_syntax and not UID(syntax).is_encapsulated)


def decode(dataset: Dataset, frame: int, **options: Any) -> tuple[npt.NDArray[Any], str]:
    """One frame as stored, (rows, columns) or (rows, columns, channel), and its photometric interpretation.

    Args:
        options: pydicom's, as `raw`.

    Raises:
        Exception: what pydicom and the codecs raise; see READ_ERRORS.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    decoder, name = get_decoder(syntax), DECODERS.get(syntax, "")
    if name == "imagecodecs" and name not in decoder.available_plugins:
        decoder.add_plugin(name, (__name__, "decode_frame"))
    array, found = decoder.as_array(dataset, index=frame, decoding_plugin=name, **options)
    return array, str(found["photometric_interpretation"])


def is_available(uid: str) -> bool:
    """Whether this plugin reads a transfer syntax."""
    return uid in DECODER_DEPENDENCIES


def decode_frame(src: bytes, runner: DecodeRunner) -> bytes:
    """A frame of JPEG Extended or Lossless, 2 to 16 bits; channels stay in the colours that they were coded in.

    Raises:
        ValueError: it is cut off, which libjpeg-turbo itself would fill with grey.
    """
    if not src.rstrip(FILL).endswith(END_OF_IMAGE):
        raise ValueError("the JPEG stream has no end")
    from imagecodecs import jpeg8_decode  # it brings fifty libraries, and few scans need one

    if runner.samples_per_pixel == 1:
        array = jpeg8_decode(src)
    else:
        array = jpeg8_decode(src, colorspace="RGB", outcolorspace="RGB")
        runner.set_option("planar_configuration", 0)
    runner.set_option("bits_allocated", array.dtype.itemsize * 8)
    return np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
