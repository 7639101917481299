"""Time and memory of attention, forward and backward, against the textbook version, all in one run.

    python scripts/benchmark_attention.py --out attention.json

Every round times each case once, so that ours and the textbook's share whatever else the machine does; the
ratio is the median over rounds. Extra memory is the peak above what the process holds before the call: on the
CPU the peak resident set of a process of its own for each case, on CUDA the allocator's peak.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from medattngan.attention.additive import attend_additive, scores_additive
from medattngan.attention.functional import attend, attend_textbook
from medattngan.core.files import write_json

MAPS, TOKENS, WIDTH, VALUE_WIDTH = 4, 4096, 16, 64
"""SAGAN's attention at 64² with 128 channels: queries and keys C/8 wide, values C/2."""
SCALE = WIDTH**-0.5


def additive_textbook(q: Tensor, k: Tensor, v: Tensor, energy: Tensor) -> Tensor:
    """Additive attention by broadcasting."""
    return scores_additive(q, k, energy).softmax(-1).to(v.dtype) @ v


@dataclass(frozen=True)
class Case:
    """`run` on inputs of these sizes. Without rounds it is measured once, for its memory."""

    run: Callable[..., Tensor]
    maps: int
    queries: int
    keys: int
    energy: bool = False
    timed: bool = True

    def inputs(self, device: str, dtype: torch.dtype) -> list[Tensor]:
        torch.manual_seed(0)
        keys, values = (self.maps, 1, self.keys, WIDTH), (self.maps, 1, self.keys, VALUE_WIDTH)
        shapes: list[tuple[int, ...]] = [(self.maps, 1, self.queries, WIDTH), keys, values]
        shapes += [(WIDTH,)] if self.energy else []
        return [torch.randn(shape, device=device, dtype=dtype).requires_grad_() for shape in shapes]


def dot_ours(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return attend(q, k, v, SCALE)


def dot_textbook(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return attend_textbook(q, k, v, SCALE)


CASES: dict[str, Case] = {
    "scaled_dot 4096, textbook": Case(dot_textbook, MAPS, TOKENS, TOKENS),
    "scaled_dot 4096, ours": Case(dot_ours, MAPS, TOKENS, TOKENS),
    "scaled_dot 4096 pooled, textbook": Case(dot_textbook, MAPS, TOKENS, TOKENS // 4),
    "scaled_dot 4096 pooled, ours": Case(dot_ours, MAPS, TOKENS, TOKENS // 4),
    "additive 1024, textbook": Case(additive_textbook, 8, 1024, 1024, energy=True),
    "additive 1024, ours": Case(attend_additive, 8, 1024, 1024, energy=True),
    "additive 2048, ours": Case(attend_additive, 8, 2048, 2048, energy=True, timed=False),
    "additive 4096, ours": Case(attend_additive, 8, 4096, 4096, energy=True, timed=False),
}


@dataclass(frozen=True)
class Bar:
    """How many times more the first case must need than the second."""

    quantity: str
    more: str
    less: str
    at_least: float


BARS = [
    Bar("seconds", "scaled_dot 4096, textbook", "scaled_dot 4096, ours", 2.0),
    Bar("extra_mb", "scaled_dot 4096, textbook", "scaled_dot 4096, ours", 10.0),
    Bar("seconds", "scaled_dot 4096, textbook", "scaled_dot 4096 pooled, ours", 4.0),
    Bar("seconds", "additive 1024, textbook", "additive 1024, ours", 1.6),
]


def once(case: Case, inputs: list[Tensor]) -> float:
    """Seconds of one forward and backward pass."""
    if inputs[0].is_cuda:
        torch.cuda.synchronize()
    started = time.perf_counter()
    torch.autograd.grad(case.run(*inputs).sum(), inputs)
    if inputs[0].is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def resident(name: str) -> int:
    """Bytes of this process in memory: VmRSS now, VmHWM at most."""
    status = Path("/proc/self/status")
    if not status.exists():  # elsewhere than on Linux only the peak is known: bytes on macOS
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(fields[name].split()[0]) * 1024


def memory_here(case: Case, device: str, dtype: torch.dtype) -> dict[str, float]:
    """Seconds, and peak MB above what the process holds before the pass."""
    small = Case(case.run, 1, 16, 16, case.energy)
    once(small, small.inputs(device, dtype))  # the libraries' own buffers are made now
    inputs = case.inputs(device, dtype)
    gc.collect()
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        seconds = once(case, inputs)
        return {"seconds": seconds, "extra_mb": (torch.cuda.max_memory_allocated() - before) / 1e6}
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")  # the peak starts anew, from what is resident now
    before = resident("VmRSS")
    seconds = once(case, inputs)
    return {"seconds": seconds, "extra_mb": (resident("VmHWM") - before) / 1e6}


def memory_of(name: str, arguments: argparse.Namespace) -> dict[str, float]:
    """`memory_here` in a process of its own."""
    options = ["--device", arguments.device, "--threads", str(arguments.threads), "--dtype", arguments.dtype]
    command = [sys.executable, __file__, "--memory", name, *options]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    dtype = getattr(torch, arguments.dtype)
    timed = {name: case for name, case in CASES.items() if case.timed}
    inputs = {name: case.inputs(arguments.device, dtype) for name, case in timed.items()}
    rounds = [{name: once(case, inputs[name]) for name, case in timed.items()} for _ in range(arguments.rounds + 1)]
    seconds = {name: [one[name] for one in rounds[1:]] for name in timed}  # the first round warms up
    memory = {name: memory_of(name, arguments) for name in CASES}
    cases = {
        name: {
            "seconds": statistics.median(seconds.get(name, [memory[name]["seconds"]])),
            "seconds_all": seconds.get(name, [memory[name]["seconds"]]),
            "extra_mb": memory[name]["extra_mb"],
        }
        for name in CASES
    }
    return {"cases": cases, "bars": [judged(bar, cases) for bar in BARS]}


def judged(bar: Bar, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    more, less = cases[bar.more], cases[bar.less]
    if bar.quantity == "seconds":
        pairs = zip(more["seconds_all"], less["seconds_all"], strict=True)
        ratio = statistics.median(a / b for a, b in pairs)
    else:
        ratio = more[bar.quantity] / max(less[bar.quantity], 1e-3)
    return {**vars(bar), "ratio": ratio, "met": ratio >= bar.at_least}


def hardware(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0].split(':')[1].strip()}, {os.cpu_count()} cores"


def show(result: dict[str, Any]) -> None:
    print(f"{result['hardware']}; torch {result['torch']}; {result['threads']} threads; {result['dtype']}")
    print(f"| {'forward + backward':<34} | {'seconds':>8} | {'extra MB':>8} |")
    print(f"|{'-' * 36}|{'-' * 9}:|{'-' * 9}:|")
    for name, case in result["cases"].items():
        print(f"| {name:<34} | {case['seconds']:8.3f} | {case['extra_mb']:8.1f} |")
    for bar in result["bars"]:
        verdict = "met" if bar["met"] else "MISSED"
        print(f"{bar['quantity']}: {bar['more']} / {bar['less']}", end=" ")
        print(f"= {bar['ratio']:.2f}, at least {bar['at_least']}: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the result to this JSON file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--memory", choices=list(CASES), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.memory:
        print(json.dumps(memory_here(CASES[arguments.memory], arguments.device, getattr(torch, arguments.dtype))))
        return
    load = os.getloadavg()[0]
    result = {
        "hardware": hardware(arguments.device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": arguments.threads,
        "dtype": arguments.dtype,
        "rounds": arguments.rounds,
        **measure(arguments),
        "load_average": [load, os.getloadavg()[0]],
    }
    show(result)
    if arguments.out:
        write_json(arguments.out, result)
        print(arguments.out)


if __name__ == "__main__":
    main()
