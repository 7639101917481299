"""What CUDA graphs do to one training: speed, how busy the GPU is, how soon it begins, and whether it stays the same.

What `graph_table.py` does in a process of its own for each row of its tables. Without a GPU a round played anew
from the same buffers stands for the graph (`Unrecorded`), so that all of this can be run, and its figures mean nothing.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from training_speed import PARTS, Result, begin_memory, peak_memory, period, play_rounds, prepare, reason, timed

from medattngan.core.config import Config
from medattngan.core.files import write_json
from medattngan.data.store import SliceStore
from medattngan.stages.train.graphs import CudaGraphs, Recorder, Unrecorded
from medattngan.stages.train.players import Players

ROUNDS = 20
"""After which graph and eager rounds are compared."""
ROUNDING = 1e-3
"""Two trainings are one, if their weights are apart by at most this share of the way they have come. Kernels that add
up in an order of their own each time set it: Adam's first steps are as long for a gradient of rounding as for any."""


def game_of(config: Config, store: SliceStore) -> Players:
    """The game of `train.graphs=on`, with a stand-in where there is no GPU, or of `off`."""
    if config.train.graphs == "off":
        return prepare(config, store)
    return prepare(config, store, None if on_gpu(config) else Unrecorded())


def on_gpu(config: Config) -> bool:
    """Whether a training of this configuration takes a GPU here."""
    return torch.cuda.is_available() and config.train.accelerator in ("auto", "cuda")


def measure_speed_into(config: Config, data: Path, seconds: float, out: Path) -> None:
    """Write what `measure_speed` found, or `failed` with one sentence, to `out`."""
    _into(out, lambda: measure_speed(config, SliceStore.open(data), seconds))


def measure_equality_into(config: Config, data: Path, seconds: float, out: Path) -> None:
    """Write what `measure_equality` found, or `failed` with one sentence, to `out`."""
    del seconds
    _into(out, lambda: measure_equality(config, SliceStore.open(data)))


def _into(out: Path, measure: Any) -> None:
    try:
        found: Result = measure()
    except Exception as error:  # whatever it is, it belongs into the table, and the other rows go on
        found = {"failed": reason(error)}
    write_json(out, found)


def measure_speed(config: Config, store: SliceStore, seconds: float) -> Result:
    """Train for about `seconds` once every kind of round has been played.

    Returns:
        images_per_second: of the whole round, reading included; the median of `parts`.
        first_seconds: the first round, to the end of the first replay of its graph.
        start_seconds: what all kinds of round took beyond their steady time.
        kernels, kernel_ms, busy: operations on the GPU in a round, how long they ran, and that as a share of a round
            without the profiler; None without a GPU.
        peak_mb: see `training_speed.measure`.
    """
    held = begin_memory()
    game = game_of(config, store)
    every, batch = period(game), game.system.batch_size
    began = time.perf_counter()
    first = timed(game, lambda: play_rounds(game, 1))
    timed(game, lambda: play_rounds(game, 2 * every - 1))
    start = time.perf_counter() - began
    once = timed(game, lambda: play_rounds(game, every))
    rounds = every * max(1, round(seconds / PARTS / once))
    parts = [batch * rounds / timed(game, lambda: play_rounds(game, rounds)) for _ in range(PARTS)]
    rate = statistics.median(parts)
    return {
        "how": "eager" if game.recordings is None else type(game.recordings.recorder).__name__,
        "images_per_second": rate,
        "parts": parts,
        "rounds": rounds * PARTS,
        "first_seconds": first,
        "start_seconds": max(0.0, start - 2 * every * batch / rate),
        "slices_on_device": type(game.slices).__name__ == "Resident",
        **_kernels(game, every, batch / rate),
        **peak_memory(held),
    }


def _kernels(game: Players, rounds: int, seconds: float) -> Result:
    """What runs on the GPU in the mean of so many rounds, by PyTorch's profiler; a round takes `seconds` without it."""
    if game.fabric.device.type != "cuda":
        return {"kernels": None, "kernel_ms": None, "busy": None}
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiler:
        play_rounds(game, rounds)
        torch.cuda.synchronize()
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if str(event.device_type).endswith("CUDA")
        and not getattr(event, "is_user_annotation", False)
        and not event.name.startswith(("Optimizer.", "ProfilerStep"))
    ]
    busy = covered(spans) / 1e6 / rounds
    return {"kernels": len(spans) / rounds, "kernel_ms": busy * 1000, "busy": busy / seconds}


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of intervals: what overlaps counts once.

    >>> covered([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0)])
    4.0
    """
    total, end = 0.0, float("-inf")
    for begin, until in sorted(spans):
        total += max(0.0, until - max(begin, end))
        end = max(end, until)
    return total


def measure_equality(config: Config, store: SliceStore) -> Result:
    """How far apart trainings are after ROUNDS rounds, as shares of the way that the eager one has come.

    Returns:
        graph_and_same_round: a graph against the round it was captured from, played operation by operation.
        graph_and_eager: against `train.graphs=off`, whose optimiser is made of other operations.
        eager_and_eager: `off` against itself once more: what the device's own kernels leave open.
        tolerance, equal: whether the first is at most ROUNDING, or no more than twice the last.
    """
    start: dict[str, Tensor] = {}
    ways = {}
    for name in ("graph", "same", "eager", "again"):
        graphs = "on" if name in ("graph", "same") else "off"
        asked = config.model_copy(update={"train": config.train.model_copy(update={"graphs": graphs})})
        recorder: Recorder | None = Unrecorded() if name == "same" else None
        game = game_of(asked, store) if recorder is None else prepare(asked, store, recorder)
        start = start or _weights(game)
        play_rounds(game, ROUNDS)
        ways[name] = _weights(game)
        if name == "graph" and on_gpu(config):
            assert game.recordings is not None
            assert isinstance(game.recordings.recorder, CudaGraphs)

    def apart(one: str, other: str) -> float:
        return max(float((ways[one][n] - ways[other][n]).norm() / (ways["eager"][n] - start[n]).norm()) for n in start)

    own, spread = apart("graph", "same"), apart("eager", "again")
    return {
        "rounds": ROUNDS,
        "graph_and_same_round": own,
        "graph_and_eager": apart("graph", "eager"),
        "eager_and_eager": spread,
        "tolerance": ROUNDING,
        "equal": own <= max(ROUNDING, 2 * spread),
    }


def _weights(game: Players) -> dict[str, Tensor]:
    """Of each network and its average, as one vector on the host."""
    return {
        name: torch.cat([tensor.detach().double().flatten().cpu() for tensor in network.state_dict().values()])
        for name, network in game.state.files().items()
    }
