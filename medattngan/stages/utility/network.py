"""A small classifier that is trained end to end on slices: nothing of it knows another data set.

Four resolutions of two 3×3 convolutions each with a shortcut (He et al. 2016, arXiv:1603.05027), normalised over groups
of channels (Wu & He 2018, arXiv:1803.08494), as batches mix real and synthetic slices whose statistics differ; the mean
over positions, and one linear layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.augment import augment
from medattngan.core.types import Features, Images

WIDTHS = (16, 32, 64, 128)
GROUPS = 8
BATCH = 32
RATE, DECAY = 1e-3, 1e-2
AT_ONCE = 128


@dataclass(frozen=True)
class Labelled:
    """Slices and the classes they are of.

    Args:
        images: (count, 1, H, W) in [-1, 1].
        classes: (count,) int64.
    """

    images: Images
    classes: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Recipe:
    """How a classifier is trained.

    Args:
        classes: how many there are.
        steps: batches of BATCH, each class as often as the others.
        seed: of weights, batches and augmentation.
        policy: transforms of classical augmentation.
        probability: of each of them; 0 for none.
        share: of a batch that is synthetic.
    """

    classes: int
    steps: int
    seed: int
    policy: tuple[str, ...] = ()
    probability: float = 0.0
    share: float = 0.0


class Block(nn.Module):
    """Half the side and twice the channels: (B, inputs, H, W) → (B, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, outputs) for _ in range(2))
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Features) -> Features:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + torch.as_tensor(self.shortcut(F.avg_pool2d(x, 2))))


class Classifier(nn.Module):
    """(B, 1, H, W) → (B, classes) logits; H and W are multiples of 16.

    >>> Classifier(3)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 3])
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (1, *WIDTHS[:-1])
        self.blocks = nn.Sequential(*(Block(a, b) for a, b in zip(inputs, WIDTHS, strict=True)))
        self.last = nn.Linear(WIDTHS[-1], classes)

    def forward(self, images: Images) -> Tensor:
        return torch.as_tensor(self.last(self.blocks(images).mean((2, 3))))


def fit(real: Labelled, made: Labelled | None, recipe: Recipe) -> nn.Module:
    """A classifier of these slices; with `made`, so much of every batch is synthetic as the recipe says.

    The global generator is left as it was.
    """
    source = torch.Generator().manual_seed(recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = Classifier(recipe.classes)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, recipe.steps)
    synthetic = 0 if made is None else round(recipe.share * BATCH)
    sides = [(real, BATCH - synthetic), *([(made, synthetic)] if made is not None and synthetic else [])]
    for _ in range(recipe.steps):
        drawn = [_draw(side, count, recipe.classes, source) for side, count in sides]
        images, classes = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        if recipe.probability:
            images = augment(images, recipe.policy, recipe.probability, source).clamp(-1, 1)
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(images.contiguous(memory_format=torch.channels_last)), classes)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        rates.step()
    return network.eval()


def _draw(side: Labelled, count: int, classes: int, source: torch.Generator) -> tuple[Images, Tensor]:
    """`count` slices, each class as often as the others in the mean."""
    asked = torch.randint(classes, (count,), generator=source)
    rows = torch.empty(count, dtype=torch.long)
    for number in range(classes):
        own, wanted = torch.nonzero(side.classes == number).flatten(), asked == number
        rows[wanted] = own[torch.randint(len(own), (int(wanted.sum()),), generator=source)]
    return side.images[rows], asked


@torch.inference_mode()
def chances(network: nn.Module, images: Images) -> npt.NDArray[np.float64]:
    """The chance of each class: (count, classes), summing to 1."""
    found = [network(some).double().softmax(1) for some in torch.split(images, AT_ONCE)]
    return torch.cat(found).numpy()


def cross_entropy(network: nn.Module, held_out: Labelled) -> float:
    """Of slices that it was not trained on, each class weighing alike; what choices are made by."""
    found = chances(network, held_out.images)
    right = found[np.arange(len(found)), held_out.classes.numpy()].clip(1e-12)
    each = [-np.log(right[held_out.classes.numpy() == one]).mean() for one in np.unique(held_out.classes.numpy())]
    return float(np.mean(each))
