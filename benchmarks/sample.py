"""Seeded questions from door to door, drawn from the raw files alone."""

from __future__ import annotations

import csv
import io
import math
import random
import zipfile
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

METRES_PER_DEGREE = 111_195.0
EARLIEST, LATEST = time(6), time(20)


class Question(NamedTuple):
    """From here to there, leaving at."""

    origin: tuple[float, float]
    """lat, lon."""
    destination: tuple[float, float]
    at: datetime


def read_table(feed: Path, name: str) -> Iterator[dict[str, str]]:
    """Read the rows of a file of a feed."""
    with zipfile.ZipFile(feed) as archive, archive.open(name) as raw:
        yield from csv.DictReader(io.TextIOWrapper(raw, "utf-8-sig", newline=""))


def served_stops(feed: Path, day: date) -> list[tuple[float, float]]:
    """Return where vehicles call between 06:00 and 20:00 of a day; lat, lon, sorted."""
    stamp, weekday = day.strftime("%Y%m%d"), day.strftime("%A").lower()
    names = zipfile.ZipFile(feed).namelist()
    runs: set[str] = set()
    if "calendar.txt" in names:
        runs = {
            row["service_id"]
            for row in read_table(feed, "calendar.txt")
            if row[weekday] == "1" and row["start_date"] <= stamp <= row["end_date"]
        }
    if "calendar_dates.txt" in names:
        for row in read_table(feed, "calendar_dates.txt"):
            if row["date"] == stamp:
                (runs.add if row["exception_type"] == "1" else runs.discard)(row["service_id"])
    trips = {row["trip_id"] for row in read_table(feed, "trips.txt") if row["service_id"] in runs}
    served = {
        row["stop_id"]
        for row in read_table(feed, "stop_times.txt")
        if row["trip_id"] in trips and "06:00:00" <= row["departure_time"].rjust(8, "0") < "20:00:00"
    }
    return sorted(
        (float(row["stop_lat"]), float(row["stop_lon"]))
        for row in read_table(feed, "stops.txt")
        if row["stop_id"] in served
    )


def draw(feed: Path, day: date, zone: str, count: int, *, seed: int, metres: float = 800.0) -> list[Question]:
    """Draw questions whose ends lie within so many metres of a served stop."""
    stops, chance = served_stops(feed, day), random.Random(seed)
    start = datetime.combine(day, EARLIEST, ZoneInfo(zone))
    span = (LATEST.hour - EARLIEST.hour) * 3600

    def near() -> tuple[float, float]:
        lat, lon = chance.choice(stops)
        away, turn = metres * math.sqrt(chance.random()), chance.uniform(0, 2 * math.pi)
        north, east = away * math.cos(turn), away * math.sin(turn)
        scale = METRES_PER_DEGREE * math.cos(math.radians(lat))
        return round(lat + north / METRES_PER_DEGREE, 6), round(lon + east / scale, 6)

    return [Question(near(), near(), start + timedelta(seconds=chance.randrange(span))) for _ in range(count)]
