"""How many GPUs pay: the arithmetic of docs/explanation/scaling.md, as Markdown tables.

    python scripts/model_scaling.py --out FILE.json

A round of a batch shared by n GPUs takes as long as its kernels on a share of the batch, or as launching them if that
is longer, and then as averaging the gradients in a ring. Operations and parameters are counted by building and playing
the default on noise; times come from docs/benchmarks/gpu.md and bandwidths from the makers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from medattngan.conditions.condition import Conditions
from medattngan.core.config import Config
from medattngan.core.files import write_json
from medattngan.core.types import Images
from medattngan.data.batches import Batches
from medattngan.games.adversarial import AdversarialGame
from medattngan.models import build
from medattngan.stages.train.players import Players

CONFIG = Path(__file__).parents[1] / "configs" / "compact.yaml"
COUNTED = 4
"""Images that are played to count operations: the discriminator compares groups of four."""
PAYS = 2 / 3
"""Share of n times the speed, at the least, at which n GPUs are said to pay."""
MOST = 64
"""GPUs looked at."""


@dataclass(frozen=True)
class Link:
    """An interconnect: bytes a second each way for one GPU, and seconds a message waits (assumed)."""

    name: str
    bandwidth: float
    latency: float


LINKS = (
    Link("NVLink 4", 450e9, 10e-6),
    Link("PCIe 5.0 ×16", 64e9, 10e-6),
    Link("InfiniBand NDR", 50e9, 10e-6),
    Link("Ethernet 100 Gb/s", 12.5e9, 30e-6),
    Link("Ethernet 10 Gb/s", 1.25e9, 50e-6),
)
MEASURED_KERNELS = {64: 801, 128: 1024}
"""In a round, by size (docs/benchmarks/gpu.md, as all that follows: `compact` on an H100)."""
LAUNCH_S = 28.6e-3 / 801
"""Between two kernels that are launched one by one, at 64 px in batches of 8: a round took 28.6 ms."""
KERNEL_S = 3.2e-3 / 801
"""A kernel at the least, from the same round, which was 3.2 ms in kernels: so small ones do not fill the card."""
MEASURED_LARGE = (128, 64, 15.6e-3)
"""Size, batch and seconds in kernels of the round from which the speed of a filled card is taken."""
MEASURED_OPERATIONS = 3.38e9
"""An image of that round, counted as `workload` counts, with the networks as they were when it was measured."""
SPEED = MEASURED_OPERATIONS * MEASURED_LARGE[1] / MEASURED_LARGE[2]
"""Operations a second of a filled card."""


@dataclass(frozen=True)
class Workload:
    """The default at one size.

    Args:
        operations: floating-point operations of a round per image, the mean over rounds with and without penalties.
        gradients: bytes that a round averages.
    """

    size: int
    operations: float
    gradients: int


class Noise:
    """A batch of noise whenever one is asked for, in the place of `Batches`."""

    conditions = ()
    store = range(0)

    def __init__(self, size: int) -> None:
        self.size, self.batch_size = size, COUNTED

    def __call__(self, step: int, rows: slice | None = None) -> tuple[Images, Conditions]:
        return torch.rand(COUNTED, 1, self.size, self.size) * 2 - 1, {}


class Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what PyTorch's own counter knows: convolutions and products, forwards and backwards.

    `FlopCounterMode` also follows modules, with hooks that gradients of gradients do not allow.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if (count := flop_registry.get(func._overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=found)
        return found


def workload(size: int, *settings: str) -> Workload:
    """Count what a round of the default at `size` px takes."""
    config = Config.load(
        CONFIG, [f"data.size={size}", f"train.batch_size={COUNTED}", "train.accelerator=cpu", *settings]
    )
    system = build(config)
    players = Players(config, system, cast(Batches, Noise(size)))
    counted = []
    for _ in range(2):  # the first round takes the penalties
        with Operations() as counter:
            players.play(0.0)
        counted.append(counter.total / COUNTED)
    every = system.game.objective.penalty_every if isinstance(system.game, AdversarialGame) else 1
    return Workload(size, counted[1] + (counted[0] - counted[1]) / every, gradient_bytes(config))


def gradient_bytes(config: Config) -> int:
    """What the gradients of all networks that are trained take, as float32."""
    system = build(config)
    return 4 * sum(p.numel() for name in system.rates for p in system.networks[name].parameters())


def ring_seconds(gradients: int, devices: int, link: Link) -> float:
    """To average so many bytes over `devices` in a ring: 2 (n - 1) messages of 1 / n of them (Patarasu & Yuan 2009).

    >>> ring_seconds(1000, 1, LINKS[0])
    0.0
    >>> ring_seconds(1000, 2, Link("slow", 1000.0, 0.0))
    1.0
    """
    return 2 * (devices - 1) * (gradients / devices / link.bandwidth + link.latency)


def round_seconds(kernels: float, floor: float, gradients: int, devices: int, link: Link) -> float:
    """A round whose kernels take `kernels` seconds on one device and `floor` at the least. Two phases average."""
    waits = 2 * (devices - 1) * link.latency  # of the second phase; the bytes of both are in `gradients`
    return max(kernels / devices, floor) + ring_seconds(gradients, devices, link) + waits * (devices > 1)


def devices_that_pay(kernels: float, floor: float, gradients: int, batch: int, link: Link) -> int:
    """The most devices, a power of two with whole groups of four, that are PAYS of so many times as fast as one."""
    alone = round_seconds(kernels, floor, gradients, 1, link)
    best, devices = 1, 2
    while devices <= min(MOST, batch // COUNTED):
        if alone / round_seconds(kernels, floor, gradients, devices, link) >= PAYS * devices:
            best = devices
        devices *= 2
    return best


def floor_seconds(size: int, graphs: bool) -> float:
    """What a round takes however small its share of the batch: a time for each kernel, in a graph or launched alone.

    Kernels are as many as measured at 64 and 128 px, and beyond as many more for each doubling.

    >>> round(floor_seconds(64, graphs=False) * 1e3, 1), round(floor_seconds(64, graphs=True) * 1e3, 1)
    (28.6, 3.2)
    """
    more = MEASURED_KERNELS[128] - MEASURED_KERNELS[64]
    kernels = MEASURED_KERNELS[64] + ((size // 64).bit_length() - 1) * more
    return kernels * (KERNEL_S if graphs else LAUNCH_S)


def table(workloads: list[Workload], batches: list[int], speed: float, graphs: bool) -> list[str]:
    """Markdown: of each size and batch, the devices that pay over each link."""
    head = "| px | batch | one GPU, ms | at the least, ms | " + " | ".join(link.name for link in LINKS) + " |"
    lines = [head, "|" + "--:|" * (head.count("|") - 1)]
    for one in workloads:
        for batch in batches:
            kernels, floor = one.operations * batch / speed, floor_seconds(one.size, graphs)
            pay = [devices_that_pay(kernels, floor, one.gradients, batch, link) for link in LINKS]
            times = f"{max(kernels, floor) * 1e3:.1f} | {floor * 1e3:.1f}"
            lines.append(f"| {one.size} | {batch} | {times} | {' | '.join(map(str, pay))} |")
    return lines


def main(
    sizes: Annotated[list[int] | None, typer.Option("--size", help="In pixels; 64 to 512 by default.")] = None,
    out: Annotated[Path | None, typer.Option(help="What was counted, as JSON.")] = None,
) -> None:
    """Print the tables."""
    shown = [workload(size) for size in sizes or (64, 128, 256, 512)]
    wide = gradient_bytes(Config.load(CONFIG, ["model.generator_width=64", "model.discriminator_width=64"]))
    print("| px | GFLOP an image | gradients, MB |\n|--:|--:|--:|")
    for one in shown:
        print(f"| {one.size} | {one.operations / 1e9:.2f} | {one.gradients / 1e6:.1f} |")
    print(f"\nWidth 64 in both networks at 64 px: {wide / 1e6:.1f} MB. An H100 in kernels: {SPEED / 1e12:.1f} TFLOP/s.")
    for graphs in (False, True):
        print("\nA round as one graph:\n" if graphs else "\nKernels launched one by one:\n")
        print("\n".join(table(shown, [8, 64, 256], SPEED, graphs)))
    if out is not None:
        write_json(out, {"speed": SPEED, "wide_gradients": wide, "workloads": [asdict(one) for one in shown]})


if __name__ == "__main__":
    typer.run(main)
