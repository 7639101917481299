"""MONAI's U-Net, trained end to end on pairs: small, 2-D, the same recipe wherever it stands.

Ronneberger et al. 2015, arXiv:1505.04597, with residual units (Kerfoot et al. 2019); cross-entropy and Dice loss
together, Adam whose rate falls to zero by a cosine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from medattngan.core.types import Images
from medattngan.data.images import codes_to_images, load_images, resize
from medattngan.data.masks import Masks, resize_masks
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.metrics.dice import Counts, overlaps
from medattngan.stages.segmenter.classical import classical

CHANNELS = (16, 32, 64, 128)
BATCH = 16
RATE = 2e-3
AT_ONCE = 64


@dataclass(frozen=True)
class Pairs:
    """Slices and their masks.

    Args:
        images: (count, 1, H, W) in [-1, 1].
        masks: (count, H, W) uint8.
    """

    images: Images
    masks: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of_store(cls, store: SliceStore, size: int | None = None) -> Pairs:
        """All slices of `store`, which have masks."""
        side = store.size if size is None else size
        masks = store.masks(range(len(store)), side)
        return cls(load_images(store, size=side), torch.from_numpy(masks))

    @classmethod
    def of_samples(cls, samples: Samples, size: int | None = None) -> Pairs:
        """All pairs of `samples`."""
        assert samples.masks is not None
        side = samples.codes.shape[-1] if size is None else size
        masks = resize_masks(np.array(samples.masks), side)
        return cls(resize(codes_to_images(samples.codes), side).clamp(-1, 1), torch.from_numpy(masks))


def standardised(images: Images) -> Images:
    """Each of mean 0 and deviation 1, as nnU-Net does for MR."""
    mean, deviation = images.mean((1, 2, 3), True), images.std((1, 2, 3), keepdim=True)
    return (images - mean) / deviation.clamp_min(1e-4)


def fit(parts: Sequence[Pairs], classes: int, *, steps: int, seed: int, augmented: bool = False) -> nn.Module:
    """A U-Net trained on `parts`, of which every batch has equal shares, however large they are.

    Args:
        classes: background included.
        steps: of batches of BATCH.
        seed: of weights, batches and augmentation; the global generator is left as it was.
        augmented: as nnU-Net does it, see `classical`.
    """
    from monai.losses.dice import DiceCELoss  # takes seconds
    from monai.networks.nets.unet import UNet

    source = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(
            spatial_dims=2, in_channels=1, out_channels=classes, channels=CHANNELS, strides=(2, 2, 2),
            num_res_units=1, norm="instance",
        )  # fmt: skip
    loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True)
    adam = torch.optim.Adam(network.parameters(), RATE)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    own = [standardised(part.images) for part in parts]
    share = BATCH // len(parts)
    for _ in range(steps):
        rows = [torch.randint(len(part), (share,), generator=source) for part in parts]
        images = torch.cat([mine[some] for mine, some in zip(own, rows, strict=True)])
        masks = torch.cat([part.masks[some] for part, some in zip(parts, rows, strict=True)])
        if augmented:
            images, masks = classical(images, masks, source)
        adam.zero_grad(set_to_none=True)
        loss(network(images), masks[:, None].long()).backward()
        adam.step()
        rates.step()
    return network.eval()


@torch.inference_mode()
def segment(network: nn.Module, images: Images) -> Masks:
    """The likeliest class of each pixel: (count, H, W) uint8."""
    found = [network(standardised(some)).argmax(1).to(torch.uint8) for some in torch.split(images, AT_ONCE)]
    return torch.cat(found).numpy()


def judged(network: nn.Module, pairs: Pairs, classes: int) -> Counts:
    """What Dice's coefficient needs of the network's masks of `pairs`, by slice."""
    return overlaps(segment(network, pairs.images), pairs.masks.numpy(), classes)
