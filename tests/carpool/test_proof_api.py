"""A ride as phones prove it, findings as people see them, what the register and the public are told."""

from __future__ import annotations

import csv
import re
from datetime import datetime, timedelta
from io import StringIO
from itertools import count
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.carpool.served import LAUMES, MORNING, SEMUR, serving
from tests.conftest import new_database

from mobigo.accounts.model import Role
from mobigo.cli.proving import Prover
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.carpool.served import Served

    from mobigo.carpool.model import Run, Seat
    from mobigo.kit.geo import Point

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    (home / "sandbox").touch()
    return home


@pytest.fixture(scope="module")
def shared_app(test_cluster: str, shared_home: Path) -> Iterator[Served]:
    with new_database(test_cluster) as url:
        engine = open_engine(url)
        with serving(engine, shared_home) as found:
            found.know("dora", "paul", "rosa")
            yield found
        engine.dispose()


weeks = count(10)
"""Each test has a week of its own."""


@pytest.fixture
def served(shared_app: Served) -> Served:
    shared_app.go(MORNING + timedelta(weeks=next(weeks)))
    return shared_app


def settle(served: Served, home: Path) -> Prover:
    """Do what the worker does every few seconds."""
    url = served.engine.url.render_as_string(hide_password=False)
    prover = Prover(url, Settings(home, url, None, (), home))
    prover.prove()
    return prover


def instant(at: datetime) -> str:
    return at.isoformat()


def shared_ride(served: Served) -> tuple[Run, Seat]:
    """A run that sets out now, with Paul in it."""
    run = served.lay_run("dora", at=served.now + 5 * MINUTE)
    seat = served.seat(run, "paul")
    assert served.say("dora", "POST", f"/runs/{run.id}/begin", {})[0] == 200
    return run, seat


def scan(served: Served, who: str, code: str, **more: object) -> tuple[int, Any]:
    body = {"id": f"{who}-{served.now.timestamp():.0f}", "code": code, "scanned_at": instant(served.now), **more}
    return served.say(who, "POST", "/scans", body)


def drive(served: Served, run: Run, who: str, device: str) -> None:
    positions = [{"at": instant(stop.planned_at), "lat": stop.point.lat, "lon": stop.point.lon} for stop in run.stops]
    status, answer = served.say(who, "POST", f"/runs/{run.id}/positions", {"positions": positions, "device": device})
    assert (status, answer) == (200, {"kept": 3, "known": 0, "dropped": 0})


def finish(served: Served, run: Run) -> None:
    served.go(run.stops[-1].planned_at + MINUTE)
    assert served.say("dora", "POST", f"/runs/{run.id}/end", {})[0] == 200


def test_a_ride_is_proven_by_phones_and_validated_by_the_worker(served: Served, shared_home: Path) -> None:
    run, seat = shared_ride(served)
    status, code = served.say("paul", "GET", f"/bookings/{seat.id}/code")
    assert (status, code["shows"]) == (200, "p")
    assert code["svg"].startswith("<svg ")
    assert served.say("dora", "GET", f"/bookings/{seat.id}/code")[1]["shows"] == "d"
    status, taken = scan(served, "dora", code["code"], position={"lat": 47.5064, "lon": 4.1722}, device="d")
    assert (status, taken["booking"], taken["moment"]) == (201, seat.id, "board")
    assert scan(served, "dora", code["code"])[1] == taken  # the answer was lost: it is sent again
    assert served.say("paul", "GET", f"/bookings/{seat.id}")[1]["board"]["happened_at"] is not None
    finish(served, run)
    drive(served, run, "dora", "d")
    drive(served, run, "paul", "p")
    proof = served.say("paul", "GET", f"/bookings/{seat.id}/proof")[1]
    assert (proof["state"], proof["proof"], len(proof["scans"])) == ("COMPLETED_PENDING_VALIDATION", None, 1)
    assert datetime.fromisoformat(proof["awaited_until"]) == served.now + 24 * HOUR
    settle(served, shared_home)
    proof = served.say("dora", "GET", f"/bookings/{seat.id}/proof")[1]
    assert (proof["state"], proof["proof"], proof["metres"]) == ("VALIDATED", "C", 30_000)
    assert proof["awaited_until"] is None
    booking = served.say("paul", "GET", f"/bookings/{seat.id}")[1]
    assert (booking["state"], booking["proof"]) == ("VALIDATED", "C")
    assert served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"] == "booking_not_confirmed"


def test_a_code_is_drawn_as_people_scan_it(served: Served) -> None:
    _, seat = shared_ride(served)
    with served.ask("paul") as asking:
        answer = asking.get(f"/v1/carpool/bookings/{seat.id}/code.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert re.match(r'<svg viewBox="0 0 \d+ \d+"', answer.text)


def test_who_is_not_in_a_ride_learns_nothing_of_it(served: Served) -> None:
    run, seat = shared_ride(served)
    code = served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"]
    for path in (f"/bookings/{seat.id}/code", f"/bookings/{seat.id}/proof"):
        for who in ("rosa", "nobody"):
            assert served.say(who, "GET", path)[0] == 404
    here = [{"at": instant(served.now), "lat": 47.5, "lon": 4.3}]
    for who in ("rosa", "nobody"):
        assert served.say(who, "POST", f"/runs/{run.id}/positions", {"positions": here})[0] == 404
    assert scan(served, "rosa", code)[1]["code"] == "foreign_code"
    assert scan(served, "nobody", code)[1]["code"] == "forged_code"
    assert served.say("staff", "GET", f"/bookings/{seat.id}/proof", role=Role.DESK)[0] == 200
    assert served.say("staff", "GET", f"/bookings/{seat.id}/code", role=Role.CARPOOL)[0] == 403


def test_a_scan_that_cannot_be_is_refused(served: Served) -> None:
    _, seat = shared_ride(served)
    text = served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"]
    for changes, status, code in (
        ({"code": "A" * 60}, 400, "forged_code"),
        ({"scanned_at": instant(served.now - 48 * HOUR)}, 422, "scan_not_believed"),
        ({"scanned_at": instant(served.now + 3 * HOUR)}, 422, "scan_not_believed"),
        ({"sent_at": "2020-01-01T00:00:00Z"}, 400, "clock_wrong"),
        ({"moment": "later"}, 422, "validation_failed"),
        ({"position": {"lat": 91, "lon": 4}}, 422, "validation_failed"),
        ({"id": "with spaces"}, 422, "validation_failed"),
        ({"surplus": 1}, 422, "validation_failed"),
    ):
        answer = scan(served, "dora", **{"code": text, **changes})
        assert (answer[0], answer[1]["code"]) == (status, code)


def test_a_finding_is_seen_answered_and_decided(served: Served, shared_home: Path) -> None:
    run, seat = shared_ride(served)
    code = served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"]
    scan(served, "dora", code, device="one")
    finish(served, run)
    drive(served, run, "paul", "one")
    settle(served, shared_home)
    assert served.say("rosa", "GET", "/findings")[1]["findings"] == []
    (one,) = served.say("paul", "GET", "/findings")[1]["findings"]
    assert (one["kind"], one["state"], one["held_back"]) == ("same_device", "open", [seat.id])
    assert "decided_by" not in one
    assert served.say("rosa", "GET", f"/findings/{one['id']}")[0] == 404
    assert served.say("rosa", "POST", f"/findings/{one['id']}/appeal", {"text": "x"})[0] == 404
    answered = served.say("paul", "POST", f"/findings/{one['id']}/appeal", {"text": "her phone was empty"})[1]
    assert (answered["state"], answered["appeal"]) == ("appealed", "her phone was empty")
    decision = {"state": "dismissed", "text": "believed", "revision": answered["revision"]}
    assert served.say("paul", "POST", f"/findings/{one['id']}/decision", decision)[0] == 403
    assert served.say("sam", "POST", f"/findings/{one['id']}/decision", decision, role=Role.AUDITOR)[0] == 403
    wrong = {"state": "open", "text": "?"}
    answer = served.say("sam", "POST", f"/findings/{one['id']}/decision", wrong, role=Role.CARPOOL)
    assert answer[1]["code"] == "invalid_decision"
    decided = served.say("sam", "POST", f"/findings/{one['id']}/decision", decision, role=Role.CARPOOL)[1]
    assert (decided["state"], decided["decided_by"], decided["appealed_by"]) == (
        "dismissed",
        "sam",
        served.people["paul"],
    )
    settle(served, shared_home)
    assert served.say("paul", "GET", f"/bookings/{seat.id}")[1]["state"] == "VALIDATED"
    history = served.say("sam", "GET", f"/bookings/{seat.id}/history", role=Role.CARPOOL)[1]
    assert any(event["what"] == "finding" and event["by"] == "sam" for event in history["history"])


def test_findings_come_in_pages(served: Served) -> None:
    with psycopg.connect(libpq_conninfo(served.engine.url.render_as_string(hide_password=False))) as connection:
        connection.execute(
            "INSERT INTO carpool_finding (id, key, kind, reason, found_at, state)"
            " SELECT 'f' || n, 'k' || n, 'time', 'r', timestamptz '2026-11-23' + n / 2 * interval '1 hour', 'open'"
            " FROM generate_series(1, 5) AS n"
        )
    seen, cursor = [], ""
    while True:
        status, page = served.say("sam", "GET", f"/findings?limit=2{cursor}", role=Role.CARPOOL)
        assert status == 200
        seen += [one["id"] for one in page["findings"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor'].replace('+', '%2B')}"
    assert [id_ for id_ in seen if len(id_) == 2] == ["f5", "f4", "f3", "f2", "f1"]
    status, answer = served.say("sam", "GET", "/findings?cursor=nonsense", role=Role.CARPOOL)
    assert (status, answer["code"]) == (400, "invalid_cursor")


def test_staff_see_what_the_register_is_told(served: Served, shared_home: Path) -> None:
    run, seat = shared_ride(served)
    scan(served, "dora", served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"])
    finish(served, run)
    settle(served, shared_home)
    assert served.say("paul", "GET", "/register")[0] == 403
    told = served.say("sam", "GET", "/register?state=waiting", role=Role.CARPOOL)[1]
    assert told["entries"][0]["booking"] == seat.id  # the latest first
    assert told["counts"]["waiting"] == len(told["entries"])
    one = served.say("sam", "GET", f"/register/{seat.id}", role=Role.AUDITOR)[1]
    assert (one["wanted"], one["requests"], one["document"]["distance"]) == ("create", [], 30_000)
    answer = served.say("sam", "POST", f"/register/{seat.id}/resend", role=Role.CARPOOL)
    assert (answer[0], answer[1]["code"]) == (409, "register_entry_not_resendable")
    assert served.say("sam", "GET", "/register/nothing", role=Role.CARPOOL)[1]["code"] == "unknown_register_entry"


def test_a_month_is_opened_to_everybody(served: Served, shared_home: Path) -> None:
    served.go(MORNING)
    url = served.engine.url.render_as_string(hide_password=False)
    with psycopg.connect(libpq_conninfo(url)) as connection:
        add_town(connection, "Semur-en-Auxois", SEMUR, "21603")
        add_town(connection, "Venarey-les-Laumes", LAUMES, "21663")
        connection.execute("UPDATE osm_active SET version = 1")
    for day in range(6):
        served.go(MORNING + timedelta(days=day))
        run, seat = shared_ride(served)
        scan(served, "dora", served.say("paul", "GET", f"/bookings/{seat.id}/code")[1]["code"], id=f"d{day}")
        finish(served, run)
        settle(served, shared_home)
    with psycopg.connect(libpq_conninfo(url)) as connection:  # they got on in Semur
        connection.execute("UPDATE carpool_journey SET origin = ST_SetSRID(ST_MakePoint(4.3347, 47.4906), 4326)")
    assert (
        served.say("sam", "POST", "/open-data", {"month": "2026-11"}, role=Role.PUBLISHER)[1]["code"]
        == "month_not_over"
    )
    served.go(MORNING.replace(month=12, day=9))
    prover = settle(served, shared_home)
    prover.open_months()
    assert served.say("x", "GET", "/open-data")[1]["months"] == []
    served.go(MORNING.replace(month=12, day=11))
    prover.open_months()
    (month,) = served.say("x", "GET", "/open-data")[1]["months"]
    assert (month["month"], month["journeys"], month["published"]) == ("2026-11", 6, 6)
    with served.ask("anybody") as asking:
        asking.headers.pop("Authorization")
        answer = asking.get(month["address"])
        assert asking.get("/v1/carpool/open-data/2026-12.csv").json()["code"] == "unknown_month"
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["journey_start_date"] for row in rows] == [f"2026-11-{day}" for day in range(23, 29)]
    assert {(row["journey_start_insee"], row["journey_end_town"]) for row in rows} == {("21603", "Venarey-les-Laumes")}
    assert rows[0]["journey_start_lat"] == "47.490"
    assert {row["has_incentive"] for row in rows} == {"false"}  # they are on no line
    served.go(MORNING.replace(year=2027, month=2, day=1))
    assert (
        served.say("sam", "POST", "/open-data", {"month": "2026-11"}, role=Role.PUBLISHER)[1]["code"]
        == "month_forgotten"
    )


def add_town(connection: psycopg.Connection, name: str, at: Point, insee: str) -> None:
    """Put a town of 3,000 people with its outline, of ten square kilometres, into the places of the streets."""
    connection.execute(
        "INSERT INTO osm_extract (id, name, hash, loaded_at, counts, report) OVERRIDING SYSTEM VALUE"
        " VALUES (1, 'x', 'x', now(), '{}', '{}') ON CONFLICT DO NOTHING"
    )
    for table in ("osm_place", "osm_area"):
        of_table = f"mobigo.{table}_1 PARTITION OF mobigo.{table}_versions FOR VALUES IN (1)"
        connection.execute(f"CREATE TABLE IF NOT EXISTS {of_table}".encode())
    connection.execute(
        "INSERT INTO osm_place_versions (version, osm_type, osm_id, kind, name, population, insee, min_zoom, geom)"
        " VALUES (1, 'node', %s, 'town', %s, 3000, %s, 8, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
        [int(insee), name, insee, *at],
    )
    connection.execute(
        "INSERT INTO osm_area_versions (version, osm_type, osm_id, kind, name, square_metres, admin_level, min_zoom,"
        " geom) VALUES (1, 'relation', %s, 'administrative', %s, 1e7, 8, 8,"
        " ST_Multi(ST_Expand(ST_SetSRID(ST_MakePoint(%s, %s), 4326), 0.02)))",
        [int(insee), name, *at],
    )
