"""From scans with region maps to slices of a caption: pseudo-patients, and the shipped configuration at toy size."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from medattngan.cli.app import main
from medattngan.data.samples import Samples
from medattngan.data.store import SliceStore
from medattngan.stages.demo.cohort import make_cohort
from medattngan.stages.demo.scans import write_nifti

CONFIG = Path(__file__).parents[3] / "configs" / "attngan.yaml"
PATIENTS = 8
TINY = {
    "data.size": "32", "model.z_dim": "16", "model.generator_width": "8", "model.discriminator_width": "8",
    "model.pretrain_kimg": "0.016", "train.kimg": "0.032", "train.batch_size": "8", "train.validate_minutes": "null",
    "train.accelerator": "cpu",
}  # fmt: skip


def cohort(folder: Path) -> Path:
    """Pseudo-patients as NIfTI, each with a map of what is dark in the middle of the head and of what is bright."""
    (folder / "maps").mkdir(parents=True)
    for patient in make_cohort(PATIENTS, 0):
        write_nifti(patient, folder / "scans")
        bright = patient.scan / np.percentile(patient.scan, 99)
        x, y, z = patient.scan.shape
        middle = np.zeros(patient.scan.shape, bool)
        middle[x // 2 - 12 : x // 2 + 12, y // 2 - 20 : y // 2 + 15, z // 3 :] = True
        labels = np.where(middle & (bright < 0.4), 1, np.where(bright > 0.85, 2, 0)).astype(np.int16)
        nib.save(nib.Nifti1Image(labels, patient.affine), folder / "maps" / f"{patient.name}_regions.nii.gz")
    recipe = folder / "regions.yaml"
    recipe.write_text(
        "masks: maps\nsuffix: _regions.nii.gz\ncaption: '{plane} T1, {regions}'\nleast_mm2: 60\n"
        "regions:\n  ventricles: 1\n  white matter: 2\n"
    )
    return recipe


@pytest.mark.slow
def test_a_caption_goes_from_region_maps_to_slices_and_maps_of_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = cohort(tmp_path)

    def verb(*arguments: object, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["medattngan", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert int(ended.value.code or 0) == status, said
        return said

    store = tmp_path / "store"
    verb("ingest", tmp_path / "scans", "--out", store, "--size", 32, "--captions", recipe, "--captions", "attributes")
    told = SliceStore.open(store)
    assert {"axial t1 white matter", "axial t1 ventricles and white matter"} <= {
        str(one).split("\n")[0] for one in told.index["text"]
    }
    assert set(told.provenance["captions"]["vocabulary"]) >= {"ventricles", "matter", "upper", "third"}
    overrides = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    verb("train", CONFIG, "--data", store, "--out", tmp_path / "run", *overrides)
    run, samples, explained = (tmp_path / name for name in ("run", "s", "explained"))
    said = verb("sample", run, "--text", "axial T1, ventricles and tumour", "--count", 3, "--out", samples)
    assert "does not know tumour" in said
    assert Samples.open(samples).table["text"].tolist() == ["axial t1 ventricles and"] * 3
    verb("explain", run, "--text", "axial T1, ventricles", "--out", explained)
    assert {"words-8.png", "words-16.png"} <= {path.name for path in explained.iterdir()}
    said = verb("sample", run, "--text", "kidney", "--count", 1, "--out", tmp_path / "none", status=2)
    assert "write it with: " in said
