"""How fast a preset trains and what it has learned after ten minutes, by size, batch, precision and compilation.

    python scripts/benchmark_training.py --data STORE128 --data STORE256 --batch-size 16 --batch-size 64 \
        --work DIR --out FILE.json

Each combination is timed in a process of its own, and one that fails is a row with its reason. Then, for each size, the
fastest that works trains for `--minutes`, is sampled and scored on the test patients. What is whole is not run again.

    python scripts/benchmark_training.py --graphs both --work DIR --out FILE.json

times rounds as CUDA graphs against eager ones instead (see `graph_table.py`): in three minutes of a GPU, on slices that
it makes up where none are given.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import multiprocessing
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from cells import CONFIGS, Cell, fill_table
from derived import derived_store
from graph_table import GraphTable, as_cases, made_up_store
from training_speed import Result, device, measure_into
from training_tables import AIM, print_tables

from medattngan.core.config import Config
from medattngan.core.files import UserError, atomic_path, read_json, write_json
from medattngan.core.provenance import provenance
from medattngan.core.types import Codes
from medattngan.data.images import load_images
from medattngan.data.intensity import unit_to_codes
from medattngan.data.store import SliceStore
from medattngan.models import build

STYLEGAN2_ADA = {128: 12.8, 256: 21.6, 512: 72.5}
"""Seconds per thousand images on one V100, the lower ends of "sec/kimg" under "Expected training time" in the README of
NVlabs/stylegan2-ada-pytorch, by size in pixels."""
TRAIN = "Train only what has this in its name, such as b16-, bf16-mixed or compiled; repeat to ask for all of several."


@dataclass(frozen=True)
class Combination:
    """One row of the table.

    Args:
        config: a file of configs/, by name.
        size: in pixels.
        batch_size: images a step.
        compiled: whether with torch.compile.
        settings: the keys overridden besides, seed and device among them.
        store: digest of the store.
    """

    config: str
    size: int
    batch_size: int
    precision: str
    compiled: bool
    settings: tuple[str, ...]
    store: str

    @property
    def name(self) -> str:
        """What its files are called: unlike settings or stores never share a name."""
        tag = hashlib.sha256(repr((self.settings, self.store)).encode()).hexdigest()[:8]
        how = "compiled" if self.compiled else "eager"
        return f"{self.config}-{self.size}px-b{self.batch_size}-{self.precision}-{how}-{tag}"

    @property
    def overrides(self) -> tuple[str, ...]:
        """Every key that it sets, as `--set` takes them."""
        own = (f"data.size={self.size}", f"train.batch_size={self.batch_size}", f"train.precision={self.precision}")
        return (*own, f"train.compile={str(self.compiled).lower()}", *self.settings)


def choose_stores(stores: list[SliceStore], sizes: list[int]) -> dict[int, SliceStore]:
    """For each size, or each store's own, the smallest store that holds as many pixels.

    Raises:
        UserError: no store does.
    """
    chosen = {}
    for size in sizes or sorted({store.size for store in stores}):
        fit = [store for store in stores if store.size >= size]
        if not fit:
            raise UserError(f"--size {size}: no store given with --data has slices of {size} px; ingest one.")
        chosen[size] = min(fit, key=lambda store: store.size)
    return chosen


def time_combination(combination: Combination, data: Path, work: Path, seconds: float, patience: float) -> Result:
    """The speed of one combination, timed now or read where it stands; a failed one is tried anew.

    Args:
        seconds: of steady training to time.
        patience: minutes after which it is given up.
    """
    file = work / "speed" / f"{combination.name}.json"
    key = {"seconds_asked": seconds, "torch": torch.__version__, "device": device()["name"]}
    if file.is_file() and (stands := read_json(file))["key"] == key and "failed" not in stands:
        return {**stands, "stood_already": True}
    file.unlink(missing_ok=True)
    config = Config.load(CONFIGS / f"{combination.config}.yaml", combination.overrides)
    # Spawned, so that memory and compiled code begin at nothing and a crash of the device ends this row alone.
    child = multiprocessing.get_context("spawn").Process(target=measure_into, args=(config, data, seconds, file))
    child.start()
    child.join(patience * 60)
    if child.is_alive():
        child.kill()
        child.join()
        found: Result = {"failed": f"No result in {patience:g} minutes."}
    else:
        found = read_json(file) if file.is_file() else {"failed": f"Its process ended with status {child.exitcode}."}
    result = {**asdict(combination), "name": combination.name, "key": key, **found}
    if "failed" not in result:
        each = 1000 / result["images_per_second"]
        published = STYLEGAN2_ADA.get(combination.size)
        result |= {"seconds_per_kimg": each, "times_stylegan2_ada": published and published / each}
    write_json(file, result)
    return {**result, "stood_already": False}


def fastest(results: list[Result], size: int, parts: list[str]) -> Result | None:
    """Of the results of a size that did not fail and have all these parts in their name, the fastest."""
    fit = [r for r in results if r["size"] == size and "failed" not in r and all(part in r["name"] for part in parts)]
    return max(fit, key=lambda r: float(r["images_per_second"]), default=None)


def store_at(store: SliceStore, size: int, out: Path) -> SliceStore:
    """`store` with its slices averaged down to `size` px, as a training sees them: what samples of that size are
    scored against."""
    if store.size == size:
        return store
    origin = {"made_by": "scripts/benchmark_training.py"}

    def averaged(row: int) -> Codes:
        return unit_to_codes(load_images(store, [row], size)[0, 0].numpy())

    return derived_store(out, store, origin, slices=averaged, spacing_ratio=store.size / size)


def learn(combination: Combination, minutes: float, seed: int, store: SliceStore, work: Path, out: Path) -> Result:
    """Train the combination for so many minutes, sample and score it; its grid and scores are copied beside `out`."""
    keys = ("train.validate_minutes=null", *combination.overrides)
    cell = Cell(combination.name, combination.config, keys, seed, minutes)
    test = store_at(store, combination.size, work / f"store-{combination.size}px-{store.digest[:8]}")
    result: Result = {"size": combination.size, "name": combination.name}
    table = work / f"{combination.name}-{minutes:g}min.json"
    try:
        fill_table([cell], store, test, work, table)
    except UserError as error:
        return {**result, "failed": str(error)}
    result |= read_json(table)["cells"][0]
    folder = work / cell.folder
    files = {"grid.png": max((folder / "run" / "grids").iterdir()), "scores.json": folder / "scores" / "scores.json"}
    for ending, source in files.items():
        target = out.with_name(f"{out.stem}-{folder.name}-{ending}")
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        result[ending.partition(".")[0] + "_file"] = target.name
    return result


def plan(
    config: str, stores: dict[int, SliceStore], batches: list[int], precisions: list[str], compiles: list[str],
    settings: tuple[str, ...],
) -> list[Combination]:  # fmt: skip
    """Every combination, each checked against the schema.

    Raises:
        UserError: a value is not allowed.
    """
    if unknown := set(compiles) - {"on", "off"}:
        raise UserError(f"--compile {min(unknown)!r} must be on or off.")
    own = build(Config.load(CONFIGS / f"{config}.yaml", settings)).batch_size
    combinations = []
    for (size, store), batch, precision, how in itertools.product(
        stores.items(), batches or [own], precisions, compiles
    ):
        combination = Combination(config, size, batch, precision, how == "on", settings, store.digest)
        Config.load(CONFIGS / f"{config}.yaml", combination.overrides)
        combinations.append(combination)
    return combinations


@dataclass(frozen=True)
class Job:
    """What was asked for, besides the combinations.

    Args:
        stores: by size.
        seconds: of steady training to time, a combination.
        patience: minutes after which a combination is given up.
        minutes: of training for quality, a size.
        train: parts of the names of what may be trained.
    """

    stores: dict[int, SliceStore]
    work: Path
    out: Path
    seconds: float
    patience: float
    minutes: float
    train: list[str]
    seed: int

    def fill(self, combinations: list[Combination]) -> None:
        """Time every combination and train the fastest of each size; the record is written after each."""
        speed: list[Result] = []
        quality: list[Result] = []
        for one in combinations:
            speed.append(time_combination(one, self.stores[one.size].path, self.work, self.seconds, self.patience))
            rate = speed[-1].get("images_per_second", math.nan)
            print(f"{one.name}: {speed[-1].get('failed', f'{rate:.1f} images/s')}", flush=True)
            self._record(speed, quality)
        for size in self.stores if self.minutes > 0 else ():
            best = fastest(speed, size, self.train)
            if best is None:
                quality.append({"size": size, "name": f"{size}px", "failed": "No combination asked for works."})
            else:
                own = next(one for one in combinations if one.name == best["name"])
                quality.append(learn(own, self.minutes, self.seed, self.stores[size], self.work, self.out))
            self._record(speed, quality)
        print_tables(speed, quality)

    def _record(self, speed: list[Result], quality: list[Result]) -> None:
        made = {**provenance(self.seed), "device": device(), "load_average": os.getloadavg()}
        stores = {str(size): {"digest": store.digest, "size": store.size} for size, store in self.stores.items()}
        about = {"made_with": made, "stores": stores, "stylegan2_ada_seconds_per_kimg": STYLEGAN2_ADA}
        write_json(self.out, {**about, "aim_seconds_per_kimg": AIM, "speed": speed, "quality": quality})


def main(
    work: Annotated[Path, typer.Option(help="Where what was measured and trained stands.")],
    out: Annotated[Path, typer.Option(help="Both tables as JSON; grids and scores are written beside it.")],
    data: Annotated[list[Path] | None, typer.Option(help="A slice store; repeat for more.")] = None,
    config: Annotated[str, typer.Option(help="Name of a file in configs/.")] = "compact",
    size: Annotated[list[int] | None, typer.Option(help="Pixels; repeat for more. Each store's by default.")] = None,
    batch_size: Annotated[list[int] | None, typer.Option(help="Repeat for more; the preset's by default.")] = None,
    precision: Annotated[list[str] | None, typer.Option(help="Repeat for more; both by default.")] = None,
    compile: Annotated[list[str] | None, typer.Option(help="on or off; both by default.")] = None,
    graphs: Annotated[str | None, typer.Option(help="both, on or off: time CUDA graphs, and nothing else.")] = None,
    case: Annotated[list[str] | None, typer.Option(help="With --graphs: px:batch; 64:8 and 128:64 by default.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Of steady training to time, a row: 20, or 4.")] = None,
    patience: Annotated[float, typer.Option(help="Minutes after which a combination is given up.")] = 20.0,
    minutes: Annotated[float, typer.Option(help="Of training for quality, a size; 0 for none.")] = 10.0,
    train: Annotated[list[str] | None, typer.Option(help=TRAIN)] = None,
    seed: int = 0,
    settings: Annotated[list[str] | None, typer.Option("--set", help="Override a key everywhere.")] = None,
) -> None:
    """Time every combination, train the fastest of each size, and write and print both tables."""
    keys = (f"train.seed={seed}", *(settings or ()))
    if graphs is not None:
        cases = as_cases(case or ["64:8", "128:64"], graphs)
        given = [SliceStore.open(path) for path in data or ()]
        stores = choose_stores(given or [made_up_store(work, max(one.size for one in cases))], [c.size for c in cases])
        GraphTable(config, stores, work, out, seconds or 4.0, patience, keys).fill(cases)
        return
    if not data:
        raise UserError("give a store with --data; --graphs alone does without.")
    stores = choose_stores([SliceStore.open(path) for path in data], size or [])
    precisions, compiles = precision or ["32-true", "bf16-mixed"], compile or ["off", "on"]
    combinations = plan(config, stores, batch_size or [], precisions, compiles, keys)
    Job(stores, work, out, seconds or 20.0, patience, minutes, train or [], seed).fill(combinations)


if __name__ == "__main__":
    try:
        typer.run(main)
    except UserError as error:
        raise SystemExit(f"benchmark_training: {error}") from error
