"""Slices of training patients without the noise of their background, as a samples folder: real but for one tell.

Shown to `medattngan review create` as the synthetic side, they say how well it finds such a tell, and what its cure
leaves of it, apart from how good a generator is.

    python scripts/silence_background.py STORE --count 400 --seed 0 --out quiet
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from medattngan.data.images import load_images
from medattngan.data.intensity import CODE_MAX, unit_to_codes
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore

DARK = 0.08
"""Share of the range below which a pixel and its surroundings are background."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    store = SliceStore.open(given.store).split("train")
    rows = np.random.default_rng(given.seed).choice(len(store.index), given.count, replace=False)
    codes = unit_to_codes(load_images(store, [int(row) for row in rows], store.size)[:, 0].numpy())
    dark = np.stack([gaussian_filter(one.astype(np.float64), 1.0) for one in codes]) < DARK * CODE_MAX
    table = pd.DataFrame({"number": np.arange(given.count), "seed": given.seed})
    table["label"] = pd.array([None] * given.count, "string")
    table["position_mm"] = store.index["position_mm"].iloc[rows].to_numpy(float)
    spacing = float(store.index["spacing_mm"].iloc[rows].median())
    record = {"synthetic": True, "seed": given.seed, "source": "training slices, their background silenced"}
    quiet = np.where(dark & (codes < DARK * CODE_MAX), 0, codes).astype(np.uint16)
    Samples(quiet, table, {**store.intensity, "spacing_mm": spacing}, record).save(given.out)


if __name__ == "__main__":
    main()
