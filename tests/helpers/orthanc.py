"""A real Orthanc on loopback, for tests that push to it and read back.

`start_orthanc(folder)` starts one whose storage is `folder`; started again on the same folder, it has what it had
and listens at the same ports.
"""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
AET = "ORTHANC"
USER, PASSWORD = "pusher", "correct horse"
STARTS_S = 60.0


@dataclass
class Orthanc:
    """A running server.

    Args:
        folder: its configuration, log and storage.
        http_port: of REST and DICOMweb.
        dicom_port: of DIMSE.
        process: the server itself.
    """

    folder: Path
    http_port: int
    dicom_port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Root of its DICOMweb."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    @property
    def dimse(self) -> str:
        """HOST:PORT of its DIMSE."""
        return f"127.0.0.1:{self.dicom_port}"

    def rest(self, path: str) -> Any:
        """What its own REST API says at `path`."""
        with session() as http:
            answer = http.get(f"http://127.0.0.1:{self.http_port}/{path}", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def instances(self) -> list[str]:
        """SOP Instance UIDs of all it stores, as often as it stores them."""
        found = self.rest("instances?expand")
        return sorted(one["MainDicomTags"]["SOPInstanceUID"] for one in found)

    def arrivals(self) -> int:
        """How many new instances it ever took in."""
        changes = self.rest("changes?limit=10000")["Changes"]
        return sum(change["ChangeType"] == "NewInstance" for change in changes)

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> None:
        """Shut it down."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=60)


def session(user: str = USER, password: str = PASSWORD) -> requests.Session:
    """An HTTP client that Orthanc knows, and that asks no proxy."""
    http = requests.Session()
    http.trust_env = False
    http.auth = (user, password)
    return http


def start_orthanc(folder: Path, **settings: object) -> Orthanc:
    """Start Orthanc on loopback; skip the test where it is not installed.

    Args:
        folder: where it keeps everything.
        settings: of its configuration, over ours.
    """
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") or shutil.which(
        "Orthanc"
    )
    if program is None or not PLUGIN.exists():
        pytest.skip("Orthanc with its DICOMweb plugin is not installed: apt-get install orthanc orthanc-dicomweb")
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "orthanc.json"
    known = json.loads(config.read_text()) if config.exists() else configuration(folder)
    config.write_text(json.dumps(known | settings))
    with (folder / "orthanc.log").open("ab") as log:
        process = subprocess.Popen([program, str(config)], stdout=log, stderr=log, cwd=folder)
    server = Orthanc(folder, known["HttpPort"], known["DicomPort"], process)
    try:
        _wait(server)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return server


def configuration(folder: Path) -> dict[str, Any]:
    """Orthanc with DICOMweb, a password and nothing open beyond loopback."""
    return {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "Plugins": [str(PLUGIN)],
        "HttpPort": free_port(),
        "DicomPort": free_port(),
        "DicomAet": AET,
        "DicomCheckCalledAet": True,
        "DicomModalities": {"us": ["MEDATTNGAN", "127.0.0.1", 104]},
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "HttpsVerifyPeers": True,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False, "Ssl": False},
    }


def free_port() -> int:
    """A port on loopback that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: Orthanc) -> None:
    """Until both of its ports answer."""
    end = time.monotonic() + STARTS_S
    while time.monotonic() < end:
        if server.process.poll() is not None:
            raise RuntimeError(f"Orthanc ended: {(server.folder / 'orthanc.log').read_text()[-2000:]}")
        try:
            server.rest("system")
            socket.create_connection(("127.0.0.1", server.dicom_port), timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Orthanc did not answer within {STARTS_S:.0f} s")
