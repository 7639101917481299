"""Readers of a number, such as a position, from a slice; trained on real slices, they never learn of synthetic ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from medattngan.augment import augment
from medattngan.core.types import Images
from medattngan.extractors.table import extract, load_extractor

EXTRACTOR = "efficientnet-lite0@128"
STRENGTHS = tuple(10.0**n for n in range(-1, 6))
RIDGE_SLICES = 2000

SIDE = 32
EPOCHS, BATCH, RATE = 15, 64, 2e-3
NOISE = 0.1
"""Standard deviation, on a range of 2: a reader that hangs on the finest texture would judge texture, not anatomy."""

Numbers = npt.NDArray[np.float64]
Reader = Callable[[Images], Numbers]
"""Slices (count, 1, H, W) → (count,)."""


def train_network(images: Images, values: Numbers, seed: int = 0) -> Reader:
    """Three strided convolutions and two layers on slices averaged to 32 px, moved and noised while it learns."""
    torch.manual_seed(seed)
    source = torch.Generator().manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1),
        nn.ReLU(), nn.Flatten(), nn.Linear(64 * (SIDE // 8) ** 2, 128), nn.ReLU(), nn.Linear(128, 1),
    )  # fmt: skip
    small, wanted = _small(images), torch.tensor(values, dtype=torch.float32)
    mean, deviation = wanted.mean(), wanted.std()
    size = min(BATCH, len(small))
    batches = len(small) // size
    adam = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, RATE, total_steps=EPOCHS * batches)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(small), generator=source)[: batches * size].reshape(batches, size):
            seen = augment(small[rows], ("translate", "scale", "rotate"), 0.5, source)
            seen = seen + NOISE * torch.randn(seen.shape, generator=source)
            error = F.smooth_l1_loss(network(seen).squeeze(1), (wanted[rows] - mean) / deviation, beta=0.3)
            adam.zero_grad()
            error.backward()  # type: ignore[no-untyped-call]
            adam.step()
            schedule.step()
    network.eval()

    def read(images: Images) -> Numbers:
        with torch.no_grad():
            found = torch.cat([network(part).squeeze(1) for part in torch.split(_small(images), 256)])
        return np.asarray((found * deviation + mean).double().numpy())

    return read


def _small(images: Images) -> Images:
    return F.interpolate(images, size=(SIDE, SIDE), mode="area")


def train_ridge(images: Images, values: Numbers, chosen_on: Images, chosen_values: Numbers) -> Reader:
    """Ridge regression on ImageNet features, of the strength that is best for other patients' slices, `chosen_on`."""
    rows = np.random.default_rng(0).permutation(len(images))[:RIDGE_SLICES]
    features, values = _features(images[rows]), values[rows]
    centre, scale, mean = features.mean(0), features.std(0) + 1e-6, values.mean()
    x, other = (features - centre) / scale, (_features(chosen_on) - centre) / scale
    found = []
    for strength in STRENGTHS:
        weights = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ (values - mean))
        found.append((float(np.square(mean + other @ weights - chosen_values).mean()), strength, weights))
    best = min(found, key=lambda one: one[0])[2]
    return lambda images: np.asarray(mean + (_features(images) - centre) / scale @ best)


def _features(images: Images) -> Numbers:
    """(count, dim) float64."""
    return np.asarray(extract(load_extractor(EXTRACTOR), images).double().numpy())
