"""The default drawn from captions: what is said changes what is drawn, and words are looked for where they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.captioned import TEXT, captioned_store, text_config, text_system, tokens
from helpers.tiny import tiny

from medattngan.attention.words import WordAttention2d
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.data.store import SliceStore
from medattngan.games.penalties import squared_gradient
from medattngan.models import build, compact_text
from medattngan.stages.explain.explain import explain
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train


def test_every_weight_gets_a_finite_gradient_through_the_penalty_too() -> None:
    system = text_system("compact_text")
    generator, discriminator = system.networks["generator"], system.networks["discriminator"]
    told = tokens("large blob", "small bright blob", "axial blob", "blob")
    fake = generator(torch.randn(4, 8), told)
    real = (torch.rand(4, 1, 32, 32) * 2 - 1).requires_grad_()
    logits = discriminator(real, told)
    (logits.mean() + squared_gradient(logits, real).mean() + discriminator(fake, told).mean()).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name


def test_a_discriminator_that_would_not_draw_again_is_refused() -> None:
    with pytest.raises(UserError, match="draws nothing"):
        text_system("compact_text", loss={"rebuild": 1.0})


def test_what_is_said_changes_slice_and_score() -> None:
    system = text_system("compact_text")
    told = tokens("large blob", "small blob")
    with torch.no_grad():
        images = system.networks["generator"](torch.randn(1, 8).expand(2, -1), told)
        scores = system.networks["discriminator"](images[:1].expand(2, -1, -1, -1), told)
    assert (images[0] - images[1]).abs().max() > 1e-4
    assert abs(float(scores[0] - scores[1])) > 1e-6


def test_the_order_of_words_is_heard_and_what_stands_beside_a_slice_is_not() -> None:
    generator = text_system("compact_text").networks["generator"]
    z = torch.randn(3, 8)
    told = tokens("large bright blob", "blob", "bright large blob")
    with torch.no_grad():
        together = generator(z, told)
        for i in range(3):
            alone = generator(z[i : i + 1], {"text": told["text"][i : i + 1]})
            assert torch.allclose(alone, together[i : i + 1], atol=1e-5)
        turned = generator(z[:1], {"text": told["text"][2:]})
    assert (turned - together[:1]).abs().max() > 1e-6


def test_words_are_looked_for_at_their_best_place_and_padding_is_not() -> None:
    x = torch.zeros(1, 4, 8, 8)
    x[0, :, 3, 5] = 20.0
    sought = torch.stack([torch.ones(4), torch.ones(4) * 100])[None]
    one = compact_text.found(x, sought, torch.tensor([[True, False]]))
    assert float(one) == pytest.approx(40.0, rel=1e-3)  # 20 · 4 / √4; the second is not there


def test_the_sentence_alone_reads_no_word() -> None:
    system = text_system("compact_text", attention={"words": []})
    assert not any(isinstance(m, WordAttention2d) for m in system.networks["generator"].modules())
    assert system.networks["discriminator"].search is None


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"data": {"conditions": []}}, r"draws from captions; set data\.conditions=\[text\]"),
        ({"attention": {"words": [64]}}, r"attention\.words has 64, but no maps of compact_text"),
        ({"augment": {"policy": ["flip"]}}, "captions say left, which a mirror image makes wrong"),
        (
            {"model": {"pretrain_kimg": 1}},
            r"model\.pretrain_kimg is set, but model\.preset=compact_text trains",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(sections: dict[str, Any], said: str) -> None:
    from dataclasses import replace

    sided = replace(TEXT, vocabulary=(*TEXT.vocabulary, "left"))
    config = text_config("compact_text", **sections)
    with pytest.raises(UserError, match=said):
        build(config, (sided,) if config.data.conditions else ())


def test_presets_without_captions_say_so() -> None:
    config = text_config("compact")
    with pytest.raises(UserError, match=r"model\.preset=compact takes labels and numbers, and text is neither"):
        build(config, (TEXT,))
    with pytest.raises(UserError, match=r"attention\.words is set, but model\.preset=compact reads no captions"):
        tiny("compact", attention={"words": [16]})


@pytest.fixture(scope="module")
def run(tiny_store: SliceStore, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("captioned")
    store = captioned_store(folder / "store", tiny_store)
    return train(text_config("compact_text", train={"kimg": 0.016}), store, folder / "run", progress=False)


def test_a_run_samples_what_is_said_and_says_what_it_does_not_know(run: Run, tmp_path: Path) -> None:
    told: list[str] = []
    made = sample(run, tmp_path / "s", count=2, values={"text": "a small PURPLE blob"}, say=told.append)
    assert made.table["text"].tolist() == ["small blob"] * 2
    (warning,) = told
    assert "a, purple; left out. It knows: axial, blob, bright, large, small." in warning
    drawn = sample(run, tmp_path / "drawn", count=4)
    assert set(drawn.table["text"]) <= {"small blob", "large blob", "axial bright blob"}
    with pytest.raises(UserError, match="has no word that this run knows; write it with: axial, blob"):
        sample(run, tmp_path / "none", count=1, values={"text": "purple"})
    with pytest.raises(UserError, match="--text is empty"):
        sample(run, tmp_path / "none", count=1, values={"text": " "})


def test_a_run_without_captions_refuses_a_text(tiny_store: SliceStore, tmp_path: Path) -> None:
    tree = text_config("compact").model_dump()
    tree["data"]["conditions"], tree["train"]["kimg"] = [], 0.004
    plain = train(Config.from_tree(tree, "test"), tiny_store, tmp_path / "run", progress=False)
    with pytest.raises(UserError, match="was trained without captions; leave --text out"):
        sample(plain, tmp_path / "s", count=1, values={"text": "blob"})


@pytest.mark.slow
def test_an_explanation_has_a_map_for_each_word_and_each_position_reads_all_of_its_caption(
    run: Run, tmp_path: Path
) -> None:
    from medattngan.stages.explain.words import word_maps
    from medattngan.stages.sample.sample import latents, load_generator

    explain(run, tmp_path / "e", values={"text": "large bright blob"})
    assert {"words-16.png", "words-32.png"} <= {path.name for path in (tmp_path / "e").iterdir()}
    generator = load_generator(run, run.checkpoint("last"))
    text = TEXT.from_record(run.store["conditions"][0])
    _, found = word_maps(generator, latents(0, 0, 1, 8), {"text": text.encode(["large bright blob"])})
    for height, maps in found.items():
        assert maps.shape == (1, text.longest, height, height)
        assert torch.allclose(maps.sum(1), torch.ones(1, height, height), atol=1e-5)
        assert (maps[0, 3:] == 0).all()
