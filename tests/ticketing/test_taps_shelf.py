"""Bank cards on networks of several catalogues: each ride by the one that knows it, each at its best price."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest
from tests.ticketing.tapping import COACH, MONDAY, Village, open_village

from mobigo.db.session import driver
from mobigo.fares import service as fares
from mobigo.fares.document import read_document
from mobigo.ticketing import debts_store, taps_keeping, taps_store
from mobigo.ticketing.taps_desk import read_bill
from mobigo.ticketing.taps_policy import read_policy

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

BUS = "town:bus"
"""An agency of a feed that brings its own fares."""

SWISS = "vaud:cff"


def town_fares(series: str = "town", agency: str = BUS, currency: str = "EUR") -> dict[str, object]:
    """Write the fares of a feed: a ride, a day and a week, under names that the region has too."""
    return {
        "valid_from": date(2026, 1, 1),
        "currency": currency,
        "name": {"fr": series},
        "networks": [{"id": "coach", "name": {"fr": "Bus"}, "agencies": [agency]}],
        "products": [
            {"id": "coach_single", "name": {"fr": "Ticket de bus"}, "kind": "single", "prices": [{"cents": 120}]},
            {
                "id": "coach_day", "name": {"fr": "Bus, un jour"}, "kind": "day", "prices": [{"cents": 250}],
                "validity": {"mode": "fixed", "unit": "day"}, "covers": {"networks": ["coach"]}, "with_journey": False,
            },
            {
                "id": "coach_week", "name": {"fr": "Bus, une semaine"}, "kind": "week", "prices": [{"cents": 900}],
                "validity": {"mode": "rolling", "unit": "week"}, "covers": {"networks": ["coach"]},
                "with_journey": False,
            },
            {
                "id": "hours", "name": {"fr": "Bus, 24 h"}, "kind": "pass", "prices": [{"cents": 300}],
                "validity": {"mode": "first_use", "count": 24, "unit": "hour"}, "covers": {"networks": ["coach"]},
                "with_journey": False,
            },
        ],
        "tariffs": [{"id": "t", "timezone": "Europe/Paris", "legs": [{"network": "coach", "product": "coach_single"}]}],
    }  # fmt: skip


def sell(village: Village, series: str, document: dict[str, object]) -> None:
    """Publish the fares of a feed."""
    before = village.now - timedelta(days=300)
    with village.session() as session:
        connection = driver(session)
        draft = fares.draft_catalogue(
            connection, read_document(document, id_=series), origin="test", by="test", now=before
        )
        fares.publish(connection, draft.number, seen=draft.revision, by="test", now=before, today=date(2026, 1, 1))


@pytest.fixture
def village(engine: Engine) -> Village:
    one = open_village(engine)
    sell(one, "town", town_fares())
    sell(one, "vaud", town_fares("vaud", SWISS, "CHF"))
    return one


def test_a_ride_on_a_feeds_network_is_priced_by_its_own_catalogue(village: Village) -> None:
    village.send(village.tap("ana", "08:00", agency=BUS), village.tap("ana", "12:00"))
    assert village.count() == 120 + 150
    village.know("ana")
    village.collect()
    with village.session() as session:
        (charge,) = debts_store.list_charges(driver(session), village.id_of(session, "ana"))
        (day,) = read_bill(session, charge.id, "fr").days
    assert [(one.name, one.cents) for one in day.rides] == [("Car, un trajet", 150), ("Ticket de bus", 120)]
    assert (day.cents, day.alone) == (270, 270)


def test_each_catalogue_has_its_own_best_price(village: Village) -> None:
    """Two networks with a day ticket of the same name: neither pays for the other."""
    hours = ("07:00", "10:00", "13:00", "16:00")
    village.send(*(village.tap("ana", clock, agency=BUS) for clock in hours))
    assert village.count() == 250
    village.send(*(village.tap("ana", f"{hour}:30") for hour in (8, 11, 14)))
    assert village.count() == 400
    village.send(village.tap("ana", "20:00", agency=BUS), village.tap("ana", "21:00"))
    assert village.count() == 0
    assert village.owed("ana") == 650


def test_hours_of_a_feeds_product_reach_into_the_next_day(village: Village) -> None:
    for hour in ("18:00", "20:00", "22:00"):
        village.send(village.tap("ana", hour, agency=BUS))
    assert village.count() == 250
    tuesday = MONDAY + timedelta(days=1)
    village.go(tuesday, "22:00")
    village.send(*(village.tap("ana", hour, tuesday, agency=BUS) for hour in ("08:00", "12:00", "17:00")))
    village.go(tuesday + timedelta(days=1), "05:00")
    assert village.count() == 50  # 24 hours from six in the evening on
    assert village.owed("ana") == 300


def test_a_ride_in_another_currency_is_refused_with_a_sentence(village: Village) -> None:
    village.send(village.tap("ana", "08:00", agency=SWISS), village.tap("ana", "12:00"))
    assert village.count() == 150
    village.know("ana")
    village.collect()
    with village.session() as session:
        (charge,) = debts_store.list_charges(driver(session), village.id_of(session, "ana"))
        (day,) = read_bill(session, charge.id, "en").days
    assert [one.cents for one in day.rides] == [150, 0]
    assert "prices are in CHF" in day.rides[1].name


def test_two_months_cost_what_each_network_would_by_itself_also_carried_over(village: Village) -> None:
    """The same rides on one card, and on two of which each knows one network only: the same cents every day."""
    draw = Random(4)
    with village.session() as session:
        policy = read_policy(driver(session))
    for number in range(8, 56, 2):
        day = MONDAY + timedelta(days=number)
        village.go(day, "22:00")
        for clock in ("07:00", "12:00", "15:00", "18:00"):
            if draw.random() < 0.55:
                agency = draw.choice((BUS, COACH))
                own = "town" if agency == BUS else "region"
                village.send(village.tap("both", clock, day, agency), village.tap(own, clock, day, agency))
        village.go(day + timedelta(days=1), "05:00")
        village.count()
        assert village.owed("both") == village.owed("town") + village.owed("region"), day
        if number % 8 == 0:
            with village.session() as session:
                taps_keeping.forget_movements(session, policy, village.now)
                taps_keeping.carry_over(session, village.now)
    with village.session() as session:
        card = taps_store.find_card(driver(session), village.id_of(session, "both"))
    assert card is not None
    assert set(card.carried) == {"region", "town"}
