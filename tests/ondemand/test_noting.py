"""What is noted of rides on demand, and that it leads back to nobody."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.orm import Session
from tests.journeys.taxi_stand import point
from tests.ondemand.taxi_town import DRIVES, TUESDAY

from mobigo.accounts.model import Role
from mobigo.cli.tending import Tending
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.geo import haversine
from mobigo.kit.grid import cell_at
from mobigo.ondemand.noting import _split, note_runs
from mobigo.settings import Settings
from mobigo.trace.store import gather

if TYPE_CHECKING:
    from tests.ondemand.taxi_town import TaxiTown


def list_notes(town: TaxiTown, table: str = "trace_ride") -> list[dict[str, Any]]:
    with psycopg.connect(libpq_conninfo(town.database_url), row_factory=psycopg.rows.dict_row) as connection:
        gather(connection)
        return connection.execute(f"DELETE FROM {table} RETURNING *").fetchall()


def drive(town: TaxiTown, leg: dict[str, Any]) -> None:
    begins = datetime.fromisoformat(leg["planned_pickup"])
    for state, minutes in (("arrived", 0), ("on_board", 1), ("completed", 20)):
        town.put_clock(begins + timedelta(minutes=minutes))
        said = town.post(f"legs/{leg['id']}/state", {"state": state}, **town.token(Role.DRIVER, "bus"))
        assert said.status_code == 200, said.text


def test_a_ride_is_noted_from_booking_to_arrival(taxi_town: TaxiTown) -> None:
    traveller = taxi_town.token(Role.TRAVELLER, "camille")
    (leg,) = taxi_town.book(taxi_town.quote(9, party={"adults": 2}), headers=traveller)["legs"]
    drive(taxi_town, leg)
    notes = {one["deed"]: one for one in list_notes(taxi_town)}
    assert set(notes) == {"booked", "boarded", "alighted"}
    assert len({one["who"] for one in notes.values()}) == 1
    one = notes["boarded"]
    assert (one["service"], one["source"], one["passengers"], one["cents"]) == ("ondemand", "val:F", 2, 600)
    assert (one["day"], one["hour"]) == (TUESDAY.date(), 9)
    assert (one["origin"], one["destination"]) == (cell_at(point(0)), cell_at(point(8000)))
    assert notes["booked"]["cents"] == 0


def test_what_is_only_held_is_no_booking(taxi_town: TaxiTown) -> None:
    held = taxi_town.book(taxi_town.quote(9), hold=True)
    assert list_notes(taxi_town) == []
    taxi_town.post(f"bookings/{held['id']}/cancel")
    assert list_notes(taxi_town) == []
    again = taxi_town.book(taxi_town.quote(9), hold=True)
    taxi_town.post(f"bookings/{again['id']}/confirm")
    assert [one["deed"] for one in list_notes(taxi_town)] == ["booked"]


def test_a_change_gives_up_one_ride_and_books_another(taxi_town: TaxiTown) -> None:
    booked = taxi_town.book(taxi_town.quote(9))
    list_notes(taxi_town)
    changed = taxi_town.post(f"bookings/{booked['id']}/change", {"quotes": [taxi_town.quote(11)]})
    assert changed.status_code == 200, changed.text
    notes = sorted((one["deed"], one["hour"], one["reason"]) for one in list_notes(taxi_town))
    assert notes == [("booked", 11, ""), ("cancelled", 9, "replaced")]


@pytest.mark.parametrize(("role", "by", "why"), [(None, "user", "user"), (Role.DESK, "operator", "operator")])
def test_a_cancellation_tells_on_whose_side(taxi_town: TaxiTown, role: Role | None, by: str, why: str) -> None:
    booked = taxi_town.book(taxi_town.quote(9))
    headers = taxi_town.token(role) if role else {}
    body = {"by": by, "reason": "a flat tyre"}
    assert taxi_town.post(f"bookings/{booked['id']}/cancel", body, **headers).status_code == 200
    notes = sorted((one["deed"], one["reason"]) for one in list_notes(taxi_town))
    assert notes == [("booked", ""), ("cancelled", why)]


def test_places_that_are_gone_are_a_refusal(taxi_town: TaxiTown) -> None:
    quotes = [taxi_town.quote(9, party={"adults": 8}) for _ in range(2)]
    taxi_town.book(quotes[0])
    gone = taxi_town.post("bookings", {"quotes": [quotes[1]], "contact": {"name": "Lou", "phone": "0611111111"}})
    assert gone.status_code == 409
    (refused,) = [one for one in list_notes(taxi_town) if one["deed"] == "refused"]
    assert (refused["source"], refused["passengers"]) == ("val:F", 8)
    assert refused["reason"]
    assert refused["origin"] == cell_at(point(0))
    assert refused["who"]


def test_who_asks_where_nothing_goes_is_noted_as_refused(taxi_town: TaxiTown) -> None:
    far = {"lat": 45.0, "lon": 1.0}
    nine = TUESDAY + timedelta(hours=9)
    taxi_town.post("quotes", {"from": far, "to": {"lat": 45.1, "lon": 1.0}, "at": nine.isoformat()})
    (one,) = list_notes(taxi_town)
    assert (one["deed"], one["reason"], one["source"]) == ("refused", "no_service", "")
    taxi_town.list_offers(nine)
    assert list_notes(taxi_town) == []


def test_who_is_refused_an_offer_is_masked_as_who_books_and_the_desk_as_nobody(taxi_town: TaxiTown) -> None:
    far = {"from": {"lat": 45.0, "lon": 1.0}, "to": {"lat": 45.1, "lon": 1.0}, "at": TUESDAY.isoformat()}
    masks = {}
    for role, user in ((Role.TRAVELLER, "ana"), (Role.TRAVELLER, "ben"), (Role.DESK, "kim")):
        taxi_town.post("quotes", far, **taxi_town.token(role, user))
        (one,) = list_notes(taxi_town)
        masks[user] = one["who"]
    assert masks["kim"] is None
    assert masks["ana"] != masks["ben"]
    quotes = [taxi_town.quote(9, party={"adults": 8}) for _ in range(2)]
    taxi_town.book(quotes[0])
    contact = {"name": "Ana", "phone": "0611111111"}
    taxi_town.post("bookings", {"quotes": [quotes[1]], "contact": contact}, **taxi_town.token(Role.TRAVELLER, "ana"))
    (refused,) = [one for one in list_notes(taxi_town) if one["deed"] == "refused"]
    assert refused["who"] == masks["ana"]


def test_nobody_appeared(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9))["legs"]
    taxi_town.put_clock(datetime.fromisoformat(leg["pickup_until"]))
    for state in ("arrived", "no_show"):
        taxi_town.post(f"legs/{leg['id']}/state", {"state": state}, **taxi_town.token(Role.DRIVER, "bus"))
    assert sorted(one["deed"] for one in list_notes(taxi_town)) == ["booked", "no_show"]


def test_a_note_shares_no_transaction_with_the_booking(taxi_town: TaxiTown) -> None:
    taxi_town.book(taxi_town.quote(9))
    taxi_town.book(taxi_town.quote(11))
    with psycopg.connect(libpq_conninfo(taxi_town.database_url)) as connection:
        gather(connection)
    booked = {row[0] for row in taxi_town.read("SELECT xmin::text FROM ondemand_booking")}
    noted = {row[0] for row in taxi_town.read("SELECT xmin::text FROM trace_ride")}
    assert len(noted) == 1
    assert not booked & noted
    assert taxi_town.read("SELECT FROM trace_ride_arriving") == []


def test_a_shift_is_noted_once_with_its_metres(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9, party={"adults": 2}))["legs"]
    drive(taxi_town, leg)
    engine = taxi_town.http.app.state.engine
    night = TUESDAY + timedelta(hours=30)
    with Session(engine) as session, session.begin():
        assert note_runs(session, DRIVES, TUESDAY + timedelta(hours=10)) == 0  # it still drives
    for driven in (1, 0):
        with Session(engine) as session, session.begin():
            assert note_runs(session, DRIVES, night) == driven
    (run,) = list_notes(taxi_town, "trace_run")
    (depot,) = taxi_town.read("SELECT ST_X(depot), ST_Y(depot) FROM ondemand_run")
    loaded = int(DRIVES.metres([point(0)], [point(8000)])[0, 0])
    way = loaded + sum(
        int(DRIVES.metres([a], [b])[0, 0]) if haversine(a, b) else 0
        for a, b in ((type(point(0))(*depot), point(0)), (point(8000), type(point(0))(*depot)))
    )
    assert (run["source"], run["passengers"]) == ("val:F", 2)
    assert run["passenger_metres"] == 2 * loaded
    assert (run["metres"], run["empty_metres"]) == (way, way - loaded)
    assert run["day"] == date(2026, 11, 24)


def test_the_worker_notes_the_shifts_that_are_over(taxi_town: TaxiTown) -> None:
    (leg,) = taxi_town.book(taxi_town.quote(9))["legs"]
    drive(taxi_town, leg)
    taxi_town.put_clock(TUESDAY + timedelta(hours=30))
    home = taxi_town.http.app.state.notes.masks.home
    (home / "sandbox").touch()
    tending = Tending(taxi_town.database_url, Settings(home, taxi_town.database_url, None, (), home))
    for _ in range(2):
        tending.note_runs()
    tending._engine.dispose()
    assert [one["source"] for one in list_notes(taxi_town, "trace_run")] == ["val:F"]


@pytest.mark.parametrize(("whole", "weights"), [(10, [1, 1, 1]), (7, [0, 0]), (0, [3]), (1_001, [1, 999])])
def test_metres_are_split_to_the_metre(whole: int, weights: list[int]) -> None:
    assert sum(_split(whole, weights)) == whole
