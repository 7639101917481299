"""The page that people read."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.report_parts import HOSTILE, SCORE, write_parts

from medattngan.core.files import UserError, digest, read_json, write_json
from medattngan.core.seal import seal
from medattngan.data.store import SliceStore
from medattngan.metrics import METRICS
from medattngan.review.statistics import report_statistics
from medattngan.stages.report.audit import audit_block
from medattngan.stages.report.card import Card
from medattngan.stages.report.report import report
from medattngan.stages.report.scores import drawing, score_card, verdict


class Page(HTMLParser):
    """Every tag with its attributes, and all text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "img", "line", "path", "circle", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def html(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    parts = write_parts(tiny_store, folder, HOSTILE)
    out = report(parts, tiny_store, folder / "page.html", title=HOSTILE, note=HOSTILE, subjects=HOSTILE)
    return out.read_text(encoding="utf-8")


def test_the_page_refers_to_nothing_outside_itself(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if tag == "a" and name == "href":
                assert value.startswith("#")
            elif name in {"src", "href", "srcset", "action", "data", "poster", "background"}:
                assert value.startswith("data:image/")
    (style,) = html.partition("<style>")[2].partition("</style>")[:1]
    assert "url(" not in style
    assert "@import" not in style
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.named("meta"))


def test_every_tag_of_the_page_is_closed(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert page.named("html")[0]["lang"] == "en"


def test_every_part_is_in_the_list_of_parts_and_has_one_address(html: str) -> None:
    page = Page(html)
    headings = [attributes["id"] for attributes in page.named("h2")]
    assert [link["href"] for link in page.named("a")] == [f"#{anchor}" for anchor in headings]
    assert len(set(headings)) == len(headings) >= 6
    assert [section["aria-labelledby"] for section in page.named("section") if "aria-labelledby" in section] == headings


def test_judgement_comes_before_the_settings_and_the_verdict_before_all(html: str) -> None:
    text = " ".join(Page(html.partition("<main>")[2].partition("</main>")[0]).text.split())
    order = [
        "Real and synthetic slices",
        "Was a patient copied?",
        "Scores",
        "What these numbers",
        "Training",
        "Model card",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    head = html.partition("<header>")[2].partition("</header>")[0]
    assert "Fréchet distance 9.00 against 4.50" in head
    assert "Whether a patient was copied was not audited." in head
    assert head.index('class="verdict"') < head.index('class="lead"') < head.index("<nav")


def test_hostile_words_stay_words(html: str) -> None:
    assert "<script" not in html
    assert "onerror='y'" not in html
    text = " ".join(Page(html).text.split())
    assert text.count(HOSTILE) >= 4  # title, note, caption, warning, label


def test_real_and_synthetic_slices_are_shown_and_told_apart_in_words(html: str) -> None:
    words = [image["alt"] for image in Page(html).named("img")]
    assert sum(word.startswith("synthetic slice") for word in words) >= 24
    assert sum(word.startswith("real slice") for word in words) == 12  # all that the test split holds
    assert sum(word.startswith("training slice most like") for word in words) == 8


def test_scores_stand_with_interval_and_floor(html: str) -> None:
    text = " ".join(Page(html).text.split())
    assert "Fréchet distancefd[some] lower is better9.008.00 to 10.54.50" in text
    assert "2.0 times as far from these patients" in text
    words = [drawn["aria-label"] for drawn in Page(html).named("svg")]
    assert words == ["9.00, interval 8.00 to 10.5; real-vs-real baseline 4.50"] * 2


def test_the_page_has_curves_and_where_all_came_from(html: str, tiny_store: SliceStore) -> None:
    page = Page(html)
    assert sum("against thousands of real slices" in image["alt"] for image in page.named("img")) == 3
    assert tiny_store.digest in page.text
    assert "48 slices of 8 patients" in page.text
    assert "preset: compact" in page.text
    assert all(
        told in page.text for told in ("3.9 thousand slices shown in 1.9", "1 minutes, at most 1,000,000 slices")
    )


def test_no_patient_and_no_path_is_on_the_page(html: str, tiny_store: SliceStore) -> None:
    for name in (*tiny_store.index["patient"].unique(), *tiny_store.index["series"].unique()):
        assert str(name) not in html
    assert str(tiny_store.path) not in html
    assert str(Path.home()) not in html


def test_the_same_folders_make_the_same_page(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    first = report(parts, tiny_store, tmp_path / "0.html")
    second = report([*map(str, reversed(parts))], tiny_store, str(tmp_path / "1.html"))
    assert first.read_bytes() == second.read_bytes()


def test_a_report_writes_over_nothing(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts, mine = write_parts(tiny_store, tmp_path), tmp_path / "page.html"
    mine.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        report(parts, tiny_store, mine)
    assert mine.read_text() == "mine"


def test_scores_against_another_store_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    compared = {"store": "another", "split": "test", "interval": "", "seed": 0, "extractor": {}}
    compared["samples_file"] = digest(samples / "pixels.npy")
    write_json(scores / "provenance.json", compared)
    seal(scores, "scores")
    with pytest.raises(UserError, match="another store"):
        report([run, samples, scores], tiny_store, tmp_path / "page.html")


def test_samples_of_another_run_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    (run / "checkpoints" / "step-000000001" / "ema.safetensors").write_bytes(b"others")
    with pytest.raises(UserError, match="no samples were given that were drawn from a checkpoint"):
        report([run, samples, scores], tiny_store, tmp_path / "page.html")


def test_a_run_too_short_for_a_curve_still_has_a_page(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    header = (parts[0] / "metrics.csv").read_text().splitlines()[0]
    (parts[0] / "metrics.csv").write_text(header + "\n")
    page = report(parts, tiny_store, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "too short to log a curve" in page


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_explained(metric: str) -> None:
    assert METRICS[metric].heading
    assert METRICS[metric].meaning.endswith((".", "?"))


def test_a_verdict_keeps_to_its_interval() -> None:
    assert "interval contains" in verdict({**SCORE, "better": "floor", "floor": 8.5})
    assert verdict({**SCORE, "better": "floor"}).startswith("4.50 above")
    assert verdict({**SCORE, "better": "higher", "floor": 12.0}).startswith("3.00 below")


def test_the_worst_stratum_stands_below_its_score() -> None:
    worst = {**SCORE, "by": "position", "stratum": "high", "value": 20.0, "ci95": [18.0, 22.0]}
    text = Page(score_card("fd[some]", {**SCORE, "worst_stratum": worst})).text
    assert "Worst by position: high, 20.0 (18.0 to 22.0; real-vs-real baseline: 4.50)." in text


def test_a_drawing_without_spread_stays_inside_its_box() -> None:
    flat = {**SCORE, "value": 0.0, "ci95": [0.0, 0.0], "floor": 0.0}
    assert 'cx="8.0"' in drawing(flat)


def test_a_distance_that_may_be_near_0_is_not_said_as_a_ratio() -> None:
    assert verdict({**SCORE, "floor": 0.001}).startswith("9.00 above")


AUDIT = {
    "flagged": {"count": 3, "share": 0.1, "ci95": [0.03, 0.26], "by_pixel": 2, "by_embedding": 3},
    "patients_reproduced": {"count": 2, "share": 0.25, "ci95": [0.07, 0.6], "floor": 0.01},
    "controls": {
        "exact": {"recall": 1.0, "ci95": [0.99, 1.0], "bar": 0.99, "met": True},
        "noise": {"recall": 0.9, "ci95": [0.86, 0.93], "bar": 0.95, "met": False},
    },
    "controls_met": False,
    "calibration": {
        "split": "val",
        "false_positives": 0.01,
        "slices": 12,
        "patients": 2,
        "measured": {"leave_one_patient_out": {"value": 0.012, "ci95": [0.0, 0.03], "slices": 12, "patients": 2}},
    },
    "data_copying": {"c_t": -4.0, "ci95": [-5.0, -3.0], "floor": 0.1, "cells": 4},
    "authenticity": {"auth_pct": 80.0, "ci95": [70.0, 88.0], "floor": 95.0},
    "membership_inference": {"not_measured": "no --run was given"},
    "counts": {"samples": 30, "training_slices": 48, "training_patients": 8, "side_px": 32},
}


def write_audit(folder: Path, store: SliceStore, samples: Path) -> Path:
    digests = {"store": store.digest, "samples": digest(samples / "pixels.npy")}
    write_json(folder / "audit.json", {**AUDIT, "digests": digests})
    (folder / "gallery.png").write_bytes(b"\x89PNG")
    seal(folder, "audit")
    return folder


def test_the_audit_of_volumes_says_what_becomes_of_volumes_and_what_was_not_measured(tmp_path: Path) -> None:
    whole = {"count": 9, "flagged": {"count": 1}, "false_positives_at_most": 0.2, "held_out_patients": 9}
    few = {**AUDIT, "calibration": {**AUDIT["calibration"], "measured": {}}, "volumes": whole}
    few["patients_reproduced"] = {**AUDIT["patients_reproduced"], "floor": None}
    write_json(tmp_path / "audit.json", few)
    (tmp_path / "gallery.png").write_bytes(b"\x89PNG")
    text = " ".join(Page(audit_block(tmp_path)).text.split())
    assert "1 of 9 volumes have more flagged slices" in text
    assert "export leaves flagged volumes out whole" in text
    assert "it is not known how many would be" in text
    assert "that was not measured" in text


def test_the_audit_says_how_many_were_flagged_and_which_control_failed(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    audit = write_audit(tmp_path / "audit", tiny_store, parts[1])
    page = Page(report([audit, *parts], tiny_store, tmp_path / "page.html").read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    assert "3 of 30 synthetic slices (10 %, 95 % interval 3 % to 26 %) were flagged" in text
    assert "NOT ALL WERE FOUND OFTEN ENOUGH" in text
    assert "Membership inference was not measured: no --run was given." in text
    assert "training slice most like" not in str(page.tags)  # the audit's own gallery stands in its place


@pytest.mark.slow
def test_runs_stand_side_by_side_and_what_one_lacks_is_a_dash(tiny_store: SliceStore, tmp_path: Path) -> None:
    first, second = write_parts(tiny_store, tmp_path / "a"), write_parts(tiny_store, tmp_path / "b", "large")
    weights = second[0] / "checkpoints" / "step-000000001" / "ema.safetensors"
    weights.write_bytes(b"other weights")
    made = read_json(second[1] / "provenance.json")
    write_json(second[1] / "provenance.json", {**made, "weights_digest": digest(weights)})
    np.save(second[1] / "pixels.npy", np.zeros((30, 32, 32), np.uint16))
    compared = read_json(second[2] / "provenance.json")
    write_json(second[2] / "provenance.json", {**compared, "samples_file": digest(second[1] / "pixels.npy")})
    write_json(second[2] / "scores.json", {"fd[some]": {**SCORE, "value": 7.0}})
    seal(second[1], "samples")
    seal(second[2], "scores")
    page = Page(report([*second, *first], tiny_store, tmp_path / "page.html").read_text(encoding="utf-8"))
    text = " ".join(page.text.split())
    assert "Run A: compact" in text
    assert "Run B: compact" in text
    assert "fd[some] lower is better7.00 8.00 to 10.5 (4.50)9.00 8.00 to 10.5 (4.50)" in text
    assert "new[other] lower is better–9.00" in text
    assert "Run A. The synthetic slices were compared with real ones: Fréchet distance 7.00 against 4.50" in text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_scores_of_no_samples_given_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    compared = read_json(scores / "provenance.json")
    write_json(scores / "provenance.json", {**compared, "samples_file": "0" * 64})
    seal(scores, "scores")
    with pytest.raises(UserError, match="was not made from a run or samples given here"):
        report([run, samples, scores], tiny_store, tmp_path / "page.html")


def test_a_folder_of_no_kind_is_named(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(UserError, match="holiday is not a folder of one of these kinds"):
        report([*parts, tmp_path / "holiday"], tiny_store, tmp_path / "page.html")


def test_usefulness_is_shown_beside_the_difference_that_counts(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    entry = {"value": 0.8125, "ci95": [0.75, 0.875], "by_seed": [0.8125]}
    arms = {"real + classical": entry, "real + synthetic x1": entry}
    less = {"real + synthetic x1 - real + classical": {"value": -0.0125, "ci95": [-0.05, 0.02], "by_seed": [0.0]}}
    scores = {"arms": arms, "differences": less, "baseline": "real + classical"}
    result = {"per_class": 10, "start": "scratch", "seeds": 1, "balanced_accuracy": scores}
    record = {"results": {"10 scratch": result}, "test_slices": 12, "test_patients": 2}
    write_json(tmp_path / "utility" / "utility.json", record)
    seal(tmp_path / "utility", "utility")
    page = report([*parts, tmp_path / "utility"], tiny_store, tmp_path / "page.html").read_text(encoding="utf-8")
    text = " ".join(Page(page).text.split())
    assert "real + synthetic x10.812 (0.750 to 0.875)-0.013 (-0.050 to 0.020)" in text


def test_masks_and_captions_are_judged_where_they_were(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    entry = {"dice": 0.7, "ci95": [0.6, 0.8], "classes": {"left": 0.75, "right": None}}
    pairs = {
        "samples": entry, "ceiling": {**entry, "dice": 0.875}, "quotient": {"value": 0.8, "ci95": [0.7, 0.9]},
        "floor": 0.25, "of": {"pairs": 30, "real_slices": 12, "real_patients": 2}, "store_digest": tiny_store.digest,
        "nearest": {"masks": 30, "drawn": 0.5, "held_out": 0.625, "above": 0.0125},
    }  # fmt: skip
    write_json(tmp_path / "pairs" / "segmentation.json", pairs)
    write_json(tmp_path / "pairs" / "provenance.json", {"samples_file": digest(samples / "pixels.npy")})
    seal(tmp_path / "pairs", "segmentation")
    told = {"value": 0.5, "ci95": [0.4, 0.6], "real": {"value": 0.9, "ci95": [0.8, 1.0]}, "chance": 0.02}
    write_json(scores / "text.json", {"r_precision[ridge@32]": told, "words": ["left", "<b>"], "split": "test"})
    seal(scores, "scores")
    page = report([run, samples, scores, tmp_path / "pairs"], tiny_store, tmp_path / "page.html").read_text("utf-8")
    text = " ".join(Page(page).text.split())
    assert "with a Dice of 0.700 (95 % 0.600 to 0.800)" in text
    assert "right––" in text
    assert "1.2% of the drawn ones" in text
    assert (
        "Own caption found among 100r_precision[ridge@32]0.500 (95 % 0.400 to 0.600)0.900 (95 % 0.800 to 1.000)0.02"
        in text
    )
    assert "left, <b>." in text
    pairs["store_digest"] = "another"
    write_json(tmp_path / "pairs" / "segmentation.json", pairs)
    seal(tmp_path / "pairs", "segmentation")
    with pytest.raises(UserError, match="another store"):
        report([run, samples, scores, tmp_path / "pairs"], tiny_store, tmp_path / "other.html")


def test_a_reader_study_is_shown_with_its_findings(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts, rng = write_parts(tiny_store, tmp_path), np.random.default_rng(0)
    rows = [
        {"reader": f"reader-{r}", "position": c + 1, "case": c, "synthetic": c % 2 == 0, "milliseconds": 4000 + c,
         "authenticity": int(rng.integers(1, 6))}
        for r in (1, 2) for c in range(12)
    ]  # fmt: skip
    stats = report_statistics(pd.DataFrame(rows), tmp_path / "statistics")
    page = Page(report([*parts, tmp_path / "statistics"], tiny_store, tmp_path / "page.html").read_text("utf-8"))
    text = " ".join(page.text.split())
    assert all(" ".join(sentence.split()) in text for sentence in stats["findings"])
    assert sum("ROC" in image["alt"] for image in page.named("img")) == 1
    assert page.named("h2")[0]["id"] == "readers-0"
    assert "2 readers were right in" in text


def test_a_card_says_what_it_was_given_and_takes_nothing_else(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    (tmp_path / "card.yaml").write_text("licence: CC BY 4.0 & more\n")
    card = Card.load(tmp_path / "card.yaml")
    page = report(parts, tiny_store, tmp_path / "page.html", card=card).read_text(encoding="utf-8")
    assert "CC BY 4.0 &amp; more" in page
    assert "Not for diagnosis" in page
    (tmp_path / "card.yaml").write_text("license: mine\n")
    with pytest.raises(UserError, match=r"license is not a text .* licence"):
        Card.load(tmp_path / "card.yaml")
    (tmp_path / "card.yaml").write_text("data: 2024-02-30\n")
    with pytest.raises(UserError, match="cannot be read as YAML"):
        Card.load(tmp_path / "card.yaml")
