"""What every folder says of the run whose generator drew what is in it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from medattngan.core.files import digest
from medattngan.core.provenance import provenance
from medattngan.core.run import Run, weights_of


def origin(run: Run, checkpoint: Path, seed: int) -> dict[str, Any]:
    """Seed, versions, hardware; that it is synthetic; the digest of the weights, and of store and weights together."""
    weights = digest(weights_of(checkpoint))
    return {
        **provenance(seed),
        "synthetic": True,
        "run": hashlib.sha256(f"{run.store['digest']}{weights}".encode()).hexdigest()[:16],
        "weights_digest": weights,
    }
