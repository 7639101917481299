"""Credentials go to the server they are for, and to no proxy that the environment names."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers.certificates import make_certificate
from helpers.fake_pacs import FakePacs, fake_pacs
from helpers.push_cases import no_wait

from medattngan.core.files import UserError
from medattngan.pacs.credentials import Credentials
from medattngan.pacs.http import proxies_for
from medattngan.pacs.push import PushReport, push

TOKEN = "s3cr3t-token"
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@contextmanager
def proxy(to: int = 0) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that keeps all it is sent, and tunnels every CONNECT to the port `to` here, if there is one."""
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                heard.append(part)
                sink.sendall(part)
            sink.shutdown(socket.SHUT_WR)

    def serve(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.settimeout(5)
            heard.append(peer.recv(65536))
            if not (to and heard[-1].startswith(b"CONNECT")):
                peer.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", to)) as server:
                peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=copy, args=(server, peer))
                back.start()
                copy(peer, server)
                back.join()

    def listen() -> None:
        with suppress(OSError):
            while True:
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                threads[-1].start()

    threads = [threading.Thread(target=listen)]
    threads[0].start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heard
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


def send(folder: Path, url: str, out: Path, **options: object) -> PushReport:
    given = {"credentials": Credentials(token=TOKEN), "retry": no_wait(1)[0], "progress": False} | options
    return push(folder, url=url, out=out, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"])
@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_a_push_to_this_machine_goes_through_no_proxy(
    variable: str, host: str, exported: Path, pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy() as (address, heard):
        monkeypatch.setenv(variable, address)
        assert send(exported, pacs.url.replace("127.0.0.1", host), tmp_path / "push.csv").ok
    assert heard == []
    assert pacs.authorizations == {f"Bearer {TOKEN}"}


def test_what_is_not_encrypted_goes_through_no_proxy(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy() as (address, heard):
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, address)
        with pytest.raises(UserError, match=r"pacs\.invalid cannot be reached"):
            send(exported, "http://pacs.invalid/dicom-web", tmp_path / "push.csv", plain_http=True)
    assert heard == []


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "all_proxy"])
def test_through_a_proxy_goes_a_tunnel_in_which_it_sees_nothing(
    variable: str, exported: Path, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate of the far end is verified all the same: it is not that of the name."""
    with fake_pacs(certificate) as pacs:
        port = int(pacs.url.rsplit(":", 1)[1].split("/")[0])
        with proxy(port) as (address, heard):
            monkeypatch.setenv(variable, address)
            with pytest.raises(UserError, match="not trusted"):
                send(exported, "https://pacs.invalid/dicom-web", tmp_path / "push.csv", ca=certificate)
    assert heard[0].startswith(b"CONNECT pacs.invalid:443 ")
    assert not any(TOKEN.encode() in part for part in heard)
    assert pacs.authorizations == set()


def test_a_push_through_a_tunnel_arrives(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path, "DNS:pacs.invalid")
    with fake_pacs(certificate) as pacs:
        port = int(pacs.url.rsplit(":", 1)[1].split("/")[0])
        with proxy(port) as (address, heard):
            monkeypatch.setenv("https_proxy", address)
            assert send(exported, "https://pacs.invalid/dicom-web", tmp_path / "push.csv", ca=certificate).ok
    assert pacs.authorizations == {f"Bearer {TOKEN}"}
    assert not any(TOKEN.encode() in part for part in heard)


def test_what_no_proxy_names_goes_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "pacs.example.org")
    assert proxies_for("https://pacs.example.org/dicom-web") == {}
    assert proxies_for("https://other.example.org/dicom-web") == {"https": "http://proxy.invalid:3128"}


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "nonsense://me:hidden@a", "http://me:hidden@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_one_sentence_without_its_password(
    address: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", address)
    with pytest.raises(UserError, match="proxy") as raised:
        send(exported, "https://pacs.invalid/dicom-web", tmp_path / "push.csv")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_does_not_say_whom_to_trust(
    variable: str, exported: Path, certificate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    with fake_pacs(certificate) as pacs, pytest.raises(UserError, match="--ca"):
        send(exported, pacs.url, tmp_path / "push.csv")
    assert pacs.authorizations == set()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_a_server_of_an_old_tls_is_not_spoken_to(exported: Path, certificate: Path, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    spoken: list[bytes] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                with peer, suppress(OSError), context.wrap_socket(peer, server_side=True) as secured:
                    spoken.append(secured.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UserError, match=r"TLS with 127\.0\.0\.1 failed"):
            send(exported, url, tmp_path / "push.csv", ca=certificate)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert spoken == []
