"""A small contrastive encoder for the slices of one store: the network, and the folder that holds it.

Chen et al. 2020 (SimCLR), arXiv:2002.05709: a convolutional network gives features, a head projects them onto the unit
sphere, and training pulls two views of one slice together there. The features serve Fréchet distances, the projection
tells copies (`medattngan audit`). `medattngan encoder STORE` trains it.

    encoder.safetensors    the weights
    encoder.json           size, store, seed, versions; its `weights_sha256` names the weights
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.core.files import UserError, digest, read_json, unused
from medattngan.core.seal import check
from medattngan.core.types import Features, Images

DIM = 192
"""Width of the features."""
PROJECTED = 128
"""Width of the projection."""
WIDTHS = (16, 32, 64, DIM)
LARGEST_PX = 64
WEIGHTS = "encoder.safetensors"
RECORD = "encoder.json"


class _Residual(nn.Module):
    """A convolution added to its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Features) -> Features:
        return F.relu(x + self.norm(self.convolution(x)))


class EncoderNetwork(nn.Module):
    """(B, 1, H, W) in [-1, 1] → (B, DIM) features; `project` takes them to the unit sphere.

    Each slice is brought to mean 0 and deviation 1 first, so that brightness and contrast are not seen.

    Args:
        size_px: the square that images are resized to (bilinear, antialiased).

    >>> network = EncoderNetwork(32).eval()
    >>> features = network(torch.zeros(2, 1, 32, 32))
    >>> features.shape, network.project(features).shape
    (torch.Size([2, 192]), torch.Size([2, 128]))
    """

    def __init__(self, size_px: int) -> None:
        super().__init__()
        self.size_px = size_px
        layers: list[nn.Module] = [nn.Conv2d(1, WIDTHS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU()]
        for inputs, outputs in pairwise(WIDTHS):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
            # The last maps are so few pixels that what the residual costs is better spent before them.
            layers += [_Residual(outputs)] if outputs != DIM else []
        self.layers = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(DIM, DIM), nn.ReLU(), nn.Linear(DIM, PROJECTED))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs

    def forward(self, images: Images) -> Tensor:
        if images.shape[-2:] != (self.size_px, self.size_px):
            images = F.interpolate(images, (self.size_px, self.size_px), mode="bilinear", antialias=True)
        spread, mean = torch.std_mean(images, dim=(1, 2, 3), keepdim=True, correction=0)
        x: Tensor = self.layers(((images - mean) / (spread + 0.02)).contiguous(memory_format=torch.channels_last))
        return x.mean((2, 3))

    def project(self, features: Tensor) -> Tensor:
        """(B, DIM) → (B, PROJECTED) of length 1, where the distance of two slices is 1 minus their product."""
        return F.normalize(self.head(features), dim=1)


@dataclass(frozen=True)
class Encoder:
    """A trained encoder, ready to be used.

    Args:
        name: `encoder:FOLDER@` and the first 8 digits of `digest`.
        dim: width of the features.
        network: in eval mode, without gradients.
        digest: SHA-256 of the weights file.
        record: what encoder.json holds.
    """

    name: str
    dim: int
    network: EncoderNetwork
    digest: str
    record: dict[str, Any]


def load_encoder(path: str | Path) -> Encoder:
    """Read the folder that `medattngan encoder` wrote.

    Raises:
        UserError: there is none, or its files do not belong together.
    """
    path = Path(path)
    if not (path / RECORD).is_file() or not (path / WEIGHTS).is_file():
        raise UserError(f"{path} is not an encoder; make one with: medattngan encoder STORE --out {unused(path)}")
    record = read_json(path / RECORD)
    found = digest(path / WEIGHTS)
    if found != record.get("weights_sha256"):
        raise UserError(f"{path / WEIGHTS} is not what {RECORD} describes; copy the folder or train it again.")
    check(path, "encoder")
    with torch.random.fork_rng(devices=[]):  # weights are drawn before they are read
        network = EncoderNetwork(int(record["size_px"]))
    try:
        network.load_state_dict(load_file(path / WEIGHTS))
    except (RuntimeError, SafetensorError):
        raise UserError(f"{path / WEIGHTS} does not fit this version's network; train the encoder again.") from None
    network.eval().requires_grad_(False)
    return Encoder(f"encoder:{path.resolve().name}@{found[:8]}", DIM, network, found, record)
