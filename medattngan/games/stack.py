"""The game of stacks: a volume must look right slice by slice, from slice to slice, and as a whole.

    discriminator   a few slices of each stack, by themselves, so that a run of `compact` can be begun from
    neighbours      NEIGHBOURS slices in a row, as channels, at full size
    volume          the whole stack at half size in all three directions

All see a stack that is augmented as one, and each plays the same loss; what the generator descends is the sum. The last
two scales are HA-GAN's (Sun et al. 2022, arXiv:2008.01910, section III.A).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan import augment
from medattngan.conditions.condition import Conditions
from medattngan.core.files import UserError
from medattngan.core.types import Images, Logits
from medattngan.games.adversarial import AdversarialGame, discriminator_terms, generator_terms
from medattngan.games.game import Batch, Draws, Networks, Phase, Round, Terms

NEIGHBOURS = 8
ALONE = 4
"""Slices of each stack that are judged by themselves."""
JUDGES = ("discriminator", "neighbours", "volume")


@dataclass(frozen=True)
class View:
    """What one judge sees of stacks.

    Args:
        real, fake, moved: stacks as it sees them: real, synthetic without graph, synthetic with it.
        told: what it is told of each.
        mix: (B, 1, 1, 1) where this round takes penalties.
    """

    real: Images
    fake: Images
    moved: Images
    told: Conditions
    mix: Tensor | None


@dataclass(frozen=True)
class StackGame(AdversarialGame):
    """A generator of stacks against three discriminators.

    Args:
        depth: slices of a stack; the images of a batch are whole stacks, one after the other.
    """

    depth: int = 16

    @property
    def judges(self) -> tuple[str, ...]:
        """The names of the discriminators."""
        return JUDGES

    def columns(self) -> tuple[str, ...]:
        """As for one discriminator, with a loss for each; penalties are summed over them."""
        first, *others = super().columns()
        return first, *(f"loss_{name}" for name in JUDGES), *(name for name in others if name != "loss_discriminator")

    def draw(self, now: Round, source: torch.Generator) -> dict[str, Tensor]:
        """As for one discriminator, and which slices and neighbours are judged; of each stack its first row counts."""
        shown = {"window": torch.rand(now.count, generator=source), "alone": torch.rand(now.count, generator=source)}
        return super().draw(now, source) | shown

    def phases(self, networks: Networks, batch: Batch, draws: Draws) -> Iterator[Phase]:
        """The discriminators' move, then the generator's, both on the same synthetic stacks.

        Raises:
            UserError: the images are no whole number of stacks.
        """
        images, depth = batch.images, self.depth
        if len(images) % depth:
            raise UserError(
                f"{len(images)} slices are no whole number of stacks of {depth}; set train.batch_size to a multiple "
                "of stack.depth for each process."
            )
        told = {name: one.reshape(-1, depth) for name, one in batch.conditions.items()}
        fake = networks["generator"](draws["z"][::depth], told)
        mix, gamma, watched = draws.get("mix"), draws.get("gamma"), dict[str, Logits]()
        seen = {name: _as_one(images if name == "real" else fake, name, draws, depth) for name in ("real", "moved")}
        shown = _as_one(fake.detach(), "fake", draws, depth)
        places = {name: _places(name, draws, depth) for name in JUDGES}
        views = {
            name: View(
                _look(name, seen["real"], at, depth), _look(name, shown, at, depth),
                _look(name, seen["moved"], at, depth), _tell(name, told, at), mix,
            )
            for name, at in places.items()
        }  # fmt: skip

        def ask(name: str, view: View, images: Images, twice: bool = False) -> Logits:
            sets = len(images) // len(view.real)
            repeated = {key: one.repeat(sets) for key, one in view.told.items()}
            return networks[name].bare(images, repeated, twice=twice)

        def judges_move() -> Terms:
            terms: Terms = {}
            for name, view in views.items():
                asked = partial(ask, name, view, twice=mix is not None)
                joint = self.group > 0 and len(view.real) % self.group == 0
                lattice = None if mix is None else mix[: len(view.real)]
                share = None if gamma is None else gamma[: len(view.real)]  # all are equal, and views are of few
                found, real, other = discriminator_terms(
                    asked, self.objective, view.real, view.fake, lattice, joint, share
                )
                terms[f"loss_{name}"] = found.pop("loss_discriminator")
                terms |= {key: terms[key] + value if key in terms else value for key, value in found.items()}
                if name == "discriminator":
                    watched["real"], watched["fake"] = real, other
            return terms

        def generator_moves() -> Terms:
            lost = [
                generator_terms(partial(ask, name, view), self.objective, view.real, view.moved)["loss_generator"]
                for name, view in views.items()
            ]
            return {"loss_generator": torch.stack(lost).sum()}

        yield Phase(JUDGES, judges_move, lambda: self._watched(watched["real"], watched["fake"]))
        yield Phase(("generator",), generator_moves)


def _as_one(images: Images, name: str, draws: Draws, depth: int) -> Images:
    """Stacks (B · depth, 1, H, W), each augmented as its first slice's draws say."""
    prefix = f"{name}."
    own = {key.removeprefix(prefix): one for key, one in draws.items() if key.startswith(prefix)}
    return augment.apply(images, {key: one[::depth].repeat_interleave(depth, 0) for key, one in own.items()})


def _places(name: str, draws: Draws, depth: int) -> Tensor:
    """Which slices of each stack a judge sees: (B, slices) int64, from 0."""
    window, alone = draws["window"][::depth], draws["alone"].reshape(-1, depth)
    whole = torch.ones_like(alone, dtype=torch.int64).cumsum(1) - 1
    if name == "discriminator":
        return alone.argsort(1)[:, :ALONE]
    if name == "neighbours":
        start = (window * (depth - NEIGHBOURS + 1)).long()
        return start[:, None] + whole[:, :NEIGHBOURS]
    return whole


def _look(name: str, images: Images, places: Tensor, depth: int) -> Images:
    """Stacks (B · depth, 1, H, W) as a judge sees them.

    Slices by themselves come stack by stack for each place, so that those compared with each other for variety are of
    as many patients as can be.
    """
    stacks = images.reshape(-1, depth, *images.shape[2:])
    if name == "volume":
        return F.avg_pool3d(stacks, 2)
    at = places[:, :, None, None].expand(-1, -1, *stacks.shape[2:])
    chosen = stacks.gather(1, at)
    return chosen.transpose(0, 1).reshape(-1, 1, *stacks.shape[2:]) if name == "discriminator" else chosen


def _tell(name: str, told: Conditions, places: Tensor) -> dict[str, Tensor]:
    """What a judge of these slices is told: of slices by themselves their own, of several the mean, or their label."""
    seen = {key: one.gather(1, places) for key, one in told.items()}
    if name == "discriminator":
        return {key: one.T.reshape(-1) for key, one in seen.items()}
    return {key: one.mean(1) if one.is_floating_point() else one[:, 0] for key, one in seen.items()}
