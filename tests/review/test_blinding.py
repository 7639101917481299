"""Nothing but the picture tells real from synthetic: not what is sent around the pixels, and not how they are coded."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from helpers.review_cases import Reader, blobs, make_study, serving
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medattngan.core.types import Codes
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.review.database import Database
from medattngan.review.grid import TRIM, common_levels, grid_ends, place

Features = npt.NDArray[np.float64]


def levels_of(codes: npt.ArrayLike, levels: int) -> npt.NDArray[np.int64]:
    """Codes of the grid → their levels, 0 … `levels`."""
    return np.rint(np.asarray(codes, np.float64) * (levels / CODE_MAX)).astype(np.int64)


def share_told_apart(features: Features, truth: npt.NDArray[np.bool_]) -> float:
    """Share of cases that a logistic regression, trained on the others in ten folds, calls rightly."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    return float((cross_val_predict(model, features, truth, cv=10) == truth).mean())


def most_by_chance(count: int) -> float:
    """The share that guessing exceeds once in a thousand times."""
    return float(binom.ppf(0.999, count, 0.5)) / count


def around_the_pixels(reader: Reader, n: int) -> list[float]:
    """Whatever a reader's computer can see of case `n` but the pixels: order, times, sizes, headers."""
    start = time.perf_counter()
    pixels = reader.http.get(f"/api/cases/{n}/pixels")
    middle = time.perf_counter()
    case = reader.http.get(f"/api/cases/{n}")
    end = time.perf_counter()
    headers = [(name, value) for name, value in pixels.headers.raw if name.lower() != b"date"]
    sent = b"".join(name + value for name, value in headers)
    return [
        n, n % 2, n % 3, 1e3 * (middle - start), 1e3 * (end - middle), len(pixels.content), len(case.content),
        len(headers), len(sent), float(sum(sent)), float(hash(pixels.http_version) % 97), pixels.status_code,
    ]  # fmt: skip


@pytest.mark.slow
def test_nothing_but_the_pixels_tells_real_from_synthetic(tmp_path: Path) -> None:
    count = 60
    made = make_study(tmp_path / "blind", count=count, readers=1)
    truth = pd.read_parquet(made.path / "truth.parquet").set_index("case")["synthetic"]
    with serving(made.path) as address:
        reader = Reader(address, made.tokens[0])
        features = np.array([around_the_pixels(reader, n) for n in range(1, 2 * count + 1)])
    database = Database(made.path / "study.sqlite")
    cases = [database.case(1, n) for n in range(1, 2 * count + 1)]
    database.close()
    synthetic = truth.loc[cases].to_numpy(bool)
    features = np.column_stack([features, cases])
    assert synthetic.sum() == count
    assert share_told_apart(features, synthetic) <= most_by_chance(2 * count)
    # The check itself sees one byte more for every synthetic slice.
    features[:, 5] += synthetic
    assert share_told_apart(features, synthetic) > most_by_chance(2 * count)


def scanned(pictures: Codes, rng: np.random.Generator) -> list[Codes]:
    """The pictures as scanner and `ingest` leave them: whole numbers of some scale, masked, cut off at a percentile."""
    slices = []
    for picture in pictures:
        whole = np.rint(picture * (rng.uniform(400, 1800) / CODE_MAX))
        whole[whole < 0.015 * whole.max()] = 0
        slices.append(IntensityMap(0.0, float(np.quantile(whole, 0.995)), "a.u.").encode(whole))
    return slices


def generated(pictures: Codes, rng: np.random.Generator) -> list[Codes]:
    """The pictures as a generator leaves them: never quite black, never quite white, any value between."""
    slices = []
    for picture in pictures:
        value = picture / np.quantile(picture, 0.995) + rng.normal(0, 0.002, picture.shape)
        slices.append(np.rint(np.clip(value, 0.001, 0.999) * CODE_MAX).astype(np.uint16))
    return slices


def tells_of_coding(codes: Codes) -> list[float]:
    """What the numbers tell without the picture: ends, combs, low-order bits, how many values there are."""
    used = np.unique(codes)
    gaps = np.diff(used.astype(np.int64))
    inside = codes[(codes > used[0]) & (codes < used[-1])]
    low = [float(np.mean(inside >> bit & 1)) for bit in range(6)]
    return [
        float(codes.min() == 0), float(codes.max() == CODE_MAX), float(gaps.min()), float(np.gcd.reduce(gaps)),
        float(np.median(gaps)), len(used), float(np.mean(inside % 16)), *low,
    ]  # fmt: skip


def test_the_coding_of_the_pixels_tells_nothing() -> None:
    rng = np.random.default_rng(0)
    pictures = blobs(240, 1)
    raw = scanned(pictures[:120], rng) + generated(pictures[120:], rng)
    synthetic = np.arange(240) >= 120
    levels = common_levels(raw)
    placed = [place(codes, levels, seed) for seed, codes in enumerate(raw)]
    assert share_told_apart(np.array([tells_of_coding(codes) for codes in raw]), synthetic) > 0.95
    after = np.array([tells_of_coding(codes) for codes in placed])
    assert share_told_apart(after, synthetic) <= most_by_chance(240)


def test_an_empty_background_is_the_same_black_on_both_sides() -> None:
    masked = np.zeros((8, 8), np.uint16)
    faint = np.random.default_rng(0).integers(0, int(TRIM * CODE_MAX), (8, 8)).astype(np.uint16)
    bright = np.full((8, 8), CODE_MAX, np.uint16)
    nearly = np.full((8, 8), int((1 - TRIM) * CODE_MAX) + 1, np.uint16)
    assert np.array_equal(place(masked, 4095, 1), place(faint, 4095, 2))
    assert np.array_equal(place(bright, 4095, 3), place(nearly, 4095, 4))


@given(st.integers(127, 4095), st.integers(0, 2**40), st.integers(0, 2**20))
def test_every_code_lies_on_the_grid_and_less_than_a_step_from_where_it_was(levels: int, seed: int, draw: int) -> None:
    codes = np.random.default_rng(draw).integers(0, CODE_MAX + 1, (6, 6)).astype(np.uint16)
    placed = place(codes, levels, seed)
    level = levels_of(placed, levels)
    assert level.min() >= 0
    assert level.max() <= levels
    assert np.array_equal(np.rint(level * (CODE_MAX / levels)), placed)
    exact = np.clip((codes / CODE_MAX - TRIM) / (1 - 2 * TRIM), 0, 1) * levels
    assert np.abs(level - exact).max() < 1


def test_the_dither_is_right_on_average() -> None:
    codes = np.full((400, 400), 21845, np.uint16)
    exact = (21845 / CODE_MAX - TRIM) / (1 - 2 * TRIM) * 255
    assert levels_of(place(codes, 255, 0), 255).mean() == pytest.approx(exact, abs=0.005)


@pytest.mark.parametrize(("lower", "upper"), [(-1350.0, 150.0), (0.0, 655.0)])
def test_physical_values_are_kept_to_a_step(lower: float, upper: float) -> None:
    original = IntensityMap(lower, upper, "HU")
    values = np.linspace(lower + 0.03 * (upper - lower), upper - 0.03 * (upper - lower), 64).reshape(8, 8)
    low, high = grid_ends(lower, upper)
    shown = low + (high - low) * place(original.encode(values), 4095, 0) / CODE_MAX
    assert np.abs(shown - values).max() < (high - low) / 4095 + original.step


@pytest.mark.parametrize(("step", "levels"), [(257, 244), (100, 629), (44, 1429), (1, 4095)])
def test_the_grid_is_never_finer_than_a_lattice_in_the_pixels(step: int, levels: int) -> None:
    lattice = np.arange(0, CODE_MAX + 1, step).astype(np.uint16)
    smooth = np.random.default_rng(0).integers(0, CODE_MAX + 1, 4096).astype(np.uint16)
    assert common_levels([smooth, lattice]) == levels


def test_a_slice_with_few_values_does_not_coarsen_the_grid() -> None:
    few = np.random.default_rng(0).integers(0, CODE_MAX + 1, 20).astype(np.uint16)
    assert common_levels([few, np.zeros(9, np.uint16)]) == 4095
