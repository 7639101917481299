"""Frames at one place are told apart by what the scanner says of them, whatever files are called."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.stacks_in_files import STEP, examined, found, named, series_of, write_stacks

from medattngan.scans.find import Found
from medattngan.scans.series import Series
from medattngan.scans.stack.places import places
from medattngan.stages.ingest.ingest import ingest

STACKS, PLACES = 3, 9
WHOLE = [[(stack, place) for place in range(PLACES)] for stack in range(STACKS)]

Said = Callable[[int, int], dict[str, Any]]


def clock(s: float) -> str:
    """TM of so many seconds after 9:59:58."""
    s += 9 * 3600 + 59 * 60 + 58
    return f"{int(s // 3600):02d}{int(s % 3600 // 60):02d}{s % 60:09.6f}"


SAID: dict[str, Said] = {
    "temporal position": lambda t, k: {"TemporalPositionIdentifier": t + 1},
    "stack id": lambda t, k: {"StackID": f"S{t}"},
    "acquisition": lambda t, k: {"AcquisitionNumber": t + 1},
    "echo number": lambda t, k: {"EchoNumbers": t + 1},
    "echo time": lambda t, k: {"EchoTime": 4.6 * (t + 1)},
    "b-value": lambda t, k: {"DiffusionBValue": 500.0 * t},
    "direction": lambda t, k: {"DiffusionGradientOrientation": [0.0, float(t == 0), float(t > 0) + t]},
    "trigger": lambda t, k: {"TriggerTime": 40.0 * t},
    "trigger of each beat": lambda t, k: {"TriggerTime": t * (40.0 + 7 * k)},
    "trigger with jitter": lambda t, k: {"TriggerTime": t * 40.0 + k % 4},
    "inversion": lambda t, k: {"InversionTime": 100.0 + 50 * t},
    "flip": lambda t, k: {"FlipAngle": 5.0 + 5 * t},
    "kernel": lambda t, k: {"ConvolutionKernel": f"B{30 + t}f"},
    "several kernels": lambda t, k: {"ConvolutionKernel": ["Br", f"{30 + t}"]},
    "phase of the heart": lambda t, k: {"NominalPercentageOfCardiacPhase": 35.0 + 10 * t},
    "sequence": lambda t, k: {"SequenceName": f"ep_b1000#{t}"},
    "options": lambda t, k: {"ScanOptions": ["", "FS", "MT"][t]},
    "correction": lambda t, k: {"CorrectedImage": [["DECY"], ["DECY", "ATTN"], ["ATTN"]][t]},
    "thickness": lambda t, k: {"SliceThickness": 1.0 + t},
    "description": lambda t, k: {"SeriesDescription": f"phase {t}"},
    "study": lambda t, k: {"StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.{t}"},
    "series number without UIDs": lambda t, k: {"SeriesInstanceUID": None, "SeriesNumber": t},
    "series number": lambda t, k: {"SeriesNumber": t},
    "component": lambda t, k: {"ComplexImageComponent": ["MAGNITUDE", "PHASE", "REAL"][t]},
    "image type": lambda t, k: {"ImageType": ["ORIGINAL", "PRIMARY", "MPR"[t]]},
    "tube voltage": lambda t, k: {"KVP": 80.0 + 20 * t},
    "contrast": lambda t, k: {"ContrastBolusAgent": ["", "Gd", "Gd late"][t]},
    "time of each slice": lambda t, k: {"AcquisitionTime": clock(t * PLACES + k)},
    "time, interleaved": lambda t, k: {"AcquisitionTime": clock(t * PLACES + (k * 2) % PLACES)},
    "date and time": lambda t, k: {"AcquisitionDateTime": f"2020010{t + 1}{clock(k)}"},
    "time of making": lambda t, k: {"ContentTime": clock(60 * t + k)},
    "time between": lambda t, k: {"AcquisitionTime": clock(60 * t), "AcquisitionNumber": k},
    "reference time": lambda t, k: {"FrameReferenceTime": 1000.0 * t + k},
    "number, block by block": lambda t, k: {"InstanceNumber": 1 + t * PLACES + k},
    "number, place by place": lambda t, k: {"InstanceNumber": 1 + k * STACKS + t},
}


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Series]]:
    """The series of stacks that are told apart by SAID[name], less some slices: written and read once a name."""

    @cache
    def files(name: str) -> dict[tuple[int, int], Found]:
        folder = tmp_path_factory.mktemp("stacks")
        places = write_stacks(folder, STACKS, PLACES, SAID[name])
        return {places[file.path]: file for file in examined(folder)}

    return lambda name, *missing: series_of([file for at, file in files(name).items() if at not in missing])


@pytest.mark.parametrize("name", SAID)
def test_each_stack_holds_one_of_what_tells_stacks_apart(without: Callable[..., list[Series]], name: str) -> None:
    assert sorted(map(named, without(name))) == WHOLE


TELLING_WITHOUT_ALL = [
    name
    for name in SAID
    if name not in ("trigger of each beat", "time of each slice", "time, interleaved") and not name.startswith("number")
]


@pytest.mark.parametrize("name", TELLING_WITHOUT_ALL)
@pytest.mark.parametrize("missing", [(0, 0), (1, 4), (2, 8)])
def test_a_slice_that_is_missing_shifts_no_other(
    without: Callable[..., list[Series]], name: str, missing: tuple[int, int]
) -> None:
    assert sorted(map(named, without(name, missing))) == [[at for at in stack if at != missing] for stack in WHOLE]


@pytest.mark.parametrize("name", SAID)
def test_no_stack_mixes_two_even_where_a_slice_is_missing(without: Callable[..., list[Series]], name: str) -> None:
    stacks = [named(series) for series in without(name, (0, 0), (1, 4))]
    assert all(len({stack for stack, _ in one}) == 1 for one in stacks)
    assert sum(map(len, stacks)) == STACKS * PLACES - 2


def test_what_nothing_tells_apart_stands_alone(tmp_path: Path) -> None:
    write_stacks(tmp_path, STACKS, PLACES, lambda t, k: {})
    assert sorted(map(named, found(tmp_path))) == [[at] for stack in WHOLE for at in stack]


def test_two_things_tell_stacks_apart_together(tmp_path: Path) -> None:
    def said(t: int, k: int) -> dict[str, Any]:  # no diffusion once, then two directions, at two times
        direction = {} if t % 3 == 0 else {"DiffusionGradientOrientation": [1.0, 0.0, float(t % 3)]}
        return direction | {"AcquisitionNumber": 1 + t // 3}

    write_stacks(tmp_path, 6, PLACES, said, without=[(4, 2)])
    expected = [[(stack, place) for place in range(PLACES) if (stack, place) != (4, 2)] for stack in range(6)]
    assert sorted(map(named, found(tmp_path))) == expected


def test_stacks_need_not_cover_the_same_places(tmp_path: Path) -> None:
    def said(t: int, k: int) -> dict[str, Any]:
        return {"AcquisitionNumber": t + 1, "ImagePositionPatient": [0.0, 0.0, STEP * (k + 6 * t)]}

    write_stacks(tmp_path, STACKS, PLACES, said)
    assert sorted(map(named, found(tmp_path))) == WHOLE


def test_a_scan_and_its_repetition_between_its_slices_are_two_stacks(tmp_path: Path) -> None:
    def said(t: int, k: int) -> dict[str, Any]:
        return {"AcquisitionNumber": t + 1, "ImagePositionPatient": [0.0, 0.0, STEP * k + 0.5 * t]}

    write_stacks(tmp_path, STACKS, PLACES, said)
    assert sorted(map(named, found(tmp_path))) == WHOLE


def test_a_scan_that_took_every_other_slice_first_is_one_stack(tmp_path: Path) -> None:
    write_stacks(tmp_path, 1, PLACES, lambda t, k: {"AcquisitionNumber": 1 + k % 2})
    assert sorted(map(named, found(tmp_path))) == WHOLE[:1]


@pytest.mark.slow
def test_series_and_their_names_do_not_depend_on_the_names_of_files(tmp_path: Path) -> None:
    for name, said in SAID.items():
        # In folders of one name: where somebody removed the UIDs, the folder is what says that files belong together.
        write_stacks(tmp_path / "a" / "scan", STACKS, PLACES, said, without=[(1, 4)])
        files = sorted((tmp_path / "a" / "scan").iterdir())
        (tmp_path / "b" / "scan").mkdir(parents=True)
        for file, other in zip(files, np.random.default_rng(1).permutation(len(files)), strict=True):
            shutil.copy(file, tmp_path / "b" / "scan" / f"{other}.dcm")
        first, second = ({one.key: named(one) for one in found(tmp_path / folder / "scan")} for folder in "ab")
        assert first == second, name
        shutil.rmtree(tmp_path / "a")
        shutil.rmtree(tmp_path / "b")


def test_a_slice_that_was_copied_or_sent_twice_leaves_the_stack_whole(tmp_path: Path) -> None:
    write_stacks(tmp_path, 1, PLACES, lambda t, k: {"AcquisitionTime": clock(k)})
    shutil.copy(next(tmp_path.iterdir()), tmp_path / "copy")
    write_stacks(tmp_path / "again", 1, 1, lambda t, k: {"AcquisitionTime": clock(k)})
    lengths = sorted(len(series.pieces) for series in found(tmp_path))
    assert lengths[-1] == PLACES
    assert sum(lengths) == PLACES + 2


@pytest.mark.parametrize("noise", [2e-6, 1e-4, 3e-3])
@pytest.mark.parametrize("sine", [0.115, 0.5, 0.005])
def test_noise_in_orientation_and_size_parts_no_stack(tmp_path: Path, sine: float, noise: float) -> None:
    def said(t: int, k: int) -> dict[str, Any]:
        sin = sine + noise * (-1) ** k
        row = [1.0, 0.0, 0.0, 0.0, np.sqrt(1 - sin * sin), sin]
        normal = np.array([0.0, -sine, np.sqrt(1 - sine * sine)])
        there = normal * STEP * k + [500.0, 300.0, 0.0]
        spacing = 0.4885 + 1e-7 * (-1) ** k
        return {"ImageOrientationPatient": row, "ImagePositionPatient": list(there), "PixelSpacing": [spacing] * 2}

    write_stacks(tmp_path, 1, PLACES, said)
    (series,) = found(tmp_path)
    assert named(series) == WHOLE[0]
    assert np.diff([piece.along_mm for piece in series.pieces]) == pytest.approx([STEP] * (PLACES - 1), abs=0.06)


def test_three_planes_in_one_series_are_three_stacks(tmp_path: Path) -> None:
    turned = [[1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1], [0, 1, 0, 0, 0, -1]]

    def said(t: int, k: int) -> dict[str, Any]:
        normal = np.cross(turned[t][:3], turned[t][3:])
        return {"ImageOrientationPatient": turned[t], "ImagePositionPatient": [float(v) for v in normal * STEP * k]}

    write_stacks(tmp_path, STACKS, PLACES, said)
    assert sorted(map(named, found(tmp_path))) == WHOLE


def test_slices_of_nine_micrometres_keep_their_places(tmp_path: Path) -> None:
    def said(t: int, k: int) -> dict[str, Any]:
        there = [0.0, 0.0, round(0.009 * k, 4)]
        return {"ImagePositionPatient": there, "PixelSpacing": [0.009, 0.009], "TemporalPositionIdentifier": t}

    write_stacks(tmp_path, STACKS, PLACES, said)
    assert sorted(map(named, found(tmp_path))) == WHOLE


@pytest.mark.parametrize("step", [0.009, 0.3, 3.0, 80.0])
@pytest.mark.parametrize("repeats", [1, 2, 40])
def test_places_are_told_by_the_step(step: float, repeats: int) -> None:
    rng = np.random.default_rng(0)
    place = np.tile(np.arange(30), repeats)
    along = 117.005 + step * place + rng.uniform(-0.005, 0.005, len(place)) * step
    assert places(along.tolist(), max(step / 8, 0.009)).tolist() == place.tolist()


def test_pictures_of_other_planes_are_cut_of_one_time_each(tmp_path: Path) -> None:
    write_stacks(tmp_path / "scan", STACKS, PLACES, SAID["trigger"])
    store = ingest([tmp_path / "scan"], tmp_path / "store", size=16, plane="coronal", progress=False)
    tops = store.index.groupby("series")["upper"].first()
    assert sorted(tops // 1000) == [1, 2, 3]


def test_two_regions_far_apart_are_not_two_places() -> None:
    assert places([0.0, 3.0, 6.0, 900.0, 903.0], 1.0).tolist() == [0, 1, 2, 3, 4]
