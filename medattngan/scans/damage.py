"""What readers of scans raise on damaged bytes."""

from __future__ import annotations

import struct
import zlib

from pydicom.errors import BytesLengthException, InvalidDicomError

DAMAGE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    AssertionError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
    BytesLengthException,
    InvalidDicomError,
)
"""pydicom, nibabel, Pillow and the codecs."""
