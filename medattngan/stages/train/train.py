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
from medattngan.core.files import UserError
from medattngan.core.locks import only_writer, sweep_inside
from medattngan.core.progress import ProgressLine
from medattngan.core.run import Run
from medattngan.data.stack_batches import StackBatches, batches_of
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.train.auto import AUTO, automatic
from medattngan.stages.train.graphs import recorder_for
from medattngan.stages.train.initialise import BEGAN, Start, begin_from, require_begin
from medattngan.stages.train.loop import Training
from medattngan.stages.train.overfit import Overfitting
from medattngan.stages.train.players import Players, moves_beta2
from medattngan.stages.train.private import Privacy, PrivateSlices, forget_secret, settled
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
    settings: Sequence[str] = (),
    resume: bool = False,
    begin: Start | Run | str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Train `config` on the slices of `data` and leave everything in the run folder `out`.

        mg.train("compact", "store", "run")

    `config` is the name of a configuration that is shipped (see `mg.configs()`), the path of a YAML file, or a Config;
    `auto` chooses by the store and the machine, and says what (see `auto.choose`). `settings` are `section.key=value`,
    as the command line's --set, for a configuration that is given by name or path.

    With `resume`, go on from the last checkpoint in `out`, whose own configuration must agree in all but
    the budget and what belongs to the machine (`BETWEEN_RESUMPTIONS`); where there is no run yet, start one. With
    `begin`, start from the networks of that run, or of `zoo:NAME` (see `mg.zoo()`), instead of random ones; what they
    were told and this training does not tell them, or tells otherwise, begins afresh and is said.

    Raises:
        UserError: configuration and store or `begin` do not fit, what cannot be private is asked of a private training,
            `out` exists (without `resume`), another process writes to it, or the training diverged again after three
            roll-backs.
    """
    out = Path(out)
    config, store, chosen = _configured(config, settings, data, out if resume else None)
    start = None if begin is None else Start.of(begin)
    part = select_training(store, config)
    config = settled(config, part, out if resume else None, start)
    described = describe(store, part, config)
    conditions = of_run(described)
    torch.manual_seed(config.train.seed)
    system = build(config, conditions)
    config = resolved(config, system, len(part))
    require_shares(system.batch_size, config.train, system.networks.values())
    batches = batches_of(
        part, config.data.size, system.batch_size, config.train.seed, conditions, system.depth, config.stack.step_mm
    )
    if isinstance(batches, StackBatches):
        described["stack"] = batches.record()
    privacy = Privacy.of(config, described["patients"])
    require_begin(start, system, config, resume and (out / "config.yaml").is_file())
    begun_with = [] if start is None else begin_from(start, system, described)
    ranks = Ranks(config.train)
    ranks.launch()
    # A mistake in train.graphs is told before anything is written.
    recorder_for(config.train, ranks, moves_beta2(system))
    with ExitStack() as held, ProgressLine("training", progress and ranks.first) as line:
        run = _opened_by_all(ranks, held, config, described, out, resume, line)
        slices = None if privacy is None else PrivateSlices.of(run, part, system)
        for sentence in (*chosen, *([] if run.checkpoints() else begun_with)):
            line.say(sentence)
        players = Players(config, system, batches, ranks, say=line.say, slices=slices)
        _warn_of_leaks(system.policy, run, line)
        validation = Validation.prepare(store, config, line.say)
        overfitting = None if validation is None else Overfitting.prepare(store, config, players)
        Training(run, players, validation, overfitting, line, privacy).to_the_end()
        forget_secret(run.path)
        ranks.done_by_first(run.finish)
        ranks.part()
    return run


def _configured(
    config: Config | str | Path, settings: Sequence[str], data: SliceStore | str | Path, begun: Path | None
) -> tuple[Config, SliceStore, tuple[str, ...]]:
    """The configuration and the store that are meant; where the one was chosen by the other, why, in sentences."""
    if config == AUTO:
        store = SliceStore.of(data)
        chosen = automatic(store, settings, begun)
        return chosen.config, store, chosen.sentences
    given = Config.load(config, settings) if isinstance(config, str | Path) else Config.of(config)
    if settings and isinstance(config, Config):
        raise UserError("settings go with the name or the path of a configuration; change the Config itself.")
    return given, SliceStore.of(data), ()


def _opened_by_all(
    ranks: Ranks, held: ExitStack, config: Config, described: dict[str, Any], out: Path, resume: bool,
    line: ProgressLine,
) -> Run:  # fmt: skip
    """The run, begun or gone on with by the first process, which alone writes to it as long as `held` is open."""

    def begun() -> Run:
        held.enter_context(only_writer(out))
        return _open_or_create(config, described, out, resume, line)

    run = ranks.done_by_first(begun) or Run.open(out)
    ranks.agreed(0.0)  # all have opened it before the first writes to it again
    return run


def _open_or_create(config: Config, described: dict[str, Any], out: Path, resume: bool, line: ProgressLine) -> Run:
    if not (resume and (out / "config.yaml").is_file()):
        return Run.create(out, config, described)
    run = Run.open(out)
    if run.store["digest"] != described["digest"]:
        raise UserError(f"{out} was trained on another store; resume with the one it began with.")
    if BEGAN in run.store and BEGAN not in described and not run.checkpoints():
        raise UserError(
            f"{out} was stopped before its first checkpoint, so it has nothing yet of the networks it begins from; "
            "resume with the same --begin."
        )
    if described.get(BEGAN, run.store.get(BEGAN)) != run.store.get(BEGAN):
        raise UserError(f"{out} was begun from other networks than --begin names; resume without --begin.")
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
