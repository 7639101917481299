"""How surely `ingest --screen` finds text in scans, and how often it takes anatomy for text.

Of scans that are known to be clean, at most LIMIT series of each folder go through ingest's own pipeline: one set
aside for text is a false alarm. Into slices and stacks of the same scans invented names, dates and numbers are
then written, in several fonts, sizes and contrasts, and markers such as R and L, which must stay.

    python scripts/benchmark_screen.py ct=tcia_ct mr=ixi/t1 cxr=cxr --limit 40 --trials 200 --out screen.json
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from monai.transforms.compose import Compose
from PIL import Image, ImageDraw, ImageFont

from medattngan.core.files import write_json
from medattngan.core.types import Physical
from medattngan.data.intensity import CODE_MAX, IntensityMap
from medattngan.scans.find import examine, stacks, walk
from medattngan.scans.formats.table import formats
from medattngan.scans.options import Options, parse_window
from medattngan.scans.prepare import load, prepare
from medattngan.scans.screening import find_in_stack, pictures, upright
from medattngan.scans.series import Series, SetAside
from medattngan.scans.text.rapidocr import Box, find_text
from medattngan.stages.ingest.worker import quiet

SIZES_PX = (8, 10, 12, 16, 24)
CONTRASTS = (0.1, 0.2, 0.4, 1.0)
"""Of ink and what is around it, as a share of the window."""
KINDS = ("name", "date", "number", "marker")
PLACES = ("edge", "middle")
FONTS = {
    "sans": "DejaVuSans.ttf",
    "mono bold": "DejaVuSansMono-Bold.ttf",
    "serif": "DejaVuSerif.ttf",
    "pixels": None,
}
NAMES = ("DOE^JANE", "Mustermann, Erika", "ROSSI MARIO", "Nguyen Van An", "SMITH JOHN A", "Kowalska Anna")
MARKERS = ("R", "L", "RT", "PA", "AP PORTABLE", "SUPINE")
Ink = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """One line of text to be written, and how."""

    kind: str
    font: str
    size: int
    contrast: float
    place: str


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="+", help="NAME=FOLDER of clean scans")
    parser.add_argument("--limit", type=int, default=40, help="series of a folder")
    parser.add_argument("--trials", type=int, default=200, help="lines of text written into slices of a folder")
    parser.add_argument("--stack-trials", type=int, default=12, help="lines written into stacks, of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    result: dict[str, Any] = {
        "libraries": {name: version(name) for name in ("rapidocr-onnxruntime", "onnxruntime", "numpy", "pillow")},
        "clean": {}, "planted": {}, "stacks": {},
    }  # fmt: skip
    with quiet():
        for entry in args.scans:
            name, _, folder = entry.partition("=")
            rng = np.random.default_rng(args.seed)
            series = some_series(Path(folder), args.limit, rng)
            result["clean"][name] = clean(series)
            print(name, json.dumps(result["clean"][name]), flush=True)
            result["planted"][name] = in_slices(series, args.trials, rng)
            print(name, json.dumps(result["planted"][name]), flush=True)
            long = [one for one in series if one.format == "volume" or len(one.pieces) > 1]
            if long and args.stack_trials:
                result["stacks"][name] = in_stacks(long, args.stack_trials, rng)
                print(name, json.dumps(result["stacks"][name]), flush=True)
    print(table(result))
    if args.out:
        write_json(args.out, result)


def some_series(folder: Path, limit: int, rng: np.random.Generator) -> list[Series]:
    found = [examine(item) for item in walk([folder])]
    series = stacks(found, None, window=False)
    return [series[i] for i in sorted(rng.permutation(len(series))[:limit])]


def options(screen: str | None) -> Options:
    return Options(size=64, plane="acquired", window=parse_window(None)[1], screen=screen)


def clean(series: Sequence[Series]) -> dict[str, Any]:
    """False alarms, and what looking costs."""
    alarms, slices, seconds = 0, 0, {"with": 0.0, "without": 0.0}
    for one in series:
        for how, screen in (("with", "set-aside"), ("without", None)):
            start = time.process_time()
            try:
                count = len(prepare(one, options(screen)).codes)
            except SetAside as error:
                alarms += error.reason == "burned-in-text"
                count = 0
            seconds[how] += time.process_time() - start
        slices += count
    return {
        "series": len(series), "slices": slices, "false_alarms": alarms,
        "seconds_a_series": round((seconds["with"] - seconds["without"]) / len(series), 3),
        "seconds_without": round(seconds["without"] / len(series), 3),
    }  # fmt: skip


def shown(series: Series) -> tuple[Physical, IntensityMap] | None:
    """A series as the screening sees it; None where it cannot be read."""
    kind = formats()[series.format]
    scale, *_ = kind.pipeline(series, options(None))
    try:
        item = Compose([*load(series, kind, options(None)), scale])({"image": [piece.path for piece in series.pieces]})
    except RuntimeError:
        return None
    return upright(item, series), item["map"]


def in_slices(series: Sequence[Series], trials: int, rng: np.random.Generator) -> dict[str, Any]:
    """Write into single slices."""
    backgrounds = [one for one in map(shown, series[:30]) if one is not None]
    outcomes: list[tuple[Trial, bool, float]] = []
    while len(outcomes) < trials:
        stack, intensity = backgrounds[rng.integers(len(backgrounds))]
        trial = Trial(
            KINDS[rng.integers(len(KINDS))], list(FONTS)[rng.integers(len(FONTS))],
            SIZES_PX[rng.integers(len(SIZES_PX))], CONTRASTS[rng.integers(len(CONTRASTS))],
            PLACES[rng.integers(len(PLACES))],
        )  # fmt: skip
        middle = stack[len(stack) // 2 :][:1].copy()
        ink = write(middle, slice(0, 1), intensity, trial, rng)
        if ink is None:
            continue
        found = find_text(next(pictures(middle, intensity)))
        outcomes.append((trial, *covered(ink, found)))
    return summary(outcomes)


def in_stacks(series: Sequence[Series], trials: int, rng: np.random.Generator) -> dict[str, Any]:
    """Write on every slice, or on one alone."""
    result: dict[str, Any] = {}
    for where in ("every slice", "one slice"):
        for place in PLACES:
            outcomes = []
            for number in range(trials):
                one = shown(series[number % len(series)])
                if one is None:
                    continue
                stack, intensity = one[0].copy(), one[1]
                trial = Trial(KINDS[number % 3], list(FONTS)[number % len(FONTS)], 12, 1.0, place)
                at = int(rng.integers(len(stack) // 4, 3 * len(stack) // 4))
                slices = slice(None) if where == "every slice" else slice(at, at + 1)
                ink = write(stack, slices, intensity, trial, rng)
                if ink is not None:
                    outcomes.append(covered(ink, find_in_stack(stack, intensity))[0])
            result[f"{where}, {place}"] = {"found": sum(outcomes), "of": len(outcomes)}
    return result


def write(
    stack: Physical, slices: slice, intensity: IntensityMap, trial: Trial, rng: np.random.Generator
) -> npt.NDArray[np.bool_] | None:
    """Write a line into `stack` in place; which pixels it took, or None where it does not fit."""
    ink = drawn(words(trial.kind, rng), trial)
    rows, columns = stack.shape[1] - ink.shape[0] - 4, stack.shape[2] - ink.shape[1] - 4
    if rows < 1 or columns < 1:
        return None
    top, left = (2, 2) if trial.place == "edge" else (2 + rows // 2, 2 + columns // 2)
    if trial.place == "edge" and rng.integers(2):
        top, left = 2 + rows, 2 + columns
    area = (slice(top, top + ink.shape[0]), slice(left, left + ink.shape[1]))
    around = stack[(slices, *area)]
    level = float(intensity.encode(around).mean()) / CODE_MAX
    level = level + trial.contrast if level + trial.contrast <= 1 or level < 0.5 else level - trial.contrast
    value = intensity.lower + np.clip(level, 0, 1) * (intensity.upper - intensity.lower)
    stack[(slices, *area)] = np.rint(around + ink * (value - around))  # whole numbers, as in 12 bits
    mask = np.zeros(stack.shape[1:], bool)
    mask[area] = ink > 0.3
    return mask


def words(kind: str, rng: np.random.Generator) -> str:
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1930, 2020))
    dates = (f"{year}-{month:02d}-{day:02d}", f"{day:02d}.{month:02d}.{year}", f"DOB {month:02d}/{day:02d}/{year}")
    number = int(rng.integers(10**5, 10**8))
    texts = {"name": NAMES, "date": dates, "number": (f"ID: {number}", f"MRN{number}", str(number)), "marker": MARKERS}
    return str(texts[kind][rng.integers(len(texts[kind]))])


def drawn(text: str, trial: Trial) -> Ink:
    """The text as (rows, columns) from 0 (no ink) to 1."""
    file = FONTS[trial.font]
    if file is None:  # a scanner's own letters: 6 by 11 pixels, each of them doubled for a larger size
        font: Any = ImageFont.load_default_imagefont()
        scale = 1 if trial.size < 16 else 2
    else:
        font, scale = ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", file)), trial.size), 1
    left, top, right, bottom = font.getbbox(text)
    picture = Image.new("L", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(picture).text((-left, -top), text, fill=255, font=font)
    return np.kron(np.asarray(picture, np.float32) / 255, np.ones((scale, scale), np.float32))


def covered(ink: npt.NDArray[np.bool_], boxes: Sequence[Box]) -> tuple[bool, float]:
    """Whether most of the ink is in boxes, and the share that is not."""
    left = ink.copy()
    for box in boxes:
        left[box.top : box.bottom, box.left : box.right] = False
    share = float(left.sum() / ink.sum())
    return share < 0.5, share


def summary(outcomes: Sequence[tuple[Trial, bool, float]]) -> dict[str, Any]:
    """Found and of how many, by each property of the line; markers apart."""
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    text = [one for one in outcomes if one[0].kind != "marker"]
    for trial, hit, _ in text:
        for key, value in vars(trial).items():
            groups[key][str(value)].append(hit)
        groups["size and contrast"][f"{trial.size} px, {trial.contrast}"].append(hit)
    markers = [hit for trial, hit, _ in outcomes if trial.kind == "marker"]
    left = [share for _, hit, share in text if hit]
    return {
        "all": count([hit for _, hit, _ in text]),
        "markers_taken_for_text": count(markers),
        "ink_left_mean": round(float(np.mean(left)), 5) if left else None,
        "lines_with_ink_left": sum(share > 0 for share in left),
        **{key: {value: count(hits) for value, hits in sorted(by.items())} for key, by in groups.items()},
    }


def count(hits: Sequence[bool]) -> dict[str, int]:
    return {"found": int(sum(hits)), "of": len(hits)}


def table(result: dict[str, Any]) -> str:
    return "\n".join(_lines(result))


def _lines(result: dict[str, Any]) -> Iterator[str]:
    yield "clean scans: false alarms | series | slices | seconds more a series"
    for name, row in result["clean"].items():
        yield f"  {name:12} {row['false_alarms']:5} {row['series']:6} {row['slices']:6} {row['seconds_a_series']:8}"
    for name, rows in result["planted"].items():
        yield f"lines written into slices of {name}: found | of"
        for key in ("all", "markers_taken_for_text"):
            yield f"  {key:24} {rows[key]['found']:4} {rows[key]['of']:4}"
        for key in ("kind", "font", "size", "contrast", "place"):
            for value, row in rows[key].items():
                yield f"  {key + ' ' + value:24} {row['found']:4} {row['of']:4}"
    for name, rows in result["stacks"].items():
        yield f"lines written into stacks of {name}: found | of"
        for key, row in rows.items():
            yield f"  {key:24} {row['found']:4} {row['of']:4}"


if __name__ == "__main__":
    main()
