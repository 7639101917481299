"""What one patient can do to a private move: the clip at most, under noise of the right size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from helpers.tiny import tiny
from torch import Tensor, nn

from medattngan.attention import ATTENTION
from medattngan.games.game import Batch
from medattngan.games.objective import Objective
from medattngan.games.private import NOISE, PrivateGame, clipped_sum, most_together, summed

CLIP = 0.5


class Held:
    """A network as a game meets it."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __call__(self, *inputs: Any) -> Any:
        return self.module(*inputs)

    def bare(self, *inputs: Any, twice: bool = False) -> Tensor:
        return torch.as_tensor(self.module(*inputs))


PRIVATE = {"epsilon": 1.0, "noise": 2.0, "clip": CLIP}


def networks(dtype: torch.dtype = torch.float32) -> dict[str, Held]:
    system = tiny(private=PRIVATE)
    return {name: Held(network.to(dtype)) for name, network in system.networks.items()}


def flat(gradient: Sequence[Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in gradient])


def of_real(images: Tensor, draws: dict[str, Tensor], slices: int, patients: int = 4) -> Tensor:
    game = PrivateGame(Objective("non_saturating"), 8, CLIP, 2.0, patients, slices)
    move, *_ = game.phases(networks(), Batch(images, {}), draws)
    assert move.gradients is not None
    move.terms()
    return flat(move.gradients())


def draws(count: int = 4, noise: float = 0.0) -> dict[str, Tensor]:
    source = torch.Generator().manual_seed(1)
    size = sum(one.numel() for one in networks()["discriminator"].module.parameters())
    return {"z": torch.randn(count, 8, generator=source), NOISE: noise * torch.randn(size, generator=source)}


def loss(judged: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    return torch.nn.functional.softplus(-judged(images)).mean()


@pytest.mark.parametrize("slices", [1, 3])
def test_a_patient_removed_changes_the_sum_by_the_clip_at_most(slices: int) -> None:
    judge = networks(torch.float64)["discriminator"].module
    images = torch.randn(5 * slices, 1, 32, 32, dtype=torch.float64)
    images[:slices] *= 1e4  # one patient unlike all others
    units = images.unflatten(0, (5, slices))
    whole = flat(summed(judge, loss, units, CLIP))
    without = [flat(summed(judge, loss, torch.cat([units[:i], units[i + 1 :]]), CLIP)) for i in range(5)]
    changes = [float((whole - other).norm()) for other in without]
    assert max(changes) <= CLIP
    assert max(changes) == pytest.approx(CLIP, rel=1e-5)  # the clip is reached, so the bound says something


def test_what_is_within_the_clip_stays_and_what_is_not_a_number_counts_for_nothing() -> None:
    small = [torch.tensor([[0.3], [0.2]]), torch.tensor([[[0.1]], [[-0.2]]])]
    assert flat(clipped_sum(small, CLIP)).tolist() == pytest.approx([0.5, -0.1])
    for bad in (float("nan"), float("inf"), -float("inf"), 1e30):
        found = flat(clipped_sum([torch.tensor([[bad, 1.0]])], CLIP))
        assert float(found.norm()) <= CLIP
        assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("kind", ATTENTION)
def test_several_patients_at_a_time_are_as_one_after_another(kind: str) -> None:
    system = tiny(private=PRIVATE, attention={"kind": kind, "resolutions": [8], "heads": 2})
    judge, units = system.networks["discriminator"], torch.randn(5, 2, 1, 32, 32)
    for name, parameter in judge.named_parameters():
        if name.endswith("gamma"):
            parameter.data.fill_(0.7)
    together = most_together(judge, 32)
    alone = flat(summed(judge, loss, units, CLIP))
    torch.testing.assert_close(flat(summed(judge, loss, units, CLIP, min(together, 3))), alone, rtol=1e-3, atol=1e-5)
    assert together > 1 or kind in ("additive", "dynamic")


def test_slices_of_one_patient_are_clipped_as_one_unit() -> None:
    images = torch.randn(6, 1, 32, 32) * 30
    nothing = of_real(images[:0], draws(), 6)
    together, apart = (of_real(images, draws(), slices) - nothing for slices in (6, 1))
    assert float(together.norm()) * 4 <= CLIP * 1.0001
    assert float(apart.norm()) * 4 > CLIP * 1.5


def test_noise_is_added_once_in_multiples_of_the_clip_over_the_patients_expected() -> None:
    images, noised = torch.randn(3, 1, 32, 32), draws(noise=1.0)
    added = of_real(images, noised, 1) - of_real(images, draws(), 1)
    torch.testing.assert_close(added, noised[NOISE] * (2.0 * CLIP / 4), rtol=1e-4, atol=1e-6)


def test_a_round_without_patients_is_a_round() -> None:
    assert bool(torch.isfinite(of_real(torch.empty(0, 1, 32, 32), draws(noise=1.0), 1)).all())


def test_the_move_falls_along_both_sides_of_the_loss() -> None:
    # With a clip that is never reached it is the gradient of the game's own loss.
    held, images, drawn = networks(), torch.randn(4, 1, 32, 32), draws()
    game = PrivateGame(Objective("hinge"), 8, 1e6, 1.0, patients=4)
    move, *_ = game.phases(held, Batch(images, {}), drawn)
    assert move.gradients is not None
    fake = held["generator"](drawn["z"], {}).detach()
    judge = held["discriminator"]
    loss = torch.relu(1 - judge.bare(images)).mean() + torch.relu(1 + judge.bare(fake)).mean()
    expected = torch.autograd.grad(loss, list(judge.module.parameters()))
    torch.testing.assert_close(flat(move.gradients()), flat(expected), rtol=1e-3, atol=1e-6)


def test_nothing_that_is_logged_depends_on_real_slices() -> None:
    game, drawn, logged = PrivateGame(Objective("non_saturating"), 8, CLIP, 2.0, 4), draws(), []
    drawn["z_generator"] = drawn["z"]
    for images in (torch.randn(4, 1, 32, 32), torch.ones(2, 1, 32, 32)):
        found: dict[str, Tensor] = {}
        for phase in game.phases(networks(), Batch(images, {}), drawn):
            found |= phase.terms()
            if phase.gradients is not None:
                phase.gradients()
            found |= phase.watched()
        logged.append(found)
        assert set(found) == set(game.columns())
    assert all(torch.equal(logged[0][name], logged[1][name]) for name in logged[0])
