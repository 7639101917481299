"""Every ingest in these tests uses a salt of its own, never the user's."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def salt(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The salt file that this test's ingests read."""
    path = tmp_path_factory.mktemp("salt") / "salt"
    path.write_bytes(bytes(range(32)))
    monkeypatch.setenv("MEDATTNGAN_SALT_FILE", str(path))
    return path
