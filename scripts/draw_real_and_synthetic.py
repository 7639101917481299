"""Draw the README's picture: real slices of test patients, and below them the first synthetic slices of a seed, under
their names.

python scripts/draw_real_and_synthetic.py --data STORE --samples SAMPLES --out docs/images/real-and-synthetic.png
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import numpy.typing as npt
import typer
from PIL import Image, ImageDraw, ImageFont

from medattngan.core.plots import save_picture
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore

BAND_PX, FONT_PX = 24, 14
"""Height of the line with a name, and of its letters."""

Picture = npt.NDArray[np.uint8]


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
    save_picture(out, under_names(*((tiled(part, columns)) for part in (real, fake))))
    typer.echo(f"{out}: {rows} rows real, {rows} rows synthetic")


def tiled(codes: npt.NDArray[np.uint16], columns: int) -> Picture:
    """Slices (count, H, W) in rows of `columns`, in 8 bits."""
    count, height, width = codes.shape
    grey: Picture = np.rint(codes * (255 / 65535)).astype(np.uint8)
    return grey.reshape(count // columns, columns, height, width).swapaxes(1, 2).reshape(-1, columns * width)


def under_names(real: Picture, synthetic: Picture) -> Picture:
    """One above the other, each below a line that says what it is."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans-Bold.ttf", FONT_PX)
    parts = []
    for name, picture in (("REAL", real), ("SYNTHETIC", synthetic)):
        band = Image.new("L", (picture.shape[1], BAND_PX), 255)
        ImageDraw.Draw(band).text((6, (BAND_PX - FONT_PX) // 2 - 1), name, 0, font)
        parts += [np.asarray(band), picture]
    return np.concatenate(parts)


if __name__ == "__main__":
    typer.run(main)
