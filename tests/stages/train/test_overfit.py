"""r_v: what the critic knows of its training slices that does not carry over to other patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from helpers.tiny import PLAIN, tiny_config
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from medattngan.conditions.condition import Conditions
from medattngan.conditions.labels import Label
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.overfit import Overfitting, share_not_carried_over
from medattngan.stages.train.players import Players


def game_on(store: SliceStore, preset: str = "compact", labels: tuple[str, ...] = (), batch: int = 4) -> Players:
    """A game that nobody has played yet."""
    config = tiny_config(
        preset,
        data={"conditional": bool(labels)},
        model={"generator_width": 4, "discriminator_width": 4},
        train={"accelerator": "cpu", "batch_size": batch},
    )
    told = (Label(labels, (1,) * len(labels)),) if labels else ()
    torch.manual_seed(0)
    gan = build(config, told)
    return Players(config, gan, Batches(store.split("train"), 32, batch, 0, told))


def judge(known: Tensor, others: Tensor, logit: float) -> Callable[..., Tensor]:
    """A critic that says 1 of exactly these images, `logit` of others and 0 of all else."""

    def critic(images: Tensor, conditions: Conditions) -> Tensor:
        def among(real: Tensor) -> Tensor:
            return torch.tensor([any(torch.equal(one, image) for one in real) for image in images]).float()

        return among(known) + logit * among(others)

    return critic


@pytest.mark.parametrize("logit", [0.0, 0.25, 1.0])
def test_it_is_one_less_what_the_critic_grants_to_other_patients(
    tiny_store: SliceStore, logit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = game_on(tiny_store)
    overfitting = Overfitting.prepare(tiny_store, game.config, game)
    assert overfitting is not None
    train, val = (
        torch.cat([batches(step)[0] for step in range(len(batches.store) // 4)])
        for batches in (game.batches, overfitting.held_out)
    )
    monkeypatch.setattr(game.state.networks["discriminator"].module, "forward", judge(train, val, logit))
    assert overfitting.measure() == pytest.approx(1 - logit)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PLAIN)
def test_asking_changes_nothing_of_the_training(tiny_store: SliceStore, preset: str) -> None:
    asked, left_alone = game_on(tiny_store, preset), game_on(tiny_store, preset)
    overfitting = Overfitting.prepare(tiny_store, asked.config, asked)
    assert overfitting is not None
    for _ in range(2):
        overfitting.measure()
        one, other = asked.play(0.0), left_alone.play(0.0)
        assert {k: float(v) for k, v in one.items()} == {k: float(v) for k, v in other.items()}


def test_labels_go_with_their_slices_and_those_without_are_left_out(tiny_store: SliceStore) -> None:
    labels = ("large", "small")
    game = game_on(tiny_store, labels=labels)
    unlabelled = tiny_store.select(np.ones(len(tiny_store), bool))
    rows = np.flatnonzero(unlabelled.index["split"] == "val")
    unlabelled.index.loc[rows[:5], "label"] = None
    overfitting = Overfitting.prepare(unlabelled, game.config, game)
    assert overfitting is not None
    assert len(overfitting.held_out.store) == len(rows) - 5
    assert 0 <= overfitting.measure() <= 1
    unlabelled.index.loc[rows, "label"] = None
    assert Overfitting.prepare(unlabelled, game.config, game) is None


def test_fewer_held_out_slices_than_a_batch_are_too_few(tiny_store: SliceStore) -> None:
    game = game_on(tiny_store, batch=16)
    assert Overfitting.prepare(tiny_store, game.config, game) is None  # 12 of 2 patients


NUMBERS = st.lists(st.floats(-10, 10), min_size=1, max_size=5).map(torch.tensor)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_it_is_a_share(training: Tensor, held_out: Tensor, synthetic: Tensor) -> None:
    assert 0 <= share_not_carried_over(training, held_out, synthetic) <= 1


def test_a_training_on_the_validation_split_has_no_other_patients_to_ask(tiny_store: SliceStore) -> None:
    players = game_on(tiny_store)
    config = tiny_config(data={"split": "val"})
    assert Overfitting.prepare(tiny_store, config, players) is None
