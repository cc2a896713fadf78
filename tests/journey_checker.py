"""Check door-to-door answers against the raw files of the feeds, with nothing of the program in between.

`check_answer` takes the question and the JSON of ``GET /v1/journeys`` and says in sentences what is wrong: a vehicle
that is not in the feed, or not on that day, or not at that stop at that second; a walk faster than anybody runs; a
change that cannot be made; ends that are not those asked for; a number of transfers that does not add up.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

EARTH_RADIUS_METRES = 6_371_008.8
FASTEST_WALK = 2.5
"""Metres per second, along the straight line."""
SLOWEST_WALK = 0.25
"""Metres per second along the straight line: streets wind, people are slow, but not more than this."""
WALK_ALLOWANCE = 900
"""Seconds any walk may take beyond that: a river, a railway."""
SAME_PLACE = 30.0
"""Metres within which two places of an answer are one."""
SNAP = 150.0
"""Metres between an asked point and the street where the first walk begins."""
EARLIER_DAYS = 4
"""How many days before a departure its service day may lie."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Call(NamedTuple):
    """A row of stop_times.txt; times are text, empty when the feed has none."""

    sequence: int
    stop: str
    arrival: str
    departure: str
    pickup: str
    drop_off: str


class Occurrence(NamedTuple):
    """A leg found in the feed: between which calls of the trip, on which service day."""

    day: date
    first: int
    last: int


def measure(a: dict[str, Any], b: dict[str, Any]) -> float:
    """Metres between two places with lat and lon."""
    lat_a, lon_a, lat_b, lon_b = (math.radians(float(place[key])) for place in (a, b) for key in ("lat", "lon"))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(h)))


def parse_time(text: str) -> int | None:
    """Seconds after service midnight, None when there is no time."""
    if not text.strip():
        return None
    hours, minutes, seconds = text.split(":")
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds)


def parse_day(text: str) -> date:
    """A day written YYYYMMDD."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


class RawFeed:
    """The rows of one feed that journeys are made of, read with the csv module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zone = ZoneInfo(self.rows("agency.txt")[0]["agency_timezone"])
        self.stops = {row["stop_id"]: row for row in self.rows("stops.txt")}
        self.trips = {row["trip_id"]: row for row in self.rows("trips.txt")}
        self.calls = self.read_calls()
        self.calendar = {row["service_id"]: row for row in self.rows("calendar.txt")}
        self.exceptions = {
            (row["service_id"], row["date"]): row["exception_type"] for row in self.rows("calendar_dates.txt")
        }

    def open(self, name: str) -> AbstractContextManager[TextIO] | None:
        """A file of the feed, None when it has no such file."""
        if self.path.is_dir():
            file = self.path / name
            return file.open(encoding="utf-8-sig", newline="") if file.exists() else None
        archive = zipfile.ZipFile(self.path)
        if name not in archive.namelist():
            return None
        return io.TextIOWrapper(archive.open(name), "utf-8-sig", newline="")

    def rows(self, name: str) -> list[dict[str, str]]:
        """All rows of a small file."""
        file = self.open(name)
        if file is None:
            return []
        with file as lines:
            return [{key: (value or "").strip() for key, value in row.items() if key} for row in csv.DictReader(lines)]

    def read_calls(self) -> dict[str, list[Call]]:
        """Rows of stop_times.txt by trip; sorted when they are asked for."""
        calls: dict[str, list[Call]] = defaultdict(list)
        file = self.open("stop_times.txt")
        if file is None:
            return calls
        with file as lines:
            reader = csv.reader(lines)
            columns = {name.strip(): n for n, name in enumerate(next(reader))}
            names = ("stop_sequence", "stop_id", "arrival_time", "departure_time", "pickup_type", "drop_off_type")
            places = [columns.get(name) for name in names]
            trip = columns["trip_id"]
            for row in reader:
                cells = ["" if place is None else row[place] for place in places]
                calls[row[trip]].append(Call(int(cells[0]), *cells[1:]))
        return calls

    @cached_property
    def repeats(self) -> dict[str, list[tuple[int, int, int]]]:
        """Start, end and headway of the frequencies of each trip."""
        found = defaultdict(list)
        for row in self.rows("frequencies.txt"):
            bounds = (parse_time(row["start_time"]), parse_time(row["end_time"]), int(row["headway_secs"]))
            found[row["trip_id"]].append(bounds)
        return found

    @cached_property
    def blocks(self) -> dict[str, list[str]]:
        """Trips of each block."""
        found = defaultdict(list)
        for trip, row in self.trips.items():
            if row.get("block_id"):
                found[row["block_id"]].append(trip)
        return found

    def sort_calls(self, trip: str) -> list[Call]:
        """Calls of a trip in their order."""
        self.calls[trip].sort()
        return self.calls[trip]

    def runs_on(self, trip: str, day: date) -> bool:
        """Whether the service of a trip is active on a day."""
        service = self.trips[trip]["service_id"]
        exception = self.exceptions.get((service, f"{day:%Y%m%d}"))
        if exception:
            return exception == "1"
        row = self.calendar.get(service)
        if row is None or not parse_day(row["start_date"]) <= day <= parse_day(row["end_date"]):
            return False
        return row[WEEKDAYS[day.weekday()]] == "1"

    def begin_day(self, day: date) -> int:
        """Noon minus 12 h in seconds since 1970."""
        return int(datetime.combine(day, time(12), self.zone).timestamp()) - 12 * 3600

    def list_shifts(self, trip: str) -> Iterator[int]:
        """Seconds to add to the times of a trip: none, or one shift for each departure of its frequencies."""
        periods = self.repeats.get(trip)
        if not periods:
            yield 0
            return
        begins = parse_time(self.sort_calls(trip)[0].departure) or 0
        for start, end, headway in periods:
            yield from (departure - begins for departure in range(start, end, headway))

    def bound(self, trip: str, n: int) -> tuple[int, int, int, int]:
        """Earliest and latest arrival, then departure, of a call: equal when the feed gives the time."""
        calls = self.sort_calls(trip)
        arrival, departure = parse_time(calls[n].arrival), parse_time(calls[n].departure)
        if arrival is None and departure is None:
            before = next(
                t for c in reversed(calls[:n]) for t in (parse_time(c.departure or c.arrival),) if t is not None
            )
            after = next(t for c in calls[n + 1 :] for t in (parse_time(c.arrival or c.departure),) if t is not None)
            return before, after, before, after
        arrival = departure if arrival is None else arrival
        departure = arrival if departure is None else departure
        return arrival, arrival, departure, departure

    def find_runs(self, trip: str, ends: tuple[str, str], leaves: int, arrives: int) -> list[Occurrence]:
        """Where in the feed a trip goes between two stops at these seconds since 1970."""
        calls = self.sort_calls(trip)
        firsts = [n for n, call in enumerate(calls) if call.stop == ends[0] and call.pickup.strip() != "1"]
        lasts = [n for n, call in enumerate(calls) if call.stop == ends[1] and call.drop_off.strip() != "1"]
        local = datetime.fromtimestamp(leaves, self.zone).date()
        found = []
        for day in (local - timedelta(days=n) for n in range(-1, EARLIER_DAYS + 1)):
            if not self.runs_on(trip, day):
                continue
            for shift in self.list_shifts(trip):
                base = self.begin_day(day) + shift
                on = [n for n in firsts if self.bound(trip, n)[2] <= leaves - base <= self.bound(trip, n)[3]]
                off = [n for n in lasts if self.bound(trip, n)[0] <= arrives - base <= self.bound(trip, n)[1]]
                found += [Occurrence(day, a, b) for a in on for b in off if a < b]
        return found


class Question(NamedTuple):
    """What was asked: places as ``LAT,LON`` or a stop id, the instant, and the limits."""

    origin: str
    destination: str
    at: datetime
    arrive_by: bool = False
    window_minutes: int = 0
    max_transfers: int | None = None


class Checker:
    """Raw feeds by the name of their source, ready to check answers."""

    def __init__(self, sources: dict[str, Path]) -> None:
        self.feeds = {name: RawFeed(path) for name, path in sources.items()}

    def resolve(self, name: str) -> tuple[RawFeed | None, str]:
        """The feed and the id inside it of a public id."""
        source, colon, inner = name.partition(":")
        if colon and source in self.feeds:
            return self.feeds[source], inner
        if len(self.feeds) == 1:
            return next(iter(self.feeds.values())), name
        return None, name

    def check_answer(self, question: Question, answer: dict[str, Any]) -> list[str]:
        """Say everything that is wrong with an answer; nothing when all is well."""
        journeys = answer.get("journeys")
        if not isinstance(journeys, list):
            return ["the answer has no list of journeys"]
        faults = []
        ids = [journey.get("id") for journey in journeys]
        if len(set(ids)) != len(ids):
            faults.append(f"journeys share an id: {ids}")
        if not journeys and not answer.get("reason"):
            faults.append("no journey and no reason")
        for n, journey in enumerate(journeys):
            faults += [f"journey {n}: {fault}" for fault in self.check_journey(question, journey)]
        return faults

    def check_journey(self, question: Question, journey: dict[str, Any]) -> list[str]:
        """Say what is wrong with one journey."""
        legs = journey.get("legs") or []
        if not legs:
            return ["it has no legs"]
        faults = list(check_times(journey, "the journey"))
        for n, leg in enumerate(legs):
            faults += check_times(leg, f"leg {n}")
        if faults:
            return faults
        faults += check_order(journey, legs)
        faults += check_question(question, journey)
        faults += self.check_end(question.origin, legs[0]["from"], "begins")
        faults += self.check_end(question.destination, legs[-1]["to"], "ends")
        runs: list[list[Occurrence]] = []
        for n, leg in enumerate(legs):
            problems, found = self.check_vehicle(leg) if leg.get("trip_id") else (check_walk(leg), [])
            faults += [f"leg {n}: {problem}" for problem in problems]
            runs.append(found)
        faults += self.check_changes(journey, legs, runs, question.max_transfers)
        return faults

    def check_end(self, asked: str, place: dict[str, Any], verb: str) -> list[str]:
        """Say when a journey does not begin or end where it was asked to."""
        feed, stop = self.resolve(asked)
        if feed is not None and stop in feed.stops:
            row = feed.stops[stop]
            target = {"lat": row["stop_lat"], "lon": row["stop_lon"]}
            _, here = self.resolve(place.get("stop_id") or "")
            near = here == stop or feed.stops.get(here, {}).get("parent_station") == stop
            near = near or measure(target, place) <= SNAP
        else:
            lat, lon = asked.split(",")
            near = measure({"lat": lat, "lon": lon}, place) <= SNAP
        return [] if near else [f"it {verb} at {describe(place)}, asked was {asked}"]

    def check_vehicle(self, leg: dict[str, Any]) -> tuple[list[str], list[Occurrence]]:
        """Say what is wrong with a ride, and where in the feed it was found."""
        feed, trip = self.resolve(leg["trip_id"])
        if feed is None or trip not in feed.trips:
            return [f"trip {leg['trip_id']} is in no feed"], []
        if str(leg.get("mode", "")).lower() == "walk":
            return [f"it walks in trip {trip}"], []
        ends, faults = [], []
        for side in ("from", "to"):
            _, stop = self.resolve(leg[side].get("stop_id") or "")
            ends.append(stop)
            row = feed.stops.get(stop)
            if row is None:
                faults.append(f"{side} stop {leg[side].get('stop_id')} is in no feed")
            elif measure({"lat": row["stop_lat"], "lon": row["stop_lon"]}, leg[side]) > 1:
                faults.append(f"{side} stop {stop} does not lie at {describe(leg[side])}")
        if faults:
            return faults, []
        leaves, arrives = (int(datetime.fromisoformat(leg[key]).timestamp()) for key in ("departure", "arrival"))
        found = feed.find_runs(trip, (ends[0], ends[1]), leaves, arrives)
        if not found:
            times = f"{leg['departure']} to {leg['arrival']}"
            return [f"trip {trip} does not carry anybody from {ends[0]} to {ends[1]}, {times}"], []
        return check_geometry(leg, 1000.0), found

    def check_changes(
        self, journey: dict[str, Any], legs: list[dict[str, Any]], runs: list[list[Occurrence]], most: int | None
    ) -> list[str]:
        """Say when places do not meet, and when the transfers do not add up."""
        faults, seated = [], 0
        for n, (before, after) in enumerate(pairwise(legs)):
            stays = self.stays_seated(before, after, runs[n], runs[n + 1])
            seated += stays
            if not before.get("trip_id") and not after.get("trip_id"):
                faults.append(f"legs {n} and {n + 1} are two walks in a row")
            if not stays and not meets(before["to"], after["from"]):
                faults.append(f"leg {n} ends at {describe(before['to'])}, the next begins at {describe(after['from'])}")
        vehicles = sum(1 for leg in legs if leg.get("trip_id"))
        expected = max(0, vehicles - 1 - seated)
        if journey.get("transfers") != expected:
            faults.append(
                f"it says {journey.get('transfers')} transfers, {vehicles} vehicles with {seated} stays make {expected}"
            )
        if most is not None and expected > most:
            faults.append(f"{expected} transfers are more than the {most} asked for")
        return faults

    def stays_seated(
        self, before: dict[str, Any], after: dict[str, Any], first: list[Occurrence], second: list[Occurrence]
    ) -> bool:
        """Whether one stays in the vehicle: one block, one day, from the end of a trip to the start of the next."""
        if not (first and second):
            return False
        feed, a = self.resolve(before["trip_id"])
        _, b = self.resolve(after["trip_id"])
        block = feed.trips[a].get("block_id")
        if not block or feed.trips[b].get("block_id") != block:
            return False
        return any(x.day == y.day and x.last == len(feed.calls[a]) - 1 and y.first == 0 for x in first for y in second)


def describe(place: dict[str, Any]) -> str:
    """A place in words."""
    return f"{place.get('name')} ({place.get('stop_id')}; {place.get('lat')},{place.get('lon')})"


def meets(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two places are one."""
    if a.get("stop_id") and b.get("stop_id"):
        return a["stop_id"] == b["stop_id"]
    return measure(a, b) <= SAME_PLACE


def check_times(thing: dict[str, Any], name: str) -> Iterator[str]:
    """Say when a departure or arrival is no instant, lacks its offset, or runs backwards."""
    moments = []
    for key in ("departure", "arrival"):
        try:
            moment = datetime.fromisoformat(thing[key])
        except (KeyError, TypeError, ValueError):
            yield f"{name} has no readable {key}: {thing.get(key)!r}"
            return
        if moment.tzinfo is None:
            yield f"{name} has a {key} without offset: {thing[key]}"
            return
        moments.append(moment)
    if moments[1] < moments[0]:
        yield f"{name} arrives at {thing['arrival']}, before it leaves at {thing['departure']}"


def check_order(journey: dict[str, Any], legs: list[dict[str, Any]]) -> list[str]:
    """Say when legs overlap, or do not begin and end with the journey."""
    faults = []
    for n, (before, after) in enumerate(pairwise(legs)):
        if datetime.fromisoformat(after["departure"]) < datetime.fromisoformat(before["arrival"]):
            faults.append(f"leg {n + 1} leaves at {after['departure']}, leg {n} arrives at {before['arrival']}")
    for key, leg in (("departure", legs[0]), ("arrival", legs[-1])):
        if datetime.fromisoformat(journey[key]) != datetime.fromisoformat(leg[key]):
            faults.append(f"its {key} is {journey[key]}, that of its legs {leg[key]}")
    return faults


def check_question(question: Question, journey: dict[str, Any]) -> list[str]:
    """Say when a journey lies outside the time asked for."""
    leaves, arrives = (datetime.fromisoformat(journey[key]) for key in ("departure", "arrival"))
    window = timedelta(minutes=question.window_minutes)
    if question.arrive_by:
        if arrives > question.at:
            return [f"it arrives at {journey['arrival']}, after {question.at.isoformat()}"]
        if window and arrives < question.at - window:
            return [f"it arrives at {journey['arrival']}, before the window"]
    elif leaves < question.at:
        return [f"it leaves at {journey['departure']}, before {question.at.isoformat()}"]
    elif window and leaves > question.at + window:
        return [f"it leaves at {journey['departure']}, after the window"]
    return []


def check_walk(leg: dict[str, Any]) -> list[str]:
    """Say when a walk is too fast or absurdly slow, or its line is elsewhere."""
    if str(leg.get("mode", "")).lower() != "walk":
        return [f"it has no trip and its mode is {leg.get('mode')!r}"]
    metres = measure(leg["from"], leg["to"])
    seconds = (datetime.fromisoformat(leg["arrival"]) - datetime.fromisoformat(leg["departure"])).total_seconds()
    faults = check_geometry(leg, SNAP)
    if seconds + 1 < metres / FASTEST_WALK:
        faults.append(f"it walks {metres:.0f} m in {seconds:.0f} s")
    if seconds > metres / SLOWEST_WALK + WALK_ALLOWANCE:
        faults.append(f"it takes {seconds:.0f} s to walk {metres:.0f} m")
    return faults


def check_geometry(leg: dict[str, Any], tolerance: float) -> list[str]:
    """Say when the line of a leg does not begin and end with the leg."""
    geometry = leg.get("geometry")
    line = geometry.get("coordinates") if isinstance(geometry, dict) else geometry
    if not line:
        return []
    faults = []
    for side, (lon, lat, *_) in (("from", line[0]), ("to", line[-1])):
        metres = measure(leg[side], {"lat": lat, "lon": lon})
        if metres > tolerance:
            faults.append(f"its line is {metres:.0f} m off its {side} place")
    return faults
