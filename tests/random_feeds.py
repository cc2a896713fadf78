"""Small random GTFS feeds and questions that sit on the edges: ties, loops, nights, blocks, walks of every kind.

A feed is a dict of file name to text. The same seed gives the same case for ever; `cases` is the same thing as a
hypothesis strategy, and `shrink` takes rows away from a case as long as it still shows what it shows.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain, pairwise, product
from random import Random
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Rows = list[dict[str, str]]

LAT, LON = 47.49, 4.33
METRES_OF_A_DEGREE = 111_195.0
COS_LAT = 0.6757

ORDINARY = (date(2026, 6, 10), date(2026, 12, 31))
CHANGING = {
    "Europe/Paris": (date(2026, 3, 29), date(2026, 10, 25), date(2027, 3, 28)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 30)),
    "Asia/Kolkata": ORDINARY,
}
"""Days whose night is shorter or longer, by zone: by an hour, by half an hour, at midnight, never."""

HOPS = (0, 60, 60, 120, 180, 300, 600, 900)
DWELLS = (0, 0, 0, 0, 60, 120)
LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Case:
    """A feed, the command's options, and questions."""

    tables: dict[str, Rows]
    queries: Rows
    link_metres: float = 100.0
    change_seconds: int = 0
    footpaths: Rows | None = None

    @property
    def files(self) -> dict[str, str]:
        """The feed as texts by file name."""
        return {f"{name}.txt": write_rows(rows) for name, rows in self.tables.items() if rows}


def write_rows(rows: Rows) -> str:
    """CSV text with every column that any row has."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_time(seconds: int) -> str:
    """HH:MM:SS, hours as many as it takes."""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Maker:
    """Draws one feed; `rng` decides everything."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.zone = "Europe/Paris" if rng.random() < 0.8 else rng.choice(list(CHANGING))
        self.day = rng.choice(CHANGING[self.zone] if rng.random() < 0.4 else ORDINARY)
        self.centre = rng.choice((8 * 3600, 8 * 3600, 24 * 3600, 26 * 3600 + 1800, 2 * 3600 + 1800))
        """Seconds after service midnight around which trips begin."""
        self.chained = rng.random() < 0.6
        """Whether lines cover short stretches of A, B, C.., so that one must change to get far."""
        self.tables: dict[str, Rows] = {}

    def chance(self, probability: float) -> bool:
        """Whether a thing of this probability happens."""
        return self.rng.random() < probability

    def make(self) -> dict[str, Rows]:
        """All tables of the feed."""
        self.tables["agency"] = [
            {"agency_id": name, "agency_name": name, "agency_url": "https://example.org", "agency_timezone": self.zone}
            for name in ("one", "two")[: self.rng.randint(1, 2)]
        ]
        self.tables["routes"] = [
            {
                "route_id": f"r{n}",
                "agency_id": self.rng.choice(self.tables["agency"])["agency_id"],
                "route_short_name": str(n),
                "route_type": self.rng.choice(("3", "3", "3", "0")),
            }
            for n in range(self.rng.randint(1, 3))
        ]
        self.make_stops()
        self.make_services()
        self.make_trips()
        self.make_transfers()
        self.rng.shuffle(self.tables["stop_times"])
        return self.tables

    def make_stops(self) -> None:
        """Stops on a grid of 40 m with a little jitter, some on one spot, some under stations."""
        rows: Rows = []
        stations = [f"S{n}" for n in range(self.rng.choice((0, 0, 1, 2)))]
        spread = self.rng.choice((8, 40, 100))
        for letter in LETTERS[: self.rng.randint(4, 6) if self.chained else self.rng.randint(3, 9)]:
            if rows and self.chance(0.1):
                lat, lon = rows[-1]["stop_lat"], rows[-1]["stop_lon"]
            elif rows and self.chance(0.3):
                lat = f"{float(rows[-1]['stop_lat']) + self.rng.uniform(-110, 110) / METRES_OF_A_DEGREE:.7f}"
                lon = rows[-1]["stop_lon"]
            else:
                north, east = (40 * self.rng.randrange(spread) + self.rng.uniform(-3, 3) for _ in range(2))
                lat = f"{LAT + north / METRES_OF_A_DEGREE:.7f}"
                lon = f"{LON + east / METRES_OF_A_DEGREE / COS_LAT:.7f}"
            parent = self.rng.choice(stations) if stations and self.chance(0.5) else ""
            rows.append(
                {
                    "stop_id": letter,
                    "stop_name": letter,
                    "stop_lat": lat,
                    "stop_lon": lon,
                    "location_type": self.rng.choice(("", "0")),
                    "parent_station": parent,
                }
            )
        self.stops = [row["stop_id"] for row in rows]
        for station in stations:
            middle = self.rng.choice(rows)
            rows.append(middle | {"stop_id": station, "stop_name": station, "location_type": "1", "parent_station": ""})
        self.places = [row["stop_id"] for row in rows]
        self.tables["stops"] = rows

    def make_services(self) -> None:
        """Services over the three days, by weekdays, by dates, by both."""
        self.days = [self.day + timedelta(days=n) for n in (-1, 0, 1)]
        weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
        calendar, exceptions = [], []
        style = self.rng.choice(("both", "calendar", "dates"))
        self.services = [f"w{n}" for n in range(self.rng.randint(1, 4))]
        for service in self.services:
            if style == "calendar" or (style == "both" and self.chance(0.6)):
                begin = self.rng.choice(self.days[:2])
                bits = {name: str(int(self.chance(0.9))) for name in weekdays}
                dates = {"start_date": f"{begin:%Y%m%d}", "end_date": f"{self.days[-1]:%Y%m%d}"}
                calendar.append({"service_id": service} | bits | dates)
            if style != "calendar":
                exceptions += [
                    {"service_id": service, "date": f"{day:%Y%m%d}", "exception_type": self.rng.choice("1112")}
                    for day in self.days
                    if self.chance(0.75)
                ]
        self.tables["calendar"], self.tables["calendar_dates"] = calendar, exceptions

    def make_trips(self) -> None:
        """Trips of a few patterns; some follow another in its block, some are copies or overtake."""
        self.tables["trips"], self.tables["stop_times"], self.tables["frequencies"] = [], [], []
        longest = self.rng.choice((2, 2, 2, 3) if self.chained else (2, 3, 3, 5))
        patterns = [self.draw_pattern(longest) for _ in range(self.rng.randint(1, 5))]
        loose = self.rng.random() * 0.4
        meeting = self.rng.choice((0.2, 0.6, 0.9))
        blocks = self.rng.choice((0.0, 0.0, 0.3, 0.7))
        if self.chained:
            self.make_chain()
        previous = None
        for n in range(self.rng.randint(6 if self.chained else 3, 16)):
            trip = {
                "trip_id": f"t{n}",
                "route_id": self.rng.choice(self.tables["routes"])["route_id"],
                "service_id": self.rng.choice(self.services),
                "block_id": "",
            }
            stops = self.rng.choice(patterns)
            start = self.centre + 300 * self.rng.randint(-12, 12)
            if self.chance(0.15):
                start += 86400 * self.rng.choice((1, 1, 2))
            if self.chance(0.1):
                start += self.rng.randrange(60)
            if self.chance(blocks):
                trip["block_id"] = self.rng.choice("bbbc")
                if previous and self.chance(0.7):
                    before, stop, ends = previous
                    start = ends + self.rng.choice((0, 0, 60, 600, 3600, -60))
                    trip |= {key: before[key] for key in ("service_id", "route_id", "block_id")}
                    stops = [stop, *stops[1:]] if self.chance(0.7) else stops
            elif self.tables["trips"] and self.chance(meeting):
                stop, seconds, trip["service_id"] = self.meet()
                start = seconds + self.rng.choice((0, 0, 60, 120, 300))
                onward = self.follow(stop, self.rng.randint(2, longest))
                stops = (onward if len(onward) > 1 else stops) if self.chained else [stop, *stops[1:]]
            ends = self.add_trip(trip, stops, max(start, 0), loose)
            previous = (trip, stops[-1], ends) if trip["block_id"] else None
            if self.chance(0.12) and not trip["block_id"]:
                self.add_frequencies(trip["trip_id"])

    def make_chain(self) -> None:
        """Trips from stop to stop, each after the one before, some not in time."""
        clock = max(0, self.centre - 300 * self.rng.randint(0, 12))
        service = self.services[0]
        for n, pair in enumerate(pairwise(self.stops)):
            trip = {"trip_id": f"c{n}", "route_id": "r0", "service_id": service, "block_id": ""}
            clock = self.add_trip(trip, list(pair), clock, 0.0) + self.rng.choice((0, 0, 60, 120, 300, 600, -60))

    def meet(self) -> tuple[str, int, str]:
        """A stop (or one beside it), a time and a service at which somebody gets off."""
        services = {row["trip_id"]: row["service_id"] for row in self.tables["trips"]}
        rows = [row for row in self.tables["stop_times"] if row["arrival_time"]]
        row = self.rng.choice(rows)
        hours, minutes, seconds = (int(part) for part in row["arrival_time"].split(":"))
        stop = row["stop_id"] if self.chance(0.7) else self.rng.choice(self.stops)
        service = services[row["trip_id"]] if self.chance(0.8) else self.rng.choice(self.services)
        return stop, 3600 * hours + 60 * minutes + seconds, service

    def follow(self, stop: str, length: int) -> list[str]:
        """Stops in the order of their letters, from this one."""
        begin = self.stops.index(stop)
        return self.stops[begin : begin + length]

    def draw_pattern(self, longest: int) -> list[str]:
        """Two stops or more; one may come twice, even at once."""
        length = min(len(self.stops), self.rng.randint(2, longest))
        if self.chained:
            stops = self.follow(self.rng.choice(self.stops[: 1 - length or None]), length)
            if self.chance(0.15):
                stops.reverse()
        else:
            stops = self.rng.sample(self.stops, length)
        if self.chance(0.2):
            stops.insert(self.rng.randrange(len(stops) + 1), self.rng.choice(stops))
        return stops

    def add_trip(self, trip: dict[str, str], stops: list[str], start: int, loose: float) -> int:
        """Add the trip and its times; returns when it ends."""
        self.tables["trips"].append(trip)
        clock, sequence, travelled = start, self.rng.randint(0, 3), 0.0
        shaped = self.chance(0.3)
        rows = []
        for n, stop in enumerate(stops):
            arrival = clock
            clock += self.rng.choice(DWELLS)
            row = {
                "trip_id": trip["trip_id"],
                "stop_id": stop,
                "stop_sequence": str(sequence),
                "arrival_time": write_time(arrival),
                "departure_time": write_time(clock),
                "pickup_type": self.draw_service_type(),
                "drop_off_type": self.draw_service_type(),
                "shape_dist_traveled": f"{travelled:.3f}" if shaped else "",
            }
            if 0 < n < len(stops) - 1 and self.chance(loose):
                row |= self.rng.choice(
                    ({"arrival_time": "", "departure_time": ""}, {"arrival_time": ""}, {"departure_time": ""})
                )
            rows.append(row)
            clock += self.rng.choice(HOPS)
            sequence += self.rng.randint(1, 5)
            travelled += self.rng.random()
        self.tables["stop_times"] += rows
        return clock

    def draw_service_type(self) -> str:
        """A pickup_type or drop_off_type, mostly ordinary."""
        return self.rng.choice(("", "0", "2", "3", "1", "1")) if self.chance(0.2) else ""

    def add_frequencies(self, trip: str) -> None:
        """One or two periods in which the trip repeats, not overlapping."""
        begin = self.centre + 300 * self.rng.randint(-8, 4)
        for _ in range(self.rng.randint(1, 2)):
            headway = self.rng.choice((240, 300, 420, 600))
            end = begin + headway * self.rng.randint(1, 3) + self.rng.choice((0, 0, 1, 100))
            self.tables["frequencies"].append(
                {
                    "trip_id": trip,
                    "start_time": write_time(begin),
                    "end_time": write_time(end),
                    "headway_secs": str(headway),
                    "exact_times": self.rng.choice(("", "0", "1")),
                }
            )
            begin = end + self.rng.choice((0, 300))

    def make_transfers(self) -> None:
        """Rows of types 0 to 3 between stops and stations, a stop with itself included."""
        rows = []
        for _ in range(self.rng.choice((0, 0, 2, 4, 8))):
            a, b = self.rng.choice(self.places), self.rng.choice(self.places)
            if self.chance(0.6):
                a, b = self.rng.choices(self.follow(self.rng.choice(self.stops), 2), k=2)
            kind = self.rng.choice(("", "0", "1", "2", "2", "2", "3"))
            given = self.rng.choice(("0", "60", "120", "200", "600")) if kind == "2" or self.chance(0.2) else ""
            rows.append({"from_stop_id": a, "to_stop_id": b, "transfer_type": kind, "min_transfer_time": given})
        if self.chance(0.15):
            rows += self.link_trips()
        if self.chance(0.1):
            route = self.rng.choice(self.tables["routes"])["route_id"]
            rows = [row | {"from_route_id": route} if self.chance(0.3) else row for row in rows]
        self.tables["transfers"] = rows

    def link_trips(self) -> Rows:
        """Rows of types 4 and 5; a trip goes on as one other at most."""
        names = [row["trip_id"] for row in self.tables["trips"]]
        firsts, seconds = (self.rng.sample(names, min(3, len(names))) for _ in range(2))
        return [
            {"transfer_type": self.rng.choice("445"), "from_trip_id": a, "to_trip_id": b}
            for a, b in zip(firsts, seconds, strict=True)
            if a != b
        ]

    def make_footpaths(self) -> Rows:
        """Directed walks between stops; a pair may come twice, a stop with itself."""
        names = self.places if self.chance(0.2) else self.stops
        return [
            {
                "from_stop": self.rng.choice(names),
                "to_stop": self.rng.choice(names),
                "seconds": str(self.rng.choice((0, 30, 60, 120, 300))),
            }
            for _ in range(self.rng.randint(0, 8))
        ]

    def make_query(self, name: str) -> dict[str, str]:
        """One question, often exactly at the time something happens."""
        times = [
            row[column]
            for row in self.tables["stop_times"]
            for column in ("arrival_time", "departure_time")
            if row[column]
        ]
        direction = self.rng.choice(("depart", "arrive"))
        best = max if direction == "arrive" else min
        event = best(self.rng.choice(times) for _ in range(self.rng.choice((1, 2, 3))))
        hours, minutes, seconds = (int(part) for part in event.split(":"))
        if self.chained:
            ends = [self.rng.choice("AAAB"), self.rng.choice(self.stops[-1:] * 3 + self.stops[-2:])]
        else:
            ends = [self.rng.choice(self.tables["stop_times"])["stop_id"] for _ in range(2)]
        a, b = (stop if self.chance(0.7) else self.rng.choice(self.places) for stop in ends)
        if a == b and self.chance(0.9):
            b = self.rng.choice([place for place in self.places if place != a])
        noon = datetime.combine(self.rng.choice(self.days), datetime.min.time()).replace(
            hour=12, tzinfo=ZoneInfo(self.zone)
        )
        moment = noon.timestamp() - 12 * 3600 + 3600 * hours + 60 * minutes + seconds
        moment += self.rng.choice((0, 0, 0, 60, -60, -600, -1800, 1, -1))
        local = datetime.fromtimestamp(moment, ZoneInfo(self.zone)).replace(fold=0)
        offset = self.chance(0.5)
        return {
            "id": name,
            "from_stop": a,
            "to_stop": b,
            "time": (local if offset else local.replace(tzinfo=None)).isoformat(),
            "direction": "" if direction == "depart" and self.chance(0.1) else direction,
            "window_minutes": self.rng.choice(("", "0", "0", "10", "60", "120", "1440")),
            "max_transfers": self.rng.choice(("", "", "", "0", "1", "2", "3")),
        }


def make_case(rng: Random, queries: int = 8) -> Case:
    """One feed with its options and questions."""
    maker = Maker(rng)
    tables = maker.make()
    return Case(
        tables,
        [maker.make_query(f"q{n}") for n in range(queries)],
        link_metres=rng.choice((100.0, 100.0, 0.0, 60.0, 250.0)),
        change_seconds=rng.choice((0, 0, 60, 120)),
        footpaths=maker.make_footpaths() if rng.random() < 0.2 else None,
    )


def seeded_case(seed: int, queries: int = 8) -> Case:
    """The case of a seed."""
    return make_case(Random(seed), queries)


cases: st.SearchStrategy[Case] = st.randoms(use_true_random=False).map(make_case)
"""Cases as hypothesis draws them."""


def drop_rows(case: Case) -> Iterator[Case]:
    """Cases with one question, one trip or one row less."""
    if len(case.queries) > 1:
        yield from (replace(case, queries=[query]) for query in case.queries)
    for trip in case.tables["trips"]:
        gone = trip["trip_id"]
        yield replace(
            case,
            tables={name: [row for row in rows if row.get("trip_id") != gone] for name, rows in case.tables.items()},
        )
    for name in ("transfers", "frequencies", "calendar_dates", "calendar", "stop_times", "stops"):
        rows = case.tables[name]
        calls = Counter(row["trip_id"] for row in rows) if name == "stop_times" else {}
        for n in range(len(rows)):
            if calls and calls[rows[n]["trip_id"]] < 3:
                continue
            yield replace(case, tables=case.tables | {name: rows[:n] + rows[n + 1 :]})
    for n in range(len(case.footpaths or [])):
        yield replace(case, footpaths=case.footpaths[:n] + case.footpaths[n + 1 :])


def drop_cells(case: Case) -> Iterator[Case]:
    """Cases with one optional cell or option less."""
    if case.change_seconds:
        yield replace(case, change_seconds=0)
    optional = {
        "stop_times": ("pickup_type", "drop_off_type", "shape_dist_traveled"),
        "trips": ("block_id",),
        "stops": ("parent_station",),
    }
    for name, columns in optional.items():
        rows = case.tables[name]
        for column, (n, row) in product(columns, enumerate(rows)):
            if row.get(column):
                yield replace(case, tables=case.tables | {name: [*rows[:n], row | {column: ""}, *rows[n + 1 :]]})


def shrink(case: Case, shows: Callable[[Case], bool]) -> Case:
    """Take things away as long as the case still shows what it shows."""
    while True:
        for candidate in chain(drop_rows(case), drop_cells(case)):
            try:
                still = shows(candidate)
            except (KeyError, IndexError, ValueError):
                continue
            if still:
                case = candidate
                break
        else:
            return case
