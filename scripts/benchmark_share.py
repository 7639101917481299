"""What share of the arithmetic that this machine can do the training of the default does, in one checkout or more.

    python scripts/benchmark_share.py --data STORE --tree BEFORE --tree . --out FILE.json

Attainable is the best of a few plain float32 3×3 convolutions of PyTorch, forward, on as many threads as the training
has: what oneDNN reaches where nothing is in its way. The arithmetic of a round is counted operation by operation
(torch.utils.flop_counter: convolutions and products of matrices), on this checkout and for all. Convolutions and
trees take turns, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from benchmark_trees import play, start
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry
from training_speed import period, prepare

from medattngan.core.config import Config
from medattngan.core.files import write_json
from medattngan.core.provenance import provenance
from medattngan.data.store import SliceStore

HERE = Path(__file__).parents[1]
PLAIN = ((16, 64, 32), (16, 128, 16), (8, 192, 16))
"""Batch, channels in and out, and height of the convolutions."""


class Counter(TorchDispatchMode):
    """Adds up the floating-point operations of what is called. PyTorch's own FlopCounterMode also asks which module
    each belongs to, and fails at gradients of gradients."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = func(*args, **(kwargs or {}))
        if func._overloadpacket in flop_registry:
            self.total += flop_registry[func._overloadpacket](*args, **(kwargs or {}), out_val=found)
        return found


def arithmetic(store: SliceStore) -> float:
    """Floating-point operations of a round, the mean over one period of the penalties."""
    config = Config.load(HERE / "configs" / "compact.yaml", [f"data.size={store.size}", "train.accelerator=cpu"])
    game = prepare(config, store)
    with Counter() as counter:
        for _ in range(period(game)):
            game.play(0.0)
    return float(counter.total / period(game))


def convolutions() -> list[tuple[Callable[[], Any], float]]:
    """Each with its floating-point operations."""
    found: list[tuple[Callable[[], Any], float]] = []
    for batch, channels, height in PLAIN:
        x = torch.randn(batch, channels, height, height).contiguous(memory_format=torch.channels_last)
        kernel = torch.randn(channels, channels, 3, 3).contiguous(memory_format=torch.channels_last)

        def convolve(x: torch.Tensor = x, kernel: torch.Tensor = kernel) -> torch.Tensor:
            return F.conv2d(x, kernel, padding=1)

        found.append((convolve, 2 * x.numel() * 9 * channels))
    return found


def attained(convolve: Callable[[], Any], operations: float, repeats: int = 10) -> float:
    """Operations a second."""
    began = time.perf_counter()
    for _ in range(repeats):
        convolve()
    return operations * repeats / (time.perf_counter() - began)


def main(
    data: Annotated[Path, typer.Option(help="A store; its size is that of the images.")],
    tree: Annotated[list[Path] | None, typer.Option(help="A checkout; this one by default.")] = None,
    turns: Annotated[int, typer.Option(help="How often each plays.")] = 9,
    rounds: Annotated[int, typer.Option(help="A turn; one in 4 takes the penalties.")] = 16,
    out: Annotated[Path | None, typer.Option(help="The table as JSON.")] = None,
) -> None:
    """Print the table and write it."""
    trees = tree or [HERE]
    operations, plain = arithmetic(SliceStore.open(data)), convolutions()
    players = [start(one, data) for one in trees]
    for player in players:
        play(player, rounds)
    peaks, rates = [], []
    with torch.no_grad():
        for _ in range(turns):
            peaks.append(max(attained(*one) for one in plain))
            rates.append([operations * rounds / play(player, rounds)["seconds"] for player in players])
    for player in players:
        player.kill()
    rows = [
        {
            "tree": one.resolve().name, "gflops": statistics.median(turn[i] for turn in rates) / 1e9,
            "share": statistics.median(turn[i] / peak for turn, peak in zip(rates, peaks, strict=True)),
        }
        for i, one in enumerate(trees)
    ]  # fmt: skip
    peak = statistics.median(peaks) / 1e9
    print(f"a round: {operations / 1e9:.2f} GFLOP; plain convolutions: {peak:.0f} GFLOP/s")
    for row in rows:
        print(f"{row['tree']:16} {row['gflops']:6.1f} GFLOP/s, {row['share']:.0%} of attainable")
    if out is not None:
        told = {"round_gflop": operations / 1e9, "attainable_gflops": peak, "threads": torch.get_num_threads()}
        write_json(out, {**told, "rows": rows, "provenance": provenance(0)})


if __name__ == "__main__":
    typer.run(main)
