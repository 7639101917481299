"""Stores and encoders that the audit's tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from medattngan.core.types import Codes
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.extractors.encoder import EncoderNetwork

SIZE, SLICES = 32, 20


def texture(rng: np.random.Generator) -> Codes:
    """A smooth random field in a disc, (SIZE, SIZE) uint16: each is unlike any other."""
    waves = np.zeros((SIZE, SIZE))
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    for _ in range(24):
        u, v = rng.uniform(-5, 5, 2)
        waves += np.cos(2 * np.pi * (u * rows + v * columns) + rng.uniform(0, 7))
    inside = np.hypot(rows - 0.5, columns - 0.5) < 0.42
    shade = np.clip(0.5 + waves / 16, 0.02, 1) * inside
    return np.asarray(shade * 65535, np.uint16)


def write_texture_store(path: Path, patients: tuple[int, int, int] = (6, 3, 2), seed: int = 0) -> SliceStore:
    """SLICES slices for each patient of train, val and test."""
    path.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    writer = StoreWriter(path)
    rows = []
    splits = [name for name, count in zip(("train", "val", "test"), patients, strict=True) for _ in range(count)]
    for patient, split in enumerate(splits):
        for position in range(SLICES):
            writer.add(texture(rng))
            rows.append(
                {
                    "patient": f"patient-{patient:02d}", "series": f"series-{patient:02d}", "modality": "MR",
                    "plane": "axial", "position_mm": 2.0 * position, "spacing_mm": 4.0, "label": None,
                    "split": split, "lower": 0.0, "upper": 1.0, "unit": "a.u.",
                }
            )  # fmt: skip
    intensity = {"scheme": "fixed", "lower": 0.0, "upper": 1.0, "unit": "a.u.", "modality": "MR", "plane": "axial"}
    writer.finish(pd.DataFrame(rows), intensity, {"source": "textures"})
    return SliceStore.open(path)


def untrained(size: int = SIZE) -> EncoderNetwork:
    """A network of random weights: already tells one texture from another."""
    torch.manual_seed(0)
    network = EncoderNetwork(size).eval()
    network.requires_grad_(False)
    return network


def write_samples(path: Path, store: SliceStore, codes: Codes) -> Path:
    """`codes` (N, SIZE, SIZE) as a samples folder of a run on `store`."""
    table = pd.DataFrame(
        {"seed": np.zeros(len(codes), int), "label": pd.array([None] * len(codes), "string"), "truncation": 1.0}
    )
    Samples(codes, table, store.intensity, {"synthetic": True, "store_digest": store.digest}).save(path)
    return path
