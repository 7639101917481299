"""Names for the tensors that travel through the package, with their shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from torch import Tensor

Latent: TypeAlias = Tensor
"""(B, z_dim), standard normal."""

Images: TypeAlias = Tensor
"""(B, 1, H, W) in [-1, 1]."""

Features: TypeAlias = Tensor
"""(B, C, H, W), what lives between two layers."""

Logits: TypeAlias = Tensor
"""(B,), the discriminator's unbounded score of each image; higher is more real."""

Codes: TypeAlias = npt.NDArray[np.uint16]
"""(..., H, W), pixels as stored: 0 is the lower end of the intensity map, 65535 the upper."""

Physical: TypeAlias = npt.NDArray[np.float32]
"""(..., H, W), pixels in the units of the scan: HU, or the scanner's own."""


class ImageRows(Protocol):
    """Images (count, 1, H, W) that are asked for a few at a time: a tensor, or what makes them then."""

    @property
    def shape(self) -> Sequence[int]:
        """(count, 1, H, W)."""

    def __len__(self) -> int: ...

    def __getitem__(self, key: Any) -> Images: ...
