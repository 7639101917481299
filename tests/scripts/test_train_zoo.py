"""An entry of the zoo is whole, says what it is, and is of nobody that a benchmark reports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.folders import CONFIG
from helpers.tiny import tiny_config

from medattngan.core import zoo
from medattngan.core.files import UserError, write_json
from medattngan.data.store import SliceStore
from medattngan.models import build
from medattngan.stages.report.card import Card
from medattngan.stages.train.initialise import Start, begin_from

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import train_zoo


def test_the_store_of_a_table_is_refused(tiny_store: SliceStore, tmp_path: Path) -> None:
    write_json(tmp_path / "table.json", {"store_digest": "another"})
    train_zoo.require_no_benchmark(tiny_store, tmp_path)
    write_json(tmp_path / "table.json", {"store_digest": tiny_store.digest})
    with pytest.raises(UserError, match=r"the store of table\.json"):
        train_zoo.require_no_benchmark(tiny_store, tmp_path)


@pytest.mark.slow
def test_what_is_packed_is_an_entry_to_begin_from(made: Path, tmp_path: Path) -> None:
    from medattngan.core.run import Run

    run, evidence = Run.open(made / "run"), (made / "samples", made / "audit")
    card = Card(licence="CC0", data="Blobs.")
    train_zoo.pack(run, evidence, card, "Nobody's.", "blobs", tmp_path / "zoo" / "blobs")
    (entry,) = zoo.zoo(tmp_path / "zoo").values()
    entry.require_whole()
    assert (entry.line, entry.licence) == ("blobs", "CC0")
    text = (entry.path / "README.md").read_text(encoding="utf-8")
    assert "Blobs." in text
    assert "flagged" in text
    begin_from(Start.of(entry.path), build(tiny_config(**CONFIG)))


def test_a_file_that_is_too_large_for_every_user_is_refused(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medattngan.core.run import Run

    monkeypatch.setattr(train_zoo, "MOST_BYTES", 10_000)
    with pytest.raises(UserError, match="the zoo takes 10 kB a file"):
        train_zoo.pack(Run.open(made / "run"), (made / "samples", made / "audit"), Card(), "", "", tmp_path / "blobs")
    assert not (tmp_path / "blobs").exists()
