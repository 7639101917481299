"""DICOM: what a file holds, from its header alone. Clauses are of DICOM PS3.3."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from medattngan.scans.formats.declared import count_frames
from medattngan.scans.formats.dicom_captures import CAPTURE_TAGS, is_page, what_else
from medattngan.scans.formats.dicom_codecs import has_decoder
from medattngan.scans.formats.dicom_elements import mend, texts
from medattngan.scans.formats.dicom_groups import functional
from medattngan.scans.formats.dicom_mosaic import CSA_TAGS, is_tiled, tiles
from medattngan.scans.formats.dicom_place import along, geometry
from medattngan.scans.formats.dicom_rescale import HOUNSFIELD, RESCALE_TAGS, rescale, rescale_types
from medattngan.scans.formats.dicom_said import tag_of
from medattngan.scans.formats.dicom_sequence import SEQUENCE_TAGS, mr_sequence
from medattngan.scans.formats.dicom_traits import TRAIT_TAGS, b_value, echo_ms, traits
from medattngan.scans.series import READ_ERRORS, Geometry, Piece, SetAside
from medattngan.scans.stack.traits import TRAITS

NOT_PATIENT_IMAGES = {"SEG", "RTDOSE", "RTIMAGE", "PMAP", "FID", "REG", "RWV"}
"""Modalities whose pixels are not an image of a patient."""

NOT_PATIENT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7", "1.2.840.10008.5.1.4.1.1.30",
    "1.2.840.10008.5.1.4.1.1.481.2",
}  # fmt: skip
"""Segmentation, Label Map Segmentation, Parametric Map and RT Dose Storage, whatever their modality says."""

HEADER_TAGS = [
    "TransferSyntaxUID", "SOPClassUID", "SOPInstanceUID", "ImageType", "Modality", "PatientID",
    "IssuerOfPatientID", "StudyInstanceUID", "SeriesInstanceUID", "InstanceNumber", "Rows", "Columns",
    "BitsAllocated", "NumberOfFrames", "ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing",
    "ImagerPixelSpacing", "NominalScannedPixelSpacing", "SliceThickness", "EchoTime", "DiffusionBValue",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "BurnedInAnnotation",
    "RecognizableVisualFeatures", "BodyPartExamined", "SpacingBetweenSlices", "BitsStored", *RESCALE_TAGS,
    *CAPTURE_TAGS,
]  # fmt: skip
"""What `describe` needs of a header beside the traits; reading the rest would take several times as long."""

MENDED = [*map(tag_of, HEADER_TAGS)]
READ_TAGS = [*MENDED, *TRAIT_TAGS, *map(tag_of, SEQUENCE_TAGS)]

GROUP_OF_PIXELS = 0x0028
"""Of the Image Pixel Module and what goes with it."""


HEAD = {"HEAD", "HEADNECK", "BRAIN", "SKULL", "FACE", "ORBIT", "EYE", "SINUS", "NOSE", "JAW", "EAR", "IAC", "SELLA"}
"""Words of Body Part Examined (PS3.16 Annex L) whose scans may show a face."""


def is_dicom(path: Path, head: bytes) -> bool:
    """Whether `head`, the first bytes of a file, opens a DICOM file, with the preamble of PS3.10 7.1 or without.

    Without one, the first element must be of group 0002 or 0008 and the whole must parse into something
    with a SOP class or rows.
    """
    if head[128:132] == b"DICM":
        return True
    if head[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x08", b"\x00\x02"):
        return False
    try:
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=["SOPClassUID", "Rows"])
    except READ_ERRORS:
        return False
    return "SOPClassUID" in dataset or "Rows" in dataset


def read_dataset(path: Path, tags: Sequence[str | BaseTag] | None = None) -> Dataset:
    """The dataset of a file, whole or a few tags of it, with its numbers mended. It always knows its transfer syntax.

    Raises:
        SetAside: a number that is needed is none.
    """
    if tags is None:
        dataset = pydicom.dcmread(path, force=True)
        mend(dataset, [tag for tag in dataset.keys() if tag >> 16 == GROUP_OF_PIXELS])  # noqa: SIM118
    else:
        dataset = pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=[Tag(tag) for tag in tags])
        mend(dataset, MENDED)
    if not dataset.file_meta.get("TransferSyntaxUID"):
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


def describe(path: Path, relative: str) -> list[Piece]:
    """The frames of a file, from its header.

    Raises:
        SetAside: it holds no image of a patient.
    """
    try:
        dataset = read_dataset(path, READ_TAGS)
        _check_is_image(dataset)
        frames = count_frames(dataset, path)
        pieces = [_piece(dataset, path, relative, frame, frames) for frame in range(frames)]
        if is_tiled(dataset, frames):
            pieces = tiles(dataset, pieces, read_dataset(path, CSA_TAGS))
        placed = {piece.geometry is not None for piece in pieces}
        reason = what_else(dataset, True in placed)
    except READ_ERRORS:
        raise SetAside("unreadable") from None
    if reason is not None:
        raise SetAside(reason)
    return pieces if len(placed) == 1 else [replace(piece, page=piece.geometry is None) for piece in pieces]


def _check_is_image(dataset: Dataset) -> None:
    modality = str(dataset.get("Modality") or "OT")
    if modality in NOT_PATIENT_IMAGES or dataset.get("SOPClassUID") in NOT_PATIENT_CLASSES:
        raise SetAside("derived-object")
    if not (dataset.get("Rows") and dataset.get("Columns")):
        raise SetAside("no-pixels")
    if int(dataset.get("NumberOfFrames") or 1) < 1:
        raise SetAside("bad-value")
    if 1 in (dataset.get("BitsAllocated"), dataset.get("BitsStored")):
        raise SetAside("label-mask")
    if not has_decoder(dataset.file_meta.TransferSyntaxUID):
        raise SetAside("no-decoder")
    image_type = {str(value).upper() for value in _values(dataset, "ImageType")}
    if image_type & {"LOCALIZER", "SCOUT"}:
        raise SetAside("localizer")


def _piece(dataset: Dataset, path: Path, relative: str, frame: int, frames: int) -> Piece:
    placed = geometry(dataset, frame, frames)
    spacing = _pair(functional(dataset, frame, "PixelMeasuresSequence", "PixelSpacing"))
    spacing = spacing or _pair(dataset.get("ImagerPixelSpacing")) or _pair(dataset.get("NominalScannedPixelSpacing"))
    study = str(dataset.get("StudyInstanceUID") or "")
    # Where somebody removed the UID, a study's images with one number in one folder are a series.
    beside = f"{study}\0{relative.rpartition('/')[0]}\0{_text(dataset, 'SeriesNumber')}"
    series = str(dataset.get("SeriesInstanceUID") or beside)
    if placed is None:
        # Without a place in the patient nothing orders files into a volume, so a file is a series.
        series = f"{series}\0{dataset.get('SOPInstanceUID') or relative}"
    unit = rescale(dataset, frame).unit
    unusual = [unit] if (unit == HOUNSFIELD) != (dataset.get("Modality") == "CT") else []
    unusual += sorted(rescale_types(dataset, frame) - {HOUNSFIELD})
    stack = (dataset.get("Rows"), dataset.get("Columns"), *unusual, *_contrast(dataset, frame), *_rounded(placed))
    thickness = functional(dataset, frame, "PixelMeasuresSequence", "SliceThickness")
    said = traits(dataset, frame, frames > 1 or is_tiled(dataset, frames))
    echo, weighting = echo_ms(dataset, frame), b_value(dataset, frame)
    return Piece(
        path=path,
        relative=relative,
        frame=frame,
        patient="".join(texts(dataset, "PatientID")[:1]),
        issuer=_text(dataset, "IssuerOfPatientID"),
        study=study or str(dataset.get("SeriesInstanceUID") or ""),
        series="\0".join(map(str, (series, *stack))),
        scan="\0".join(map(str, (series, *stack[:2], *unusual, _kind(dataset)))),
        modality=str(dataset.get("Modality") or "OT").strip() or "OT",
        order=(int(dataset.get("InstanceNumber") or 0) * (frames + 1) + frame, f"{relative}\0{frame}"),
        along_mm=None if placed is None else along(placed),
        geometry=placed,
        echo_ms=echo,
        b_value=weighting,
        traits=said,
        sequence=mr_sequence(dataset, frame, _kind(dataset), dict(zip(TRAITS, said, strict=True)), echo, weighting),
        shape=(int(dataset.Rows), int(dataset.Columns)),
        instance=_text(dataset, "SOPInstanceUID"),
        spacing_mm=spacing if placed is None else placed.spacing,
        thickness_mm=float(thickness) if thickness else None,
        burned_in=_text(dataset, "BurnedInAnnotation").upper() == "YES",
        recognizable=_text(dataset, "RecognizableVisualFeatures").upper() == "YES",
        page=is_page(dataset, placed is not None),
        of_head=not HEAD.isdisjoint(re.split("[^A-Z]+", _text(dataset, "BodyPartExamined").upper())),
    )


def _values(dataset: Dataset, keyword: str) -> list[Any]:
    return _listed(dataset.get(keyword))


def _listed(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | int | float) else list(value)


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()


def _pair(found: Any) -> tuple[float, float] | None:
    values = [float(value) for value in _listed(found)]
    sound = len(values) == 2 and all(math.isfinite(value) and value > 0 for value in values)
    return (values[0], values[1]) if sound else None


def _contrast(dataset: Dataset, frame: int) -> tuple[str, ...]:
    """What makes two images at one place different images: kind, echo time, diffusion weighting."""
    echo = functional(dataset, frame, "MREchoSequence", "EffectiveEchoTime") or dataset.get("EchoTime")
    weighting = functional(dataset, frame, "MRDiffusionSequence", "DiffusionBValue")
    return _kind(dataset), str(echo or ""), str(weighting or "")


def _kind(dataset: Dataset) -> str:
    """Image Type (C.7.6.1.1.2) from its third value on: what was made of the signal."""
    return "/".join(str(value) for value in _values(dataset, "ImageType")[2:])


def _rounded(placed: Geometry | None) -> tuple[float, ...]:
    """Names a series, as it always has; what is one stack, `scans.stack` says."""
    if placed is None:
        return ()
    return tuple(round(v, 2) + 0.0 for v in placed.orientation) + tuple(round(v, 3) for v in placed.spacing)
