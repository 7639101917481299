"""Where a generator reads the words of a caption: a map for each word, at each height at which it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from medattngan.attention.words import WordAttention2d
from medattngan.core.plots import save_picture
from medattngan.core.types import Images
from medattngan.stages.explain.figures import BANNER, draw_slice

COLUMNS = 6


@torch.no_grad()
def word_maps(generator: nn.Module, z: Tensor, told: Mapping[str, Tensor]) -> tuple[Images, dict[int, Tensor]]:
    """The slices of latents (B, z_dim), and by height of its maps how much each position reads of each word.

    Returns:
        (B, 1, H, W), and (B, T, height, height) each, summing to 1 over the words. Of several attentions at one height,
        the last.
    """
    found: dict[int, Tensor] = {}

    def keep(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        assert isinstance(module, WordAttention2d)
        found[given[0].shape[-1]] = module.weights(*given).float()

    hooks = [one.register_forward_hook(keep) for one in generator.modules() if isinstance(one, WordAttention2d)]
    try:
        images = torch.as_tensor(generator(z, told)).clamp(-1, 1)
    finally:
        for hook in hooks:
            hook.remove()
    return images, found


def save_words(path: Path, image: Images, words: Sequence[str], maps: Tensor) -> None:
    """The slice (1, 1, H, W), and over it how much of each word its positions read: maps (T, height, height)."""
    rows = -(-(1 + len(words)) // COLUMNS)
    figure = Figure(figsize=(0.6 + 1.9 * COLUMNS, 0.9 + 2.1 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    size = image.shape[-1]
    for number, shown in enumerate(axes):
        if number > len(words):
            shown.set_axis_off()
            continue
        draw_slice(shown, image)
        shown.set_title("the slice" if number == 0 else words[number - 1], fontsize=9)
        if number:
            own = maps[number - 1]
            drawn = shown.imshow(
                own.cpu().numpy(), cmap="inferno", vmin=0, vmax=max(float(maps.max()), 2 / len(words)), alpha=0.7,
                interpolation="nearest", extent=(-0.5, size - 0.5, size - 0.5, -0.5),
            )  # fmt: skip
    figure.colorbar(drawn, ax=axes.tolist(), shrink=0.6, label="share of what a position reads")
    figure.suptitle(f"{BANNER}\nwhere each word is read, at {maps.shape[-1]} × {maps.shape[-1]}", fontsize=9)
    save_picture(path, figure)
