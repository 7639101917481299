"""In the game of pairs a mask goes wherever its slice goes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from medattngan import augment
from medattngan.conditions.mask import DRAWN, NAME, Mask
from medattngan.games.game import Batch, Round
from medattngan.games.masked import MaskGame, outlines
from medattngan.games.objective import Objective
from medattngan.models.masked import hard_choice
from medattngan.models.spade import Spade

CLASSES = ({"name": "background"}, {"name": "core"})


class Echo:
    """A generator whose slices are bright where the mask is."""

    def __init__(self, masks: Tensor, drawn: bool) -> None:
        self.masks, self.drawn = masks, drawn
        self.told: set[str] = set()

    def __call__(self, z: Tensor, told: Any) -> Tensor:
        self.told = set(told)
        channels = outlines(self.masks if self.drawn else told[NAME], 2).requires_grad_()
        return torch.cat([channels[:, 1:], channels], 1) if self.drawn else channels[:, 1:]


class Witness:
    """A discriminator that remembers what it saw."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []

    def bare(self, images: Tensor, told: Any, twice: bool = False) -> Tensor:
        assert not told
        self.seen.append(images.detach())
        return images.sum((1, 2, 3))


def test_a_mask_has_no_brightness_and_is_erased_with_its_slice() -> None:
    images = torch.rand(8, 3, 16, 16) - 0.5
    draws = augment.draw(8, 16, ("brightness", "contrast"), 1.0, torch.Generator().manual_seed(0))
    changed = augment.apply(images, draws)
    assert torch.equal(changed[:, 1:], images[:, 1:])
    assert torch.equal(changed[:, :1], augment.apply(images[:, :1], draws))
    erased = augment.apply(images, augment.draw(8, 16, ("cutout",), 1.0, torch.Generator().manual_seed(0)))
    assert torch.equal((erased == -1).all(1, keepdim=True), erased[:, :1] == -1)


@pytest.mark.parametrize("name", [NAME, DRAWN])
def test_slice_and_mask_are_augmented_alike(name: str) -> None:
    masks = (torch.rand(8, 16, 16, generator=torch.Generator().manual_seed(0)) < 0.3).to(torch.uint8)
    game = MaskGame(Objective("relativistic", r1_gamma=1.0, r2_gamma=1.0), 4, mask=Mask(CLASSES, name))
    draws = game.draw(Round(0, 8, 16, ("translate", "rotate", "scale"), 1.0), torch.Generator().manual_seed(1))
    generator, witness = Echo(masks, name == DRAWN), Witness()
    networks: Any = {"generator": generator, "discriminator": witness}
    batch = Batch(outlines(masks, 2)[:, 1:], {name: masks})
    for phase in game.phases(networks, batch, draws):
        terms = phase.terms()
        assert all(torch.isfinite(term) for term in terms.values())
    assert generator.told == ({NAME} if name == NAME else set())
    assert len(witness.seen) >= 3
    for seen in witness.seen:
        assert seen.shape[1] == 3
        assert torch.allclose(seen[:, 0], seen[:, 2], atol=1e-5)
        assert not torch.equal(seen[:, 2], outlines(masks, 2)[:, 1])  # it did move


def test_a_hard_choice_is_hard_and_has_the_gradient_of_softmax() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    weights = torch.randn(2, 3, 4, 4)
    chosen = hard_choice(logits)
    assert torch.allclose(chosen.abs(), torch.ones(2, 3, 4, 4), atol=1e-6)
    assert torch.equal(chosen.argmax(1), logits.argmax(1))
    (found,) = torch.autograd.grad((chosen * weights).sum(), logits)
    (expected,) = torch.autograd.grad((2 * logits.softmax(1) * weights).sum(), logits)
    assert torch.allclose(found, expected, atol=1e-6)


def test_spade_is_the_papers_equation() -> None:
    layer = Spade(5, 3)
    x, mask = torch.randn(2, 5, 8, 8), outlines(torch.randint(0, 3, (2, 8, 8)), 3)
    scale, shift = layer.output(torch.relu(layer.hidden(mask))).chunk(2, 1)
    assert torch.allclose(layer(x, mask), x + x * scale + shift, atol=1e-5)
    coarse = layer(torch.zeros(2, 5, 2, 2), mask)  # told the share of each class below a pixel
    shares = mask.reshape(2, 3, 2, 4, 2, 4).mean((3, 5))
    assert torch.allclose(coarse, layer(torch.zeros(2, 5, 2, 2), shares), atol=1e-5)
