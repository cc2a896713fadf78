"""Papers for drivers and employers: right to the cent, and readable by a screen reader."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader
from sqlalchemy.orm import Session
from tests.carpool.money_rows import KEY, PAYER, Driven, Sat, put_driven, put_people
from tests.conftest import new_database

from mobigo.carpool.awards import Reason
from mobigo.carpool.money_store import Award
from mobigo.carpool.month import Closer
from mobigo.carpool.papers import find_words
from mobigo.carpool.statements import list_parts, read_statement, write_statement
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import NotFound
from mobigo.papers.pdf import write_euros, write_kilometres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pypdf.generic import DictionaryObject

MARCH = date(2026, 3, 1)
DAY = date(2026, 3, 10)
APRIL_1 = datetime(2026, 4, 1, 8, tzinfo=UTC)
TWO = (Sat("paul", 0, 30_000), Sat("rose", 0, 30_000))


@pytest.fixture(scope="module")
def session(test_cluster: str) -> Iterator[Session]:
    with new_database(test_cluster) as url:
        engine = open_engine(url, pool_size=1)
        with Session(engine) as session:
            connection = driver(session)
            put_people(connection, ["anne", "paul", "rose"])
            put_people(connection, ["carla"], iban=None)
            put_driven(connection, [Driven("r1", "anne", DAY, TWO), Driven("r2", "carla", DAY, TWO)])
            Closer(session, key=KEY, payer=PAYER).close(MARCH, by="finance", now=APRIL_1)
            connection.execute(
                "UPDATE carpool_person SET name = 'Anne *Müller* #1 $x$', language = 'fr' WHERE id = 'anne'"
            )
            connection.execute("UPDATE carpool_person SET language = 'en' WHERE id = 'carla'")
            session.commit()
            yield session
        engine.dispose()


def read(session: Session, person: str) -> PdfReader:
    one = read_statement(session, MARCH, person)
    return PdfReader(io.BytesIO(write_statement(session, one, author="Région", now=APRIL_1)))


def list_tags(node: DictionaryObject) -> list[str]:
    """List the kinds of what a document is made of, as a screen reader walks it."""
    found = [str(node["/S"])] if "/S" in node else []
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, list) else [kids]:
        inner = kid.get_object()
        if isinstance(inner, dict):
            found += list_tags(inner)  # type: ignore[arg-type]
    return found


def test_a_statement_is_a_tagged_document_with_language_title_and_headed_tables(session: Session) -> None:
    for person, language, title in (
        ("anne", "fr", "Relevé de covoiturage 03/2026"),
        ("carla", "en", "Carpool statement 03/2026"),
    ):
        pdf = read(session, person)
        root = pdf.root_object
        assert root["/Lang"] == language
        assert root["/MarkInfo"]["/Marked"]
        assert root["/ViewerPreferences"]["/DisplayDocTitle"]
        assert pdf.metadata is not None
        assert pdf.metadata.title == title
        assert "pdfuaid:part" in root["/Metadata"].get_object().get_data().decode()
        tags = list_tags(root["/StructTreeRoot"])
        assert tags.count("/Table") == 2
        assert "/H1" in tags or "/Title" in tags
        assert tags.count("/TH") == 6 + 5
        assert all(page["/Resources"]["/Font"] for page in pdf.pages)


def test_a_statement_says_what_was_paid_for_each_run_and_names_are_no_markup(session: Session) -> None:
    text = "".join(page.extract_text() for page in read(session, "anne").pages).replace("\N{NO-BREAK SPACE}", " ")
    for said in (
        "Anne *Müller* #1 $x$",
        "FR14 … 606",
        "10/03/2026",
        "Époisses",
        "07:30",
        "3,00 €",
        "1,00 €",
        "Lignes de covoiturage Mobigo",
        "30,0 km",
        "4,00 €",
        "payé",
    ):
        assert said in text
    text = "".join(page.extract_text() for page in read(session, "carla").pages)
    assert "carried over to the next month" in text
    assert "€4.00" in text


def test_there_is_no_statement_before_a_month_is_closed(session: Session) -> None:
    with pytest.raises(NotFound, match="2026-04 is not closed yet"):
        read_statement(session, date(2026, 4, 1), "anne")
    nothing = write_statement(session, read_statement(session, MARCH, "paul"), author="Région", now=APRIL_1)
    assert "Aucun trajet ce mois" in PdfReader(io.BytesIO(nothing)).pages[0].extract_text()


def test_both_languages_have_the_same_words_and_amounts_are_written_exactly() -> None:
    assert find_words("fr").keys() == find_words("en").keys()
    assert find_words("br") is find_words("fr")
    assert write_euros(123_456, "en") == "€1,234.56"
    assert write_euros(-5, "fr") == "-0,05\N{NO-BREAK SPACE}€"
    assert write_kilometres(1_234_560, "fr") == "1\N{NARROW NO-BREAK SPACE}234,6\N{NO-BREAK SPACE}km"


def test_what_each_reason_adds_comes_to_the_award() -> None:
    def award(*steps: tuple[str, str, int], number: int = 0, cents: int) -> Award:
        return Award(
            "r", number, "anne", MARCH, DAY, cents, 1, 1, 150, False, tuple(Reason(*one, "") for one in steps), None,
            "f", APRIL_1,
        )  # fmt: skip

    for one, parts in (
        (award(("a", "kilometres", 300), ("a", "passengers", 400), cents=400), [300, 100]),
        (award(("a", "kilometres", 40), ("a", "passengers", 340), ("c", "legal_cap", 223), cents=223), [40, 300, -117]),
        (award(("a", "not_counted", 0), ("a", "kilometres", 300), ("a", "passengers", 300), cents=300), [0, 300, 0]),
        (
            award(
                ("j", "formula", 200), ("j", "formula", 200), ("j", "amount_limit", 100), ("j", "zone", 0), cents=300
            ),
            [200, 200, -100, 0],
        ),
        (award(("a", "kilometres", 300), ("", "struck", -100), number=1, cents=-100), [-100]),
    ):
        assert [cents for _, cents in list_parts(one)] == parts
        assert sum(parts) == one.cents
