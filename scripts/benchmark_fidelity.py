"""Time FID, KID and precision and recall on cached features against torch-fidelity, and compare the values.

python scripts/benchmark_fidelity.py [--count 2000] [--dim 2048] [--repeat 3] [--out FILE.json]

Needs torch-fidelity; its package imports torchvision, whose code takes no part in these metrics, so that an empty
module stands in for it where it is not installed. What is timed is what its command does once features are in its
cache: kernel_inception_distance of 100 subsets of 1000, precision and recall, frechet_inception_distance.
"""

from __future__ import annotations

import argparse
import importlib.machinery
import importlib.util
import os
import sys
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from benchmark_frechet import draw
from torch import Tensor

from medattngan.core.files import write_json
from medattngan.metrics import frechet_distance
from medattngan.metrics.kernel import SUBSET_SIZE, SUBSETS, discrepancy_replicates, kernels
from medattngan.metrics.prdc import balls, precision, recall
from medattngan.statistics.bootstrap import Plan

THEIR_SEED, THEIR_K = 2020, 3
"""torch-fidelity's defaults."""


def stand_in_for_torchvision() -> None:
    """Let torch-fidelity be imported where torchvision is not installed."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    classes = dict.fromkeys(("CIFAR10", "STL10", "CIFAR100"), object)
    for name in ("torchvision", "torchvision.datasets", "torchvision.transforms", "torchvision.transforms.functional"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__dict__.update(classes)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def theirs(real: Tensor, fake: Tensor) -> dict[str, float]:
    """torch-fidelity's values from features (count, dim)."""
    stand_in_for_torchvision()
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric
    from torch_fidelity.metric_prc import prc_features_to_metric

    statistics = [fid_features_to_statistics(features) for features in (fake, real)]
    found = fid_statistics_to_metric(*statistics, verbose=False)
    size = min(SUBSET_SIZE, len(real), len(fake))
    found |= kid_features_to_metric(fake, real, kid_subsets=SUBSETS, kid_subset_size=size, verbose=False)
    found |= prc_features_to_metric(fake, real, verbose=False)
    return {
        "fid": found["frechet_inception_distance"],
        "kid": found["kernel_inception_distance_mean"],
        "kid std": found["kernel_inception_distance_std"],
        "precision": found["precision"],
        "recall": found["recall"],
    }


def ours(real: Tensor, fake: Tensor) -> dict[str, float]:
    """The same by our metrics: the same subsets for KID, the same k for precision and recall."""
    subsets = discrepancy_replicates(kernels(real, fake), their_subsets(len(real), len(fake)))
    found = balls(real, fake, THEIR_K)
    return {
        "fid": frechet_distance(real, fake).item(),
        "kid": subsets.mean().item(),
        "kid std": subsets.std(correction=0).item(),
        "precision": precision(found).item(),
        "recall": recall(found).item(),
    }


def their_subsets(n_real: int, n_fake: int) -> Plan:
    """The subsets that torch-fidelity draws, which takes the synthetic side first."""
    rng = np.random.RandomState(THEIR_SEED)
    real, fake = torch.zeros(SUBSETS, n_real, dtype=torch.int64), torch.zeros(SUBSETS, n_fake, dtype=torch.int64)
    size = min(SUBSET_SIZE, n_real, n_fake)
    for row in range(SUBSETS):
        for side in (fake, real):
            side[row, torch.from_numpy(rng.choice(side.shape[1], size, replace=False))] = 1
    return Plan(real, fake)


def timed(
    measure: Callable[[Tensor, Tensor], dict[str, float]], real: Tensor, fake: Tensor, repeat: int
) -> tuple[dict[str, float], list[float]]:
    """The values, and the least wall and processor seconds of `repeat` runs: load distorts the second less."""
    wall, cpu = [], []
    for _ in range(repeat):
        start, start_cpu = time.perf_counter(), time.process_time()
        values = measure(real, fake)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return values, [min(wall), min(cpu)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table; write it to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    real, fake = (draw(given.count, given.dim, seed, shift).float() for seed, shift in ((1, 0.0), (2, 0.1)))
    theirs(real[:32, :4], fake[:32, :4])  # its import is not what is timed
    setup = {"count": given.count, "dim": given.dim, "threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    print(f"{given.count} x {given.dim} float32, {setup['threads']} threads, load {setup['load']:.1f}")
    values, seconds = {}, {}
    for name, measure in (("theirs", theirs), ("ours", ours)):
        values[name], seconds[name] = timed(measure, real, fake, given.repeat)
    for name, value in values["ours"].items():
        print(f"{name:12}{value:16.8f} ours{values['theirs'][name]:16.8f} torch-fidelity")
    for place, kind in enumerate(("wall s", "cpu s")):
        ratio = seconds["theirs"][place] / seconds["ours"][place]
        print(
            f"{kind:12}{seconds['ours'][place]:16.2f} ours{seconds['theirs'][place]:16.2f} torch-fidelity{ratio:8.1f}x"
        )
    if given.out:
        write_json(given.out, {"setup": setup, "values": values, "seconds": seconds})


if __name__ == "__main__":
    main()
