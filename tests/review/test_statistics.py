"""The statistics of a study, as one folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.reader_reads import grids_of, read_table, simulated_reads
from PIL import Image
from scipy.stats import linregress, theilslopes

from medattngan.core.files import UserError
from medattngan.core.plots import is_signed
from medattngan.review.statistics import load_statistics, report_statistics
from medattngan.review.statistics.cases import case_scores, case_table, extremes
from medattngan.review.statistics.guessing import permutation_p
from medattngan.review.statistics.reads import arrange
from medattngan.review.statistics.summary import pooled_entries
from medattngan.review.statistics.timing import order_effect, time_trend
from medattngan.statistics.intervals import wilson

READS = simulated_reads(np.random.default_rng(1))
FILES = {"stats.json", "readers.csv", "cases.csv", "roc.png", "times.png", "confidence.png"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The statistics of three simulated readers."""
    out = tmp_path_factory.mktemp("statistics") / "out"
    report_statistics(READS, out, seed=3)
    return out


def test_the_folder_holds_what_it_should_and_is_read_back(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*FILES, "seal.json"}
    stats = load_statistics(folder)
    assert stats["counts"]["reads"] == len(READS)
    assert stats["seed"] == 3
    for name in ("roc.png", "times.png", "confidence.png"):
        assert is_signed((folder / name).read_bytes()[:4096])
        with Image.open(folder / name) as picture:
            assert picture.size > (400, 300)


@pytest.mark.parametrize("cases", [20, 42, 52, 98])
@pytest.mark.parametrize("readers", [1, 2])
def test_readers_who_are_always_right_get_wilsons_interval_whatever_the_rounding(readers: int, cases: int) -> None:
    synthetic = np.arange(cases) % 2 == 0
    scores = np.tile(np.where(synthetic, 5.0, 1.0), (readers, 1))
    pooled = pooled_entries(grids_of(scores, synthetic), np.random.default_rng(0))
    assert pooled["accuracy"]["value"] == 1
    assert pooled["accuracy"]["ci95"] == pytest.approx(wilson(cases, cases))
    assert pooled["d_prime"]["ci95"] is None


def test_a_few_scattered_reads_are_tested_without_a_warning() -> None:
    scores = np.full((2, 6), np.nan)
    scores[0, [0, 3]], scores[1, 1] = (5, 1), 2
    assert permutation_p(grids_of(scores, np.arange(6) < 3), scores, np.random.default_rng(0)) is not None


def test_a_seed_below_nought_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--seed is -1"):
        report_statistics(READS, tmp_path / "out", seed=-1)


def test_the_tables_say_what_the_json_says(folder: Path) -> None:
    stats, readers = load_statistics(folder), pd.read_csv(folder / "readers.csv")
    assert list(readers["reader"]) == ["reader-1", "reader-2", "reader-3", "pooled"]
    assert readers["auc"].iloc[-1] == pytest.approx(stats["pooled"]["auc"]["value"], rel=1e-5)
    assert readers["accuracy_low"].iloc[0] == pytest.approx(stats["readers"][0]["accuracy"]["ci95"][0], rel=1e-5)
    cases = pd.read_csv(folder / "cases.csv")
    calls = ["called_synthetic", "cannot_tell", "called_real"]
    assert (cases[calls].sum(axis=1) == cases["reads"]).all()
    assert cases[calls].sum().sum() == len(READS)


def test_the_same_reads_and_seed_are_the_same_bytes_in_any_order_of_rows(folder: Path, tmp_path: Path) -> None:
    report_statistics(READS.sample(frac=1, random_state=0), tmp_path / "again", seed=3)
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_free_text_and_names_stay_out(tmp_path: Path) -> None:
    named = READS.assign(reader=READS["reader"].map({"reader-1": "Roe, R", "reader-2": "Poe, P", "reader-3": "Low, L"}))
    stats = report_statistics(named, tmp_path / "out")
    text = "".join((tmp_path / "out" / name).read_text() for name in ("stats.json", "readers.csv", "cases.csv"))
    for word in ("Doe", "Jane", "cyst", "Roe", "Poe", "Low"):
        assert word not in text
    assert any("pseudonyms" in note for note in stats["notes"])


def test_lower_quality_of_synthetic_slices_is_found(folder: Path) -> None:
    rating = load_statistics(folder)["ratings"]["quality"]
    assert rating["cliffs_delta"]["ci95"][1] < 0
    assert rating["real"]["mean"] > rating["synthetic"]["mean"]
    assert sum(rating["real"]["counts"].values()) == rating["real"]["reads"] == len(READS) / 2


@pytest.mark.slow
def test_a_perfect_study_has_intervals_that_stay_open(tmp_path: Path) -> None:
    perfect = READS.assign(authenticity=np.where(READS["synthetic"], 5, 1))
    stats = report_statistics(perfect, tmp_path / "right")
    for name in ("accuracy", "sensitivity", "specificity", "auc"):
        assert stats["pooled"][name]["value"] == 1
        assert 0.7 < stats["pooled"][name]["ci95"][0] < 1
    assert stats["guessing"]["p_accuracy"] < 0.001
    assert stats["pooled"]["d_prime"]["value"] > 3
    wrong = report_statistics(perfect.assign(authenticity=6 - perfect["authenticity"]), tmp_path / "wrong")
    assert wrong["pooled"]["auc"]["value"] == 0
    assert wrong["pooled"]["auc"]["ci95"][1] == pytest.approx(1 - stats["pooled"]["auc"]["ci95"][0])
    assert wrong["guessing"]["p_accuracy"] == stats["guessing"]["p_accuracy"]


def only_synthetic(reads: pd.DataFrame) -> pd.DataFrame:
    return reads[reads["synthetic"]]


def one_read(reads: pd.DataFrame) -> pd.DataFrame:
    return reads.head(1)


def nobody_can_tell(reads: pd.DataFrame) -> pd.DataFrame:
    return reads.assign(authenticity=3)


def one_reader_saw_real_slices_only(reads: pd.DataFrame) -> pd.DataFrame:
    return reads[~((reads["reader"] == "reader-2") & reads["synthetic"])]


def one_reader(reads: pd.DataFrame) -> pd.DataFrame:
    return reads[reads["reader"] == "reader-1"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (only_synthetic, "No real slice was read"),
        (one_read, "There is one reader"),
        (nobody_can_tell, "Guessing is not refuted"),
        (one_reader_saw_real_slices_only, "reads are missing"),
        (one_reader, "speak for this reader"),
    ],
)
def test_what_cannot_be_said_is_a_sentence_and_never_nan(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], sentence: str
) -> None:
    stats = report_statistics(change(READS), tmp_path / "out")
    assert any(sentence in words for words in (*stats["notes"], *stats["findings"]))
    text = (tmp_path / "out" / "stats.json").read_text()
    assert "NaN" not in text
    assert "nan" not in " ".join((*stats["notes"], *stats["findings"]))
    assert load_statistics(tmp_path / "out") == json.loads(json.dumps(stats))


def test_a_scale_without_a_middle_has_no_cannot_tell(tmp_path: Path) -> None:
    four = READS.assign(authenticity=READS["authenticity"].clip(upper=4))
    stats = report_statistics(four, tmp_path / "out", middle=2.5)
    assert stats["counts"]["cannot_tell"] == 0


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        (READS.drop(columns="milliseconds"), "milliseconds"),
        (READS.rename(columns={"authenticity": "real"}), "authenticity"),
        (READS.head(0), "no reads"),
        (pd.concat([READS, READS.head(1)]), "two reads"),
        (READS.assign(synthetic=READS.index % 2 == 0), "real in one read"),
        (READS.assign(authenticity="surely"), "not numbers"),
        (READS.assign(authenticity=np.nan), "nobody answered"),
        (READS.assign(synthetic="yes"), "true or false"),
    ],
)
def test_reads_that_make_no_study_are_refused_by_name(broken: pd.DataFrame, named: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=named):
        report_statistics(broken, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(folder: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        report_statistics(READS, folder)


def test_a_folder_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load_statistics(tmp_path)
    (tmp_path / "stats.json").write_text('{"format": 0}')
    with pytest.raises(UserError, match="format"):
        load_statistics(tmp_path)
    (tmp_path / "stats.json").write_text((folder / "stats.json").read_text())
    with pytest.raises(UserError, match=r"readers\.csv is missing"):
        load_statistics(tmp_path)


def test_arranging_puts_each_read_where_it_belongs() -> None:
    rng = np.random.default_rng(4)
    scores = np.where(rng.random((3, 9)) < 0.8, rng.integers(1, 6, (3, 9)), np.nan)
    truth = np.arange(9) % 2 == 0
    arranged = arrange(read_table(scores, truth).sample(frac=1, random_state=1))
    for name, grid in vars(grids_of(scores, truth)).items():
        np.testing.assert_array_equal(getattr(arranged, name), grid)


def test_reader_10_comes_after_reader_2() -> None:
    reads = arrange(simulated_reads(np.random.default_rng(0), readers=11, cases=4))
    assert reads.readers[1] == "reader-2"
    assert reads.readers[10] == "reader-11"


def test_a_case_that_few_read_is_pulled_further_towards_the_rest() -> None:
    rng = np.random.default_rng(0)
    scores = np.clip(np.round(rng.normal(3, 1.2, 40) + rng.normal(0, 0.8, (5, 40))), 1, 5)
    scores[:4, 0] = np.nan
    scores[:, 1] = scores[4, 0] = 5
    found = case_scores(arrange(read_table(scores, np.ones(40, bool))))
    pull = np.abs(found.shrunken - found.mean) / np.abs(found.mean - np.nanmean(scores))
    assert pull[0] > 1.5 * pull[1] > 0
    assert 0 < (found.reliability["synthetic"] or 0) < 1


def test_cases_that_differ_by_chance_only_are_all_pulled_to_one_value() -> None:
    scores = np.array([[1.0, 5, 1, 5], [5, 1, 5, 1]])
    found = case_scores(arrange(read_table(scores, np.ones(4, bool))))
    np.testing.assert_allclose(found.shrunken, 3)
    assert found.reliability == {"synthetic": 0}


def test_the_most_convincing_slices_are_those_called_real() -> None:
    scores = np.array([[1.0, 5, 2, 4, 1, 5], [2, 5, 1, 4, 3, 4], [1, 4, 2, 5, 2, 5]])
    reads = arrange(read_table(scores, np.ones(6, bool)))
    most, least = extremes(case_table(reads, case_scores(reads)))
    assert [entry["case"] for entry in most] == [0, 2, 4]
    assert [entry["case"] for entry in least] == [1, 5, 3]
    assert most[0]["called_real"] == 3


def test_the_trend_of_time_is_that_of_theil_and_sen_and_ignores_a_coffee_break() -> None:
    position = np.arange(1.0, 31)
    seconds = 20 - 0.2 * position + 0.01 * np.cos(position)
    seconds[12] = 3600
    trend = time_trend(position, seconds)
    assert trend is not None
    assert trend["seconds_per_10_cases"] == pytest.approx(-2, abs=0.02)
    assert trend["seconds_per_10_cases"] == pytest.approx(10 * theilslopes(seconds, position).slope)
    assert time_trend(position[:4], seconds[:4]) is None


def test_learning_is_the_slope_within_readers() -> None:
    rng = np.random.default_rng(0)
    reads = arrange(simulated_reads(rng, readers=1, cases=80))
    line = linregress(reads.position[0], reads.right[0])
    found = order_effect(reads)
    assert found["change"] == pytest.approx(79 * line.slope)
    low, high = found["ci95"]
    assert (high - low) / 2 == pytest.approx(79 * 1.96 * line.stderr, rel=0.15)
    assert [third["reads"] for third in found["thirds"]] == [26, 27, 27]
