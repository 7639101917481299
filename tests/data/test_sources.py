"""What was made from patients' slices is never taken for synthetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.export_cases import MR, make_samples

from medattngan.core.files import UserError, write_json
from medattngan.data.latents import Latents, write_latents
from medattngan.data.samples import Samples
from medattngan.data.sources import OF_PATIENTS, require_none_of_patients
from medattngan.data.store import SliceStore
from medattngan.external.open import open_slices
from medattngan.pacs.instances import look_through
from medattngan.review.slices import gather
from medattngan.stages.export.export import export


@pytest.fixture
def redrawn(tmp_path: Path) -> Path:
    """Samples that say they are of patients."""
    plain = make_samples(MR)
    Samples(plain.codes, plain.table, plain.intensity, dict(OF_PATIENTS)).save(tmp_path / "redrawn")
    return tmp_path / "redrawn"


def test_reconstructions_are_refused_by_export_and_by_a_reader_study(
    redrawn: Path, tiny_store: SliceStore, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="is not synthetic, so it cannot be exported as such; draw slices with"):
        export(redrawn, tmp_path / "dicom")
    with pytest.raises(UserError, match="cannot be exported as such"):
        export(Samples.open(redrawn), tmp_path / "dicom")
    with pytest.raises(UserError, match="cannot be shown to readers as such"):
        gather(redrawn, tiny_store, count=1, split="test", references=0, seed=0)
    assert not (tmp_path / "dicom").exists()


def test_samples_say_what_they_are(redrawn: Path) -> None:
    assert "3 reconstructed of 40 x 64 px" in repr(Samples.open(redrawn))
    assert "3 synthetic of 40 x 64 px" in repr(make_samples(MR))


def test_their_bare_pixels_are_refused_too(redrawn: Path) -> None:
    with pytest.raises(UserError, match="give its folder"):
        open_slices(redrawn / "pixels.npy")


def test_push_refuses_a_folder_in_which_anything_is_of_patients(redrawn: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="redrawn was made from slices of patients and is not synthetic"):
        look_through(tmp_path)
    require_none_of_patients(tmp_path / "elsewhere", "pushed")


def test_a_synthetic_folder_is_let_through(tmp_path: Path) -> None:
    write_json(tmp_path / "provenance.json", {"synthetic": True})
    require_none_of_patients(tmp_path, "pushed")  # raises nothing
    write_json(tmp_path / "provenance.json", {"synthetic": False, "of_patients": True})
    with pytest.raises(UserError, match="not synthetic"):  # and would have, had the folder said so
        require_none_of_patients(tmp_path, "pushed")


def test_latents_are_sealed_and_taken_for_slices_by_nobody(tiny_store: SliceStore, tmp_path: Path) -> None:
    table = tiny_store.index.iloc[:4][["patient", "position_mm"]]
    write_latents(tmp_path / "l", np.zeros((4, 3)), np.ones((4, 3)), table, dict(OF_PATIENTS))
    latents = Latents.open(tmp_path / "l")
    assert (len(latents), latents.means.dtype, latents.encoder()) == (4, np.float32, None)
    for path in (tmp_path / "l", tmp_path / "l" / "latents.npy"):
        with pytest.raises(UserError, match="holds latents of patients, not slices"):
            open_slices(path)
    assert "Guard" in (tmp_path / "l" / "README.txt").read_text()
    (tmp_path / "l" / "spread.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"is damaged: spread\.npy has 0 bytes"):
        Latents.open(tmp_path / "l")
