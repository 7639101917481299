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
from medattngan.review.protocol import Protocol
from medattngan.review.slices import Slices, gather
from medattngan.review.study import ALIVE

MAX_READERS = 1000
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

    Raises:
        UserError: an option or folder is not usable, or there are not enough slices.
    """
    out = Path(out)
    require_absent(out)
    _check_options(count, split, references, readers, seed)
    if letters not in LETTERS:
        raise UserError(f"--letters {letters} is not one of {', '.join(LETTERS)}.")
    protocol = protocol if isinstance(protocol, Protocol) else Protocol.load(protocol) if protocol else Protocol()
    seed = secrets.randbits(62) if seed is None else seed
    store = SliceStore.of(store)
    slices = gather(
        samples, store, count=count, split=split, references=references, seed=seed, value_range=value_range,
        letters=letters,
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
    shuffled = rng.permutation(len(slices.cases))
    orders = [rng.permutation(len(slices.cases)).tolist() for _ in range(readers)]
    np.save(folder / "cases.npy", slices.cases[shuffled].astype("<u2"), allow_pickle=False)
    if len(slices.references):
        np.save(folder / "references.npy", slices.references.astype("<u2"), allow_pickle=False)
    seal(folder / "truth.parquet", slices.truth.iloc[shuffled].reset_index(drop=True), seed)
    protocol.save(folder / "protocol.yaml")
    facts = {**slices.facts, "count": len(slices.cases), "reference_count": len(slices.references), "readers": readers}
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


def _check_options(count: int, split: str, references: int, readers: int, seed: int | None) -> None:
    if count < 1:
        raise UserError(f"--count is {count}; a study needs one synthetic and one real slice at least.")
    if references < 0:
        raise UserError(f"--references is {references}; give 0 for none.")
    if references and split == "train":
        raise UserError("--references come from the split train, which --split train shows as cases; leave one out.")
    if not 1 <= readers <= MAX_READERS:
        raise UserError(f"--readers is {readers}; it must lie between 1 and {MAX_READERS}.")
    if seed is not None and seed < 0:
        raise UserError(f"--seed is {seed}; it must be 0 or more.")


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
