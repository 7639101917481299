"""The score that a training watches: Fréchet distance to the validation patients, quick and on the same ruler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from medattngan.core.config import Config
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore
from medattngan.extractors.table import Extractor, extract, load_extractor
from medattngan.metrics import frechet_distance

EXTRACTOR = "efficientnet-lite0@128"
LEAST = 40
"""Fewer real slices than this make a score of noise."""


class Validation:
    """A fixed set of real features to compare with.

    Args:
        real: (count, dim) features of real slices.
    """

    def __init__(self, extractor: Extractor, real: Tensor) -> None:
        self.extractor, self.real = extractor, real
        self.count = len(real)
        self.name = f"fd_val[{extractor.name}]"

    @classmethod
    def prepare(cls, store: SliceStore, config: Config, say: Callable[[str], None]) -> Validation | None:
        """Take real slices of the validation split, or of the training split where that is too small, and say so.

        Returns None where the configuration asks for no score or there are too few slices for one.
        """
        if config.train.validate_minutes is None:
            return None
        split = "val" if int((store.index["split"] == "val").sum()) >= LEAST else config.data.split
        part = store.split(split)
        if len(part) < LEAST:
            say(f"no validation score: it takes {LEAST} slices and there are {len(part)}")
            return None
        if split == config.data.split:
            why = "data.split says so" if split == "val" else f"the val split has fewer than {LEAST} slices"
            say(f"the validation score compares with the {split} split, which is trained on: {why}")
        count = min(config.train.validate_count, len(part))
        rows = np.random.default_rng(config.train.seed).choice(len(part), count, replace=False)
        extractor = load_extractor(EXTRACTOR)
        return cls(extractor, extract(extractor, load_images(part, [int(i) for i in rows], config.data.size)))

    def score(self, fake: Images) -> float:
        """The Fréchet distance of `fake` (count, 1, H, W) from the real slices; lower is better, 0 is least."""
        return float(frechet_distance(self.real, extract(self.extractor, fake)))
