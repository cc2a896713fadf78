"""Answers about use over HTTP: every figure against the week that was counted by hand."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from sqlalchemy.orm import Session
from tests.usage.hand_counted import FIRST, LAST, bearer, serve_town

from mobigo.accounts.model import Role
from mobigo.db.session import driver
from mobigo.usage.answers import want
from mobigo.usage.demand_answers import Asked
from mobigo.usage.economy import read_rates
from mobigo.usage.economy_answers import SAID, Sum, list_notes
from mobigo.usage.loads_answers import Loads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AppClient

WEEK = {"from": FIRST, "to": LAST}


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    with serve_town(test_cluster, tmp_path_factory.mktemp("usage")) as (client, _):
        client.headers.update(bearer(client, Role.FINANCE))
        yield client


def rows(town: AppClient, path: str, **query: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    answer = town.get(f"/v1/usage/{path}", params=WEEK | query)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert [set(row) for row in told["rows"]] == [{column["name"] for column in told["columns"]}] * len(told["rows"])
    found: list[dict[str, Any]] = told["rows"]
    return found


def test_a_line_is_told_by_its_days(town: AppClient) -> None:
    (line,) = rows(town, "loads")
    assert (line["line"], line["line_name"], line["day_type"], line["days"], line["runs_a_day"]) == (
        "town:1", "1", "school_day", 5, 2,
    )  # fmt: skip
    # boardings of the days: 60, 58, 62, 20, 57
    assert (line["boardings_mean"], line["boardings_p90"], line["boardings_max"]) == (51.4, 62, 62)
    assert (line["peak_mean"], line["peak_max"], line["seats"], line["seats_said"]) == (51.4, 62, 55, False)
    # seat-kilometres: 24 km x 55 seats x 5 days = 6600; ridden 257 x 5 km = 1285
    assert line["occupancy"] == round(1285 / 6600, 3)
    assert (line["runs_over_seats"], line["runs_empty"]) == (0.4, 0.5)


def test_a_trip_is_told_with_where_it_is_fullest(town: AppClient) -> None:
    t1, t2 = rows(town, "loads", by="trip")
    assert (t1["trip"], t1["departure"], t1["from_stop"], t1["to_stop"]) == ("town:t1", "07:00", "Gare", "Lac de Pont")
    assert (t1["fullest_from"], t1["fullest_to"]) == ("Mairie", "Lac de Pont")
    assert (t1["peak_mean"], t1["peak_p90"], t1["peak_max"]) == (51.4, 62, 62)
    assert (t1["occupancy_at_peak"], t1["days_over_seats"], t1["days_empty"]) == (round(51.4 / 55, 3), 0.8, 0)
    assert (t2["departure"], t2["days_empty"], t2["boardings_max"]) == ("26:40", 1, 0)


def test_a_trip_is_followed_from_stop_to_stop(town: AppClient) -> None:
    gare, mairie, lac = rows(town, "loads/trip", trip="town:t1")
    assert (gare["stop_name"], gare["departure"], gare["boardings_mean"], gare["load_mean"]) == (
        "Gare",
        "07:00",
        36,
        36,
    )
    assert (mairie["boardings_mean"], mairie["load_mean"], mairie["load_p90"], mairie["load_max"]) == (
        15.4,
        51.4,
        62,
        62,
    )
    assert (lac["alightings_mean"], lac["load_mean"], lac["seats"]) == (51.4, 0, 55)
    gone = town.get("/v1/usage/loads/trip", params=WEEK | {"trip": "town:other"})
    assert (gone.status_code, gone.json()["code"]) == (404, "nothing_counted")


def test_stops_and_hours_are_told(town: AppClient) -> None:
    found = {row["stop"]: row for row in rows(town, "loads", by="stop")}
    assert (found["town:gare"]["boardings_mean"], found["town:gare"]["boardings_max"]) == (36, 50)
    assert (found["town:lac"]["alightings_mean"], found["town:lac"]["days"]) == (51.4, 5)
    hours = {row["hour"]: row["boardings_mean"] for row in rows(town, "loads", by="hour")}
    assert hours == {7: 51.4, 2: 0}


def test_trips_by_headway_are_spread_over_their_hours(town: AppClient) -> None:
    with Session(town.app.state.engine) as session:
        connection = driver(session)
        # t1 leaves at 8:00 and 9:00, with the same people in all
        connection.execute(
            "INSERT INTO frequencies SELECT active_version, 't1', 28800, 36000, 3600, 1 FROM feed WHERE source = 'town'"
        )
        wanted = want(date.fromisoformat(FIRST), date.fromisoformat(LAST))
        loads = Loads(connection, wanted, read_rates(connection))
        hours = {row["hour"]: row["boardings_mean"] for row in loads.list_hours().as_dicts()}
        assert hours == {8: 25.7, 9: 25.7, 2: 0}
        assert [row["departure"] for row in loads.list_trips().as_dicts()] == [None, "26:40"]


def test_punctuality_is_told_by_what_is_asked(town: AppClient) -> None:
    (line,) = rows(town, "punctuality")
    assert (line["calls"], line["cancelled"]) == (200, 25)
    assert line["cancelled_share"] == round(25 / 225, 3)
    assert (line["early"], line["on_time"], line["late"], line["very_late"]) == (0.025, 0.825, 0.1, 0.05)
    assert line["delay_mean"] == 60
    by_stop = rows(town, "punctuality", by=["stop", "hour"])
    assert [(row["stop_name"], row["hour"], row["on_time"]) for row in by_stop] == [
        ("Gare", 7, 0.65),
        ("Lac de Pont", 8, 1),
    ]
    assert len(rows(town, "punctuality", by=["day"])) == 5


def test_missed_changes_are_told_by_lines_and_stop(town: AppClient) -> None:
    (change,) = rows(town, "changes")
    assert (change["planned"], change["judged"], change["missed"], change["missed_share"]) == (30, 20, 5, 0.25)
    assert (change["stop_name"], change["line_name"], change["to_line_name"]) == ("Lac de Pont", "1", "1")


def test_unserved_demand_is_told_by_commune_and_small_counts_are_not(town: AppClient) -> None:
    found = {row["commune_name"]: row for row in rows(town, "unserved")}
    assert set(found) == {"Semur", "Seul"}  # five people in all from Lac: left out
    assert (found["Seul"]["unanswered"], found["Seul"]["unanswered_a_week"]) == (30, 30)
    assert (found["Seul"]["reason"], found["Seul"]["unanswered_share"]) == ("no_stop_in_range", 1)
    assert (found["Semur"]["unanswered"], found["Semur"]["answered"]) == (0, 50)
    told = town.get("/v1/usage/unserved", params=WEEK).json()
    assert any("5 searches" in note["text"] for note in told["notes"])
    (alone, *_) = rows(town, "unserved", by="pair")
    assert (alone["origin_name"], alone["destination_name"], alone["searches"]) == ("Seul", "Semur", 30)
    hours = {row["hour"]: row["unanswered"] for row in rows(town, "unserved", by="hour")}
    assert hours == {8: 5, 19: 20, 20: 10}
    reasons = {row["reason_code"]: row["unanswered"] for row in rows(town, "unserved", by="reason")}
    assert reasons == {"no_stop_in_range": 20, "no_service_that_day": 10, "nothing_in_window": 5}


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ((9, 9, 9), (27, 9, 9, 9)),
        ((9, 2, 9), (20, None, "<6", 9)),
        ((1, 9, 9), (None, "<6", 9, 9)),
        ((0, 9, 3), (None, None, 9, "<6")),
        ((5, 2, 9), (16, "<6", "<6", 9)),
    ],
)
def test_a_small_count_does_not_follow_from_the_others_of_its_row(
    people: tuple[int, int, int], told: tuple[object, ...]
) -> None:
    answered, walking, waiting = people
    asked = Asked(sum(people), sum(people), answered, answered, walking, walking, waiting, waiting, "no_service")
    assert asked.tell(1, careful=True)[:4] == told
    assert asked.tell(1, careful=False)[:4] == (sum(people), *people)


def test_refusals_are_told_by_service_and_commune(town: AppClient) -> None:
    (one,) = rows(town, "refusals")
    assert (one["service"], one["source"], one["reason"], one["refused"]) == ("ondemand", "tad", "full", 15)
    (one,) = rows(town, "refusals", by="commune")
    assert (one["commune_name"], one["refused"], one["refused_a_week"]) == ("Seul", 15, 15)


def test_villages_are_told_with_their_departures(town: AppClient) -> None:
    alone, semur, lac = rows(town, "villages")
    assert (alone["commune_name"], alone["population"], alone["served"]) == ("Seul", 250, False)
    assert (alone["departures_school_day"], alone["departures_sunday"], alone["unanswered_from"]) == (0, 0, 30)
    # t1 leaves gare and mairie, t2 only ends at gare; neither on Saturdays and Sundays; Wednesday 11 is a holiday
    assert (semur["commune_name"], semur["stops_near"]) == ("Semur", 2)
    kinds = ("school_day", "saturday", "sunday")
    assert [semur[f"departures_{kind}"] for kind in kinds] == [1, 0, 0.5]
    assert (lac["commune_name"], lac["departures_school_day"], lac["unanswered_from"]) == ("Lac", 1, "<6")


def test_costs_are_of_rates_and_of_what_was_paid(town: AppClient) -> None:
    carpool, school, line = rows(town, "economy")
    # 24 km at 2.06 EUR and an hour at 31.50 EUR are 80.94 EUR a day
    assert (line["cost_cents"], line["cost_from"], line["cost_known"]) == (5 * 8_094, "published", 1)
    assert (line["fares_cents"], line["subsidy_cents"]) == (257 * 200, 5 * 8_094 - 257 * 200)
    assert line["cost_per_passenger_km"] == round(40_470 / 1_285, 2)
    assert (line["cost_per_passenger_cents"], line["co2_per_passenger_km"]) == (round(40_470 / 257), 113.2)
    assert (carpool["cost_cents"], carpool["subsidy_cents"], carpool["cost_from"]) == (2_000, 1_250, "paid")
    assert (carpool["empty_km"], carpool["mean_aboard"]) == (50, 1.33)
    # 10 km at 2.06 EUR and half an hour at 31.50 EUR a day; who rides is noted by nobody
    assert (school["cost_cents"], school["cost_per_passenger_km"], school["cost_per_passenger_cents"]) == (
        5 * 3_635, None, None,
    )  # fmt: skip
    services = {row["service"]: row for row in rows(town, "economy", by="service")}
    assert services["transit"]["passengers"] == 257


def test_fares_of_days_without_a_known_cost_are_told_apart(town: AppClient) -> None:
    whole = rows(town, "economy")
    assert [row["fares_with_cost_cents"] for row in whole] == [row["fares_cents"] for row in whole]
    asked = town.get("/v1/usage/economy", params=WEEK).json()
    assert not any("nobody knows" in note["text"] for note in asked["notes"])
    known, unknown = Sum(fares=900, costed_fares=500, cost=2_000, subsidy=1_500, costed_days=1), Sum(fares=300)
    said = list_notes([known, unknown])[2]
    assert said.en.startswith("Fares of €7.00 (2 lines) are of days whose cost nobody knows")
    assert said.fr.startswith("7,00\u00a0€ de recettes (2 lignes)")
    known.add(unknown)
    told = dict(zip([column.name for column in SAID], known.tell(), strict=True))
    assert (told["fares_cents"], told["fares_with_cost_cents"]) == (1_200, 500)
    assert told["subsidy_cents"] == told["cost_cents"] - told["fares_with_cost_cents"]


def test_trends_compare_by_counted_day(town: AppClient) -> None:
    found = {row["figure"]: row for row in rows(town, "trends")}
    # of the line and the carpool: 404.70 EUR and 20 EUR for 1285 km and 200 km
    assert found["cost_per_passenger_km"]["value"] == round((40_470 + 2_000) / 1_485, 2)
    assert (found["passengers"]["value"], found["passengers"]["before"]) == (267, 200)
    assert found["passengers"]["change"] == round(267 / 200 - 1, 3)
    assert (found["on_time"]["value"], found["on_time"]["before"], found["on_time"]["points"]) == (0.825, None, None)
    assert (found["unanswered_share"]["value"], found["missed_share"]["value"]) == (round(35 / 85, 3), 0.25)


def test_what_to_look_at_is_said_in_both_languages(town: AppClient) -> None:
    told = town.get("/v1/usage/attention", params=WEEK).json()["findings"]
    kinds = {one["kind"]: one for one in told}
    assert set(kinds) == {"crowded", "unused", "unanswered", "refused", "missed", "villages"}
    assert kinds["crowded"]["text"] == (
        "On school days the 07:00 of line 1 (Gare \u2013 Lac de Pont)"
        " has up to 62 aboard between Mairie and Lac de Pont,"
        " more than the 55 seats such a vehicle usually has, on 4 of 5 days."
    )
    assert kinds["unanswered"]["text"] == (
        "30 searches a week from Seul to Semur after 19:00 find nothing: no stop is near enough."
    )
    assert "15 places par semaine" in kinds["refused"]["text_fr"]
    assert kinds["villages"]["text"].startswith("250 people live in Seul")


def test_what_to_look_at_is_a_table_too(town: AppClient) -> None:
    text = town.get("/v1/usage/attention", params=WEEK | {"format": "csv", "lang": "en"})
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    told = list(csv.DictReader(io.StringIO(text.text)))
    findings = town.get("/v1/usage/attention", params=WEEK).json()["findings"]
    assert [(row["kind"], row["text"]) for row in told] == [(one["kind"], one["text"]) for one in findings]
    book = load_workbook(
        io.BytesIO(town.get("/v1/usage/attention", params=WEEK | {"format": "xlsx", "lang": "fr"}).content)
    )
    said = {str(cell.value) for row in book.worksheets[-1].iter_rows() for cell in row}
    assert {one["text_fr"] for one in findings} <= said


def test_answers_are_files_too(town: AppClient) -> None:
    text = town.get("/v1/usage/loads", params=WEEK | {"by": "trip", "format": "csv"})
    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["trip"] for row in csv.DictReader(io.StringIO(text.text))] == ["town:t1", "town:t2"]
    drawn = town.get("/v1/usage/villages", params=WEEK | {"format": "geojson"}).json()
    assert [feature["geometry"]["type"] for feature in drawn["features"]] == ["Point"] * 3
    squares = town.get("/v1/usage/unserved", params=WEEK | {"by": "cell", "format": "geojson"}).json()
    assert {feature["geometry"]["type"] for feature in squares["features"]} == {"Polygon"}
    lines = town.get("/v1/usage/loads", params=WEEK | {"format": "geojson"}).json()
    assert lines["features"][0]["geometry"]["type"] == "LineString"
    for address in ("economy?format=xlsx&lang=en", "workbook.xlsx?lang=fr"):
        answer = town.get(f"/v1/usage/{address}&from={FIRST}&to={LAST}")
        assert answer.status_code == 200, answer.text
        book = load_workbook(io.BytesIO(answer.content))
        for sheet in book.worksheets[1:]:
            assert sheet.freeze_panes == "A2"
            assert all(isinstance(cell.value, str) for cell in sheet[1]), sheet.title
    assert "Coûts par ligne" in book.sheetnames
    costs = book["Coûts par ligne"]
    head = [cell.value for cell in costs[1]]
    assert costs.cell(4, head.index("Coût (€)") + 1).value == 404.7
    assert "€" in costs.cell(4, head.index("Coût (€)") + 1).number_format


def test_staff_say_what_a_line_costs_and_seats(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with serve_town(test_cluster, tmp_path_factory.mktemp("rates")) as (town, _):
        finance = bearer(town, Role.FINANCE)
        said = {
            "service": "transit", "line": "town:1", "starts": "2026-11-11", "kilometre_cents": 300, "seats": 70,
            "origin": "contract 12",
        }  # fmt: skip
        assert town.post("/v1/usage/rates", json=said, headers=bearer(town, Role.DISPATCHER)).status_code == 403
        assert town.post("/v1/usage/rates", json=said, headers=finance).status_code == 201
        nothing = {"service": "transit", "starts": "2026-11-11", "origin": "x"}
        wrong = town.post("/v1/usage/rates", json=nothing, headers=finance)
        assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_rate")
        first, *_ = town.get("/v1/usage/rates?on=2026-11-12", headers=finance).json()["rates"]
        assert (first["line"], first["kilometre_cents"], first["said_by"]) == ("town:1", 300, "finance")
        town.headers.update(finance)
        line = next(row for row in rows(town, "economy") if row["line"] == "town:1")
        # two days by published figures, three at 24 km x 3 EUR
        assert (line["cost_cents"], line["cost_from"]) == (2 * 8_094 + 3 * 7_200, "mixed")
        (load,) = rows(town, "loads")
        assert (load["seats"], load["seats_said"], load["runs_over_seats"]) == (70, True, 0)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"from": "2026-11-15", "to": "2026-11-09"}, 400, "invalid_period"),
        ({"from": "2024-01-01", "to": "2026-11-09"}, 400, "invalid_period"),
        ({"from": "0001-01-01", "to": "0001-01-07"}, 400, "invalid_period"),
        ({"source": "a\x00b"}, 422, "validation_failed"),
        ({"line": "nothing"}, 400, "invalid_input"),
        ({"from": "yesterday"}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_asked_is_said(town: AppClient, query: dict[str, str], status: int, code: str) -> None:
    answer = town.get("/v1/usage/trends", params=query)
    assert answer.status_code == status, answer.text
    assert answer.json().get("code", "") == code


def test_only_staff_who_plan_may_ask(town: AppClient) -> None:
    for role, status in ((Role.TRAVELLER, 403), (Role.DESK, 403), (Role.DISPATCHER, 200), (Role.AUDITOR, 200)):
        assert town.get("/v1/usage/trends", headers=bearer(town, role)).status_code == status, role
    assert town.get("/v1/usage/trends", headers={"Authorization": ""}).status_code == 401


def test_a_period_without_counts_is_empty_not_wrong(town: AppClient) -> None:
    quiet = {"from": "2026-01-05", "to": "2026-01-11"}
    for path in ("loads", "loads?by=trip", "punctuality", "changes", "unserved", "refusals", "economy", "trends"):
        separator = "&" if "?" in path else "?"
        answer = town.get(f"/v1/usage/{path}{separator}from={quiet['from']}&to={quiet['to']}")
        assert answer.status_code == 200, (path, answer.text)
    assert rows(town, "trends", **quiet)[2]["value"] == 0
    assert town.get("/v1/usage/workbook.xlsx", params=quiet).status_code == 200
