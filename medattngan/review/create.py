"""Make a reader study: choose, blind, shuffle, seal."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from medattngan.core.files import UserError, atomic_folder, digest, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.seal import seal as seal_folder
from medattngan.data.intensity import WINDOWS
from medattngan.data.store import SliceStore
from medattngan.external.given import Slices as GivenSlices
from medattngan.review.database import Database
from medattngan.review.look import TELLS, look
from medattngan.review.pairs import in_pairs
from medattngan.review.protocol import Protocol, of_stacks
from medattngan.review.slices import Slices, gather
from medattngan.review.study import ALIVE, cases_shape
from medattngan.statistics.draws import require_seed

MAX_READERS = 1000
MAX_DEPTH = 256
LETTERS = ("leave-out", "keep")
"""What to do about slices that show letters."""


@alone
def create_study(
    samples: GivenSlices,
    store: SliceStore | str | Path,
    out: str | Path,
    *,
    count: int,
    split: str = "test",
    protocol: Protocol | str | Path | None = None,
    references: int = 0,
    readers: int = 1,
    seed: int | None = None,
    value_range: tuple[float, float] | None = None,
    harmonise: bool = False,
    letters: str = "leave-out",
    pairs: bool = False,
    depth: int = 1,
) -> list[str]:
    """Write the study folder `out` with `count` synthetic and `count` real slices; return the readers' link tokens.

    The tokens returned are the only copy. Slices that an audit flagged are left out; real slices come from as many
    patients as there are, matched in label and position where the samples have them.

    Args:
        samples: whatever `open_slices` opens: a samples folder, a folder of pictures or of DICOM, or a .npy.
        store: a SliceStore, or its path.
        split: whose patients are the real ones. References come from the split train.
        protocol: a Protocol, or the path of its YAML; None for the default questions.
        readers: each gets a link and an order of their own.
        seed: of choice and orders. None draws a secret one. Who knows the seed, the samples and the store can find out
            the truth.
        value_range: the values of black and white pixels of `samples`, where their type leaves that in doubt.
        harmonise: put real and synthetic slices through one more map, such that their pixels tell less; see
            `medattngan.review.harmonise`. Whether or not, what they tell is measured and written to tells.json.
        letters: `leave-out` slices of either kind that show what looks like letters, an R of one kind being a tell; or
            `keep` them.
        pairs: each case is a synthetic slice beside a real one, and readers choose which is synthetic: `count` cases.
            A protocol with `design: pair` says so too.
        depth: slices of a case that readers scroll through: neighbours of one series of the store, and of one
            synthetic volume (see `medattngan.review.stacks`).

    Raises:
        UserError: an option or folder is not usable, or there are not enough slices.
    """
    out = Path(out)
    require_absent(out)
    _check_options(count, split, references, readers, seed)
    if letters not in LETTERS:
        raise UserError(f"--letters {letters} is not one of {', '.join(LETTERS)}.")
    if not 1 <= depth <= MAX_DEPTH:
        raise UserError(f"--depth is {depth}; it must lie between 1 and {MAX_DEPTH}.")
    protocol = _protocol(protocol, pairs, depth)
    seed = secrets.randbits(62) if seed is None else seed
    store = SliceStore.of(store)
    slices = gather(
        samples, store, count=count, split=split, references=references, seed=seed, value_range=value_range,
        letters=letters, depth=depth,
    )  # fmt: skip
    slices, tells = look(slices, seed, harmonise=harmonise)
    with atomic_folder(out) as folder:
        folder.chmod(0o700)
        write_json(folder / TELLS, tells)
        (folder / TELLS).chmod(0o600)
        tokens = _write(folder, slices, protocol, readers, seed)
        seal_folder(folder, "study", alive=ALIVE)
    return tokens


def _write(folder: Path, slices: Slices, protocol: Protocol, readers: int, seed: int) -> list[str]:
    """Shuffle the slices, and write all but what the pixels tell; return the readers' tokens."""
    rng = np.random.default_rng([seed, 2])
    cases, truth = in_pairs(slices, rng) if protocol.pairs else (slices.cases, slices.truth)
    shuffled = rng.permutation(len(cases))
    orders = [rng.permutation(len(cases)).tolist() for _ in range(readers)]
    facts = {**slices.facts, "count": len(cases), "reference_count": len(slices.references), "readers": readers}
    facts |= {"sides": 2} if protocol.pairs else {}
    facts |= {"depth": slices.cases.shape[1]} if slices.cases.ndim == 4 else {}
    stored = cases[shuffled].astype("<u2").reshape(cases_shape(facts))
    np.save(folder / "cases.npy", stored, allow_pickle=False)
    if len(slices.references):
        np.save(folder / "references.npy", slices.references.astype("<u2"), allow_pickle=False)
    seal(folder / "truth.parquet", truth.iloc[shuffled].reset_index(drop=True), seed)
    protocol.save(folder / "protocol.yaml")
    facts["study"] = secrets.token_hex(8)
    facts |= _windows(protocol, facts)
    write_json(folder / "study.json", {**facts, "truth_digest": digest(folder / "truth.parquet")})
    write_json(folder / "provenance.json", slices.provenance)
    tokens = Database.create(folder / "study.sqlite", orders)
    (folder / "study.sqlite").chmod(0o600)
    return tokens


def seal(path: Path, truth: pd.DataFrame, seed: int) -> None:
    """Write the truth for its owner's eyes. The nonce keeps its digest in study.json from being guessed."""
    table = truth.assign(case=np.arange(len(truth)), seed=str(seed), nonce=secrets.token_hex(32))
    table.to_parquet(path, index=False)
    path.chmod(0o600)


def _protocol(given: Protocol | str | Path | None, pairs: bool, depth: int) -> Protocol:
    """The protocol asked for, or the default of pairs, stacks or single slices."""
    if given is None:
        default = Protocol(design="pair") if pairs else Protocol()
        return of_stacks(default) if depth > 1 and not pairs else default
    protocol = given if isinstance(given, Protocol) else Protocol.load(given)
    if pairs and not protocol.pairs:
        raise UserError("--pairs needs a protocol that asks about pairs; write `design: pair` into it.")
    return protocol


def _check_options(count: int, split: str, references: int, readers: int, seed: int | None) -> None:
    if count < 1:
        raise UserError(f"--count is {count}; a study needs one synthetic and one real slice at least.")
    if references < 0:
        raise UserError(f"--references is {references}; give 0 for none.")
    if references and split == "train":
        raise UserError("--references come from the split train, which --split train shows as cases; leave one out.")
    if not 1 <= readers <= MAX_READERS:
        raise UserError(f"--readers is {readers}; it must lie between 1 and {MAX_READERS}.")
    if seed is not None:
        require_seed(seed)


def _windows(protocol: Protocol, facts: dict[str, Any]) -> dict[str, Any]:
    """What cases open with and can be switched to, the same for all: from the protocol, or what suits the unit."""
    lower, upper = float(facts["lower"]), float(facts["upper"])
    whole = {"center": (lower + upper) / 2, "width": upper - lower}
    presets = [{"name": "full", **whole}]
    if facts["unit"] == "HU":
        for name, (center, width) in WINDOWS.items():
            if name != "full" and center - width / 2 < upper and center + width / 2 > lower:
                presets.append({"name": name, "center": center, "width": width})
    else:
        half = (upper - lower) / 2
        presets.append({"name": "dark half", "center": lower + half / 2, "width": half})
        presets.append({"name": "bright half", "center": upper - half / 2, "width": half})
    return {
        "window": protocol.window.model_dump() if protocol.window else whole,
        "presets": [preset.model_dump() for preset in protocol.presets] if protocol.presets else presets,
    }
