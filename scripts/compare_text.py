"""Slices from captions: word attention, the sentence alone, the same facts as numbers, AttnGAN, nothing said at all.

    python scripts/compare_text.py --data STORE --work DIR --minutes 60 --out FILE.json \
        --masks regions.yaml --scans SCANS --row compact_text --row sentence --seed 0 --seed 1 --seed 2

STORE comes from `ingest --captions`. Each cell is trained, sampled with the captions of the test slices, and measured
by `evaluate --text`; where it reads words and maps of regions are given, by the pointing game too. A cell that stands
in the file is not run again, and one that was cut short goes on where its last checkpoint stands. The table ends with
the differences between rows of the same seeds.

Masks of synthetic slices are not known: those of a slice's NEIGHBOURS nearest real training slices with the same word
vote. How well that finds the mask of real test slices is measured and stands in the file as `mask_dice`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt
import torch
from cells import CONFIGS, Length
from derived import derived_store

from medattngan.conditions.table import encoded, of_run
from medattngan.conditions.text import TEXT, Text, measure_text
from medattngan.core.config import Config
from medattngan.core.files import atomic_path, digest, read_json, write_json
from medattngan.core.run import Run
from medattngan.data.images import load_images, resize
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.metrics.matching import interval, pointed
from medattngan.scans.captions.regions import Regions, read_regions
from medattngan.scans.patients.conventions import named
from medattngan.stages.evaluate.evaluate import evaluate
from medattngan.stages.evaluate.text import attributes
from medattngan.stages.explain.words import word_maps
from medattngan.stages.ingest.pseudonyms import load_salt, pseudonym
from medattngan.stages.sample.sample import latents, load_generator, sample
from medattngan.stages.train.train import train

ROWS: dict[str, tuple[str, list[str]]] = {
    "compact_text": ("compact_text", []),
    "sentence": ("compact_text", ["attention.words=[]"]),
    "numbers": ("compact", ["data.conditions=[{columns}]"]),
    "attngan": ("attngan", []),
    "unconditional": ("compact", []),
}
NEIGHBOURS = 5
POINTED_AT_MOST = 400
Masks = npt.NDArray[np.float64]


def stores(work: Path, store: SliceStore) -> tuple[SliceStore, SliceStore, list[str]]:
    """The slices whose captions tell them apart; the same with a column of 0 and 1 for each word; those columns."""
    words = attributes(measure_text(store.split("train").index), list(map(str, store.split("train").index[TEXT])))
    has = np.array([[word in str(one).split() for word in words] for one in store.index[TEXT]])
    part = store.select(has.any(1))
    told = derived_store(work / "store", part, {"kind": "slice store", "what": "slices that captions tell apart"})
    columns = {f"has_{word}": has[has.any(1), i].astype("float64") for i, word in enumerate(words)}
    part.index = part.index.assign(**columns)
    numbers = derived_store(work / "store-numbers", part, {"kind": "slice store", "what": "the same, with numbers"})
    return told, numbers, list(columns)


def trained(
    row: str, seed: int, length: Length, store: SliceStore, columns: list[str], work: Path, extra: list[str]
) -> Run:
    """Train a cell, or go on with it."""
    name, settings = ROWS[row]
    settings = [one.format(columns=",".join(columns)) for one in settings]
    budget = [*length.ends, "train.validate_minutes=null", f"train.seed={seed}"]
    config = Config.load(CONFIGS / f"{name}.yaml", [*settings, *budget, *extra])
    return train(config, store, work / f"{row}-{length}-seed{seed}" / "run", resume=True)


def measured(row: str, run: Run, store: SliceStore, columns: list[str], seed: int) -> dict[str, Any]:
    """Samples of the captions of the test slices, and their scores."""
    folder, test = run.path.parent, store.split("test").index
    captions = [str(one).split("\n", 1)[0] for one in test[TEXT]]
    if not (folder / "samples").is_dir():
        values: dict[str, Any] = {} if row == "unconditional" else {TEXT: captions}
        if row == "numbers":
            values = {name: test[name].to_numpy() for name in columns}
        shutil.rmtree(folder / "drawn", ignore_errors=True)
        made = sample(run, folder / "drawn", count=len(test), seed=seed, values=values, checkpoint="last")
        told = made.table.assign(**{TEXT: captions})
        Samples(made.codes, told, made.intensity, made.provenance).save(folder / "samples")
    if not (folder / "scores").is_dir():
        evaluate(folder / "samples", store, folder / "scores", seed=0, text=True)
    scores, said = (read_json(folder / "scores" / name) for name in ("scores.json", "text.json"))
    name = next(one for one in scores if one.startswith("fd["))
    return {"fd": {key: scores[name][key] for key in ("value", "ci95", "floor")}, **said}


def region_masks(store: SliceStore, recipe: Regions, scans: Path) -> dict[str, Masks]:
    """For each region the mask (slices, H, W) of every slice of an axial store, by the scanner's place of it.

    The maps are turned, padded to a square and resized as `ingest` does it with scans.
    """
    salt, names = load_salt(), {}
    for path in sorted(scans.rglob("*.nii.gz")):
        stem = path.name.removesuffix(".nii.gz")
        known = named(path.name)
        for called in (stem, stem.removesuffix("_T1"), path.name, *([] if known is None else [known[1]])):
            names[pseudonym(salt, "patient", called)] = stem
    masks = {name: np.zeros((len(store), store.size, store.size)) for name in recipe.values}
    for patient, rows in store.index.groupby("patient").indices.items():
        image: Any = nib.load(recipe.folder / f"{names[str(patient)]}{recipe.suffix}")
        wanted = nib.orientations.axcodes2ornt("PLS")  # type: ignore[no-untyped-call]
        image = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), wanted))  # type: ignore[no-untyped-call]
        labels, affine = np.asarray(image.dataobj), np.asarray(image.affine)
        sides = np.linalg.norm(affine[:3, :3], axis=0)
        square = max(labels.shape[0] * sides[0], labels.shape[1] * sides[1])
        more = [round(square / sides[i]) - labels.shape[i] for i in (0, 1)]
        pad = [(one // 2, one - one // 2) for one in more]
        planes = np.rint((store.index["position_mm"].to_numpy()[rows] - affine[2, 3]) / affine[2, 2]).astype(int)
        planes = planes.clip(0, labels.shape[2] - 1)
        for name, values in recipe.values.items():
            own = np.pad(np.isin(labels, values).astype(np.float32), [*pad, (0, 0)])[:, :, planes]
            small = resize(torch.from_numpy(own).permute(2, 0, 1)[:, None], store.size)[:, 0]
            masks[name][rows] = (small > 0.5).numpy()
    return masks


def kept_masks(path: Path, store: SliceStore, recipe: Regions, scans: Path) -> dict[str, Masks]:
    """`region_masks`, from `path` where they stand there."""
    if not path.is_file():
        with atomic_path(path) as temporary, temporary.open("wb") as handle:
            made = region_masks(store, recipe, scans)
            np.save(handle, np.stack([made[name] for name in recipe.values]).astype(bool), allow_pickle=False)
    found = np.load(path, allow_pickle=False)
    return {name: found[i].astype(np.float64) for i, name in enumerate(recipe.values)}


def voted(images: torch.Tensor, region: str, word: str, train: dict[str, Any]) -> Masks:
    """The mask of a region in images (N, 1, H, W): where most of the nearest training slices with the word have it."""
    has = np.flatnonzero([word in one.split() for one in train["captions"]])
    small = torch.nn.functional.interpolate(images, (32, 32), mode="bilinear", antialias=True).flatten(1)
    near = torch.cdist(small, train["small"][has]).topk(NEIGHBOURS, largest=False).indices.numpy()
    return np.asarray((train["masks"][region][has[near]].mean(1) > 0.5).astype(np.float64))


def region_words(recipe: Regions, vocabulary: tuple[str, ...]) -> dict[str, str]:
    """Of each region the word that no other region has: `lateral` of the lateral ventricles."""
    every = [word for name in recipe.values for word in name.split()]
    own = {name: [w for w in name.split() if every.count(w) == 1 and w in vocabulary] for name in recipe.values}
    return {name: words[-1] for name, words in own.items() if words}


def pointing(run: Run, store: SliceStore, masks: dict[str, Masks], recipe: Regions, seed: int) -> dict[str, Any]:
    """The pointing game of the maps of a run, height by height, word by word."""
    text = next(one for one in of_run(run.store) if isinstance(one, Text))
    generator = load_generator(run, run.checkpoint("last"))
    rows = {split: np.flatnonzero(store.index["split"] == split) for split in ("train", "test")}
    captions = [str(one).split("\n", 1)[0] for one in store.index[TEXT]]
    real = {split: load_images(store, own.tolist()) for split, own in rows.items()}
    train_set = {
        "captions": [captions[i] for i in rows["train"]],
        "masks": {name: own[rows["train"]] for name, own in masks.items()},
        "small": torch.nn.functional.interpolate(real["train"], (32, 32), mode="bilinear", antialias=True).flatten(1),
    }
    chosen = np.random.default_rng(seed).permutation(len(rows["test"]))[:POINTED_AT_MOST]
    told = [captions[rows["test"][i]] for i in chosen]
    width = int(generator.z_dim)  # type: ignore[arg-type]
    images, maps = word_maps(generator, latents(seed, 0, len(told), width), encoded([text], {TEXT: told}))
    found: dict[str, Any] = {"by_height": {}, "mask_dice": {}}
    for height, weights in maps.items():
        hits, chances, whose, by_word = [], [], list[int](), {}
        for region, word in region_words(recipe, text.vocabulary).items():
            own = [i for i, one in enumerate(told) if word in text.known(one)]
            if not own:
                continue
            places = [text.known(told[i]).index(word) for i in own]
            mask = voted(images[own], region, word, train_set)
            there = mask.any((1, 2))
            if not there.any():
                continue
            whose += np.asarray(own)[there].tolist()
            hit, chance = pointed(weights[own, places].numpy()[there], mask[there])
            hits.append(hit)
            chances.append(chance)
            by_word[word] = {"hit": float(hit.mean()), "chance": float(chance.mean()), "slices": len(hit)}
        if not hits:
            continue
        every, luck = np.concatenate(hits), np.concatenate(chances)
        low, high = interval(every, np.asarray(whose).astype(str), seed)
        found["by_height"][height] = {
            "value": float(every.mean()), "ci95": [low, high], "chance": float(luck.mean()), "by_word": by_word
        }  # fmt: skip
    for region, word in region_words(recipe, text.vocabulary).items():
        own = [i for i in range(len(rows["test"])) if word in captions[rows["test"][i]].split()]
        true = masks[region][rows["test"][own]]
        said = voted(real["test"][own], region, word, train_set)
        found["mask_dice"][word] = float(2 * (true * said).sum() / max((true + said).sum(), 1))
    return found


def differences(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """compact_text minus each other row, of trainings of one length, seed by seed, by score: mean, least, greatest."""
    lengths = dict.fromkeys(str(one["length"]) for one in cells)
    return [
        line for length in lengths for line in _of_length([one for one in cells if one["length"] == length], length)
    ]


def _of_length(cells: list[dict[str, Any]], length: str) -> list[dict[str, Any]]:
    measures = dict.fromkeys(name for one in cells for name in one["scores"] if "[" in name or name == "fd")
    lines = []
    for row in ROWS:
        for measure in measures:
            own = {(one["row"], one["seed"]): one["scores"][measure]["value"] for one in cells}
            first = {seed: value for (name, seed), value in own.items() if name == "compact_text"}
            others = {seed: value for (name, seed), value in own.items() if name == row != "compact_text"}
            pairs = [first[seed] - value for seed, value in others.items() if seed in first]
            if pairs:
                entry = {"length": length, "against": row, "measure": measure, "seeds": len(pairs)}
                entry |= {"mean": float(np.mean(pairs))}
                lines.append(entry | {"least": min(pairs), "greatest": max(pairs)})
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "work", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of training a cell")
    length.add_argument("--kimg", type=float, help="equal images in place of minutes: so many thousand")
    parser.add_argument("--row", action="append", choices=list(ROWS))
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--masks", type=Path, help="recipe of regions, for the pointing game")
    parser.add_argument("--scans", type=Path, help="the scans that the store was made of, with the same salt")
    parser.add_argument("--set", action="append", default=[], dest="extra")
    asked = parser.parse_args()
    length_of = Length.of(asked.minutes, asked.kimg)
    store, numbers, columns = stores(asked.work, SliceStore.open(asked.data))
    recipe = None if asked.masks is None else read_regions(asked.masks)
    masks = None if recipe is None else kept_masks(asked.work / "masks.npy", store, recipe, asked.scans)
    about = {"store": store.digest, "settings": asked.extra}
    record = read_json(asked.out) if asked.out.is_file() else {**about, "cells": []}
    if any(record.get(key, value) != value for key, value in about.items()):
        raise SystemExit("the file was begun with another store or other settings; give another --out")
    cells = record["cells"]
    for seed in asked.seed or [0]:
        for row in asked.row or list(ROWS):
            if any((one["row"], one["seed"], one["length"]) == (row, seed, str(length_of)) for one in cells):
                continue
            own = numbers if row == "numbers" else store
            run = trained(row, seed, length_of, own, columns, asked.work, asked.extra)
            entry = {"row": row, "seed": seed, "length": str(length_of)}
            entry |= {"kimg": read_json(run.checkpoint("last") / "checkpoint.json")["images"] / 1000}
            entry |= {"scores": measured(row, run, own, columns, seed)}
            if recipe is not None and masks is not None and ROWS[row][0] != "compact" and row != "sentence":
                entry["pointing"] = pointing(run, store, masks, recipe, seed)
            weights = digest(run.checkpoint("last") / "ema.safetensors")
            cells.append(entry | {"weights": weights, "provenance": read_json(run.path / "provenance.json")})
            write_json(asked.out, {**about, "differences": differences(cells), "cells": cells})
    for line in differences(cells):
        print(line)


if __name__ == "__main__":
    main()
