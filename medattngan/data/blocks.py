"""Slices that lie in a file, a few at a time, in memory that does not grow with their number.

A memory map counts as memory of the process wherever it was touched. What was read is copied, and the pages are given
back, so that reading 50,000 slices takes the memory of a block.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.files import UserError
from medattngan.core.types import Codes

BLOCK_BYTES = 4 << 20


def mapped_parts(store: Path, prefix: str) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """The files PREFIX-00000.npy … of a store, in order: each with its name, memory-mapped.

    Raises:
        UserError: one is not whole.
    """
    for part in sorted(store.glob(f"{prefix}-*.npy")):
        try:
            yield part.name, np.load(part, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise UserError(f"{store} is damaged: {part.name} is not whole; copy it or ingest it again.") from None


def read_rows(codes: Codes, rows: Sequence[int] | slice) -> Codes:
    """A copy of some slices (len(rows), H, W); of a file, nothing else stays in memory."""
    some = np.array(codes[rows])
    release(codes)
    return some


def release(codes: Codes) -> None:
    """Give back the memory into which a mapped file was read; the file and the array stay as they are."""
    mapped = getattr(codes, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        mapped.madvise(mmap.MADV_DONTNEED)


def blocks(codes: Codes) -> Iterator[Codes]:
    """All slices in order, BLOCK_BYTES at a time.

    >>> [len(block) for block in blocks(np.zeros((3, 2048, 1024), np.uint16))]
    [1, 1, 1]
    """
    step = max(1, BLOCK_BYTES // max(1, codes[:1].nbytes))
    for start in range(0, len(codes), step):
        yield read_rows(codes, slice(start, start + step))


class NpyWriter:
    """Write a .npy of (count, H, W) uint16 block after block, in a context: the bytes that `numpy.save` would write.

    Args:
        dtype: `<u2`, or `|u1` for masks.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: str = "<u2") -> None:
        self._file, self._missing, self._dtype = path.open("wb"), shape[0], dtype
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(self._file, header)

    def write(self, codes: npt.NDArray[Any]) -> None:
        """Append slices (n, H, W)."""
        self._missing -= len(codes)
        self._file.write(np.ascontiguousarray(codes, dtype=self._dtype).data)

    def __enter__(self) -> NpyWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is None and self._missing:
            raise ValueError(f"{self._missing} slices of those announced were not written")
