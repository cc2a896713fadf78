"""How notes become places of the open tables."""

from __future__ import annotations

from datetime import date

import polars as pl

from mobigo.usage.extract import DEMAND, RIDES, count_travellers, lay_refusals, lay_rides, lay_searches
from mobigo.usage.notes import RIDES as NOTED
from mobigo.usage.notes import SEARCHES

MONDAY = date(2026, 11, 9)


def ride(**said: object) -> dict[str, object]:
    empty = {name: "" if kind == pl.String else None for name, kind in NOTED.items()}
    return {**empty, "hour": 7, "who": 1, "deed": "boarded", "service": "transit", "passengers": 1, **said}


def lay(*rides: dict[str, object]) -> list[dict[str, object]]:
    return lay_rides(pl.DataFrame([*rides], NOTED), MONDAY).to_dicts()


def test_lines_and_stops_have_the_ids_of_the_published_timetables() -> None:
    rows = lay(
        ride(source="town", route="1", stop="gare"),
        ride(source="town", route="1"),
        ride(service="ondemand", source="val:F"),
        ride(service="carpool", route="sens-auxerre", deed="offered"),
        ride(service="carpool", deed="booked"),
        ride(service="school", route="c1"),
    )
    assert [(row["source"], row["line"], row["stop"]) for row in rows] == [
        ("town", "town:1", "town:gare"),
        ("town", "town:1", "unknown"),
        ("val:F", "val:F", "unknown"),
        ("unknown", "sens-auxerre", "unknown"),
    ]


def test_hours_are_told_in_bands() -> None:
    rows = lay(*(ride(hour=hour) for hour in (0, 5, 6, 8, 9, 11, 12, 13, 14, 15, 16, 18, 19, 23)))
    assert [row["band"] for row in rows] == [
        band for band in ("00-06", "06-09", "09-12", "12-14", "14-16", "16-19", "19-24") for _ in range(2)
    ]


def test_searches_are_of_the_day_travelled_on_and_say_why_nothing_was_found() -> None:
    rows = [
        (6, 1, 5, 6, date(2026, 11, 15), 8 * 60, "unanswered", "no_service", 0, 0),
        (6, 1, 5, 7, MONDAY, 23 * 60 + 45, "answered", "", 900, 0),
        (6, 1, 7, 0, date(2026, 11, 11), 0, "walk_only", "walking_better", 0, 0),
        (6, 1, 5, 6, date(2026, 12, 23), 0, "unanswered", "", 0, 0),
    ]
    laid = lay_searches(pl.DataFrame(rows, SEARCHES, orient="row"), {5: "21231", 6: "21054"})
    assert laid.select(DEMAND.columns).rows() == [
        ("sunday", "no_service", "21231", "21054", "06-09"),
        ("school_day", "answered", "21231", "outside", "19-24"),
        ("sunday", "walk_only", "outside", "outside", "00-06"),
        ("weekday", "unanswered", "21231", "21054", "00-06"),
    ]


def test_refusals_have_a_reason_and_communes() -> None:
    noted = pl.DataFrame(
        [
            ride(deed="refused", service="ondemand", source="tad", origin=5, destination=0, reason="full"),
            ride(deed="refused", service="carpool", origin=5, destination=6),
            ride(deed="refused", service="school", origin=5, destination=6),
            ride(),
        ],
        NOTED,
    )
    rows = lay_refusals(noted, MONDAY, {5: "21231", 6: "21054"}).to_dicts()
    assert [(row["source"], row["reason"], row["origin"], row["destination"]) for row in rows] == [
        ("tad", "full", "21231", "outside"),
        ("unknown", "unknown", "21231", "21054"),
    ]


def test_a_traveller_counts_once_in_a_place_and_in_four_places_whatever_others_do() -> None:
    def board(who: int | None, stop: str, hour: int) -> dict[str, object]:
        return ride(who=who, source="town", route="1", stop=stop, hour=hour)

    tireless = [board(1, stop, hour) for stop in "abcdefgh" for hour in range(24)]
    laid = lay_rides(pl.DataFrame(tireless, NOTED), MONDAY)
    alone = count_travellers(RIDES, laid, 4)
    assert alone["total"].to_list() == [1] * 4
    assert alone["stop"].n_unique() == 4  # at each stop in one band only
    unknown = [board(None, "a", 8)] * 50
    others = [board(who, "z", 8) for who in range(2, 30)]
    crowd = count_travellers(RIDES, lay_rides(pl.DataFrame(tireless + others + unknown, NOTED), MONDAY), 4)
    assert crowd.filter(pl.col("stop") != "town:z").rows() == alone.rows()
    assert crowd.filter(pl.col("stop") == "town:z")["total"].to_list() == [28]
