"""What a person can do about live sources: add one, keep its key; and how an address is told to others.

Keys for sources are files ``<home>/secrets/NAME``; addresses and headers name them as ``{secret:NAME}``.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mobigo.downloads import check_url
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.transit import live_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from psycopg import Connection

    from mobigo.transit.live_store import LiveSource

KINDS = ("auto", "gtfs-rt", "siri", "replay")

EVERY = 30
"""Seconds between two looks at a source, unless told otherwise."""

STALE_AFTER = 300
"""Seconds after which what a source or a vehicle said is no longer used, unless told otherwise."""

DAY = 86_400

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
SECRET = re.compile(r"\{secret:([A-Za-z0-9_.-]{1,60})\}")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,60}")
OWN_HEADERS = {"host", "user-agent", "connection", "content-length", "transfer-encoding", "range", "if-range"}
OWN_HEADERS |= {"if-none-match", "if-modified-since", "accept-encoding", "te", "upgrade", "expect"}
"""Headers that the download sets itself."""


def add_source(connection: Connection[Any], home: Path, source: LiveSource) -> None:
    """Add a live source after checking what can be checked without asking it.

    Raises
    ------
    InvalidInput, Refused
        When its name, kind, address, headers or times are not what they should be.
    NotFound
        When no feed of that name is loaded, or a secret it names is not there.
    Conflict
        When there is one of that name.
    """
    if not NAME.fullmatch(source.name):
        raise InvalidInput(
            f"{source.name!r} is no name for a live source; use up to 40 of a-z, 0-9, dot, dash and underscore"
        )
    if source.kind not in KINDS:
        raise InvalidInput(f"{source.kind!r} is no kind of live source; choose {', '.join(KINDS)}")
    for what, seconds, least in (("every", source.every, 5), ("stale-after", source.stale_after, 10)):
        if not least <= seconds <= DAY:
            raise InvalidInput(f"{what} is {seconds} s; it must lie between {least} and {DAY}")
    if source.day is not None and source.kind != "replay":
        raise InvalidInput(f"a day is for a recording that is replayed, and {source.name} is {source.kind}")
    loaded = connection.execute("SELECT 1 FROM feed WHERE source = %s", (source.feed,)).fetchone()
    if loaded is None:
        raise NotFound(
            f"no feed {source.feed!r} is loaded that {source.name} could be about; `mobigo feeds` lists them"
        )
    secrets = Secrets(home)
    _check_headers(source.headers, secrets)
    if is_url(source.address):
        check_url(secrets.reveal(source.address, quote_it=True))
    live_store.add_source(connection, source)


def remove_source(connection: Connection[Any], home: Path, name: str) -> None:
    """Remove a live source, and all it said."""
    live_store.remove_source(connection, name)
    shutil.rmtree(home / "live" / name, ignore_errors=True)


def _check_headers(headers: Mapping[str, str], secrets: Secrets) -> None:
    for name, value in headers.items():
        if not HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            raise InvalidInput(f"the header {name!r} cannot be sent; write it like X-Api-Key: {{secret:NAME}}")
        if name.lower() in OWN_HEADERS:
            raise InvalidInput(f"the header {name} is set by mobigo itself; leave it out")
        secrets.reveal(value)


def is_url(address: str) -> bool:
    """Tell an address on the network from a file."""
    return urlsplit(address).scheme in {"http", "https"}


def show_address(address: str) -> str:
    """Write an address for everybody to read: no query, which may hold a key, and of a file only the name."""
    return address.partition("?")[0] if is_url(address) else address.rpartition("/")[2]


class Secrets:
    """Puts the secrets of a home into texts, and hides them again in what is told about them."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "secrets"
        self._known: dict[str, str] = {}

    def reveal(self, text: str, *, quote_it: bool = False) -> str:
        """Replace ``{secret:NAME}``."""

        def put(found: re.Match[str]) -> str:
            name = found[1]
            try:
                value = (self._folder / name).read_text().strip()
            except (OSError, UnicodeError):
                raise NotFound(
                    f"no secret {name!r}; type `mobigo live secret {name}` and then the key", code="unknown_secret"
                ) from None
            value = quote(value, safe="") if quote_it else value
            self._known[value] = found[0]
            return value

        return SECRET.sub(put, text)

    def hide(self, text: str) -> str:
        """Replace secrets that were revealed by their names."""
        for value, name in self._known.items():
            if value:
                text = text.replace(value, name)
        return text


def save_secret(home: Path, name: str, value: str) -> None:
    """Keep a secret where only the owner of the home reads it."""
    if not SECRET.fullmatch(f"{{secret:{name}}}") or name.startswith("."):
        raise InvalidInput(f"{name!r} is no name for a secret; use up to 60 letters, digits, dots, dashes, underscores")
    if not value.isprintable() or not value.isascii() or not value:
        raise InvalidInput("the secret must be one line of printable ASCII characters")
    folder = home / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f".{name}.{os.getpid()}"
    with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
        file.write(value)
    new.replace(folder / name)
