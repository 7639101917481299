"""A round is a pure function of state, batch and draws: it reads nothing back, draws nothing, and asks no host."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from helpers.tape import Guard
from helpers.tiny import PLAIN, tiny, tiny_config
from torch import Tensor, nn

from medattngan.attention import ATTENTION
from medattngan.data.batches import Batches
from medattngan.data.resident import Resident
from medattngan.data.store import SliceStore
from medattngan.games.adversarial import AdversarialGame
from medattngan.games.game import Batch, Round, System
from medattngan.games.losses import LOSSES
from medattngan.models import build
from medattngan.stages.train.graphs import Unrecorded
from medattngan.stages.train.players import Players

PENALTIES = {"r1_gamma": 0.1, "r2_gamma": 0.1, "gradient_penalty": 1.0, "penalty_every": 2}
POLICY = ("flip", "translate", "scale", "rotate", "brightness", "contrast", "cutout")


def players(store: SliceStore, preset: str, kind: str | None = None, resident: bool = False, **more: float) -> Players:
    """A game with every penalty and augmentation there is, as it is played where rounds are recorded."""
    config = tiny_config(
        preset,
        loss=PENALTIES | ({"kind": kind} if kind else {}) | more,
        augment={"policy": POLICY, "probability": 0.5, "adaptive": True},
        train={"accelerator": "cpu", "batch_size": 4},
    )
    torch.manual_seed(0)
    batches = Batches(store.split("train"), 32, 4, 0)
    game = Players(config, build(config), batches, recorder=Unrecorded())
    if resident:
        game.slices = Resident(batches, game.fabric.device)
    return game


def tensors(game: Players) -> dict[str, Tensor]:
    """All that a round writes to."""
    kept = game.state.snapshot()
    found = {f"{file}.{key}": tensor for file, weights in kept.weights.items() for key, tensor in weights.items()}
    for name, saved in kept.moments.items():
        found |= {f"{name}.{n}.{key}": t for n, one in saved["state"].items() for key, t in one.items()}
    return found | {"due": kept.due}


FEW = [("compact", kind) for kind in LOSSES]
ALL = [(preset, kind) for preset in PLAIN for kind in LOSSES if preset != "compact"]


@pytest.mark.parametrize(("preset", "kind"), [*FEW, *(pytest.param(*one, marks=pytest.mark.slow) for one in ALL)])
def test_a_round_reads_nothing_back_and_draws_nothing(preset: str, kind: str, tiny_store: SliceStore) -> None:
    game = players(tiny_store, preset, kind, resident=True)
    for step in range(2):  # with penalties and without
        game.state.progress.step = step
        inputs = game._inputs()
        with Guard() as guard:
            game.whole_round(inputs)
        assert guard.count > 300
        assert not guard.broken


def test_a_round_whose_penalties_move_and_whose_discriminator_draws_is_as_pure(tiny_store: SliceStore) -> None:
    game = players(tiny_store, "compact", resident=True, gamma_end=0.1, rebuild=0.5)
    inputs = game._inputs(annealed=0.5)
    assert {"draw.gamma", "draw.corner"} <= inputs.keys()
    with Guard() as guard:
        game.whole_round(inputs)
    assert not guard.broken


@pytest.mark.parametrize(
    "preset", [pytest.param(name, marks=() if name == "compact" else pytest.mark.slow) for name in PLAIN]
)
def test_the_same_state_and_buffers_give_the_same_bytes(preset: str, tiny_store: SliceStore) -> None:
    game = players(tiny_store, preset)
    game.play(0.0)  # the optimisers have moments
    game.state.progress.step = 2
    inputs, before, found = game._inputs(), game.state.snapshot(), []
    for noise in range(2):
        game.state.put_back(before)
        torch.manual_seed(noise)
        logged = {name: value.clone() for name, value in game.whole_round(inputs).items()}
        found.append({**tensors(game), **logged})
    moved = (not torch.equal(found[0][f"generator.{key}"], old) for key, old in before.weights["generator"].items())
    assert any(moved)
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name


class Held:
    """A network as a game meets it, without Fabric, on whatever device it is."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, *inputs: Any) -> Any:
        return self.network(*inputs)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        return torch.as_tensor(self.network(*inputs)).float()


def backwards_on(device: str, system: System, size: int) -> Guard:
    """Every phase of a round with penalties, forwards and backwards, with all that comes in on `device`."""
    draws = system.game.draw(Round(0, 4, size, POLICY, 0.5), torch.Generator().manual_seed(0))
    drawn = {name: tensor.to(device) for name, tensor in draws.items()}
    networks: Mapping[str, Held] = {name: Held(one.to(device)) for name, one in system.networks.items()}
    batch = Batch(torch.empty(4, 1, size, size, device=device), {})
    with Guard() as guard:
        for phase in system.game.phases(networks, batch, drawn):
            terms = phase.terms()
            torch.stack(list(terms.values())).sum().backward()
            phase.watched()
    return guard


OTHERS = [(preset, "scaled_dot") for preset in PLAIN if preset != "compact"]
OTHERS += [("compact", kind) for kind in ATTENTION if kind != "scaled_dot"]


@pytest.mark.parametrize(
    ("preset", "attention"),
    [("compact", "scaled_dot"), *(pytest.param(*one, marks=pytest.mark.slow) for one in OTHERS)],
)
def test_a_round_needs_no_host_when_its_device_is_another(
    preset: str, attention: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the device `meta` tensors have no values: reading one, or asking the CPU for one, is an error there."""
    monkeypatch.setattr("torch.autocast", lambda *_, **__: nullcontext())  # which `meta` has not
    system = tiny(preset, loss=PENALTIES, attention={"kind": attention, "resolutions": [8], "heads": 2})
    assert isinstance(system.game, AdversarialGame)
    guard = backwards_on("meta", system, 32)
    assert guard.count > 200
    assert not guard.broken


def test_the_guard_finds_what_it_is_to_find() -> None:
    held = torch.ones(3)
    broken = {
        "reads a value back": lambda: held.sum().item(),
        "reads a size back": lambda: held.nonzero(),
        "draws random numbers": lambda: torch.rand(3),
        "numbers of the host": lambda: torch.tensor([1.0]),
        "between cpu and meta": lambda: held.to("meta"),
    }
    for words, action in broken.items():
        with Guard() as guard:
            action()
        assert words in " ".join(guard.broken), words
