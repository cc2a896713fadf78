"""Telephone numbers and e-mail addresses as they are written, made fit for sending."""

from __future__ import annotations

import re

from mobigo.kit.errors import InvalidInput

COUNTRY = "33"
"""Of numbers written without one."""

SEPARATORS = re.compile(r"[\s.\-/()\u00a0\u202f]+")
NUMBER = re.compile(r"\+[1-9]\d{6,14}")
"""E.164."""

FRENCH_DIGITS = 9
"""Of a French number, after 0 or +33."""

FRENCH_MOBILE = ("+336", "+337")
FRENCH_OVERSEAS_MOBILE = ("+590690", "+590691", "+594694", "+596696", "+596697", "+262692", "+262693", "+262639")

LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
LONGEST_LOCAL_PART, LONGEST_EMAIL = 64, 254
"""Characters (RFC 5321)."""


def read_phone(text: str) -> str:
    """Read a telephone number as people write it; return it in E.164, as ``+33380112233``.

    Raises
    ------
    InvalidInput
        When it is none. The message does not repeat it.
    """
    bare = SEPARATORS.sub("", text)
    bare = re.sub(r"^\+(\d{1,3})0(?=\d{9}$)", r"+\1", bare) if bare.startswith(f"+{COUNTRY}0") else bare
    if bare.startswith("00"):
        bare = f"+{bare[2:]}"
    elif bare.startswith("0"):
        bare = f"+{COUNTRY}{bare[1:]}"
    if not NUMBER.fullmatch(bare) or (bare.startswith(f"+{COUNTRY}") and len(bare) != len(COUNTRY) + 1 + FRENCH_DIGITS):
        raise InvalidInput(
            "the telephone number cannot be read; write ten digits, as 03 80 11 22 33, or with the country, as"
            " +41 22 345 67 89",
            code="invalid_phone",
        )
    return bare


def takes_sms(number: str) -> bool:
    """Tell whether a number in E.164 can receive text messages: French ones by their range, others we suppose."""
    if number.startswith(f"+{COUNTRY}"):
        return number.startswith(FRENCH_MOBILE)
    overseas = ("+590", "+594", "+596", "+262")
    return number.startswith(FRENCH_OVERSEAS_MOBILE) if number.startswith(overseas) else True


def say_phone(number: str) -> str:
    """Write a number in E.164 as people read it: French ones in pairs."""
    if number.startswith(f"+{COUNTRY}") and len(number) == len(COUNTRY) + 1 + FRENCH_DIGITS:
        national = f"0{number[len(COUNTRY) + 1 :]}"
        return " ".join(national[place : place + 2] for place in range(0, len(national), 2))
    return number


def read_email(text: str) -> str:
    """Read an e-mail address; its domain in ASCII.

    Raises
    ------
    InvalidInput
        When it is none. The message does not repeat it.
    """
    local, _, domain = text.strip().rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        ascii_domain = ""
    labels = ascii_domain.split(".")
    if (
        not LOCAL_PART.fullmatch(local)
        or len(local) > LONGEST_LOCAL_PART
        or len(labels) < 2  # noqa: PLR2004  a name and where it is registered
        or not all(LABEL.fullmatch(label) for label in labels)
        or labels[-1].isdigit()
        or len(local) + 1 + len(ascii_domain) > LONGEST_EMAIL
    ):
        raise InvalidInput("the e-mail address cannot be read; write it like name@example.org", code="invalid_email")
    return f"{local}@{ascii_domain}"
