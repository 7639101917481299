"""Pairs of slice and mask as NIfTI, in the folders that segmentation is trained from: nnU-Net's, and MONAI's.

nnU-Net v2: imagesTr/CASE_0000.nii.gz, labelsTr/CASE.nii.gz and dataset.json
(https://github.com/MIC-DKFZ/nnUNet, documentation/dataset_format.md). MONAI reads the Medical Segmentation
Decathlon's: the same folders without channels in the names, and a dataset.json that lists the pairs
(`monai.data.load_decathlon_datalist`). Each slice is a volume of one slice, with values in the units of the store.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import medattngan
from medattngan.core.files import UserError, atomic_folder, require_absent, write_json
from medattngan.core.locks import alone
from medattngan.core.seal import seal, thorough
from medattngan.data.masks import Classes
from medattngan.data.samples import Samples
from medattngan.stages.export.beside import SYNTHETIC, affine_of, save_nifti
from medattngan.stages.export.export import by_audit, by_option, choose_rows, count_left_out, flagged_rows
from medattngan.stages.export.letters import heed_letters
from medattngan.stages.export.options import require_letters
from medattngan.stages.export.origin import samples_digest
from medattngan.stages.export.plane import ORIENTATION, Plane
from medattngan.stages.export.seg import OF_OUTLINES, drawn

DRAWN = "SYNTHETIC pairs of slice and mask by medattngan"
GIVEN = "SYNTHETIC slices by medattngan for masks that were given and may be of patients"
OUTLINES = b"mask of a SYNTHETIC slice, may be of a patient"
CHANNELS = {"CT": "CT", "MR": "MRI"}
"""What nnU-Net calls a modality: CT is not standardised image by image."""


def nnunet(cases: Sequence[str], classes: Classes, modality: str) -> dict[str, Any]:
    """dataset.json of nnU-Net v2."""
    return {
        "channel_names": {"0": CHANNELS.get(modality, modality)},
        "labels": {name: number for number, name in enumerate(classes.names)},
        "numTraining": len(cases),
        "file_ending": ".nii.gz",
    }


def monai(cases: Sequence[str], classes: Classes, modality: str) -> dict[str, Any]:
    """dataset.json of the Medical Segmentation Decathlon."""
    pairs = [{"image": f"./imagesTr/{case}.nii.gz", "label": f"./labelsTr/{case}.nii.gz"} for case in cases]
    return {
        "modality": {"0": CHANNELS.get(modality, modality)},
        "labels": {str(number): name for number, name in enumerate(classes.names)},
        "tensorImageSize": "3D",
        "numTraining": len(cases),
        "numTest": 0,
        "training": pairs,
        "test": [],
    }


LAYOUTS: dict[str, tuple[str, Callable[[Sequence[str], Classes, str], dict[str, Any]]]] = {
    "nnunet": ("_0000", nnunet),
    "monai": ("", monai),
}
"""What `--pairs` chooses from: what follows the name of a slice, and its dataset.json."""


class PairsReport(NamedTuple):
    """The names of the cases that were written, and in sentences what was left out."""

    cases: list[str]
    notes: list[str]


@alone
@thorough()
def export_pairs(
    samples: str | Path | Samples, out: str | Path, layout: str, *, limit: int | None = None, name: str = "",
    include_flagged: str | None = None, letters: str = "refuse",
) -> PairsReport:  # fmt: skip
    """Write pairs as NIfTI into the folder `out`.

    Args:
        layout: `nnunet` or `monai`.
        limit: at most this many pairs, from the first.
        name: of the data set; that of the folder by default.
        include_flagged, letters: as for `export`.

    Raises:
        UserError: there is no such layout, the samples have no masks or none is left, slices show letters, or `out`
            exists.
    """
    if layout not in LAYOUTS:
        raise UserError(f"--pairs {layout} is not one of {', '.join(LAYOUTS)}.")
    require_letters(letters)
    out = Path(out)
    require_absent(out)
    samples = samples if isinstance(samples, Samples) else Samples.open(samples)
    if samples.masks is None or samples.classes is None:
        raise UserError("--pairs needs samples with masks; draw them with a run trained with data.conditions=[mask].")
    samples.require_synthetic("exported")
    samples.require_verdict()
    flagged = flagged_rows(samples.table)
    chosen = choose_rows(flagged, limit, include_flagged)
    rows = heed_letters(samples.codes, chosen, letters)
    left_out = count_left_out(flagged, len(chosen), include_flagged)
    if lettered := len(chosen) - len(rows):
        left_out["lettered"] = lettered
    suffix, described = LAYOUTS[layout]
    side = float(samples.intensity.get("spacing_mm") or 1.0)
    # As far as plane and size of a pixel are known, centred on 0.
    orientation = ORIENTATION.get(str(samples.intensity.get("plane")), ORIENTATION["axial"])
    affine = affine_of(Plane(orientation, (side, side)), samples.codes.shape[1:])
    masks = samples.masks[:, :, :, None]
    cases = [f"synthetic_{row + 1:05d}" for row in rows]
    with atomic_folder(out) as folder:
        for one in ("imagesTr", "labelsTr"):
            (folder / one).mkdir()
        for row, case in zip(rows, cases, strict=True):
            save_nifti(samples.physical(row)[:, :, None], affine, folder / "imagesTr" / f"{case}{suffix}.nii.gz")
            label = folder / "labelsTr" / f"{case}.nii.gz"
            save_nifti(np.asarray(masks[row], np.uint8), affine, label, SYNTHETIC if drawn(samples) else OUTLINES)
        about = {"name": name or out.name, "description": DRAWN if drawn(samples) else GIVEN}
        modality = str(samples.intensity.get("modality") or "OT")
        write_json(folder / "dataset.json", about | described(cases, samples.classes, modality))
        write_json(folder / "provenance.json", _record(samples, left_out))
        seal(folder, "pairs")
    of_masks = [] if drawn(samples) else [OF_OUTLINES]
    return PairsReport(cases, [*by_option(left_out), *by_audit(left_out["flagged"]), *of_masks])


def _record(samples: Samples, left_out: dict[str, int]) -> dict[str, Any]:
    kept = {key: samples.provenance.get(key) for key in ("run", "store_digest", "masks")}
    versions = {"medattngan": medattngan.__version__}
    return {"synthetic": True, "samples_digest": samples_digest(samples), **kept, "left_out": left_out} | {
        "versions": versions
    }
