"""What may be secret in an address is never shown, and this machine is known by all of its names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medattngan.core.addresses import is_loopback, redacted, why_unfit

SECRET = "s3cr3t"
HIDING = [
    f"https://me:{SECRET}@pacs.example.org/dicom-web",
    f"https://{SECRET}@pacs.example.org/",
    f"https://pacs.example.org/dicom-web?token={SECRET}",
    f"https://pacs.example.org/dicom-web?{SECRET}",
    f"https://pacs.example.org/dicom-web#access_token={SECRET}",
    f"https://pacs.example.org/dicom-web;jsessionid={SECRET}",
    f"https://pacs.example.org;{SECRET}/",
    f"HTTPS://ME:{SECRET}@PACS/",
    f"me:{SECRET}@pacs.example.org",
    f"https://me:{SECRET}/x@pacs.example.org/",
    f"https://me:{SECRET}#x@pacs.example.org/",
    f"https://[me:{SECRET}@pacs/",
    f"https://pacs:{SECRET}/",
    f"https://me%3A{SECRET}%40pacs.example.org/",
    f"https://pacs.example.org/%3Ftoken={SECRET}",
    f"https:/me:{SECRET}@pacs",
    f"https://pacs.example.org\\@{SECRET}",
    f"ftp://pacs/{SECRET}",
    f"//me:{SECRET}@pacs/",
    f" https://pacs/ {SECRET}",
    f"https://pacs/\n{SECRET}",
]


@pytest.mark.parametrize("url", HIDING)
def test_a_secret_in_an_address_is_not_shown(url: str) -> None:
    assert SECRET not in redacted(url).lower()
    assert SECRET not in why_unfit(url).lower()


@pytest.mark.parametrize("url", [url for url in HIDING if "%3F" not in url])
def test_an_address_with_a_secret_is_not_fit(url: str) -> None:
    assert why_unfit(url)


@pytest.mark.parametrize(
    "url", ["https://pacs.example.org:8443/dicom-web", "http://127.0.0.1:8042", "http://[::1]:1/a"]
)
def test_an_address_without_secrets_is_shown_whole(url: str) -> None:
    assert redacted(url) == url
    assert why_unfit(url) == ""


@given(st.text())
def test_no_text_is_too_odd_to_be_an_address(text: str) -> None:
    for url in (text, f"https://{text}", f"https://pacs/{text}"):
        assert isinstance(redacted(url) + why_unfit(url), str)
    is_loopback(text)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.255.0.7", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "localhost",
        "LocalHost", "localhost.", "127.1", "0x7f000001", "2130706433", "0177.0.0.1",
    ],
)  # fmt: skip
def test_this_machine_is_known_by_all_its_addresses(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "::2", "::ffff:10.0.0.1", "0.0.0.0", "::", "localhost.example.org", "127.0.0.1.nip.io", "", "128"],
)
def test_other_machines_are_not_this_one(host: str) -> None:
    assert not is_loopback(host)
