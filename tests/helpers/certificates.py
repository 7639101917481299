"""Certificates that nobody has signed, for servers in tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from helpers.dicom_checks import find_or_skip


def make_certificate(folder: Path, name: str = "IP:127.0.0.1") -> Path:
    """A PEM of a key and a certificate for `name`, such as IP:127.0.0.1 or DNS:pacs.invalid."""
    command = [
        find_or_skip("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", f"/CN={name.partition(':')[2]}", "-addext", f"subjectAltName={name}",
        "-keyout", folder / "key.pem", "-out", folder / "certificate.pem",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return both
