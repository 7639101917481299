"""DICOM: values that stand in the functional groups of enhanced objects (PS3.3 C.7.6.16), or beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from medattngan.scans.formats.dicom_elements import element

PER_FRAME = Tag("PerFrameFunctionalGroupsSequence")
SHARED = Tag("SharedFunctionalGroupsSequence")


def functional(dataset: Dataset, frame: int, group: str, keyword: str) -> Any:
    """A value of an enhanced object's functional groups: of the frame, else shared, else the dataset's."""
    value = grouped(dataset, frame, group, keyword)
    return element(dataset, keyword) if value is None else value


def grouped(dataset: Dataset, frame: int, group: str, keyword: str) -> Any:
    """A value of the functional groups alone: of the frame, else shared, else None."""
    for item in items(dataset, frame, group):
        value = element(item, keyword)
        if value is not None:
            return value
    return None


def items(dataset: Dataset, frame: int, group: str) -> Iterator[Dataset]:
    """The items of one functional group that tell of a frame: its own, then those that all frames share."""
    for groups in groups_of(dataset, frame):
        yield from groups.get(group) or []


def groups_of(dataset: Dataset, frame: int) -> list[Dataset]:
    """The functional groups of a frame, and then those of all frames; none of a classic object."""
    if dataset.get_item(PER_FRAME) is None and dataset.get_item(SHARED) is None:
        return []
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    return [*per_frame[frame : frame + 1], *shared[:1]]
