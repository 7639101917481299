"""The verb: how odd each real slice looks to a run, and whether that finds lesions.

    A(x) = |x - G(E(x))|² / n + κ |f(x) - f(G(E(x)))|² / n_f

Schlegl et al. 2019, Medical Image Analysis 54:30-44, Eq. 5. A slice of what the run has never learned is drawn badly.

anomalies.parquet   one row a slice: row of the store, patient, `score`, its two parts, `peak`
anomalies.json      ROC areas with intervals for planted lesions, for controls, and for two scores that know no anatomy
roc.png             the curves
oddest.png          the slices of the highest scores, redrawn, and the difference; shows patients
README.txt          says so
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from medattngan.conditions.condition import Conditions
from medattngan.core.files import atomic_folder, require_absent, write_json, write_text
from medattngan.core.locks import alone
from medattngan.core.progress import watching
from medattngan.core.run import Run
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.data.latents import Latents
from medattngan.data.store import SliceStore
from medattngan.stages.encode.encode import record_of
from medattngan.stages.encode.figures import save_oddest, save_roc
from medattngan.stages.encode.izi import KAPPA, residuals
from medattngan.stages.encode.lesions import CONTROLS, LESIONS, Change, gaussian, noise, sharpness
from medattngan.stages.encode.networks import Networks, in_chunks
from medattngan.stages.encode.reconstruct import originals, reconstructed
from medattngan.statistics.draws import draw_patients, percentile_interval, require_seed
from medattngan.statistics.roc import area

Scores = dict[str, npt.NDArray[np.float64]]
REPLICATES = 500
OURS = ("score", "pixels", "features", "peak")
PEAK = 1 / 40
"""Of the side: how far the error in pixels is spread before its highest value is taken. A lesion is in one place, and a
mean over the slice hides it behind every fold that is drawn badly."""
NOTE = """oddest.png shows slices of patients, and anomalies.parquet says which slices of the store look odd: guard this
folder as you guard the scans.
"""


@dataclass(frozen=True)
class Anomalies:
    """The folder that was written, and what anomalies.json holds."""

    path: Path
    report: dict[str, Any]

    def sentences(self) -> list[str]:
        """What a user should hear of."""
        lesions = ", ".join(f"{kind} {_told(found['score'])}" for kind, found in self.report["lesions"].items())
        peaks = ", ".join(f"{kind} {_told(found['peak'])}" for kind, found in self.report["lesions"].items())
        controls = ", ".join(f"{kind} {_told(found['score'])}" for kind, found in self.report["controls"].items())
        return [
            f"Planted lesions, area under the ROC curve: {lesions}.",
            f"By the highest error in one place alone: {peaks}.",
            f"The same slices changed without a lesion (0.5 is good): {controls}.",
        ]


@alone
def anomalies(
    run: Run | str | Path,
    latents: Latents | str | Path,
    data: SliceStore | str | Path,
    out: str | Path,
    *,
    checkpoint: str = "best",
    seed: int = 0,
    progress: bool = True,
) -> Anomalies:
    """Score the slices behind `latents`, and copies of them with lesions planted; write the folder `out`.

    Args:
        run: the one that `latents` belong to.
        latents: what `encode` wrote: held-out patients, as a rule, of the split test.
        data: the store that they were encoded from.
        checkpoint: of the run, `best` or `last`.
        seed: of lesions and bootstrap, 0 or more.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: run, latents and store do not belong together, or `out` exists.
    """
    require_absent(Path(out))
    require_seed(seed)
    latents, networks = Latents.of(latents), Networks.of(run, checkpoint)
    encoder = networks.encoder_for(latents)
    images = originals(latents, SliceStore.of(data), networks.size)
    told = networks.told({one.name: list(latents.table[one.name]) for one in networks.conditions})

    def scored(slices: Images) -> tuple[Scores, Images]:
        made = reconstructed(networks, encoder, slices, told)
        return _scores(networks, slices, made, told), made

    changes = {**LESIONS, **CONTROLS}
    with watching(progress) as watch:
        advance = watch("scoring slices", (1 + len(changes)) * len(images))
        clean, made = scored(images)
        advance(len(images))
        changed = {}
        for number, (kind, change) in enumerate(changes.items()):
            changed[kind] = scored(_planted(change, images, seed, number))[0]
            advance(len(images))
    patients = [str(name) for name in latents.table["patient"]]
    areas = {kind: _areas(clean, found, patients, seed) for kind, found in changed.items()}
    report = record_of(networks, seed) | {
        "source": latents.provenance["source"],
        "kappa": KAPPA,
        "lesions": {kind: areas[kind] for kind in LESIONS},
        "controls": {kind: areas[kind] for kind in CONTROLS},
    }
    table = latents.table[["row", "patient", "position_mm", "label"]].assign(**{name: clean[name] for name in OURS})
    with atomic_folder(Path(out)) as folder:
        table.to_parquet(folder / "anomalies.parquet", index=False)
        save_roc(folder / "roc.png", clean["score"], {kind: found["score"] for kind, found in changed.items()})
        save_oddest(folder / "oddest.png", images, made, clean["score"])
        write_text(folder / "README.txt", NOTE)
        write_json(folder / "anomalies.json", report)
        seal(folder, "anomalies")
    return Anomalies(Path(out), report)


def _scores(networks: Networks, images: Images, made: Images, told: Conditions) -> Scores:
    """Every score of slices and of what the run made of them, (N,) each."""
    judge = residuals(networks.discriminator)

    def both(pairs: Tensor, known: Conditions) -> Tensor:
        return torch.stack(judge(pairs[:, :1], pairs[:, 1:], known), 1)

    errors = in_chunks(both, torch.cat([images, made], 1), told)
    found = {
        "pixels": errors[:, 0],
        "features": errors[:, 1],
        "score": errors[:, 0] + KAPPA * errors[:, 1],
        "peak": gaussian((images - made).square(), images.shape[-1] * PEAK).amax((1, 2, 3)),
        "sharpness": sharpness(images),
        "noise": noise(images),
    }
    return {name: one.double().numpy() for name, one in found.items()}


def _planted(change: Change, images: Images, seed: int, number: int) -> Images:
    words = np.random.SeedSequence([seed, 41, number]).generate_state(1, np.uint64)
    return change(images, torch.Generator().manual_seed(int(words[0] >> np.uint64(1))))


def _areas(clean: Scores, changed: Scores, patients: list[str], seed: int) -> dict[str, Any]:
    """By score: the probability that a changed slice scores higher than an unchanged one, with its interval over
    patients, each of whom brings slices of both kinds."""
    times = draw_patients(np.random.default_rng([seed, 42]), patients, REPLICATES).astype(np.float64)
    found = {}
    for name, values in clean.items():
        replicates = [area(changed[name], values, own, own) for own in times]
        low, high = percentile_interval(replicates, method="weibull")
        found[name] = {"auc": area(changed[name], values), "ci95": [low, high]}
    return found


def _told(found: dict[str, Any]) -> str:
    low, high = found["ci95"]
    return f"{found['auc']:.2f} ({low:.2f} to {high:.2f})"
