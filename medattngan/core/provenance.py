"""Where and with what a folder was made."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import Any

import torch

from medattngan.core import allocator, openmp
from medattngan.core.version import __version__

_LIBRARIES = ("torch", "lightning-fabric", "monai", "numpy", "pydicom", "nibabel")


def provenance(seed: int) -> dict[str, Any]:
    """Where and with what a folder was made: versions, hardware, seed. No host name and no user name."""
    return {
        "seed": seed,
        "versions": {
            "medattngan": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _LIBRARIES},
        },
        "hardware": {
            "machine": platform.machine(),
            "system": platform.system(),
            "cpu_count": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "openmp": openmp.told(),
            "allocator": allocator.told(),
            "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }
