"""What is noted of seats and runs, and of whom it is not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.carpool.riding import NOON, Riding
from tests.carpool.served import EPOISSES, village
from tests.carpool.test_bookings import ask, book, offer
from tests.conftest import new_database

from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at
from mobigo.trace.masks import Masks
from mobigo.trace.noting import carry_masks
from mobigo.trace.store import gather

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine
    from tests.carpool.served import Served


@pytest.fixture(scope="module")
def place(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with village(test_cluster, tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture
def served(place: Served) -> Served:
    place.reset()
    place.know("dora", "paul", "rosa")
    list_notes(place.engine)
    list_notes(place.engine, "trace_run")
    return place


def list_notes(engine: Engine, table: str = "trace_ride") -> list[dict[str, Any]]:
    where = libpq_conninfo(engine.url.render_as_string(hide_password=False))
    with psycopg.connect(where, row_factory=psycopg.rows.dict_row) as connection:
        gather(connection)
        return sorted(connection.execute(f"DELETE FROM {table} RETURNING *").fetchall(), key=str)


def deeds(engine: Engine) -> list[tuple[str, str]]:
    return sorted((one["deed"], one["reason"]) for one in list_notes(engine))


def test_seats_that_are_offered_and_booked_are_noted_by_squares(served: Served) -> None:
    run = offer(served)
    book(served, "paul", ask(run, seats=2))
    offered, booked = sorted(list_notes(served.engine), key=lambda one: -len(one["deed"]))
    assert (offered["deed"], offered["passengers"]) == ("offered", 2)
    assert (booked["deed"], booked["passengers"], booked["cents"]) == ("booked", 2, 0)
    for one in (offered, booked):
        assert (one["service"], one["source"], one["route"]) == ("carpool", "", "epoisses-les-laumes")
        assert (one["day"], one["hour"]) == (date(2026, 11, 23), 8)
        assert (one["trip"], one["stop"], one["sequence"]) == ("", "", None)
    assert offered["origin"] == cell_at(EPOISSES)
    last = run["stops"][-1]
    assert offered["destination"] == cell_at(Point(last["lon"], last["lat"]))
    assert offered["who"] != booked["who"]
    assert not any(id_ in str([offered, booked]) for id_ in [*served.people.values(), "dora", "paul"])


def test_a_place_that_is_gone_is_a_refusal_though_nothing_else_is_kept(served: Served) -> None:
    run = offer(served)
    book(served, "paul", ask(run, seats=2))
    assert served.say("rosa", "POST", "/bookings", ask(run))[1]["code"] == "places_gone"
    (refused,) = [one for one in list_notes(served.engine) if one["deed"] == "refused"]
    assert (refused["reason"], refused["passengers"], refused["origin"]) == ("places_gone", 1, cell_at(EPOISSES))
    assert served.say("rosa", "GET", "/bookings")[1]["bookings"] == []


def test_what_the_driver_refuses_was_refused_and_what_is_called_off_was_cancelled(served: Served) -> None:
    run = offer(served, confirmation="driver")
    waiting = book(served, "paul", ask(run))
    assert deeds(served.engine) == [("offered", "")]  # not before the driver has answered
    served.say("dora", "POST", f"/bookings/{waiting['id']}/cancel", {})
    assert deeds(served.engine) == [("refused", "driver")]
    again = book(served, "rosa", ask(run))
    served.say("dora", "POST", f"/bookings/{again['id']}/confirm", {})
    served.say("rosa", "POST", f"/bookings/{again['id']}/cancel", {})
    assert deeds(served.engine) == [("booked", ""), ("cancelled", "passenger")]


def test_a_run_is_noted_with_its_metres_and_what_it_would_be_paid(served: Served) -> None:
    run = offer(served)
    book(served, "paul", ask(run, seats=2))
    served.go(datetime.fromisoformat(run["stops"][0]["planned_at"]))
    assert served.say("dora", "POST", f"/runs/{run['id']}/begin", {})[0] == 200
    served.go(served.now + timedelta(minutes=50))
    assert served.say("dora", "POST", f"/runs/{run['id']}/end", {})[0] == 200
    (one,) = list_notes(served.engine, "trace_run")
    assert (one["service"], one["route"], one["passengers"], one["empty_metres"]) == (
        "carpool", "epoisses-les-laumes", 2, 0,
    )  # fmt: skip
    assert one["metres"] > 20_000
    assert one["passenger_metres"] == 2 * one["metres"]
    assert one["subsidy_cents"] == max(0, one["cost_cents"] - 300)
    served.say("dora", "POST", f"/runs/{run['id']}/end", {})
    assert list_notes(served.engine, "trace_run") == []


def test_getting_on_and_off_is_noted_once_whoever_scans(test_cluster: str, served: Served) -> None:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        riding = Riding(carry_masks(engine, Masks(served.home)))
        jean, ana = riding.person("jean"), riding.person("ana")
        run = riding.run(jean, at=NOON)
        booking = riding.book(run, ana)
        riding.scan(booking, jean, NOON)
        notes = [one for one in list_notes(engine) if one["deed"] in {"boarded", "alighted"}]
        assert [one["deed"] for one in notes] == ["boarded"]
        assert notes[0]["cents"] == booking.cents
        engine.dispose()
