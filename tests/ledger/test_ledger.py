"""Money: what balances is written once and stands for ever."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, InvalidInput, NotFound, Refused
from mobigo.ledger import service
from mobigo.ledger.model import AccountKind, Chart, Entry, Posting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FARE = (Posting(Chart.TRAVELLERS, 350, "booking:a"), Posting(Chart.DEFERRED, -350))


@pytest.fixture
def session(engine: Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


def sell(session: Session, key: str = "booking:a/fare", at: datetime = NOON, cents: int = 350) -> int:
    postings = (Posting(Chart.TRAVELLERS, cents, "booking:a"), Posting(Chart.DEFERRED, -cents))
    return service.post(session, kind="fare", reference="booking:a", postings=postings, key=key, by="desk", at=at).id


def test_what_is_posted_is_found_on_both_accounts_in_their_own_direction(session: Session) -> None:
    sell(session)
    session.commit()
    assert service.balance(session, account=Chart.TRAVELLERS) == 350  # an asset, by debits
    assert service.balance(session, account=Chart.DEFERRED) == 350  # a liability, by credits
    assert service.balance(session, party="booking:a") == 350
    assert service.balance(session) == 0
    assert [entry.postings for entry in service.list_entries(session, "booking:a")] == [FARE]
    assert dict(service.list_balances(session))[service.list_accounts(session)[0]] == 0


def test_many_are_posted_at_once_as_one_by_one(session: Session) -> None:
    sell(session, "b")
    entries = [Entry(0, NOON, "fare", f"booking:{n}", FARE, key, "desk") for n, key in enumerate(["a", "c", "d"])] + [
        Entry(0, NOON, "fare", "booking:a", FARE, "b", "desk")
    ]
    service.post_all(session, entries)
    session.commit()
    assert service.balance(session, account=Chart.TRAVELLERS) == 4 * 350
    assert service.sum_reference(session, "booking:0", kind="fare", account=Chart.DEFERRED) == 350
    service.post_all(session, entries)
    session.commit()
    assert service.balance(session, account=Chart.TRAVELLERS) == 4 * 350
    with pytest.raises(InvalidInput, match="no account 'nowhere'"):
        service.post_all(session, [Entry(0, NOON, "x", "y", (Posting("nowhere", 1), Posting("bank", -1)), "z", "desk")])
    with pytest.raises(InvalidInput, match="add up to 1 cents"):
        service.post_all(session, [Entry(0, NOON, "x", "y", (Posting("bank", 1),), "z", "desk")])


def test_posting_again_is_one_entry_and_another_one_under_its_key_is_refused(session: Session) -> None:
    first = sell(session)
    session.commit()
    assert sell(session) == first
    with pytest.raises(Conflict, match=r"key 'booking:a/fare' is that of entry \d+ \(fare about booking:a\)"):
        sell(session, cents=351)
    assert service.balance(session, account=Chart.TRAVELLERS) == 350


def test_fifty_at_once_under_one_key_are_one_entry(engine: Engine) -> None:
    def one(_: int) -> int:
        with Session(engine) as session, session.begin():
            return sell(session)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(50)))) == 1


@pytest.mark.parametrize(
    ("postings", "said"),
    [
        ((Posting("travellers", 350), Posting("fares", -349)), "add up to 1 cents"),
        ((), "at least two postings"),
        ((Posting("travellers", 0), Posting("fares", 0)), "0 cents cannot be posted"),
        ((Posting("travellers", 10**14), Posting("fares", -(10**14))), "cannot be posted"),
        ((Posting("cigars", 1), Posting("fares", -1)), "no account 'cigars'"),
        ((Posting("travellers", 1, "x" * 501), Posting("fares", -1)), "at most 500 characters"),
        ((Posting("travellers", 1, "x\0"), Posting("fares", -1)), "at most 500 characters"),
    ],
)
def test_what_is_wrong_is_not_written(session: Session, postings: tuple[Posting, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        service.post(session, kind="fare", reference="a", postings=postings, key="k", by="desk", at=NOON)
    assert service.list_entries(session, "a") == []


def test_an_error_is_undone_by_its_opposite_once(session: Session) -> None:
    id_ = sell(session)
    undone = service.reverse(session, id_, key="booking:a/refund", by="desk", at=NOON, kind="refund")
    session.commit()
    assert (undone.kind, undone.reverses) == ("refund", id_)
    assert service.balance(session, account=Chart.TRAVELLERS) == 0
    assert service.reverse(session, id_, key="booking:a/refund", by="desk", at=NOON, kind="refund") == undone
    with pytest.raises(Refused, match=f"entry {id_} was reversed by entry {undone.id}"):
        service.reverse(session, id_, key="again", by="desk", at=NOON)
    with pytest.raises(Refused, match="itself the reversal"):
        service.reverse(session, undone.id, key="back", by="desk", at=NOON)
    with pytest.raises(NotFound, match="no entry 999"):
        service.reverse(session, 999, key="nothing", by="desk", at=NOON)


ENTRY = "INSERT INTO ledger_entry (at, kind, reference, key, written_by, note, reverses) VALUES (now(), 'x', 'x', "
POST = "INSERT INTO ledger_posting (entry_id, number, account, cents) VALUES "


@pytest.mark.parametrize(
    ("statements", "constraint"),
    [
        ([ENTRY + "'1', 'x', '', NULL)"], "ledger_balances"),  # nothing posted
        ([ENTRY + "'1', 'x', '', NULL)", POST + "((SELECT max(id) FROM ledger_entry), 0, 'fares', 5)"], "balances"),
        (["UPDATE ledger_entry SET note = 'x'"], "ledger_stands"),
        (["DELETE FROM ledger_posting"], "ledger_stands"),
        (["TRUNCATE ledger_posting"], "ledger_stands"),
        (["TRUNCATE ledger_entry CASCADE"], "ledger_stands"),
        (["UPDATE ledger_account SET kind = 'income'"], "ledger_stands"),
        ([POST + "(1, 2, 'fares', 5), (1, 3, 'bank', -5)"], "ledger_stands"),  # an entry of before
        ([POST + "(1, 2, 'cigars', 5)"], "ledger_stands"),
        (
            [ENTRY + "'1', 'x', '', 1)", POST + "(2, 0, 'fares', 5), (2, 1, 'bank', -5)"],
            "ledger_reverses",
        ),
        (
            [
                ENTRY + "'1', 'x', '', NULL)",
                POST + "(2, 0, 'fares', 5), (2, 1, 'bank', -5)",
                "SET CONSTRAINTS ALL IMMEDIATE",
                POST + "(2, 2, 'fares', 5)",
            ],
            "ledger_balances",
        ),
    ],
)
def test_the_database_guards_it_whoever_writes(
    session: Session, database_url: str, statements: list[str], constraint: str
) -> None:
    assert sell(session) == 1
    session.commit()
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        with pytest.raises(psycopg.Error) as refused:  # noqa: PT012 - deferred to the commit
            for statement in statements:
                connection.execute(statement.encode())
            connection.commit()
        assert constraint in str(refused.value.diag.constraint_name)


def test_a_statement_is_read_page_by_page_and_adds_up(session: Session) -> None:
    for n in range(10):
        sell(session, f"k{n}", NOON + timedelta(hours=n // 2), 100 + n)
    day = {"since": NOON + timedelta(hours=1), "until": NOON + timedelta(hours=4)}
    whole = service.read_statement(session, account=Chart.TRAVELLERS, **day)
    assert (whole.opening, whole.closing, whole.cursor) == (201, 201 + 102 + 103 + 104 + 105 + 106 + 107, None)
    lines, cursor, opening = [], None, whole.opening
    while True:
        page = service.read_statement(session, account=Chart.TRAVELLERS, **day, cursor=cursor, limit=4)
        assert page.opening == opening
        opening = page.closing
        lines += page.lines
        cursor = page.cursor
        if cursor is None:
            break
    assert tuple(lines) == whole.lines
    with pytest.raises(InvalidInput, match="no cursor"):
        service.read_statement(session, **day, cursor="2026/x/1")
    with pytest.raises(NotFound, match="no account 'cigars'"):
        service.read_statement(session, account="cigars", **day)


def test_the_export_has_every_posting_and_nothing_a_spreadsheet_would_compute(session: Session) -> None:
    sell(session)
    service.post(
        session,
        kind="waived",
        reference="=1+1",
        postings=(Posting(Chart.PENALTIES, 5), Posting(Chart.TRAVELLERS, -5, "booking:a")),
        key="w",
        by="@desk",
        at=NOON,
        note='said "sorry", twice\nand again',
    )
    rows = list(csv.DictReader(service.export_csv(session, since=NOON, until=NOON + timedelta(seconds=1))))
    assert [(row["account"], row["debit"], row["credit"]) for row in rows] == [
        ("travellers", "3.50", ""),
        ("deferred", "", "3.50"),
        ("penalties", "0.05", ""),
        ("travellers", "", "0.05"),
    ]
    assert (rows[2]["reference"], rows[2]["by"], rows[2]["note"]) == (
        "'=1+1",
        "'@desk",
        'said "sorry", twice\nand again',
    )
    assert list(csv.DictReader(service.export_csv(session, since=NOON + timedelta(seconds=1), until=NOON))) == []


def test_accounts_are_opened_once_and_keep_their_kind(session: Session) -> None:
    opened = service.open_account(session, "carpool.drivers", AccountKind.LIABILITY, "Conducteurs")
    assert service.open_account(session, "carpool.drivers", AccountKind.LIABILITY, "Conducteurs") == opened
    with pytest.raises(Conflict, match="there already as liability"):
        service.open_account(session, "carpool.drivers", AccountKind.ASSET, "Conducteurs")
    with pytest.raises(InvalidInput, match="no code"):
        service.open_account(session, "Carpool drivers", AccountKind.ASSET, "Conducteurs")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    happenings=st.lists(
        st.tuples(
            st.integers(0, 7),  # of these keys
            st.lists(st.tuples(st.sampled_from(list(Chart)), st.integers(-500, 500)), min_size=1, max_size=4),
        ),
        max_size=12,
    )
)
def test_whatever_is_posted_or_refused_the_books_balance(
    engine: Engine, happenings: list[tuple[int, list[tuple[Chart, int]]]]
) -> None:
    with Session(engine) as session:
        for key, amounts in happenings:
            rest = -sum(cents for _, cents in amounts)
            postings = tuple(Posting(account, cents) for account, cents in (*amounts, (Chart.BANK, rest)))
            try:
                with session.begin_nested():
                    service.post(session, kind="x", reference="x", postings=postings, key=str(key), by="t", at=NOON)
            except (InvalidInput, Conflict):
                continue
        session.connection().exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert service.balance(session) == 0
        totals = {account.kind: 0 for account in service.list_accounts(session)}
        for account, cents in service.list_balances(session):
            totals[account.kind] += cents * account.kind.sign
        assert sum(totals.values()) == 0
        session.rollback()
