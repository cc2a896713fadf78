"""Which addresses a download may reach: public ones, and the pairs a sandbox opens by name.

A URL that somebody typed, a feed named or a server redirected to must never make this machine talk to itself, to its
neighbours or to the metadata service of its cloud. Names are therefore resolved here, once, and the connection goes
to an address that was checked; a second look-up (which could answer differently) never happens.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

import httpx

from mobigo.kit.errors import InvalidInput, Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

PORTS = {"http": 80, "https": 443}
"""The schemes we speak, and where they listen unless told otherwise."""

METADATA = frozenset({ip_address("168.63.129.16")})
"""Public by number, yet answered by the cloud's own host."""

NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 seen from networks that have only IPv6; the last 32 bits are what is reached."""

COMPATIBLE = IPv6Network("::/96")
"""The abandoned spelling of IPv4 inside IPv6."""

SPECIAL = (IPv4Network("0.0.0.0/8"), IPv4Network("192.0.0.0/24"), IPv4Network("240.0.0.0/4"))
"""For protocols or for nobody; Python's versions differ about them."""

NUMBER = re.compile(r"(?:\d+|0[xX][0-9a-fA-F]*)\.?")
"""A last label that makes some resolvers read the whole host as a number."""


def check_url(url: str) -> httpx.URL:
    """Read a URL that we are willing to ask for.

    Raises
    ------
    InvalidInput
        When it is no URL.
    Refused
        When its scheme is not http or https, it carries a password, or its host is a number in disguise.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise InvalidInput(
            f"{url[:200]!r} is not a URL ({error}); write it like https://example.org/feed.zip"
        ) from None
    if parsed.scheme not in PORTS:
        raise Refused(f"{url[:200]!r} is not http or https; only these are downloaded", code="download_refused")
    if not parsed.host:
        raise InvalidInput(f"{url[:200]!r} names no host; write it like https://example.org/feed.zip")
    if parsed.userinfo:
        raise Refused(
            f"the address of {parsed.host} carries a user name or password; download the file yourself and load that",
            code="download_refused",
        )
    _check_spelling(parsed.host)
    return parsed


def _check_spelling(host: str) -> None:
    """Refuse hosts that some resolvers read as an address and some do not, as 0x7f.1 or 2130706433."""
    if "%" in host:
        raise Refused(f"{host} names a network interface; give a public address", code="download_refused")
    label = host.removesuffix(".").rpartition(".")[2]
    if ":" in host or not NUMBER.fullmatch(label):
        return
    try:
        IPv4Address(host)
    except ValueError:
        raise Refused(
            f"{host} is an unusual spelling of an address; write four decimal numbers or a name",
            code="download_refused",
        ) from None


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet, whatever it is wrapped in."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64 or address in COMPATIBLE:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return address not in COMPATIBLE and is_public(inner)
        if address.teredo or address.is_site_local or address.is_reserved:
            return False
    elif any(address in network for network in SPECIAL):
        return False
    return address.is_global and not address.is_multicast and address not in METADATA


def resolve(host: str, port: int, allow_hosts: Sequence[str] = ()) -> list[str]:
    """Look a host up and return the addresses that may be connected to, in the resolver's order.

    Parameters
    ----------
    host, port : str, int
        As the URL has them.
    allow_hosts : sequence of str
        ``ADDRESS:PORT`` pairs that are reached though they are not public; the address as a number.

    Raises
    ------
    Refused
        When any address of the host is not public, unless a pair opens one: then only those are returned.
    Unavailable
        When the name has no address.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(
            f"{host} cannot be found ({error}); check the spelling and the network", code="download_failed"
        ) from None
    found = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    opened = [address for address in found if _pair(address, port) in allow_hosts]
    if opened:
        return opened
    for address in found:
        if not is_public(ip_address(address.partition("%")[0])):
            raise Refused(
                f"{host} is {address}, which is not an address of the public internet; "
                f"downloads go there only when MOBIGO_ALLOW_HOSTS holds {_pair(address, port)}",
                code="download_refused",
            )
    return found


def _pair(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
