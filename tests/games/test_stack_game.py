"""What the judges of stacks see, and what they are told of it."""

from __future__ import annotations

import pytest
import torch

from medattngan.core.files import UserError
from medattngan.games.game import Batch, Round
from medattngan.games.objective import Objective
from medattngan.games.stack import ALONE, JUDGES, NEIGHBOURS, StackGame, _as_one, _look, _places, _tell

DEPTH, COUNT = 10, 3
GAME = StackGame(Objective("relativistic"), 4, depth=DEPTH)


def drawn(policy: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    now = Round(0, COUNT * DEPTH, 16, policy, 1.0 if policy else 0.0)
    return GAME.draw(now, torch.Generator().manual_seed(0))


def test_a_judge_is_told_the_places_of_the_very_slices_that_it_sees() -> None:
    position = torch.rand(COUNT, DEPTH)
    images = position.reshape(-1, 1, 1, 1).expand(-1, 1, 16, 16).contiguous()
    for name in JUDGES:
        places = _places(name, drawn(), DEPTH)
        seen = _look(name, images, places, DEPTH).mean((1, 2, 3))
        torch.testing.assert_close(seen, _tell(name, {"position_mm": position}, places)["position_mm"])


def test_neighbours_lie_in_a_row_within_the_stack_and_every_window_comes_up() -> None:
    starts = set()
    for seed in range(30):
        draws = GAME.draw(Round(0, COUNT * DEPTH, 16), torch.Generator().manual_seed(seed))
        places = _places("neighbours", draws, DEPTH)
        assert (places.diff(dim=1) == 1).all()
        assert places.shape == (COUNT, NEIGHBOURS)
        starts |= set(places[:, 0].tolist())
    assert starts == set(range(DEPTH - NEIGHBOURS + 1))


def test_slices_by_themselves_are_different_ones_of_each_stack() -> None:
    places = _places("discriminator", drawn(), DEPTH)
    assert places.shape == (COUNT, ALONE)
    assert all(len(set(row)) == ALONE for row in places.tolist())
    images = torch.arange(COUNT * DEPTH).float().view(-1, 1, 1, 1)
    first = _look("discriminator", images, places, DEPTH)[:COUNT].flatten() // DEPTH
    assert first.tolist() == [0, 1, 2]  # patients before slices: variety is judged among the former


def test_a_stack_is_augmented_as_one() -> None:
    draws = drawn(("translate", "scale", "rotate", "brightness", "contrast", "cutout"))
    image = torch.rand(1, 1, 16, 16)
    moved = _as_one(image.expand(COUNT * DEPTH, -1, -1, -1), "real", draws, DEPTH).view(COUNT, DEPTH, -1)
    assert torch.equal(moved, moved[:, :1].expand_as(moved))
    assert not torch.equal(moved[0], moved[1])


def test_penalties_are_annealed_as_the_objective_says() -> None:
    game = StackGame(Objective("relativistic", r1_gamma=1.0, r2_gamma=1.0, gamma_end=0.1), 4, depth=DEPTH)
    networks = {name: _Sum() for name in JUDGES} | {"generator": lambda z, told: torch.rand(COUNT * DEPTH, 1, 16, 16)}
    batch = Batch(torch.rand(COUNT * DEPTH, 1, 16, 16), {"position_mm": torch.rand(COUNT * DEPTH)})
    found = []
    for annealed in (0.0, 1.0):
        now = Round(0, COUNT * DEPTH, 16, (), 0.0, annealed=annealed)
        torch.manual_seed(0)
        first = next(game.phases(networks, batch, game.draw(now, torch.Generator().manual_seed(0))))  # type: ignore[arg-type]
        found.append(float(first.terms()["r1"].detach()))
    assert found[1] == pytest.approx(0.1 * found[0], rel=1e-4)


class _Sum:
    """A judge whose gradient is 1 everywhere."""

    def bare(self, images: torch.Tensor, told: object, twice: bool = False) -> torch.Tensor:
        return images.flatten(1).sum(1)


def test_half_a_stack_is_refused() -> None:
    batch = Batch(torch.zeros(DEPTH + 2, 1, 16, 16), {})
    with pytest.raises(UserError, match="12 slices are no whole number of stacks of 10"):
        next(GAME.phases({}, batch, {}))
