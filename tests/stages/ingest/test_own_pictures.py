"""Pictures that this program wrote, most of them of patients, lying among scans."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.scan_files import write_ct

from medattngan.core.plots import is_signed
from medattngan.data.store import SliceStore
from medattngan.stages.audit.gallery import Pair, save_gallery
from medattngan.stages.evaluate.figures import save_contact_sheet, save_scores
from medattngan.stages.explain.figures import save_strips
from medattngan.stages.ingest.ingest import ingest
from medattngan.stages.inspect.inspect import inspect
from medattngan.stages.report.pictures import picture
from medattngan.stages.train.log import save_grid
from medattngan.stages.utility.figure import save_figure


def write_pictures(folder: Path, store: SliceStore) -> list[Path]:
    """One of each kind that the stages draw."""
    images = torch.from_numpy(np.stack([store.unit(i) for i in range(4)]))[:, None]
    score = {"value": 0.7, "ci95": [0.6, 0.8], "floor": 0.5, "better": "higher"}
    inspect(store, folder / "sheet.png")
    save_contact_sheet(folder / "contact_sheet.png", images, images)
    save_scores(folder / "scores.png", {"precision": score})
    save_gallery(folder / "gallery.png", [Pair(0, images[0, 0].numpy(), images[1, 0].numpy(), 0.5, True)])
    save_grid(images, folder / "grid.png")
    save_strips(folder / "strips.png", {"age": (images, ["1", "2", "3", "4"])})
    arms = {"balanced_accuracy": {"arms": {"real": score}, "baseline": "real"}}
    save_figure(folder / "utility.png", {"10": {**arms, "per_class": 10, "start": "nothing"}})
    page = picture(store.codes(0), "a slice")
    (folder / "saved-from-the-page.png").write_bytes(base64.b64decode(page.partition("base64,")[2].partition('"')[0]))
    return sorted(folder.glob("*.png"))


@pytest.mark.slow
def test_no_picture_of_ours_among_scans_becomes_a_scan(tiny_store: SliceStore, tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    write_ct(scans, "patient")
    written = write_pictures(scans, tiny_store)
    assert len(written) == 8
    assert all(is_signed(path.read_bytes()[:4096]) for path in written)
    store = ingest([scans], tmp_path / "store", size=16, progress=False)
    assert len(store) == 4
    assert store.provenance["set_aside"]["files"] == {}
