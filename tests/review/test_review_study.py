"""Making and closing a study: who is chosen, what is sealed, what comes back."""

from __future__ import annotations

import json
import shutil
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.review_cases import INTENSITY, SIZE, blobs, make_study, write_samples, write_store
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.core.files import UserError, digest
from medattngan.core.seal import replace_file
from medattngan.data.samples import Samples
from medattngan.review.analyse import analyse_study
from medattngan.review.choose import APART_MM, choose_real, choose_synthetic
from medattngan.review.close import close_study, load_reads, parse_reads, write_reads
from medattngan.review.create import create_study
from medattngan.review.database import Database, Read, RefusedError
from medattngan.review.grid import place
from medattngan.review.protocol import DEFAULT_QUESTIONS, PATIENT, Protocol
from medattngan.review.statistics import load_statistics
from medattngan.review.study import Study


def read_all(study: Path, readers: int, cases: int, **more: object) -> None:
    """Answer every case of every reader, with answers that follow from reader and position."""
    database = Database(study / "study.sqlite")
    for reader in range(1, readers + 1):
        for n in range(1, cases + 1):
            answers = {"authenticity": 1 + (reader + n) % 5, "plausibility": 1 + n % 5, "quality": 5, **more}
            database.save(reader, n, f"{reader}-{n}", answers, 100 * reader + n, back_allowed=True)
    database.close()


def test_a_study_shows_as_many_real_slices_as_synthetic_ones(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=7, references=3)
    study = Study.open(made.path)
    truth = pd.read_parquet(made.path / "truth.parquet")
    assert study.cases.shape == (14, SIZE, SIZE)
    assert study.references is not None
    assert study.references.shape == (3, SIZE, SIZE)
    assert truth["synthetic"].sum() == 7
    assert truth.loc[~truth["synthetic"], "patient"].nunique() == 7
    assert study.facts["truth_digest"] == digest(made.path / "truth.parquet")


def test_cases_are_the_slices_that_the_truth_names(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=6)
    study = Study.open(made.path)
    codes = blobs(18, 0)
    sources = {False: codes[:6], True: codes[12:]}
    for row in pd.read_parquet(made.path / "truth.parquet").itertuples():
        original = place(sources[bool(row.synthetic)][int(row.row)], study.facts["levels"], 0)
        difference = np.abs(original.astype(int) - study.cases[int(row.case)])
        assert difference.max() <= 65535 / study.facts["levels"] + 1


def test_the_truth_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s")
    for name, mode in (("truth.parquet", 0o600), ("study.sqlite", 0o600), (".", 0o700)):
        assert stat.S_IMODE((made.path / name).stat().st_mode) == mode
    open_files = [(made.path / name).read_text() for name in ("study.json", "provenance.json", "protocol.yaml")]
    assert not any(word in text for text in open_files for word in ("p0001", '"synthetic"', '"row"'))
    assert json.loads(open_files[1])["seed"] == "sealed in truth.parquet"


def test_the_same_seed_makes_the_same_cases_and_orders_and_new_links(tmp_path: Path) -> None:
    first, second = make_study(tmp_path / "a"), make_study(tmp_path / "b")
    assert (first.path / "cases.npy").read_bytes() == (second.path / "cases.npy").read_bytes()
    orders = []
    for made in (first, second):
        database = Database(made.path / "study.sqlite")
        orders.append([database.case(reader, n) for reader in (1, 2) for n in range(1, 9)])
        database.close()
    assert orders[0] == orders[1]
    assert orders[0][:8] != orders[0][8:]
    assert not set(first.tokens) & set(second.tokens)


def test_a_secret_seed_is_another_each_time(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", blobs(6, 0))
    samples = write_samples(tmp_path / "samples", blobs(6, 1))
    for name in ("a", "b"):
        create_study(samples, store, tmp_path / name, count=6)
    seeds = {pd.read_parquet(tmp_path / name / "truth.parquet")["seed"][0] for name in ("a", "b")}
    assert len(seeds) == 2


def test_flagged_samples_are_left_out(tmp_path: Path) -> None:
    flagged = [True, False, pd.NA, True, False, False]
    table = pd.DataFrame({"flagged": pd.array(flagged, "boolean")})
    rng = np.random.default_rng(0)
    assert sorted(choose_synthetic(table, 4, rng)) == [1, 2, 4, 5]
    with pytest.raises(UserError, match="more synthetic slices than the 4 there are, 2 flagged ones left out"):
        choose_synthetic(table, 5, rng)


def test_the_pixels_of_a_samples_folder_are_not_taken_without_its_table(tmp_path: Path) -> None:
    codes = blobs(8, 0)
    store = write_store(tmp_path / "store", codes[:4])
    samples = write_samples(tmp_path / "samples", codes[4:], flagged=[True, False, False, False])
    with pytest.raises(UserError, match="give its folder"):
        create_study(samples / "pixels.npy", store, tmp_path / "study", count=4)


@settings(max_examples=40)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 1000), st.data())
def test_no_patient_is_shown_twice_before_all_are_shown_once(
    patients: int, slices: int, seed: int, data: st.DataObject
) -> None:
    names = np.repeat([f"p{i}" for i in range(patients)], slices)
    positions = np.tile(np.arange(slices) * 6.0, patients)
    index = pd.DataFrame({"patient": names, "label": None, "position_mm": positions})
    count = data.draw(st.integers(1, len(index)))
    wanted = pd.DataFrame({"label": [None] * count, "position_mm": np.full(count, np.nan)})
    rows = choose_real(index, wanted, np.random.default_rng(seed))
    assert len(set(rows)) == count
    used = index.iloc[rows]["patient"].value_counts().reindex([f"p{i}" for i in range(patients)], fill_value=0)
    assert used.max() - used.min() <= 1
    if count <= 2 * patients and slices >= 4:
        for _, chosen in index.iloc[rows].groupby("patient"):
            assert len(chosen) == 1 or abs(np.diff(chosen["position_mm"]))[0] >= APART_MM


def test_real_slices_match_the_labels_and_positions_that_are_known() -> None:
    names = np.repeat([f"p{i}" for i in range(10)], 20)
    index = pd.DataFrame({"patient": names, "position_mm": np.tile(np.arange(20) * 5.0, 10)})
    index["label"] = np.repeat(["small", "large"], 100)
    wanted = pd.DataFrame({"label": ["small", "large", "large"], "position_mm": [31.0, 2.0, np.nan]})
    rows = index.iloc[choose_real(index, wanted, np.random.default_rng(0))]
    assert list(rows["label"]) == ["small", "large", "large"]
    assert list(rows["position_mm"])[:2] == [30.0, 0.0]


def test_larger_real_slices_are_averaged_down_to_the_size_of_the_synthetic_ones(tmp_path: Path) -> None:
    large = np.repeat(np.repeat(blobs(4, 0), 2, axis=1), 2, axis=2)
    store = write_store(tmp_path / "store", large, spacing_mm=2.0)
    samples = write_samples(tmp_path / "samples", blobs(4, 1))
    create_study(samples, store, tmp_path / "study", count=4)
    facts = Study.open(tmp_path / "study").facts
    assert (facts["width"], facts["spacing_mm"]) == (SIZE, 4.0)


def test_a_pixel_size_that_differs_from_case_to_case_is_not_told(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", blobs(4, 0), spacing_mm=[4.0, 4.0, 5.0, 4.0])
    samples = write_samples(tmp_path / "samples", blobs(4, 1))
    create_study(samples, store, tmp_path / "study", count=4)
    assert Study.open(tmp_path / "study").facts["spacing_mm"] is None


def test_images_of_another_generator_can_be_read_too(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", blobs(4, 0))
    np.save(tmp_path / "images.npy", (blobs(5, 1) >> 8).astype(np.uint8))
    create_study(tmp_path / "images.npy", store, tmp_path / "study", count=4)
    study = Study.open(tmp_path / "study")
    assert study.facts["levels"] <= 245
    assert len(np.unique(study.cases)) <= 246


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"count": 0}, "--count is 0"),
        ({"count": 5}, "more synthetic"),
        ({"readers": 0}, "--readers is 0"),
        ({"references": -1}, "--references is -1"),
        ({"references": 1}, "'train'"),
        ({"seed": -1}, "--seed is -1"),
        ({"split": "val"}, "'val'"),
        ({"split": "train", "references": 1}, "--references come from"),
        ({"protocol": "nothing.yaml"}, "nothing.yaml does not exist"),
    ],
)
def test_what_cannot_be_made_is_refused_without_a_trace(tmp_path: Path, options: dict[str, object], word: str) -> None:
    store = write_store(tmp_path / "store", blobs(4, 0))
    samples = write_samples(tmp_path / "samples", blobs(4, 1))
    with pytest.raises(UserError, match=word):
        create_study(samples, store, tmp_path / "study", **{"count": 2, **options})  # type: ignore[arg-type]
    assert {path.name for path in tmp_path.iterdir()} == {"store", "samples"}


@pytest.mark.parametrize("changes", [{"unit": "HU"}, {"modality": "CT"}, {"plane": "coronal"}])
def test_slices_that_cannot_be_made_alike_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    store = write_store(tmp_path / "store", blobs(4, 0))
    samples = Samples.open(write_samples(tmp_path / "raw", blobs(4, 1)))
    Samples(samples.codes, samples.table, {**INTENSITY, **changes}, samples.provenance).save(tmp_path / "samples")
    with pytest.raises(UserError, match=next(iter(changes))):
        create_study(tmp_path / "samples", store, tmp_path / "study", count=2)


def test_closing_puts_every_read_beside_its_truth(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=5, readers=3)
    read_all(made.path, 3, 10)
    close_study(made.path)
    reads = load_reads(made.path)
    truth = pd.read_parquet(made.path / "truth.parquet").set_index("case")
    questions = [question.id for question in DEFAULT_QUESTIONS]
    assert list(reads.columns) == ["reader", "position", "case", "synthetic", PATIENT, *questions, "milliseconds"]
    assert len(reads) == 30
    assert list(reads["synthetic"]) == list(truth.loc[reads["case"], "synthetic"])
    # A number for each patient of real slices, none for what was made, and no pseudonym.
    named = truth.loc[reads["case"], "patient"].reset_index(drop=True)
    assert (reads[PATIENT].isna() == named.isna()).all()
    assert (reads.groupby(PATIENT)["case"].agg(lambda cases: truth.loc[cases, "patient"].nunique()) == 1).all()
    assert not any(str(name) in (made.path / "reads.csv").read_text() for name in named.dropna())
    assert reads.groupby("reader")["case"].nunique().tolist() == [10, 10, 10]
    numbers = reads["reader"].str.removeprefix("reader-").astype(int)
    assert list(reads["authenticity"]) == list(1 + (numbers + reads["position"]) % 5)
    assert list(reads["milliseconds"]) == list(100 * numbers + reads["position"])
    assert (reads["comment"] == "").all()
    assert {str(reads[name].dtype) for name in ("position", "case", "authenticity", "milliseconds")} == {"int64"}
    assert reads["synthetic"].dtype == bool


def test_a_file_of_reads_from_before_patients_were_numbered_is_read(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=2, readers=1)
    read_all(made.path, 1, 4)
    file = close_study(made.path)
    newer = load_reads(made.path)
    before = pd.read_csv(file, dtype=str, keep_default_na=False).drop(columns=PATIENT)
    replace_file(made.path, "study", file.name, lambda path: before.to_csv(path, index=False))
    pd.testing.assert_frame_equal(load_reads(made.path), newer.drop(columns=PATIENT))


def test_the_newest_version_of_a_read_counts(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", readers=1)
    read_all(made.path, 1, 8)
    database = Database(made.path / "study.sqlite")
    database.save(1, 3, "again", {"authenticity": 5, "plausibility": 1, "quality": 1}, 9, back_allowed=True)
    database.close()
    close_study(made.path)
    reads = load_reads(made.path).set_index("position")
    assert (reads.loc[3, "authenticity"], reads.loc[3, "milliseconds"], len(reads)) == (5, 9, 8)


def test_a_study_with_unread_cases_closes_only_when_told_so(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s")
    read_all(made.path, 1, 8)
    with pytest.raises(UserError, match=r"unread by reader-2 \(8\)"):
        close_study(made.path)
    with pytest.raises(UserError, match="not closed yet"):
        load_reads(made.path)
    close_study(made.path, incomplete=True)
    assert set(load_reads(made.path)["reader"]) == {"reader-1"}


def test_closing_twice_writes_the_same_file(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", readers=1)
    read_all(made.path, 1, 8)
    first = close_study(made.path).read_bytes()
    assert close_study(made.path).read_bytes() == first
    for spoil in (lambda file: file.write_text("saved by a spreadsheet"), Path.unlink):
        spoil(made.path / "reads.csv")
        with pytest.raises(UserError):
            load_reads(made.path)
        assert close_study(made.path).read_bytes() == first
        assert len(load_reads(made.path)) == 8


def test_a_truth_that_was_changed_is_noticed_and_nothing_is_closed(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", readers=1)
    read_all(made.path, 1, 8)
    truth = pd.read_parquet(made.path / "truth.parquet")
    truth.assign(synthetic=~truth["synthetic"]).to_parquet(made.path / "truth.parquet", index=False)
    with pytest.raises(UserError, match="not the file that was sealed"):
        close_study(made.path)
    database = Database(made.path / "study.sqlite")
    assert database.closed_at() is None
    database.close()


ODD = ["NA", "", '"', ",", "a\nb", "a\r\nb", "a\rb", "=1+1", " x ", "nan"]
TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=40)


@settings(max_examples=25, deadline=None)
@given(st.lists(TEXT | st.sampled_from(ODD), min_size=1))
def test_comments_come_back_as_they_were_written(tmp_path_factory: pytest.TempPathFactory, comments: list[str]) -> None:
    file = tmp_path_factory.getbasetemp() / "reads.csv"
    given = {"authenticity": 1, "plausibility": 1, "quality": 1}
    reads = [Read(1, n, n, {**given, "comment": text}, 1, "") for n, text in enumerate(comments)]
    truth = pd.DataFrame({"synthetic": [False, True], "patient": ["a", None]})
    write_reads(file, reads, pd.concat([truth] * len(comments), ignore_index=True), Protocol())
    assert list(parse_reads(file, Protocol())["comment"]) == comments


def test_an_optional_question_left_out_is_missing(tmp_path: Path) -> None:
    authenticity = DEFAULT_QUESTIONS[0].model_dump()
    extra = {"id": "artefact", "text": "Which?", "required": False}
    options = {
        "grade": [{"value": 1, "label": "a"}, {"value": 2, "label": "b"}],
        "kind_of": [{"value": "ring", "label": "a"}, {"value": "blur", "label": "b"}],
    }
    questions = [authenticity, *({**extra, "id": name, "options": given} for name, given in options.items())]
    made = make_study(tmp_path / "s", count=1, readers=1, questions=questions)
    database = Database(made.path / "study.sqlite")
    database.save(1, 1, "1", {"authenticity": 1, "grade": 2, "kind_of": "ring"}, 1, back_allowed=True)
    database.save(1, 2, "2", {"authenticity": 1}, 1, back_allowed=True)
    database.close()
    close_study(made.path)
    reads = load_reads(made.path)
    assert reads["grade"].tolist() == [2, pd.NA]
    assert reads["kind_of"].tolist() == ["ring", ""]


@pytest.mark.parametrize("name", ["study.json", "cases.npy", "study.sqlite", "truth.parquet"])
def test_a_damaged_study_is_one_sentence(tmp_path: Path, name: str) -> None:
    made = make_study(tmp_path / "s")
    content = (made.path / name).read_bytes()
    (made.path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(UserError, match=name):
        close_study(made.path, incomplete=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("study.json", "[]"),
        ("study.json", "{}"),
        ("study.json", '{"count": 8}'),
        ("study.sqlite", ""),
        ("protocol.yaml", None),
    ],
)
def test_a_study_that_lacks_a_part_is_said_to_be_damaged(tmp_path: Path, name: str, content: str | None) -> None:
    made = make_study(tmp_path / "s")
    if content is None:
        (made.path / name).unlink()
    else:
        (made.path / name).write_text(content)
    with pytest.raises(UserError, match=rf"is damaged.*{name}|{name} is damaged"):
        close_study(made.path, incomplete=True)


@pytest.mark.parametrize("back", [False, True], ids=["deleted", "put back from a copy"])
def test_a_read_is_not_acknowledged_once_the_served_study_is_gone(tmp_path: Path, back: bool) -> None:
    made = make_study(tmp_path / "s")
    copied = shutil.copytree(made.path, tmp_path / "copy")
    database = Database(made.path / "study.sqlite")
    database.save(1, 1, "1", {"authenticity": 1}, 1, back_allowed=True)
    shutil.rmtree(made.path)
    if back:
        copied.rename(made.path)
    with pytest.raises(RefusedError, match="not where it was") as caught:
        database.save(1, 2, "2", {"authenticity": 1}, 1, back_allowed=True)
    assert caught.value.status == 503
    database.close()


@pytest.mark.slow
def test_statistics_follow_from_a_closed_study(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=10, readers=2)
    truth = pd.read_parquet(made.path / "truth.parquet").set_index("case")["synthetic"]
    database = Database(made.path / "study.sqlite")
    right = 0
    for reader in (1, 2):
        for n in range(1, 21):
            score = 5 if n % 4 else 1
            right += (score == 5) == bool(truth[database.case(reader, n)])
            answers = {"authenticity": score, "plausibility": 1 + n % 5, "quality": 1 + n % 3}
            database.save(reader, n, f"{reader}-{n}", answers, 4000, back_allowed=True)
    database.close()
    closed = CliRunner().invoke(app, ["review", "close", str(made.path)])
    result = CliRunner().invoke(app, ["review", "stats", str(made.path), "--out", str(tmp_path / "stats")])
    assert (closed.exit_code, result.exit_code) == (0, 0), result.output
    statistics = load_statistics(tmp_path / "stats")
    findings = [*statistics["findings"], *statistics["notes"]]
    assert closed.stdout.splitlines() == [*findings, str(made.path / "reads.csv")]
    assert result.stdout.splitlines() == [*findings, str(tmp_path / "stats")]
    assert statistics["pooled"]["accuracy"]["value"] == pytest.approx(right / 40)


def test_cases_and_readers_without_a_read_are_missing(tmp_path: Path) -> None:
    made = make_study(tmp_path / "s", count=5, readers=3)
    read_all(made.path, 1, 10)
    close_study(made.path, incomplete=True)
    stats = analyse_study(made.path)
    assert (stats["counts"]["expected"], stats["counts"]["missing"]) == (30, 20)
    assert any(note.startswith("20 of 30 reads are missing") for note in stats["notes"])
