"""Look into a run: what its attentions read in a synthetic slice, how open their gates are, what lies between latents.

attention-NETWORK-N.png   query points and the maps of what they read; one file per attention of both networks
words-HEIGHT.png          of a run with captions: where each word is read; one file per height at which words are read
mask.png                  of a run with masks: the mask that the slice was drawn from, or that was drawn with it
gates.csv, gates.png      the gate γ of each attention, how much it adds, the shares of a dynamic one
interpolation.png         from one latent to the next, along each condition, from label to label, without each structure
explanation.json          run, seed, points, and what there was not to show
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.conditions.condition import Condition
from medattngan.conditions.labels import Label
from medattngan.conditions.mask import Mask
from medattngan.conditions.numbers import Number
from medattngan.conditions.table import encoded, of_run
from medattngan.conditions.text import Text
from medattngan.core.files import UserError, atomic_folder, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.run import Run, every_network
from medattngan.core.seal import seal
from medattngan.core.types import Images
from medattngan.data.mask_edits import Edit
from medattngan.data.masks import Classes, Masks
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.explain.figures import save_gates, save_maps, save_mask, save_strips
from medattngan.stages.explain.maps import Attended, Point, maps, observe
from medattngan.stages.explain.paths import STEPS, slerp
from medattngan.stages.explain.points import choose_points, given_points
from medattngan.stages.explain.words import save_words, word_maps
from medattngan.stages.sample.masks import Given, given_masks
from medattngan.stages.sample.origin import origin
from medattngan.stages.sample.sample import choose, generate, latents, load_generator

NO_OTHERS: Mapping[str, Sequence[Any]] = MappingProxyType({})
LONGEST_STRIP = 16
"""Slices in a row of the figure."""


@dataclass(frozen=True)
class Explanation:
    """The folder that was written, and what the reader must be told."""

    path: Path
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """The slice to explain: slice `number` of what `sample RUN --seed SEED` writes.

    Args:
        conditions: what the run is told.
        values: of each condition, by name: one, as people give it.
        given: the mask that it is drawn from, the classes of masks, and where they come from; empty of other runs.
    """

    run: Run
    generator: nn.Module
    seed: int
    number: int
    conditions: Sequence[Condition]
    values: Mapping[str, Any]
    given: Given

    def latent(self, ahead: int = 0) -> Tensor:
        """(1, z_dim): of this slice, or of one that many further on."""
        return latents(self.seed, self.number + ahead, 1, int(self.generator.z_dim))  # type: ignore[arg-type]

    def told(self, count: int, values: Mapping[str, Sequence[Any]] = NO_OTHERS) -> dict[str, Tensor]:
        """What the networks are told of `count` slices: this slice's values, but for those given."""
        return encoded(self.conditions, {**{name: [one] * count for name, one in self.values.items()}, **values})

    def words(self) -> list[str]:
        """The words of its caption, as the generator reads them; none where it has none."""
        return [
            word for one in self.conditions if isinstance(one, Text) for word in one.known(str(self.values[one.name]))
        ]

    def draw(self, z: Tensor, values: Mapping[str, Sequence[Any]] = NO_OTHERS) -> Images:
        """The slices of latents (count, z_dim), of this slice's values but for those given."""
        return generate(self.generator, z, self.told(len(z), values))[:, :1]

    def mask(self, drawn: Tensor) -> Masks | None:
        """(H, W) that it was drawn from, or that stands beside it in `drawn` (1, 1 + classes, H, W); None of runs
        without masks."""
        if drawn.shape[1] > 1:
            return drawn[0, 1:].argmax(0).numpy().astype(np.uint8)
        return next((np.asarray(self.values[one.name]) for one in self.conditions if isinstance(one, Mask)), None)


@alone
def explain(
    run: Run | str | Path,
    out: str | Path,
    *,
    seed: int = 0,
    number: int = 0,
    points: Sequence[Point] = (),
    label: str | None = None,
    values: Mapping[str, Any] | None = None,
    checkpoint: str = "best",
    masks: str | Path | SliceStore | None = None,
    masks_split: str = "train",
    edits: Sequence[str | Edit] = (),
) -> Explanation:
    """Explain slice `number` of `seed` and write the folder `out`. Needs the run only, never the scans.

    Args:
        points: rows and columns, in pixels, of what to ask for what it reads; four telling ones where none are given.
        label, values, masks, masks_split, edits: as for `sample`.

    Raises:
        UserError: the run, seed, number, points, label, values or masks are not usable, or `out` exists.
    """
    run = Run.of(run)
    require_absent(Path(out))
    if seed < 0 or number < 0:
        raise UserError(f"--seed is {seed} and --number is {number}; they must be 0 or more.")
    folder = every_network(run, checkpoint)
    given = given_masks(run, masks, masks_split, edits, number + 1, seed)
    subject = _subject(run, folder, seed, number, label, values or {}, given)
    drawn, attended = _attended(subject, _load_discriminator(run, folder))
    image, mask = drawn[:, :1], subject.mask(drawn)
    read = word_maps(subject.generator, subject.latent(), subject.told(1))[1]
    places = given_points(points, image.shape[-1]) if points else choose_points(image)
    notes = [] if read and not attended else _notes(run, attended)
    with atomic_folder(Path(out)) as target:
        for one in attended:
            if one.kind != "none":
                found = {name: maps(one, point, image.shape[-1]) for name, point in places.items()}
                save_maps(target / f"attention-{one.network}-{one.number}.png", image, one, places, found)
        for height, weights in read.items():
            save_words(target / f"words-{height}.png", image, subject.words(), weights[0])
        if mask is not None and given.classes is not None:
            of_patient = bool(given.record["masks"]["of_patients"])
            save_mask(target / "mask.png", image, mask, given.classes.names, of_patient=of_patient)
        if attended:
            _write_gates(target / "gates.csv", attended)
            save_gates(target / "gates.png", attended)
        save_strips(target / "interpolation.png", _strips(subject))
        write_json(target / "explanation.json", _record(subject, folder, places, notes))
        seal(target, "explanation")
    return Explanation(Path(out), tuple(notes))


def _subject(
    run: Run, folder: Path, seed: int, number: int, label: str | None, values: Mapping[str, Any], given: Given
) -> Subject:
    chosen = choose(run, label, {**values, **given.values}, number + 1, seed)
    own = {name: drawn[number] for name, drawn in chosen.items()}
    told = [one for one in of_run(run.store) if one.name in own]
    return Subject(run, load_generator(run, folder), seed, number, told, own, given)


def _load_discriminator(run: Run, checkpoint: Path) -> nn.Module | None:
    """The discriminator of a checkpoint, on the CPU, fixed; None where the system has none."""
    system = build(run.config, of_run(run.store))
    if system.discriminator is None:
        return None
    discriminator = system.networks[system.discriminator]
    discriminator.load_state_dict(load_file(checkpoint / f"{system.discriminator}.safetensors"))
    return discriminator.eval().requires_grad_(False)


def _attended(subject: Subject, discriminator: nn.Module | None) -> tuple[Images, list[Attended]]:
    """What was drawn, (1, 1, H, W) in [-1, 1] or with its mask (1, 1 + classes, H, W), and the attentions of both
    networks at work on it."""
    told = subject.told(1)
    drawn, attended = observe("generator", subject.generator, subject.latent(), told)
    drawn = drawn.clamp(-1, 1)
    if discriminator is not None:
        attended += observe("discriminator", discriminator, drawn, told)[1]
    return drawn, attended


def _notes(run: Run, attended: Sequence[Attended]) -> list[str]:
    """What there is not to show, in sentences."""
    if not attended:
        return ["This run has no attention (attention.resolutions is []): there are no maps and no gates to show."]
    if run.config.attention.kind == "none":
        return [
            "This run has no attention (attention.kind is none): there are no maps to show. The gates are those of the "
            "blocks that stand in its place, in which every position sees itself alone."
        ]
    shut = [f"{one.network} {one.number}" for one in attended if one.gamma == 0]
    if shut:
        return [f"The gate of {', '.join(shut)} is 0, as in a new network: what it reads does not reach the slice."]
    return []


def _write_gates(path: Path, attended: Sequence[Attended]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "network": one.network,
            "attention": one.number,
            "kind": one.kind,
            "height": one.height,
            "gamma": f"{one.gamma:.6g}",
            "added": f"{one.added:.6g}",
            **{f"share_{name}": f"{share:.6g}" for name, share in one.shares().items()},
        }
        for one in attended
    ]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _strips(subject: Subject) -> dict[str, tuple[Images, list[str]]]:
    """Every way from this slice, by its name."""
    first, second = subject.latent()[0], subject.latent(1)[0]
    words = [f"{share:.0%}" for share in np.linspace(0, 1, STEPS)]
    title = f"from latent {subject.number} to latent {subject.number + 1} of seed {subject.seed}"
    strips = {title: (subject.draw(slerp(first, second)), words)}
    for one in subject.conditions:
        if isinstance(one, Number):
            values = one.column(np.linspace(one.lower, one.upper, STEPS).tolist())
            images = subject.draw(first.expand(STEPS, -1), {one.name: values.tolist()})
            strips[f"along {one.name}, same latent"] = (images, [f"{value:.4g}" for value in values])
    for one in subject.conditions:
        if isinstance(one, Label):
            names = list(one.names[:LONGEST_STRIP])
            strips["label by label, same latent"] = (
                subject.draw(first.expand(len(names), -1), {one.name: names}),
                names,
            )
        if isinstance(one, Mask):
            masks, names = _without(np.asarray(subject.values[one.name]), Classes(one.classes))
            images = subject.draw(first.expand(len(masks), -1), {one.name: masks})
            strips["without each structure of the mask, same latent"] = (images, names)
    return strips


def _without(mask: Masks, classes: Classes) -> tuple[list[Masks], list[str]]:
    """A mask as it is, and without each structure that is in it."""
    names = [classes.names[number] for number in np.unique(mask) if number][: LONGEST_STRIP - 1]
    masks = [mask, *(Edit("remove", name).apply(mask[None], classes)[0] for name in names)]
    return masks, ["as it is", *("\n".join(name.split()) for name in names)]


def _record(subject: Subject, folder: Path, places: Mapping[str, Point], notes: Sequence[str]) -> dict[str, Any]:
    masked = [one for one in subject.conditions if isinstance(one, Mask)]
    told = {**subject.values, **{one.name: one.column([subject.values[one.name]])[0] for one in masked}}
    return {
        **origin(subject.run, folder, subject.seed),
        **subject.given.record,
        "number": subject.number,
        "label": told.pop("label", None),
        "conditions": told,
        "points": {name: list(point) for name, point in places.items()},
        "notes": list(notes),
    }
