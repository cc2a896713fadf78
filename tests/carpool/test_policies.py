"""Rules of pay as documents: dated, in revisions, tried out, and what holds for every run that they pay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy.orm import Session
from tests.carpool.money_rows import FRANCE, KEY, PAYER, Driven, Sat, put_driven, put_people
from tests.conftest import new_database

from mobigo.carpool import policies_store
from mobigo.carpool.awards import Aboard, Awards, Ride, nowhere, pay_all
from mobigo.carpool.money_store import list_awards, read_counters
from mobigo.carpool.month import Closer
from mobigo.carpool.policies import collect, read_rule
from mobigo.carpool.policies_store import read_shipped
from mobigo.carpool.simulate import simulate
from mobigo.db.engine import open_engine
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict, InvalidInput, NotFound
from mobigo.kit.geo import Point

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from sqlalchemy.engine import Engine

NOW = datetime(2026, 4, 1, 8, tzinfo=UTC)
DAY = date(2026, 3, 10)
HERE, THERE = Point(4.17, 47.5), Point(4.44, 47.54)
TWO = (Sat("paul", 0, 30_000), Sat("rose", 0, 30_000))

RUN_RULE: dict[str, Any] = {"kind": "run", "name": "Twenty cents", "from": "2026-01-01", "per_loaded_km_cents": 20}
JOURNEY_RULE: dict[str, Any] = {
    "kind": "journey",
    "name": "Two euros a seat, five a month",
    "from": "2026-01-01",
    "policy": {
        "classes": ["B", "C"],
        "formula": {"mode": "sum", "slices": [{"from_m": 0, "per_seat_cents": 200}]},
        "limits": [{"counter": "amount", "period": "month", "scope": "driver", "max": 500, "priority": 1}],
    },
}


def ride(*seats: tuple[int, int, int], run: str = "r", at: time = time(7, 30), line: str | None = "l") -> Ride:
    departs = datetime.combine(DAY, at, FRANCE)
    aboard = tuple(
        Aboard(f"{run}-{n}", f"p{n}", one, board, alight, True, "C", 150 * one, departs, (HERE, THERE), True)
        for n, (one, board, alight) in enumerate(seats)
    )
    return Ride(run, "d", line, DAY, departs, 40_000, aboard)


def awards(*documents: dict[str, Any]) -> Awards:
    rules = [read_rule(f"rule{n}", 1, one) for n, one in enumerate(documents)]
    return Awards(collect(rules), territories=nowhere)


@pytest.fixture(scope="module")
def shared(test_cluster: str) -> Iterator[Engine]:
    """A database for all tests of this file: what they write is rolled back."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def session(shared: Engine) -> Iterator[Session]:
    with Session(shared) as session:
        put_people(driver(session), ["anne", "bruno", "paul", "rose"])
        yield session


# ── documents ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_regional_rule_and_the_legal_bound_are_shipped(session: Session) -> None:
    found = {one.id: one for one in policies_store.list_policies(driver(session))}
    assert set(found) == {"bfc_mobigo_lines", "legal_cap"} == set(read_shipped())
    assert found["bfc_mobigo_lines"].number == 0
    rules = policies_store.read_rules(driver(session))
    rule = rules.find_line_rule("sens-auxerre", DAY)
    assert rule is not None
    assert (rule.name, rule.terms.fare) == ("bfc_mobigo_lines@0", 150)
    assert rules.find_line_rule("sens-auxerre", date(2019, 1, 1)) is None


def test_rules_are_written_in_revisions_and_taken_back(session: Session) -> None:
    connection = driver(session)

    def write(document: dict[str, Any] | None, seen: int) -> int:
        return policies_store.write(connection, "bfc_mobigo_lines", document, seen=seen, by="staff", now=NOW).number

    assert write(RUN_RULE, 0) == 1
    with pytest.raises(Conflict, match="at revision 1, not at 0"):
        write(RUN_RULE, 0)
    assert policies_store.read_rules(connection).lines[0].terms.per_km == 20
    assert write(None, 1) == 2
    assert policies_store.read_rules(connection).lines == ()
    assert policies_store.undo(connection, "bfc_mobigo_lines", by="staff", now=NOW).number == 3
    assert policies_store.read_rules(connection).lines[0].terms.per_km == 20
    assert [one.number for one in policies_store.list_revisions(connection, "bfc_mobigo_lines")] == [3, 2, 1, 0]
    with pytest.raises(InvalidInput, match="as shipped"):
        policies_store.undo(connection, "legal_cap", by="staff", now=NOW)
    with pytest.raises(NotFound, match="no policy 'other'"):
        policies_store.get_policy(connection, "other")


def test_no_line_has_two_rules_on_one_day(session: Session) -> None:
    connection = driver(session)

    def write(id_: str, **more: object) -> None:
        policies_store.write(connection, id_, {**RUN_RULE, **more}, seen=0, by="staff", now=NOW)

    with pytest.raises(Conflict, match="policy bfc_mobigo_lines pays the same lines"):
        write("second")
    write("sens", lines=["sens-auxerre"])  # stands before the one for all lines
    with pytest.raises(Conflict, match="policy sens pays the same lines"):
        write("other", lines=["sens-auxerre", "x"])
    write("earlier", lines=["sens-auxerre"], **{"from": "2025-01-01", "until": "2025-12-31"})
    rules = policies_store.read_rules(connection)
    assert [getattr(rules.find_line_rule("sens-auxerre", day), "id", None) for day in (DAY, date(2025, 6, 1))] == [
        "sens",
        "earlier",
    ]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "kind"),
        ({"kind": "gift"}, "kind"),
        ({**RUN_RULE, "per_loaded_km_cents": -1}, "per_loaded_km_cents"),
        ({**RUN_RULE, "per_loaded_km_cents": float("nan")}, "per_loaded_km_cents"),
        ({**RUN_RULE, "colour": "red"}, "colour"),
        ({**RUN_RULE, "until": "2025-01-01"}, "before it begins"),
        ({**RUN_RULE, "from": "someday"}, "from"),
        ({**RUN_RULE, "windows": [{"weekdays": ["funday"], "first": "06:00", "last": "09:00"}]}, "weekdays"),
        ({**JOURNEY_RULE, "policy": {"classes": ["C"]}}, "formula"),
        ({**JOURNEY_RULE, "policy": {**JOURNEY_RULE["policy"], "clases": []}}, "clases"),
        (
            {**JOURNEY_RULE, "policy": {"classes": ["C"], "formula": {"mode": "expression", "expression": "1/"}}},
            "formula",
        ),
        ({"kind": "legal_cap", "name": "x", "from": "2026-01-01", "cost_rate_cents_per_km": 0}, "cost_rate"),
    ],
)
def test_what_cannot_be_a_rule_is_refused_with_the_place(document: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_rule("p", 1, document)


# ── pay ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_parameter_of_the_regional_rule_does_what_it_says() -> None:
    full = ride((2, 0, 30_000), (1, 10_000, 40_000), (2, 0, 5_000))
    for more, cents in (
        ({}, 800 + 300),
        ({"max_paid_extra_passengers": None}, 800 + 400),
        ({"extra_passenger_starts_at": 1}, 800 + 300),
        ({"count": "bookings"}, 800 + 200),
        ({"km_basis": "driver_run"}, 800 + 300),
        ({"km_basis": "per_passenger"}, 20 * (60 + 30 + 10) + 300),
        ({"extra_basis": "max_onboard", "max_paid_extra_passengers": None}, 800 + 300),
        ({"classes": ["A"]}, 0),
        ({"lines": ["other"]}, 0),
        ({"windows": [{"weekdays": ["tuesday"], "first": "07:00", "last": "08:00"}]}, 800 + 300),
        ({"windows": [{"weekdays": ["tuesday"], "first": "07:31", "last": "08:00"}]}, 0),
        ({"windows": [{"weekdays": ["monday"], "first": "07:00", "last": "08:00"}]}, 0),
    ):
        assert awards({**RUN_RULE, **more}).pay(full).cents == cents, more
    assert awards(RUN_RULE).pay(replace(full, line=None)).cents == 0
    assert awards(RUN_RULE).pay(ride()).cents == 0
    assert awards({**RUN_RULE, "pay_empty": True, "km_basis": "driver_run"}).pay(ride()).cents == 800


def test_passengers_beside_the_lines_stops_do_not_count_unless_the_rule_says_so() -> None:
    one = ride((1, 0, 30_000), (1, 0, 40_000))
    beside = replace(one, aboard=(one.aboard[0], replace(one.aboard[1], on_line=False)))
    paid = awards(RUN_RULE).pay(beside)
    assert paid.cents == 600
    assert [reason.code for reason in paid.reasons] == ["not_counted", "kilometres", "passengers"]
    assert awards({**RUN_RULE, "only_line_stops": False}).pay(beside).cents == 900


def test_rules_of_journeys_are_paid_beside_and_their_limits_are_kept_from_month_to_month(session: Session) -> None:
    connection = driver(session)
    policies_store.write(connection, "two_euros", JOURNEY_RULE, seen=0, by="staff", now=NOW)
    put_driven(connection, [Driven("r1", "anne", DAY, TWO), Driven("r2", "anne", DAY + timedelta(1), TWO)])
    closer = Closer(session, key=KEY, payer=PAYER)
    assert closer.close(date(2026, 3, 1), by="f", now=NOW).total == (400 + 400) + (400 + 100)
    (counted,) = read_counters(connection, ["two_euros"])["two_euros"].values()
    assert counted == 500
    put_driven(
        connection, [Driven("late", "anne", DAY + timedelta(2), TWO), Driven("r3", "anne", date(2026, 4, 1), TWO)]
    )
    april = closer.close(date(2026, 4, 1), by="f", now=datetime(2026, 5, 2, tzinfo=UTC))
    assert april.total == 400 + 800  # nothing is left of March's five euros
    assert {one.code for one in list_awards(connection, run="late")[0].reasons} >= {"amount_limit"}


def test_the_rule_of_the_day_pays_whenever_the_month_is_closed(session: Session) -> None:
    connection = driver(session)
    document = {**read_shipped()["bfc_mobigo_lines"], "from": "2019-11-28", "until": "2026-03-10"}
    policies_store.write(connection, "bfc_mobigo_lines", document, seen=0, by="staff", now=NOW)
    policies_store.write(connection, "dearer", {**RUN_RULE, "from": "2026-03-11"}, seen=0, by="staff", now=NOW)
    put_driven(connection, [Driven("r1", "anne", DAY, TWO), Driven("r2", "anne", DAY + timedelta(1), TWO)])
    Closer(session, key=KEY, payer=PAYER).close(date(2026, 3, 1), by="f", now=NOW)
    paid = {one.run: (one.cents, one.reasons[0].policy) for one in list_awards(connection)}
    assert paid == {"r1": (400, "bfc_mobigo_lines@1"), "r2": (700, "dearer@1")}


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────────────────

SEATS = some.lists(
    some.tuples(some.integers(1, 4), some.integers(0, 39_000), some.integers(1, 20_000)).map(
        lambda one: (one[0], one[1], min(40_000, one[1] + one[2]))
    ),
    max_size=4,
)


@given(some.lists(SEATS, max_size=12), some.randoms())
def test_pay_is_never_negative_never_above_the_law_and_the_order_of_arrival_does_not_matter(
    runs: list[list[tuple[int, int, int]]], chance: Random
) -> None:
    cap = {"kind": "legal_cap", "name": "law", "from": "2019-01-01", "cost_rate_cents_per_km": 55.8}
    rides = [ride(*seats, run=f"r{n}", at=time(5 + n)) for n, seats in enumerate(runs)]
    shuffled = rides.copy()
    chance.shuffle(shuffled)
    found = pay_all(awards(RUN_RULE, JOURNEY_RULE, cap), rides)
    assert found == pay_all(awards(RUN_RULE, JOURNEY_RULE, cap), shuffled)
    assert sum(pay.derogated for _, pay in found) <= 2
    for _, pay in found:
        assert pay.cents >= 0
        assert pay.derogated or 10 * pay.cents <= 558 * pay.metres // 100 or pay.cents == 0
        assert not pay.reasons or pay.seats or pay.cents == 0


# ── simulation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rule_is_tried_out_on_what_was_driven_and_nothing_is_kept(session: Session) -> None:
    connection = driver(session)
    runs = [Driven("r1", "anne", DAY, TWO), Driven("r2", "bruno", DAY, TWO[:1], line="sens-auxerre")]
    put_driven(connection, [*runs, Driven("r3", "anne", date(2026, 4, 2), TWO)])
    Closer(session, key=KEY, payer=PAYER).close(date(2026, 3, 1), by="f", now=NOW)
    found = simulate(connection, read_rule("x", 0, RUN_RULE), date(2026, 3, 1), date(2026, 3, 31))
    assert (found.runs, found.simulated.driver, found.current.driver) == (2, 700 + 600, 400 + 300)
    assert (found.simulated.fares, found.simulated.net) == (450, 850)
    assert {line: (one.driver, other.driver) for line, (one, other) in found.by_line.items()} == {
        "epoisses-les-laumes": (700, 400),
        "sens-auxerre": (600, 300),
    }
    assert [(one.run, pay.cents) for one, pay in found.paid] == [("r1", 700), ("r2", 600)]
    journeys = simulate(connection, read_rule("x", 0, JOURNEY_RULE), date(2026, 3, 1), date(2026, 3, 31))
    assert journeys.simulated.driver == 400 + 200
    strict = {"kind": "legal_cap", "name": "law", "from": "2026-01-01", "cost_rate_cents_per_km": 5}
    bounded = simulate(connection, read_rule("x", 0, strict), date(2026, 3, 1), date(2026, 3, 31))
    assert bounded.simulated.driver == 150 + 150
    assert len(list_awards(connection)) == 2
    assert read_counters(connection, ["x"]) == {}
    with pytest.raises(InvalidInput, match="no period"):
        simulate(connection, read_rule("x", 0, RUN_RULE), date(2026, 3, 2), date(2026, 3, 1))
