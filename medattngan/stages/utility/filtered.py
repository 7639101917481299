"""Synthetic slices that are used to train on: none that the audit would flag, and of the others the likeliest.

Azadi et al. 2019 (discriminator rejection sampling), arXiv:1810.06758, accept samples by the discriminator's odds;
here, where so many are wanted and more are cheap, the highest logits of each class are kept.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from medattngan.conditions.table import encoded, of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run
from medattngan.core.types import Images
from medattngan.data.images import codes_to_images, load_images, resize
from medattngan.data.samples import Samples
from medattngan.data.slice_images import SliceImages
from medattngan.data.store import SliceStore
from medattngan.extractors.encoder import EncoderNetwork
from medattngan.stages.audit.calibrate import thresholds
from medattngan.stages.audit.membership import discriminator_of, score_mixed
from medattngan.stages.audit.search import make_bank, search

Mask = npt.NDArray[np.bool_]


def copies(candidates: Samples, real: SliceStore, held_out: SliceStore, network: EncoderNetwork, rate: float) -> Mask:
    """Which candidates lie nearer to a slice of `real` than all but `rate` of the held-out patients' do: (count,).

    Args:
        real: what the generator was trained on.
        held_out: slices of other patients, which set the threshold as in an audit.
    """
    numbers = np.unique(real.index["patient"].to_numpy(str), return_inverse=True)[1]
    order = np.argsort(numbers, kind="stable")
    rows, size = np.arange(len(real))[order], network.size_px
    bank = make_bank(rows, numbers[order], load_images(real, rows.tolist(), size, torch.float16), network)
    sides = (
        SliceImages.of_store(held_out, size=size, dtype=torch.float16),
        SliceImages.of(resize(codes_to_images(candidates.codes), size)),
    )
    (pixel, embedding, _), (own_pixel, own_embedding, _) = (search(bank, side, network) for side in sides)
    limits = thresholds(pixel.relative, embedding.relative, rate)
    return np.asarray(limits.flag(own_pixel.relative, own_embedding.relative), bool)


def keep(candidates: Samples, flagged: Mask, run: Run, each: int) -> Images:
    """Of the slices of one class that are not flagged, the `each` that the discriminator finds likeliest.

    Raises:
        UserError: too many are flagged.
    """
    labels, images = candidates.table["label"].to_numpy(str), codes_to_images(candidates.codes)
    conditions = of_run(run.store)
    told = encoded(conditions, {one.name: candidates.table[one.name].tolist() for one in conditions})
    discriminator = discriminator_of(run)
    logits = np.zeros(len(labels)) if discriminator is None else score_mixed(discriminator, images, told, 0).numpy()
    own = np.flatnonzero(~flagged)
    if len(own) < each:
        raise UserError(
            f"of the synthetic slices of {labels[0]} only {len(own)} may be used, where {each} are wanted: the others "
            "may be copies of patients; train the GAN for a shorter time, or on more patients."
        )
    return images[own[np.argsort(-logits[own], kind="stable")[:each]].tolist()]
