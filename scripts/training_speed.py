"""The speed of one training: images a second once it runs steadily, and what it took to come there.

What `benchmark_training.py` does in a process of its own for each row of its table.
"""

from __future__ import annotations

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmark_attention import resident

from medattngan.conditions.table import of_run
from medattngan.core.config import Config
from medattngan.core.files import write_json
from medattngan.data.batches import Batches
from medattngan.data.store import SliceStore
from medattngan.games.adversarial import AdversarialGame
from medattngan.models import build
from medattngan.stages.train.graphs import Recorder
from medattngan.stages.train.players import Players
from medattngan.stages.train.select import describe, select_training

WARM_UP = 2
"""Periods of the penalties before timing: rounds with them and rounds without have both been compiled by then."""
PARTS = 5
"""Parts of the time measured; their median counts."""
Result = dict[str, Any]


class UnsteadyError(Exception):
    """A loss was not a number."""


def measure_into(config: Config, data: Path, seconds: float, out: Path) -> None:
    """Write what `measure` found, or `failed` with one sentence, to `out`."""
    try:
        found: Result = measure(config, SliceStore.open(data), seconds)
    except Exception as error:  # whatever it is, it belongs into the table, and the other rows go on
        found = {"failed": reason(error)}
    write_json(out, found)


def reason(error: Exception) -> str:
    """The first sentence of an error, after its name, without the compiler's advice.

    >>> reason(RuntimeError("No kernel was found. Set CUDA_LAUNCH_BLOCKING=1\\nto see where"))
    'RuntimeError: No kernel was found.'
    """
    text = " ".join(str(error).split()).partition(" Set TORCH")[0]
    sentence, stop, _ = text.partition(". ")
    return f"{type(error).__name__}: {(sentence + stop).strip()[:300]}"


def prepare(config: Config, store: SliceStore, recorder: Recorder | None = None) -> Players:
    """The game that `train` would play; rounds recorded by `recorder`, or as the configuration says."""
    part = select_training(store, config)
    described = describe(store, part, config)
    torch.manual_seed(config.train.seed)
    system = build(config, of_run(described))
    batches = Batches(part, config.data.size, system.batch_size, config.train.seed, of_run(described))
    return Players(config, system, batches, recorder=recorder)


def measure(config: Config, store: SliceStore, seconds: float) -> Result:
    """Train until it runs steadily, then for about `seconds` more, on the device of the configuration.

    Returns:
        images_per_second: of the whole round, reading included; `parts` has that of each part of the time.
        start_seconds: what the first rounds took beyond their steady time: to compile, to choose kernels.
        reading_images_per_second: of reading batches alone, which a round waits for.
        peak_mb: on CUDA what the allocator held at most; elsewhere by how much the process grew at most.
        graphs, graph_breaks: of torch.compile; a whole network is few graphs without a break.

    Raises:
        UnsteadyError: a loss was not a number.
    """
    held = begin_memory()
    game = prepare(config, store)
    rounds_of_all_kinds, batch = period(game), game.system.batch_size
    warm_up = timed(game, lambda: play_rounds(game, WARM_UP * rounds_of_all_kinds))
    once = timed(game, lambda: play_rounds(game, rounds_of_all_kinds))
    rounds = rounds_of_all_kinds * max(1, round(seconds / PARTS / once))
    parts = [batch * rounds / timed(game, lambda: play_rounds(game, rounds)) for _ in range(PARTS)]
    rate = statistics.median(parts)
    return {
        "images_per_second": rate,
        "parts": parts,
        "rounds": rounds * PARTS,
        "start_seconds": max(0.0, warm_up - WARM_UP * rounds_of_all_kinds * batch / rate),
        "reading_images_per_second": _reading(game, rounds),
        **peak_memory(held),
        **_graphs(),
    }


def period(game: Players) -> int:
    """Of how many rounds one takes the penalties: in so many every kind of round is played."""
    rules = game.system.game
    return rules.objective.penalty_every if isinstance(rules, AdversarialGame) else 1


def play_rounds(game: Players, rounds: int) -> None:
    """Play so many rounds, and look at the losses of the last."""
    for _ in range(rounds):
        terms = game.play(0.0)
    for name, value in terms.items():
        if not math.isfinite(float(value)):
            raise UnsteadyError(f"{name} is {float(value)} after {game.state.progress.step} steps.")


def timed(game: Players, play: Callable[[], None]) -> float:
    """Seconds of `play`, until the device has done its part."""
    synchronise(game)
    began = time.perf_counter()
    play()
    synchronise(game)
    return time.perf_counter() - began


def synchronise(game: Players) -> None:
    """Wait until the device has done its part."""
    kind = game.fabric.device.type
    if kind == "cuda":
        torch.cuda.synchronize()
    elif kind == "mps":
        torch.mps.synchronize()


def _reading(game: Players, rounds: int) -> float:
    """Images a second of reading alone."""
    began, step = time.perf_counter(), game.state.progress.step
    for offset in range(rounds):
        game.batches(step + offset)
    return game.batches.batch_size * rounds / (time.perf_counter() - began)


def begin_memory() -> int:
    """Let the peaks start anew; bytes that this process holds already."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with contextlib.suppress(OSError):  # Linux's only, and not everywhere writable
        Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def peak_memory(held: int) -> Result:
    """What was held at most since `begin_memory` said `held`, in MB."""
    grown = (resident("VmHWM") - held) / 1e6
    peak = torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0
    # Nothing allocated there: the training was told to take the CPU.
    return {"peak_mb": peak or grown, "peak_of": "CUDA's allocator" if peak else "the process", "process_mb": grown}


def _graphs() -> dict[str, int]:
    """What torch.compile made of the networks; zeros without it."""
    from torch._dynamo.utils import counters  # here, because it loads the compiler

    breaks = sum(int(count) for count in counters["graph_break"].values())
    return {"graphs": int(counters["stats"]["unique_graphs"]), "graph_breaks": breaks}


def device() -> Result:
    """What the tables were made on, besides what provenance says."""
    if not torch.cuda.is_available():
        return {"name": "cpu", "threads": torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(0)
    return {
        "name": properties.name,
        "memory_mb": properties.total_memory / 1e6,
        "capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "tf32_convolutions": torch.backends.cudnn.allow_tf32,
        "tf32_products": torch.backends.cuda.matmul.allow_tf32,
    }
