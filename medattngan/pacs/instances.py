"""The files to send: which are DICOM, what they are, and whether they say that they are synthetic.

Every file is read whole and checked before the first is sent. What is written about a file is its name and
which mark it lacks, never a value of its header.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.uid import UID, MediaStorageDirectoryStorage

from medattngan.core.files import UserError, read_json, unused
from medattngan.core.seal import SEAL, check, thorough
from medattngan.core.text import counted
from medattngan.data.sources import require_none_of_patients
from medattngan.scans.damage import DAMAGE

MARK = "SYNTHETIC"
NAMED_AT_ONCE = 5
UIDS = ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
UNDEFINED = 0xFFFFFFFF
EXPORT_SIGNS = {SEAL: {"kind", "files"}, "provenance.json": {"samples_digest", "series"}}
"""By which keys of which files a folder that `export` wrote is known."""
READ_ERRORS = (*DAMAGE, UserWarning)
"""What pydicom raises on a damaged file, as `reading_quietly` has it read."""


class Changed(Exception):  # noqa: N818
    """A file is no longer the one that was checked."""


@dataclass(frozen=True)
class Instance:
    """A DICOM file that can be sent.

    Args:
        path: where it is.
        name: its path under the folder that is pushed, with slashes.
        sop_instance_uid: and the other UIDs, as in its header.
        transfer_syntax_uid: how its pixels are written.
        sha256: of the file's bytes.
        size: of the file, in bytes.
        missing: the synthetic marks that it lacks, in words; none for what `export` writes.
    """

    path: Path
    name: str
    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    sha256: str
    size: int
    missing: tuple[str, ...] = ()

    @property
    def series(self) -> tuple[str, str]:
        """Study and series, by which a server is asked what it holds."""
        return self.study_instance_uid, self.series_instance_uid

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            Changed: it is not what was checked, or is gone.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise Changed(f"it can no longer be read ({error.strerror})") from None
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise Changed("it has changed since it was checked")
        return content


@dataclass(frozen=True)
class FolderContents:
    """What is in a folder: `instances` to send, by name; `not_dicom`, names of other files; `copies`, names of
    files that are byte for byte another one."""

    instances: tuple[Instance, ...]
    not_dicom: tuple[str, ...]
    copies: tuple[str, ...]


def look_through(folder: Path) -> FolderContents:
    """Read and check every file under `folder`.

    Raises:
        UserError: there is no DICOM file, one is damaged, or two differ under one SOP Instance UID.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; make one with: medattngan export SAMPLES --out {unused(folder)}")
    require_none_of_patients(folder, "pushed")
    by_uid: dict[str, Instance] = {}
    others: list[str] = []
    copies: list[str] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL):
        name = path.relative_to(folder).as_posix()
        if name == "provenance.json":  # what `export` says of itself
            continue
        one = read_instance(path, name)
        if one is None:
            others.append(name)
        elif (first := by_uid.setdefault(one.sop_instance_uid, one)) is not one:
            if first.sha256 != one.sha256:
                raise UserError(f"{first.name} and {name} differ but have one SOP Instance UID; nothing was sent.")
            copies.append(name)
    if not by_uid:
        raise UserError(
            f"{folder} holds no DICOM file; make some with: medattngan export SAMPLES --out {unused(folder)}"
        )
    return FolderContents(tuple(by_uid.values()), tuple(others), tuple(copies))


def require_as_exported(folder: Path, instances: Sequence[Instance]) -> None:
    """Read every file that `export` wrote in or around `folder`; refuse one that is not what it was, and DICOM that was
    put beside. Other files may lie there, as they are not sent.

    Raises:
        UserError: a file was changed, added or is missing, as the seal may be.
    """
    inside = {path.parent for name in EXPORT_SIGNS for path in folder.rglob(name)}
    for exported in sorted({folder.resolve().parent, *inside}):
        if not _is_export(exported):
            continue
        with thorough():
            known = check(exported, "dicom", additions=True)
        sealed = {fact.sha256 for fact in known.files.values()}
        for one in instances:
            if one.path.resolve().is_relative_to(exported.resolve()) and one.sha256 not in sealed:
                raise UserError(
                    f"{one.name} was added to what export wrote, so nothing was sent; move it elsewhere, or, if it "
                    f"belongs there: medattngan reseal {exported} --reason TEXT"
                )


def _is_export(folder: Path) -> bool:
    """Whether `export` wrote `folder`, by its seal or by its record: either may have been taken away."""
    for name, signs in EXPORT_SIGNS.items():
        try:
            record = read_json(folder / name) if (folder / name).is_file() else None
        except UserError:
            continue  # of somebody else, or damaged: then the other file tells
        if isinstance(record, dict) and signs <= record.keys() and record.get("kind", "dicom") == "dicom":
            return True
    return False


def read_instance(path: Path, name: str) -> Instance | None:
    """The instance in the file `path`, or None where it is no DICOM file (PS3.10 7.1) or a directory of them.

    Raises:
        UserError: it is a DICOM file, but damaged or without what every instance has.
    """
    content = path.read_bytes()
    if content[128:132] != b"DICM":
        return None
    try:
        with reading_quietly():
            dataset = read_whole(content)
            if dataset.file_meta.MediaStorageSOPClassUID == MediaStorageDirectoryStorage:
                return None
            values = [UID(str(dataset[keyword].value)) for keyword in UIDS]
            syntax = UID(str(dataset.file_meta.TransferSyntaxUID))
            if dataset.file_meta.MediaStorageSOPInstanceUID != values[0]:
                raise ValueError("two SOP Instance UIDs")
            missing = missing_marks(dataset)
    except READ_ERRORS as error:
        kind = type(error).__name__
        raise UserError(
            f"{path} is a damaged or truncated DICOM file ({kind}); mend or remove it; nothing was sent."
        ) from None
    if not all(uid.is_valid for uid in [*values, syntax]):
        raise UserError(f"{path} has a UID that is not valid; mend or remove it; nothing was sent.")
    instance, sop, study, series = map(str, values)
    sha = hashlib.sha256(content).hexdigest()
    return Instance(path, name, instance, sop, study, series, str(syntax), sha, len(content), missing)


@contextmanager
def reading_quietly() -> Iterator[None]:
    """Keep pydicom from warning: what it quotes of a header may identify a patient."""
    mode = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom.config.settings.reading_validation_mode = mode


def read_whole(content: bytes) -> Dataset:
    """The dataset of a file's bytes, none of which is missing.

    Raises:
        UserWarning: the file ends within an element of undefined length; pydicom only warns of that.
        EOFError: it ends within another element, of which pydicom says nothing, or before the pixels.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        dataset = pydicom.dcmread(io.BytesIO(content))
    for element in dataset.values():
        if isinstance(element, RawDataElement) and element.length not in (UNDEFINED, len(element.value or b"")):
            raise EOFError("an element is shorter than it says")
    image = "Rows" in dataset or "Image Storage" in UID(dataset.SOPClassUID).name
    if image and not any(keyword in dataset for keyword in PIXELS):
        raise EOFError("an image without pixels")
    return dataset


def missing_marks(dataset: Dataset) -> tuple[str, ...]:
    """Which of the marks that `export` writes are missing, in words.

    >>> missing_marks(Dataset())[0]
    'Synthetic Data (0008,001C) is not YES'
    """
    image_type = dataset.get("ImageType") or [""]
    first = image_type if isinstance(image_type, str) else image_type[0]
    marks = (
        (str(dataset.get("SyntheticData", "")).strip() == "YES", "Synthetic Data (0008,001C) is not YES"),
        (str(first).strip() == "DERIVED", "Image Type (0008,0008) does not begin with DERIVED"),
        (MARK in str(dataset.get("PatientName", "")).upper(), "Patient's Name (0010,0010) does not say SYNTHETIC"),
        (MARK in str(dataset.get("PatientID", "")).upper(), "Patient ID (0010,0020) does not say SYNTHETIC"),
    )
    return tuple(words for there, words in marks if not there)


def require_marks(instances: Sequence[Instance], allow_unmarked: str | None) -> None:
    """Refuse to send what does not say that it is synthetic, unless a reason is given.

    Raises:
        UserError: an instance lacks a mark and there is no reason, or the reason is empty.
    """
    if allow_unmarked is not None:
        if not allow_unmarked.strip():
            raise UserError("--allow-unmarked is empty; say in a few words why files without marks are sent.")
        return
    unmarked = [one for one in instances if one.missing]
    if unmarked:
        do = "does" if len(unmarked) == 1 else "do"
        named = "; ".join(f"{one.name}: {', '.join(one.missing)}" for one in unmarked[:NAMED_AT_ONCE])
        more = f"; and {len(unmarked) - NAMED_AT_ONCE} more" if len(unmarked) > NAMED_AT_ONCE else ""
        raise UserError(
            f"{len(unmarked)} of {counted(len(instances), 'files')} {do} not say SYNTHETIC, so nothing was sent "
            f"({named}{more}); remove them, or give the reason with --allow-unmarked REASON."
        )
