"""A replayed day: what comes in is served as a traveller would be, what comes out adds up."""

from __future__ import annotations

import csv
import json
import math
import random
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import pytest
from tests.journeys.taxi_stand import feeder, point, vehicle
from tests.journeys.text_network import MONDAY
from tests.ondemand.day_checker import Pause, Promised, check_day
from tests.ondemand.fleet_rows import put_operators, put_vehicles

from mobigo.cli.main import main
from mobigo.cli.simulate import read_requests
from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import InvalidInput
from mobigo.ondemand.catalogue import build_catalogue
from mobigo.ondemand.day_picture import draw_day
from mobigo.ondemand.documents import to_document
from mobigo.ondemand.model import BookingRule, BookingType, EventKind, Operator, Party, Shift, Spot
from mobigo.ondemand.services_store import store_whole, write
from mobigo.ondemand.simulate import Day, Request, as_ask, draw_requests, lay_runs, simulate
from mobigo.ondemand.solver import Solver
from mobigo.street.drives import Drives

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.fleet import Fleet

DAY = MONDAY.date()
DRIVES = Drives(None)
OPERATOR = Operator("op", "Taxis du Val")
SERVICE = feeder(operator="op", inside=True, rule=BookingRule("hour", BookingType.SAME_DAY, duration_min=60))
CATALOGUE = build_catalogue([SERVICE], "1")
NOWHERE = np.zeros((0, 2))
NINE = int(MONDAY.timestamp()) + 9 * 3600


def fleet(count: int, **more: object) -> Fleet:
    cars = [replace(vehicle(f"v{number}", at=1000 * number - 2000), **more) for number in range(count)]  # type: ignore[arg-type]
    return lay_runs(cars, {"op": OPERATOR}, DAY)


def ride(name: str, ready: int = NINE, asked: int = NINE - 7200, x: float = 0, party: Party | None = None) -> Request:
    station = Spot("gare", point(8000), "gare")
    return Request(name, asked, ready, Spot("home", point(x)), station, party or Party())


def check(day: Day, catalogue: Catalogue = CATALOGUE, pauses: dict[int, list[Pause]] | None = None) -> list[str]:
    promised = [
        Promised(one.request.id, as_ask(one.offer, catalogue.get(one.offer.service)))
        for one in day.outcomes
        if one.offer is not None
    ]
    return check_day(day.runs, promised, lambda a, b: int(DRIVES.seconds([a], [b])[0, 0]), pauses)


def test_one_ride_by_hand() -> None:
    day = simulate(CATALOGUE, fleet(1), DRIVES, [ride("a")])
    one = day.figures
    alone = int(DRIVES.seconds([point(0)], [point(8000)])[0, 0])
    assert (one.requests, one.served, one.persons, one.vehicles_used) == (1, 1, 1, 1)
    assert (one.service_rate, one.refused, one.wait_mean) == (1.0, {}, 0.0)
    assert one.ride_mean == alone
    assert one.detour_mean == pytest.approx(1.0)
    # out from the depot 2 km, 8 km with somebody, 10 km home; a road is 1.3 times as long as the straight line
    assert one.kilometres == pytest.approx(1.3 * 20, rel=0.01)
    assert one.empty_share == pytest.approx(12 / 20, rel=0.01)
    assert one.persons_per_kilometre == pytest.approx(8 / 20, rel=0.01)
    assert one.vehicle_hours == pytest.approx((1.3 * 20_000 / 13.9 + 120) / 3600, rel=0.01)
    assert one.persons_per_vehicle_hour == pytest.approx(1 / one.vehicle_hours)
    assert check(day) == []


def test_who_asks_too_late_too_early_or_for_too_many_is_refused_and_counted() -> None:
    asked = [
        ride("late", asked=NINE - 3599),
        ride("in time", asked=NINE - 3600),
        ride("night", ready=NINE + 13 * 3600),
        replace(ride("elsewhere"), destination=Spot("far", point(90_000))),
        ride("crowd", party=Party(adults=12)),
    ]
    day = simulate(CATALOGUE, fleet(1), DRIVES, sorted(asked, key=lambda one: one.asked))
    fates = {one.request.id: one.why for one in day.outcomes}
    assert fates["in time"] == ""
    assert fates["late"] == "too_late"
    assert fates["night"] == "outside_hours"
    assert fates["elsewhere"] == "no_service"
    assert fates["crowd"] == "full"
    assert sum(day.figures.refused.values()) == 4
    assert day.figures.service_rate == pytest.approx(0.2)


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    first, again, other = (
        draw_requests(CATALOGUE, ["val:F"], DAY, 40, places=NOWHERE, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
    days = [simulate(CATALOGUE, fleet(2), DRIVES, some) for some in (first, again)]
    assert days[0] == days[1]


def test_requests_lie_where_people_live_in_the_hours_and_before_the_rule_ends() -> None:
    village = np.array([[point(100).lon, point(100).lat], [point(9e4).lon, point(9e4).lat]])
    requests = draw_requests(CATALOGUE, ["val:F"], DAY, 200, places=village, seed=1)
    assert [one.asked for one in requests] == sorted(one.asked for one in requests)
    assert len({one.id for one in requests}) == 200
    assert {one.origin.point for one in requests} == {point(100), point(8000)}
    midnight = int(MONDAY.timestamp())
    assert all(6 * 3600 <= one.ready - midnight <= 20 * 3600 for one in requests)
    assert all(one.asked <= one.ready - 3600 for one in requests)
    anywhere = draw_requests(CATALOGUE, ["val:F"], DAY, 50, places=NOWHERE, seed=1)
    zone = CATALOGUE.zones_at
    assert all(zone(one.origin.point) or one.origin.stop_id == "gare" for one in anywhere)
    with pytest.raises(InvalidInput, match="runs on 2020-01-01"):
        draw_requests(CATALOGUE, ["val:F"], date(2020, 1, 1), 5, places=NOWHERE, seed=1)


@pytest.mark.parametrize("improving", [False, True])
def test_every_promise_of_a_full_day_is_kept(improving: bool) -> None:  # noqa: FBT001 - a parameter of the test
    shift = Shift((True,) * 7, 5 * 3600, 22 * 3600, ((11 * 3600, 14 * 3600, 1800),))
    requests = draw_requests(CATALOGUE, ["val:F"], DAY, 120, places=NOWHERE, seed=5)
    with Solver() as solver:
        day = simulate(
            CATALOGUE,
            fleet(3, shifts=(shift,)),
            DRIVES,
            requests,
            solver=solver if improving else None,
            every=2 * 3600,
            seconds=0.5,
        )
    midnight = int(MONDAY.timestamp())
    pauses = {run.id: [Pause(midnight + 11 * 3600, midnight + 14 * 3600, 1800)] for run in day.runs}
    assert check(day, pauses=pauses) == []
    assert 0.5 < day.figures.service_rate < 1
    assert day.figures.improvements == len(day.rearranged)
    assert all(one.after < one.before for one in day.rearranged)
    assert bool(day.rearranged) == improving
    assert day.figures.saved >= 0
    assert {event.leg for run in day.runs for event in run.events if event.leg} == {
        one.request.id for one in day.outcomes if one.offer is not None
    }


def test_a_day_without_requests_has_figures_too() -> None:
    one = simulate(CATALOGUE, fleet(1), DRIVES, []).figures
    assert (one.requests, one.service_rate, one.kilometres, one.persons_per_vehicle_hour) == (0, 0.0, 0.0, 0.0)
    assert one.shift_hours == pytest.approx(17)


def test_the_drawing_shows_each_vehicle_that_drove_and_is_valid_xml() -> None:
    asked = [ride("a"), ride("b", ready=NINE + 300, x=500, party=Party(adults=2)), ride("c", ready=NINE + 20_000)]
    day = simulate(CATALOGUE, fleet(2), DRIVES, asked)
    svg = ET.fromstring(draw_day(day, 'A day of <Val> & "others"', "Europe/Paris"))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert 'A day of <Val> & "others"' in texts
    used = {run.vehicle for run in day.runs if run.events}
    assert used <= set(texts)
    circles = list(svg.iter("{http://www.w3.org/2000/svg}circle"))
    assert len(circles) == sum(event.kind is not EventKind.BREAK for run in day.runs for event in run.events) == 6
    empty = simulate(CATALOGUE, fleet(1), DRIVES, [])
    assert ET.fromstring(draw_day(empty, "Nothing", "Europe/Paris")) is not None


# ── the file of requests ──────────────────────────────────────────────────────────────────────────────────────────────

HEAD = "id,asked_at,ready_at,from_lat,from_lon,to_lat,to_lon,to_stop_id,adults,wheelchairs\n"


def test_requests_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "asked.csv"
    file.write_text(
        f"{HEAD}b,,2026-11-30T09:00:00,47.5,4.3,47.6,4.4,gare,2,1\na,2026-11-29T12:00:00Z,2026-11-30T09:00:00+01:00,47.5,4.3,47.6,4.4,,,\n"
    )
    a, b = read_requests(file, ZoneInfo("Europe/Paris"))
    assert (a.id, b.id) == ("a", "b")
    assert a.ready == b.ready == b.asked == a.asked + 20 * 3600
    assert (b.party.adults, b.party.wheelchairs, b.destination.stop_id) == (2, 1, "gare")
    assert a.party == Party()
    assert math.isclose(a.origin.point.lon, 4.3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,ready_at\nx,2026-11-30T09:00\n", "no column from_lat"),
        (HEAD, "holds no request"),
        (f"{HEAD}a,,at nine,47.5,4.3,47.6,4.4,,,\n", "line 2"),
        (f"{HEAD}a,,2026-11-30T09:00,147.5,4.3,47.6,4.4,,,\n", "outside latitude"),
        (f"{HEAD}a,,2026-11-30T09:00,47.5,4.3,47.6,4.4,,two,\n", "line 2"),
        (f"{HEAD}a,,2026-11-30T09:00,47.5,4.3,47.6,4.4,,-1,\n", "below nothing"),
        (f"{HEAD}a,,2026-11-30T09:00,47.5,4.3,47.6,4.4,,1,2\n", "in a wheelchair"),
        (f"{HEAD}" + "a,,2026-11-30T09:00,47.5,4.3,47.6,4.4,,1,\n" * 2, "twice"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "asked.csv"
    file.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_requests(file, ZoneInfo("Europe/Paris"))


# ── the command ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def instance(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose database holds the village's service and two vehicles."""
    monkeypatch.setenv("MOBIGO_DATABASE_URL", database_url)
    with psycopg.connect(libpq_conninfo(database_url)) as connection:
        put_operators(connection, [OPERATOR])
        put_vehicles(connection, [vehicle("one"), vehicle("two")])
        write(connection, SERVICE.id, store_whole(to_document(SERVICE)), by="test", now=MONDAY)
    return home


@pytest.mark.usefixtures("instance")
def test_the_command_tells_figures_draws_and_lists(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["ondemand", "simulate", "--day", DAY.isoformat(), "--requests", "20", "--improve", "0"]
    page, listing = tmp_path / "day.html", tmp_path / "day.csv"
    with pytest.raises(SystemExit) as done:
        main([*told, "--picture", str(page), "--list", str(listing), "--json"])
    assert done.value.code in {0, None}
    answer = json.loads(capsys.readouterr().out)
    assert (answer["requests"], answer["services"], answer["shift_hours"]) == (20, ["val:F"], 34.0)
    assert page.read_text().startswith("<!doctype html>")
    with listing.open() as rows:
        fates = [row["fate"] for row in csv.DictReader(rows)]
    assert len(fates) == 20
    assert fates.count("served") == answer["served"] > 0
    with pytest.raises(SystemExit):
        main([*told, "--vehicles", "5"])
    said = capsys.readouterr().out
    assert f"{DAY}: val:F" in said
    assert "persons per vehicle-hour" in said


@pytest.mark.usefixtures("instance")
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--day", "soon"], "no day"),
        (["--service", "val:none"], "no on-demand service"),
        (["--day", "2020-01-01"], "runs on 2020-01-01"),
        (["--day", DAY.isoformat(), "--picture", "day.png"], "neither .svg nor .html"),
    ],
)
def test_what_cannot_be_simulated_is_said(more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["ondemand", "simulate", "--requests", "3", "--improve", "0", *more])
    assert done.value.code != 0
    assert said in capsys.readouterr().err


def test_random_is_not_touched() -> None:
    random.seed(1)
    expected = random.Random(1).random()
    draw_requests(CATALOGUE, ["val:F"], DAY, 3, places=NOWHERE, seed=9)
    assert random.random() == expected
