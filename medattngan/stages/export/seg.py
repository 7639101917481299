"""Masks beside slices as DICOM Segmentation, by highdicom. Clauses are of DICOM PS3.3.

A.51 and C.8.20. An object is about the slices that were written before it: it refers to each, and lies where they lie.
Slices with a place share one object; Secondary Captures lie nowhere, so each has its own. Masks that were drawn say
SYNTHETIC as they do; those that were given may be patients' and do not. Content Date and Time are required (C.8.20.2);
no moment means anything here, and the same samples must give the same bytes, so they are always NO_DATE.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset

import medattngan
from medattngan.core.files import UserError
from medattngan.data.masks import Classes, Masks
from medattngan.data.samples import Samples
from medattngan.stages.export.origin import SOFTWARE, content_uid, make_uid, mark_synthetic
from medattngan.stages.export.plan import PlannedSeries
from medattngan.stages.export.series import DESCRIPTION_MAX
from medattngan.stages.export.transfer import save

NO_DATE, NO_TIME = "19000101", "000000"
SCHEME = "99MEDATTNGAN"
"""Of the codes of classes that no coding scheme is known for (PS3.3 8.2: 99 is for private ones)."""
OUTLINES = "Outlines given for SYNTHETIC slices"
"""What an object is called whose masks no generator drew."""
OF_OUTLINES = (
    "the masks were given and not drawn, and may be patients' anatomy: their files do not say SYNTHETIC, and want the "
    "care that the scans do"
)
FIRST_NUMBER = 1000
"""Series Number of the first segmentation."""


def require_seg(samples: Samples, multiframe: bool) -> None:
    """Refuse segmentations that cannot be made.

    Raises:
        UserError: there are no masks, the slices are frames of one object, or highdicom is not there.
    """
    if samples.masks is None or samples.classes is None:
        raise UserError("--seg needs samples with masks; draw them with a run trained with data.conditions=[mask].")
    if multiframe:
        raise UserError("--seg refers to slices one by one; leave out --multiframe.")
    try:
        import highdicom  # noqa: F401
    except ImportError:
        raise UserError("--seg needs the extra seg: pip install 'medattngan[seg]'.") from None


def write_seg(planned: PlannedSeries, samples: Samples, slices: Path, folder: Path) -> None:
    """Write the segmentations of the series in `slices` into the new folder `folder`, of masks that have a class."""
    assert samples.masks is not None
    assert samples.classes is not None
    together = [[row] for row in planned.rows] if planned.series.sop == "sc" else [list(planned.rows)]
    for rows in together:
        masks = np.stack([samples.masks[row] for row in rows])
        if masks.any():
            folder.mkdir(exist_ok=True)
            sources = [pydicom.dcmread(slices / f"slice-{row + 1:05d}.dcm") for row in rows]
            name = f"segmentation-{rows[0] + 1:05d}.dcm" if planned.series.sop == "sc" else "segmentation.dcm"
            built = build_seg(planned, sources, masks, samples.classes, rows[0] + 1, outlines=not drawn(samples))
            save(built, folder / name)


def build_seg(
    planned: PlannedSeries, sources: Sequence[Dataset], masks: Masks, classes: Classes, number: int = 1, *,
    outlines: bool = False,
) -> Dataset:  # fmt: skip
    """The segmentation of `sources`, in order, by masks (count, H, W); `number` is its Instance Number.

    `outlines` says that the masks were given, and so may be of patients: such an object does not say that it is
    synthetic.
    """
    import highdicom.seg  # takes a second, and is an extra

    root, series = planned.series.uid_root, planned.series
    told = json.dumps(list(classes.records), sort_keys=True)
    uid = make_uid(root, "segmentation series", series.uid, told, medattngan.__version__)
    kind = OUTLINES if outlines else "SYNTHETIC segmentation"
    words = f"{kind} {series.label}".strip().replace("\\", "/")  # a backslash would part two values
    dataset: Dataset = highdicom.seg.Segmentation(
        list(sources), masks, highdicom.seg.SegmentationTypeValues.BINARY,
        [_segment(number, record) for number, record in enumerate(classes.records) if number],
        uid, FIRST_NUMBER + series.number, make_uid(root, "draft", uid), number, SOFTWARE, f"{SOFTWARE} generator",
        medattngan.__version__, "none", content_description=words[:DESCRIPTION_MAX],
        content_label="OUTLINES" if outlines else "SYNTHETIC",
        series_description=words.encode()[:DESCRIPTION_MAX].decode(errors="ignore"),
    )  # fmt: skip
    mark_synthetic(dataset, series.origin)
    del dataset.ImageComments  # of images; the description says it here
    if outlines:
        _name_outlines(dataset)
    dataset.SeriesDescription = words.encode()[:DESCRIPTION_MAX].decode(errors="ignore")
    dataset.ContentDate, dataset.ContentTime = NO_DATE, NO_TIME
    dataset.ContentCreatorName = "SYNTHETIC^MEDATTNGAN"
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "SeriesDate", "SeriesTime"):
        if keyword in dataset:
            delattr(dataset, keyword)
    _complete(dataset, sources[0])
    _name_dimensions(dataset, make_uid(root, "dimensions", uid))
    del dataset.SOPInstanceUID
    dataset.SOPInstanceUID = content_uid(root, dataset)
    return dataset


def drawn(samples: Samples) -> bool:
    """Whether a generator drew the masks: those that it was given may be of patients."""
    return (samples.provenance.get("masks") or {}).get("of_patients") is False


def _name_outlines(dataset: Dataset) -> None:
    """Take back what is true of the slices alone."""
    del dataset.SyntheticData
    dataset.PatientComments = "The slices are SYNTHETIC; these outlines were given and may be a patient's anatomy."
    dataset.DerivationDescription = (
        "Outlines that a generative model was given and drew a slice for; they may be a patient's anatomy."
    )


def _complete(dataset: Dataset, source: Dataset) -> None:
    """What the object must say and highdicom leaves out: how a picture without a place stands, and how thick a slice is
    (C.7.6.1, C.7.6.16.2.1), which is the step from one to the next, as slices that were drawn have no thickness."""
    if "PatientOrientation" in source:
        dataset.PatientOrientation = source.PatientOrientation
    for item in dataset.SharedFunctionalGroupsSequence:
        for measures in item.get("PixelMeasuresSequence", []):
            if "SliceThickness" not in measures:
                step = measures.get("SpacingBetweenSlices") or max(measures.PixelSpacing)
                measures.SliceThickness = step


def _name_dimensions(dataset: Dataset, uid: str) -> None:
    """One UID for the organization of dimensions, by content and not by chance (C.7.6.17)."""
    for item in dataset.get("DimensionOrganizationSequence", []):
        item.DimensionOrganizationUID = uid
    for item in dataset.get("DimensionIndexSequence", []):
        item.DimensionOrganizationUID = uid


def _segment(number: int, record: dict[str, Any]) -> Any:
    """What one class is (C.8.20.4): its code in the source, or one of our own."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    name = str(record["name"]).replace("\\", "/")
    value, scheme, meaning = record.get("code", (f"CLASS{number}", SCHEME, name))
    described = SegmentDescription(
        number, name[:DESCRIPTION_MAX], codes.SCT.AnatomicalStructure, CodedConcept(value, scheme, meaning[:64]),
        SegmentAlgorithmTypeValues.AUTOMATIC,
        AlgorithmIdentificationSequence(SOFTWARE, codes.DCM.ArtificialIntelligence, medattngan.__version__),
    )  # fmt: skip
    if "side" in record:
        types = described.SegmentedPropertyTypeCodeSequence[0]
        types.SegmentedPropertyTypeModifierCodeSequence = [CodedConcept(*record["side"])]
    return described
