"""The punctuality of the recorded day of Dijon is that of its recorded delays."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections import Counter
from datetime import date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from tests.conftest import new_database
from tests.transit.test_recorded import dijon, keep

from mobigo.db.engine import libpq_conninfo
from mobigo.transit.recorded import Record
from mobigo.usage import notes, store
from mobigo.usage.punctuality import count_calls

if TYPE_CHECKING:
    from pathlib import Path

    from tests.transit.test_recorded import Dijon

__all__ = ["dijon"]

DAY = date(2023, 10, 31)
PARIS = ZoneInfo("Europe/Paris")
SORTS = ("early", "on_time", "late", "very_late")
EVENING = 27
"""Hour at which all of the day has been told."""


def sort_of(late: int) -> str:
    return "early" if late < -60 else "on_time" if late < 300 else "late" if late < 900 else "very_late"


def read_recorded(test_data: Path) -> tuple[Counter[tuple[str, str, int, str]], Counter[tuple[str, str, int]]]:
    """Sort the rows of the recording by line, stop, planned hour and lateness; also the sum of the seconds late."""
    with zipfile.ZipFile(test_data / "bfc/fr-bfc-divia-20231031.gtfs.zip") as feed:
        rows = csv.DictReader(io.TextIOWrapper(feed.open("trips.txt"), "utf-8-sig"))
        routes = {row["trip_id"]: row["route_id"] for row in rows}
    late: dict[tuple[str, str, int], int] = {}
    with gzip.open(test_data / "gtfs-rt/divia-20231031-trip-updates.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            by = "departure" if int(row["departure_time"] or 0) else "arrival"  # nothing departs where a trip ends
            at = int(row[f"{by}_time"] or 0)
            if row["trip_id"] in routes and at:
                seconds = int(row[f"{by}_delay"])
                late[row["trip_id"], row["stop_id"], at - seconds] = seconds  # some rows stand there twice
    calls: Counter[tuple[str, str, int, str]] = Counter()
    sums: Counter[tuple[str, str, int]] = Counter()
    for (trip, stop, planned), seconds in late.items():
        key = (routes[trip], stop, datetime.fromtimestamp(planned, PARIS).hour)
        calls[*key, sort_of(seconds)] += 1
        sums[key] += seconds
    return calls, sums


def test_the_punctuality_of_dijon_is_that_of_its_recorded_delays(
    dijon: Dijon,
    test_cluster: str,
    test_data: Path,
) -> None:
    with new_database(test_cluster) as url, psycopg.connect(libpq_conninfo(url), autocommit=True) as connection:
        record = Record()
        for hour in (12, 18, EVENING):
            keep(record, dijon, dijon.tell(hour), connection)
        values = {"day": sql.Literal(DAY), "before": sql.Literal(DAY), "after": sql.Literal(DAY)}
        told = store.read_frame(connection, sql.SQL(store.TOLD).format(**values), notes.TOLD)
    found = count_calls(DAY, told, {"divia": "Europe/Paris"})
    calls, seconds = read_recorded(test_data)
    counted = {
        (row["route"], row["stop"], row["hour"], sort): row[sort] for row in found.rows(named=True) for sort in SORTS
    }
    assert calls.total() > 60_000
    # 4-1551 was told of some trams that do not call there by the timetable
    apart = {key: calls[key] - counted.get(key, 0) for key in {*calls, *counted} if calls[key] != counted.get(key, 0)}
    assert {stop for _, stop, *_ in apart} <= {"4-1551"}
    assert sum(apart.values()) <= 7
    for row in found.rows(named=True):
        if row["stop"] != "4-1551":
            assert row["delay"] == seconds[row["route"], row["stop"], row["hour"]]
