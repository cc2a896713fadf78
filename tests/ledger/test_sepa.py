"""Account numbers and files for the bank."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from importlib import resources
from xml.etree.ElementTree import fromstring

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as some

from mobigo.kit.errors import InvalidInput
from mobigo.ledger.iban import mask, read_iban
from mobigo.ledger.sepa import NAMESPACE, Account, Transfer, plain, write_transfers

REGION = Account("Région Bourgogne-Franche-Comté", "FR14 2004 1010 0505 0001 3M02 606")
DRIVER = Account("Zoé L\N{RIGHT SINGLE QUOTATION MARK}Écuyer & Œuvrard", "DE89370400440532013000")
WRITTEN = datetime(2026, 4, 1, 6, tzinfo=UTC)
DUE = date(2026, 4, 3)


@pytest.fixture(scope="module")
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(resources.files("sepaxml") / "schemas" / "pain.001.001.09.xsd"))


def transfer(name: str = "2026-03-d1", cents: int = 420, **more: object) -> Transfer:
    return replace(Transfer(name, DRIVER, cents, "Covoiturage mars 2026: 4,20 €"), **more)  # type: ignore[arg-type]


def write(*transfers: Transfer) -> bytes:
    return write_transfers("CARPOOL-2026-03", transfers, REGION, written=WRITTEN, execution=DUE)


def test_a_file_is_valid_by_the_schema_and_adds_up(schema: xmlschema.XMLSchema) -> None:
    found = write(transfer(), transfer("2026-03-d2", 99_999_999_999), transfer("2026-03-d3", 1))
    schema.validate(found.decode())
    names = {"p": NAMESPACE}
    root = fromstring(found)
    assert [one.text for one in root.findall(".//p:CtrlSum", names)] == ["1000000004.20"] * 2
    assert [one.text for one in root.findall(".//p:NbOfTxs", names)] == ["3"] * 2
    assert [one.text for one in root.findall(".//p:InstdAmt", names)] == ["4.20", "999999999.99", "0.01"]
    assert root.findtext(".//p:Cdtr/p:Nm", None, names) == "Zoe L'Ecuyer OEuvrard"


def test_the_same_transfers_are_the_same_file() -> None:
    assert write(transfer()) == write(transfer())


@given(some.text(max_size=300))
def test_every_name_and_text_fits_the_schema(schema: xmlschema.XMLSchema, text: str) -> None:
    found = write(transfer(to=replace(DRIVER, name=text), text=text))
    assert schema.is_valid(found.decode())
    assert 1 <= len(plain(text, 70)) <= 70


@pytest.mark.parametrize(
    ("transfers", "sentence"),
    [
        ([], "nothing to transfer"),
        ([transfer(), transfer()], "twice"),
        ([transfer(cents=0)], "0 cents"),
        ([transfer(cents=-5)], "-5 cents"),
        ([transfer("a b")], "cannot be an id"),
        ([transfer("x" * 36)], "cannot be an id"),
        ([transfer("/x")], "cannot be an id"),
        ([transfer(to=replace(DRIVER, iban="DE89370400440532013001"))], "check digits"),
    ],
)
def test_what_no_bank_takes_is_refused(transfers: list[Transfer], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        write(*transfers)


@pytest.mark.parametrize(
    "text",
    [
        "FR1420041010050500013M02606",
        "fr14 2004 1010 0505 0001 3m02 606",
        "BE68-5390-0754-7034",
        "MT84MALT011000012345MTLCAST001S",
    ],
)
def test_account_numbers_are_read_as_people_write_them(text: str) -> None:
    assert read_iban(text).startswith(text[:2].upper())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "two letters"),
        ("US64SVBKUS6S3300958879", "two letters"),
        ("FR1420041010050500013M0260", "27 signs"),
        ("FR1420041010050500013M02607", "check digits"),
        ("FR4120041010050500013M02605", "key of the national number"),
        ("FR14 2004 1010 0505 0001 3M02 60é", "two letters"),
    ],
)
def test_account_numbers_that_cannot_be_are_refused_without_repeating_them(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence) as refused:
        read_iban(text)
    assert not text or text not in str(refused.value)


def test_one_wrong_digit_is_always_noticed() -> None:
    iban = "FR1420041010050500013M02606"
    for place in range(2, len(iban)):
        for sign in "0123456789":
            if iban[place].isdigit() and sign != iban[place]:
                with pytest.raises(InvalidInput):
                    read_iban(iban[:place] + sign + iban[place + 1 :])


def test_a_masked_number_shows_neither_bank_nor_account() -> None:
    assert mask("FR1420041010050500013M02606") == "FR14 … 606"
