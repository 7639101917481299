"""Captions in a store: of the training patients' words alone, slice by slice, and never a canary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.canaries import found, written
from helpers.scan_files import texture, write_nifti
from PIL import Image

from medattngan.conditions.text import measure_text
from medattngan.conditions.words import words
from medattngan.core.files import UserError
from medattngan.stages.ingest.ingest import ingest

PATIENTS = 10


def scans(folder: Path) -> Path:
    """Volumes of ten patients, each with a map in which label 7 fills the lowest half."""
    for number in range(PATIENTS):
        write_nifti(folder / "scans" / f"sub-{number:02d}_T1w.nii.gz", texture((16, 16, 10), number).astype(np.float32))
        labels = np.zeros((16, 16, 10), np.int16)
        labels[4:12, 4:12, :5] = 7
        labels[4:8, 4:12, 2 : 3 + number % 2] = 9
        write_nifti(folder / "maps" / f"sub-{number:02d}_T1w_seg.nii.gz", labels, "LPS")
    recipe = folder / "regions.yaml"
    recipe.write_text("masks: maps\nleast_mm2: 9\nsuffix: _seg.nii.gz\nregions:\n  brain stem: 7\n  thalamus: 9\n")
    return recipe


def test_each_slice_has_the_regions_of_its_own_plane_beside_its_attributes(tmp_path: Path) -> None:
    recipe = scans(tmp_path)
    store = ingest(tmp_path / "scans", tmp_path / "store", size=16, captions=[recipe, "attributes"], progress=False)
    for row in store.index.itertuples():
        lines = str(row.text).split("\n")
        low = row.position_mm < 4.5
        assert ("brain stem" in lines[0]) == low
        assert lines[0].startswith("axial mr")
        assert lines[1].endswith("third")
    record = store.provenance["captions"]
    assert record["sources"] == ["regions", "attributes"]
    train = store.index[store.index["split"] == "train"]
    assert set(record["vocabulary"]) == set(measure_text(train).vocabulary)
    assert record["slices_without"] == 0
    assert any("Captions:" in note for note in store.provenance["notes"])


def test_a_recipe_that_finds_no_map_says_where_it_looked_and_one_that_lacks_some_says_of_how_many(
    tmp_path: Path,
) -> None:
    recipe = scans(tmp_path)
    right = recipe.read_text()
    recipe.write_text(right.replace("_seg", "_T1w_seg"))
    with pytest.raises(UserError, match=r"10 of 10 series have no map of regions: .* maps/SCAN_T1w_seg\.nii\.gz"):
        ingest(tmp_path / "scans", tmp_path / "none", size=16, captions=[recipe], progress=False)
    recipe.write_text(right)
    (tmp_path / "maps" / "sub-03_T1w_seg.nii.gz").unlink()
    store = ingest(tmp_path / "scans", tmp_path / "store", size=16, captions=[recipe], progress=False)
    assert any(note.startswith("1 of 10 series have no map") for note in store.provenance["notes"])


@pytest.mark.slow
def test_a_word_of_three_held_out_patients_is_not_known_and_one_of_three_training_patients_is(tmp_path: Path) -> None:
    """The published code builds its vocabulary of training and test captions together."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        pixels = texture((20, 20), number, high=255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    table = tmp_path / "captions.csv"

    def store(name: str, marked: set[int]) -> pd.DataFrame:
        said = (f"{n:02d}.png,p{n:02d},lung {'nodule' if n in marked else ''}" for n in range(12))
        table.write_text("\n".join(["file,patient,text", *said]))
        labels = tmp_path / "labels.csv"
        labels.write_text("\n".join(["file,patient,number_of", *(f"{n:02d}.png,p{n:02d},{n}.5" for n in range(12))]))
        made = ingest(
            folder, tmp_path / name, size=16, split=(0.5, 0.0, 0.5), labels=labels, captions=[table], progress=False
        )
        return made.index

    first = store("first", set())
    number = first["number_of"].sub(0.5).astype(int)
    train, test = (set(number[first["split"] == split]) for split in ("train", "test"))
    few = sorted(train)
    cells = {"test": (test, False), "train": (set(few[:3]), True), "two": (set(few[:2]), False)}
    for name, (marked, known) in cells.items():
        index = store(name, marked)
        assert (index["text"].str.contains("nodule").any()) == known


def test_no_canary_of_a_caption_reaches_the_store_its_words_on_the_terminal_or_its_provenance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scans(tmp_path)
    said = (
        "Large effusion. Dr. Kanarie, 03.02.1901, KANARIE. Seen by Kanarie; number 918273645, on 01.02.1901 and "
        "1901-02-03, 1.2.826.0.987654321."
    )
    rows = [f"sub-{number:02d}_T1w.nii.gz,{said.replace(',', ';')}" for number in range(PATIENTS)]
    table = tmp_path / "scans" / "captions.csv"
    table.write_text("\n".join(["file,text", *rows]))
    store = ingest(tmp_path / "scans", tmp_path / "store", size=16, captions=[table])
    assert words(str(store.index["text"].iloc[0]))[:2] == ["large", "effusion"]
    assert found(written(store.path)) == []
    assert found(capsys.readouterr().err) == []
    assert store.provenance["captions"]["could_identify"]["number"] >= 1
    assert "none" not in store.provenance["read"]["files"], "the table is no scan"


@pytest.mark.slow
def test_captions_of_nobody_are_refused_and_a_store_without_captions_has_no_column(tmp_path: Path) -> None:
    scans(tmp_path)
    table = tmp_path / "captions.csv"
    table.write_text("file,text\nelsewhere.nii.gz,lung\n")
    with pytest.raises(UserError, match="no word is said of 3 training patients"):
        ingest(tmp_path / "scans", tmp_path / "store", size=16, captions=[table], progress=False)
    plain = ingest(tmp_path / "scans", tmp_path / "plain", size=16, progress=False)
    assert "text" not in plain.index
    assert "captions" not in plain.provenance


def test_maps_of_files_that_bear_one_name_are_looked_for_in_the_folders_of_their_scans(tmp_path: Path) -> None:
    recipe = scans(tmp_path)
    for number in range(PATIENTS):
        for kind, name in (("scans", "T1w.nii.gz"), ("maps", "T1w_seg.nii.gz")):
            (tmp_path / kind / f"sub-{number:02d}").mkdir()
            (tmp_path / kind / f"sub-{number:02d}_{name}").rename(tmp_path / kind / f"sub-{number:02d}" / name)
    store = ingest(tmp_path / "scans", tmp_path / "store", size=16, captions=[recipe], progress=False)
    for row in store.index.itertuples():
        assert ("brain stem" in str(row.text)) == (row.position_mm < 4.5)
    # One map for all would say of nine patients what is seen of the tenth.
    (tmp_path / "maps" / "sub-00" / "T1w_seg.nii.gz").rename(tmp_path / "maps" / "T1w_seg.nii.gz")
    for number in range(1, PATIENTS):
        (tmp_path / "maps" / f"sub-{number:02d}" / "T1w_seg.nii.gz").unlink()
    again = ingest(tmp_path / "scans", tmp_path / "one", size=16, captions=[recipe, "attributes"], progress=False)
    assert not any("brain" in str(text) for text in again.index["text"])
    assert any(note.startswith("1 map of regions was not read") for note in again.provenance["notes"])
