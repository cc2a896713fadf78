"""Account numbers of banks.

References
----------
ISO 13616 (IBAN: length by country, remainder 97), and for French numbers the key of the national number (RIB).
"""

from __future__ import annotations

import re

from mobigo.kit.errors import InvalidInput

LENGTHS = {
    "AD": 24, "AL": 28, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GI": 23, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15,
    "PL": 28, "PT": 25, "RO": 24, "RS": 22, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "VA": 22,
}  # fmt: skip
"""Signs of an IBAN, by country of the SEPA area."""

FRENCH = {"FR", "MC"}
"""Countries whose numbers carry the key of a RIB."""

LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")
"""Digits that letters count as in the key of a RIB."""


def read_iban(text: str) -> str:
    """Read an account number as people write it: with blanks, in small letters.

    Raises
    ------
    InvalidInput
        When it cannot be one (``invalid_iban``); the sentence never repeats the number.
    """
    iban = re.sub(r"[\s.-]", "", text).upper()
    country = iban[:2]
    if country not in LENGTHS or not re.fullmatch(r"[A-Z]{2}[0-9]{2}[A-Z0-9]+", iban):
        raise _wrong("it begins with the two letters of a country of the SEPA area and two digits")
    if len(iban) != LENGTHS[country]:
        raise _wrong(f"an IBAN of {country} has {LENGTHS[country]} signs, this one has {len(iban)}")
    if _remainder(iban) != 1:
        raise _wrong("its check digits do not fit; a sign is wrong or two are exchanged")
    if country in FRENCH and not _fits_rib(iban[4:]):
        raise _wrong("the key of the national number does not fit; a sign is wrong")
    return iban


def mask(iban: str) -> str:
    """Write an account number so that its owner knows it and nobody else learns it."""
    return f"{iban[:4]} … {iban[-3:]}"


def _wrong(why: str) -> InvalidInput:
    return InvalidInput(f"the IBAN is not right: {why}; copy it from the bank's statement", code="invalid_iban")


def _remainder(iban: str) -> int:
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97


def _fits_rib(number: str) -> bool:
    """Check the key of bank, branch and account: letters count as the digits of the French table."""
    if not re.fullmatch(r"[0-9]{10}[A-Z0-9]{11}[0-9]{2}", number):
        return False
    digits = number[:21].translate(LETTERS)
    return (int(digits[:5]) * 89 + int(digits[5:10]) * 15 + int(digits[10:21]) * 3 + int(number[21:])) % 97 == 0
