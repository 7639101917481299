"""What reading changes of a screening: how many names it excuses, and how many markers of side and view it lets stay.

    python scripts/measure_markers.py ct=tcia_ct_100 cxr=cxr_pneumonia_128 mr=ixi_t1_2mm/t1 --all mr --out FILE.json

Lines are written into slices of scans that the training never saw, names and such or markers, as `benchmark_screen.py`
does it. Counted are lines that our detector finds: told to be an identifier, a marker, or nothing at all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import benchmark_screen as bench
import numpy as np
from screen_slices import all_series, part, shown

from medattngan.core.files import write_json
from medattngan.scans.text import judge, weights
from medattngan.scans.text.boxes import Box
from medattngan.stages.ingest.worker import quiet

CELLS = (("8 to 10 px", 1.0), ("12 to 24 px", 0.4), ("12 to 24 px", 1.0))
MARKERS = (
    "R PORTABLE", "SUPINE", "L LATERAL", "AP ERECT", "Semi-upright", "PORT SUPINE", "RIGHT", "DECUBITUS", "LEFT",
)  # fmt: skip
GROUNDS = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", help="NAME=FOLDER of clean scans")
    parser.add_argument("--all", nargs="*", default=[], help="names of folders of which no patient was trained on")
    parser.add_argument("--lines", type=int, default=120, help="written in each cell")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    table = {}
    with quiet():
        for name, _, folder in (entry.partition("=") for entry in args.scans):
            series = part(all_series(Path(folder)), "all" if name in args.all else "testing")
            grounds = [one for one in map(shown, series[:: max(1, len(series) // GROUNDS)]) if one is not None]
            for said in ("names", "markers"):
                for sizes, contrast in CELLS:
                    cell = bench.Cell(name, sizes, contrast)
                    table[f"{name} | {said} | {sizes} | {contrast}"] = told(grounds, cell, said, args.lines, args.seed)
    write_json(args.out, {"weights": weights.digests(), "sure": judge.SURE, "table": table})
    for key, row in table.items():
        print(key, row)


def told(grounds: Sequence[bench.Ground], cell: bench.Cell, said: str, count: int, seed: int) -> dict[str, int]:
    """Of `count` lines, how many are taken for what."""
    rng = cell.rng(seed, 0 if said == "names" else 1)
    found = {"identifier": 0, "marker": 0, "nothing": 0, "missed": 0}
    texts = None if said == "names" else MARKERS
    while (left := count - sum(found.values())) > 0:
        picture, lines = bench.lettered(grounds[int(rng.integers(len(grounds)))], cell, left, rng, texts)
        blind, read = judge.judged(picture, read=False), judge.judged(picture)
        for line in lines:
            there = {kind for box, kind in read if touches(box, line)}
            if judge.Kind.IDENTIFIER in there:
                found["identifier"] += 1
            elif there:
                found["marker"] += 1
            else:
                found["nothing" if any(touches(box, line) for box, _ in blind) else "missed"] += 1
    return found


def touches(box: Box, line: bench.Written) -> bool:
    """Whether a box overlaps the rectangle of the ink."""
    rows, columns = np.nonzero(line.ink)
    down = box.top < rows.max() and box.bottom > rows.min()
    return bool(down and box.left < columns.max() and box.right > columns.min())


if __name__ == "__main__":
    main()
