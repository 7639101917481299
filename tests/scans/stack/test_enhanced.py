"""Frames of an enhanced object are put into stacks by its functional groups, in whatever order they are stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.enhanced import group_of, write_enhanced
from helpers.scan_files import write_dicom
from helpers.stacks_in_files import STEP, found, named
from pydicom.tag import Tag

from medattngan.scans.captures import without_pages
from medattngan.scans.find import examine, stacks, walk
from medattngan.stages.ingest.worker import quiet

STACKS, PLACES = 3, 9
WHOLE = [[(stack, place) for place in range(PLACES)] for stack in range(STACKS)]
IN_STACK, TEMPORAL = int(Tag("InStackPositionNumber")), int(Tag("TemporalPositionIndex"))
STACK_ID = int(Tag("StackID"))

Groups = Callable[[int, int], tuple[dict[str, Any], dict[str, dict[str, Any]]]]

SAID: dict[str, Groups] = {
    "dimension": lambda t, k: ({"DimensionIndexValues": [1, k + 1, t + 1]}, {}),
    "temporal position": lambda t, k: ({"TemporalPositionIndex": t + 1}, {}),
    "stack": lambda t, k: ({"StackID": str(t), "InStackPositionNumber": k + 1}, {}),
    "frame acquisition number": lambda t, k: ({"FrameAcquisitionNumber": t + 1}, {}),
    "frame time": lambda t, k: ({"FrameAcquisitionDateTime": f"20200101{10 + t}00{k:02d}.5"}, {}),
    "echo": lambda t, k: ({}, {"MREchoSequence": {"EffectiveEchoTime": 4.6 * (t + 1)}}),
    "b-value": lambda t, k: ({}, {"MRDiffusionSequence": {"DiffusionBValue": 500.0 * t}}),
    "trigger": lambda t, k: (
        {},
        {"CardiacSynchronizationSequence": {"NominalCardiacTriggerDelayTime": t * (30.0 + k)}},
    ),
    "component": lambda t, k: (
        {},
        {"MRImageFrameTypeSequence": {"ComplexImageComponent": ["MAGNITUDE", "PHASE", "REAL"][t]}},
    ),
    "frame type": lambda t, k: (
        {},
        {"MRImageFrameTypeSequence": {"FrameType": ["ORIGINAL", "PRIMARY", "MPR"[t], "NONE"]}},
    ),
    "inversion": lambda t, k: ({}, {"MRModifierSequence": {"InversionTimes": [100.0 + t]}}),
}


def write(path: Path, said: Groups, without: tuple[tuple[int, int], ...] = (), **attributes: Any) -> None:
    frames = [(t, k) for t in range(STACKS) for k in range(PLACES) if (t, k) not in without]
    frames = [frames[i] for i in np.random.default_rng(3).permutation(len(frames))]
    groups = [group_of(k, *said(t, k)) for t, k in frames]
    write_enhanced(path, frames, groups, [STACK_ID, IN_STACK, TEMPORAL], **attributes)


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
def test_each_stack_holds_one_of_what_tells_frames_apart(tmp_path: Path, said: Groups) -> None:
    write(tmp_path / "a", said)
    assert sorted(map(named, found(tmp_path))) == WHOLE


@pytest.mark.parametrize("said", [SAID[name] for name in SAID if name != "trigger"])
def test_a_frame_that_is_missing_shifts_no_other(tmp_path: Path, said: Groups) -> None:
    write(tmp_path / "a", said, without=((0, 0), (1, 4)))
    expected = [[at for at in stack if at not in ((0, 0), (1, 4))] for stack in WHOLE]
    assert sorted(map(named, found(tmp_path))) == expected


def test_frames_of_which_nothing_is_said_follow_their_order_only_where_it_is_plain(tmp_path: Path) -> None:
    frames = [(t, k) for t in range(STACKS) for k in range(PLACES)]
    write_enhanced(tmp_path / "plain", frames, [group_of(k, {}, {}) for _, k in frames])
    assert sorted(map(named, found(tmp_path))) == WHOLE
    (tmp_path / "plain").unlink()
    write(tmp_path / "mixed", lambda t, k: ({}, {}))
    assert sorted(map(named, found(tmp_path))) == [[at] for stack in WHOLE for at in stack]


def test_an_object_for_each_time_is_a_stack_for_each_time(tmp_path: Path) -> None:
    for t in range(STACKS):
        frames = [(t, k) for k in reversed(range(PLACES))]
        groups = [group_of(k, {"DimensionIndexValues": [1, k + 1, 1]}, {}) for _, k in frames]
        write_enhanced(tmp_path / "cab"[t], frames, groups, [STACK_ID, IN_STACK, TEMPORAL])
    assert sorted(map(named, found(tmp_path))) == WHOLE


def test_frames_at_one_place_for_all_are_stacks_of_one_slice(tmp_path: Path) -> None:
    frames = [(t, 0) for t in range(5)]
    groups = [group_of(0, {"TemporalPositionIndex": 5 - t}, {}) for t, _ in frames]
    write_enhanced(tmp_path / "a", frames, groups)
    assert sorted(map(named, found(tmp_path))) == [[(t, 0)] for t in range(5)]


def test_many_frames_and_one_position_in_the_header_lie_nowhere(tmp_path: Path) -> None:
    frames = [(0, k) for k in range(4)]
    groups = [group_of(k, {}, {}) for _, k in frames]
    for group in groups:
        del group.PlanePositionSequence
    write_enhanced(tmp_path / "a", frames, groups, ImagePositionPatient=[0.0, 0.0, 5.0])
    (series,) = found(tmp_path)
    assert [piece.geometry for piece in series.pieces] == [None] * 4
    assert named(series) == frames


@pytest.mark.parametrize("there", [[0.0, 0.0, float("nan")], [float("inf"), 0.0, 0.0]])
def test_a_place_that_is_no_number_is_no_place(tmp_path: Path, there: list[float]) -> None:
    with quiet():
        write_dicom(tmp_path / "a", np.zeros((16, 16), np.int16), ImagePositionPatient=[str(v) for v in there])
    assert [piece.geometry for series in found(tmp_path) for piece in series.pieces] == [None]


@pytest.mark.parametrize("there", [[1e9, 0.0, 0.0], [0.0, 0.0, -2e6]])
def test_a_place_where_no_patient_is_sets_a_file_aside(tmp_path: Path, there: list[float]) -> None:
    pixels = np.arange(256, dtype=np.int16).reshape(16, 16)
    with quiet():
        write_dicom(tmp_path / "a", pixels, ImagePositionPatient=[str(v) for v in there])
        write_dicom(tmp_path / "b", pixels, PixelSpacing=["1e9", "1"])
        write_dicom(tmp_path / "c", pixels, PixelSpacing=["nan", "1"])
    write_dicom(tmp_path / "good", pixels, ImagePositionPatient=[0.0, 0.0, STEP])
    assert [[piece.path.name for piece in series.pieces] for series in found(tmp_path)] == [["good"]]


@pytest.mark.parametrize(
    ("turned", "kept"),
    [
        ([1.004, 0, 0, 0, 0.997, 0], True),
        ([1, 0.003, 0, 0, 1, 0], True),
        ([1.2, 0, 0, 0, 1, 0], False),
        ([1, 0, 0, 0.2, 0.98, 0], False),
        ([0, 0, 0, 0, 0, 0], False),
        ([1, 0, 0, 1, 0, 0], False),
    ],
)
def test_direction_cosines_are_made_exact_or_are_none(tmp_path: Path, turned: list[float], kept: bool) -> None:
    pixels = np.arange(256, dtype=np.int16).reshape(16, 16)
    write_dicom(tmp_path / "a", pixels, ImageOrientationPatient=[float(v) for v in turned])
    ((piece,),) = [series.pieces for series in found(tmp_path)]
    assert (piece.geometry is not None) == kept
    if piece.geometry is not None:
        row, column = np.array(piece.geometry.orientation[:3]), np.array(piece.geometry.orientation[3:])
        assert [row @ row, column @ column, row @ column] == pytest.approx([1, 1, 0], abs=1e-3)


@pytest.mark.parametrize("modality", ["MR", "MG"])
def test_a_frame_that_lost_its_place_is_left_out_and_the_others_are_a_stack(tmp_path: Path, modality: str) -> None:
    groups = [group_of(place, {}, {}) for place in range(PLACES)]
    del groups[4].PlanePositionSequence
    write_enhanced(tmp_path / "a", WHOLE[0], groups, Modality=modality)
    with quiet():
        (only,) = without_pages([examine(item) for item in walk([tmp_path])])
    (stack,) = stacks([only], None, False)
    assert only.pages == 1
    assert named(stack) == [frame for frame in WHOLE[0] if frame[1] != 4]
