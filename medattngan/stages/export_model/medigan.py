"""A package that medigan 1.0 runs, and its entry for medigan's configuration.

    NAME/__init__.py      `generate`, a copy of medigan_package.py beside this file
    NAME/model.ts, NAME/model.json
    NAME.zip              the same, as medigan wants to be linked to
    metadata.json         the entry {NAME: {execution, selection, description}} of config/global.json

Osuala et al. 2023 (medigan), doi:10.1117/1.JMI.10.6.061403; https://medigan.readthedocs.io, "Model Contributions".
medigan 1.0 imports pkg_resources, of which setuptools 80 and later warn before they drop it.
"""

from __future__ import annotations

import shutil
import zipfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from medattngan.conditions.labels import Label
from medattngan.conditions.table import places
from medattngan.core.files import write_json
from medattngan.core.version import __version__
from medattngan.stages.export_model.known import Known
from medattngan.stages.export_model.portable import OneTensor
from medattngan.stages.export_model.torchscript import FILE, save

USE = """In the folder where medigan keeps `models/` and `config/`, with Python 3.8 to 3.11 or newer:

```bash
pip install "setuptools<80" medigan torch numpy pillow
```

```python
import json
from medigan import Generators

generators = Generators()
entry = json.load(open("{name}/metadata.json"))
entry["{name}"]["execution"]["package_link"] = "{name}/{name}.zip"
generators.add_model_to_config("{name}", entry, is_local_model=True)
slices = generators.generate("{name}", num_samples=16, save_images=False)
```

Pass `seed=0` for what `medattngan sample --seed 0` draws{told}. To offer it to others, put {name}.zip where medigan
can fetch it (Zenodo gives it a DOI) and send metadata.json to medigan's maintainers."""
DEPENDENCIES = ("numpy", "pillow", "torch")
ONE_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in the archive: the same run gives the same bytes."""


def write(known: Known, folder: Path) -> None:
    """Write package, archive and entry into the folder."""
    network, package = OneTensor(known.network).eval(), folder / known.name
    package.mkdir()
    save(network, package / FILE)
    write_json(package / "model.json", _about(known))
    source = files("medattngan.stages.export_model") / "medigan_package.py"
    (package / "__init__.py").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    with zipfile.ZipFile(folder / f"{known.name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(package.iterdir()):
            listed = zipfile.ZipInfo(f"{known.name}/{path.name}", ONE_TIME)
            with archive.open(listed, "w") as entry, path.open("rb") as handle:
                shutil.copyfileobj(handle, entry)
    write_json(folder / "metadata.json", {known.name: metadata(known)})


def use(known: Known) -> str:
    """How medigan is given the package."""
    names = ", ".join(one.name for one in known.network.conditions)
    told = f", and `conditions={{…}}` for {names}" if names else ""
    return USE.format(name=known.name, told=told)


def _about(known: Known) -> dict[str, Any]:
    """model.json: what `generate` must know."""
    at = places(known.network.conditions)
    conditions = [
        {"name": one.name, "names": list(one.names), "counts": list(one.counts)}
        if isinstance(one, Label)
        else {"name": one.name, "quantiles": list(one.quantiles), "place": at[one.name]}
        for one in known.network.conditions
    ]
    scale = known.network.intensity.to_dict()
    return {
        **scale,
        "synthetic": True,
        "z_dim": known.network.z_dim,
        "size": known.network.size,
        "conditions": conditions,
    }


def metadata(known: Known) -> dict[str, Any]:
    """The entry: how the package is run, what it is chosen by, and what is said of it."""
    names = [one.name for one in known.network.conditions]
    kind = "conditional generation" if names else "unconditional generation"
    return {
        "execution": {
            "package_name": known.name,
            "package_link": f"{known.name}.zip",
            "model_name": Path(FILE).stem,
            "extension": Path(FILE).suffix,
            "image_size": [known.network.size, known.network.size],
            "dependencies": list(DEPENDENCIES),
            "generate_method": {
                "name": "generate",
                "args": {
                    "base": ["model_file", "num_samples", "output_path", "save_images"],
                    "custom": {"seed": None, "conditions": None},
                },
            },
        },
        "selection": {
            "performance": {name: entry["value"] for name, entry in known.evidence.scores.items()},
            "modality": [known.modality],
            "function": ["noise to image", "image generation", kind, "data augmentation"],
            "condition": names,
            "generates": [known.task],
            "height": known.network.size,
            "width": known.network.size,
            "depth": None,
            "type": known.run.config.model.preset,
            "license": known.licence,
            "privacy_preservation": None,
            "tags": ["medattngan", known.modality, known.plane],
        },
        "description": {
            "title": known.task,
            "version": "0.1.0",
            "comment": " ".join([known.description, *known.findings(), known.card.intended_use, known.card.limits]),
            "dataset": known.card.data,
            "contact": known.card.contact,
            "written_by": f"medattngan {__version__}",
        },
    }
