"""Draw synthetic slices: the interface of medigan, https://github.com/RichardObi/medigan. Needs torch, numpy, pillow.

medigan calls `generate` with the base arguments of its configuration. model.json beside this file says what the network
takes. Slices are float32 in the units of the training scans; pictures are those between black and white as 16-bit PNG.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

BATCH = 16


def generate(
    model_file: str | Path,
    num_samples: int,
    output_path: str | Path,
    save_images: bool = True,
    seed: int | None = None,
    conditions: dict[str, Any] | None = None,
) -> list[Any] | None:
    """Draw `num_samples` slices, 0 or more.

    Args:
        model_file: model.ts of this package.
        num_samples: how many.
        output_path: the folder for the pictures, which is made.
        save_images: write pictures and return nothing, or write nothing and return the slices.
        seed: draws the same slices as `medattngan sample --seed`; None for new ones every time.
        conditions: by name, one value for all slices; those not given are drawn as training had them.

    Returns:
        A list of (H, W) float32 arrays in the units of the training scans, or None where pictures are saved.
    """
    about = json.loads((Path(__file__).parent / "model.json").read_text(encoding="utf-8"))
    model: Any = torch.jit.load(str(model_file), map_location="cpu")  # type: ignore[no-untyped-call]
    model.eval()
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
    inputs = _inputs(about, int(num_samples), seed, conditions or {})
    slices: list[Any] = []
    with torch.no_grad():
        for start in range(0, int(num_samples), BATCH):
            part = inputs[start : start + BATCH]
            # A short batch is filled up: kernels for another size round differently.
            filled = torch.cat([part, part[:1].expand(BATCH - len(part), -1)])
            slices += list(model(filled)[: len(part), 0].numpy())
    if not save_images:
        return slices
    folder = Path(output_path)
    folder.mkdir(parents=True, exist_ok=True)
    span = about["upper"] - about["lower"]
    said = PngInfo()
    said.add_text("Description", "SYNTHETIC slice, no patient")
    for number, values in enumerate(slices):
        codes = np.rint((values.astype(np.float64) - about["lower"]) / span * 65535)
        picture = Image.fromarray(codes.clip(0, 65535).astype(np.uint16))
        picture.save(folder / f"synthetic_{number:05d}.png", pnginfo=said)
    return None


def _inputs(about: dict[str, Any], count: int, seed: int, asked: dict[str, Any]) -> torch.Tensor:
    """The latents and conditions of each slice, one row a slice."""
    unknown = sorted(set(asked) - {one["name"] for one in about["conditions"]})
    if unknown:
        raise ValueError(f"this model has no condition {unknown[0]!r}")
    rows = []
    for number in range(count):
        word = np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0]
        rows.append(torch.randn(about["z_dim"], generator=torch.Generator().manual_seed(int(word))))
    columns = [_column(one, count, seed, asked.get(one["name"])) for one in about["conditions"]]
    latents = torch.stack(rows) if rows else torch.zeros(0, about["z_dim"])
    return torch.cat([latents, *(torch.as_tensor(column, dtype=torch.float32)[:, None] for column in columns)], 1)


def _column(condition: dict[str, Any], count: int, seed: int, asked: Any) -> Any:
    """The values of one condition: as asked for, or as often as training had them."""
    names = condition.get("names")
    if asked is not None:
        if names and str(asked) not in names:
            raise ValueError(f"{condition['name']} must be one of {', '.join(names)}")
        value = names.index(str(asked)) if names else float(asked)
        if not names and not condition["quantiles"][0] <= value <= condition["quantiles"][-1]:
            low, high = condition["quantiles"][0], condition["quantiles"][-1]
            raise ValueError(f"{condition['name']} must lie in the range of the training, {low} to {high}")
        return np.full(count, value, np.float64)
    if names:
        shares = np.asarray(condition["counts"], np.float64)
        return np.random.default_rng([seed, 1]).choice(len(names), count, p=shares / shares.sum())
    drawn = np.random.default_rng([seed, 2, condition["place"]]).random(count)
    return np.interp(drawn, np.linspace(0, 1, len(condition["quantiles"])), condition["quantiles"])
