"""Pairs: a real and a synthetic one side by side, and what the choices say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.review_cases import SIZE, blobs, make_study, write_samples, write_store

from medattngan.core.files import UserError, read_json
from medattngan.core.seal import seal
from medattngan.review.analyse import analyse_study
from medattngan.review.close import close_study, load_reads
from medattngan.review.create import create_study
from medattngan.review.database import Database
from medattngan.review.grid import place
from medattngan.review.protocol import Protocol
from medattngan.review.statistics import guessing, load_statistics
from medattngan.review.statistics.forced_choice import (
    d_prime_of_pairs,
    share_entry,
    share_interval,
)
from medattngan.review.statistics.pooling import covariance_of_means
from medattngan.review.study import ALIVE, Study
from medattngan.statistics.intervals import wilson


def choose(study: Path, reader: int, right: list[bool]) -> None:
    """A reader's choices: in the n-th pair of the order the synthetic one is named, or the other."""
    truth = pd.read_parquet(study / "truth.parquet").set_index("case")["right"]
    database = Database(study / "study.sqlite")
    for n, is_right in enumerate(right, start=1):
        lies_right = bool(truth[database.case(reader, n)])
        answers = {"authenticity": 2 if lies_right == is_right else 1, "confidence": 1 + n % 3}
        database.save(reader, n, f"{reader}-{n}", answers, 3000, back_allowed=True)
    database.close()


def test_a_pair_is_a_synthetic_slice_and_the_real_one_that_the_truth_names(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=6, design="pair")
    study, codes = Study.open(made.path), blobs(18, 0)
    assert study.cases.shape == (6, 2, 1, SIZE, SIZE)
    for row in pd.read_parquet(made.path / "truth.parquet").itertuples():
        shown = {True: study.cases[row.case, int(row.right), 0], False: study.cases[row.case, int(not row.right), 0]}
        for synthetic, source in ((True, codes[12 + row.row]), (False, codes[row.real_row])):
            difference = np.abs(place(source, study.facts["levels"], 0).astype(int) - shown[synthetic])
            assert difference.max() <= 65535 / study.facts["levels"] + 1


@pytest.mark.parametrize("count", [6, 7])
def test_the_synthetic_one_lies_on_either_side_equally_often(tmp_path: Path, count: int) -> None:
    right = pd.read_parquet(make_study(tmp_path / "s", count=count, design="pair").path / "truth.parquet")["right"]
    assert right.sum() == (count + 1) // 2


def test_pairs_are_matched_in_position(tmp_path: Path) -> None:
    positions = np.arange(6) * 30.0
    store = write_store(tmp_path / "store", blobs(6, 0), position_mm=positions)
    samples = write_samples(tmp_path / "samples", blobs(6, 1), position_mm=positions[::-1].copy())
    create_study(samples, store, tmp_path / "study", count=6, pairs=True)
    truth = pd.read_parquet(tmp_path / "study" / "truth.parquet")
    assert list(truth["position_mm"]) == list(positions[::-1][truth["row"]])


def test_what_a_pair_tells_is_sealed(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", design="pair")
    open_files = "".join((made.path / name).read_text() for name in ("study.json", "provenance.json"))
    assert not any(word in open_files for word in ("p0001", '"right"', "real_row"))


def test_a_study_of_single_slices_is_written_as_before_there_were_pairs_and_stacks(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=2, readers=1)
    assert not {"sides", "depth"} & set(read_json(made.path / "study.json"))
    assert "design" not in (made.path / "protocol.yaml").read_text()
    assert np.load(made.path / "cases.npy").shape == (4, SIZE, SIZE)
    truth = pd.read_parquet(made.path / "truth.parquet")
    columns = ["label", "position_mm", "patient", "row", "synthetic", "case", "seed", "nonce"]
    assert list(truth.columns) == columns
    close_study(made.path, incomplete=True)
    assert "right" not in (made.path / "reads.csv").read_text()


def test_reads_of_pairs_come_back_with_their_side_and_their_patient(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=4, readers=1, design="pair")
    choose(made.path, 1, [True, False, True, True])
    close_study(made.path)
    reads = load_reads(made.path)
    columns = ["reader", "position", "case", "right", "group", "authenticity", "confidence", "comment", "milliseconds"]
    assert list(reads.columns) == columns
    assert list((reads["authenticity"] == 2) == reads["right"]) == [True, False, True, True]
    assert reads["group"].nunique() == 4


def test_a_protocol_and_a_study_that_differ_on_pairs_are_damage(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", design="pair")
    Protocol().save(made.path / "protocol.yaml")
    seal(made.path, "study", alive=ALIVE)
    with pytest.raises(UserError, match="differ on pairs"):
        Study.open(made.path)


def test_pairs_need_a_protocol_that_asks_about_them(tmp_path: Path) -> None:
    Protocol(title="Mine").save(tmp_path / "mine.yaml")
    store, samples = write_store(tmp_path / "store", blobs(2, 0)), write_samples(tmp_path / "samples", blobs(2, 1))
    with pytest.raises(UserError, match="design: pair"):
        create_study(samples, store, tmp_path / "study", count=2, pairs=True, protocol=tmp_path / "mine.yaml")


@pytest.mark.parametrize("name", ["group", "right"])
def test_a_question_may_bear_a_name_that_only_pairs_use(name: str) -> None:
    question = {"id": name, "text": "?", "kind": "text"}
    asked = [Protocol().questions[0].model_dump(), question]
    assert Protocol.model_validate({"questions": asked}).questions[1].id == name
    with pytest.raises(ValueError, match="column of the table of reads of pairs"):
        Protocol.model_validate({"design": "pair", "questions": asked})


# Statistics


def test_independent_pairs_have_the_variance_of_a_share() -> None:
    right = np.array([[1.0] * 30 + [0.0] * 10])
    assert covariance_of_means(right, np.arange(40))[0, 0] == pytest.approx(0.75 * 0.25 / 39)


def test_pairs_shown_twice_tell_no_more_than_once() -> None:
    once = np.random.default_rng(1).integers(0, 2, (2, 30)).astype(float)
    twice, groups = np.tile(once, 2), np.tile(np.arange(30), 2)
    assert covariance_of_means(twice, groups) == pytest.approx(covariance_of_means(once, np.arange(30)))
    doubled, single = share_entry(twice, groups), share_entry(once, np.arange(30))
    assert doubled["value"] == pytest.approx(single["value"])
    assert doubled["ci95_these_readers"] == pytest.approx(single["ci95_these_readers"])


def test_a_share_without_variance_has_an_interval_of_as_many_patients() -> None:
    entry = share_entry(np.ones((2, 20)), np.repeat(np.arange(10), 2))
    assert entry["value"] == 1.0
    assert entry["ci95"] == list(wilson(10, 10))
    assert share_interval(1.0, 20, 10, 0.0) == wilson(10, 10)


def test_d_prime_of_forced_choice_is_root_two_times_the_quantile() -> None:
    assert d_prime_of_pairs(76_025, 100_000) == pytest.approx(1.0, abs=1e-3)
    assert d_prime_of_pairs(20, 20) < np.inf


@pytest.mark.slow
def test_the_interval_of_clustered_pairs_holds_the_truth_as_often_as_it_says() -> None:
    rng, held = np.random.default_rng(2), 0
    groups = np.repeat(np.arange(25), 3)
    for _ in range(600):
        # Five readers; what a patient is like moves all pairs of that patient, for all readers.
        easy = np.clip(0.65 + 0.2 * rng.standard_normal(25), 0, 1)[groups]
        right = (rng.random((5, 75)) < easy).astype(float)
        low, high = share_entry(right, groups)["ci95_these_readers"]
        held += low <= 0.6492 <= high  # the mean of the clipped normal
    assert 0.91 <= held / 600 <= 0.98


def test_a_reader_who_always_names_one_side_is_right_in_half_and_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guessing, "PERMUTATIONS", 99)
    made = make_study(tmp_path / "s", count=20, readers=1, design="pair")
    database = Database(made.path / "study.sqlite")
    for n in range(1, 21):
        database.save(1, n, str(n), {"authenticity": 2, "confidence": 1}, 1000, back_allowed=True)
    database.close()
    close_study(made.path)
    stats = analyse_study(made.path)
    assert stats["right"]["value"] == 0.5
    assert stats["right_side_named"]["value"] == 1.0
    assert stats["guessing"]["p_accuracy"] == 1.0
    assert any("leaned to one side" in sentence for sentence in stats["findings"])


@pytest.mark.slow
def test_statistics_of_pairs_are_written_and_come_back(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=16, readers=2, design="pair")
    choose(made.path, 1, [n % 4 != 0 for n in range(16)])
    choose(made.path, 2, [True] * 16)
    close_study(made.path)
    stats = analyse_study(made.path, tmp_path / "out")
    assert load_statistics(tmp_path / "out") == stats
    assert analyse_study(made.path) == stats
    assert [entry["right"]["value"] for entry in stats["readers"]] == [0.75, 1.0]
    assert stats["right"]["value"] == 0.875
    assert stats["guessing"]["p_accuracy"] < 0.01
    table = pd.read_csv(tmp_path / "out" / "readers.csv")
    assert list(table["right"]) == [0.75, 1.0, 0.875]
    assert not any("real slices called" in sentence for sentence in stats["findings"])
