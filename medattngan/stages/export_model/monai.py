"""A MONAI bundle: TorchScript and configurations that `python -m monai.bundle run` takes, without this package.

    configs/metadata.json     what goes in and comes out, in the keys of the bundle specification
    configs/inference.json    draws `count` slices of `seed` and writes each as NIfTI, in scanner units
    models/model.ts           the network
    docs/README.md, docs/data_license.txt, LICENSE

https://docs.monai.io/en/stable/mb_specification.html. The network has one input, called `image` because MONAI's
`verify_net_in_out` asks for that name: the latent, then each condition in a channel of its own. A seed draws what
`sample` draws with it: the expressions below repeat `latents`, `Label.draw` and `Number.draw`.
"""

from __future__ import annotations

import math
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from medattngan.conditions.labels import Label
from medattngan.conditions.numbers import LEVELS
from medattngan.conditions.table import places
from medattngan.core.files import write_json, write_text
from medattngan.core.version import __version__
from medattngan.data.affine import slice_affine
from medattngan.stages.export_model.known import Known
from medattngan.stages.export_model.portable import OneTensor, Told
from medattngan.stages.export_model.torchscript import FILE, save
from medattngan.stages.sample.sample import CHUNK

SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
USE = """```bash
pip install monai nibabel fire pytorch-ignite          # PyTorch too; medattngan is not needed
cd {name}
python -m monai.bundle run --config_file configs/inference.json --bundle_root . --count 16 --seed 0
```

Slices come as NIfTI into `output/`, in {unit}, the same as `medattngan sample` draws with that seed.{told}"""
TOLD = """ What is asked for
is given like `--{first} {value}`; otherwise it is drawn as often as training had it."""


def write(known: Known, folder: Path) -> None:
    """Write the bundle into the folder."""
    network = OneTensor(known.network).eval()
    for name in ("configs", "models", "docs"):
        (folder / name).mkdir()
    save(network, folder / "models" / FILE)
    write_json(folder / "configs" / "metadata.json", metadata(known, network.channels))
    write_json(folder / "configs" / "inference.json", inference(known))
    write_text(folder / "docs" / "data_license.txt", f"{known.card.data}\n\n{known.licence}\n")
    write_text(folder / "LICENSE", f"Of the weights and of what they draw: {known.licence}\n")


def use(known: Known) -> str:
    """How the bundle is run."""
    told = ""
    if known.network.conditions:
        one = known.network.conditions[0]
        told = TOLD.format(first=one.name, value=known.usual(one))
    return USE.format(name=known.name, unit=known.network.intensity.unit, told=told)


def metadata(known: Known, channels: int) -> dict[str, Any]:
    """metadata.json."""
    network, intensity = known.network, known.network.intensity
    named = {str(place): f"latent {place}" for place in range(network.z_dim)}
    named |= {str(network.z_dim + i): f"{name}, {what}" for i, (name, what) in enumerate(known.inputs()[1:])}
    packages = {"nibabel": version("nibabel"), "pytorch-ignite": "0.5.0", "fire": "0.6.0"}
    return {
        "schema": SCHEMA,
        "version": "0.1.0",
        "changelog": {"0.1.0": f"written by medattngan {__version__}"},
        "monai_version": version("monai"),
        "pytorch_version": str(torch.__version__).split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": packages,
        "optional_packages_version": {},
        "name": known.name,
        "task": known.task,
        "description": known.description,
        "authors": known.card.contact,
        "copyright": known.licence,
        "data_source": known.card.data,
        "data_type": "nifti",
        "intended_use": known.card.intended_use,
        "eval_metrics": {name: entry["value"] for name, entry in known.evidence.scores.items()},
        "findings": known.findings(),
        "synthetic": True,
        "references": [],
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "tuples", "format": "latent", "modality": "n/a", "num_channels": channels,
                    "spatial_shape": [], "dtype": "float32", "value_range": [], "is_patch_data": False,
                    "channel_def": named,
                }
            },
            "outputs": {
                "pred": {
                    "type": "image", "format": "hounsfield" if intensity.unit == "HU" else "magnitude",
                    "modality": known.modality, "num_channels": 1, "spatial_shape": [network.size, network.size],
                    "dtype": "float32", "value_range": [intensity.lower, intensity.upper], "is_patch_data": False,
                    "channel_def": {"0": "synthetic slice"},
                }
            },
        },
    }  # fmt: skip


def inference(known: Known) -> dict[str, Any]:
    """inference.json."""
    network = known.network
    spacing = math.nan if known.spacing_mm is None else known.spacing_mm
    rows_and_columns = slice_affine(known.plane, spacing, network.size)
    affine = rows_and_columns[:, [1, 0, 2, 3]].tolist()  # NIfTI counts along a row first
    at = places(network.conditions)
    names = [one.name for one in network.conditions]
    told = (
        f"$np.stack([np.broadcast_to(np.asarray(v, float), @count) for v in [{', '.join('@' + n for n in names)}]], 1)"
    )
    item = (
        f"torch.randn({network.z_dim}, generator=torch.Generator().manual_seed("
        "int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0])))"
    )
    return {
        "imports": ["$import monai", "$import numpy as np", "$import torch"],
        "bundle_root": ".",
        "output_dir": "$@bundle_root + '/output'",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "count": CHUNK,
        "seed": 0,
        **{one.name: _drawn(one, at.get(one.name, 0)) for one in network.conditions},
        "told": told if names else "$np.zeros((@count, 0))",
        "data": (
            f"$[{{'image': torch.cat([{item}, torch.as_tensor(row, dtype=torch.float32)])}} "
            "for seed, number, row in zip([@seed] * @count, range(@count), @told)]"
        ),
        "dataset": {"_target_": "Dataset", "data": "@data"},
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": CHUNK, "num_workers": 0},
        "network_def": "$torch.jit.load(@bundle_root + '/models/model.ts', map_location=@device)",
        "affine": f"$torch.tensor({affine}, dtype=torch.float64)",
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "Lambdad", "keys": "pred",
                    "func": "$lambda x: monai.data.MetaTensor(x.transpose(-1, -2)[..., None], affine=@affine)",
                },
                {
                    "_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "output_ext": ".nii.gz",
                    "output_postfix": "synthetic", "resample": False, "squeeze_end_dims": False,
                    "separate_folder": False,
                },
            ],
        },
        "inferer": {"_target_": "SimpleInferer"},
        "evaluator": {
            "_target_": "SupervisedEvaluator", "device": "@device", "val_data_loader": "@dataloader",
            "network": "@network_def", "inferer": "@inferer", "postprocessing": "@postprocessing",
        },
        "run": ["$@network_def.eval()", "$@evaluator.run()"],
    }  # fmt: skip


def _drawn(condition: Told, place: int) -> str:
    """A condition as often as training had it, as `sample` draws it."""
    if isinstance(condition, Label):
        return (
            f"$np.random.default_rng([@seed, 1]).choice({len(condition.names)}, @count, "
            f"p=np.array({list(condition.counts)}) / {sum(condition.counts)})"
        )
    return (
        f"$np.interp(np.random.default_rng([@seed, 2, {place}]).random(@count), np.linspace(0, 1, {len(LEVELS)}), "
        f"{list(condition.quantiles)})"
    )
