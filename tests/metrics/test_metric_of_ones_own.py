"""A metric and an extractor of another package: scored, and explained on the page, with no file of this one edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.installed import install_package
from helpers.report_parts import write_parts

from medattngan.core import plugins
from medattngan.core.files import UserError
from medattngan.data.store import SliceStore
from medattngan.extractors.table import load_extractor
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.report.report import report

CODE = '''
"""How much brighter synthetic slices are: |mean - mean|. Not biased by the count."""

import torch
from torch import nn

from medattngan.extractors.table import Extractor
from medattngan.metrics.table import Metric


def means(real, fake):
    return real.flatten(1).double().mean(1), fake.flatten(1).double().mean(1)


def gap(compared):
    return (compared[0].mean() - compared[1].mean()).abs()


def gap_replicates(compared, plan):
    real, fake = (times.double() @ side / times.sum(1) for times, side in zip((plan.real, plan.fake), compared))
    return (real - fake).abs()


words = {"heading": "Gap of brightness", "meaning": "How much brighter or darker the synthetic slices are; 0 is best."}
gap_of_images = Metric("images", means, gap, gap_replicates, "lower", 0.0, **words)
gap_of_features = Metric("features", means, gap, gap_replicates, "lower", 0.0, **words)


def thumbnail(weights):
    return Extractor("thumbnail", 64, nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten()).eval(), "0" * 64)
'''


@pytest.fixture
def own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(tmp_path / "site")
    groups = {
        "medattngan.metrics": {"gap": "gap_of_images", "gap_inside": "gap_of_features"},
        "medattngan.extractors": {"thumbnail": "thumbnail"},
    }
    install_package(tmp_path / "site", "own_measures", CODE, groups)
    plugins.load.cache_clear()
    yield
    plugins.load.cache_clear()


@pytest.mark.slow
@pytest.mark.usefixtures("own_package")
def test_a_metric_of_ones_own_is_scored_and_explained(tiny_store: SliceStore, tmp_path: Path) -> None:
    run, samples, _ = write_parts(tiny_store, tmp_path / "parts")
    scores = evaluate(samples, tiny_store, tmp_path / "scores", extractor="thumbnail")
    for name in ("gap", "gap_inside[thumbnail]"):
        assert scores[name]["value"] > scores[name]["floor"] > 0  # noise is brighter than blobs in the dark
        assert scores[name]["better"] == "lower"
        assert scores[name]["ratio"] > 1
    page = report([run, samples, tmp_path / "scores"], tiny_store, tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<h3>Gap of brightness") == 2
    assert "How much brighter or darker the synthetic slices are; 0 is best." in page


@pytest.mark.usefixtures("own_package")
def test_the_sentence_on_a_wrong_extractor_names_those_of_other_packages() -> None:
    with pytest.raises(UserError, match=r"choose one of efficientnet-lite0, .*, thumbnail, or give"):
        load_extractor("thumbnial")


def test_without_the_package_its_scores_still_have_a_place_on_the_page(tiny_store: SliceStore, tmp_path: Path) -> None:
    page = report(write_parts(tiny_store, tmp_path), tiny_store, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h3>new[other]" in page
    assert page.index("<h3>Fréchet distance") < page.index("<h3>new[other]")
