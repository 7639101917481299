"""The page says what a run used, not what its user left open."""

from __future__ import annotations

import html
from pathlib import Path

import yaml
from helpers.tiny import tiny_config

from medattngan.data.store import SliceStore
from medattngan.stages.report.report import report
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

NO_LIMIT = {"train.minutes", "train.checkpoint_steps", "train.validate_minutes", "model.pretrain_kimg"}
"""Where null says that there is none."""


def test_every_value_of_the_configuration_is_shown_as_it_was_used(tiny_store: SliceStore, tmp_path: Path) -> None:
    asked = tiny_config(train={"kimg": 0.008, "minutes": None, "validate_minutes": None})
    run = train(asked, tiny_store, tmp_path / "run", progress=False)
    sample(run, tmp_path / "samples", count=12, progress=False)
    page = report([tmp_path / "run", tmp_path / "samples"], tiny_store, tmp_path / "page.html").read_text("utf-8")
    shown = yaml.safe_load(html.unescape(page.split("<pre>")[1].split("</pre>")[0]))
    assert shown == run.config.model_dump(mode="json")
    nulls = {f"{part}.{key}" for part, keys in shown.items() for key, value in keys.items() if value is None}
    nulls = {key for key in nulls if not key.startswith(("stack.", "private.", "model.flow"))}  # not this preset's
    assert nulls <= NO_LIMIT
    assert asked.loss.kind is None
    assert (shown["loss"]["kind"], shown["train"]["batch_size"]) == ("relativistic", 8)
    assert shown["optimizer"]["generator_lr"] > 0
