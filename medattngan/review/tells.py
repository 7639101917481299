"""Whether real and synthetic slices can be told apart without looking at what they show.

Fisher's linear discriminant of `tell_features`, fitted to some patients and samples and asked about others, gives an
area under the ROC curve; so does each feature alone. What such areas come to where there is nothing to tell is measured
beside it: the real slices are dealt to two halves by patient, again and again. An area above that range is a tell that
readers may learn in place of anatomy, and the study is then about it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from medattngan.core.types import Codes
from medattngan.review.tell_features import TELLS, Features, features_of
from medattngan.statistics.draws import draw_cases, draw_patients, percentile_interval
from medattngan.statistics.roc import Scores, area

FEWEST_SLICES, FEWEST_PATIENTS = 20, 4
"""Of a kind, and real ones; with less an area says nothing."""
FOLDS = 5
RIDGE = 0.1
"""Added to the variance of each standardised feature, which keeps nearly equal ones from cancelling out."""
FARTHEST = 4.0
"""Standard deviations; a feature that is farther off counts as if it were so far."""
DEALS = 40
"""Ways in which the real slices are dealt to two halves."""
REPLICATES = 400
SHOWN = 3
"""Features that the sentence names."""

Truth = npt.NDArray[np.bool_]
Patients = npt.NDArray[np.str_]


def measure(cases: Codes, synthetic: Truth, patients: Patients, seed: int) -> dict[str, Any]:
    """What the pixels tell.

    Args:
        cases: (N, H, W) uint16 as readers get them.
        synthetic: (N,) the truth.
        patients: (N,) of the real slices; of the synthetic ones nothing is read.
        seed: of folds, deals and resamples.

    Returns:
        What tells.json holds: `measured`, and where that is true `auc` with its `ci95`, `control` with its `range95`,
        `flagged`, whether the first lies above the second, and the area of each of `features` alone. An area below
        ½ is that of a feature that is lower in synthetic slices.
    """
    real = ~synthetic
    counts = {"slices": int(min(real.sum(), synthetic.sum())), "patients": len(np.unique(patients[real]))}
    if counts["slices"] < FEWEST_SLICES or counts["patients"] < FEWEST_PATIENTS:
        return {"measured": False, **counts}
    rng = np.random.default_rng([seed, 3])
    features = features_of(cases)
    groups = np.where(synthetic, [f"sample {number}" for number in range(len(cases))], patients)
    auc, ci95 = _told(_scores(features, synthetic, groups, rng), synthetic, patients, rng)
    control = _control(features[real], patients[real], rng)
    alone = {name: area(column[synthetic], column[real]) for name, column in zip(TELLS, features.T, strict=True)}
    return {
        "measured": True,
        **counts,
        "auc": auc,
        "ci95": ci95,
        "control": control,
        "flagged": auc > control["range95"][1],
        "features": alone,
    }


def sentence(tells: dict[str, Any]) -> str:
    """What `measure` found, in words, and the cure where there is something to cure."""
    if not tells["measured"]:
        few = f"{tells['slices']} slices a kind of {tells['patients']} patients"
        need = f"{FEWEST_SLICES} slices and {FEWEST_PATIENTS} patients"
        return f"tells in the pixels were not measured: {few} are too few; {need} are needed."
    low, high = tells["control"]["range95"]
    found = (
        f"noise, grey levels and spectrum tell real from synthetic with AUC {tells['auc']:.2f} "
        f"(95 % {tells['ci95'][0]:.2f} to {tells['ci95'][1]:.2f}; real against real {low:.2f} to {high:.2f})"
    )
    if not tells["flagged"]:
        return f"{found}: no more than chance."
    strongest = sorted(tells["features"].items(), key=lambda item: -abs(item[1] - 0.5))[:SHOWN]
    named = ", ".join(f"{TELLS[name].meaning} ({value:.2f})" for name, value in strongest)
    cure = "this is what --harmonise leaves" if tells.get("harmonised") else "--harmonise treats both kinds alike"
    return f"warning: {found}; most by {named}. Readers may learn that in place of anatomy; {cure}."


def _scores(features: Features, truth: Truth, groups: Patients, rng: np.random.Generator) -> Scores:
    """A score for each slice from a discriminant that has seen none of its group, higher where `truth` is likelier."""
    folds = np.where(truth, _deal(groups, truth, FOLDS, rng), _deal(groups, ~truth, FOLDS, rng))
    scores = np.zeros(len(features))
    for fold in range(FOLDS):
        asked = folds == fold
        known, answer = features[~asked], truth[~asked].astype(np.float64)
        middle, spread = known.mean(0), known.std(0) + 1e-9
        near = np.clip((known - middle) / spread, -FARTHEST, FARTHEST)
        inner = near.T @ near / len(near) + RIDGE * np.eye(near.shape[1])
        weights = np.linalg.solve(inner, near.T @ (answer - answer.mean()) / len(near))
        scores[asked] = np.clip((features[asked] - middle) / spread, -FARTHEST, FARTHEST) @ weights
    return scores


def _told(
    scores: Scores, synthetic: Truth, patients: Patients, rng: np.random.Generator
) -> tuple[float, tuple[float, float]]:
    """The area and its 95 % interval, patients and samples drawn anew."""
    ones, others = scores[synthetic], scores[~synthetic]
    samples = draw_cases(rng, len(ones), REPLICATES)
    slices = draw_patients(rng, [str(patient) for patient in patients[~synthetic]], REPLICATES)
    replicates = [
        area(ones, others, a.astype(np.float64), b.astype(np.float64)) for a, b in zip(samples, slices, strict=True)
    ]
    return area(ones, others), percentile_interval(replicates)


def _control(features: Features, patients: Patients, rng: np.random.Generator) -> dict[str, Any]:
    """The areas of real slices against real slices of other patients."""
    areas = []
    for _ in range(DEALS):
        half = _deal(patients, np.ones(len(patients), bool), 2, rng) == 1
        scores = _scores(features, half, patients, rng)
        areas.append(area(scores[half], scores[~half]))
    return {"auc": float(np.mean(areas)), "range95": percentile_interval(areas), "deals": DEALS}


def _deal(groups: Patients, among: Truth, hands: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Which of `hands` each slice goes to: groups in a drawn order, each to the hand with the fewest slices `among`."""
    names, of_slice = np.unique(groups, return_inverse=True)
    weights = np.bincount(of_slice, among, len(names))
    sizes = np.zeros(hands)
    to = np.zeros(len(names), np.int64)
    for name in rng.permutation(len(names)):
        to[name] = int(sizes.argmin())
        sizes[to[name]] += weights[name]
    return to[of_slice]
