"""Against a real Orthanc: stored, found, equal, seen; and nothing lost or doubled when it is killed."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from helpers.orthanc import AET, PASSWORD, USER, Orthanc, session, start_orthanc
from helpers.push_cases import history, make_dicom, no_wait, rows_of
from PIL import Image
from pynetdicom.association import Association

from medattngan.cli.app import main
from medattngan.core.files import UserError
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.push import PushReport, push

pytestmark = [
    pytest.mark.slow,
    # pynetdicom leaves the socket of a connection that failed to the garbage collector.
    pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning"),
]
OURS = Credentials(user=USER, password=PASSWORD)


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One server for all tests that only add to it, each its own slices."""
    server = start_orthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.stop()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Orthanc]:
    """A server that a test may kill, and that may be started again on its folder."""
    server = start_orthanc(tmp_path / "orthanc")
    yield server
    server.stop()


def send(folder: Path, server: Orthanc, over: str, out: Path, **options: object) -> PushReport:
    """Push over `stow` or `dimse`."""
    where = {"url": server.url, "credentials": OURS, "batch_instances": 2}
    if over == "dimse":
        where = {"dimse": server.dimse, "called_aet": AET}
    given = where | {"out": out, "retry": no_wait(2)[0], "progress": False} | options
    return push(folder, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("over", ["stow", "dimse"])
def test_slices_are_stored_found_equal_and_visible(over: str, orthanc: Orthanc, tmp_path: Path) -> None:
    folder = make_dicom(tmp_path / "dicom", count=3, seed=1 + len(over), sop="mr")
    report = send(folder, orthanc, over, tmp_path / "push.csv")
    assert report.ok
    client = DICOMwebClient(orthanc.url, session=session())
    for file in folder.rglob("*.dcm"):
        sent = pydicom.dcmread(file)
        uids = (sent.StudyInstanceUID, sent.SeriesInstanceUID, sent.SOPInstanceUID)
        (found,) = client.search_for_instances(search_filters={"SOPInstanceUID": uids[2]})
        assert found["0020000D"]["Value"] == [uids[0]]
        (patient,) = client.search_for_studies(search_filters={"StudyInstanceUID": uids[0]})
        assert patient["00100010"]["Value"] == [{"Alphabetic": "SYNTHETIC^MEDATTNGAN"}]
        back = client.retrieve_instance(*uids)
        np.testing.assert_array_equal(back.pixel_array, sent.pixel_array)
        assert (back.SyntheticData, back.RescaleSlope) == ("YES", sent.RescaleSlope)
        study, series, instance = uids
        address = f"{orthanc.url}/studies/{study}/series/{series}/instances/{instance}/rendered"
        with session() as http:
            png = http.get(address, headers={"Accept": "image/png"}, timeout=30).content
        picture = np.asarray(Image.open(io.BytesIO(png)).convert("L"), float)
        assert picture.shape == sent.pixel_array.shape
        assert picture.std() > 20
        assert np.corrcoef(picture.ravel(), sent.pixel_array.ravel())[0, 1] > 0.95
    assert send(folder, orthanc, over, tmp_path / "other.csv").count("present") == 3


def test_a_wrong_password_is_one_sentence_and_exit_status_2(
    orthanc: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_dicom(tmp_path / "dicom", count=1, seed=11)
    monkeypatch.setenv("MEDATTNGAN_PUSH_USER", USER)
    monkeypatch.setenv("MEDATTNGAN_PUSH_PASSWORD", "xyzzy")
    monkeypatch.setattr(sys, "argv", ["medattngan", "push", str(folder), "--url", orthanc.url])
    before = orthanc.arrivals()
    with pytest.raises(SystemExit) as ended:
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert "refused the credentials (HTTP 401)" in printed.err
    assert "xyzzy" not in printed.err + printed.out + (tmp_path / "dicom.push.csv").read_text()
    assert orthanc.arrivals() == before


def test_an_unknown_title_is_one_sentence(orthanc: Orthanc, tmp_path: Path) -> None:
    folder = make_dicom(tmp_path / "dicom", count=1, seed=12)
    with pytest.raises(UserError, match="Called AE title not recognised"):
        send(folder, orthanc, "dimse", tmp_path / "push.csv", called_aet="NOBODY")


def test_what_the_server_drops_without_a_word_is_not_called_stored(own: Orthanc, tmp_path: Path) -> None:
    """Orthanc's own filter drops one slice of three and says it is stored; push asks, and finds out."""
    folder = make_dicom(tmp_path / "dicom", count=3)
    refused = str(pydicom.dcmread(sorted(folder.rglob("*.dcm"))[1]).SOPInstanceUID)
    own.stop()
    script = tmp_path / "filter.lua"
    script.write_text(
        f"function ReceivedInstanceFilter(dicom, origin, info)\n  return dicom.SOPInstanceUID ~= '{refused}'\nend\n"
    )
    again = start_orthanc(own.folder, LuaScripts=[str(script)])
    try:
        for over in ("stow", "dimse"):
            report = send(folder, again, over, tmp_path / f"{over}.csv", batch_instances=3)
            assert (report.count("failed"), report.count("stored", "present")) == (1, 2)
            assert "does not have it when asked" in rows_of(report.journal)[-1]["detail"]
            assert len(again.instances()) == 2
            assert refused not in again.instances()
    finally:
        again.stop()


class Gate:
    """A proxy before Orthanc. `posts` counts the instances of each STOW request that Orthanc got and answered.

    Args:
        server: where to.
        at: the number of the request, from 1, at which Orthanc is killed; never where 0.
        after: whether Orthanc still gets that request and answers it; the answer is lost.
    """

    def __init__(self, server: Orthanc, at: int = 0, after: bool = False) -> None:
        self.server, self.at, self.after = server, at, after
        self.got, self.posts = 0, list[int]()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.forward(b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gate.got += 1
                if gate.got == gate.at:
                    if gate.after:
                        assert gate.ask(self, body).ok
                        gate.posts.append(instances_in(body))
                    gate.server.kill()
                    self.close_connection = True
                    return
                self.forward(body)

            def forward(self, body: bytes) -> None:
                try:
                    answer = gate.ask(self, body)
                except requests.ConnectionError:  # it is dead
                    self.close_connection = True
                    return
                if body:
                    gate.posts.append(instances_in(body))
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: Any) -> None:
                """Keep quiet."""

        self.proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.proxy.daemon_threads = True
        self.thread = threading.Thread(target=self.proxy.serve_forever, kwargs={"poll_interval": 0.05})

    def ask(self, handler: BaseHTTPRequestHandler, body: bytes) -> requests.Response:
        """The request of `handler`, put to Orthanc."""
        names = ("Authorization", "Content-Type", "Accept")
        headers = {name: handler.headers[name] for name in names if handler.headers[name]}
        with requests.Session() as http:
            http.trust_env = False
            url = f"http://127.0.0.1:{self.server.http_port}{handler.path}"
            return http.request(handler.command, url, data=body, headers=headers, timeout=60)

    def __enter__(self) -> str:
        self.thread.start()
        return f"http://127.0.0.1:{self.proxy.server_port}/dicom-web"

    def __exit__(self, *_: object) -> None:
        self.proxy.shutdown()
        self.thread.join()
        self.proxy.server_close()


def instances_in(body: bytes) -> int:
    """How many instances a STOW request holds."""
    return body.count(b"Content-Type: application/dicom\r\n\r\n")


@pytest.mark.parametrize("after", [True, False], ids=["after it stored", "before it got anything"])
def test_a_server_killed_in_the_middle_of_stow_loses_nothing_and_gets_nothing_twice(
    after: bool, own: Orthanc, tmp_path: Path
) -> None:
    folder = make_dicom(tmp_path / "dicom", count=10)
    gate = Gate(own, at=3, after=after)
    with gate as url:
        report = send(folder, own, "stow", tmp_path / "push.csv", url=url)
        assert own.process.poll() is not None
        assert not report.ok
        assert (report.count("stored"), report.count("unknown")) == (4, 6)  # three requests were lost, then it stopped
        assert gate.posts == ([2, 2, 2] if after else [2, 2])
        gate.server = start_orthanc(own.folder)
        try:
            resumed = send(folder, own, "stow", tmp_path / "push.csv", url=url)
            assert resumed.ok
            assert gate.posts == [2, 2, 2, 2, 2]
            uids = sorted(str(pydicom.dcmread(file).SOPInstanceUID) for file in folder.rglob("*.dcm"))
            assert gate.server.instances() == uids
            assert gate.server.arrivals() == 10
            ends = sorted(states[2:] for states in history(resumed.journal).values() if "unknown" in states)
            asked, sent = ["stored"], ["failed", "sending", "stored"]
            assert ends == ([sent] * 4 + [asked] * 2 if after else [sent] * 6)
            assert send(folder, own, "stow", tmp_path / "push.csv", url=url).ok
            assert len(gate.posts) == 5
        finally:
            gate.server.stop()


@pytest.mark.parametrize("after", [True, False], ids=["after it stored", "before it got anything"])
def test_a_server_killed_in_the_middle_of_c_store_loses_nothing_and_gets_nothing_twice(
    after: bool, own: Orthanc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_dicom(tmp_path / "dicom", count=6)
    c_store = Association.send_c_store
    calls: list[str] = []

    def kill_at_the_third(self: Association, dataset: pydicom.Dataset) -> pydicom.Dataset:
        calls.append(str(dataset.SOPInstanceUID))
        if len(calls) != 3:
            return c_store(self, dataset)
        if after:
            assert c_store(self, dataset).Status == 0
        own.kill()
        return pydicom.Dataset() if after else c_store(self, dataset)

    monkeypatch.setattr(Association, "send_c_store", kill_at_the_third)
    report = send(folder, own, "dimse", tmp_path / "push.csv")
    # Whether the link is found broken before or after the request went out is a matter of moments.
    counts = [report.count("stored"), report.count("unknown") + report.count("failed"), report.count("")]
    assert counts == [2, 1, 3]
    again = start_orthanc(own.folder)
    try:
        assert send(folder, again, "dimse", tmp_path / "push.csv").ok
        uids = sorted(str(pydicom.dcmread(file).SOPInstanceUID) for file in folder.rglob("*.dcm"))
        assert again.instances() == uids
        assert again.arrivals() == 6
        assert len(calls) == (6 if after else 7)
        assert sorted(set(calls)) == uids
    finally:
        again.stop()
    assert rows_of(tmp_path / "push.csv")[-1]["state"] == "stored"
