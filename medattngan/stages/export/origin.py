"""Who a synthetic slice is: reproducible UIDs, an identity that is nobody's, and marks that say SYNTHETIC.

DICOM PS3.3: Synthetic Data (0008,001C) and Contributing Equipment Sequence (0018,A001) are in C.12.1 SOP
Common; "Synthesizing Equipment" is code 109100 of DCM, PS3.16 CID 7005. UIDs under 2.25: PS3.5 B.2; UUID
version 8: RFC 9562.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.sr.codedict import codes as concept
from pydicom.uid import ExplicitVRLittleEndian

import medattngan
from medattngan.core.files import UserError
from medattngan.data.blocks import blocks
from medattngan.data.samples import Samples

SOFTWARE = "medattngan"
UID_MAX = 64
UUID_ROOT = "2.25"
_ROOT = re.compile(r"([01]\.(0|[1-9]|[1-3][0-9])|2\.(0|[1-9][0-9]*))(\.(0|[1-9][0-9]*))*")
"""PS3.5 9.1: numbers without leading zeros; under 0 and 1 the second is below 40 (ISO/IEC 8824)."""


@dataclass(frozen=True)
class Origin:
    """Where slices come from, in the few words that may travel with them; never a path of the source.

    Args:
        samples: SHA-256 of the slices, see `samples_digest`.
        run: what names the training run and its weights, or empty.
        store: digest of the training slices, or empty.
    """

    samples: str
    run: str = ""
    store: str = ""

    @property
    def patient_id(self) -> str:
        """`SYNTHETIC-` and 12 hex digits of the samples' digest."""
        return f"SYNTHETIC-{self.samples[:12].upper()}"

    def sentence(self) -> str:
        """One line for a description, at most 1024 characters (VR ST)."""
        parts = [f"samples {self.samples}"]
        parts += [f"run {self.run}"] if self.run else []
        parts += [f"training data {self.store}"] if self.store else []
        made_by = f"{SOFTWARE} {medattngan.__version__}"
        return f"SYNTHETIC: drawn from a generative model; shows no patient. {', '.join([made_by, *parts])}."[:1024]


def origin_of(samples: Samples) -> Origin:
    """What may be said of where `samples` come from."""
    known = samples.provenance
    run = Path(str(known.get("run") or "")).name[:64]
    return Origin(samples_digest(samples), run, str(known.get("store_digest") or ""))


def samples_digest(samples: Samples) -> str:
    """SHA-256 over pixels, intensity map and labels; a later verdict in the table does not change it."""
    sha = hashlib.sha256(json.dumps([samples.codes.shape, samples.intensity], sort_keys=True).encode())
    for block in blocks(samples.codes):
        sha.update(np.ascontiguousarray(block, dtype="<u2").data)
    if "label" in samples.table:
        sha.update(json.dumps(list(samples.table["label"].astype("string").fillna(""))).encode())
    return sha.hexdigest()


def make_uid(root: str, *parts: object) -> str:
    """A valid UID that depends on `root` and `parts` alone.

    Args:
        root: `2.25` (the SHA-256 becomes a UUID of version 8), or the root of your own organization.
        parts: what the UID names; equal parts, equal UID.

    Raises:
        UserError: `root` is not a UID root, or leaves too little room.

    >>> make_uid("2.25", "study", 1) == make_uid("2.25", "study", 1) != make_uid("2.25", "study", 2)
    True
    >>> len(make_uid("1.2.826.0.1.3680043.8.498", "study", 1)) <= 64
    True
    """
    if not _ROOT.fullmatch(root) or len(root) > UID_MAX - 25:
        raise UserError(
            f"--uid-root {root!r} is not a UID root; give digits and dots such as 1.2.826.0.1.3680043.8.498, "
            f"at most {UID_MAX - 25} characters, or leave it out."
        )
    raw = hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).digest()
    if root == UUID_ROOT:
        bits = bytearray(raw[:16])
        bits[6] = (bits[6] & 0x0F) | 0x80  # version 8
        bits[8] = (bits[8] & 0x3F) | 0x80  # variant of RFC 9562
        return f"{root}.{uuid.UUID(bytes=bytes(bits)).int}"
    digits = str(int.from_bytes(raw, "big"))[: min(39, UID_MAX - len(root) - 1)]
    return f"{root}.{digits}"


def content_uid(root: str, dataset: Dataset) -> str:
    """The UID of an object, from all that is in it but its own UID: other bytes, other UID."""
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    return make_uid(root, "instance", ExplicitVRLittleEndian, hashlib.sha256(buffer.getvalue()).hexdigest())


def mark_synthetic(dataset: Dataset, origin: Origin, comment: str = "") -> None:
    """Set patient, study, equipment and the marks; no date is set, since there was no examination."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SyntheticData = "YES"
    dataset.ContentQualification = "RESEARCH"
    dataset.PatientName = "SYNTHETIC^MEDATTNGAN"
    dataset.PatientID = origin.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = ""
    dataset.PatientComments = "SYNTHETIC: no such patient exists."
    dataset.StudyDate = ""
    dataset.StudyTime = ""
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "SYNTHETIC"
    dataset.AccessionNumber = ""
    dataset.StudyDescription = f"SYNTHETIC slices by {SOFTWARE}"
    dataset.Manufacturer = SOFTWARE
    dataset.ManufacturerModelName = f"{SOFTWARE} generator"
    dataset.SoftwareVersions = medattngan.__version__
    dataset.DerivationDescription = origin.sentence()
    dataset.ImageComments = " ".join(["SYNTHETIC: not for diagnosis.", comment]).strip()
    dataset.ContributingEquipmentSequence = [_synthesizer(origin)]


def _synthesizer(origin: Origin) -> Dataset:
    item = Dataset()
    purpose = Dataset()
    synthesizing: Any = concept.DCM.SynthesizingEquipment
    purpose.CodeValue = synthesizing.value
    purpose.CodingSchemeDesignator = synthesizing.scheme_designator
    purpose.CodeMeaning = synthesizing.meaning
    item.PurposeOfReferenceCodeSequence = [purpose]
    item.Manufacturer = SOFTWARE
    item.ManufacturerModelName = f"{SOFTWARE} generator"
    item.SoftwareVersions = medattngan.__version__
    item.ContributionDescription = origin.sentence()
    return item
