"""Features kept on disk under the digest of what made them, so that a second evaluation need not extract them.

The folder is $MEDATTNGAN_CACHE, or the user's cache folder. It holds features of real patients' slices: they
identify nobody by themselves, but treat the folder as you treat the scans. Deleting it is always safe.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from medattngan.core.files import atomic_path
from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import ImageRows
from medattngan.extractors.crew import Crew
from medattngan.extractors.table import Extractor, extract

_LOG = logging.getLogger(__name__)
STALE_SECONDS = 2 * 86_400
_VERSION = 1  # raise it when an extractor's preprocessing changes
_AT_ONCE = 64


def cache_folder() -> Path:
    """$MEDATTNGAN_CACHE, or `medattngan` in the platform's cache folder of the user."""
    if chosen := os.environ.get("MEDATTNGAN_CACHE"):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "medattngan"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "medattngan" / "Cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "medattngan"


def content_digest(images: ImageRows) -> str:
    """SHA-256 of shape and values, as 64 hex digits."""
    sha = hashlib.sha256(repr(tuple(images.shape)).encode())
    for start in range(0, len(images), _AT_ONCE):
        array = np.ascontiguousarray(images[start : start + _AT_ONCE].cpu().numpy(), dtype="<f4")
        sha.update(array.reshape(-1).data)  # in place: a copy of the images takes as long as their digest
    return sha.hexdigest()


def cached_features(
    extractor: Extractor,
    images: ImageRows,
    content: str | None = None,
    advance: Advance = uncounted,
    by: Crew | None = None,
) -> Tensor:
    """`extract(extractor, images)`, from the cache if the same images met the same extractor before.

    Args:
        extractor: what makes the features.
        images: (count, 1, H, W).
        content: `content_digest(images)`, where it is known.
        advance: is told how many more images have their features.
        by: the processes that make them; None for this one.
    """
    made_by = f"{_VERSION} {extractor.name} {extractor.digest} {content or content_digest(images)}"
    made_by += "" if by is None else " with one thread"  # which may differ in the last digits
    path = cache_folder() / "features" / f"{hashlib.sha256(made_by.encode()).hexdigest()}.npy"
    shape = (len(images), extractor.dim)
    if (found := _read(path, shape)) is not None:
        advance(len(images))
        return found
    features = extract(extractor, images, advance=advance) if by is None else by.extract(extractor, images, advance)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(path.parent)
        with atomic_path(path) as temporary, temporary.open("wb") as handle:
            np.save(handle, features.numpy(), allow_pickle=False)
    except OSError as error:
        _LOG.warning("features are not kept: %s cannot be written (%s)", path.parent, error)
    return features


def _sweep(folder: Path) -> None:
    """Remove what processes that died left half made. Others may be at work here, but none of them for days."""
    for part in folder.glob(".*.part"):
        if time.time() - part.stat().st_mtime > STALE_SECONDS:
            part.unlink(missing_ok=True)


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """The features at `path`, or None where there are none that fit."""
    if not path.is_file():
        return None
    try:
        features = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        _LOG.warning("%s is damaged (%s); its features are computed again", path, error)
        return None
    if features.shape != shape or features.dtype != np.float32 or not np.isfinite(features).all():
        _LOG.warning("%s holds other features than its name says; they are computed again", path)
        return None
    return torch.from_numpy(features)
