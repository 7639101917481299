"""The scripts that train many cells: what is whole stands, what is missing is filled in."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from medattngan.core.files import UserError, write_json
from medattngan.core.run import Run
from medattngan.data.store import SliceStore

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
TINY = "model.z_dim=8 model.generator_width=8 model.discriminator_width=8 attention.resolutions=[8]"
SMALL = ["--minutes", "0.02", "--set", "data.size=32", "--set", "train.batch_size=4"]


def fill(script: str, store: SliceStore, folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a script at toy size; its table."""
    out = folder / f"{script}.json"
    command = [sys.executable, str(SCRIPTS / f"{script}.py"), "--data", str(store.path), "--work", str(folder / script)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([*command, "--out", str(out), *SMALL, *arguments], check=True, env=environment)
    table: dict[str, Any] = json.loads(out.read_text())
    return table


@pytest.mark.slow
def test_a_table_is_filled_in_and_what_stands_is_not_trained_again(tiny_store: SliceStore, tmp_path: Path) -> None:
    first = fill("ablate_attention", tiny_store, tmp_path, "--kind", "none", "--seed", "0")
    both = fill("ablate_attention", tiny_store, tmp_path, "--kind", "none", "--kind", "scaled_dot", "--seed", "0")
    assert [cell["row"] for cell in both["cells"]] == ["none", "scaled_dot"]
    assert both["cells"][0] == first["cells"][0]
    # The table is all that the next sitting needs: with the folders gone, what stands there is not trained again.
    shutil.rmtree(tmp_path / "ablate_attention")
    again = fill("ablate_attention", tiny_store, tmp_path, "--kind", "none", "--kind", "scaled_dot", "--seed", "0")
    assert again == both
    assert not (tmp_path / "ablate_attention").exists()
    # Another sitting with another seed keeps what stands, and one of another length begins anew.
    other = fill("ablate_attention", tiny_store, tmp_path, "--kind", "none", "--seed", "1")
    assert [(cell["row"], cell["seed"]) for cell in other["cells"]] == [("none", 0), ("scaled_dot", 0), ("none", 1)]
    longer = fill("ablate_attention", tiny_store, tmp_path, "--kind", "none", "--seed", "0", "--minutes", "0.03")
    assert [cell["length"] for cell in longer["cells"]] == ["0.03min"]
    assert "three seeds" in both["verdict"]
    assert all(cell["peak_mb"] > 100 for cell in both["cells"])
    # Equal in weights as nearly as two 1×1 convolutions can be.
    weights = [cell["generator_weights"] for cell in both["cells"]]
    assert weights[0] == pytest.approx(weights[1], rel=0.01)


@pytest.mark.slow
def test_augmentation_is_compared_on_a_few_slices_of_a_few_patients(tiny_store: SliceStore, tmp_path: Path) -> None:
    table = fill("compare_augmentation", tiny_store, tmp_path, "--patients", "3", "--slices", "4", "--jobs", "2")
    assert [cell["row"] for cell in table["cells"]] == ["none", "fixed", "adaptive"]
    scarce = SliceStore.open(tmp_path / "compare_augmentation" / "store-3x4")
    assert scarce.index.groupby("patient").size().tolist() == [4, 4, 4]
    assert set(scarce.index["split"]) == {"train"}


@pytest.mark.slow
def test_a_row_may_begin_from_a_run(tiny_store: SliceStore, made: Path, tmp_path: Path) -> None:
    rows = (f"cold compact {TINY}", f"warm compact begin={made / 'run'} {TINY}")
    table = fill("compare_presets", tiny_store, tmp_path, *(word for row in rows for word in ("--variant", row)))
    cold, warm = table["cells"]
    assert "began_from" not in cold
    # As the run says it: a path may name a patient.
    assert warm["began_from"]["name"] == "a run"
    assert str(made) not in json.dumps(table)
    assert table["differences"]


@pytest.mark.slow
def test_a_table_may_be_of_few_patients_and_is_scored_on_the_same_others(
    tiny_store: SliceStore, tmp_path: Path
) -> None:
    table = fill("compare_presets", tiny_store, tmp_path, "--variant", f"few compact {TINY}", "--patients", "3")
    few = SliceStore.open(tmp_path / "compare_presets" / "store-3")
    assert sorted(few.index["patient"].unique()) == sorted(tiny_store.split("train").index["patient"].unique())[:3]
    assert table["store_digest"] == few.digest
    assert table["cells"][0]["scores"]["fd[efficientnet-lite0]"]["patients_real"] == 2


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script that other scripts fill their tables by."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("cells", "derived"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("cells")


def test_a_cell_of_other_settings_is_refused_not_entered(
    cells: ModuleType, tiny_store: SliceStore, tmp_path: Path
) -> None:
    asked, stood = (cells.Cell("row", "compact", (f"train.batch_size={size}",), 0, 1.0) for size in (4, 8))
    folder = tmp_path / "row-1min-seed0"
    (folder / "scores").mkdir(parents=True)
    write_json(folder / "scores" / "scores.json", {})
    Run.create(folder / "run", stood.resolved, {})
    with pytest.raises(UserError, match="holds a cell of other settings"):
        cells.run_cell(asked, tiny_store, tiny_store, "test", tmp_path, [0])


def test_a_cell_whose_penalties_follow_a_rule_is_its_own(cells: ModuleType) -> None:
    asked = cells.Cell("row", "compact", ("loss.gamma_rule=r3gan", "train.batch_size=8"), 0, 1.0).resolved
    numbers = {"gamma_rule": "given", "gamma_end": 0.1, "r2_gamma": 2.0}
    kept = [
        asked.model_copy(update={"loss": asked.loss.model_copy(update={**numbers, "r1_gamma": gamma})})
        for gamma in (2.0, 1.0)
    ]
    assert [cells._others(trained, asked) for trained in kept] == [False, True]
