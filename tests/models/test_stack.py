"""The networks of stacks: with shut gates they are those of `compact`, and every rival draws stacks of any depth."""

from __future__ import annotations

import pytest
import torch
from helpers.tiny import tiny, tiny_config
from torch import nn

from medattngan.core.files import UserError
from medattngan.games.game import System
from medattngan.models.stack import slabs

ACROSS = ("attention", "none", "convolution", "channels")
POSITION = "position_mm"


def stack(across: str = "attention", opened: bool = True, **sections: dict[str, object]) -> System:
    system = tiny(
        "stack",
        data={"conditions": [POSITION]},
        stack={"depth": 8, "across": across, "resolutions": [8, 16]},
        **sections,
    )
    for name, parameter in system.networks["generator"].named_parameters():
        if opened and name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)
    return system


def told(count: int, depth: int) -> dict[str, torch.Tensor]:
    return {POSITION: torch.linspace(-0.9, 0.9, depth).expand(count, -1)}


@pytest.mark.parametrize("across", ["attention", "none", "convolution"])
def test_with_shut_gates_a_stack_is_what_compact_draws_of_one_latent(across: str) -> None:
    system, plain = stack(across, opened=False), tiny("compact", data={"conditions": [POSITION]})
    ours = system.networks["generator"].state_dict()
    assert plain.networks["generator"].state_dict().keys() <= ours.keys()
    for key, tensor in plain.networks["generator"].state_dict().items():
        assert torch.equal(ours[key], tensor)  # also where nobody loads a run: the same seed
    z, place = torch.randn(2, system.z_dim), told(2, 8)
    with torch.no_grad():
        drawn = system.networks["generator"](z, place)
        alone = plain.networks["generator"](z.repeat_interleave(8, 0), {POSITION: place[POSITION].reshape(-1)})
    assert drawn.shape == (16, 1, 32, 32)
    assert torch.equal(drawn, alone)


@pytest.mark.parametrize("across", ["attention", "convolution"])
def test_behind_open_gates_a_slice_depends_on_its_neighbours_and_on_no_other_stack(across: str) -> None:
    generator = stack(across).networks["generator"].eval()
    z, place = torch.randn(2, generator.z_dim), told(2, 8)
    other = {POSITION: place[POSITION].clone()}
    other[POSITION][0, 5] += 0.3
    with torch.no_grad():
        first, second = generator(z, place).view(2, 8, -1), generator(z, other).view(2, 8, -1)
    changed = (first != second).any(2)
    assert changed[0, 4:7].all()
    assert not changed[1].any()


@pytest.mark.parametrize("across", ACROSS)
@pytest.mark.parametrize("depth", [1, 8, 11, 24])
def test_stacks_of_any_depth_can_be_drawn(across: str, depth: int) -> None:
    generator = stack(across).networks["generator"].eval()
    place = told(2, depth) if depth > 1 else {POSITION: torch.tensor([0.0, 0.5])}
    with torch.no_grad():
        drawn = generator(torch.randn(2, generator.z_dim), place)
    assert drawn.shape == (2 * depth, 1, 32, 32)
    assert drawn.abs().max() <= 1


def test_slabs_lie_side_by_side_about_the_middle_of_the_stack() -> None:
    place = torch.arange(12.0)[None]
    middles = slabs({POSITION: place, "age": torch.tensor([0.5])})
    torch.testing.assert_close(middles[POSITION], torch.tensor([[1.5, 9.5]]))  # of slices -2 … 5 and 6 … 13
    assert middles["age"].tolist() == [[0.5, 0.5]]


def test_the_discriminators_see_slices_neighbours_and_the_whole_at_half_size() -> None:
    networks = stack().networks
    place = {POSITION: torch.zeros(4)}
    for name, shape in (("discriminator", (4, 1, 32, 32)), ("neighbours", (4, 8, 32, 32)), ("volume", (4, 4, 16, 16))):
        images = torch.randn(shape, requires_grad=True)
        logits = networks[name](images, place)
        assert logits.shape == (4,)
        (gradient,) = torch.autograd.grad(logits.sum(), images)
        assert (gradient.flatten(2).abs().sum(2) > 0).all()  # each slice counts


def test_the_rate_of_the_discriminator_is_that_of_all_three() -> None:
    rates = stack(optimizer={"discriminator_lr": 1e-3}).rates
    assert rates == {"generator": 5e-4, "discriminator": 1e-3, "neighbours": 1e-3, "volume": 1e-3}


def test_a_stack_without_positions_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.preset=stack draws slices at positions; set data\.conditions"):
        tiny("stack")


def test_settings_of_stacks_are_refused_where_slices_are_drawn_by_themselves() -> None:
    with pytest.raises(UserError, match=r"stack\.depth is set, but model\.preset=compact draws slice by slice"):
        tiny("compact", stack={"depth": 8})
    with pytest.raises(UserError, match=r"stack\.resolutions is \[64\], but no maps are so high"):
        tiny("stack", data={"conditions": [POSITION]}, stack={"resolutions": [64]})
    with pytest.raises(UserError, match=r"stack\.depth is 9"):
        tiny_config("stack", stack={"depth": 9})
