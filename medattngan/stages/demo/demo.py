"""The whole path on a cohort that needs no download: scans, store, run, samples, scores, audit, DICOM, report.

README.txt      what this is, and what it is not
scans/          pseudo-patients as NIfTI and DICOM
store/ run/ samples/ scores/ encoder/ audit/ dicom/
report.html
"""

from __future__ import annotations

import math
from pathlib import Path

from rich.console import Console

from medattngan.core.config import Config
from medattngan.core.files import UserError, atomic_folder, require_absent, write_text
from medattngan.core.locks import alone
from medattngan.core.terminal import say, terminal
from medattngan.data.store import SliceStore
from medattngan.stages.audit.audit import audit
from medattngan.stages.demo.cohort import make_cohort
from medattngan.stages.demo.scans import write_scan
from medattngan.stages.encoder.encoder import encoder
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.export.export import export
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.report.card import Card
from medattngan.stages.report.report import report
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train

__all__ = ["demo"]

SIZE_PX = 64
PATIENTS = 32
LEAST_PATIENTS = 7
"""Of these two are in the test split, which an interval needs."""
SPLIT = (0.6, 0.15, 0.25)
SAMPLES = 200
EXPORTED = 50
SCORES_WHILE_TRAINING = 3
ENCODER_KIMG = 2.0
PLANTED = 40
"""Of the audit: a shorter training of its encoder and fewer planted copies than by default, as time is short."""
FALSE_POSITIVES = 0.02
"""What the audit allows itself where there are held-out slices enough for that."""

WHAT_IT_IS = (
    "A demonstration, not evidence. Every scan here derives from one brain: the MNI152 template, itself an average. "
    "The pseudo-patients are that template, bent, turned and re-exposed by software. They are one subject, with no "
    "diversity, no disease and no second scanner. What the scores show is that the tools work; they say nothing of "
    "how well a model of patients would do."
)

ON_THE_PAGE = "On this page, “real” means slices of these pseudo-patients."

CARD = Card(
    data=(
        "No patient's. Pseudo-patients made by software of one template, the ICBM152 2009a nonlinear symmetric T1 "
        "average of 152 young adults of the Montreal Neurological Institute (Fonov et al. 2011, NeuroImage "
        "54(1):313-327), as distributed with nilearn."
    ),
    licence=(
        "The template: Copyright (C) 1993-2004 Louis Collins, McConnell Brain Imaging Centre, Montreal Neurological "
        "Institute, McGill University; free to use, copy, modify and distribute for any purpose where this notice is "
        "kept, without any warranty. Weights and synthetic slices derive from it."
    ),
    intended_use="Seeing what the tools do. Not for anything that is to hold of patients.",
    limits=(
        "One average brain without any finding, from one contrast and no scanner. Nothing that is measured here says "
        "how a model of patients would do."
    ),
    contact="Whoever ran the demonstration; the tools are medattngan's.",
)
"""What the page's model card states."""

README = """\
medattngan demo
===============

{what}

scans/       the pseudo-patients: {patients} of them, odd numbers as NIfTI, even ones as DICOM series
store/       their axial slices as medattngan reads them, split by pseudo-patient
run/         the training: configuration, metrics, checkpoints, pictures
samples/     synthetic slices
scores/      how far the synthetic slices are from the real ones, with intervals and floors
encoder/     a small network that the audit compares slices by
audit/       whether a pseudo-patient was copied
dicom/       synthetic slices as DICOM, marked as synthetic
report.html  all of it on one page

The same with your own scans:

    medattngan ingest SCANS --out store
    medattngan train compact --data store --out run
    medattngan sample run --count 500 --out samples
    medattngan audit samples --data store --run run --out audit
    medattngan evaluate samples --data store --out scores
    medattngan export samples --out dicom

The template is the ICBM152 2009a nonlinear symmetric T1 average of the Montreal Neurological Institute (Fonov et al.
2011, NeuroImage 54(1):313-327), as distributed with nilearn.
"""


@alone
def demo(
    out: str | Path, *, minutes: float = 3.5, seed: int = 0, patients: int = PATIENTS, progress: bool = True
) -> Path:
    """Run the whole path on pseudo-patients and return the path of the report.

    Args:
        out: the folder to make; every step leaves its own folder in it.
        minutes: of training; the rest takes about two minutes on two cores.
        seed: of cohort, split, training and samples.
        patients: how many pseudo-patients.
        progress: say on the terminal (stderr) what goes on.

    Raises:
        UserError: `out` exists, or there are too few minutes or patients.
    """
    out = Path(out)
    require_absent(out)
    if patients < LEAST_PATIENTS:
        raise UserError(f"--patients {patients} cannot be split; the demo needs {LEAST_PATIENTS} or more.")
    config = configure(minutes, seed)
    console = terminal(quiet=not progress)
    say(console, WHAT_IT_IS, style="bold")
    write_text(out / "README.txt", README.format(what=WHAT_IT_IS, patients=patients))
    _say(console, 1, f"{patients} pseudo-patients")
    with atomic_folder(out / "scans") as scans:
        for patient in make_cohort(patients, seed):
            write_scan(patient, scans, seed)
    _say(console, 2, "ingest")
    store = ingest([out / "scans"], out / "store", size=SIZE_PX, split=SPLIT, seed=seed, progress=progress)
    _say(console, 3, f"train, {minutes:g} minutes")
    run = train(config, store, out / "run", progress=progress)
    _say(console, 4, f"sample, {SAMPLES} slices")
    # The last, not the best: over so few minutes the validation score says little of which is better.
    sample(run, out / "samples", count=SAMPLES, seed=seed, checkpoint="last", progress=progress)
    _say(console, 5, "evaluate")
    evaluate(out / "samples", store, out / "scores", seed=seed, progress=progress)
    _say(console, 6, "audit")
    encoder(store, out / "encoder", kimg=ENCODER_KIMG, seed=seed, progress=progress)
    audit(
        out / "samples", store, out / "audit", run=run, encoder=out / "encoder", planted=PLANTED, seed=seed,
        false_positives=false_positives(store), progress=progress,
    )  # fmt: skip
    _say(console, 7, f"export, {EXPORTED} slices as DICOM")
    export(out / "samples", out / "dicom", limit=EXPORTED, progress=progress)
    _say(console, 8, "report")
    return report(
        [out / "run", out / "samples", out / "scores", out / "audit"],
        store,
        out / "report.html",
        title="medattngan demo",
        note=f"{WHAT_IT_IS} {ON_THE_PAGE}",
        subjects="pseudo-patients",
        card=CARD,
    )


def false_positives(store: SliceStore) -> float:
    """The share of held-out slices that the audit may flag: FALSE_POSITIVES, or the least that so few slices allow."""
    return max(FALSE_POSITIVES, math.ceil(200 / (len(store.split("val")) + 1)) / 100)


def configure(minutes: float, seed: int) -> Config:
    """The default preset with a budget of `minutes`, logging often enough for a curve.

    Raises:
        UserError: minutes or seed are out of range.
    """
    train = {
        "minutes": minutes,
        "kimg": 100_000.0,
        "seed": seed,
        "log_kimg": 0.1,
        "grid_kimg": 5.0,
        "checkpoint_minutes": 1.0,
        "validate_minutes": minutes / SCORES_WHILE_TRAINING,
        "validate_count": 200,
    }
    tree = {
        "data": {"size": SIZE_PX},
        "model": {"preset": "compact"},
        "attention": {"kind": "scaled_dot", "resolutions": [16]},
        # Off, few as the slices are: in minutes none is memorised, and augmentation slows the start.
        "augment": {"probability": 0.0},
        "train": train,
    }
    return Config.from_tree(tree, "the demo")


def _say(console: Console, number: int, what: str) -> None:
    say(console, f"{number}/8 {what}", style="bold")
