"""The comparison of captions: what is whole stands, and its masks lie where the maps say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.captioned import captioned_store
from helpers.scan_files import texture, write_nifti

from medattngan.data.store import SliceStore
from medattngan.scans.captions.regions import read_regions
from medattngan.stages.ingest.ingest import ingest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_text.py"


@pytest.fixture
def compare_text(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    for name in ("cells", "derived", "compare_text"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import compare_text

    return compare_text


def test_masks_lie_where_a_scan_has_what_they_mark(compare_text: Any, tmp_path: Path) -> None:
    """A bright block of a scan, marked by its map, is bright under the mask and nowhere else, whatever the padding."""
    volume, labels = np.zeros((20, 26, 10), np.float32), np.zeros((20, 26, 10), np.int16)
    volume[:] = texture(volume.shape, 0, 0, 50)
    volume[3:9, 14:22, 4:7], labels[3:9, 14:22, 4:7] = 1000, 7
    write_nifti(tmp_path / "scans" / "sub-1_T1w.nii.gz", volume, zooms=(2.0, 2.0, 2.0))
    write_nifti(tmp_path / "maps" / "sub-1_T1w_seg.nii.gz", labels, "LPS", zooms=(2.0, 2.0, 2.0))
    recipe = tmp_path / "regions.yaml"
    recipe.write_text("masks: maps\nsuffix: _seg.nii.gz\nregions:\n  block: 7\n")
    labelled = tmp_path / "labels.csv"
    labelled.write_text("file,patient\nsub-1_T1w.nii.gz,sub-1_T1w\n")
    store = ingest(
        tmp_path / "scans", tmp_path / "store", size=26, labels=labelled, split=(1.0, 0.0, 0.0), progress=False
    )
    mask = compare_text.region_masks(store, read_regions(recipe), tmp_path / "scans")["block"]
    for row in range(len(store)):
        bright = store.physical(row) > 500
        assert np.array_equal(bright, mask[row] > 0)
    assert mask.sum() == 6 * 8 * 3


def test_the_word_of_a_region_is_one_that_no_other_has(compare_text: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("regions:\n  lateral ventricle: 1\n  third ventricle: 2\n  thalamus: 3\n  brain stem: 4\n")
    vocabulary = ("lateral", "third", "ventricle", "brain", "stem")
    found = compare_text.region_words(read_regions(recipe), vocabulary)
    assert found == {"lateral ventricle": "lateral", "third ventricle": "third", "brain stem": "stem"}


def test_trainings_of_unlike_length_are_not_compared(compare_text: Any) -> None:
    cells = [
        {"row": row, "seed": 0, "length": length, "scores": {"fd": {"value": value}}}
        for row, length, value in (
            ("compact_text", "30min", 100),
            ("sentence", "30min", 90),
            ("compact_text", "60min", 50),
        )
    ]
    assert [(one["length"], one["mean"]) for one in compare_text.differences(cells)] == [("30min", 10.0)]


def test_a_derived_store_of_other_slices_is_refused(compare_text: Any, tiny_store: SliceStore, tmp_path: Path) -> None:
    first = compare_text.derived_store(tmp_path / "d", tiny_store.split("test"), {"kind": "slice store"})
    assert len(compare_text.derived_store(tmp_path / "d", tiny_store.split("test"), {})) == len(first)
    with pytest.raises(SystemExit, match="made of other slices"):
        compare_text.derived_store(tmp_path / "d", tiny_store.split("train"), {})


@pytest.mark.slow
def test_cells_stand_and_differences_are_of_equal_seeds(tiny_store: SliceStore, tmp_path: Path) -> None:
    store = captioned_store(tmp_path / "store", tiny_store)

    def fill(*rows: str) -> dict[str, Any]:
        places = {"data": store.path, "work": tmp_path / "work", "out": tmp_path / "t.json", "minutes": 0.01}
        arguments: list[object] = [word for name, place in places.items() for word in (f"--{name}", place)]
        arguments += [word for row in rows for word in ("--row", row)]
        for key in ("data.size=32", "train.batch_size=4", "model.generator_width=8", "model.discriminator_width=8"):
            arguments += ["--set", key]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run([sys.executable, str(SCRIPT), *map(str, arguments)], check=True, env=environment)
        table: dict[str, Any] = json.loads((tmp_path / "t.json").read_text())
        return table

    first = fill("compact_text")
    both = fill("compact_text", "sentence", "numbers")
    assert both["cells"][0] == first["cells"][0]
    assert [cell["row"] for cell in both["cells"]] == ["compact_text", "sentence", "numbers"]
    assert {(one["against"], one["seeds"]) for one in both["differences"]} == {("sentence", 1), ("numbers", 1)}
