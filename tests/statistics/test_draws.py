"""Draws of cases and of whole patients."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import medattngan
from medattngan.statistics.draws import draw_cases, draw_patients, draw_patients_within, percentile_interval


def test_every_resample_has_as_many_cases_as_there_are() -> None:
    assert (draw_cases(np.random.default_rng(0), 7, 50).sum(1) == 7).all()


def test_no_resample_is_of_one_slice_alone_but_patients_alone_stay() -> None:
    times = draw_patients(np.random.default_rng(0), ["a", "a", "b"], 200)
    assert (times[:, 0] == times[:, 1]).all()
    assert ((times > 0).sum(1) > 1).all()
    assert set(map(tuple, times[:, [0, 2]].tolist())) == {(1, 1), (2, 0)}
    assert (draw_patients(np.random.default_rng(0), ["a", "a"], 5) == 1).all()


def test_the_mean_of_two_or_three_patients_spreads_as_the_bootstrap_says() -> None:
    """Of n values drawn anew the mean has the variance s² / n, s² with n as its divisor (Efron & Tibshirani 1993)."""
    for values in ([0.0, 1.0], [0.0, 1.0, 5.0]):
        names = [str(i) for i in range(len(values))]
        times = draw_patients(np.random.default_rng(0), names, 20000)
        means = times @ np.array(values) / times.sum(1)
        assert np.var(means) == pytest.approx(np.var(values) / len(values), rel=0.03)


def test_within_classes_every_class_keeps_its_number_of_patients_each_with_all_images() -> None:
    patients = np.array(["a", "a", "b", "c", "d", "d"])
    times = draw_patients_within(np.random.default_rng(0), patients, np.array([0, 0, 0, 1, 1, 1]), 50)
    assert (times[:, 0] == times[:, 1]).all()
    assert (times[:, 4] == times[:, 5]).all()
    assert (times[:, [0, 2]].sum(1) == 2).all()
    assert (times[:, [3, 4]].sum(1) == 2).all()


def test_no_resample_lacks_a_class_that_no_patient_begins_with() -> None:
    patients = np.array(["a", "a", "b", "b", "c"])
    classes = np.array([0, 1, 0, 2, 0])
    times = draw_patients_within(np.random.default_rng(0), patients, classes, 200)
    assert (times[:, 0] == times[:, 1]).all()
    assert all((times[:, classes == k].sum(1) > 0).all() for k in range(3))


@pytest.mark.parametrize("method", ["linear", "weibull"])
def test_the_percentile_interval_leaves_its_tail_on_either_side(method: str) -> None:
    values = np.random.default_rng(0).permutation(np.arange(9999.0))
    low, high = percentile_interval(values, tail=0.05, method=method)  # type: ignore[arg-type]
    assert (values < low).mean() == pytest.approx(0.05, abs=2e-4)
    assert (values > high).mean() == pytest.approx(0.05, abs=2e-4)


@pytest.mark.slow
def test_what_a_reader_study_needs_is_free_of_torch() -> None:
    code = "import sys\nfrom medattngan.statistics import draws, intervals, roc\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_other_room_draws_resamples_or_ranks_for_itself() -> None:
    package = Path(medattngan.__file__).parent
    own = re.compile(r"\.multinomial\(|mannwhitneyu|roc_auc_score|proportion_ci|def \w*(wilson|auc_components)")
    found = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if path.parent.name != "statistics" or path.parent.parent != package
        if own.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
