"""rapidocr-onnxruntime 1.4 (PP-OCRv4), which `ingest --screen` used alone before: to compare with."""

from __future__ import annotations

import importlib.util
import logging
from functools import cache
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import numpy.typing as npt

from medattngan.scans.text import rapidocr
from medattngan.scans.text.boxes import Box


class Found(NamedTuple):
    """Its answer in the shape of the later package's."""

    boxes: Any
    txts: Any
    scores: Any


def installed() -> bool:
    """Whether it can be compared with."""
    return importlib.util.find_spec("rapidocr_onnxruntime") is not None


@cache
def reader() -> Any:
    """As it was set up."""
    from rapidocr_onnxruntime import RapidOCR

    one = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, det_limit_side_len=32, text_score=0.0)
    for name in ("RapidOCR", "OrtInferSession"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return one


def _read(picture: npt.NDArray[np.uint8]) -> Found:
    lines, _ = reader()(picture)
    return Found(*zip(*lines, strict=True)) if lines else Found(None, None, None)


def find_read(picture: npt.NDArray[np.uint8]) -> list[Box]:
    """The lines that may identify somebody, by the same rules."""
    with mock.patch.object(rapidocr, "_reader", return_value=_read):
        return rapidocr.find_read(picture)[0]
