"""Whether the networks are better computed in bfloat16: on a CPU, where it multiplies in hardware."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import torch

from medattngan.core.config import TrainConfig

Precision = Literal["32-true", "bf16-mixed"]
HARDWARE = ("avx512_bf16", "amx_bf16")
"""Flags of processors with dot products of bfloat16 (Intel 64 and IA-32 Architectures Software Developer's Manual,
volume 1, sections 15.10 and 18): in vectors of 512 bits, or in tiles. Without, PyTorch emulates them, slower than
float32."""


def precision_for(options: TrainConfig) -> Precision:
    """The precision that `train.precision` means on this machine; `auto` is settled, others stay."""
    if options.precision != "auto":
        return options.precision
    return choose(_is_cpu(options.accelerator), processor_flags())


def choose(is_cpu: bool, flags: Collection[str]) -> Precision:
    """bf16 on a CPU with one of the flags. On a GPU float32 stays: small networks gained nothing there.

    >>> choose(True, {"avx2", "avx512_bf16"}), choose(True, {"avx2"}), choose(False, {"amx_bf16"})
    ('bf16-mixed', '32-true', '32-true')
    """
    return "bf16-mixed" if is_cpu and any(flag in flags for flag in HARDWARE) else "32-true"


def processor_flags(source: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """What the processor can do, in Linux's words; nothing where the system does not say."""
    if not source.is_file():
        return frozenset()
    for line in source.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, words = line.partition(":")
        if name.strip() == "flags":
            return frozenset(words.split())
    return frozenset()


def _is_cpu(accelerator: str) -> bool:
    elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
    return accelerator == "cpu" or (accelerator == "auto" and not elsewhere)
