"""Draw the README's picture: real slices of test patients above, the first synthetic slices of a seed below.

python scripts/draw_real_and_synthetic.py --data STORE --samples SAMPLES --out docs/images/real-and-synthetic.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from medattngan.data.images import codes_to_images
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.train.log import save_grid


def main(
    data: Annotated[Path, typer.Option(help="A slice store.")],
    samples: Annotated[Path, typer.Option(help="A samples folder.")],
    out: Annotated[Path, typer.Option(help="The PNG.")],
    columns: int = 12,
    rows: int = 2,
    seed: int = 0,
) -> None:
    """Real slices are drawn at random from the test split; synthetic ones are not chosen."""
    test = SliceStore.open(data).split("test")
    chosen = np.random.default_rng(seed).choice(len(test), columns * rows, replace=False)
    real = np.stack([test.codes(int(i)) for i in chosen])
    fake = Samples.open(samples).codes[: columns * rows]
    sheet = [codes_to_images(part) for part in (real, fake)]
    save_grid(torch.cat(sheet), out, columns)
    typer.echo(f"{out}: {rows} rows real, {rows} rows synthetic")


if __name__ == "__main__":
    typer.run(main)
