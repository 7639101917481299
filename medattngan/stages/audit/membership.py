"""Does the discriminator know who it was trained on? Hayes et al. 2019 (LOGAN), doi:10.2478/popets-2019-0008.

The discriminator scores real slices of training patients and of held-out patients. The area under the ROC curve, the
probability that a training slice scores higher than a held-out one, is 0.5 where it cannot tell. Above that, publishing
the discriminator (it is in the run's checkpoints) tells who took part. Samples alone tell less.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.conditions.condition import Conditions
from medattngan.conditions.table import encoded, of_run
from medattngan.core.files import UserError
from medattngan.core.run import Run, every_network
from medattngan.data.images import load_images
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.statistics.bootstrap import plan_bootstrap
from medattngan.statistics.draws import percentile_interval
from medattngan.statistics.roc import area

CHUNK = 16
"""Slices at a time. A discriminator may look at the whole batch, so every batch mixes both kinds."""
MOST_SLICES = 2000
"""Of each kind; more would not narrow the interval, whose width the patients set."""

Floats = npt.NDArray[np.float64]


def require_trained_on(run: Run, store: SliceStore) -> None:
    """Refuse a run whose training patients are not those of `store`.

    Raises:
        UserError: they are not.
    """
    if run.store["digest"] != store.digest or run.store["split"] != "train":
        raise UserError(
            f"{run.path} was not trained on the split train of {store.path}; give the store it was made from."
        )


def membership_inference(run: Run, store: SliceStore, held_out: SliceStore, *, seed: int) -> dict[str, Any]:
    """How well the discriminator of `run` tells training from `held_out` slices, with a 95 % interval over patients.

    Returns:
        `auc`, `ci95`, and what was compared; or `not_measured`, the reason.
    """
    if run.config.data.conditions:
        return {"not_measured": "the run has continuous conditions, which slices of the store are not read with here"}
    conditions = of_run(run.store)
    known = list(run.store["labels"])
    sides = [_draw(store.split("train"), seed), _draw(held_out, seed + 1)]
    if known and not all(side.index["label"].isin(known).all() for side in sides):
        return {"not_measured": "held-out slices have labels that the run does not know"}
    # Not the best: of the two discriminators in the folder the one that has learned for longer tells more.
    checkpoint = every_network(run, "last")
    discriminator = discriminator_of(run)
    if discriminator is None:
        return {"not_measured": "the run has no discriminator"}
    images = torch.cat([load_images(side, size=run.config.data.size, dtype=torch.float16) for side in sides])
    told = encoded(conditions, {"label": [name for side in sides for name in side.index["label"]]})
    logits = score_mixed(discriminator, images, told, seed).numpy()
    first = len(sides[0])
    patients = [[str(name) for name in side.index["patient"]] for side in sides]
    value = area(logits[:first], logits[first:])
    low, high = _interval(logits[:first], logits[first:], patients, seed)
    return {
        "auc": round(value, 4),
        "ci95": [round(min(low, value), 4), round(max(high, value), 4)],
        "checkpoint": checkpoint.name,
        "training_slices": first,
        "training_patients": len(set(patients[0])),
        "held_out_slices": len(sides[1]),
        "held_out_patients": len(set(patients[1])),
    }


def discriminator_of(run: Run) -> nn.Module | None:
    """The discriminator of the last checkpoint, for evaluation; None where the run has none."""
    system = build(run.config, of_run(run.store))
    if system.discriminator is None:
        return None
    discriminator = system.networks[system.discriminator]
    weights = load_file(every_network(run, "last") / f"{system.discriminator}.safetensors")
    discriminator.load_state_dict(weights)
    return discriminator.eval()


@torch.inference_mode()
def score_mixed(discriminator: nn.Module, images: Tensor, conditions: Conditions, seed: int) -> Tensor:
    """Logits (N,) of `images` (N, 1, H, W), CHUNK at a time in an order drawn from `seed`."""
    order = torch.from_numpy(np.random.default_rng([seed, 13]).permutation(len(images)))
    logits = torch.empty(len(images))
    for start in range(0, len(order), CHUNK):
        rows = order[start : start + CHUNK]
        # The last batch is filled up from the first: another size would be scored otherwise.
        filled = torch.cat([rows, order[: CHUNK - len(rows)]])
        scored = discriminator(images[filled].float(), {name: one[filled] for name, one in conditions.items()})
        logits[rows] = scored[: len(rows)].float()
    return logits


def _interval(members: Floats, others: Floats, patients: list[list[str]], seed: int) -> tuple[float, float]:
    plans = [plan_bootstrap(names, 1, seed=seed + i).real.double().numpy() for i, names in enumerate(patients)]
    areas = [area(members, others, a, b) for a, b in zip(*plans, strict=True)]
    return percentile_interval(areas, method="weibull")


def _draw(store: SliceStore, seed: int) -> SliceStore:
    """MOST_SLICES of `store` at random, or all."""
    chosen = np.random.default_rng([seed, 12]).permutation(len(store))[:MOST_SLICES]
    return store.select(np.isin(np.arange(len(store)), chosen))
