"""From a scan and its outlines to pairs that others train on, by the command line alone, on a brain of nilearn's."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from helpers.dicom_checks import complaints
from helpers.scan_files import write_nifti
from typer.testing import CliRunner

from medattngan.cli.app import app
from medattngan.data.samples import Samples
from medattngan.pacs.instances import missing_marks

TEMPLATE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
TINY = ["data.size=32", "model.generator_width=8", "model.discriminator_width=8", "model.z_dim=8", "train.kimg=0.032"]
TINY += ["attention.resolutions=[8]", "train.minutes=null", "train.validate_minutes=null", "train.accelerator=cpu"]


def write_brains(folder: Path, count: int = 8) -> None:
    """The template at 6 mm, a little brighter and wider for each pseudo-patient, with grey and white matter."""
    data = resources.files("nilearn.datasets") / "data"
    coarse = {
        kind: np.asarray(nib.load(str(data / TEMPLATE.format(kind))).dataobj)[::6, ::6, 24:144:6]
        for kind in ("t1", "gm", "wm")
    }
    mask = np.select([coarse["wm"] > 128, coarse["gm"] > 128], [2, 1]).astype(np.uint8)
    rng = np.random.default_rng(0)
    for number in range(count):
        scan = coarse["t1"] * (1 + number / 20) + rng.uniform(0, 4, mask.shape)
        for where, volume in (("scans", scan.astype(np.float32)), ("masks", mask)):
            write_nifti(folder / where / f"sub-{number:02d}.nii.gz", volume, zooms=(6 + number / 10, 6, 6))


def medattngan(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_pairs_go_from_scans_to_nnunet_and_to_a_pacs(tmp_path: Path) -> None:
    write_brains(tmp_path)
    at = tmp_path.joinpath
    split = ["--split", "0.6,0.2,0.2"]
    medattngan("ingest", at("scans"), "--masks", at("masks"), "--out", at("store"), "--size", 32, *split)
    settings = [word for one in TINY for word in ("--set", one)]
    for condition in ("mask", "drawn_mask"):
        told = ["--set", f"data.conditions=[{condition}]"]
        medattngan("train", "configs/compact.yaml", "--data", at("store"), "--out", at(condition), *settings, *told)
    medattngan("sample", at("drawn_mask"), "--count", 6, "--out", at("drawn"))
    masks = ["--masks", at("store"), "--masks-split", "test", "--edit", "scale=1:1.2"]
    medattngan("sample", at("mask"), "--count", 6, "--out", at("pairs"), *masks)
    medattngan("explain", at("mask"), "--out", at("told"), *masks)
    assert at("told", "mask.png").is_file()
    judged = ["--task", "segmentation", "--steps", 2]
    assert "held-out" in medattngan("evaluate", at("pairs"), "--data", at("store"), "--out", at("judged"), *judged)
    medattngan("export", at("pairs"), "--pairs", "nnunet", "--out", at("Dataset501_Brain"))
    medattngan("export", at("pairs"), "--sop", "mr", "--seg", "--out", at("dicom"))
    assert json.loads(at("Dataset501_Brain", "dataset.json").read_text())["numTraining"] == 6
    medattngan("export", at("drawn"), "--sop", "mr", "--seg", "--out", at("of-drawn"))
    for name, missing in (("dicom", ("Synthetic Data (0008,001C) is not YES",)), ("of-drawn", ())):
        (file,) = at(name).rglob("segmentation.dcm")
        assert complaints(file) == []
        assert missing_marks(pydicom.dcmread(file)) == missing
    samples = Samples.open(at("drawn"))
    assert samples.classes is not None
    assert samples.classes.names == ("background", "1", "2")
    assert samples.provenance["masks"]["of_patients"] is False
