"""Small stores and networks with captions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from medattngan.conditions.text import Text, measure_text
from medattngan.core.config import Config
from medattngan.data.store import SliceStore
from medattngan.data.store_writer import StoreWriter
from medattngan.games.game import System
from medattngan.models import build

TEXT = Text(("axial", "blob", "bright", "large", "small"), ("large blob", "small blob"), (4, 4), (0, 8, 0, 4, 4), 6)


def captioned_store(path: Path, plain: SliceStore) -> SliceStore:
    """The slices of `plain`, each with one caption or two."""
    path.mkdir()
    writer = StoreWriter(path)
    for i in range(len(plain)):
        writer.add(plain.codes(i))
    texts = [f"{label} blob" + ("\naxial bright blob" if i % 2 else "") for i, label in enumerate(plain.index["label"])]
    writer.finish(plain.index.assign(text=pd.array(texts, dtype="string")), dict(plain.intensity), {"source": "blobs"})
    return SliceStore.open(path)


def text_config(preset: str, size: int = 32, **sections: dict[str, Any]) -> Config:
    """A tiny network of a preset that takes captions."""
    tree: dict[str, dict[str, Any]] = {
        "data": {"size": size, "conditions": ["text"]},
        "model": {"preset": preset, "z_dim": 8, "generator_width": 8, "discriminator_width": 8},
        "attention": {"resolutions": []},
        "train": {"minutes": None, "validate_minutes": None, "accelerator": "cpu", "batch_size": 4},
    }
    for name, section in sections.items():
        tree[name] = tree.get(name, {}) | section
    return Config.from_tree(tree, "test")


def text_system(preset: str, size: int = 32, **sections: dict[str, Any]) -> System:
    """Its networks, always with the same weights."""
    torch.manual_seed(0)
    return build(text_config(preset, size, **sections), (TEXT,))


def tokens(*captions: str) -> dict[str, torch.Tensor]:
    """A batch's conditions."""
    return {"text": TEXT.encode(captions)}


__all__ = ["TEXT", "captioned_store", "measure_text", "text_config", "text_system", "tokens"]
