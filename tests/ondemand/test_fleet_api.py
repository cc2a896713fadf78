"""Operators, vehicles and runs over HTTP, and what the staff does with the rides on them."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.conftest import new_database
from tests.ondemand.taxi_town import TUESDAY, TaxiTown, open_town, seats

from mobigo.accounts.model import Role
from mobigo.db.engine import open_engine
from mobigo.ondemand.supply import FRESH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx
    from sqlalchemy.engine import Engine

DEPOT = {"lat": 47.0, "lon": 4.0}
ALL_WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
VAN = {
    "operator": "op",
    "name": "Van 9",
    "capacity": {"seats": 8, "wheelchairs": 1, "seats_per_wheelchair": 3},
    "depot": DEPOT,
    "services": ["val:F", "v:unheard"],
    "shifts": [
        {
            "weekdays": ["monday", "friday"],
            "start": "18:00",
            "end": "26:00",
            "breaks": [{"start": "21:00", "end": "22:30", "minutes": 30}],
            "first": "2026-11-01",
            "last": None,
        }
    ],
    "drivers": ["lou"],
    "active": True,
}


@pytest.fixture
def town(engine: Engine, home: Path, database_url: str) -> Iterator[Staffed]:
    """Two vehicles with four seats and one with eight, and a dispatcher."""
    vehicles = (seats(4, "bus"), seats(4, "cab"), seats(8, "van"))
    with open_town(engine, home, database_url, vehicles=vehicles) as town:
        yield Staffed(town)


@pytest.fixture(scope="module")
def untouched(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """The same, for tests that change nothing."""
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with open_town(engine, tmp_path_factory.mktemp("home"), url, vehicles=(seats(4, "bus"),)) as town:
            yield Staffed(town)
        engine.dispose()


class Staffed:
    """A town as its dispatcher sees it."""

    def __init__(self, town: TaxiTown) -> None:
        self.town = town
        self.staff = town.token(Role.DISPATCHER)

    def send(self, method: str, path: str, body: object = None, **more: Any) -> httpx.Response:  # noqa: ANN401
        return self.town.http.request(
            method, f"/v1/ondemand/{path}", json=body, headers=more.pop("headers", self.staff), **more
        )

    def get(self, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of `send`
        answer = self.send("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def refuse(self, code: str, status: int, method: str, path: str, body: object = None, **more: Any) -> str:  # noqa: ANN401
        """Ask for what is refused; the sentence."""
        answer = self.send(method, path, body, **more)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        return str(answer.json()["detail"])

    def book(self, hour: float, party: dict[str, int] | None = None, x: float = 0) -> dict[str, Any]:
        """Book one ride; its leg."""
        leg = self.town.book(self.town.quote(hour, party=party, x=x))["legs"][0]
        return cast("dict[str, Any]", leg)

    def runs(self, day: datetime = TUESDAY) -> dict[str, dict[str, Any]]:
        """Runs of a day by vehicle."""
        return {one["vehicle_id"]: one for one in self.get(f"runs?day={day:%Y-%m-%d}")["runs"]}

    def vehicle_of(self, leg: dict[str, Any]) -> str:
        (found,) = [
            name for name, run in self.runs().items() if any(one["leg_id"] == leg["id"] for one in run["stops"])
        ]
        return found

    def vehicle(self, name: str) -> dict[str, Any]:
        """A vehicle as one would send it back."""
        answer = self.get(f"vehicles/{name}")
        return {key: answer[key] for key in VAN}


# ── operators and vehicles ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_operator_is_written_changed_and_removed(town: Staffed) -> None:
    made = town.send("POST", "operators", {"id": "alto", "name": "Alto", "phone": "03 80 11 22 33"})
    assert made.status_code == 201
    assert (made.json()["revision"], made.json()["timezone"]) == (1, "Europe/Paris")
    town.refuse("operator_exists", 409, "POST", "operators", {"id": "alto", "name": "Alto"})
    changed = town.send("PUT", "operators/alto", {"name": "Alto SARL"}, params={"revision": 1}).json()
    assert (changed["name"], changed["phone"], changed["revision"]) == ("Alto SARL", None, 2)
    assert "revision 2" in town.refuse("changed_meanwhile", 409, "DELETE", "operators/alto", params={"revision": 1})
    town.refuse("bad_timezone", 422, "PUT", "operators/alto", {"name": "Alto", "timezone": "Europe/Dijon"})
    assert town.send("DELETE", "operators/alto").status_code == 204
    town.refuse("unknown_operator", 404, "GET", "operators/alto")
    assert [one["id"] for one in town.get("operators")["operators"]] == ["op"]
    assert "3 vehicles" in town.refuse("operator_in_use", 409, "DELETE", "operators/op")


def test_a_vehicle_comes_back_as_it_was_written(town: Staffed) -> None:
    made = town.send("POST", "vehicles", {"id": "van-9", **VAN})
    assert made.status_code == 201, made.text
    one = made.json()
    assert town.get("vehicles/van-9") == one
    assert one["unknown_services"] == ["v:unheard"]
    assert town.vehicle("van-9") == {**VAN, "capacity": {
        "seats": 8, "wheelchairs": 1, "luggage": 0, "bicycles": 0, "child_seats": 0, "seats_per_wheelchair": 3,
        "luggage_on_seats": False, "child_seats_on_seats": True,
    }}  # fmt: skip
    assert [one["id"] for one in town.get("vehicles")["vehicles"]] == ["bus", "cab", "van", "van-9"]
    assert [one["id"] for one in town.get("vehicles?service=v:unheard")["vehicles"]] == ["van-9"]
    friday = town.get("runs?day=2026-11-27&vehicle=van-9")["runs"]
    assert [(one["id"], one["start"], one["end"]) for one in friday] == [
        (None, "2026-11-27T17:00:00Z", "2026-11-28T01:00:00Z")
    ]
    assert [(stop["kind"], stop["arrival"], stop["departure"]) for stop in friday[0]["stops"]] == [
        ("break", "2026-11-27T20:00:00Z", "2026-11-27T20:30:00Z")
    ]
    assert town.send("DELETE", "vehicles/van-9").status_code == 204
    town.refuse("unknown_vehicle", 404, "DELETE", "vehicles/van-9")


def shift(**more: object) -> dict[str, object]:
    return {**VAN["shifts"][0], "weekdays": ["monday"], "start": "08:00", "end": "12:00", "breaks": [], **more}  # type: ignore[index]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"capacity": {"seats": 0}}, "no_capacity"),
        ({"capacity": {"seats": 2, "wheelchairs": 1, "seats_per_wheelchair": 3}}, "no_capacity"),
        ({"capacity": {"seats": -1}}, "validation_failed"),
        ({"depot": {"lat": 91, "lon": 4}}, "validation_failed"),
        ({"operator": "nobody"}, "unknown_operator"),
        ({"shifts": [shift(start="12:00", end="08:00")]}, "bad_shift"),
        ({"shifts": [shift(start="00:00", end="24:01")]}, "bad_shift"),
        ({"shifts": [shift(start="25:99")]}, "validation_failed"),
        ({"shifts": [shift(weekdays=[])]}, "validation_failed"),
        ({"shifts": [shift(), shift(start="11:59", end="13:00")]}, "bad_shift"),
        ({"shifts": [shift(start="20:00", end="30:00"), shift(weekdays=["tuesday"], start="05:00")]}, "bad_shift"),
        ({"shifts": [shift(first="2026-12-02", last="2026-12-01")]}, "bad_shift"),
        ({"shifts": [shift(breaks=[{"start": "07:00", "end": "09:00", "minutes": 30}])]}, "bad_shift"),
        ({"shifts": [shift(breaks=[{"start": "09:00", "end": "09:30", "minutes": 31}])]}, "bad_shift"),
        ({"shifts": [shift(breaks=[{"start": "09:00", "end": "10:00", "minutes": 40}] * 2)]}, "bad_shift"),
    ],
)
def test_a_vehicle_that_cannot_work_is_refused(untouched: Staffed, wrong: dict[str, object], code: str) -> None:
    status = 404 if code == "unknown_operator" else 422
    untouched.refuse(code, status, "POST", "vehicles", {"id": "van-9", **VAN, **wrong})
    untouched.refuse("unknown_vehicle", 404, "GET", "vehicles/van-9")


def test_shifts_that_follow_each_other_are_fine(town: Staffed) -> None:
    shifts = [shift(), shift(start="12:00", end="20:00"), shift(start="11:00", end="13:00", last="2026-10-31")]
    shifts[0]["first"] = shifts[1]["first"] = "2026-11-01"
    shifts[2]["first"] = None
    assert town.send("POST", "vehicles", {"id": "van-9", **VAN, "shifts": shifts}).status_code == 201


@pytest.mark.parametrize(
    ("role", "method", "path", "status"),
    [
        (None, "GET", "vehicles", 401),
        (Role.TRAVELLER, "GET", "vehicles", 403),
        (Role.DRIVER, "GET", "vehicles", 403),
        (Role.DESK, "GET", "vehicles", 200),
        (Role.AUDITOR, "GET", "operators", 200),
        (Role.DESK, "DELETE", "vehicles/bus", 403),
        (Role.AUDITOR, "DELETE", "vehicles/bus", 403),
        (Role.ADMIN, "GET", "runs", 200),
        (None, "POST", "runs/move", 401),
        (Role.DESK, "POST", "runs/move", 403),
    ],
)
def test_who_may_do_what(untouched: Staffed, role: Role | None, method: str, path: str, status: int) -> None:
    headers = untouched.town.token(role) if role else {}
    body = {"leg_id": "x"} if method == "POST" else None
    assert untouched.send(method, path, body, headers=headers).status_code == status


def test_a_driver_sees_the_runs_of_their_vehicle_only(town: Staffed) -> None:
    mine = town.town.token(Role.DRIVER, "bus")
    assert [one["vehicle_id"] for one in town.get("runs?vehicle=bus", headers=mine)["runs"]] == ["bus"]
    town.refuse("not_your_vehicle", 403, "GET", "runs?vehicle=cab", headers=mine)
    town.refuse("not_your_vehicle", 403, "GET", "runs", headers=mine)
    leg = town.book(9)
    run = town.runs()[town.vehicle_of(leg)]
    other = next(name for name in ("bus", "cab", "van") if name != run["vehicle_id"])
    town.refuse("not_your_vehicle", 403, "GET", f"runs/{run['id']}", headers=town.town.token(Role.DRIVER, other))
    named = town.vehicle(run["vehicle_id"])
    assert town.send("PUT", f"vehicles/{run['vehicle_id']}", {**named, "drivers": ["lou"]}).status_code == 200
    lou = town.town.token(Role.DRIVER, "lou")
    assert town.get(f"runs/{run['id']}", headers=lou)["rides"] == 1


# ── vehicles that change ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_vehicle_may_be_booked_at_once_and_one_out_of_service_no_more(town: Staffed) -> None:
    for name in ("bus", "cab", "van"):
        assert town.send("PUT", f"vehicles/{name}", {**town.vehicle(name), "active": False}).status_code == 200
    time.sleep(2 * FRESH)
    assert town.town.list_offers(TUESDAY + timedelta(hours=9)) == []
    assert town.send("PUT", "vehicles/bus", {**town.vehicle("bus"), "active": True}).status_code == 200
    time.sleep(2 * FRESH)
    assert len(town.town.list_offers(TUESDAY + timedelta(hours=9))) == 1


def test_a_vehicle_keeps_what_it_has_promised(town: Staffed) -> None:
    leg = town.book(9, {"adults": 6})  # only the van has room
    van = town.vehicle("van")
    small = {**van, "capacity": {**van["capacity"], "seats": 5}}
    assert "no room left" in town.refuse("vehicle_booked", 409, "PUT", "vehicles/van", small)
    short = {**van, "shifts": [{**van["shifts"][0], "start": "10:00"}]}
    assert "reached at" in town.refuse("vehicle_booked", 409, "PUT", "vehicles/van", short)
    town.refuse("vehicle_booked", 409, "PUT", "vehicles/van", {**van, "shifts": []})
    idle = town.refuse("vehicle_booked", 409, "PUT", "vehicles/van", {**van, "active": False})
    assert leg["id"] in idle
    assert "release" in idle
    town.refuse("vehicle_booked", 409, "DELETE", "vehicles/van")
    assert town.vehicle("van") == van


def test_the_runs_of_a_vehicle_change_with_it(town: Staffed) -> None:
    leg = town.book(9, {"adults": 6})
    before = town.runs()["van"]
    van = town.vehicle("van")
    pause = {"start": "08:00", "end": "11:00", "minutes": 45}
    longer = {
        **van,
        "capacity": {**van["capacity"], "seats": 7},
        "shifts": [{**van["shifts"][0], "end": "23:00", "breaks": [pause]}],
    }
    assert town.send("PUT", "vehicles/van", longer).status_code == 200
    after = town.runs()["van"]
    assert (after["id"], after["capacity"]["seats"]) == (before["id"], 7)
    assert after["end"] > before["end"]
    assert sorted(stop["kind"] for stop in after["stops"]) == ["break", "drop_off", "pickup"]
    assert [stop["leg_id"] for stop in after["stops"] if stop["kind"] == "pickup"] == [leg["id"]]
    assert after["revision"] > before["revision"]


def test_a_run_whose_rides_were_cancelled_follows_its_vehicle(town: Staffed) -> None:
    booking = town.town.book(town.town.quote(9, party={"adults": 6}))
    assert town.town.post(f"bookings/{booking['id']}/cancel").status_code == 200
    van = town.vehicle("van")
    later = {**van, "shifts": [{**van["shifts"][0], "start": "12:00"}]}
    assert town.send("PUT", "vehicles/van", later).status_code == 200
    assert town.runs()["van"]["start"] == "2026-11-24T11:00:00Z"
    assert town.send("PUT", "vehicles/van", {**van, "shifts": []}).status_code == 200
    assert town.runs()["van"]["services"] == []
    assert town.send("PUT", "vehicles/van", van).status_code == 200
    assert (town.runs()["van"]["start"], town.runs()["van"]["services"]) == ("2026-11-24T04:00:00Z", ["val:F"])


# ── rides moved by hand ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_ride_is_moved_to_another_vehicle(town: Staffed) -> None:
    leg = town.book(9)
    first = town.vehicle_of(leg)
    other = next(name for name in ("bus", "cab", "van") if name != first)
    answer = town.send("POST", "runs/move", {"leg_id": leg["id"], "vehicle_id": other, "lock": True})
    assert answer.status_code == 200, answer.text
    moved = answer.json()
    assert (moved["from_vehicle"], moved["vehicle_id"], moved["locked"]) == (first, other, True)
    assert leg["pickup_from"] <= moved["planned_pickup"] <= leg["pickup_until"]
    assert town.vehicle_of(leg) == other
    assert town.runs()[first]["stops"] == []
    (locked,) = {stop["locked"] for stop in town.runs()[other]["stops"]}
    assert locked
    booking = town.town.http.get(f"/v1/ondemand/bookings/{moved['booking_id']}/history", headers=town.staff).json()
    assert [one["what"] for one in booking["history"]][-1] == "reassigned"


def test_a_ride_goes_to_the_best_other_vehicle_where_none_is_named(town: Staffed) -> None:
    leg = town.book(9)
    first = town.vehicle_of(leg)
    moved = town.send("POST", "runs/move", {"leg_id": leg["id"]}).json()
    assert moved["vehicle_id"] != first
    assert town.vehicle_of(leg) == moved["vehicle_id"]


def test_what_a_move_would_break_is_told_and_nothing_changes(town: Staffed) -> None:
    leg = town.book(9, {"adults": 6})
    before = town.runs()
    too_small = town.refuse("cannot_be_moved", 409, "POST", "runs/move", {"leg_id": leg["id"], "vehicle_id": "bus"})
    assert "does not fit" in too_small
    town.refuse("unknown_vehicle", 404, "POST", "runs/move", {"leg_id": leg["id"], "vehicle_id": "nobody"})
    town.refuse("unknown_ride", 404, "POST", "runs/move", {"leg_id": "nothing"})
    town.refuse("cannot_be_moved", 409, "POST", "runs/move", {"leg_id": leg["id"]})
    assert town.runs() == before


def test_a_vehicle_that_begins_later_is_late_by_so_much(town: Staffed) -> None:
    leg = town.book(9, {"adults": 6})
    assert leg["pickup_until"] == "2026-11-24T08:10:00Z"
    van = town.vehicle("van")
    later = {**van, "id": "van-9", "shifts": [{**van["shifts"][0], "start": "09:12"}]}
    assert town.send("POST", "vehicles", later).status_code == 201
    late = town.refuse("cannot_be_moved", 409, "POST", "runs/move", {"leg_id": leg["id"], "vehicle_id": "van-9"})
    assert "it would be 2 min 00 s late; nothing was changed" in late


def test_a_place_in_the_order_can_be_chosen(town: Staffed) -> None:
    first, second = town.book(9), town.book(9)
    van = {"vehicle_id": "van"}
    for leg in (first, second):
        assert town.send("POST", "runs/move", {"leg_id": leg["id"], **van}).status_code == 200

    def order() -> list[tuple[str, str]]:
        return [(stop["kind"], stop["leg_id"]) for stop in town.runs()["van"]["stops"]]

    def put(pickup: int, drop_off: int) -> dict[str, Any]:
        return {"leg_id": second["id"], **van, "positions": {"pickup": pickup, "drop_off": drop_off}}

    answer = town.send("POST", "runs/move", put(0, 3))
    assert answer.status_code == 200, answer.text
    assert order() == [
        ("pickup", second["id"]), ("pickup", first["id"]), ("drop_off", first["id"]), ("drop_off", second["id"]),
    ]  # fmt: skip
    late = town.refuse("cannot_be_moved", 409, "POST", "runs/move", put(2, 3))
    assert "promised is" in late
    assert "between 0" in town.refuse("cannot_be_moved", 409, "POST", "runs/move", put(2, 2))
    assert "between 0" in town.refuse("cannot_be_moved", 409, "POST", "runs/move", put(2, 4))


def test_rides_are_locked_and_unlocked(town: Staffed) -> None:
    leg = town.book(9)
    body = {"leg_ids": [leg["id"]], "locked": True}
    assert town.send("POST", "runs/lock", body).json() == {"changed": [leg["id"]]}
    assert town.send("POST", "runs/lock", body).json() == {"changed": []}
    assert {stop["locked"] for stop in town.runs()[town.vehicle_of(leg)]["stops"]} == {True}
    assert town.send("POST", "runs/lock", {**body, "locked": False}).json() == {"changed": [leg["id"]]}


def test_rides_of_a_vehicle_that_broke_down_go_to_others_as_far_as_they_can(town: Staffed) -> None:
    large, small = town.book(9, {"adults": 6}), town.book(11)
    town.send("POST", "runs/move", {"leg_id": small["id"], "vehicle_id": "van"})
    run = town.runs()["van"]
    assert run["rides"] == 2
    answer = town.send("POST", f"runs/{run['id']}/release").json()
    assert [one["leg_id"] for one in answer["moved"]] == [small["id"]]
    assert [one["leg_id"] for one in answer["left"]] == [large["id"]]
    assert "does not fit" in answer["left"][0]["why"]
    assert town.vehicle_of(small) in {"bus", "cab"}
    assert town.vehicle_of(large) == "van"
    town.refuse("unknown_run", 404, "POST", "runs/99999/release")


def test_a_ride_that_is_over_is_not_moved(town: Staffed) -> None:
    booking = town.town.book(town.town.quote(9))
    leg = booking["legs"][0]
    assert town.town.post(f"bookings/{booking['id']}/cancel").status_code == 200
    assert "cancelled_by_user" in town.refuse("cannot_be_moved", 409, "POST", "runs/move", {"leg_id": leg["id"]})


def test_the_plan_shows_what_is_aboard(town: Staffed) -> None:
    leg = town.book(9, {"adults": 2, "luggage": 1})
    run = town.runs()[town.vehicle_of(leg)]
    on, off = run["stops"]
    assert (on["kind"], on["state"], on["aboard"]["seats"], on["aboard"]["luggage"]) == ("pickup", "confirmed", 2, 1)
    assert (off["kind"], off["load"]["seats"], off["aboard"]["seats"]) == ("drop_off", -2, 0)
    assert town.get(f"runs/{run['id']}")["stops"] == run["stops"]
