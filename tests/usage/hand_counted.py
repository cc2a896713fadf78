"""A fortnight counted by hand: two lines, three communes, every figure small enough to check on paper.

Monday 9 November 2026 to Friday 13 are school days, as the week before (2 to 6; 1 November is a Sunday). Line 1 of the
feed has trips t1 (7:00 gare, mairie, lac) and t2 (26:40 lac, gare).
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
from tests.conftest import AppClient, new_database, serve
from tests.feed_text import files, pack

from mobigo.accounts.token import issue
from mobigo.db.engine import libpq_conninfo, open_engine
from mobigo.kit.clock import Clock
from mobigo.kit.geo import Point
from mobigo.kit.grid import cell_at
from mobigo.transit.load import load_gtfs
from mobigo.web.app import create_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mobigo.accounts.model import Role

NOW = datetime(2026, 11, 16, 9, tzinfo=UTC)
WEEK = [date(2026, 11, 9) + timedelta(days=number) for number in range(5)]
BEFORE = [day - timedelta(days=7) for day in WEEK]
FIRST, LAST = "2026-11-09", "2026-11-15"

SEMUR, ALONE, LAC = Point(4.3337, 47.4907), Point(4.60, 47.60), Point(4.3600, 47.4805)
"""A town with stops, a village without any, a hamlet's village with one."""
AT_SEMUR, AT_ALONE, AT_LAC = cell_at(SEMUR), cell_at(ALONE), cell_at(LAC)

PLACES = (
    ("town", "Semur", 4380, "21603", SEMUR),
    ("village", "Seul", 250, "21999", ALONE),
    ("village", "Lac", 90, "21998", LAC),
)

ABOARD = ((40, 60), (38, 58), (42, 62), (10, 20), (50, 57))
"""Of t1 on the five days: who leaves gare, who leaves mairie."""


def load_places(connection: psycopg.Connection) -> None:
    """Put the communes in, by their centres."""
    connection.execute(
        "INSERT INTO osm_extract (id, name, hash, loaded_at, counts, report) OVERRIDING SYSTEM VALUE"
        " VALUES (1, 'test', 'x', now(), '{}', '{}')"
    )
    connection.execute("CREATE TABLE osm_place_1 PARTITION OF osm_place_versions FOR VALUES IN (1)")
    connection.execute("CREATE TABLE osm_area_1 PARTITION OF osm_area_versions FOR VALUES IN (1)")
    for number, (kind, name, population, insee, point) in enumerate(PLACES, start=1):
        connection.execute(
            "INSERT INTO osm_place_versions (version, osm_type, osm_id, kind, name, population, insee, min_zoom, geom)"
            " VALUES (1, 'node', %s, %s, %s, %s, %s, 5, ST_SetSRID(ST_MakePoint(%s, %s), 4326))",
            [number, kind, name, population, insee, *point],
        )
    connection.execute("UPDATE osm_active SET version = 1")


def count_days(connection: psycopg.Connection) -> None:
    """Write what counting would have written."""
    run = connection.execute
    for day in (*BEFORE, *WEEK):
        run("INSERT INTO usage_day VALUES (%s, 'school_day', '2026-11-16T01:00Z', true)", [day])
    for day, (left_gare, left_mairie) in zip(WEEK, ABOARD, strict=True):
        calls = (
            ("t1", 1, "gare", 25_200, left_gare, 0, left_gare),
            ("t1", 2, "mairie", 25_560, left_mairie - left_gare, 0, left_mairie),
            ("t1", 3, "lac", 26_400, 0, left_mairie, 0),
            ("t2", 1, "lac", 96_000, 0, 0, 0),
            ("t2", 2, "gare", 97_140, 0, 0, 0),
        )
        for trip, sequence, stop, departure, on, off, load in calls:
            run(
                "INSERT INTO usage_load VALUES (%s, 'transit', 'town', '1', %s, %s, %s, %s, %s, %s, %s, false, %s)",
                [day, trip, sequence, stop, departure, on, off, load, on],
            )
        # 12 km and half an hour each; everybody rides 5 km; 2 EUR each of the day's fares
        run(
            "INSERT INTO usage_supply VALUES"
            " (%s, 'transit', 'town', '1', 2, 24000, 0, 3600, %s, %s, NULL, NULL, %s, %s)",
            [day, left_mairie, left_mairie * 5_000, left_mairie * 200, left_mairie * 566],
        )
        run(
            "INSERT INTO usage_punctuality VALUES (%s, 'town', '1', 'gare', 7, 20, 5, 1, 13, 4, 2, 2400),"
            " (%s, 'town', '1', 'lac', 8, 20, 0, 0, 20, 0, 0, 0)",
            [day, day],
        )
        run("INSERT INTO usage_change VALUES (%s, 'town', '1', 'town', '1', 'lac', 'lac', 8, 6, 4, 1)", [day])
        for hour, start, end, outcome, reason, searches, people in (
            (8, AT_SEMUR, AT_LAC, "answered", "", 10, 8),
            (19, AT_ALONE, AT_SEMUR, "unanswered", "no_stop_in_range", 4, 3),
            (20, AT_ALONE, AT_SEMUR, "unanswered", "no_service_that_day", 2, 2),
            (8, AT_LAC, AT_SEMUR, "unanswered", "nothing_in_window", 1, 1),
        ):
            run(
                "INSERT INTO usage_demand VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0)",
                [day, day, hour, start, end, outcome, reason, searches, people],
            )
        run(
            "INSERT INTO usage_refusal VALUES (%s, 9, 'ondemand', 'tad', %s, %s, 'full', 3, 2)",
            [day, AT_ALONE, AT_SEMUR],
        )
        run(
            "INSERT INTO usage_supply VALUES"
            " (%s, 'carpool', 'mobigo', 'c1', 1, 30000, 10000, 0, 2, 40000, 400, 250, 300, 6528)",
            [day],
        )
        # 10 km and half an hour, and nobody noted who rode
        run(
            "INSERT INTO usage_supply VALUES (%s, 'school', 'school', 's1', 1, 10000, 0, 1800, 0, 0, NULL, NULL, 0, 0)",
            [day],
        )
    for day in BEFORE:
        run(
            "INSERT INTO usage_supply VALUES"
            " (%s, 'transit', 'town', '1', 2, 24000, 0, 3600, 40, 200000, NULL, NULL, 8000, 22640)",
            [day],
        )


@contextmanager
def serve_town(test_cluster: str, folder: Path) -> Iterator[tuple[AppClient, str]]:
    """Serve the counted town; its client, and the address of its database."""
    with new_database(test_cluster) as url:
        load_gtfs(pack(folder / "town.zip", files()), "town", url, now=NOW)
        with psycopg.connect(libpq_conninfo(url)) as connection:
            load_places(connection)
            count_days(connection)
        clock = Clock(folder / "clock.json")
        clock.move(NOW, 0)
        engine = open_engine(url)
        app = create_app(engine=engine, clock=clock, home=folder)
        with serve(app) as address, AppClient(base_url=address, timeout=120) as http:
            http.app = app
            yield http, url
        engine.dispose()


def bearer(client: AppClient, role: Role) -> dict[str, str]:
    """Return the header of somebody with a role."""
    token = issue(client.app.state.token_key, role.value, role, NOW, timedelta(days=1))
    return {"Authorization": f"Bearer {token}"}
