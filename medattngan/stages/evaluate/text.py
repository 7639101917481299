"""Do synthetic slices show what their captions say? Asked of probes that know real slices of training patients alone.

`attribute_accuracy`: for each word that some slices have and others do not, a ridge probe on EfficientNet-Lite0
features says whether a slice has it; balanced accuracy against the caption, the mean over the words. A second one reads
the pixels at 32 px, as ImageNet features are thrown by a texture that is not yet right.
`r_precision`: a slice is given its own caption and 99 with other text; another encoder, a ridge from its pixels at
32 px to the words, which shares nothing with what any preset is trained by, says which fits best. Its `chance` is
measured, with the slices' captions dealt out among them: it is no 1 in 100 where some captions are common, since one
picture that shows the commonest caption finds it whenever it is asked for.

Real slices of the split are asked the same: that is the ceiling. What a probe cannot tell there, no slice can show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import Ridge

from medattngan.conditions.text import TEXT, Text, measure_text
from medattngan.core.files import UserError
from medattngan.core.types import Images
from medattngan.data.images import load_images, resize
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.extractors.table import extract, load_extractor
from medattngan.metrics.matching import balanced_accuracy, interval, retrieved

EXTRACTOR = "efficientnet-lite0@128"
MOST_SLICES = 2000
"""Real slices that the probes learn from, at most, and as many of the split."""
RARE = 0.02
"""A word that fewer slices have, or lack, is no attribute that could be told."""
LINKS = frozenset({"and", "or", "of", "the", "a", "an", "in", "with"})
"""Words that show nothing."""
CANDIDATES = 100
PIXELS = 32
STRENGTH = {"features": 1000.0, "pixels": 100.0}
"""Of the ridges, on standardised columns."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Probe:
    """A ridge from standardised columns to words: +1 where a slice has one, -1 where not, both sides weighing alike."""

    mean: Array
    deviation: Array
    ridges: tuple[Ridge, ...]

    @classmethod
    def fit(cls, columns: Array, said: npt.NDArray[np.bool_], strength: float) -> Probe:
        """Of slices (N, columns) and which words they have (N, words)."""
        mean, deviation = columns.mean(0), columns.std(0) + 1e-6
        scaled = (columns - mean) / deviation
        ridges = []
        for word in said.T:
            weights = np.where(word, 0.5 / max(word.mean(), 1e-9), 0.5 / max(1 - word.mean(), 1e-9))
            ridges.append(Ridge(strength).fit(scaled, np.where(word, 1.0, -1.0), weights))
        return cls(mean, deviation, tuple(ridges))

    def says(self, columns: Array) -> Array:
        """(N, words): above 0 where a slice has the word."""
        scaled = (columns - self.mean) / self.deviation
        return np.stack([ridge.predict(scaled) for ridge in self.ridges], 1)


def text_scores(samples: str | Path, store: SliceStore, split: str, seed: int) -> dict[str, Any]:
    """Attribute accuracy and R-precision of a samples folder, with those of real slices of `split`.

    Raises:
        UserError: the samples or the store have no captions, or no word tells slices apart.
    """
    made = Samples.open(samples)
    if TEXT not in made.table or TEXT not in store.index:
        lacking = samples if TEXT not in made.table else store.path
        raise UserError(f"--text: {lacking} has no captions; leave --text out, or take slices of a run with captions.")
    rng = np.random.default_rng([seed, 5])
    train, real = (_some(store.split(name), rng) for name in ("train", split))
    text = measure_text(train.index)
    words = attributes(text, _first(train))
    if not words:
        raise UserError(f"--text: no word of {store.path} is said of some slices and not of others.")
    told = {"real": _first(real), "synthetic": [str(one) for one in made.table[TEXT]]}
    asked_of, passed_over = _comparable(told["synthetic"], store)
    told["synthetic"] = [told["synthetic"][row] for row in asked_of]
    if _has(words, told["synthetic"]).std(0).max(initial=0) == 0:
        raise UserError(
            "--text: the samples' captions do not differ in any word that tells slices apart; draw samples without "
            "--text, with captions as the training slices have them."
        )
    drawn = resize(made.unit()[torch.from_numpy(asked_of)], store.size)
    images = {"train": load_images(train), "real": load_images(real), "synthetic": drawn}
    patients = real.index["patient"].to_numpy(str)
    learned = _has(words, _first(train))
    extractor = load_extractor(EXTRACTOR)
    features = {name: extract(extractor, some).double().numpy() for name, some in images.items()}
    pixels = {name: _thumbnails(some) for name, some in images.items()}
    probe = Probe.fit(features["train"], learned, STRENGTH["features"])
    other = Probe.fit(pixels["train"], learned, STRENGTH["pixels"])
    said = {name: _has(words, captions) for name, captions in told.items()}
    probes = {EXTRACTOR: (probe, features), f"ridge@{PIXELS}": (other, pixels)}
    accuracy: dict[str, dict[str, Any]] = {name: {"chance": 0.5} for name in probes}
    found = {}
    for name, groups in (("synthetic", None), ("real", patients)):
        for reader, (asked, columns) in probes.items():
            own = _accuracies(words, said[name], asked.says(columns[name]) > 0, groups, seed)
            accuracy[reader] |= own if name == "synthetic" else {"real": own}
        hits = retrieved(_candidates(other.says(pixels[name]), said[name], said["real"], np.random.default_rng(seed)))
        found[name] = {"value": float(hits.mean()), "ci95": interval(hits, groups, seed), "slices": len(hits)}
    dealt = said["synthetic"][np.random.default_rng(seed + 1).permutation(len(asked_of))]
    by_luck = retrieved(_candidates(other.says(pixels["synthetic"]), dealt, said["real"], np.random.default_rng(seed)))
    return {
        **{f"attribute_accuracy[{reader}]": one for reader, one in accuracy.items()},
        f"r_precision[ridge@{PIXELS}]": {**found["synthetic"], "real": found["real"], "chance": float(by_luck.mean())},
        "words": words,
        "split": split,
        "learned_from": len(train),
        **({"passed_over": passed_over} if passed_over else {}),
    }


def _first(part: SliceStore) -> list[str]:
    """The first caption of every slice: of several sources each says other words, and no slice lacks what its first
    does not speak of."""
    return [str(one).split("\n", 1)[0] for one in part.index[TEXT]]


def _comparable(captions: Sequence[str], store: SliceStore) -> tuple[npt.NDArray[np.intp], int]:
    """Which samples were told a caption of the kind that stands first in the store, and how many were not.

    Raises:
        UserError: none was.
    """
    rows = np.arange(len(captions))
    part = store.select(store.index[TEXT].notna().to_numpy())
    lines = [str(one).split("\n") for one in part.index[TEXT]]
    further = {line for several in lines for line in several[1:]} - {several[0] for several in lines}
    kept = rows[[caption not in further for caption in captions]]
    if not len(kept):
        raise UserError(
            "--text: all samples were told captions of a source that is not the first of the store, whose words alone "
            "can be asked for; draw others."
        )
    return kept, len(rows) - len(kept)


def attributes(text: Text, captions: Sequence[str]) -> list[str]:
    """The words that tell slices apart, one of those that always stand together."""
    has = _has(list(text.vocabulary), captions)
    words: dict[bytes, str] = {}
    for word, column in zip(text.vocabulary, has.T, strict=True):
        if word not in LINKS and RARE <= column.mean() <= 1 - RARE:
            words.setdefault(column.tobytes(), word)
    return sorted(words.values())


def _some(part: SliceStore, rng: np.random.Generator) -> SliceStore:
    there = part.index[TEXT].notna().to_numpy()
    chosen = rng.permutation(np.flatnonzero(there))[:MOST_SLICES]
    return part.select(np.isin(np.arange(len(part)), chosen))


def _has(words: Sequence[str], captions: Sequence[str]) -> npt.NDArray[np.bool_]:
    """(captions, words)."""
    said = [set(caption.split()) for caption in captions]
    return np.array([[word in one for word in words] for one in said], bool).reshape(len(captions), len(words))


def _thumbnails(images: Images) -> Array:
    small = torch.nn.functional.interpolate(images, (PIXELS, PIXELS), mode="bilinear", antialias=True)
    return np.asarray(small.flatten(1).double().numpy())


def _accuracies(
    words: Sequence[str],
    said: npt.NDArray[np.bool_],
    shown: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.str_] | None,
    seed: int,
    replicates: int = 200,
) -> dict[str, Any]:
    """The mean over the words with its interval, and each word's own."""
    names = np.arange(len(said)).astype(str) if groups is None else groups
    members = [np.flatnonzero(names == name) for name in np.unique(names)]
    rng = np.random.default_rng(seed)

    def mean(rows: npt.NDArray[np.intp]) -> float:
        own = [balanced_accuracy(said[rows, i], shown[rows, i]) for i in range(len(words))]
        return float(np.nanmean(own)) if not np.isnan(own).all() else float("nan")

    drawn = [
        mean(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        for _ in range(replicates)
    ]
    by_word = {word: balanced_accuracy(said[:, i], shown[:, i]) for i, word in enumerate(words)}
    return {
        "value": mean(np.arange(len(said))),
        "ci95": [float(np.nanquantile(drawn, share)) for share in (0.025, 0.975)],
        "by_word": {word: None if np.isnan(own) else own for word, own in by_word.items()},
        "slices": len(said),
    }


def _candidates(
    says: Array, said: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Array:
    """How well each slice fits its own words and those of CANDIDATES - 1 real slices of other words: (N, CANDIDATES).

    The fit is minus the squared distance between what the encoder says of the words, within [-1, 1], and what is said.
    """
    clipped = np.clip(says, -1, 1)
    fits = np.empty((len(says), CANDIDATES))
    for i, own in enumerate(said):
        unlike = np.flatnonzero((others != own).any(1))
        if not len(unlike):
            raise UserError("--text: every slice has the same caption, so none can be found by its text.")
        drawn = others[rng.choice(unlike, CANDIDATES - 1)]
        asked = np.where(np.vstack([own, drawn]), 1.0, -1.0)
        fits[i] = -((asked - clipped[i]) ** 2).sum(1)
    return fits
