"""Which addresses are reached: public ones and opened pairs, whatever they are called."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from mobigo.downloads import check_url
from mobigo.downloads.addresses import is_public, resolve
from mobigo.kit.errors import InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",  # carrier-grade NAT
        "100.100.100.200",  # a cloud's metadata
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",  # a cloud's host, public by number
        "169.254.169.254",  # metadata
        "172.16.0.1",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",  # abandoned spelling
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",  # 6to4 of 127.0.0.1
        "2001:0:1::1",  # Teredo
        "fc00::1",
        "fd00:ec2::254",  # metadata
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_public_are_known(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2a01:cb00::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.1/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://1.2.3/",
        "http://0x/",
        "http://[fe80::1%25eth0]/",
        "http://user:secret@example.org/",
        "http://user@example.org/",
        "file:///etc/passwd",
        "ftp://example.org/feed.zip",
        "gopher://example.org/",
    ],
)
def test_a_strange_spelling_is_refused(url: str) -> None:
    with pytest.raises((Refused, InvalidInput)):
        check_url(url)


@pytest.mark.parametrize("url", ["", "feed.zip", "http://", "http:///x", "http://exa mple.org", "http://[::1"])
def test_what_is_no_url_is_wrong_input(url: str) -> None:
    with pytest.raises((InvalidInput, Refused)):
        check_url(url)


def answering(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    def getaddrinfo(_host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return getaddrinfo


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("8.8.8.8", "10.0.0.7"))
    with pytest.raises(Refused, match=r"two\.example is 10\.0\.0\.7"):
        resolve("two.example", 80)


def test_an_opened_pair_opens_that_port_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("::1", "127.0.0.1"))
    assert resolve("localhost", 8080, ["127.0.0.1:8080"]) == ["127.0.0.1"]
    with pytest.raises(Refused):
        resolve("localhost", 8081, ["127.0.0.1:8080"])


def test_an_opened_pair_of_ipv6_is_written_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("::1"))
    assert resolve("::1", 80, ["[::1]:80"]) == ["::1"]


def test_a_name_without_address_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Unavailable, match=r"nowhere\.example cannot be found"):
        resolve("nowhere.example", 80)
