"""Every DICOM file that pydicom ships with: read, or set aside for a reason."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from medattngan.scans.formats.dicom_codecs import DECODERS, decode
from medattngan.scans.series import REASONS
from medattngan.stages.ingest.assemble import Ledger
from medattngan.stages.ingest.ingest import ingest

ROOT = Path(pydicom.__file__).parent / "data"


def decodable(path: Path) -> bool:
    """Whether pydicom makes an array of a file, by the decoder that we give it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(path, force=True)
            if dataset.file_meta.TransferSyntaxUID in DECODERS:
                return bool(decode(dataset, 0)[0].size)
            return bool(np.asarray(pixel_array(dataset, index=0)).size)
        except Exception:  # whatever a codec raises on a broken file: it is not decodable
            return False


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[Path], dict[Path, str]]:
    """Files with something in the store, and the others with their reason."""
    folder = tmp_path_factory.mktemp("pydicom")
    (folder / "salt").write_bytes(bytes(32))
    kept: set[Path] = set()
    real = Ledger.keep

    def keep(self: Ledger, series: object, source: int) -> None:
        real(self, series, source)  # type: ignore[arg-type]
        kept.update(self.kept)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEDATTNGAN_SALT_FILE", str(folder / "salt"))
        patch.setattr(Ledger, "keep", keep)
        listed = folder / "rejected.csv"
        ingest([ROOT], folder / "store", size=32, plane="acquired", progress=False, rejected=listed)
    with listed.open(newline="") as handle:
        return kept, {Path(row["file"]): row["reason"] for row in csv.DictReader(handle)}


def test_every_file_is_ingested_or_listed_with_its_reason(outcome: tuple[set[Path], dict[Path, str]]) -> None:
    kept, rejected = outcome
    files = {path.resolve() for path in ROOT.rglob("*") if path.is_file() and path.name != ".DS_Store"}
    assert kept | set(rejected) == files
    assert kept.isdisjoint(rejected)
    assert set(rejected.values()) <= set(REASONS)


def test_every_decodable_image_is_ingested_or_has_a_reason_other_than_unreadable(
    outcome: tuple[set[Path], dict[Path, str]],
) -> None:
    kept, rejected = outcome
    images = {path.resolve() for path in ROOT.rglob("*") if path.is_file() and path.suffix != ".py" and decodable(path)}
    assert len(images) > 75
    wrong = {path.name: rejected[path] for path in images - kept if rejected[path] in ("unreadable", "not-a-scan")}
    assert not wrong


@pytest.mark.skipif(not pydicom.__version__.startswith("3.0."), reason="the files are those of pydicom 3.0")
def test_the_images_that_are_set_aside_are_so_many_for_each_reason(outcome: tuple[set[Path], dict[Path, str]]) -> None:
    kept, rejected = outcome
    images = {path.resolve() for path in ROOT.rglob("*") if path.is_file() and path.suffix != ".py" and decodable(path)}
    assert len(kept & images) == 31
    reasons = Counter(rejected[path] for path in images - kept)
    assert reasons == {"colour": 33, "composite": 7, "duplicate": 19, "derived-object": 8, "blank": 2, "localizer": 2}
