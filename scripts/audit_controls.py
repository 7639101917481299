"""The negative control of the audit: a GAN overtrained on five patients must be caught, the default on all must not.

    python scripts/audit_controls.py --data STORE --minutes 30 --work DIR --out FILE.json

Two runs of equal minutes: on five training patients of the store without augmentation, and on all of them. Each is
sampled and audited against the patients that it was trained on, with the same held-out patients.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from derived import derived_store

from medattngan.core.config import Config
from medattngan.core.files import read_json, write_json
from medattngan.data.store import SliceStore
from medattngan.stages.audit.audit import audit
from medattngan.stages.audit.sentences import summary
from medattngan.stages.sample.sample import sample
from medattngan.stages.train.train import train


def main() -> None:
    """Train, sample and audit both, print the sentences and write the reports as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a slice store")
    parser.add_argument("--config", type=Path, default=Path("configs/compact.yaml"))
    parser.add_argument("--minutes", type=float, default=30.0, help="of each training")
    parser.add_argument("--patients", type=int, default=5, help="of the overtrained run")
    parser.add_argument("--count", type=int, default=1000, help="samples of each run")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="override a key in both runs")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="both reports, as JSON")
    arguments = parser.parse_args()
    full = SliceStore.open(arguments.data)
    few = keep_patients(full, arguments.patients, arguments.work / "few-store")
    reports: dict[str, Any] = {}
    for name, store in (("few", few), ("all", full)):
        folder = arguments.work / name
        # Without augmentation, which few slices would otherwise be given: this run is to learn its patients by heart.
        plain = ["augment.probability=0"] if name == "few" else []
        config = Config.load(arguments.config, [f"train.minutes={arguments.minutes}", *plain, *arguments.settings])
        run = train(config, store.path, folder / "run", resume=True)
        if not (folder / "audit" / "audit.json").is_file():
            shutil.rmtree(folder / "samples", ignore_errors=True)
            sample(run, folder / "samples", count=arguments.count, seed=0, checkpoint="last")
            audit(folder / "samples", store, folder / "audit", run=run)
        reports[name] = read_json(folder / "audit" / "audit.json")
        print(f"\n{name}: {reports[name]['counts']['training_patients']} training patients")
        print("\n".join(summary(reports[name])))
    write_json(arguments.out, reports)


def keep_patients(store: SliceStore, count: int, path: Path) -> SliceStore:
    """A store with the first `count` training patients of `store` and all held-out ones."""
    training = store.split("train").index["patient"].unique()[:count]
    kept = store.select((store.index["split"] != "train") | store.index["patient"].isin(training))
    origin = {"made_by": "scripts/audit_controls.py", "training_patients": int(count)}
    return derived_store(path, kept, origin)


if __name__ == "__main__":
    main()
