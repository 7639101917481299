"""A training that begins from the networks of another one, or of the zoo."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.captioned import TEXT, text_config
from helpers.tiny import tiny_config
from safetensors.torch import load_file
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import Number
from medattngan.core import zoo
from medattngan.core.config import Config
from medattngan.core.files import UserError, digest
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.export_model.export_model import export_model
from medattngan.stages.sample.sample import sample
from medattngan.stages.train import checkpoint
from medattngan.stages.train.initialise import Start, Told, _take, _told, begin_from
from medattngan.stages.train.train import train

SIZES = Label(("large", "small"), (24, 24))


def config(kimg: float = 0.016, **data: Any) -> Config:
    return tiny_config(train={"kimg": kimg, "minutes": None, "batch_size": 4, "validate_minutes": None}, data=data)


def sagan(**data: Any) -> Config:
    training = {"kimg": 0.016, "minutes": None, "batch_size": 4, "validate_minutes": None}
    return tiny_config("sagan", train=training, data={"size": 32, **data})


@pytest.fixture(scope="module")
def labelled(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("labelled") / "run"
    return train(config(conditional=True), tiny_store, folder, progress=False)


@pytest.fixture(scope="module")
def entry(tiny_store: SliceStore, labelled: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo of one."""
    place = tmp_path_factory.mktemp("zoo")
    plain = train(config(), tiny_store, place / ".run", progress=False)
    export_model(plain, place / "blobs", format="safetensors", checkpoint="last")
    shutil.copyfile(plain.checkpoint("last") / "discriminator.safetensors", place / "blobs/discriminator.safetensors")
    files = {path.name: digest(path) for path in (place / "blobs").iterdir()}
    record = {"line": "blobs", "licence": "CC0", "files": files}
    (place / "blobs" / zoo.RECORD).write_text(json.dumps(record))
    return place


def described(run: Run, **changed: Any) -> dict[str, Any]:
    return {**run.store, **changed}


def weights(run: Run, name: str) -> dict[str, torch.Tensor]:
    return load_file(run.checkpoint("last") / f"{name}.safetensors")


def test_the_networks_of_a_run_go_on_as_they_were_left(labelled: Run) -> None:
    system = build(labelled.config, (SIZES,))
    said = begin_from(labelled, system, described(labelled))
    assert said == [f"begins from the networks of {labelled.path}"]
    for name, file in (("generator", "ema"), ("discriminator", "discriminator")):
        own, kept = system.networks[name].state_dict(), weights(labelled, file)
        assert all(torch.equal(own[key], kept[key]) for key in kept)


def test_a_label_known_by_name_keeps_its_row_and_a_new_one_begins_as_their_mean(labelled: Run) -> None:
    system = build(labelled.config, (Label(("medium", "small"), (1, 1)),))
    told = described(labelled, labels=["medium", "small"], label_counts=[1, 1])
    assert begin_from(labelled, system, told)[1] == "labels begin afresh: they are not what those were told"
    own, kept = (
        system.networks["generator"].state_dict()["embedding.weight"],
        weights(labelled, "ema")["embedding.weight"],
    )
    assert torch.equal(own[1], kept[1])
    assert torch.allclose(own[0], kept.mean(0))
    assert told["began_from"]["afresh"] == ["labels"]


@pytest.mark.parametrize("names", [("small", "large"), ("medium", "small"), ("large", "medium", "small")])
def test_spectrally_normalised_rows_go_by_name_too_and_none_is_nan(
    names: tuple[str, ...], tiny_store: SliceStore, tmp_path: Path
) -> None:
    trained = train(sagan(conditional=True), tiny_store, tmp_path / "run", progress=False)
    system = build(sagan(conditional=True), (Label(names, (1,) * len(names)),))
    told = described(trained, labels=list(names), label_counts=[1] * len(names))
    assert begin_from(trained, system, told)[1] == "labels begin afresh: they are not what those were told"
    key = "embedding.parametrizations.weight.original"
    own, kept = system.networks["discriminator"].state_dict()[key], weights(trained, "discriminator")[key]
    assert torch.equal(own[names.index("small")], kept[1])
    conditions = {"label": torch.arange(len(names))}
    images = system.networks["generator"](torch.randn(len(names), 8), conditions)
    assert torch.isfinite(system.networks["discriminator"](images, conditions)).all()


def test_numbers_told_to_a_spectrally_normalised_network_for_the_first_time_are_no_nan(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    plain = train(sagan(conditional=True), tiny_store, tmp_path / "plain", progress=False)
    run = train(
        sagan(conditional=True, conditions=["position_mm"]), tiny_store, tmp_path / "run", begin=plain, progress=False
    )
    assert all(torch.isfinite(one).all() for one in weights(run, "discriminator").values())


@pytest.mark.parametrize("vocabulary", [("bright", "axial", "blob", "tiny", "small"), ("axial", "small")])
def test_words_known_by_name_keep_their_rows_in_every_network(vocabulary: tuple[str, ...]) -> None:
    texts = [replace(TEXT, vocabulary=one) for one in (TEXT.vocabulary, vocabulary)]
    before, now = (build(text_config("attngan"), (one,)) for one in texts)
    kept = {name: network.state_dict() for name, network in before.networks.items()}
    told = [_told({"conditions": [one.record()]}) for one in texts]
    found = [_take(kept[name], network, *told) for name, network in now.networks.items()]
    assert found[-1] == {"captions"}
    rows, old = now.networks["text"].state_dict()["embedding.weight"], kept["text"]["embedding.weight"]
    for place, word in enumerate(vocabulary, start=1):
        if word in TEXT.vocabulary:
            assert torch.equal(rows[place], old[1 + TEXT.vocabulary.index(word)])


def test_a_training_without_labels_can_begin_from_one_with(
    labelled: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    run = train(config(), tiny_store, tmp_path / "run", begin=labelled, progress=False)
    began = json.loads((run.path / "provenance.json").read_text())["began_from"]
    assert began == run.store["began_from"]
    assert (began["name"], began["afresh"], began["store"]) == ("a run", ["labels"], tiny_store.digest)
    assert began["generator_sha256"] == digest(labelled.checkpoint("last") / "ema.safetensors")
    assert str(labelled.path) not in (run.path / "provenance.json").read_text()


def test_other_attention_is_another_network_and_is_refused(labelled: Run) -> None:
    other = tiny_config(attention={"kind": "bipartite"}, data={"conditional": True})
    with pytest.raises(UserError, match=r"other networks than this configuration makes \(attentions"):
        begin_from(labelled, build(other, (SIZES,)), described(labelled))


@pytest.mark.slow
def test_a_resumed_training_keeps_what_it_began_from_and_refuses_another_beginning(
    entry: Path, labelled: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    first = train(config(), tiny_store, out, begin=entry / "blobs", progress=False)
    straight = train(config(0.032), tiny_store, tmp_path / "straight", begin=entry / "blobs", progress=False)
    with pytest.raises(UserError, match="begun from other networks than --begin names; resume without"):
        train(config(0.032), tiny_store, out, begin=labelled, resume=True, progress=False)
    again = train(config(0.032), tiny_store, out, resume=True, progress=False)
    assert again.store["began_from"] == first.store["began_from"]
    for name in ("ema", "generator", "discriminator"):
        one, other = weights(again, name), weights(straight, name)
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_run_that_began_from_nothing_is_not_resumed_from_something(
    labelled: Run, tiny_store: SliceStore, tmp_path: Path
) -> None:
    train(config(), tiny_store, tmp_path / "run", progress=False)
    with pytest.raises(UserError, match="resume without --begin"):
        train(config(0.032), tiny_store, tmp_path / "run", begin=labelled, resume=True, progress=False)


def test_an_entry_of_the_zoo_is_found_by_name_begun_from_and_sampled(
    entry: Path, tiny_store: SliceStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo.zoo, "__defaults__", (entry,))
    monkeypatch.setattr(zoo.located, "__defaults__", (entry,))
    assert "zoo:blobs" in CliRunner().invoke(app, ["zoo"]).output
    run = train(config(0.008), tiny_store, tmp_path / "run", begin="zoo:blobs", progress=False)
    assert run.store["began_from"]["name"] == "zoo:blobs"
    assert len(sample("zoo:blobs", tmp_path / "samples", count=2, progress=False).codes) == 2
    with pytest.raises(UserError, match="zoo:heads is not in the zoo; there is: zoo:blobs"):
        Start.of("zoo:heads")


def test_a_damaged_entry_is_refused(entry: Path, tmp_path: Path) -> None:
    place = tmp_path / "zoo"
    shutil.copytree(entry / "blobs", place / "blobs")
    path = place / "blobs" / "discriminator.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match="not what medattngan ships"):
        zoo.located("zoo:blobs", place)


def test_a_generator_alone_is_no_beginning(labelled: Run, tmp_path: Path) -> None:
    export_model(labelled, tmp_path / "packed", format="safetensors")
    with pytest.raises(UserError, match="generator alone"):
        _ = Start.of(tmp_path / "packed").folder


@pytest.mark.parametrize("name", sorted(zoo.zoo()))
def test_every_entry_that_ships_is_whole_small_licensed_and_begins_the_default(name: str) -> None:
    one = zoo.zoo()[name]
    one.require_whole()
    assert {"README.md", "audit.json", "LICENCE.txt", "discriminator.safetensors"} <= set(one.files)
    assert all(path.stat().st_size <= zoo.MOST_BYTES for path in one.path.iterdir())
    assert one.licence
    start = Start.of(f"zoo:{name}")
    assert not start.store.get("labels")
    begin_from(start, build(Config.load("compact", [f"data.size={Run.open(one.path).config.data.size}"])))


def test_a_run_killed_before_its_first_checkpoint_asks_for_the_networks_again(
    tiny_store: SliceStore, labelled: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config(conditional=True), tiny_store, tmp_path / "run", begin=labelled, progress=False)
    with pytest.raises(UserError, match="resume with the same --begin"):
        train(config(conditional=True), tiny_store, tmp_path / "run", resume=True, progress=False)
    run = train(config(conditional=True), tiny_store, tmp_path / "run", resume=True, begin=labelled, progress=False)
    whole = train(config(conditional=True), tiny_store, tmp_path / "whole", begin=labelled, progress=False)
    kept, wanted = weights(run, "ema"), weights(whole, "ema")
    assert all(torch.equal(kept[key], wanted[key]) for key in wanted)


def test_numbers_of_another_range_begin_afresh() -> None:
    def told(low: float, high: float) -> Told:
        return _told({"conditions": [Number("age", tuple(np.linspace(low, high, 21))).record()]})

    assert told(20, 80).agrees(told(22, 81), "numbers")
    assert not told(0, 10).agrees(told(60, 90), "numbers")
    assert not told(20, 80).agrees(told(20, 95), "numbers")
