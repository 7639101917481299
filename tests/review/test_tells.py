"""What the pixels of a study tell of their making is found, said, and cured for both kinds alike."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.review_cases import blobs, write_samples, write_store
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.types import Codes
from medattngan.review.create import create_study
from medattngan.review.harmonise import LADDER, apply, ends
from medattngan.review.study import Study
from medattngan.review.tell_features import TELLS, features_of
from medattngan.review.tells import measure, sentence

COUNT, SIDE = 60, 32
SYNTHETIC = np.arange(2 * COUNT) >= COUNT
PATIENTS = np.array([f"p{number % 15:02d}" for number in range(2 * COUNT)])


def pictures(seed: int, count: int = 2 * COUNT) -> Codes:
    """(count, SIDE, SIDE) codes of soft ellipses in noise, all of one distribution."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    wide, high = rng.uniform(7, 11, (2, count, 1, 1))
    inside = 0.7 / (1 + np.exp(6 * (np.hypot(rows / high, columns / wide) - 1)))
    texture = 0.06 * np.stack([gaussian_filter(one, 1.0) for one in rng.normal(0, 3, inside.shape)]) * (inside > 0.3)
    return as_codes(0.1 + inside + texture + rng.normal(0, 0.015, inside.shape))


def as_codes(values: np.ndarray) -> Codes:
    codes: Codes = np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16)
    return codes


def jpeg(codes: Codes) -> Codes:
    out = io.BytesIO()
    Image.fromarray((codes >> 8).astype(np.uint8)).save(out, "JPEG", quality=40)
    return np.asarray(Image.open(out)).astype(np.uint16) * 257


def enlarged(codes: Codes) -> Codes:
    return as_codes(zoom(codes[::2, ::2] / 65535, 2, order=1, mode="nearest", grid_mode=True))


def framed(codes: Codes) -> Codes:
    out = codes.copy()
    out[0], out[-1], out[:, 0], out[:, -1] = 0, 0, 0, 0
    return out


MADE: dict[str, Callable[[Codes], Codes]] = {
    "no noise in the background": lambda x: np.where(x < 9000, 6500, x).astype(np.uint16),
    "zeros in the background": lambda x: np.where(x < 9000, 0, x).astype(np.uint16),
    "less noise": lambda x: as_codes(gaussian_filter(x / 65535, 0.5)),
    "more noise": lambda x: as_codes(x / 65535 + np.random.default_rng(int(x[0, 0])).normal(0, 0.02, x.shape)),
    "few grey levels": lambda x: (x // 2048 * 2048).astype(np.uint16),
    "8 bits": lambda x: (x >> 8).astype(np.uint16) * 257,
    "jpeg": jpeg,
    "enlarging": enlarged,
    "saturation": lambda x: np.minimum(x.astype(np.int64) * 5 // 4, 65535).astype(np.uint16),
    "a checkerboard": lambda x: as_codes(x / 65535 + 0.01 * (-1.0) ** np.add.outer(np.arange(SIDE), np.arange(SIDE))),
    "a frame": framed,
}


@pytest.mark.parametrize("name", MADE)
def test_what_one_kind_alone_has_in_its_pixels_is_found(name: str) -> None:
    cases = pictures(1)
    cases[SYNTHETIC] = [MADE[name](one) for one in cases[SYNTHETIC]]
    found = measure(cases, SYNTHETIC, PATIENTS, 0)
    assert found["auc"] > 0.85
    assert found["ci95"][0] > 0.75
    assert found["flagged"]
    assert sentence(found).startswith("warning: ")
    assert "--harmonise" in sentence(found)


@pytest.mark.parametrize("seed", range(3))
def test_where_there_is_nothing_to_tell_nothing_is_told(seed: int) -> None:
    found = measure(pictures(10 + seed), SYNTHETIC, PATIENTS, seed)
    low, high = found["control"]["range95"]
    assert low < 0.5 < high
    assert found["ci95"][0] < 0.55
    assert not found["flagged"]
    assert sentence(found).endswith("no more than chance.")


def test_how_patients_differ_is_no_tell() -> None:
    """Each patient has a noise of its own; a model that has seen the patient would know it again."""
    cases = pictures(3).astype(np.float64) / 65535
    rng = np.random.default_rng(0)
    spreads = {patient: rng.uniform(0, 0.05) for patient in np.unique(PATIENTS)}
    drawn = np.where(SYNTHETIC, rng.uniform(0, 0.05, len(cases)), [spreads[patient] for patient in PATIENTS])
    noisy = cases + rng.normal(0, 1, cases.shape) * drawn[:, None, None]
    assert not measure(as_codes(noisy), SYNTHETIC, PATIENTS, 0)["flagged"]


@pytest.mark.slow
def test_the_same_seed_measures_the_same_and_truth_only_mirrors_it() -> None:
    cases = pictures(4)
    first = measure(cases, SYNTHETIC, PATIENTS, 7)
    assert first == measure(cases, SYNTHETIC, PATIENTS, 7)
    assert json.loads(json.dumps(first))["features"].keys() == TELLS.keys()


@pytest.mark.parametrize("value", [0, 1, 30_000, 65535])
def test_a_flat_slice_has_features_too(value: int) -> None:
    assert np.isfinite(features_of(np.full((1, SIDE, SIDE), value, np.uint16))).all()


@pytest.mark.parametrize("side", [3, 7, 16, 33])
def test_slices_of_every_size_have_features(side: int) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (2, side, side)).astype(np.uint16)
    assert np.isfinite(features_of(codes)).all()


def test_too_few_slices_or_patients_are_not_measured() -> None:
    few = measure(blobs(8, 0), np.arange(8) >= 4, np.array(["a", "b", "c", "d"] * 2), 0)
    one = measure(pictures(1), SYNTHETIC, np.full(2 * COUNT, "a"), 0)
    assert few["measured"] is one["measured"] is False
    assert "4 slices a kind of 4 patients are too few" in sentence(few)


@pytest.mark.parametrize("rung", LADDER, ids=str)
def test_the_cure_is_one_map_for_all(rung: object) -> None:
    cases = pictures(5, 8)
    once = apply(cases, rung, 3)  # type: ignore[arg-type]
    assert np.array_equal(once, apply(cases, rung, 3))  # type: ignore[arg-type]
    assert not np.array_equal(once, apply(cases, rung, 4))  # type: ignore[arg-type]
    # Two slices that are one and the same differ afterwards by noise and dither alone.
    twins = apply(np.repeat(cases[:1], 2, axis=0), rung, 3).astype(np.int64)  # type: ignore[arg-type]
    limit = 65535 * (8 * rung.noise + 1 / rung.levels)  # type: ignore[attr-defined]
    assert np.abs(twins[0] - twins[1]).max() <= limit + 1


def test_the_cure_moves_physical_values_by_no_more_than_it_says() -> None:
    rung = LADDER[0]
    flat = np.full((1, 64, 64), 30_000, np.uint16)
    low, high = ends(100.0, 500.0, rung)
    shown = low + (high - low) * apply(flat, rung, 0).astype(np.float64) / 65535
    assert shown.mean() == pytest.approx(100 + 400 * 30_000 / 65535, abs=0.2)


def make(folder: Path, name: str, *arguments: str) -> tuple[Path, str]:
    """A study by the command line, whose synthetic slices have no noise in the background; what it says."""
    if not (folder / "store").exists():
        cases = pictures(6)
        quiet = np.stack([MADE["no noise in the background"](one) for one in cases[COUNT:]])
        write_store(folder / "store", cases[:COUNT])
        write_samples(folder / "samples", quiet)
    given = [str(folder / "samples"), "--data", str(folder / "store"), "--out", str(folder / name)]
    result = CliRunner().invoke(app, ["review", "create", *given, "--count", str(COUNT), "--seed", "1", *arguments])
    assert result.exit_code == 0, result.output
    return folder / name, result.stderr


@pytest.mark.slow
def test_a_study_says_what_its_pixels_tell_and_what_the_cure_leaves(tmp_path: Path) -> None:
    plain, said = make(tmp_path, "plain")
    tells = json.loads((plain / "tells.json").read_text())
    assert tells["flagged"]
    assert f"AUC {tells['auc']:.2f}" in said
    assert "real against real" in said
    assert stat.S_IMODE((plain / "tells.json").stat().st_mode) == 0o600

    cured, said = make(tmp_path, "cured", "--harmonise")
    left = json.loads((cured / "tells.json").read_text())
    assert left["before"] == tells
    assert left["auc"] < tells["auc"] - 0.1
    assert f"AUC {left['auc']:.2f}" in said
    facts = Study.open(cured).facts
    assert facts["harmonised"] == left["harmonised"]
    assert facts["lower"] > Study.open(plain).facts["lower"]


@pytest.mark.slow
def test_the_same_seed_makes_the_same_cured_study(tmp_path: Path) -> None:
    cured, _ = make(tmp_path, "cured", "--harmonise")
    again, _ = make(tmp_path, "again", "--harmonise")
    assert (again / "cases.npy").read_bytes() == (cured / "cases.npy").read_bytes()
    assert (again / "tells.json").read_bytes() == (cured / "tells.json").read_bytes()


def test_a_study_says_what_its_pixels_tell(tmp_path: Path) -> None:
    study, said = make(tmp_path, "plain")
    assert "warning: " in said
    assert json.loads((study / "tells.json").read_text())["flagged"]


@pytest.mark.slow
def test_references_go_through_the_same_cure(tmp_path: Path) -> None:
    cases = pictures(8, 3 * COUNT)
    splits = ["test"] * COUNT + ["train"] * COUNT
    store = write_store(tmp_path / "store", cases[: 2 * COUNT], split=splits)
    samples = write_samples(tmp_path / "samples", cases[2 * COUNT :])
    create_study(samples, store, tmp_path / "s", count=COUNT, references=3, seed=2, harmonise=True)
    study = Study.open(tmp_path / "s")
    assert study.references is not None
    levels = study.facts["levels"]
    for codes in (study.cases, study.references):
        steps = np.asarray(codes, np.float64) * levels / 65535
        assert np.abs(steps - np.rint(steps)).max() < 0.01


def test_an_address_with_a_secret_makes_no_study(tmp_path: Path) -> None:
    arguments = ["review", "create", "x", "--data", "y", "--count", "1", "--out", str(tmp_path / "s")]
    result = CliRunner().invoke(app, [*arguments, "--url", "https://me:s3cret@reading.example.org"])
    assert result.exit_code != 0
    assert "user or password" in str(result.exception)
    assert "s3cret" not in str(result.exception) + result.output
    assert not (tmp_path / "s").exists()
