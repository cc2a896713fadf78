"""Keys of identities: the same person is the same with every operator, and a key does not say who it is."""

from __future__ import annotations

import hmac
import re
import unicodedata
from hashlib import sha256
from typing import TYPE_CHECKING

from mobigo.kit.errors import InvalidInput
from mobigo.messages.addresses import read_phone

if TYPE_CHECKING:
    from mobigo.carpool.model import Person

HIDDEN_DIGITS = 2
"""Of a telephone number, which the national register is not told."""


def find_key(secret: bytes, person: Person) -> str:
    """Return the key of a person, 64 hexadecimal digits.

    Of the number and the family name in plain capitals, as other operators make it; who tells no number or no name has
    one that only this home knows.
    """
    number, family = find_number(person), _find_family_name(person.name or "")
    if number is None or not family:
        return _own(secret, f"person {person.id}")
    return sha256(f"{number}-{family}".encode()).hexdigest()


def find_foreign_key(secret: bytes, operator: str, id_: str) -> str:
    """Return the key of somebody whom only another operator knows."""
    return _own(secret, f"operator {operator} {id_}")


def find_number(person: Person) -> str | None:
    """Return a person's telephone number in E.164."""
    try:
        return read_phone(person.phone) if person.phone else None
    except InvalidInput:
        return None


def truncate_number(number: str) -> str:
    """Leave out the last two digits of a number."""
    return number[:-HIDDEN_DIGITS]


def _find_family_name(name: str) -> str:
    """Return the last word of a name in capitals without accents; ``Anne-Marie LE GOFF`` is GOFF."""
    words = name.split()
    plain = unicodedata.normalize("NFKD", words[-1] if words else "").encode("ascii", "ignore").decode().upper()
    return "".join(re.findall(r"[A-Z]+", plain))


def _own(secret: bytes, text: str) -> str:
    return hmac.digest(secret, f"mobigo carpool identity {text}".encode(), "sha256").hex()
