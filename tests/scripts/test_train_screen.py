"""The training of the networks that screen: what it is shown is true, and a stopped one goes on to the same weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.lettered import anatomy

from medattngan.data.intensity import IntensityMap
from medattngan.scans.text.alphabet import CHARACTERS, END, decode

pytestmark = pytest.mark.slow


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts"))
    for name in ("screen_lines", "screen_slices", "train_screen"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import train_screen

    monkeypatch.setattr(train_screen, "CROP_PX", 64)
    monkeypatch.setattr(train_screen, "CROPS", 2)
    monkeypatch.setattr(train_screen, "STRIPS", 2)
    return train_screen


def groups(script: Any) -> Any:
    slices = [anatomy(96, seed).astype(np.float32) for seed in range(3)]
    return [[script.Background(one, (IntensityMap(0.0, 1.0, "a.u."),)) for one in slices]]


def test_invented_text_has_only_characters_that_the_reader_knows(script: Any) -> None:
    for seed in range(200):
        text = script.some_text(np.random.default_rng(seed), 12)
        assert 0 < len(text) <= 12
        assert set(text) <= set(CHARACTERS)


def test_a_line_changes_its_own_rectangle_alone_and_its_ink_stands_in_it(script: Any) -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        if (line := script.some_line(rng, "KANARIE 1901", 14)) is None:
            continue
        picture = np.full((80, 160), 0.3, np.float32)
        script.write(picture, line, 20, 10, 0.5, rng)
        changed = picture != np.float32(0.3)
        assert changed.any()
        target = np.zeros_like(picture)
        target[20 : 20 + line.ink.shape[0], 10 : 10 + line.ink.shape[1]] = 1
        assert not changed[target == 0].any()


def test_what_lies_beyond_the_edge_is_cut_off(script: Any) -> None:
    rng = np.random.default_rng(0)
    line = script.some_line(rng, "R", 12, turned=False)
    assert line is not None
    for top, left in ((-100, 5), (5, -100), (500, 5), (-3, -3)):
        picture = np.zeros((32, 32), np.float32)
        script.write(picture, line, top, left, 0.5, rng)
        assert picture.shape == (32, 32)


def test_crops_of_lines_come_with_what_they_say(script: Any) -> None:
    pictures, tokens, told, places = script.strips(groups(script), np.random.default_rng(4))
    assert pictures.shape[0] == tokens.shape[0] == 2
    assert told.shape == tokens.shape
    assert told.min() >= 0
    assert pictures.shape[2] % 32 == 0
    assert places.shape == (*tokens.shape, pictures.shape[2] // script.DOWN, pictures.shape[3] // script.ACROSS)
    assert all(set(decode(row[row >= 0].tolist())) <= set(CHARACTERS) for row in tokens)


def test_each_character_stands_where_its_ink_is_and_the_end_stands_nowhere(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "piece", lambda groups, rows, columns, rng: np.zeros((rows, columns), np.float32))
    monkeypatch.setattr(script, "contrast_of", lambda rng: 1.0)
    monkeypatch.setattr(script, "said", lambda rng, longest: "IWI")
    pictures, tokens, _, places = script.strips(groups(script), np.random.default_rng(0))
    assert pictures.shape[2] == script.LINE_PX
    for picture, said, where in zip(pictures[:, 0], tokens, places, strict=True):
        if said[0] == END:
            assert not where.any()
            continue
        spans = [torch.nonzero(one.any(0)).flatten() for one in where[:3]]
        assert all(span.numel() and (span.diff() == 1).all() for span in spans)
        assert spans[0][0] < spans[1][0] < spans[2][0]
        assert not where[3:].any()
        inked = torch.nonzero(picture > 0.5)[:, 1] // script.ACROSS
        assert set(inked.tolist()) <= {int(column) for span in spans for column in span}


def test_one_in_ten_of_what_the_reader_is_told_is_mistaken(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "STRIPS", 24)
    _, tokens, told, _ = script.strips(groups(script), np.random.default_rng(1))
    said = tokens >= 0
    assert 0.05 < (told != tokens)[said].float().mean() < 0.16


def test_a_reader_that_looks_and_recognises_rightly_has_the_least_loss(
    script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two characters side by side: features that are the characters, attention on each, and logits that say so."""
    tokens, places = torch.tensor([[5, 7, END]]), torch.zeros(1, 3, 4, 4)
    places[0, 0, :, :2] = places[0, 1, :, 2:] = 1
    reader = script.Reader()
    reader.by_seen = torch.nn.Identity()

    def loss(shown: tuple[int, int], looked: torch.Tensor) -> float:
        features = 20 * torch.nn.functional.one_hot(torch.tensor(shown).repeat_interleave(2), script.TOKENS).float()
        monkeypatch.setattr(reader, "look", lambda crops: features.T[None, :, None].expand(1, -1, 4, 4))
        logits = 20 * torch.nn.functional.one_hot(tokens, script.TOKENS).float()
        monkeypatch.setattr(reader, "follow", lambda features, told: (logits, looked))
        return float(script.of_characters(reader, (torch.zeros(1, 1, 32, 16), tokens, tokens, places)))

    rightly = places / places.sum((2, 3), keepdim=True).clamp(min=1)
    least = loss((5, 7), rightly)
    assert least < loss((7, 5), rightly) - 5  # half of 20: each is surely taken for the other
    assert loss((5, 7), rightly.flip(3)) > least + 5  # half of -log 1e-6


@pytest.mark.parametrize("task", ["detector", "reader"])
def test_a_stopped_training_goes_on_to_the_same_weights(
    script: Any, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "SAVE_EVERY", 1)
    network, batch, loss = script.TASKS[task]
    slices = groups(script)

    def run(path: Path, stop: int) -> torch.nn.Module:
        torch.manual_seed(0)
        model: torch.nn.Module = network()
        calls = iter(range(stop))

        def some(rng: np.random.Generator) -> Any:
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return batch(slices, rng)

        script.train(model, some, loss, 3, 0, path)
        return model

    whole = run(tmp_path / "whole.pt", 3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.pt", 1)
    resumed = run(tmp_path / "cut.pt", 2)
    for one, other in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(one, other)
