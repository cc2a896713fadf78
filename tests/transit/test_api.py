"""Stops, departures, lines and feeds over HTTP."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.town import open_town

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import AppClient
    from tests.town import Town


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Serve the town at 07:30 of a Monday."""
    with open_town(test_cluster, tmp_path_factory.mktemp("town")) as town:
        yield town


def get(town: Town, path: str, **query: str | float | list[str]) -> dict[str, Any]:
    answer = town.http.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_board_begins_now(town: Town) -> None:
    board = get(town, "/v1/stops/bus:gare/departures")
    assert board["start"] == "2026-11-23T07:30:00+01:00"
    assert [(one["departure"], one["trip_id"], one["platform"]) for one in board["departures"]] == [
        ("2026-11-23T07:31:00+01:00", "bus:back", "2"),
        ("2026-11-23T07:40:00+01:00", "bus:out", "1"),
        ("2026-11-23T07:50:00+01:00", "bus:train", "2"),
    ]


def test_a_departure_says_what_a_traveller_needs(town: Town) -> None:
    (first, *_) = get(town, "/v1/stops/bus:gare:1/departures", at="2026-11-23T07:00:00+01:00")["departures"]
    assert first == {
        "departure": "2026-11-23T07:40:00+01:00",
        "planned_departure": "2026-11-23T07:40:00+01:00",
        "state": "scheduled",
        "service_date": "2026-11-23",
        "stop_id": "bus:gare:1",
        "stop_name": "Semur Gare",
        "platform": "1",
        "planned_platform": None,
        "trip_id": "bus:out",
        "headsign": "Époisses",
        "line": {
            "id": "bus:L1",
            "name": "1",
            "long_name": "Montbard - Semur - Époisses",
            "route_type": 3,
            "color": "0B6E4F",
            "text_color": "FFFFFF",
            "agency": "Cars de l'Auxois",
        },
        "frequency": False,
        "wheelchair": "unknown",
        "pickup": "regular",
        "phone": None,
        "vehicle_id": None,
        "alerts": [],
    }


def test_arrivals_say_where_they_come_from(town: Town) -> None:
    board = get(town, "/v1/stops/bus:gare/arrivals", at="2026-11-23T07:00:00+01:00")
    assert [(one["arrival"], one["trip_id"], one["origin"]) for one in board["arrivals"]] == [
        ("2026-11-23T07:31:00+01:00", "bus:back", "Époisses \N{EN DASH} Mairie"),
        ("2026-11-23T07:35:00+01:00", "bus:out", "Montbard"),
    ]


def test_pages_of_a_board_neither_repeat_nor_skip(town: Town) -> None:
    url, seen = "/v1/stops/bus:gare/departures?limit=1&minutes=1440", []
    while url:
        answer = town.http.get(url)
        seen += [one["trip_id"] for one in answer.json()["departures"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        assert bool(link) == bool(answer.json()["next_cursor"])
        url = link[1] if link else ""
    whole = get(town, "/v1/stops/bus:gare/departures", minutes=1440)["departures"]
    assert len(whole) > 2
    assert seen == [one["trip_id"] for one in whole]


def test_without_a_headsign_the_last_stop_is_told(town: Town) -> None:
    board = get(town, "/v1/stops/bus:montbard/departures", at="2026-11-23T08:00:00+01:00", minutes=1)
    assert [one["headsign"] for one in board["departures"]] == ["Semur Gare"]


def test_a_board_over_midnight(town: Town) -> None:
    board = get(town, "/v1/stops/bus:montbard/departures", at="2026-11-24T00:00:00+01:00")
    assert [(one["departure"], one["service_date"]) for one in board["departures"]] == [
        ("2026-11-24T00:30:00+01:00", "2026-11-23")
    ]


@pytest.mark.parametrize(
    "at", ["2026-11-23T06:30:00Z", "2026-11-23T07:30:00+01:00", "2026-11-23T07:30", "2026-11-23 07:30"]
)
def test_an_instant_is_read_with_its_zone_or_in_that_of_the_network(town: Town, at: str) -> None:
    assert get(town, "/v1/stops/bus:gare/departures", at=at)["start"] == "2026-11-23T07:30:00+01:00"


def test_a_plus_that_arrived_as_a_space_is_read(town: Town) -> None:
    answer = town.http.get("/v1/stops/bus:gare/departures?at=2026-11-23T07:30:00+01:00")
    assert answer.json()["start"] == "2026-11-23T07:30:00+01:00"


def test_a_stop_alone_or_its_whole_place(town: Town) -> None:
    at = {"at": "2026-11-23T07:00:00+01:00"}
    assert get(town, "/v1/stops/bus:lib/b/departures", **at)["departures"] == []
    whole = get(town, "/v1/stops/bus:lib/b/departures", scope="place", **at)
    assert [one["stop_id"] for one in whole["departures"]] == ["bus:lib/a"]


def test_a_station_is_described_with_its_platforms_and_lines(town: Town) -> None:
    stop = get(town, "/v1/stops/bus:gare")
    assert stop["kind"] == "station"
    assert stop["wheelchair"] == "possible"
    assert {"bus:gare:1", "bus:gare:2"} <= set(stop["stop_ids"])
    assert [line["id"] for line in stop["lines"]] == ["bus:L1", "bus:N", "bus:TER"]
    platform = get(town, "/v1/stops/bus:gare:2")
    assert (platform["kind"], platform["station_id"], platform["platform"]) == ("stop", "bus:gare", "2")
    assert platform["stop_ids"] == ["bus:gare:2"]
    assert {"bus:gare", "bus:gare:1", "bus:gare:2"} <= set(platform["place_stop_ids"])


def test_an_id_may_hold_slashes_and_accents(town: Town) -> None:
    assert get(town, "/v1/stops/bus:lib%2Fa")["name"] == "Liberté"
    assert get(town, "/v1/stops/bus:œuvre")["lines"][0]["id"] == "bus:L1"


def test_a_line_with_its_stops(town: Town) -> None:
    line = get(town, "/v1/lines/bus:L1")
    assert line["name"] == "1"
    there, back = line["directions"]
    assert [stop["id"] for stop in there["stops"]] == [
        "bus:montbard", "bus:jean", "bus:gare:1", "bus:lib/a", "bus:œuvre", "bus:epoisses"
    ]  # fmt: skip
    assert (there["direction_id"], there["trips"], there["headsigns"]) == (0, 2, ["Semur Gare", "Époisses"])
    assert (back["direction_id"], back["headsigns"]) == (1, ["Montbard"])


def test_lines_by_words_and_source(town: Town) -> None:
    assert [line["id"] for line in get(town, "/v1/lines")["lines"]] == ["bus:L1", "bus:N", "bus:TER"]
    assert [line["id"] for line in get(town, "/v1/lines", q="epoi semur")["lines"]] == ["bus:L1"]
    assert get(town, "/v1/lines", q="'; --")["lines"] == []
    assert get(town, "/v1/lines", feed="train")["lines"] == []
    assert len(get(town, "/v1/lines", feed="bus")["lines"]) == 3


def test_pages_of_lines_neither_repeat_nor_skip(town: Town) -> None:
    url, seen = "/v1/lines?limit=1", []
    while url:
        answer = town.http.get(url)
        seen += [line["id"] for line in answer.json()["lines"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', answer.headers.get("Link", ""))
        url = link[1] if link else ""
    assert seen == ["bus:L1", "bus:N", "bus:TER"]


def test_feeds_say_until_when_and_whom_to_credit(town: Town) -> None:
    (feed,) = get(town, "/v1/feeds")["feeds"]
    assert feed["source"] == "bus"
    assert feed["status"] == "active"
    assert (feed["first_day"], feed["last_day"], feed["expired"]) == ("2026-01-01", "2026-12-31", False)
    assert feed["counts"]["stop_times.txt"] == 17
    assert (feed["publisher"], feed["feed_version"], feed["licence"]) == ("Auxois", "v7", "Licence Ouverte")
    assert feed["attributions"] == [
        {"name": "Région", "roles": ["authority"], "url": "https://region.example", "email": None}
    ]


def test_the_timetable_of_a_stop_hangs_line_by_line(town: Town) -> None:
    table = get(town, "/v1/stops/bus:gare/timetable", date="2026-11-23")
    assert table["service_date"] == "2026-11-23"
    assert [
        (
            one["line"]["name"],
            one["direction_id"],
            [(call["departure"][11:16], call["headsign"]) for call in one["departures"]],
        )
        for one in table["lines"]
    ] == [
        ("1", 0, [("07:40", "Époisses")]),
        ("1", 1, [("07:31", "Montbard")]),
        ("N", None, [("23:50", "Nuit")]),
        ("TER Montbard", None, [("07:50", "Semur")]),
    ]
    assert get(town, "/v1/stops/bus:gare/timetable")["service_date"] == "2026-11-23"
    assert get(town, "/v1/stops/bus:gare/timetable", date="2027-01-01")["lines"] == []
    montbard = get(town, "/v1/stops/bus:montbard/timetable", date="2026-11-23")
    assert "2026-11-24T00:30:00+01:00" in [call["departure"] for one in montbard["lines"] for call in one["departures"]]


def test_the_timetable_of_a_line_has_stops_in_rows_and_trips_in_columns(town: Town) -> None:
    table = get(town, "/v1/lines/bus:L1/timetable", date="2026-11-23")
    there, back = table["directions"]
    assert [stop["id"] for stop in there["stops"]] == [
        "bus:montbard", "bus:jean", "bus:gare:1", "bus:lib/a", "bus:œuvre", "bus:epoisses"
    ]  # fmt: skip
    assert [
        [trip["trip_id"], *(call and call["departure"][11:16] for call in trip["calls"])] for trip in there["trips"]
    ] == [
        ["bus:out", "07:00", None, "07:40", "07:45", "07:58", "08:00"],
        ["bus:short", "08:00", "08:05", "08:40", None, None, None],
    ]
    assert (back["direction_id"], len(back["trips"])) == (1, 1)
    only = get(town, "/v1/lines/bus:L1/timetable", date="2026-11-23", direction=1)
    assert only["directions"] == [back]
    assert get(town, "/v1/lines/bus:L1/timetable", date="2027-06-01")["directions"] == []


@pytest.mark.parametrize("day", ["0001-01-01", "1970-01-01", "9999-12-31"])
def test_timetables_of_another_age_are_empty(town: Town, day: str) -> None:
    assert get(town, "/v1/stops/bus:gare/timetable", date=day)["lines"] == []
    assert get(town, "/v1/lines/bus:L1/timetable", date=day)["directions"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/stops/bus:nowhere", 404, "unknown_stop"),
        ("/v1/stops/bus:nowhere/departures", 404, "unknown_stop"),
        ("/v1/stops/'%20OR%201=1", 404, "unknown_stop"),
        ("/v1/lines/bus:nowhere", 404, "unknown_line"),
        ("/v1/lines/bus:nowhere/timetable", 404, "unknown_line"),
        ("/v1/stops/bus:nowhere/timetable", 404, "unknown_stop"),
        ("/v1/stops/bus:nowhere/arrivals", 404, "unknown_stop"),
        ("/v1/lines/bus:L1/timetable?date=tomorrow", 422, "validation_failed"),
        ("/v1/stops/bus:gare/departures?at=tomorrow", 400, "invalid_instant"),
        ("/v1/stops/bus:gare/departures?at=0001-01-01T00:00:00%2B14:00", 400, "invalid_instant"),
        ("/v1/stops/bus:gare/departures?minutes=0", 422, "validation_failed"),
        ("/v1/stops/bus:gare/departures?cursor=next", 400, "invalid_cursor"),
        ("/v1/stops/bus:gare/arrivals?cursor=1.2.3", 400, "invalid_cursor"),
    ],
)
def test_wrong_requests_are_problems(town: Town, path: str, status: int, code: str) -> None:
    answer = town.http.get(path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == code


def test_an_unknown_stop_is_named(town: Town) -> None:
    assert "bus:nowhere" in town.http.get("/v1/stops/bus:nowhere").json()["detail"]


def test_without_a_network_lists_are_empty(client: AppClient) -> None:
    assert client.get("/v1/lines").json() == {"lines": [], "next_cursor": None}
    assert client.get("/v1/feeds").json() == {"feeds": []}
    for path in ("/v1/stops/a:b", "/v1/stops/a:b/departures", "/v1/lines/a:b"):
        assert client.get(path).status_code == 404


def test_boards_go_on_while_the_database_is_away(town: Town) -> None:
    engine, town.app.state.engine = town.app.state.engine, None
    try:
        assert get(town, "/v1/stops/bus:gare/departures")["departures"]
        assert get(town, "/v1/lines")["lines"]
    finally:
        town.app.state.engine = engine
