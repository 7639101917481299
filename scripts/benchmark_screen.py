"""How surely text in scans is found and read, and how often anatomy is taken for text: rapidocr, ours, and both.

Invented names, dates and numbers are written into slices of scans that the training of ours never saw. A line
counts as found when boxes cover most of its ink. A table is filled block by block, a block being some lines of one
cell (scans, size, contrast), all cells in turn: the same command goes on where it was stopped, and the figures of
fewer blocks are there before.

    python scripts/benchmark_screen.py lines ct=tcia_ct_100 cxr=cxr_pneumonia_128 mr=ixi_t1_2mm/t1 --all mr --out FILE

and so with `clean` and `read` in place of `lines`.

`--all NAME` says that no patient of the folder was trained on; of the others every second patient is left.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import screen_before as before
from PIL import Image, ImageDraw, ImageFont
from screen_readers import READERS, character_error, cropped
from screen_slices import FREE_OF_MARKERS, all_series, part, shown

from medattngan.core.files import read_json, write_json
from medattngan.core.types import Physical
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.scans.screening import pictures
from medattngan.scans.series import Series
from medattngan.scans.text import weights
from medattngan.scans.text.boxes import Box
from medattngan.scans.text.find import find_own
from medattngan.scans.text.rapidocr import find_read
from medattngan.stages.ingest.worker import quiet

SIZES_PX = {"8 to 10 px": (8, 9, 10), "12 to 24 px": (12, 16, 20, 24)}
CONTRASTS = (0.1, 0.2, 0.4, 1.0)
"""Of ink and what is around it, as a share of the window."""
KINDS = ("name", "date", "number")
FONTS = {
    "sans": "DejaVuSans.ttf", "mono bold": "DejaVuSansMono-Bold.ttf", "serif": "DejaVuSerif.ttf",
    "STIX": "STIXGeneral.ttf", "pixels": None,
}  # fmt: skip
"""STIX was not trained on."""
NAMES = ("DOE^JANE", "Mustermann, Erika", "ROSSI MARIO", "Nguyen Van An", "SMITH JOHN A", "Kowalska Anna")
LIBRARIES = ("rapidocr", "onnxruntime", "numpy", "pillow", "torch")
BLOCK = 25
"""Lines of a cell that are written and looked for at a time."""
MAX_BACKGROUNDS = 60
Grey = npt.NDArray[np.uint8]
Ink = npt.NDArray[np.float32]
FINDERS: dict[str, Callable[[Grey], list[Box]]] = {
    "rapidocr": lambda picture: find_read(picture)[0],
    "ours": lambda picture: find_own(picture, read=False),
    **({"before": before.find_read} if before.installed() else {}),
}
"""Ours without its reader, which excuses markers and can only find less.
`before` is rapidocr-onnxruntime 1.4 with PP-OCRv4, where it is installed."""
Ground = tuple[Physical, IntensityMap]


@dataclass(frozen=True)
class Written:
    """A line that was written into a slice: what, how, and which pixels it took."""

    text: str
    font: str
    size: int
    ink: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """A part of the table."""

    scans: str
    sizes: str
    contrast: float

    def rng(self, seed: int, block: int) -> np.random.Generator:
        """Its own, whatever else was measured before."""
        return np.random.default_rng([seed, zlib.crc32(repr(asdict(self)).encode()), block])


def main() -> None:
    """Measure, and write after every block."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("lines", "clean", "read"))
    parser.add_argument("scans", nargs="+", help="NAME=FOLDER of clean scans")
    parser.add_argument("--all", nargs="*", default=[], help="names of folders of which no patient was trained on")
    parser.add_argument("--lines", type=int, default=300, help="written in each cell")
    parser.add_argument("--limit", type=int, default=1000, help="series of a folder that are looked at for `clean`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tools", nargs="*", help="which finders or readers; all by default")
    args = parser.parse_args()
    tools = args.tools or sorted(READERS if args.what == "read" else FINDERS)
    record = read_json(args.out) if args.out.is_file() else {}
    network = "reader" if args.what == "read" else "detector"
    own = weights.digests().get(network)
    if "ours" in tools and record.setdefault("weights", {}).setdefault(network, own) != own:
        raise SystemExit(f"the file was begun with another {network}; give another --out")
    record["libraries"] = {name: version(name) for name in LIBRARIES}
    with quiet():
        series = {}
        for name, _, folder in (entry.partition("=") for entry in args.scans):
            series[name] = part(all_series(Path(folder)), "all" if name in args.all else "testing")
        (clean if args.what == "clean" else fill)(series, args, tools, record)
    for name, row in record["table"].items():
        print(name, row)


def fill(
    series: dict[str, list[Series]], args: argparse.Namespace, tools: Sequence[str], record: dict[str, Any]
) -> None:
    """Blocks of all cells, in turn; of each, what `tools` have not looked at yet."""
    blocks = record.setdefault("blocks", {})
    grounds: dict[str, list[Ground]] = {}
    measure = found_in if args.what == "lines" else read_in
    for number in range(-(-args.lines // BLOCK)):
        for cell in (Cell(name, sizes, contrast) for name in series for sizes in SIZES_PX for contrast in CONTRASTS):
            block = blocks.setdefault(f"{cell.scans} | {cell.sizes} | {cell.contrast} | {number}", {})
            missing = [name for name in tools if name not in block]
            if not missing:
                continue
            if cell.scans not in grounds:
                own = series[cell.scans][:MAX_BACKGROUNDS]
                grounds[cell.scans] = [one for one in map(shown, own) if one is not None]
            block |= measure(planted(grounds[cell.scans], cell, cell.rng(args.seed, number)), missing)
            write_json(args.out, record)
    record["table"] = summed(blocks, args.what)
    write_json(args.out, record)


def planted(grounds: Sequence[Ground], cell: Cell, rng: np.random.Generator) -> list[tuple[Grey, list[Written]]]:
    """Slices with BLOCK lines of a cell in all."""
    slices: list[tuple[Grey, list[Written]]] = []
    left = BLOCK
    while left > 0:
        slices.append(lettered(grounds[int(rng.integers(len(grounds)))], cell, left, rng))
        left -= len(slices[-1][1])
    return slices


def found_in(slices: Sequence[tuple[Grey, list[Written]]], tools: Sequence[str]) -> dict[str, Any]:
    """For each finder, whether it found each line, and what looking cost."""
    told: dict[str, Any] = {"slices": len(slices)}
    for name in tools:
        start = time.process_time()
        boxes = [FINDERS[name](picture) for picture, _ in slices]
        told[f"seconds {name}"] = round(time.process_time() - start, 3)
        pairs = zip(slices, boxes, strict=True)
        told[name] = [int(covered(line.ink, found)) for (_, lines), found in pairs for line in lines]
    return told


def read_in(slices: Sequence[tuple[Grey, list[Written]]], tools: Sequence[str]) -> dict[str, Any]:
    """For each reader, the edits of each line, and how many characters it has."""
    crops = [(cropped(picture, line.ink), line.text) for picture, lines in slices for line in lines]
    told: dict[str, Any] = {"characters": [len(text) for _, text in crops]}
    return told | {name: [character_error(READERS[name](crop), text) for crop, text in crops] for name in tools}


def summed(blocks: dict[str, dict[str, Any]], what: str) -> dict[str, dict[str, float]]:
    """Over the blocks of each cell; `union` is what rapidocr or ours found."""
    table: dict[str, dict[str, float]] = {}
    for key, block in blocks.items():
        row = table.setdefault(key.rpartition(" | ")[0], {"lines": 0})
        if what == "lines" and {"rapidocr", "ours"} <= block.keys():
            both = zip(block["rapidocr"], block["ours"], strict=True)
            block = block | {"union": [int(one or other) for one, other in both]}
        for name, value in block.items():
            row[name] = round(row.get(name, 0) + (sum(value) if isinstance(value, list) else value), 3)
        row["lines"] += BLOCK
    return table


def lettered(
    ground: Ground, cell: Cell, most: int, rng: np.random.Generator, texts: Sequence[str] | None = None
) -> tuple[Grey, list[Written]]:
    """A slice with lines of one cell written into it, well apart, as it is shown: of `texts`, or names and such."""
    stack, intensity = ground
    picture = stack[len(stack) // 2].copy()
    taken = np.zeros(picture.shape, bool)
    lines: list[Written] = []
    for _ in range(40):
        if len(lines) >= min(most, max(1, picture.size // 40000)):
            break
        size = int(rng.choice(SIZES_PX[cell.sizes]))
        text = words(str(rng.choice(KINDS)), rng) if texts is None else str(rng.choice(texts))
        font = str(rng.choice(list(FONTS)))
        line = written(picture, taken, text, font, size, cell.contrast, intensity, rng)
        lines += [] if line is None else [line]
    return next(pictures(picture[None], intensity)), lines


def written(
    picture: Physical, taken: npt.NDArray[np.bool_], text: str, font: str, size: int, contrast: float,
    intensity: IntensityMap, rng: np.random.Generator,
) -> Written | None:  # fmt: skip
    """Write a line somewhere into `picture` in place; None where it does not fit or comes near another."""
    ink = drawn(text, font, size)
    rows, columns = picture.shape[0] - ink.shape[0] - 4, picture.shape[1] - ink.shape[1] - 4
    if rows < 1 or columns < 1:
        return None
    top, left = 2 + int(rng.integers(rows)), 2 + int(rng.integers(columns))
    near = taken[
        max(0, top - 3 * size) : top + ink.shape[0] + 3 * size, max(0, left - 5 * size) : left + ink.shape[1] + 5 * size
    ]
    if near.any():
        return None
    area = (slice(top, top + ink.shape[0]), slice(left, left + ink.shape[1]))
    taken[area] = True
    around = picture[area]
    level = float(intensity.encode(around).mean()) / CODE_MAX
    level = level + contrast if level + contrast <= 1 or level < 0.5 else level - contrast
    value = intensity.lower + np.clip(level, 0, 1) * (intensity.upper - intensity.lower)
    fine = intensity.upper - intensity.lower < 16
    picture[area] = (
        around + ink * (value - around) if fine else np.rint(around + ink * (value - around))
    )  # whole numbers, as in 12 bits
    mask = np.zeros(picture.shape, bool)
    mask[area] = ink > 0.3
    return Written(text, font, size, mask)


def words(kind: str, rng: np.random.Generator) -> str:
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1930, 2020))
    dates = (f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}", f"DOB {month:02d}/{day:02d}/{year}")
    number = int(rng.integers(10**5, 10**8))
    texts = {"name": NAMES, "date": dates, "number": (f"ID: {number}", f"MRN{number}", str(number))}
    return str(texts[kind][rng.integers(len(texts[kind]))])


def drawn(text: str, font: str, size: int) -> Ink:
    """The text as (rows, columns) from 0 (no ink) to 1."""
    file = FONTS[font]
    if file is None:  # a scanner's own letters: 6 by 11 pixels, each of them doubled for a larger size
        face: Any = ImageFont.load_default_imagefont()
        scale = 1 if size < 16 else 2
    else:
        face, scale = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", file)), size), 1
    left, top, right, bottom = face.getbbox(text)
    picture = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=face)
    return np.kron(np.asarray(picture, np.float32) / 255, np.ones((scale, scale), np.float32))


def covered(ink: npt.NDArray[np.bool_], boxes: Sequence[Box]) -> bool:
    """Whether most of the ink is in boxes."""
    left = ink.copy()
    for box in boxes:
        left[box.top : box.bottom, box.left : box.right] = False
    return bool(left.sum() < 0.5 * ink.sum())


def clean(
    series: dict[str, list[Series]], args: argparse.Namespace, tools: Sequence[str], record: dict[str, Any]
) -> None:
    """In which series each finder sees text; series are named by their number alone. Of radiographs, which have
    letters at their edge, the middle is looked at."""
    done = record.setdefault("series", {})
    for name, all_of_them in series.items():
        for number, one in enumerate(all_of_them[: args.limit]):
            told = done.setdefault(f"{name} | {number}", {})
            missing = [tool for tool in tools if tool not in told]
            if not missing or (found := shown(one)) is None:
                continue
            looked = list(pictures(*found))
            if one.format == "picture" and looked[0].shape == (128, 128):
                looked = [np.ascontiguousarray(picture[FREE_OF_MARKERS]) for picture in looked]
            for tool in missing:
                start = time.process_time()
                told[tool] = int(any(FINDERS[tool](picture) for picture in looked))
                told[f"seconds {tool}"] = round(time.process_time() - start, 3)
            told |= {"pictures": len(looked), "series": 1}
            if number % 10 == 0:
                write_json(args.out, record)
    table: dict[str, dict[str, float]] = {}
    for key, told in done.items():
        row = table.setdefault(key.partition(" | ")[0], {})
        both = {"union": max(told["rapidocr"], told["ours"])} if {"rapidocr", "ours"} <= told.keys() else {}
        for name, value in (told | both).items():
            row[name] = round(row.get(name, 0) + value, 3)
    record["table"] = table
    write_json(args.out, record)


if __name__ == "__main__":
    main()
