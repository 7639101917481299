"""Over DIMSE every instance gets there once, whatever the server does."""

from __future__ import annotations

import ssl
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
import pytest
from helpers.orthanc import free_port
from helpers.push_cases import history, make_dicom, no_wait, rows_of
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.acse import ACSE
from pynetdicom.sop_class import (
    MRImageStorage,
    SecondaryCaptureImageStorage,
    StudyRootQueryRetrieveInformationModelFind,
)

from medattngan.core.files import UserError
from medattngan.pacs.push import PushReport, push

# pynetdicom leaves the socket of a connection that failed to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning")
AET = "ARCHIVE"


@dataclass
class Archive:
    """A storage SCP in this process: `statuses` for the next C-STOREs, then success; `lose` drops the answers."""

    port: int
    held: dict[str, Dataset] = field(default_factory=dict)
    got: list[str] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    lose: deque[str] = field(default_factory=deque)
    find_status: int = 0x0000

    def on_store(self, event: Any) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        uid = str(dataset.SOPInstanceUID)
        self.got.append(uid)
        act = self.lose.popleft() if self.lose else ""
        status = self.statuses.popleft() if self.statuses else 0x0000
        if act != "before" and (status == 0 or (status >= 0xB000 and status < 0xC000)):
            self.held[uid] = dataset
        if act:
            event.assoc.abort()
        return status

    def on_find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        if self.find_status:
            yield self.find_status, None
            return
        for dataset in self.held.values():
            if dataset.SeriesInstanceUID == event.identifier.SeriesInstanceUID:
                found = Dataset()
                found.QueryRetrieveLevel = "IMAGE"
                found.SOPInstanceUID = dataset.SOPInstanceUID
                yield 0xFF00, found


def start(find: bool = True, syntaxes: list[str] | None = None, context: ssl.SSLContext | None = None) -> Any:
    entity = AE(ae_title=AET)
    entity.require_called_aet = True
    for sop_class in (SecondaryCaptureImageStorage, MRImageStorage):
        entity.add_supported_context(sop_class, syntaxes or [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
    if find:
        entity.add_supported_context(StudyRootQueryRetrieveInformationModelFind)
    archive = Archive(free_port())
    handlers = [(evt.EVT_C_STORE, archive.on_store), (evt.EVT_C_FIND, archive.on_find)]
    server = entity.start_server(
        ("127.0.0.1", archive.port), block=False, evt_handlers=handlers, ssl_context=context
    )  # fmt: skip
    return archive, server


@pytest.fixture
def archive() -> Iterator[Archive]:
    """A storage SCP that answers C-FIND."""
    archive, server = start()
    yield archive
    server.shutdown()


def send(folder: Path, archive: Archive, out: Path, **options: object) -> PushReport:
    given = {"called_aet": AET, "retry": no_wait()[0], "progress": False} | options
    return push(folder, dimse=f"127.0.0.1:{archive.port}", out=out, **given)  # type: ignore[arg-type]


def test_all_are_stored_bit_for_bit_and_not_sent_again(exported: Path, archive: Archive, tmp_path: Path) -> None:
    report = send(exported, archive, tmp_path / "push.csv")
    assert report.ok
    assert set(map(tuple, history(report.journal).values())) == {("sending", "stored")}
    for file in exported.rglob("*.dcm"):
        sent = pydicom.dcmread(file)
        assert archive.held[str(sent.SOPInstanceUID)] == sent
    assert send(exported, archive, tmp_path / "push.csv").count("stored") == 5
    assert send(exported, archive, tmp_path / "another.csv").count("present") == 5
    assert len(archive.got) == 5


def test_each_refused_instance_has_its_reason(exported: Path, archive: Archive, tmp_path: Path) -> None:
    archive.statuses += [0xA700, 0xB007, 0x0111, 0xC123]
    report = send(exported, archive, tmp_path / "push.csv")
    assert [report.count(state) for state in ("stored", "present", "refused")] == [2, 1, 2]
    said = [row["detail"] for row in rows_of(report.journal) if row["state"] not in ("push", "sending")]
    assert said == [
        "the server says A700H, out of resources",
        "with a warning: B007H, data set does not match SOP class",
        "the server says 0111H, duplicate SOP instance",
        "the server says C123H, cannot understand",
        "",
    ]


@pytest.mark.parametrize(("act", "sent"), [("after", 5), ("before", 6)])
def test_an_instance_whose_answer_was_lost_is_asked_for(
    act: str, sent: int, exported: Path, archive: Archive, tmp_path: Path
) -> None:
    archive.lose += ["", act]
    assert send(exported, archive, tmp_path / "push.csv").count("stored") == 5
    assert len(archive.got) == sent
    assert len(archive.held) == 5


@pytest.mark.slow
@pytest.mark.parametrize("find", [True, False])
def test_where_the_server_cannot_be_asked_what_is_unknown_is_sent_again_only_when_told(
    find: bool, exported: Path, tmp_path: Path
) -> None:
    archive, server = start(find=find)
    try:
        archive.find_status = 0xA900
        archive.lose += ["", "after"]
        report = send(exported, archive, tmp_path / "push.csv")
        assert (report.count("stored"), report.count("unknown")) == (4, 1)
        assert send(exported, archive, tmp_path / "push.csv").count("unknown") == 1
        assert len(archive.got) == 5
        assert send(exported, archive, tmp_path / "push.csv", resend_unknown=True).ok
        assert len(archive.got) == 6
    finally:
        server.shutdown()


def test_a_server_of_implicit_vr_alone_gets_the_same_values(exported: Path, tmp_path: Path) -> None:
    archive, server = start(syntaxes=[ImplicitVRLittleEndian])
    try:
        assert send(exported, archive, tmp_path / "push.csv").ok
    finally:
        server.shutdown()
    for file in exported.rglob("*.dcm"):
        sent = pydicom.dcmread(file)
        got = archive.held[str(sent.SOPInstanceUID)]
        assert (got.pixel_array == sent.pixel_array).all()
        assert got.SyntheticData == "YES"


def test_what_the_server_does_not_accept_is_refused_and_not_sent(archive: Archive, tmp_path: Path) -> None:
    folder = make_dicom(tmp_path / "dicom", count=2, transfer_syntax="jpegls")
    report = send(folder, archive, tmp_path / "push.csv")
    assert report.count("refused") == 2
    assert (
        "does not accept Secondary Capture Image Storage in JPEG-LS Lossless" in rows_of(report.journal)[-1]["detail"]
    )
    assert archive.got == []


@pytest.mark.parametrize("hung_up", [False, True], ids=["", "hangs up before we look"])
def test_a_server_that_does_not_know_the_title_is_one_sentence(
    hung_up: bool, exported: Path, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pynetdicom's own flag is lost when the socket is closed before the association's thread looks at it."""
    if hung_up:
        request = ACSE.send_request

        def request_and_dawdle(acse: ACSE) -> None:
            request(acse)
            time.sleep(0.5)

        monkeypatch.setattr(ACSE, "send_request", request_and_dawdle)
    with pytest.raises(UserError, match="Called AE title not recognised"):
        send(exported, archive, tmp_path / "push.csv", called_aet="NOBODY")
    assert archive.got == []


def test_a_server_that_is_not_there_is_one_sentence(exported: Path, tmp_path: Path) -> None:
    retry, waits = no_wait(attempts=3)
    with pytest.raises(UserError, match="cannot be reached, 3 times in a row; nothing was sent"):
        send(exported, Archive(free_port()), tmp_path / "push.csv", retry=retry)
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dimse": "pacs"}, "HOST:PORT"),
        ({"dimse": "pacs:0"}, "HOST:PORT"),
        ({"called_aet": None}, "--aet"),
        ({"called_aet": "SEVENTEEN_LETTERS"}, "--aet 'SEVENTEEN_LETTERS'"),
        ({"calling_aet": " "}, "--calling-aet"),
    ],
)
def test_an_address_that_is_none_is_refused(
    options: dict[str, Any], words: str, exported: Path, tmp_path: Path
) -> None:
    given = {"dimse": "127.0.0.1:11112", "called_aet": AET} | options
    with pytest.raises(UserError, match=words):
        push(exported, out=tmp_path / "push.csv", **given)
    assert not (tmp_path / "push.csv").exists()


def test_tls_is_verified(exported: Path, certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    archive, server = start(context=context)
    try:
        with pytest.raises(UserError, match="certificate is not trusted"):
            send(exported, archive, tmp_path / "push.csv", tls=True, retry=no_wait(1)[0])
        assert archive.got == []
        report = send(exported, archive, tmp_path / "push.csv", ca=certificate)
        assert report.ok
    finally:
        server.shutdown()
