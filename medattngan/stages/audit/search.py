"""The nearest training slices of many slices, in pixels and in the encoder's space.

`Near` says for each slice which training slice is nearest, how far it is, and how far the slices of other patients are:
the median over the five patients that come next. Their quotient is the *relative distance* (as Carlini et al. 2023,
arXiv:2301.13188, divide by the mean distance to neighbours). An almost empty slice is close to everybody,
and its relative distance is about 1 all the same; a copy is much closer to one patient than to the next ones.

Pixels are searched in two stages. First every slice meets the inner part of every training slice as 14 x 14 maps, in 36
mirrorings and shifts, by matrix products. Then `align` compares the best few at full size, over all
shifts, mirrorings and rotations. The encoder's space needs one product a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from medattngan.core.files import UserError
from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import Images
from medattngan.data.images import load_images
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import EncoderNetwork
from medattngan.stages.audit.align import MIRRORINGS, Shifts, normalise_locally, prepare, similarity, variants
from medattngan.stages.encoder.encoder import embed

REFERENCE_PATIENTS = 5
"""Patients after the nearest whose slices say what is far."""
COARSE = 4
"""Pixels to one of the first stage, each way."""
BEST_SLICES = 20
"""Slices of the first stage that the second looks at, besides the best of each of the nearest patients."""
BEST_EMBEDDED = 6
"""Slices nearest to the encoder that it looks at too."""
BLOCK = 256
"""Slices read and embedded at once."""
_QUERIES, _BANK = 32, 8192
"""Slices searched at once, and training slices that they meet at once."""

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Near:
    """The nearest training slice of each of N slices.

    Args:
        row: (N,) its row in the store's index.
        patient: (N,) its patient, numbered as in `Bank`.
        distance: (N,) how far it is.
        reference: (N,) median distance to the nearest slices of the patients that come next.
    """

    row: Rows
    patient: Rows
    distance: Floats
    reference: Floats

    @property
    def relative(self) -> Floats:
        """`distance / reference`: (N,), about 1 for a slice of somebody else, 0 for an exact copy."""
        return (self.distance / np.maximum(self.reference, 1e-6)).astype(np.float32)


@dataclass(frozen=True)
class Bank:
    """The training slices, patient after patient.

    Args:
        rows: (M,) their rows in the store's index.
        patients: (M,) the number of the patient of each, from 0, rising.
        starts: (P,) where each patient's slices begin.
        images: (M, 1, S, S) in [-1, 1], float16 to spare memory, as are the normalised ones.
        normalised: (M, S, S), see `normalise_locally`.
        coarse: (M, D) float32 of length 1.
        embedded: (M, E) float32 of length 1.
    """

    rows: Rows
    patients: Rows
    starts: Rows
    images: Images
    normalised: Tensor
    coarse: Tensor
    embedded: Tensor

    @property
    def size(self) -> int:
        """Side of the slices in pixels."""
        return int(self.images.shape[-1])


Found = tuple[Near, Near, Tensor]
"""In pixels; in the encoder's space; where N images lie in that space, (N, E) of length 1."""


def read_bank(store: SliceStore, network: EncoderNetwork) -> Bank:
    """Read the training split of `store`.

    Raises:
        UserError: it holds fewer than two patients.
    """
    rows = np.flatnonzero((store.index["split"] == "train").to_numpy(bool))
    names = store.index["patient"].iloc[rows].astype(str).to_numpy()
    known, numbers = np.unique(names, return_inverse=True)
    if len(known) < 2:
        raise UserError(f"an audit needs at least 2 training patients; {store.path} has {len(known)}.")
    order = np.argsort(numbers, kind="stable")
    images = load_images(store, rows[order].tolist(), network.size_px, torch.float16)
    return make_bank(rows[order], numbers[order], images, network)


def make_bank(rows: Rows, patients: Rows, images: Images, network: EncoderNetwork) -> Bank:
    """A bank of `images` (M, 1, S, S), whose `patients` (M,) are numbered from 0 and rise."""
    normalised, coarse = torch.empty(len(images), *images.shape[2:], dtype=torch.float16), []
    for start in range(0, len(images), 256):
        part = normalise_locally(images[start : start + 256])
        normalised[start : start + 256] = part
        coarse.append(_coarse(part))
    starts = np.searchsorted(patients, np.arange(patients[-1] + 1))
    inner = torch.cat(coarse)[:, 1:-1, 1:-1]
    return Bank(rows, patients, starts, images, normalised, _unit(inner.flatten(1)), embed(network, images))


def search(bank: Bank, images: Images | SliceImages, network: EncoderNetwork, advance: Advance = uncounted) -> Found:
    """The nearest training slices of `images` (N, 1, S, S) in [-1, 1]; `advance` is told of every few."""
    source = SliceImages.of(images)
    blocks = (source[start : start + BLOCK] for start in range(0, len(source), BLOCK))
    return joined([search_block(bank, block, network, advance) for block in blocks])


def search_block(bank: Bank, images: Images, network: EncoderNetwork, advance: Advance = uncounted) -> Found:
    """The same for BLOCK images at most, which nothing else is needed for."""
    shifts, places = Shifts.of(bank.size), embed(network, images)
    pixels, embedded = [], []
    for start in range(0, len(images), _QUERIES):
        block = images[start : start + _QUERIES].float()
        distances = 1 - (places[start : start + _QUERIES] @ bank.embedded.T).numpy()
        embedded.append(_nearest(bank, distances))
        likeness = _coarse_similarity(bank, block)
        refined = [
            _refine(bank, one[None], choose_candidates(bank, coarse, far), shifts)
            for one, coarse, far in zip(block, likeness, distances, strict=True)
        ]
        pixels.append(_join(refined))
        advance(len(block))
    return _join(pixels), _join(embedded), places


def joined(found: Sequence[Found]) -> Found:
    """What was found of several blocks, in their order."""
    pixels, embedded, places = zip(*found, strict=True)
    return _join(pixels), _join(embedded), torch.cat(places)


def choose_candidates(bank: Bank, coarse: Floats, embedded: Floats) -> Rows:
    """Positions in the bank that are worth a second look, given the similarity (M,) and the distance (M,) of all."""
    best = np.argpartition(-coarse, min(BEST_SLICES, len(coarse) - 1))[:BEST_SLICES]
    near = np.argpartition(embedded, min(BEST_EMBEDDED, len(embedded) - 1))[:BEST_EMBEDDED]
    by_patient = np.maximum.reduceat(coarse, bank.starts)
    ends = np.append(bank.starts[1:], len(coarse))
    of_patients = [
        bank.starts[p] + int(coarse[bank.starts[p] : ends[p]].argmax())
        for p in np.argsort(-by_patient, kind="stable")[: REFERENCE_PATIENTS + 1]
    ]
    return np.unique(np.concatenate([best, near, np.asarray(of_patients, np.intp)]))


def _refine(bank: Bank, image: Images, candidates: Rows, shifts: Shifts) -> Near:
    query = prepare(variants(image)[0], shifts, second=False)
    others = prepare(bank.normalised[torch.from_numpy(candidates)].float(), shifts, second=True)
    found = similarity(query, others, shifts).numpy()
    distance = 1 - found
    order = np.argsort(distance, kind="stable")
    _, first = np.unique(bank.patients[candidates[order]], return_index=True)
    by_patient = distance[order][np.sort(first)]
    nearest = candidates[order[0]]
    return Near(
        bank.rows[[nearest]],
        bank.patients[[nearest]],
        by_patient[:1],
        np.median(by_patient[1 : REFERENCE_PATIENTS + 1], keepdims=True).astype(np.float32),
    )


def _nearest(bank: Bank, distances: Floats) -> Near:
    """From the distances (B, M) to the whole bank."""
    by_patient = np.minimum.reduceat(distances, bank.starts, axis=1)
    kept = min(REFERENCE_PATIENTS + 1, by_patient.shape[1])
    nearest_few = np.sort(np.partition(by_patient, kept - 1, axis=1)[:, :kept], axis=1)
    nearest = distances.argmin(1)
    reference = np.median(nearest_few[:, 1:], axis=1).astype(np.float32)
    return Near(bank.rows[nearest], bank.patients[nearest], np.maximum(nearest_few[:, 0], 0), reference)


def _join(parts: Sequence[Near]) -> Near:
    return Near(
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.patient for part in parts]),
        np.concatenate([part.distance for part in parts]),
        np.concatenate([part.reference for part in parts]),
    )


def _coarse(normalised: Tensor) -> Tensor:
    """(B, S, S) → (B, S / COARSE, S / COARSE)."""
    return F.avg_pool2d(normalised[:, None], COARSE)[:, 0]


def _unit(vectors: Tensor) -> Tensor:
    """Rows less their mean, of length 1: their products are normalised correlations."""
    return F.normalize(vectors - vectors.mean(1, keepdim=True), dim=1)


def _coarse_similarity(bank: Bank, images: Images) -> Floats:
    """Correlation of the coarse maps of `images` (B, 1, S, S) with the bank's, the largest of 36: (B, M).

    The bank's maps lack their outermost pixels. What is shifted leaves its blank edge outside of the part that fits.
    """
    maps = _coarse(normalise_locally(images))
    mirrored = torch.stack([maps.flip(axes) if axes else maps for axes in MIRRORINGS], 1)
    side = maps.shape[-1] - 2
    moved = [mirrored[..., y : y + side, x : x + side] for y in range(3) for x in range(3)]
    queries = _unit(torch.stack(moved, 2).flatten(0, 2).flatten(1))
    best = torch.empty(len(images), len(bank.coarse))
    for start in range(0, len(bank.coarse), _BANK):
        part = bank.coarse[start : start + _BANK]
        best[:, start : start + _BANK] = (queries @ part.T).reshape(len(images), -1, len(part)).amax(1)
    return best.numpy()
