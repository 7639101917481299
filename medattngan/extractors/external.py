"""Extractors that others made, by the path of a file: TorchScript or ONNX. RadImageNet's networks come in this way.

The network is given (B, channels, S, S) float32 in [-1, 1], gray repeated over the channels, S being the size the file
states, else 224, else what follows the path: `resnet50.onnx@224`. It returns (B, dim), or (B, dim, h, w), which is
averaged over places; of several results the first. The score's name carries the file's name and the first 8 digits of
its SHA-256, so that another file is another score.

A TorchScript file is a program: loading one runs code of whoever made it. Load only files you trust. An ONNX file
holds a graph of known operations and no code; it needs the extra `onnx`.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from medattngan.core.files import UserError, digest
from medattngan.core.types import Images

TRAINED_PX = 224
TORCHSCRIPT, ONNX = (".pt", ".pth", ".ts", ".torchscript"), (".onnx",)


class External(nn.Module):
    """(B, 1, H, W) in [-1, 1] → (B, dim) by someone else's network.

    Args:
        network: from (B, channels, size_px, size_px) to (B, dim) or (B, dim, h, w).
        channels: 1 or 3.
        size_px: the square that images are resized to (bicubic, antialiased, clipped to [-1, 1]).
    """

    def __init__(self, network: nn.Module, channels: int, size_px: int) -> None:
        super().__init__()
        self.network, self.channels, self.size_px = network, channels, size_px
        self.eval().requires_grad_(False)

    def forward(self, images: Images) -> Tensor:
        if images.shape[-2:] != (self.size_px, self.size_px):
            images = F.interpolate(images, (self.size_px, self.size_px), mode="bicubic", antialias=True).clamp(-1, 1)
        found = self.network(images.expand(-1, self.channels, -1, -1).contiguous())
        features: Tensor = found[0] if isinstance(found, list | tuple) else found
        return features.mean((2, 3)) if features.ndim == 4 else features.flatten(1)


class OnnxNetwork(nn.Module):
    """A session of ONNX Runtime as a module; it runs on the CPU, whatever the images lie on."""

    def __init__(self, session: Any) -> None:
        super().__init__()
        self.session = session
        self.input = session.get_inputs()[0].name

    def forward(self, images: Images) -> Tensor:
        stated = self.session.get_inputs()[0].shape[0]
        parts = torch.split(images, stated) if isinstance(stated, int) else [images]  # as exported without dynamic axes
        return torch.cat([self._run(part, stated if isinstance(stated, int) else len(part)) for part in parts])

    def _run(self, images: Images, count: int) -> Tensor:
        """Of a batch that is filled up to `count` by its last image."""
        filled = torch.cat([images, images[-1:].expand(count - len(images), -1, -1, -1)])
        found = self.session.run(None, {self.input: filled.cpu().numpy()})[0]
        return torch.from_numpy(found)[: len(images)]


def load_external(text: str) -> tuple[str, int, External, str]:
    """Load the file named by `text`, a path that may end in `@SIZE`.

    Returns:
        The extractor's name, the width of its features, the module, and the file's SHA-256.

    Raises:
        UserError: there is no such file, it is of another kind, or it does not take slices.
    """
    path, size = split_size(text)
    if not path.is_file():
        raise UserError(f"{path} does not exist; give --extractor a name, or a TorchScript or ONNX file.")
    found = digest(path)
    if path.suffix.lower() in ONNX:
        kind, module = "onnx", _load_onnx(path, size)
    elif path.suffix.lower() in TORCHSCRIPT:
        kind, module = "torchscript", _load_torchscript(path, size)
    else:
        raise UserError(f"{path} is neither {', '.join(TORCHSCRIPT)} nor {', '.join(ONNX)}; export it as one of them.")
    dim = _probe(module, path)
    px = "" if module.size_px == TRAINED_PX else f",{module.size_px}px"
    return f"{kind}:{path.stem}@{found[:8]}{px}", dim, module, found


def split_size(text: str) -> tuple[Path, int | None]:
    """A path and the size that may follow it.

    >>> split_size("nets/resnet50.onnx@128"), split_size("a@b.pt")
    ((PosixPath('nets/resnet50.onnx'), 128), (PosixPath('a@b.pt'), None))
    """
    if (match := re.fullmatch(r"(.+)@(\d+)", text)) and int(match[2]) > 0:
        return Path(match[1]), int(match[2])
    return Path(text), None


def _load_torchscript(path: Path, size: int | None) -> External:
    try:
        network: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} is not TorchScript ({reason}); save it with torch.jit.save.") from None
    # The first weight of four dimensions is the first convolution's.
    first = next((weight for weight in network.parameters() if weight.ndim == 4), None)
    channels = 3 if first is None else int(first.shape[1])
    return External(network, channels, size or TRAINED_PX)


def _load_onnx(path: Path, size: int | None) -> External:
    if importlib.util.find_spec("onnxruntime") is None:
        raise UserError(f"{path} needs ONNX Runtime; run: pip install 'medattngan[onnx]'")
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no base class of their own
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} cannot be loaded by ONNX Runtime ({reason}); export it again.") from None
    shape = session.get_inputs()[0].shape
    if len(shape) != 4:
        raise UserError(f"{path} takes input of shape {shape}, not (batch, channels, height, width); export it so.")
    channels, stated = shape[1] if isinstance(shape[1], int) else 3, shape[2]
    if isinstance(stated, int) and size not in (None, stated):
        raise UserError(f"{path} takes images of {stated} px only; leave out @{size}.")
    return External(OnnxNetwork(session), channels, stated if isinstance(stated, int) else size or TRAINED_PX)


def _probe(module: External, path: Path) -> int:
    """The width of the features, by trying on one black image."""
    try:
        with torch.inference_mode():
            found = module(torch.full((1, 1, module.size_px, module.size_px), -1.0))
    except Exception as error:  # whatever someone else's network raises
        reason = str(error).strip().splitlines()[-1]
        raise UserError(
            f"{path} does not take (1, {module.channels}, {module.size_px}, {module.size_px}) ({reason}); "
            "export a network of images, or give its size as PATH@SIZE."
        ) from None
    if found.ndim != 2 or not found.isfinite().all():
        raise UserError(f"{path} gives {tuple(found.shape)}, not finite features (1, dim); export its pooled features.")
    return int(found.shape[1])
