"""The page that people read."""

from __future__ import annotations

import csv
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from medattngan.config import AttentionConfig, Config, DataConfig, TrainConfig
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.files import UserError, digest, write_json
from medattngan.metrics import METRICS
from medattngan.report import report
from medattngan.report.scores import MEANINGS, drawing, verdict
from medattngan.run import Run
from medattngan.train.data import describe

HOSTILE = """<script>alert("x")</script><img src="http://example.org/a.png" onerror='y'>&$label"""
SCORE = {"value": 9.0, "ci95": [8.0, 10.5], "floor": 4.5, "better": "lower", "n_real": 12, "n_fake": 12}


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
        if tag not in {"meta", "img", "line", "path", "circle"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def write_parts(store: SliceStore, folder: Path, label: str = "small") -> tuple[Path, Path, Path]:
    """A run that was logged, samples and scores, without any training."""
    config = Config(
        data=DataConfig(size=32), attention=AttentionConfig(resolutions=(8,)), train=TrainConfig(minutes=1.0)
    )
    run = Run.create(folder / "run", config, describe(store, store.split("train"), config))
    with (run.path / "metrics.csv").open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(
            ["kimg", "seconds", "loss_generator", "loss_discriminator", "logits_real", "logits_fake", "fd_val[x]"]
        )
        rows.writerows([i / 10, 3.0 * i, 0.7, 0.6, 0.1 * i, -0.1 * i, 50 - i if i % 10 == 0 else ""] for i in range(40))
    codes = np.random.default_rng(0).integers(0, 65536, (30, 32, 32)).astype(np.uint16)
    table = pd.DataFrame({"seed": [0] * 30, "label": pd.array([label] * 30, dtype="string")})
    weights = run.path / "checkpoints" / "step-000000001" / "ema.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    made = {"seed": 0, "truncation": 1.0, "weights_digest": digest(weights)}
    Samples(codes, table, store.intensity, made).save(folder / "samples")
    write_json(folder / "scores" / "scores.json", {"fd[some]": SCORE, "new[other]": {**SCORE, "warnings": [HOSTILE]}})
    compared = {"store": store.digest, "split": "test", "interval": "bootstrap", "seed": 0}
    compared["extractor"] = {"name": "some", "weights_sha256": "0" * 64}
    write_json(folder / "scores" / "provenance.json", compared)
    return run.path, folder / "samples", folder / "scores"


@pytest.fixture(scope="module")
def html(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    parts = write_parts(tiny_store, folder, HOSTILE)
    out = report(*parts, tiny_store, folder / "page.html", title=HOSTILE, note=HOSTILE, subjects=HOSTILE)
    return out.read_text(encoding="utf-8")


def test_the_page_refers_to_nothing_outside_itself(html: str) -> None:
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "a"}
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in {"src", "href", "srcset", "action", "data", "poster", "background"}:
                assert value.startswith("data:image/")
    (style,) = html.partition("<style>")[2].partition("</style>")[:1]
    assert "url(" not in style
    assert "@import" not in style
    assert any("default-src 'none'" in meta.get("content", "") for meta in page.named("meta"))


def test_every_tag_of_the_page_is_closed(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert page.named("html")[0]["lang"] == "en"


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
    assert "9.00 95 % interval 8.00 to 10.5; real slices: 4.50" in text
    assert "2.0 times as far from these patients" in text
    assert len(Page(html).named("svg")) == 2


def test_the_page_has_curves_and_where_all_came_from(html: str, tiny_store: SliceStore) -> None:
    page = Page(html)
    assert sum("against thousands of real slices" in image["alt"] for image in page.named("img")) == 3
    assert tiny_store.digest in page.text
    assert "48 slices of 8 patients" in page.text
    assert "preset: compact" in page.text
    assert "3.9 thousand slices shown in 1.9 minutes" in page.text


def test_no_patient_and_no_path_is_on_the_page(html: str, tiny_store: SliceStore) -> None:
    for name in (*tiny_store.index["patient"].unique(), *tiny_store.index["series"].unique()):
        assert str(name) not in html
    assert str(tiny_store.path) not in html
    assert str(Path.home()) not in html


def test_the_same_folders_make_the_same_page(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    first = report(*parts, tiny_store, tmp_path / "0.html")
    second = report(*map(str, parts), tiny_store, str(tmp_path / "1.html"))
    assert first.read_bytes() == second.read_bytes()


def test_a_report_writes_over_nothing(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts, mine = write_parts(tiny_store, tmp_path), tmp_path / "page.html"
    mine.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        report(*parts, tiny_store, mine)
    assert mine.read_text() == "mine"


def test_scores_against_another_store_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    compared = {"store": "another", "split": "test", "interval": "", "seed": 0, "extractor": {}}
    write_json(scores / "provenance.json", compared)
    with pytest.raises(UserError, match="another store"):
        report(run, samples, scores, tiny_store, tmp_path / "page.html")


def test_samples_of_another_run_are_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, scores = write_parts(tiny_store, tmp_path)
    (run / "checkpoints" / "step-000000001" / "ema.safetensors").write_bytes(b"others")
    with pytest.raises(UserError, match="not drawn from a checkpoint"):
        report(run, samples, scores, tiny_store, tmp_path / "page.html")


def test_a_run_too_short_for_a_curve_still_has_a_page(tiny_store: SliceStore, tmp_path: Path) -> None:
    parts = write_parts(tiny_store, tmp_path)
    header = (parts[0] / "metrics.csv").read_text().splitlines()[0]
    (parts[0] / "metrics.csv").write_text(header + "\n")
    page = report(*parts, tiny_store, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "too short to log a curve" in page


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_explained(metric: str) -> None:
    assert all(MEANINGS[metric])


def test_a_verdict_keeps_to_its_interval() -> None:
    assert "interval holds" in verdict("ssim", {**SCORE, "better": "floor", "floor": 8.5})
    assert verdict("ssim", {**SCORE, "better": "floor"}).startswith("4.50 above")
    assert verdict("recall", {**SCORE, "better": "higher", "floor": 12.0}).startswith("3.00 below")


def test_a_drawing_without_spread_stays_inside_its_box() -> None:
    flat = {**SCORE, "value": 0.0, "ci95": [0.0, 0.0], "floor": 0.0}
    assert 'cx="14.0"' in drawing(flat)


def test_a_distance_that_may_be_near_0_is_not_said_as_a_ratio() -> None:
    assert verdict("kid[some]", {**SCORE, "floor": 0.001}).startswith("9.00 above")
