"""What the tests of push may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.certificates import make_certificate
from helpers.fake_pacs import FakePacs, fake_pacs
from helpers.push_cases import make_dicom

from medattngan.pacs.credentials import VARIABLES


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy between the tests and loopback, and no credentials of the user's own."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five synthetic MR slices as `export` writes them: read them, do not write there."""
    return make_dicom(tmp_path_factory.mktemp("exported") / "dicom")


@pytest.fixture
def pacs() -> Iterator[FakePacs]:
    """A DICOMweb server in this process."""
    with fake_pacs() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM of a key and a certificate for 127.0.0.1 that nobody has signed."""
    return make_certificate(tmp_path_factory.mktemp("tls"))
