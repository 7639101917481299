"""Inception v3 with the TensorFlow weights of 2015: the only extractor whose Fréchet distance is called FID.

Network and preprocessing are torch-fidelity's (optional extra `inception`), whose features agree with the
original TensorFlow graph. Nothing is downloaded: the weights are a file the user names, known by its digest.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch import Tensor, nn

from medattngan.core.files import UserError, digest
from medattngan.core.types import Images

DIM = 2048
WEIGHTS_NAME = "weights-inception-2015-12-05-6726825d.pth"
WEIGHTS_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{WEIGHTS_NAME}"
WEIGHTS_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"


class InceptionV3(nn.Module):
    """(B, 1, H, W) in [-1, 1] → (B, 2048), pooled features of Inception v3 on gray repeated to three bytes.

    Raises:
        UserError: the extra is not installed, or the weights file is missing or is another one.
    """

    def __init__(self, weights: Path | None) -> None:
        super().__init__()
        check_weights(weights)
        if importlib.util.find_spec("torch_fidelity") is None:
            raise UserError("the extractor inception needs its extra; run: pip install 'medattngan[inception]'")
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        # It unpickles the file, whose digest was checked above.
        options = {"feature_extractor_weights_path": str(weights)}
        self.network = FeatureExtractorInceptionV3("inception", ["2048"], **options)
        self.eval().requires_grad_(False)

    def forward(self, images: Images) -> Tensor:
        bytes_ = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        features: Tensor = self.network(bytes_.expand(-1, 3, -1, -1))[0]
        return features


def check_weights(weights: Path | None) -> None:
    """Check that `weights` is the file that FID is defined by.

    Raises:
        UserError: it is missing, or its SHA-256 is another.
    """
    if weights is None:
        raise UserError(f"the extractor inception needs --weights FILE; fetch the file from {WEIGHTS_URL}")
    if not weights.is_file():
        raise UserError(f"{weights} does not exist; give --weights the file from {WEIGHTS_URL}")
    if (found := digest(weights)) != WEIGHTS_SHA256:
        wanted = f"SHA-256 {found[:12]}…, not {WEIGHTS_SHA256[:12]}…"
        raise UserError(f"{weights} has {wanted}; download it again from {WEIGHTS_URL}")
