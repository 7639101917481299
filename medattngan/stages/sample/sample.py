"""Draw synthetic slices, or volumes of them, from a trained run. Needs the run only, never the scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from medattngan.conditions.condition import NOTHING, Column, Condition, Conditions
from medattngan.conditions.mask import NAME, Mask
from medattngan.conditions.table import draw, encoded, of_run
from medattngan.conditions.text import TEXT, Text
from medattngan.core.files import UserError, require_absent
from medattngan.core.locks import alone
from medattngan.core.progress import Advance, watching
from medattngan.core.room import require_room
from medattngan.core.run import Run, weights_of
from medattngan.core.types import Codes
from medattngan.data.intensity import unit_to_codes
from medattngan.data.mask_edits import Edit
from medattngan.data.masks import Masks
from medattngan.data.samples import Samples, write_samples
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.models.styles import Styled, truncated
from medattngan.stages.sample.masks import given_masks
from medattngan.stages.sample.records import record_of, table_of
from medattngan.stages.sample.volumes import volumes_asked, volumes_of
from medattngan.statistics.draws import require_seed

CHUNK = 16
"""Slices through the network at a time: always the same, so that no batch size can change a byte."""

BLOCK_PIXELS = 1 << 20
"""In memory at a time, as whole chunks: every slice then meets the same neighbours in any count."""
ROW_BYTES = 128
"""About what the table takes of a slice."""


SEEDS = 2**32
"""Seeds go up to here: NumPy reads a larger one as two words, and its slices would be those of smaller ones."""


def latents(seed: int, start: int, count: int, z_dim: int) -> Tensor:
    """Latents number `start` to `start + count` of `seed`, (count, z_dim); each depends on its own number alone.

    >>> torch.equal(latents(3, 0, 4, 8)[2:], latents(3, 2, 2, 8))
    True
    """
    rows = []
    for number in range(start, start + count):
        words = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(words[0]))
        rows.append(torch.randn(z_dim, generator=generator))
    return torch.stack(rows)


def load_generator(run: Run, checkpoint: Path) -> nn.Module:
    """The averaged generator of a checkpoint, on the CPU, ready to sample."""
    system = build(run.config, of_run(run.store))
    generator = system.networks[system.generator]
    generator.load_state_dict(load_file(weights_of(checkpoint)))
    return generator.eval().requires_grad_(False)


@torch.inference_mode()
def generate(generator: nn.Module, z: Tensor, conditions: Conditions = NOTHING, truncation: float = 1.0) -> Tensor:
    """Latents (N, z_dim) → images (N, 1, H, W) in [-1, 1], in chunks of one fixed size.

    The last chunk is filled up, because the kernels chosen for another batch size round differently.

    Args:
        conditions: what the generator is told, by name: (N, …) each.
        truncation: in (0, 1]; below 1 the slices are more typical and less varied. Styles are drawn to the mean style
            of the same conditions (Karras et al. 2019, arXiv:1812.04948, appendix B); a generator without styles
            gets latents of this standard deviation (Brock et al. 2019, arXiv:1809.11096, section 3.1).
    """
    images = []
    for start in range(0, len(z), CHUNK):
        told = {name: filled(one[start : start + CHUNK]) for name, one in conditions.items()}
        made = _drawn(generator, filled(z[start : start + CHUNK]), told, truncation)
        images.append(made[: len(z) - start].float().clamp(-1, 1))
    return torch.cat(images)


def _drawn(generator: nn.Module, z: Tensor, told: Conditions, truncation: float) -> Tensor:
    if truncation < 1 and isinstance(generator, Styled):
        return generator.draw([truncated(generator, z, told, truncation)] * len(generator.resolutions), told)
    drawn: Tensor = generator(z * truncation, told)
    return drawn


def filled(part: Tensor) -> Tensor:
    """CHUNK rows: those of `part`, and its first as often as it takes."""
    return torch.cat([part, part[:1].expand(CHUNK - len(part), *part.shape[1:])])


@alone
def sample(
    run: Run | str | Path,
    out: str | Path,
    *,
    count: int,
    seed: int = 0,
    label: str | None = None,
    values: Mapping[str, Any] | None = None,
    slices: int | None = None,
    step_mm: float | None = None,
    truncation: float = 1.0,
    checkpoint: str = "best",
    masks: str | Path | SliceStore | None = None,
    masks_split: str = "train",
    edits: Sequence[str | Edit] = (),
    say: Callable[[str], None] | None = None,
    progress: bool = True,
) -> Samples:
    """Write `count` synthetic slices to the folder `out` and return them, as a map of their file.

    They are drawn and written a block at a time, so that memory holds no more than a few of them.

    Without `label`, a conditional run draws labels as often as the training slices had them. A run of stacks writes
    `count` volumes, slice after slice; so does any run with `position_mm` where `slices` are asked for.

    Args:
        values: of the run's conditions, by name: one value for all slices, or one for each; text is read as on the
            command line. Those not given are drawn from the distribution of the training slices, each by itself.
        slices: of each volume; by default as many as the training series have of such a step.
        step_mm: from slice to slice, of a run that was not trained on stacks.
        masks: of a run that draws slices from masks: a store or samples with masks, or a file (see `read_masks`). They
            lie beside the slices in `out`, as do those that a run draws itself.
        masks_split: of a store.
        edits: changes to the masks, as `shift=thalamus:2,0` (see `data.mask_edits`).
        say: is told what the slices will take on disk, where that is much.
        progress: show on the terminal (stderr) how far it is.

    Raises:
        UserError: the run, label, values, count or truncation is not usable, `out` exists, or there is no room for it.
    """
    run = Run.of(run)
    require_absent(Path(out))
    _require(seed, count, truncation)
    side, volumes = run.config.data.size, volumes_asked(run, count, slices, step_mm, values or {})
    total = count if volumes is None else count * volumes.slices
    said = require_room(Path(out), total * (2 * side**2 + ROW_BYTES), f"{total} slices", "ask for a smaller --count")
    if said and say is not None:
        say(said)
    folder = run.checkpoint(checkpoint)
    generator = load_generator(run, folder)
    given = given_masks(run, masks, masks_split, edits, count, seed)
    chosen = choose(run, label, {**(values or {}), **given.values}, count, seed, say)
    told = [one for one in of_run(run.store) if one.name in chosen]
    record, intensity = record_of(run, folder, seed, count, truncation) | given.record, run.store["intensity"]
    if volumes is not None:
        chosen, record = volumes.columns(chosen), record | volumes.record()
        intensity = volumes.intensity(intensity)
    table = table_of(told, chosen, seed, total, truncation)
    table = table if volumes is None else volumes.table(table)
    with watching(progress) as watch:
        advance = watch("sampling slices", total)
        if volumes is None:
            made = slices_of(generator, told, chosen, seed, count, truncation, side, advance)
        else:
            made = volumes_of(generator, volumes, told, chosen, partial(latents, seed), truncation, advance)
        slices_made = (codes for codes, _ in made) if given.classes is None else pairs_of(made, chosen)
        write_samples(Path(out), slices_made, (side, side), table, intensity, record, given.classes)
    return Samples.open(out)


def _require(seed: int, count: int, truncation: float) -> None:
    """Raises: UserError: a number is out of range."""
    require_seed(seed)
    if seed >= SEEDS:
        raise UserError(f"--seed is {seed}; give one below {SEEDS}, since larger ones repeat slices of smaller ones.")
    if count < 1:
        raise UserError(f"--count is {count}; ask for at least one slice.")
    if not 0 < truncation <= 1:
        raise UserError(f"--truncation is {truncation}; it must lie above 0 and not above 1.")


def slices_of(
    generator: nn.Module,
    conditions: Sequence[Condition],
    chosen: Mapping[str, Column],
    seed: int,
    count: int,
    truncation: float,
    side: int,
    advance: Advance = lambda count: None,
) -> Iterator[tuple[Codes, Masks | None]]:
    """The slices as codes (n, side, side), a block at a time: what they are does not depend on where one ends; and
    their masks, of a generator that draws them."""
    block = CHUNK * max(1, BLOCK_PIXELS // (CHUNK * side**2))
    for start in range(0, count, block):
        n = min(block, count - start)
        z = latents(seed, start, n, int(generator.z_dim))  # type: ignore[arg-type]
        told = encoded(conditions, {name: column[start : start + n] for name, column in chosen.items()})
        drawn = generate(generator, z, told, truncation)
        masks = drawn[:, 1:].argmax(1).numpy().astype(np.uint8) if drawn.shape[1] > 1 else None
        yield unit_to_codes(drawn[:, 0].numpy()), masks
        advance(n)


def pairs_of(made: Iterable[tuple[Codes, Masks | None]], chosen: Mapping[str, Column]) -> Iterator[tuple[Codes, Masks]]:
    """Slices, each block with its masks: those drawn with them, or those that they were drawn from."""
    start = 0
    for codes, masks in made:
        yield codes, np.asarray(chosen[NAME][start : start + len(codes)], np.uint8) if masks is None else masks
        start += len(codes)


def choose(
    run: Run,
    label: str | None,
    values: Mapping[str, Any],
    count: int,
    seed: int,
    say: Callable[[str], None] | None = None,
) -> dict[str, Column]:
    """The value of each of the run's conditions for each slice, as given or drawn: by name, `count` each.

    Args:
        label: of every slice; the same as `values["label"]`.
        values: by the name of the condition, one for all slices or one for each; text as on the command line.
        say: is told which words of a caption the run does not know.

    Raises:
        UserError: the run has no such condition, or was not trained on such a value.
    """
    conditions = {one.name: one for one in of_run(run.store)}
    if label is not None:
        if "label" not in conditions:
            raise UserError(
                f"{run.path} was trained without labels; leave --label out or train with data.conditional=true."
            )
        values = {**values, "label": label}
    for name in values:
        if name not in conditions and name == TEXT:
            raise UserError(
                f"{run.path} was trained without captions; leave --text out, or train with data.conditions=[text]."
            )
        if name not in conditions:
            known = ", ".join(conditions)
            cure = f"it has {known}" if known else f"train with data.conditions=[{name}] for that"
            raise UserError(f"--condition {name}: {run.path} was trained without {name}; {cure}.")
    given = {one.name for one in conditions.values() if isinstance(one, Mask) and one.name in values}
    chosen = draw([one for name, one in conditions.items() if name not in given], count, seed)
    for name, given in values.items():
        chosen[name] = _each(conditions[name], given, count)
        if say is not None and isinstance(one := conditions[name], Text):
            _warn(one, [given] if isinstance(given, str) else list(given), say)
    return chosen


def _warn(text: Text, given: Sequence[str], say: Callable[[str], None]) -> None:
    """Say which words of the captions given are left out."""
    if unknown := list(dict.fromkeys(word for one in given for word in text.unknown(str(one)))):
        known = ", ".join(text.vocabulary)
        say(f"--text: this run does not know {', '.join(unknown)}; left out. It knows: {known}.")


def _each(condition: Condition, given: Any, count: int) -> Column:
    """One value for each slice of what was given: one for all, or a sequence.

    Raises:
        UserError: there are too few or too many, or training has not seen one.
    """
    several = isinstance(given, Iterable) and not isinstance(given, str) and getattr(given, "ndim", 1) > 0
    wanted = list(given) if several else [given] * count
    wanted = [condition.parse(one) if isinstance(one, str) else one for one in wanted]
    if len(wanted) != count:
        raise UserError(f"--condition {condition.name}: {len(wanted)} values for --count {count}; give one or each.")
    condition.require(wanted)
    return wanted
