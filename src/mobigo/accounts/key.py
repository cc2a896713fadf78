"""Keys of a home: what signs its tokens, what seals account numbers; each a file only its owner may read."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32


def read_key(home: Path, name: str = "token") -> bytes:
    """Read a key of a home, making it the first time; of two processes that make it at once, one wins."""
    file = home / f"{name}.key"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        new = home / f"{name}.{os.getpid()}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as made:
            made.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(new, file)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return file.read_bytes()
