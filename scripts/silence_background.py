"""Slices of training patients without the noise of their background, as an array: real but for one tell.

Shown to `medattngan review create` as the synthetic side, they say how well it finds such a tell, and what its cure
leaves of it, apart from how good a generator is. They are slices of patients: the array says nothing else, and is kept
as the store is.

    python scripts/silence_background.py STORE --count 400 --seed 0 --out quiet.npy
    medattngan review create quiet.npy --range 0,65535 --data STORE --count 100 --out STUDY
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from medattngan.data.images import load_images
from medattngan.data.intensity import CODE_MAX, unit_to_codes
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
    quiet = np.where(dark & (codes < DARK * CODE_MAX), 0, codes).astype(np.uint16)
    np.save(given.out, quiet, allow_pickle=False)


if __name__ == "__main__":
    main()
