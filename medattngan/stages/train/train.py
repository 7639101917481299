"""The verb: a configuration and a store → a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from medattngan.augment import LEAKS
from medattngan.conditions.table import of_run
from medattngan.core.config import Config
from medattngan.core.files import UserError, digest
from medattngan.core.locks import only_writer, sweep_inside
from medattngan.core.progress import ProgressLine
from medattngan.core.run import Run, every_network
from medattngan.data.stack_batches import StackBatches, batches_of
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.graphs import recorder_for
from medattngan.stages.train.initialise import begin_from, require_begin
from medattngan.stages.train.loop import Training
from medattngan.stages.train.overfit import Overfitting
from medattngan.stages.train.players import Players
from medattngan.stages.train.private import (
    Privacy,
    PrivateSlices,
    forget_secret,
    settled,
)
from medattngan.stages.train.ranks import Ranks, require_shares
from medattngan.stages.train.resolve import resolved
from medattngan.stages.train.select import describe, select_training
from medattngan.stages.train.validate import Validation

BETWEEN_RESUMPTIONS = (
    "kimg", "minutes", "accelerator", "devices", "nodes", "compile", "graphs", "channels_last",
    "checkpoint_minutes", "checkpoint_steps",
)  # fmt: skip
"""Keys of `train` that may differ when a run is resumed: the budget, and what belongs to the machine."""


def train(
    config: Config | str | Path,
    data: SliceStore | str | Path,
    out: str | Path,
    *,
    resume: bool = False,
    begin: Run | str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Train `config` on the slices of `data` and leave everything in the run folder `out`.

        mg.train("compact", "store", "run")

    `config` is the name of a configuration that is shipped (see `mg.configs()`), the path of a YAML file, or a Config.

    With `resume`, go on from the last checkpoint in `out`, whose own configuration must agree in all but
    the budget and what belongs to the machine (`BETWEEN_RESUMPTIONS`); where there is no run yet, start one. With
    `begin`, start from the networks of that run instead of random ones.

    Raises:
        UserError: configuration and store or `begin` do not fit, what cannot be private is asked of a private training,
            `out` exists (without `resume`), another process writes to it, or the training diverged again after three
            roll-backs.
    """
    config, begin = Config.of(config), None if begin is None else Run.of(begin)
    store = SliceStore.of(data)
    part = select_training(store, config)
    config = settled(config, part, Path(out) if resume else None, begin)
    described = describe(store, part, config)
    conditions = of_run(described)
    torch.manual_seed(config.train.seed)
    system = build(config, conditions)
    config = resolved(config, system, len(part))
    require_shares(system.batch_size, config.train)
    batches = batches_of(
        part, config.data.size, system.batch_size, config.train.seed, conditions, system.depth, config.stack.step_mm
    )
    if isinstance(batches, StackBatches):
        described["stack"] = batches.record()
    privacy = Privacy.of(config, described["patients"])
    require_begin(begin, system, config, resume and (Path(out) / "config.yaml").is_file())
    if begin is not None:
        begin_from(begin, system)
        described["began_from"] = digest(every_network(begin, "last") / "ema.safetensors")
    ranks = Ranks(config.train)
    ranks.launch()
    recorder_for(config.train, ranks)  # a mistake in train.graphs is told before anything is written
    with ExitStack() as held, ProgressLine("training", progress and ranks.first) as line:

        def begun() -> Run:
            held.enter_context(only_writer(Path(out)))
            return _open_or_create(config, described, Path(out), resume, line)

        run = ranks.done_by_first(begun) or Run.open(out)
        ranks.agreed(0.0)  # all have opened it before the first writes to it again
        slices = None if privacy is None else PrivateSlices.of(run, part, system)
        players = Players(config, system, batches, ranks, say=line.say, slices=slices)
        _warn_of_leaks(system.policy, run, line)
        validation = Validation.prepare(store, config, line.say)
        overfitting = None if validation is None else Overfitting.prepare(store, config, players)
        Training(run, players, validation, overfitting, line, privacy).to_the_end()
        forget_secret(run.path)
        ranks.done_by_first(run.finish)
        ranks.part()
    return run


def _open_or_create(config: Config, described: dict[str, Any], out: Path, resume: bool, line: ProgressLine) -> Run:
    if not (resume and (out / "config.yaml").is_file()):
        return Run.create(out, config, described)
    run = Run.open(out)
    if run.store["digest"] != described["digest"]:
        raise UserError(f"{out} was trained on another store; resume with the one it began with.")
    if differing := _differences(run.config, config):
        raise UserError(
            f"{out} was begun with another configuration ({', '.join(differing)}); resume with its own: "
            f"{out / 'config.yaml'}."
        )
    sweep_inside(out)
    before, now = (one.train.devices * one.train.nodes for one in (run.config, config))
    if before != now:
        line.say(f"{out} was begun with {before} processes and goes on with {now}: from here it differs by rounding")
    return run.resume(config)


def _differences(begun: Config, asked: Config) -> list[str]:
    """What of the experiment differs, in words: each key with what the run was begun with, and what is asked."""
    old, new = begun.model_dump(mode="json"), asked.model_dump(mode="json")
    return [
        f"{section}.{key} was {value!r} and is {new[section][key]!r} now"
        for section, keys in old.items()
        for key, value in keys.items()
        if value != new[section][key] and not (section == "train" and key in BETWEEN_RESUMPTIONS)
    ]


def _warn_of_leaks(policy: Sequence[str], run: Run, line: ProgressLine) -> None:
    """Say which augmentations may leave medically false traces in this modality's synthetic slices."""
    modality = str(run.store["intensity"].get("modality"))
    named = [name for name in policy if name in LEAKS.get(modality, LEAKS["OT"])]
    if named:
        line.say(f"augment.policy has {', '.join(named)}: in {modality} the generator may learn to do the same")
