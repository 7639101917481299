"""Which slices a training takes, and what its run keeps of them."""

from __future__ import annotations

from typing import Any

from medattngan.conditions.mask import DRAWN, NAME
from medattngan.conditions.table import measured, to_store
from medattngan.core.config import Config
from medattngan.core.files import UserError
from medattngan.data.alike import one_spacing
from medattngan.data.store import SliceStore


def select_training(store: SliceStore, config: Config) -> SliceStore:
    """The split to train on, checked against the configuration.

    Raises:
        UserError: the store is too small in pixels or in slices, or lacks the labels asked for.
    """
    if store.size < config.data.size:
        raise UserError(
            f"data.size is {config.data.size} but {store.path} holds {store.size} px; "
            f"set data.size={store.size} or ingest with --size {config.data.size}."
        )
    part = store.split(config.data.split)
    if {NAME, DRAWN} & set(config.data.conditions):
        part = part.with_masks()
    if config.data.conditional and part.index["label"].isna().any():
        raise UserError(
            f"data.conditional is true but slices of {store.path} have no label; ingest with --labels FILE.csv."
        )
    return part


def describe(store: SliceStore, part: SliceStore, config: Config) -> dict[str, Any]:
    """What a run keeps of its training data so that it can sample without it: nothing of any patient.

    Raises:
        UserError: the training slices do not have the conditions asked for.
    """
    conditions = measured(part.index, config.data.conditional, config.data.conditions)
    intensity = dict(store.intensity)
    spacing = one_spacing(part.index["spacing_mm"])
    intensity["spacing_mm"] = None if spacing is None else spacing * store.size / config.data.size
    intensity["size"] = config.data.size
    return {
        "digest": store.digest,
        "intensity": intensity,
        "slices": len(part),
        "patients": int(part.index["patient"].nunique()),
        "split": config.data.split,
        **to_store(conditions),
    }
