"""Digests of all that the verbs write, to prove that a change of the code's shape keeps every byte that counts.

    python scripts/digest_outputs.py --package TREE --work DIR --out FILE.json
    python scripts/digest_outputs.py --compare BEFORE.json AFTER.json

TREE is a checkout. Of it nothing but the command line is used (`python -m medattngan`), and the makers of the demo's
scans, wherever they lie; so trees of different layouts can be compared. DIR must be empty or absent: every verb leaves
its folder there. FILE.json maps names such as `train/compact/checkpoints/step-000000025/generator.safetensors#w` to
SHA-256 digests. What depends on the clock, the machine or a secret is left out first.

`--compare` prints what differs, what is missing and what is new, and its exit status is 1 where there is anything. Only
files of one machine and one environment can be compared: another processor rounds differently. What a change means to
change shows up too: a new key of the configuration as one new name (`config.yaml#section.key`), a renamed file as one
missing and one new, unless it stands in FILE_NAMES. A new version number is in every DICOM object, and so in its UIDs:
there `#pixels` tells whether anything else is new. Weights in files of other bytes give `weights_digest` and `run` of
samples other values, and so the DICOM objects made from them, even where every tensor is the same.

The verbs run one after another, each in a process of its own that is forked after the libraries, but nothing of TREE,
were imported: that saves five seconds a verb. They take four minutes of one core. Not covered: `push` and `review
serve`, which need another side, `demo` and `utility --pretrain-minutes`, whose trainings go by the clock, extractors
other than the built-in ones and an encoder, and `ingest` with several processes.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import csv
import gzip
import hashlib
import importlib
import importlib.util
import io
import json
import multiprocessing
import os
import platform
import re
import runpy
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

PATIENTS = 10
PICTURES = 32
"""Of each label."""
SALT = bytes(range(32))

LIBRARIES = (
    "numpy", "scipy.stats", "scipy.ndimage", "pandas", "pyarrow.parquet", "torch", "torch._dynamo", "safetensors.torch",
    "lightning_fabric", "monai", "monai.transforms", "nibabel", "pydicom", "PIL.Image", "matplotlib.figure",
    "matplotlib.backends.backend_agg", "sklearn.linear_model", "sklearn.model_selection", "pydantic", "typer", "yaml",
    "rich.progress", "tensorboard.compat.proto.event_pb2", "tensorboard.summary.writer.record_writer",
)  # fmt: skip
"""Imported before the verbs' processes are forked."""
VERBS = (
    "ingest", "inspect", "train", "sample", "explain", "explore", "evaluate", "export", "utility", "encoder", "audit",
    "push", "report", "demo", "review",
)  # fmt: skip

FILE_NAMES = {"ema.safetensors": "generator_ema.safetensors"}
"""Files whose name changed, old to new: digests stand under the new one."""
PRESET_NAMES = {"seed": "attention_generator"}
"""The same for presets, wherever the key is `preset`."""
VOLATILE_KEYS = {
    "seconds", "validated_at", "images_per_second", "hardware", "versions", "libraries", "python", "medattngan",
    "audit_sha256",
}  # fmt: skip
"""Left out of JSON at any depth: time, machine and versions, and the digest of a file that holds versions."""
SECRET_KEYS = {"study.json": {"study", "truth_digest"}}
"""Left out of this file alone: what is drawn at random on purpose."""
VOLATILE_COLUMNS = {"seconds", "images_per_second", "nonce"}
SKIPPED = (
    "pictures/*", "labels.csv", "card.yaml", "salt", "cache/*", "*/tensorboard/*", "*.sqlite", "*.sqlite-*",
    "log/*.err", "log/review/create.out", "*/seal.json",
)  # fmt: skip
"""Input, caches, event files with their clock, progress, links that are secret, and digests of such files."""

# What to run


@dataclass(frozen=True)
class Step:
    """One call of the command line.

    Args:
        name: of the step, and of the folder below the work folder that it writes.
        words: the arguments.
        status: the exit status that is expected; where it is not 0, what stands on stderr counts too.
        before: what to do first, in the same process.
    """

    name: str
    words: tuple[str, ...]
    status: int = 0
    before: Callable[[], None] | None = None


@dataclass(frozen=True)
class Training:
    """A row of TRAININGS: which configuration on which store with what else, and what to draw from it besides."""

    config: str
    settings: tuple[str, ...] = ()
    store: str = "scans"
    sampled: tuple[tuple[str, ...], ...] = ()


TINY = (
    "data.size=32", "model.generator_width=8", "model.discriminator_width=8", "model.z_dim=16", "train.minutes=null",
    "train.validate_minutes=null", "train.kimg=0.2", "train.log_kimg=0.05", "train.grid_kimg=0.1",
    "train.checkpoint_minutes=1000", "train.checkpoint_steps=15", "train.seed=1",
)  # fmt: skip
CONDITIONS = ("data.conditional=true", "data.conditions=[position_mm, age]")
VALIDATED = (
    "train.kimg=0.032", "train.validate_minutes=0.0001", "train.validate_count=50", "train.log_kimg=0.008",
)  # fmt: skip
ATTENTIONS = ("additive", "multi_head", "multi_scale", "dynamic", "none")
LOSSES = ("minimax", "non_saturating", "hinge", "least_squares")
TRANSFORMS = "[flip, translate, scale, rotate, brightness, contrast, cutout]"
PLAIN = ("attention.resolutions=[16]", "train.batch_size=16")

TRAININGS: dict[str, Training] = {
    "compact": Training("compact", sampled=(("--truncation", "0.7"),)),
    "dcgan": Training("dcgan", ("train.batch_size=16",)),
    "dcgan-attention": Training("dcgan", PLAIN),
    "sagan": Training("sagan", PLAIN),
    "attention_generator": Training(
        "attention_generator", (*PLAIN, "model.generator_width=16", "model.discriminator_width=16")
    ),
    **{f"attention-{kind}": Training("compact", (f"attention.kind={kind}",)) for kind in ATTENTIONS},
    **{f"loss-{kind}": Training("compact", (f"loss.kind={kind}",)) for kind in LOSSES},
    "loss-wasserstein": Training("compact", ("loss.kind=wasserstein", "loss.gradient_penalty=10")),
    "conditional": Training(
        "compact",
        CONDITIONS,
        "labelled",
        (("--label", "high", "--condition", "position_mm=20", "--condition", "age=48"),),
    ),
    "sagan-labels": Training("sagan", (*PLAIN, "data.conditional=true"), "pictures", (("--label", "dark"),)),
    "sagan-conditional": Training("sagan", (*PLAIN, *CONDITIONS), "labelled"),
    "augment-all": Training("compact", (f"augment.policy={TRANSFORMS}", "augment.probability=0.5")),
    "augment-adaptive": Training("compact", ("augment.adaptive=true", "augment.probability=0.3", "augment.target=0.1")),
    "averaged-down": Training("compact", store="large"),
    "lr-decay": Training("compact", ("train.lr_decay=0.5",)),
    "bf16": Training("compact", ("train.precision=bf16-mixed", "train.kimg=0.08")),
    "validated": Training("compact", VALIDATED),
    "validated-last": Training("compact", ("train.validate_minutes=1000", "train.validate_count=50", "train.kimg=0.6")),
    "validated-conditional": Training("compact", (*VALIDATED, *CONDITIONS, "train.kimg=0.016"), "labelled"),
}
"""By the name of the run. The default loss and attention of compact are covered by its own run."""


@dataclass(frozen=True)
class Plan:
    """The steps for one tree.

    Args:
        tree: the checkout.
        work: where everything goes.
    """

    tree: Path
    work: Path

    def steps(self) -> Iterator[Step]:
        """Every step, in the order that they need each other."""
        yield from self._help()
        yield from self._stores()
        for name, training in TRAININGS.items():
            yield self._train(name, training)
            yield from self._samples(name, training)
        yield from self._resumed()
        yield from self._judged()
        yield from self._explained()
        yield from self._exported()
        yield from self._reviewed()
        yield from self._told()
        yield from self._refused()

    def _at(self, name: str) -> str:
        return str(self.work / name)

    def _step(self, name: str, *words: str, of: str = "") -> Step:
        """`medattngan WORDS --out WORK/NAME`, under the name `name`."""
        return Step(of or name, (*words, "--out", self._at(name)))

    def _config(self, name: str) -> str:
        old = [before for before, after in PRESET_NAMES.items() if after == name]
        found = [path for one in (name, *old) if (path := self.tree / "configs" / f"{one}.yaml").is_file()]
        if not found:
            raise SystemExit(f"{self.tree} has no configs/{name}.yaml")
        return str(found[0])

    def _help(self) -> Iterator[Step]:
        yield Step("help/root", ("--help",))
        for verb in VERBS:
            yield Step(f"help/{verb}", (verb, "--help"))

    def _stores(self) -> Iterator[Step]:
        scans, pictures = self._at("scans"), self._at("pictures")
        few = ("--size", "32", "--split", "0.6,0.2,0.2", "--seed", "3")
        labels, rejected = self._at("labels.csv"), self._at("stores/rejected.csv")
        yield self._step("stores/scans", "ingest", scans, *few)
        yield self._step("stores/labelled", "ingest", scans, *few, "--labels", labels)
        yield self._step("stores/pictures", "ingest", pictures, *few, "--labels", "folders", "--rejected", rejected)
        cut = ("--plane", "coronal", "--window", "brain")
        yield self._step("stores/coronal", "ingest", f"{scans}/nifti", *few, *cut)
        yield self._step(
            "stores/large", "ingest", scans, "--size", "64", "--split", "0.6,0.2,0.2", "--plane", "sagittal"
        )
        half = ("--size", "32", "--split", "0.4,0.1,0.5", "--labels", labels)
        yield self._step("stores/half", "ingest", scans, *half)
        if importlib.util.find_spec("rapidocr"):
            yield self._step("stores/screened", "ingest", self._at("pictures/dark"), *few, "--screen", "mask")
        yield self._step("inspect/scans.png", "inspect", self._at("stores/scans"))
        yield self._step("inspect/pictures.png", "inspect", self._at("stores/pictures"))

    def _train(self, name: str, training: Training, *more: str, of: str = "") -> Step:
        settings = [word for one in (*TINY, *training.settings) for word in ("--set", one)]
        store = self._at(f"stores/{training.store}")
        words = ("train", self._config(training.config), "--data", store, *settings, *more)
        return self._step(f"train/{name}", *words, of=of)

    def _samples(self, name: str, training: Training) -> Iterator[Step]:
        count = "40" if name in ("compact", "conditional") else "16"
        for number, words in enumerate(((), *training.sampled)):
            target = f"sample/{name}" + (f"-{number}" if number else "")
            drawn = ("--count", count, "--seed", "3", *words)
            yield self._step(target, "sample", self._at(f"train/{name}"), *drawn)

    def _resumed(self) -> Iterator[Step]:
        short, longer = (Training("compact", (f"train.kimg={kimg}",)) for kimg in (0.08, 0.16))
        yield self._train("resumed", short)
        yield self._train("resumed", longer, "--resume", of="train/resumed-on")
        labelled = Training("compact", CONDITIONS, "labelled")
        yield self._train("begun", labelled, "--begin", self._at("train/compact"))

    def _judged(self) -> Iterator[Step]:
        scans, labelled, encoder = (self._at(name) for name in ("stores/scans", "stores/labelled", "encoder"))
        compact, conditional = self._at("sample/compact"), self._at("sample/conditional")
        yield self._step("encoder", "encoder", scans, "--kimg", "1", "--seed", "2")
        yield self._step("evaluate/compact", "evaluate", compact, "--data", scans)
        yield self._step("evaluate/none", "evaluate", self._at("sample/attention-none"), "--data", scans)
        yield self._step(
            "evaluate/conditional", "evaluate", conditional, "--data", labelled, "--extractor", encoder, "--limit", "30"
        )
        pictures = ("--data", self._at("stores/pictures"))
        yield self._step("evaluate/large", "evaluate", compact, "--data", self._at("stores/large"), "--split", "val")
        yield self._step("evaluate/pictures", "evaluate", self._at("pictures/bright"), *pictures)
        half = self._at("stores/half")  # its own slices as samples: enough of them for scores by stratum
        yield self._step("evaluate/strata", "evaluate", f"{half}/part-00000.npy", "--data", half)
        control = ("--false-positives", "0.05", "--planted", "20", "--limit", "100")
        run, own = self._at("train/compact"), ("--encoder", encoder)
        yield self._step("audit/compact", "audit", compact, "--data", scans, "--run", run, *own, *control)
        yield self._step("audit/pictures", "audit", self._at("pictures/bright"), "--data", scans, *own, *control)
        settings = [word for one in (*TINY, "train.kimg=0.04") for word in ("--set", one)]
        words = (self._config("compact"), "--data", self._at("stores/pictures"), *settings)
        yield self._step("utility", "utility", *words, "--per-class", "6", "--seeds", "1", "--amounts", "1,2")

    def _explained(self) -> Iterator[Step]:
        yield self._step("explain/compact", "explain", self._at("train/compact"), "--seed", "3")
        yield self._step("explore/compact", "explore", self._at("train/compact"), "--truncation", "0.7")
        yield self._step("explain/dcgan", "explain", self._at("train/dcgan"))
        yield self._step("explain/dynamic", "explain", self._at("train/attention-dynamic"), "--point", "16,12")
        told = ("--label", "low", "--condition", "age=49", "--number", "2")
        yield self._step("explain/conditional", "explain", self._at("train/conditional"), *told)

    def _exported(self) -> Iterator[Step]:
        few = ("--limit", "12", "--include-flagged", "to be compared")
        compact, series = self._at("sample/compact"), self._at("scans/dicom/pseudo-02")
        conditional = self._at("sample/conditional")
        yield self._step("export/sc", "export", compact, *few)
        yield self._step("export/mr", "export", compact, *few, "--sop", "mr", "--transfer-syntax", "jpegls")
        yield self._step("export/like", "export", compact, *few, "--sop", "mr", "--like", series)
        yield self._step("export/multiframe", "export", conditional, "--multiframe", "--window", "500,900")
        marks = ("--stamp", "--no-overlay", "--transfer-syntax", "rle", "--uid-root", "1.2.826.0.1.3680043.8.498")
        yield self._step("export/stamped", "export", conditional, "--limit", "5", *marks)
        meaning = ("--range=-1000,400", "--unit", "HU", "--modality", "CT", "--plane", "axial", "--spacing", "1.5")
        yield self._step(
            "export/foreign", "export", self._at("pictures/bright"), "--limit", "5", "--sop", "ct", *meaning
        )
        yield self._step("evaluate/dicom", "evaluate", self._at("export/mr"), "--data", self._at("stores/scans"))

    def _reviewed(self) -> Iterator[Step]:
        yield Step("review/plan", ("review", "plan", "--readers", "4"))
        study = self._at("review/study")
        source = (self._at("sample/compact"), "--data", self._at("stores/scans"))
        counts = ("--count", "12", "--references", "4", "--readers", "3", "--seed", "5")
        yield self._step("review/study", "review", "create", *source, *counts, of="review/create")
        yield Step("review/close", ("review", "close", study), before=partial(answer_cases, Path(study)))
        yield Step("review/status", ("review", "status", study))
        yield self._step("review/stats", "review", "stats", study)

    def _told(self) -> Iterator[Step]:
        compact = ("train/compact", "sample/compact", "evaluate/compact", "audit/compact")
        another = ("train/attention-none", "sample/attention-none", "evaluate/none")
        further = ("utility", "review/stats")
        data = ("--data", self._at("stores/scans"))
        card = ("--title", "Two & more", "--card", self._at("card.yaml"))
        every = tuple(map(self._at, (*compact, *another, *further)))
        yield self._step("report/several.html", "report", *every, *data, *card)
        validated = tuple(map(self._at, ("train/validated", "sample/validated")))
        yield self._step("report/one.html", "report", *validated, *data)

    def _refused(self) -> Iterator[Step]:
        """Mistakes of the user: the sentence counts."""
        data = ("--data", self._at("stores/scans"), "--out", self._at("nowhere"))
        config = self._config("compact")
        yield Step("refused/key", ("train", config, *data, "--set", "train.epochs=3"), 2)
        yield Step("refused/size", ("train", config, *data, "--set", "data.size=64"), 2)
        yield Step("refused/run", ("sample", self._at("nowhere"), "--count", "4", "--out", self._at("nowhere")), 2)
        again = ("ingest", self._at("scans"), "--out", self._at("stores/scans"))
        yield Step("refused/again", again, 2)


# What the verbs are given


def write_scans(folder: Path) -> None:
    """The demo's pseudo-patients, by the makers of the tree that can be imported."""
    for package in ("medattngan.stages.demo", "medattngan.demo"):
        with contextlib.suppress(ModuleNotFoundError):
            cohort, scans = (importlib.import_module(f"{package}.{name}") for name in ("cohort", "scans"))
            break
    else:
        raise SystemExit("the tree has no cohort of pseudo-patients where it was looked for")
    for patient in cohort.make_cohort(PATIENTS, 0):
        scans.write_scan(patient, folder, 0)


def write_labels(path: Path) -> None:
    """Label, age and weight of each pseudo-patient."""
    with path.open("w", newline="", encoding="utf-8") as handle:
        rows = csv.writer(handle)
        rows.writerow(["patient", "label", "age", "weight"])
        for number in range(1, PATIENTS + 1):
            name = f"pseudo-{number:02d}" if number % 2 else f"PSEUDO-{number:02d}"
            label = "high" if number in (1, 2, 5, 6, 9) else "low"
            rows.writerow([name, label, 30 + 3 * number, 60.5 + number])


def write_pictures(folder: Path) -> None:
    """Square pictures of three labels, 8 and 16 bits deep, and four files that no store takes."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:40, 0:40]
    for label, level, kind in (("bright", 200.0, "png"), ("dark", 90.0, "png"), ("deep", 40_000.0, "tif")):
        (folder / label).mkdir(parents=True)
        for number in range(PICTURES):
            row, column = rng.uniform(14, 26, 2)
            blob = level / (1 + np.exp(np.hypot(rows - row, columns - column) - rng.uniform(6, 12)))
            noisy = (blob + rng.normal(level / 10, level / 40, blob.shape)).clip(0, 255 if kind == "png" else 65_535)
            pixels = noisy.round().astype(np.uint8 if kind == "png" else np.uint16)
            Image.fromarray(pixels).save(folder / label / f"{number:02d}.{kind}")
    Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(folder / "deep" / "colour.png")
    (folder / "deep" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    (folder / "deep" / "notes.txt").write_text("no scan\n", encoding="utf-8")
    shutil.copyfile(folder / "deep" / "00.tif", folder / "deep" / "copy.tif")


def write_card(path: Path) -> None:
    """What a model card says."""
    path.write_text("data: pseudo-patients\nlicence: none\nintended_use: to be compared\n", encoding="utf-8")


def answer_cases(study: Path) -> None:
    """Readers' answers, as the reading page would have left them in the study's database."""
    import numpy as np

    rng = np.random.default_rng(11)
    with contextlib.closing(sqlite3.connect(study / "study.sqlite")) as connection, connection:
        orders = connection.execute("SELECT reader, n, case_index FROM orders ORDER BY reader, n").fetchall()
        for reader, n, case in orders:
            scores = [int(score) for score in rng.integers(1, 6, 3)]
            answers = dict(zip(("authenticity", "plausibility", "quality"), scores, strict=True))
            when = f"2024-01-01T00:{reader:02d}:{n % 60:02d}+00:00"
            row = (reader, n, case, f"{reader}-{n}", json.dumps(answers), int(rng.integers(2000, 9000)), when)
            connection.execute(
                "INSERT INTO reads (reader, n, case_index, read_id, answers, milliseconds, received_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )


# Running


def set_environment(tree: Path, work: Path) -> None:
    """The same environment for every tree, but for where things lie. Before any library is imported."""
    for name in [name for name in os.environ if name.startswith("MEDATTNGAN_")]:
        del os.environ[name]
    fixed = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    screen = {"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"}
    places = {
        "PYTHONPATH": str(tree),
        "MEDATTNGAN_SALT_FILE": str(work / "salt"),
        "MEDATTNGAN_CACHE": str(work / "cache"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    os.environ.update(fixed | screen | places)
    sys.dont_write_bytecode = True


def import_libraries() -> None:
    """What takes long to import, once. One that is missing or has moved is left to the verbs."""
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def in_own_process(tree: Path, log: Path, work: Callable[[], None]) -> int:
    """Do `work` in a forked process that can import `tree`; its output goes to `log`.out and .err. The exit status."""

    def child() -> None:
        for number, suffix in ((1, ".out"), (2, ".err")):
            with log.with_name(log.name + suffix).open("wb") as handle:
                os.dup2(handle.fileno(), number)
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        work()

    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    return int(process.exitcode or 0)


def run_verb(step: Step) -> None:
    """What `python -m medattngan WORDS` does."""
    if step.before is not None:
        step.before()
    sys.argv = ["medattngan", *step.words]
    runpy.run_module("medattngan", run_name="__main__", alter_sys=True)


@dataclass
class Session:
    """What was run: exit statuses and seconds by step, and the steps that went wrong."""

    statuses: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def run(self, name: str, tree: Path, work: Path, do: Callable[[], None], expected: int = 0) -> None:
        """Run one step and note how it went."""
        began = time.monotonic()
        log = work / "log" / name
        status = in_own_process(tree, log, do)
        self.seconds[name] = round(time.monotonic() - began, 1)
        self.statuses[f"exit/{name}"] = str(status)
        print(f"{self.seconds[name]:6.1f} s  {name}", file=sys.stderr, flush=True)
        if status != expected:
            self.wrong.append(name)
            said = log.with_name(log.name + ".err").read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"          exit status {status}: {(said or ['nothing was said'])[-1]}", file=sys.stderr, flush=True)


def run_all(tree: Path, work: Path) -> Session:
    """Make the input and run every step."""
    session = Session()
    session.run("scans", tree, work, partial(write_scans, work / "scans"))
    write_labels(work / "labels.csv")
    write_card(work / "card.yaml")
    write_pictures(work / "pictures")
    for step in Plan(tree, work).steps():
        (work / step.name).parent.mkdir(parents=True, exist_ok=True)
        session.run(step.name, tree, work, partial(run_verb, step), step.status)
        if step.status != 0:
            log = work / "log" / step.name
            shutil.copyfile(log.with_name(log.name + ".err"), log.with_name(log.name + ".said"))
    return session


# Digests: each function yields (what of the file, digest), where the whole is the empty text

Digests = Iterator[tuple[str, str]]


def sha(*parts: bytes | str) -> str:
    """SHA-256 of the parts, each told apart from the next."""
    total = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        total.update(len(raw).to_bytes(8, "big") + raw)
    return total.hexdigest()


def canonical(value: Any) -> str:
    """JSON of equal text for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def settled(value: Any, dropped: set[str]) -> Any:
    """`value` without the keys `dropped`, with presets under their new names."""
    if isinstance(value, dict):
        kept = {key: settled(one, dropped) for key, one in value.items() if key not in dropped}
        if isinstance(preset := kept.get("preset"), str):
            kept["preset"] = PRESET_NAMES.get(preset, preset)
        return kept
    return [settled(one, dropped) for one in value] if isinstance(value, list) else value


def of_bytes(path: Path) -> Digests:
    """The file as it is."""
    yield "", sha(path.read_bytes())


def of_json(path: Path) -> Digests:
    """One digest a key of the top level, so that a new key is seen as that."""
    dropped = VOLATILE_KEYS | SECRET_KEYS.get(path.name, set())
    value = settled(json.loads(path.read_text(encoding="utf-8")), dropped)
    for key, one in value.items() if isinstance(value, dict) else [("", value)]:
        yield key, sha(canonical(one))


def of_yaml(path: Path) -> Digests:
    """One digest a key of a section."""
    import yaml

    value = settled(yaml.safe_load(path.read_text(encoding="utf-8")), set())
    for name, section in value.items():
        for key, one in section.items() if isinstance(section, dict) else [("", section)]:
            yield ".".join(filter(None, (name, key))), sha(canonical(one))


def of_csv(path: Path) -> Digests:
    """One digest a column, and one of their order."""
    with path.open(newline="", encoding="utf-8") as handle:
        header, *rows = csv.reader(handle)
    kept = [name for name in header if name not in VOLATILE_COLUMNS]
    yield "(columns)", sha(canonical(kept))
    for name in kept:
        at = header.index(name)
        yield name, sha(canonical([row[at] if at < len(row) else None for row in rows]))


def of_parquet(path: Path) -> Digests:
    """One digest a column, whatever their order, and one of what the table says of itself."""
    import pandas as pd

    table = pd.read_parquet(path)
    for name in sorted(set(map(str, table.columns)) - VOLATILE_COLUMNS):
        yield name, sha(str(table[name].dtype), table[[name]].to_csv(index=False))
    if table.attrs:
        yield "(attributes)", sha(canonical(settled(dict(table.attrs), VOLATILE_KEYS)))


def of_array(array: Any) -> str:
    """Type, shape and values."""
    import numpy as np

    return sha(array.dtype.str, repr(array.shape), np.ascontiguousarray(array).tobytes())


def of_npy(path: Path) -> Digests:
    """The array."""
    import numpy as np

    yield "", of_array(np.load(path, allow_pickle=False))


def of_npz(path: Path) -> Digests:
    """One digest an array."""
    import numpy as np

    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            yield name, of_array(arrays[name])


def of_picture(file: Path | io.BytesIO) -> str:
    """The pixels and how they are meant; not the text, nor how they are packed."""
    from PIL import Image

    with Image.open(file) as image:
        return sha(image.mode, repr(image.size), image.tobytes())


def of_png(path: Path) -> Digests:
    """The picture."""
    yield "", of_picture(path)


def of_nifti(path: Path) -> Digests:
    """What is packed, without the clock of the packing."""
    yield "", sha(gzip.decompress(path.read_bytes()))


def of_dicom(path: Path) -> Digests:
    """The file with the software's version in it, and the pixels alone, as stored."""
    import pydicom

    yield "", sha(path.read_bytes())
    yield "pixels", sha(pydicom.dcmread(path).PixelData)


def of_tensor(tensor: Any) -> str:
    """Type, shape and bytes, bfloat16 too."""
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return sha(str(tensor.dtype), repr(tuple(tensor.shape)), flat.view(torch.uint8).numpy().tobytes())


def of_safetensors(path: Path) -> Digests:
    """One digest a tensor, and one of the file, which the records of samples name."""
    from safetensors.torch import load_file

    yield "", sha(path.read_bytes())
    for name, tensor in load_file(path).items():
        yield name, of_tensor(tensor)


def of_nested(value: Any) -> str:
    """Dictionaries by sorted key, lists in order, tensors by their bytes."""
    import torch

    if isinstance(value, torch.Tensor):
        return of_tensor(value)
    if isinstance(value, dict):
        return sha("dict", *(part for key in sorted(value, key=repr) for part in (repr(key), of_nested(value[key]))))
    if isinstance(value, list | tuple):
        return sha("list", *map(of_nested, value))
    return sha(repr(value))


def of_pytorch(path: Path) -> Digests:
    """One digest a key of the top level."""
    import torch

    for name, value in torch.load(path, map_location="cpu", weights_only=True).items():
        yield str(name), of_nested(value)


READERS: dict[str, Callable[[Path], Digests]] = {
    ".json": of_json, ".yaml": of_yaml, ".csv": of_csv, ".parquet": of_parquet, ".npy": of_npy, ".npz": of_npz,
    ".png": of_png, ".gz": of_nifti, ".dcm": of_dicom, ".safetensors": of_safetensors, ".pt": of_pytorch,
}  # fmt: skip
TEXTS = (".out", ".said", ".txt", ".html")


def of_text(path: Path, places: Iterable[tuple[str, str]]) -> Digests:
    """Text for people: without paths of the run, how long a training took, and the date."""
    text = path.read_text(encoding="utf-8")
    for place, name in places:
        text = text.replace(place, name)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d[\d.:+Z]*", "DATE", text)
    text = re.sub(r"in [\d.]+ minutes", "in SOME minutes", text)
    yield "", sha(re.sub(r"data:image/png;base64,([\w+/=]+)", _embedded, text))


def _embedded(found: re.Match[str]) -> str:
    return of_picture(io.BytesIO(base64.b64decode(found[1])))


def digest_all(tree: Path, work: Path) -> dict[str, str]:
    """Every digest of every file below `work` by its name."""
    found: dict[str, str] = {}
    places = ((str(work), "WORK"), (str(tree), "TREE"))
    for path in sorted(path for path in work.rglob("*") if path.is_file()):
        relative = path.relative_to(work)
        if any(fnmatch(relative.as_posix(), pattern) for pattern in SKIPPED):
            continue
        named = relative.with_name(FILE_NAMES.get(relative.name, relative.name)).as_posix()
        listed = path.name == "rejected.csv" or path.suffix in TEXTS
        parts = of_text(path, places) if listed else READERS.get(path.suffix, of_bytes)(path)
        found |= {named + (f"#{part}" if part else ""): digest for part, digest in parts}
    return found


# The two uses


def record(tree: Path, work: Path, out: Path) -> int:
    """Run every step on `tree` and write `out`; the exit status, 1 where a step went wrong."""
    if work.exists() and any(work.iterdir()):
        raise SystemExit(f"{work} is not empty; give another --work or remove it first.")
    if not (tree / "medattngan").is_dir():
        raise SystemExit(f"{tree} holds no medattngan; give a checkout.")
    work.mkdir(parents=True, exist_ok=True)
    (work / "salt").write_bytes(SALT)
    set_environment(tree, work)
    import_libraries()
    session = run_all(tree, work)
    digests = session.statuses | digest_all(tree, work)
    about = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **{name: version(name) for name in ("torch", "monai", "numpy", "pandas", "pydicom", "matplotlib", "pillow")},
    }
    whole = {"about": about, "seconds": session.seconds, "digests": digests}
    out.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(digests)} digests of {len(session.seconds)} steps in {sum(session.seconds.values()):.0f} s: {out}")
    for name in session.wrong:
        print(f"went wrong: {name}")
    return 1 if session.wrong else 0


def compare(before: Path, after: Path) -> int:
    """Print what is unlike in two files; the exit status, 1 where anything is."""
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    if old["about"] != new["about"]:
        print(f"made in different environments: {canonical(old['about'])} and {canonical(new['about'])}")
    ours, theirs = old["digests"], new["digests"]
    unlike = {
        "differs": [name for name in ours if name in theirs and ours[name] != theirs[name]],
        "missing": [name for name in ours if name not in theirs],
        "new": [name for name in theirs if name not in ours],
    }
    for word, names in unlike.items():
        for name in sorted(names):
            print(f"{word:8} {name}")
    print(
        f"{len(ours.keys() & theirs.keys()) - len(unlike['differs'])} alike, "
        + ", ".join(f"{len(names)} {word}" for word, names in unlike.items())
    )
    return 1 if any(unlike.values()) else 0


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Digest what the verbs of a tree write, or compare two such files.")
    parser.add_argument("--package", type=Path, metavar="TREE", help="A checkout.")
    parser.add_argument("--work", type=Path, metavar="DIR", help="Where the verbs write; empty or absent.")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="The digests.")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE.json", "AFTER.json"))
    given = parser.parse_args()
    if given.compare:
        return compare(*given.compare)
    if not (given.package and given.work and given.out):
        parser.error("give --package, --work and --out, or --compare")
    return record(given.package.resolve(), given.work.resolve(), given.out.resolve())


if __name__ == "__main__":
    raise SystemExit(main())
