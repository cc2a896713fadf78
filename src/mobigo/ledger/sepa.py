"""Bank transfers as a file for the bank: SEPA credit transfers, ISO 20022 pain.001.001.09.

The file is made of what is handed in and nothing else: the same transfers give the same bytes, so sending it again is
sending the same file.

References
----------
European Payments Council, SEPA Credit Transfer Customer-to-PSP Implementation Guidelines (EPC132-08).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from mobigo.kit.errors import InvalidInput
from mobigo.ledger.iban import read_iban

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"

LARGEST = 99_999_999_999
"""Cents of one transfer (999,999,999.99 euros)."""

NAME_LENGTH, TEXT_LENGTH, ID_LENGTH = 70, 140, 35

IDENTIFIER = re.compile(r"[A-Za-z0-9+?/:().,'-]{1,35}")
"""What the ids of a file look like; without a stroke at either end or two in a row."""

UNSAFE = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
"""What banks need not understand (EPC, section 1.4)."""


@dataclass(frozen=True)
class Account:
    """Whose account it is; the bank is known by the number."""

    name: str
    iban: str


@dataclass(frozen=True)
class Transfer:
    """Money for one person."""

    id: str
    """End-to-end id: at most 35 signs, the same whenever this money is sent."""
    to: Account
    cents: int
    text: str
    """What the person reads on the statement."""


def write_transfers(
    message: str, transfers: Sequence[Transfer], payer: Account, *, written: datetime, execution: date
) -> bytes:
    """Write a file of transfers, one batch.

    Parameters
    ----------
    message : str
        Id of the file, at most 35 signs: a bank refuses a second one.

    Raises
    ------
    InvalidInput
        When there is nothing to send, an id is used twice, or an amount, id or account cannot be.
    """
    _check(message, transfers)
    total = _euros(sum(one.cents for one in transfers))
    document = Element("Document", xmlns=NAMESPACE)
    initiation = SubElement(document, "CstmrCdtTrfInitn")
    header = SubElement(initiation, "GrpHdr")
    _add(header, "MsgId", message)
    _add(header, "CreDtTm", written.isoformat(timespec="seconds"))
    _add(header, "NbOfTxs", str(len(transfers)))
    _add(header, "CtrlSum", total)
    _add(SubElement(header, "InitgPty"), "Nm", plain(payer.name, NAME_LENGTH))
    batch = SubElement(initiation, "PmtInf")
    _add(batch, "PmtInfId", message)
    _add(batch, "PmtMtd", "TRF")
    _add(batch, "BtchBookg", "true")
    _add(batch, "NbOfTxs", str(len(transfers)))
    _add(batch, "CtrlSum", total)
    _add(SubElement(SubElement(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    _add(SubElement(batch, "ReqdExctnDt"), "Dt", execution.isoformat())
    _add(SubElement(batch, "Dbtr"), "Nm", plain(payer.name, NAME_LENGTH))
    _add_account(batch, "DbtrAcct", payer.iban)
    agent = SubElement(SubElement(SubElement(batch, "DbtrAgt"), "FinInstnId"), "Othr")
    _add(agent, "Id", "NOTPROVIDED")
    _add(batch, "ChrgBr", "SLEV")
    for one in transfers:
        transaction = SubElement(batch, "CdtTrfTxInf")
        _add(SubElement(transaction, "PmtId"), "EndToEndId", one.id)
        SubElement(SubElement(transaction, "Amt"), "InstdAmt", Ccy="EUR").text = _euros(one.cents)
        _add(SubElement(transaction, "Cdtr"), "Nm", plain(one.to.name, NAME_LENGTH))
        _add_account(transaction, "CdtrAcct", one.to.iban)
        _add(SubElement(transaction, "RmtInf"), "Ustrd", plain(one.text, TEXT_LENGTH))
    indent(document)
    found: bytes = tostring(document, encoding="UTF-8", xml_declaration=True)
    return found + b"\n"


def plain(text: str, longest: int) -> str:
    """Write a text with the signs that every bank understands: without accents, others as a blank."""
    letters = text.replace("œ", "oe").replace("Œ", "OE").replace("æ", "ae").replace("Æ", "AE").replace("ß", "ss")
    decomposed = unicodedata.normalize("NFKD", letters.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    bare = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return re.sub(r"\s+", " ", UNSAFE.sub(" ", bare)).strip()[:longest].strip() or "-"


def _check(message: str, transfers: Sequence[Transfer]) -> None:
    if not transfers:
        raise InvalidInput("there is nothing to transfer; a file of no transfers is refused by banks")
    used: set[str] = set()
    for name in [message, *(one.id for one in transfers)]:
        if not IDENTIFIER.fullmatch(name) or name.startswith("/") or name.endswith("/") or "//" in name:
            raise InvalidInput(f"{name!r} cannot be an id in a file for a bank: at most {ID_LENGTH} plain signs")
    for one in transfers:
        if one.id in used:
            raise InvalidInput(f"transfer {one.id} stands in the file twice; each is paid once")
        used.add(one.id)
        if not 0 < one.cents <= LARGEST:
            raise InvalidInput(f"transfer {one.id} is of {one.cents} cents; from 1 to {LARGEST} can be sent")


def _add(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _add_account(parent: Element, name: str, iban: str) -> None:
    _add(SubElement(SubElement(parent, name), "Id"), "IBAN", read_iban(iban))


def _euros(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
