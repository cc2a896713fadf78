"""The public keys of tickets as a file in a home."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.tickets.keys import Key, Keyring

KEYS = "ticket_keys.json"
"""The public keys of a home, for whoever verifies without its database."""


def write_keys(home: Path, keys: list[Key]) -> None:
    """Write the public keys of a home into its file, all at once."""
    from mobigo.tickets.keys import write_set

    text = json.dumps(write_set(keys), indent=1)
    file = home / KEYS
    if file.exists() and file.read_text() == text:
        return
    new = home / f".{KEYS}.{os.getpid()}.{secrets.token_hex(4)}"
    new.write_text(text)
    new.replace(file)


def read_keys(file: Path, *, given: bool) -> Keyring:
    """Read such a file; where none was given and there is none, no key is known."""
    from mobigo.tickets.keys import Keyring, read_set

    if not file.exists():
        return Keyring([])
    try:
        return read_set(json.loads(file.read_text()))
    except (ValueError, OSError) as error:
        raise InvalidInput(f"{file} is no key set: {error}", code="invalid_key_set") from None if given else error
