"""Days counted in the database: exactly, again and again the same, here and by Dask, and for good."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, starmap
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.conftest import new_database
from tests.feed_text import files, pack

from mobigo.db.engine import libpq_conninfo
from mobigo.kit.errors import Conflict, InvalidInput, MobigoError, Unavailable
from mobigo.kit.geo import Point, haversine
from mobigo.kit.grid import cell_at
from mobigo.transit.load import load_gtfs
from mobigo.usage import service, spreading, store
from mobigo.usage.imagining import imagine
from mobigo.usage.many import HERE, LOCAL, count_days

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
"""A Thursday."""
DAYS = [date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 25)]
HOURS = range(5, 24)
LINES = {"1": ("a", "b", "c", "d"), "2": ("b", "e", "f"), "3": ("f", "c", "g", "h")}
PLACES = {"a": (47.0, 4.0), "b": (47.02, 4.01), "c": (47.05, 4.0), "d": (47.08, 4.02)}
PLACES |= {"e": (47.02, 4.05), "f": (47.03, 4.08), "g": (47.06, 4.06), "h": (47.09, 4.09)}


def write_feed() -> dict[str, bytes]:
    """Three lines that meet, every hour in both directions; the last trips go on after midnight."""
    stops = "\n".join(f"{name},{name},{lat},{lon}" for name, (lat, lon) in PLACES.items())
    trips, times = [], []
    for line, names in LINES.items():
        for way, called in enumerate((names, names[::-1])):
            for hour in HOURS:
                trip = f"{line}-{way}-{hour}"
                trips.append(f"{line},week,{trip},{way}")
                for number, stop in enumerate(called):
                    minute = hour * 60 + way * 9 + int(line) * 5 + number * 12
                    at = f"{minute // 60:02}:{minute % 60:02}:00"
                    times.append(f"{trip},{at},{at},{stop},{number + 1}")
    return files(
        stops=f"stop_id,stop_name,stop_lat,stop_lon\n{stops}",
        routes="route_id,agency_id,route_short_name,route_type\n" + "\n".join(f"{line},A,{line},3" for line in LINES),
        trips="route_id,service_id,trip_id,direction_id\n" + "\n".join(trips),
        stop_times="trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + "\n".join(times),
    )


@pytest.fixture(scope="module")
def town(test_cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a database with a timetable and three days of imagined use, which no test changes but by counting."""
    with new_database(test_cluster) as url:
        load_gtfs(pack(tmp_path_factory.mktemp("feed") / "town.zip", write_feed()), "town", url, now=NOW)
        imagine(url, DAYS, 4_000, 7)
        yield url


@contextmanager
def connect(url: str) -> Iterator[Connection[Any]]:
    with psycopg.connect(libpq_conninfo(url)) as connection:
        yield connection


def read(url: str, query: str, *values: object) -> list[tuple[Any, ...]]:
    with connect(url) as connection:
        return connection.execute(query.encode(), values).fetchall()


def count(url: str, *days: date, now: datetime = NOW) -> list[service.Tally]:
    return [service.count_day(task) for task in service.plan_tasks(url, days, now)]


def dump(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {table: sorted(map(repr, read(url, f"SELECT * FROM {table}"))) for table, _ in store.COUNTED.values()}


@pytest.fixture(scope="module")
def counted(town: str) -> str:
    count(town, *DAYS)
    return town


PEOPLE = "count(DISTINCT who) + count(*) FILTER (WHERE who IS NULL)"
LOCAL_HOUR = """extract(hour FROM (((%(day)s + time '12:00') AT TIME ZONE 'Europe/Paris')
    - interval '12 h' + {} * interval '1 s') AT TIME ZONE 'Europe/Paris')"""
ORACLES = {
    "demand": f"""
        SELECT day, travel_day, travel_minute / 60, origin, destination, outcome, reason, count(*), {PEOPLE},
            sum(seconds), sum(wait)
        FROM trace_search WHERE day = %(day)s GROUP BY 1, 2, 3, 4, 5, 6, 7
        EXCEPT ALL SELECT asked, day, hour, origin, destination, outcome, reason, searches, people, seconds, wait
        FROM usage_demand WHERE asked = %(day)s
    """,
    "refusal": f"""
        SELECT day, hour, service, source, coalesce(origin, 0), coalesce(destination, 0), reason, sum(passengers),
            {PEOPLE}
        FROM trace_ride WHERE day = %(day)s AND deed = 'refused' GROUP BY 1, 2, 3, 4, 5, 6, 7
        EXCEPT ALL SELECT day, hour, service, source, origin, destination, reason, asked, people
        FROM usage_refusal WHERE day = %(day)s
    """,
    "punctuality": f"""
        SELECT day, source, route, stop, {LOCAL_HOUR.format("departure")}::integer,
            count(*) FILTER (WHERE NOT cancelled), count(*) FILTER (WHERE cancelled),
            count(*) FILTER (WHERE departure_delay < -60),
            count(*) FILTER (WHERE departure_delay >= -60 AND departure_delay < 300),
            count(*) FILTER (WHERE departure_delay >= 300 AND departure_delay < 900),
            count(*) FILTER (WHERE departure_delay >= 900), coalesce(sum(departure_delay), 0)
        FROM trace_call WHERE day = %(day)s GROUP BY 1, 2, 3, 4, 5
        EXCEPT ALL SELECT day, source, route, stop, hour, calls, cancelled, early, on_time, late, very_late, delay
        FROM usage_punctuality WHERE day = %(day)s
    """,
    "change": f"""
        SELECT n.day, n.source, left(n.trip, 1), n.to_source, left(n.to_trip, 1), n.stop, n.to_stop,
            {LOCAL_HOUR.format("n.departure")}::integer, count(*),
            count(*) FILTER (WHERE NOT a.cancelled),
            count(*) FILTER (WHERE NOT a.cancelled AND (b.cancelled
                OR n.arrival + a.arrival_delay + n.walk > n.departure + b.departure_delay))
        FROM trace_change n
        JOIN trace_call a ON (a.day, a.source, a.trip, a.stop) = (n.day, n.source, n.trip, n.stop)
        JOIN trace_call b ON (b.day, b.source, b.trip, b.stop) = (n.to_day, n.to_source, n.to_trip, n.to_stop)
        WHERE n.day = %(day)s GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
        EXCEPT ALL SELECT day, source, route, to_source, to_route, stop, to_stop, hour, planned, judged, missed
        FROM usage_change WHERE day = %(day)s
    """,
    "load": f"""
        SELECT day, source, trip, sequence, sum(passengers), {PEOPLE}
        FROM trace_ride WHERE day = %(day)s AND deed = 'boarded' AND service = 'transit' AND trip NOT IN (
            SELECT trip FROM trace_call WHERE day = %(day)s GROUP BY 1 HAVING bool_and(cancelled))
        GROUP BY 1, 2, 3, 4
        EXCEPT ALL SELECT day, source, trip, sequence, boardings, people FROM usage_load WHERE day = %(day)s
    """,
    "supply": """
        SELECT day, service, source, route, count(*), sum(metres), sum(empty_metres), sum(passengers),
            sum(passenger_metres), sum(cost_cents), sum(subsidy_cents)
        FROM trace_run WHERE day = %(day)s GROUP BY 1, 2, 3, 4
        EXCEPT ALL SELECT day, service, source, route, runs, metres, empty_metres, passengers, passenger_metres,
            cost_cents, subsidy_cents
        FROM usage_supply WHERE day = %(day)s AND service <> 'transit'
    """,
}
"""What plain SQL counts of the notes and the tables do not hold."""
SIZES = {
    "demand": "SELECT count(DISTINCT (travel_day, travel_minute / 60, origin, destination, outcome, reason)) FROM "
    "trace_search WHERE day = %(day)s",
    "punctuality": "SELECT count(DISTINCT (source, route, stop, departure / 3600)) FROM trace_call WHERE day = %(day)s",
}


@pytest.mark.parametrize("part", sorted(ORACLES))
def test_a_day_is_what_plain_sql_counts(counted: str, part: str) -> None:
    table, column = store.COUNTED[part]
    with connect(counted) as connection:
        for day in DAYS:
            assert connection.execute(ORACLES[part].encode(), {"day": day}).fetchall() == []
            (rows,) = connection.execute(
                f"SELECT count(*) FROM {table} WHERE {column} = %s".encode(), (day,)
            ).fetchone() or (0,)
            assert rows
            if part in SIZES:
                assert connection.execute(SIZES[part].encode(), {"day": day}).fetchone() == (rows,)


def test_lines_are_told_by_their_timetable(counted: str) -> None:
    found = read(
        counted,
        "SELECT day, route, runs, passengers, fares_cents, cost_cents, co2_grams > 0, metres / runs FROM usage_supply "
        "WHERE service = 'transit' ORDER BY 1, 2",
    )
    assert len(found) == 9
    gone = dict(
        read(counted, "SELECT (day, left(trip, 1))::text, count(DISTINCT trip) FROM (SELECT day, trip FROM trace_call "
        "GROUP BY 1, 2 HAVING bool_and(cancelled)) c GROUP BY 1")
    )  # fmt: skip
    rides = read(
        counted,
        "SELECT day, route, sum(passengers), sum(cents) FROM trace_ride WHERE deed = 'boarded' AND service = 'transit' "
        "GROUP BY 1, 2 ORDER BY 1, 2",
    )
    for (day, route, runs, passengers, cents, cost, emits, _), ride in zip(found, rides, strict=True):
        assert (day, route, passengers, cents) == ride
        assert runs == 2 * len(HOURS) - gone.get(f"({day},{route})", 0)
        assert (cost, emits) == (None, True)
    for route, names in LINES.items():
        points = [Point(*PLACES[name][::-1]) for name in names]
        straight = sum(starmap(haversine, pairwise(points)))
        assert {one[-1] for one in found if one[1] == route} == {int(round(straight * 38) / 38)}


def test_people_who_get_off_are_those_who_got_on(counted: str) -> None:
    found = read(
        counted,
        "SELECT day, trip, sum(boardings) - sum(alightings), min(load), min(alightings) FROM usage_load GROUP BY 1, 2",
    )
    assert {one[2] for one in found} == {0}
    assert min(one[3] for one in found) >= 0
    assert min(one[4] for one in found) >= 0


def test_counting_again_changes_nothing(counted: str) -> None:
    before = dump(counted)
    count(counted, *DAYS)
    assert dump(counted) == before


def test_dask_counts_the_same(counted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(counted)
    monkeypatch.setattr(spreading, "PATIENCE", 60.0)
    tasks = service.plan_tasks(counted, DAYS, NOW)
    done = list(count_days(tasks, LOCAL))
    assert {task.day for task, _ in done} == set(DAYS)
    assert not [one for _, one in done if isinstance(one, MobigoError)]
    assert dump(counted) == before
    assert "password" not in repr(tasks[0])
    assert repr(tasks[0]) == "Task(2026-11-23)"


def test_a_scheduler_that_does_not_answer_is_named() -> None:
    with pytest.raises(Unavailable, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        list(count_days([], "tcp://127.0.0.1:1"))


def test_a_day_that_has_not_begun_is_not_counted(counted: str) -> None:
    with pytest.raises(InvalidInput, match="2026-11-27 has not begun; the last day that can be counted is 2026-11-26"):
        count(counted, date(2026, 11, 27))


@pytest.fixture
def small(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    load_gtfs(pack(tmp_path_factory.mktemp("feed") / "town.zip", write_feed()), "town", database_url, now=NOW)
    return database_url


def test_days_are_due_today_at_night_and_when_they_were_missed(small: str) -> None:
    assert service.list_due(small, NOW) == []
    imagine(small, [DAYS[0]], 300, 7)
    three = [*DAYS, NOW.date()]
    assert service.list_due(small, NOW) == three
    for task in service.plan_tasks(small, three, NOW):
        service.count_day(task)
    assert service.list_due(small, NOW + timedelta(hours=5)) == [NOW.date()]
    assert service.list_due(small, NOW + timedelta(hours=13, minutes=50)) == [date(2026, 11, 27)]  # 02:50
    assert service.list_due(small, NOW + timedelta(hours=14)) == [*three, date(2026, 11, 27)]  # 03:00 in Paris
    late = NOW + timedelta(days=4)
    list(count_days(service.plan_tasks(small, service.list_due(small, late), late), HERE))
    with connect(small) as connection:
        assert [one.day for one in store.list_counted(connection) if one.final] == DAYS[:2]
    assert service.list_due(small, late + timedelta(days=1))[0] == DAYS[2]


def test_a_day_counted_for_good_stays_as_it_is(small: str) -> None:
    imagine(small, [DAYS[0]], 300, 7)
    late = NOW + timedelta(days=5)
    count(small, DAYS[0], now=late)
    before = dump(small)
    with connect(small) as connection:
        connection.execute("TRUNCATE trace_search, trace_change, trace_ride, trace_run, trace_call")
    with pytest.raises(Conflict, match="2026-11-23 was counted for good on 2026-12-01 and its notes are forgotten"):
        count(small, DAYS[0], now=late)
    ((_, problem),) = count_days(service.plan_tasks(small, [DAYS[0]], late), HERE)
    assert isinstance(problem, Conflict)
    assert dump(small) == before
    imagine(small, [DAYS[0]], 300, 8)  # in a sandbox its use is another now
    assert [tally.notes > 300 for tally in count(small, DAYS[0], now=late)] == [True]


def test_a_count_that_fails_leaves_what_was_counted(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(small, [DAYS[0]], 300, 7)
    count(small, DAYS[0])
    before = dump(small)
    imagine(small, [DAYS[0]], 300, 8)

    with monkeypatch.context() as broken:
        broken.setitem(store.COUNTED, "supply", ("usage_nothing", "day"))
        with pytest.raises(psycopg.errors.UndefinedTable):
            count(small, DAYS[0])
    assert dump(small) == before


def test_the_same_seed_imagines_the_same(small: str) -> None:
    def look() -> list[list[str]]:
        return [sorted(map(repr, read(small, f"SELECT * FROM {table}"))) for table in store.NOTED]

    imagine(small, DAYS[:1], 500, 7)
    first = look()
    assert all(map(len, first))
    imagine(small, DAYS[:1], 500, 7)
    assert look() == first  # in place of those there were
    imagine(small, DAYS[:1], 500, 8)
    assert look() != first


def test_squares_become_communes_when_they_are_old(small: str) -> None:
    """Two squares of one commune become its centre's; a square of none becomes nowhere."""
    imagine(small, DAYS[:1], 300, 7)
    count(small, *DAYS[:2], now=NOW + timedelta(days=30))
    semur, other, far = (cell_at(Point(lon, lat)) for lon, lat in ((4.335, 47.49), (4.36, 47.49), (-20.0, 40.0)))
    rows = [(1, semur, 5), (2, other, 7), (1, other, 1), (1, far, 2)]
    with connect(small) as connection:
        connection.execute("DELETE FROM usage_demand")
        connection.execute("DELETE FROM usage_refusal")
        for hour, square, people in rows:
            connection.execute(
                "INSERT INTO usage_demand VALUES (%s, %s, %s, %s, %s, 'answered', '', %s, %s, 10, 20)",
                (DAYS[0], DAYS[0], hour, square, semur, people + 1, people),
            )
        connection.execute(
            "INSERT INTO usage_refusal VALUES (%s, 8, 'ondemand', 'tad', 0, %s, 'full', 3, 2)", (DAYS[0], other)
        )
        _add_commune(connection)
    later = NOW + timedelta(days=398)
    assert service.coarsen(small, later, 400) == 1  # the second day is not that old
    assert sorted(read(small, "SELECT hour, origin, destination, searches, people, seconds FROM usage_demand")) == [
        (1, 0, semur, 3, 2, 10),
        (1, semur, semur, 8, 6, 20),
        (2, semur, semur, 8, 7, 10),
    ]
    assert read(small, "SELECT origin, destination, asked, people FROM usage_refusal") == [(0, semur, 3, 2)]
    assert service.coarsen(small, later, 400) == 0


def _add_commune(connection: Connection[Any]) -> None:
    """Have a town in the extract in service."""
    connection.execute("CREATE TABLE osm_place_v1 PARTITION OF osm_place_versions FOR VALUES IN (1)")
    connection.execute(
        "INSERT INTO osm_place_v1 (version, osm_type, osm_id, kind, name, population, insee, geom) "
        "VALUES (1, 'node', 1, 'town', 'Semur', 4300, '21603', ST_SetSRID(ST_MakePoint(4.335, 47.49), 4326))"
    )
    connection.execute(
        "WITH told AS (INSERT INTO osm_extract (name, hash, loaded_at, counts, report) "
        "VALUES ('test', '', now(), '{}', '{}') RETURNING id) UPDATE osm_active SET version = (SELECT id FROM told)"
    )
