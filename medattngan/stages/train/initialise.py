"""Start a training from the networks of another run, or of the zoo.

What both trainings tell their networks goes on; what only one tells, or what means something else there, such as labels
of other names, begins afresh: with every label and value alike, the networks then do at first what they did there,
but where a layer is spectrally normalised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.attention import all_attention
from medattngan.conditions.labels import Label
from medattngan.conditions.mask import Mask
from medattngan.conditions.numbers import Number
from medattngan.conditions.table import of_run
from medattngan.conditions.text import Text
from medattngan.core.config import Config
from medattngan.core.files import UserError, digest
from medattngan.core.run import MODEL_WEIGHTS, Run, every_network, is_packed
from medattngan.core.zoo import PREFIX, located
from medattngan.games.game import System
from medattngan.models.text_encoder import TextEncoder
from medattngan.stages.train.checkpoint import averaged_name

BEGAN = "began_from"
"""Where a run's records say from which networks it began."""
KINDS = {
    "labels": re.compile(r"embedding\.|.*\.(gain|shift)\.weight$"),
    "numbers": re.compile(r"(.*\.)?values\."),
    "masks": re.compile(r"(spades|outlines?)\."),
    "captions": re.compile(r"(text|sentence|words|search)\."),
}
"""What the networks are told, and which of their weights are for it."""
SILENT = re.compile(r"embedding\.|(.*\.)?values\.output\.|spades\.\d+\.output\.|outlines?\.|sentence\.")
"""Weights that start at zero where they begin afresh: the last layer of each alone, since with two in a row at zero
neither would ever learn."""
RANGES_APART = 0.1
"""So far, of the wider one, may the ends of a number's range lie apart and its values still mean the same."""
NORMED = ".parametrizations.weight"
"""Between the name of a spectrally normalised layer and those of its tensors: a weight of zeros has no norm, so these
begin as they are drawn."""
Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Start:
    """Networks to begin from.

    Args:
        name: `zoo:NAME`, or `a run`: a path may name a patient.
        path: where they are, for sentences.
        run: that trained them.
    """

    name: str
    path: str
    run: Run

    @classmethod
    def of(cls, given: Start | Run | str | Path) -> Start:
        """A start that is open already, or that of a run, of its path, or of `zoo:NAME`.

        Raises:
            UserError: there is none there.
        """
        if isinstance(given, Start):
            return given
        path = located(given) if isinstance(given, str | Path) else None
        run = Run.of(given if path is None else path)
        name = str(given) if isinstance(given, str | Path) and str(given).startswith(PREFIX) else "a run"
        return cls(name, name if name != "a run" else str(run.path), run)

    @property
    def store(self) -> Mapping[str, Any]:
        """What the run kept of its training slices."""
        return self.run.store

    @property
    def folder(self) -> Path:
        """Of the files of its networks.

        Raises:
            UserError: it has no checkpoint, or a generator alone.
        """
        whole = is_packed(self.run.path) and (self.run.path / "discriminator.safetensors").is_file()
        return self.run.path if whole else every_network(self.run, "last")

    def file(self, name: str) -> Path:
        """That of a network, or of its averaged weights."""
        return self.folder / (MODEL_WEIGHTS if name == "ema" and is_packed(self.folder) else f"{name}.safetensors")

    def weights(self, name: str) -> Weights:
        """Of a network.

        Raises:
            UserError: it had none of this name.
        """
        if not self.file(name).is_file():
            raise UserError(f"{self.path} has no network {name}; begin from a run with the same preset.")
        return load_file(self.file(name))

    def record(self, afresh: Sequence[str]) -> dict[str, Any]:
        """What the new run keeps of it: nothing of any patient, and no path."""
        return {
            "name": self.name,
            "generator_sha256": digest(self.file("ema")),
            "store": self.store["digest"],
            "afresh": list(afresh),
        }


def require_begin(begin: Start | None, system: System, config: Config, resumed: bool) -> None:
    """Refuse to start a training that only goes on with what another has learned, from nothing or from another preset.

    Args:
        begin: the networks that it is to begin from.
        resumed: it has begun already.

    Raises:
        UserError: naming the preset that is wanted.
    """
    if system.continues is None or (begin is None and resumed):
        return
    if begin is None or begin.run.config.model.preset != system.continues:
        raise UserError(
            f"model.preset={config.model.preset} goes on with what a run of {system.continues} has learned; give one: "
            "--begin RUN."
        )


@torch.no_grad()
def begin_from(given: Start | Run, system: System, described: dict[str, Any] | None = None) -> list[str]:
    """Give the networks of `system` the weights of the last checkpoint, the averaged ones where there are such.

    Networks that the start has none of, such as the discriminators of neighbours and volumes where it drew single
    slices, stay as they were drawn, and so does what lies across slices or is a flow: both begin by doing nothing.

    Args:
        described: what the new run keeps of its training slices; which networks it began from is added. None where
            it tells its networks what the other one did, as far as the shapes agree.

    Returns:
        In sentences, from what it begins, and what begins afresh.

    Raises:
        UserError: the networks are of another shape.
    """
    start = Start.of(given)
    before, now = _told(start.store), _told(start.store if described is None else described)
    afresh: set[str] = set()
    for player, network in system.networks.items():
        name = averaged_name(player, system.generator) if player in system.averaged else player
        if system.depth > 1 and not start.file(name).is_file():
            continue
        weights = start.weights(name)
        _require_alike(weights, network.state_dict(), start)
        afresh |= {
            kind for kind in KINDS if any(KINDS[kind].match(key) and key not in network.state_dict() for key in weights)
        }
        afresh |= _take(weights, network, before, now)
    if described is not None:
        described[BEGAN] = start.record(sorted(afresh))
    said = [f"begins from the networks of {start.path}"]
    return said + ([f"{', '.join(sorted(afresh))} begin afresh: they are not what those were told"] if afresh else [])


def _take(weights: Weights, network: nn.Module, before: Told, now: Told) -> set[str]:
    """Write what can be kept into the network; which kinds of its weights begin afresh."""
    afresh = set()
    attention = tuple(all_attention().values())
    gated = [f"{at}." for at, module in network.named_modules() if type(module) in attention]
    for key, own in network.state_dict().items():
        kind = next((kind for kind, pattern in KINDS.items() if pattern.match(key)), None)
        kind = "captions" if isinstance(network, TextEncoder) else kind
        kept = weights.get(key)
        if kept is not None and _is_rows(network, key):
            tokens = kind == "captions"
            names = [(told.words if tokens else told.labels) for told in (before, now)]
            if names[0] != names[1] or kept.shape != own.shape:
                afresh.add(kind or "labels")
            _take_rows(own, kept, names[0], names[1], words=tokens)
        elif kept is not None and kept.shape == own.shape and before.agrees(now, kind):
            own.copy_(kept)
        else:
            afresh.add(kind or ("attention" if key.startswith(tuple(gated)) else "other layers"))
            if SILENT.match(key) and NORMED not in key:
                own.zero_()
    return afresh


def _is_rows(network: nn.Module, key: str) -> bool:
    """Whether a weight has a row for each label or word, spectrally normalised or not."""
    owner, _, leaf = key.rpartition(".")
    return leaf in ("weight", "original") and isinstance(
        network.get_submodule(owner.removesuffix(NORMED)), nn.Embedding
    )


def _take_rows(own: Tensor, kept: Tensor, before: Sequence[str], now: Sequence[str], words: bool) -> None:
    """Rows (names, width) that both know by name; a new label begins as the mean of those there, a new word as made."""
    if len(kept) == len(own) and tuple(before) == tuple(now):
        own.copy_(kept)
        return
    shift = 1 if words else 0  # token 0 is no word
    if not words:
        own.copy_(kept.mean(0).expand_as(own))
    places = {name: place + shift for place, name in enumerate(before)}
    for place, name in enumerate(now):
        if name in places and place + shift < len(own):
            own[place + shift].copy_(kept[places[name]])


@dataclass(frozen=True)
class Told:
    """What the networks of a training are told, by name."""

    labels: tuple[str, ...]
    numbers: tuple[Number, ...]
    classes: tuple[str, ...]
    words: tuple[str, ...]

    def agrees(self, other: Told, kind: str | None) -> bool:
        """Whether weights of this kind mean the same in both."""
        if kind == "numbers":
            same = [one.name for one in self.numbers] == [one.name for one in other.numbers]
            return same and all(map(_same_range, self.numbers, other.numbers))
        return kind != "masks" or self.classes == other.classes


def _same_range(one: Number, other: Number) -> bool:
    """Whether what the networks are told of a value, its place in the range, is about the same in both."""
    widest = max(one.upper - one.lower, other.upper - other.lower)
    return max(abs(one.lower - other.lower), abs(one.upper - other.upper)) <= RANGES_APART * widest


def _told(store: Mapping[str, Any]) -> Told:
    conditions = of_run(store)
    masks = [one for one in conditions if isinstance(one, Mask)]
    return Told(
        labels=tuple(name for one in conditions if isinstance(one, Label) for name in one.names),
        numbers=tuple(one for one in conditions if isinstance(one, Number)),
        classes=tuple(str(record["name"]) for one in masks for record in one.classes),
        words=tuple(word for one in conditions if isinstance(one, Text) for word in one.vocabulary),
    )


def _require_alike(weights: Weights, own: Weights, start: Start) -> None:
    """Refuse networks that differ in more than what they are told.

    Raises:
        UserError: naming the first weight.
    """
    for key, tensor in weights.items():
        told = any(pattern.match(key) for pattern in KINDS.values())
        if not told and (key not in own or own[key].shape != tensor.shape):
            raise UserError(
                f"{start.path} has other networks than this configuration makes ({key}); "
                "begin from a run with the same preset, size, widths and attention, and of sagan with labels as here, "
                "or without as here."
            )
