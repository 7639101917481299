"""The layout of the Hugging Face Hub: config.json, model.safetensors and a card, which `huggingface_hub` uploads.

    hf upload YOU/NAME FOLDER      (or HfApi().upload_folder; nothing is sent by this package)

config.json holds the run's configuration and what sampling must know of the training slices, so the folder is all that
`medattngan sample` and `mg.generate` need.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from medattngan.core.files import digest, write_json
from medattngan.core.run import MODEL_CONFIG, MODEL_WEIGHTS
from medattngan.core.version import __version__
from medattngan.stages.export_model.known import Known

USE = """```python
import medattngan as mg

slices = mg.generate("{name}", 16, seed=0)  # in memory
mg.sample("{name}", "samples", count=1000)  # as a folder to evaluate, audit and export
```"""


def write(known: Known, folder: Path) -> None:
    """Write config.json and model.safetensors into the folder."""
    run = known.run
    write_json(
        folder / MODEL_CONFIG,
        {
            "model_type": "medattngan",
            "medattngan_version": __version__,
            "config": run.config.model_dump(mode="json"),
            "store": run.store,
            "checkpoint": known.training,
            "weights_sha256": digest(known.weights),
        },
    )
    shutil.copyfile(known.weights, folder / MODEL_WEIGHTS)


def use(known: Known) -> str:
    """How the folder is drawn from."""
    return USE.format(name=known.name)
