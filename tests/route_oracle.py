"""An obviously right answer to ``./mobigo route``: every journey of a small feed is built, then the dominated go.

Nothing here is clever and nothing is shared with the program: plain Python over the rows of the files. Feeds of ten
stops and a few dozen runs are its size. Where the text of the problem admits more than one reading, `Readings` names
the alternatives; the defaults, and why:

walking alone inside a window
    One can start walking in any second, so a vehicle that is no faster than walking is dominated, as it is in a
    point search at its own departure. All those walks are written as one row, which leaves at `time` (or arrives
    then). ``walk_in_window="once"`` lets only that one walk take part.
from = to
    One is already there: a row without legs, 0 seconds, which dominates every round trip (``already_there``).
how far the search looks
    "At or after time" has no bound: a change may wait for days, and fewer transfers three days later is a row.
seconds of a walk of transfers.txt
    The row's min_transfer_time, the only number the file has; else the straight line. It takes the place of the
    straight-line link of that ordered pair, for access and egress too (``walk_of_row="row"``): a walk is never
    promised faster than the feed says. ``"straight"`` uses min_transfer_time in changes only, ``"fastest"`` takes
    the faster of link and row.
type 3
    Forbids the change; the street is still there, so a straight-line link serves as access, egress and walking
    alone (``type_3="change"``). ``"walk"`` removes the link as well.
rows of stations, and several rows for one pair
    A station stands for all its stops, the pair of a stop with itself included. A row that names the stops
    themselves prevails over one that names their stations; between equals the first in the file.
walk from or to a station
    The shortest from any of its stops; a longer one from a farther platform is nobody's choice.
rows that name trips or routes
    Concern only changes between those: of the rows that apply to an arriving and a departing trip the most specific
    rules (both trips, a trip and a route, one trip, both routes, one route, no names), then the one that names the
    stops themselves rather than their stations, then the first in the file. They make no first, last or only walk;
    where no walk joins their stops, the change takes the row's time, else the straight line. A side that names a trip
    and a route means the trip.
types 4 and 5
    Join or cut staying seated (``linked_trips``). The next trip is of the same service day when it leaves, by the
    times of the file, no earlier than the first ends; else of the day after. A trip that is joined to another by a
    row does not go on in its block as well. Trips with frequencies are not joined.
footpaths file
    Exact: transfers.txt then says nothing about walks or changes. Of two rows of a pair the faster counts, a row
    from a stop to itself says nothing.
staying seated
    Consecutive trips of a block on one service day, with the same route_type; where trips of a block overlap nobody
    stays seated in it that day, as the classes of findings say (``overlapping_block="pair"`` cuts only between the
    two neighbours that overlap). The vehicle may move between the last and the next first stop
    (``seam_stops="same"`` forbids that). Every leg rides at least one hop of its trip.
missing times
    Along shape_dist_traveled where the whole gap has it, else along the straight lines between stops, to the
    nearest second.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, product
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pathlib import Path

EARTH_RADIUS_METRES = 6_371_008.8
WALKING_METRES_PER_SECOND = 1.2
DEFAULT_MAX_TRANSFERS = 15

Tables = dict[str, list[dict[str, str]]]


@dataclass(frozen=True)
class Readings:
    """What the text leaves open; the module's docstring gives the reasons of the defaults."""

    walk_in_window: Literal["dominates", "once"] = "dominates"
    already_there: Literal["row", "none"] = "row"
    walk_of_row: Literal["row", "straight", "fastest"] = "row"
    type_3: Literal["change", "walk"] = "change"
    linked_trips: bool = True
    overlapping_block: Literal["void", "pair"] = "void"
    seam_stops: Literal["any", "same"] = "any"


@dataclass(frozen=True)
class Options:
    """The options of the command."""

    link_metres: float = 100.0
    change_seconds: int = 0
    footpaths: list[dict[str, str]] | None = None
    readings: Readings = field(default_factory=Readings)


class Call(NamedTuple):
    """One stop of a run; times in seconds since 1970."""

    stop: str
    arrival: int
    departure: int
    boards: bool
    alights: bool


class Run(NamedTuple):
    """One trip on one service day (and, with frequencies, one departure of it)."""

    trip: str
    day: date
    calls: tuple[Call, ...]
    starts: int = 0
    """First departure and last arrival in seconds of the service day."""
    ends: int = 0


class Leg(NamedTuple):
    """A ride, or a walk when `trip` is None."""

    trip: str | None
    from_stop: str
    to_stop: str
    departure: int
    arrival: int


class Triple(NamedTuple):
    """What a journey is judged by; times in seconds since 1970."""

    departure: int
    arrival: int
    transfers: int


class Query(NamedTuple):
    """One row of the queries file."""

    id: str
    from_stop: str
    to_stop: str
    time: int
    arrive: bool
    window: int
    max_transfers: int


Answer = dict[Triple, tuple[Leg, ...]]


# --- files -----------------------------------------------------------------------------------------------------------


def read_rows(text: str) -> list[dict[str, str]]:
    """Rows of a CSV text, every cell stripped."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    return [{key.strip(): (value or "").strip() for key, value in row.items() if key} for row in reader]


def read_tables(source: Path | dict[str, str]) -> Tables:
    """Tables of a feed: a zip, a folder, or a dict of file name to text."""
    if isinstance(source, dict):
        texts = source
    elif source.is_dir():
        texts = {path.name: path.read_text("utf-8") for path in source.glob("*.txt")}
    else:
        with zipfile.ZipFile(source) as archive:
            texts = {name: archive.read(name).decode("utf-8") for name in archive.namelist() if name.endswith(".txt")}
    return defaultdict(list, {name.removesuffix(".txt"): read_rows(text) for name, text in texts.items()})


def parse_time(text: str) -> int | None:
    """Seconds after service midnight; None for an empty cell."""
    if not text:
        return None
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def parse_date(text: str) -> date:
    """A day written YYYYMMDD."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def parse_instant(text: str, zone: ZoneInfo) -> int:
    """Seconds since 1970 of an ISO 8601 time; without an offset it is local time of the feed."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())


# --- places and walks ------------------------------------------------------------------------------------------------


def measure(a: dict[str, str], b: dict[str, str]) -> float:
    """Metres between two rows of stops.txt on the sphere."""
    lat_a, lon_a, lat_b, lon_b = (math.radians(float(row[key])) for row in (a, b) for key in ("stop_lat", "stop_lon"))
    h = math.sin((lat_b - lat_a) / 2) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_METRES * math.asin(min(1.0, math.sqrt(h)))


def walk_seconds(metres: float) -> int:
    """Seconds to walk a straight line, rounded up."""
    return math.ceil(metres / WALKING_METRES_PER_SECOND)


class Places:
    """Stops, and which stops a name means."""

    def __init__(self, tables: Tables) -> None:
        rows = {row["stop_id"]: row for row in tables["stops"]}
        self.stops = {name: row for name, row in rows.items() if row.get("location_type", "") in ("", "0")}
        self.meaning: dict[str, list[str]] = {name: [] for name in rows}
        for name, row in self.stops.items():
            self.meaning[name] = [name]
            if row.get("parent_station"):
                self.meaning[row["parent_station"]].append(name)

    def metres(self, a: str, b: str) -> float:
        """Metres between two stops."""
        return measure(self.stops[a], self.stops[b])


class Change(NamedTuple):
    """What it takes to change."""

    seconds: int
    """From getting off to getting on."""
    walk: int
    """Of them on foot."""
    kind: str = ""
    """transfer_type of the row that rules it, if any."""
    given: bool = False
    """The seconds are the row's min_transfer_time."""


class Walks(NamedTuple):
    """Seconds by ordered pair of stops."""

    walks: dict[tuple[str, str], int]
    """Access, egress and walking alone; never a stop with itself."""
    changes: dict[tuple[str, str], Change]
    """Changes whatever the trips; an absent pair cannot be changed between."""


def read_footpaths(places: Places, rows: list[dict[str, str]], change_seconds: int) -> Walks:
    """Take the walks exactly as a footpaths file gives them."""
    walks: dict[tuple[str, str], int] = {}
    for row in rows:
        for pair in product(places.meaning[row["from_stop"]], places.meaning[row["to_stop"]]):
            if pair[0] != pair[1]:
                walks[pair] = min(int(row["seconds"]), walks.get(pair, int(row["seconds"])))
    changes = {pair: Change(seconds + change_seconds, seconds) for pair, seconds in walks.items()}
    return Walks(walks, changes | {(stop, stop): Change(change_seconds, 0) for stop in places.stops})


def list_transfers(places: Places, rows: list[dict[str, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """The one row of transfers.txt that rules each ordered pair of stops."""
    ruling: dict[tuple[str, str], tuple[int, dict[str, str]]] = {}
    for row in rows:
        names = (row.get("from_stop_id"), row.get("to_stop_id"))
        special = any(row.get(f"{side}_{what}_id") for side in ("from", "to") for what in ("trip", "route"))
        if special or row.get("transfer_type", "") in ("4", "5") or not all(name in places.meaning for name in names):
            continue
        exact = sum(name in places.stops for name in names)
        for pair in product(places.meaning[names[0]], places.meaning[names[1]]):
            if pair not in ruling or exact > ruling[pair][0]:
                ruling[pair] = (exact, row)
    return {pair: row for pair, (_, row) in ruling.items()}


def read_given(row: dict[str, str]) -> int | None:
    """The row's min_transfer_time."""
    return int(row["min_transfer_time"]) if row.get("min_transfer_time") else None


def read_change(row: dict[str, str], walk: int, options: Options) -> Change:
    """The change a row of types 0 to 2 describes, over a walk."""
    given = read_given(row)
    seconds = walk + options.change_seconds if given is None else given
    return Change(seconds, walk, row.get("transfer_type", ""), given is not None)


RANKS = {(2, 2): 0, (2, 1): 1, (1, 2): 1, (2, 0): 2, (0, 2): 2, (1, 1): 3, (1, 0): 4, (0, 1): 4}
"""How specific a row is, most first, by what its sides name: 2 a trip, 1 a route, 0 neither."""


class NamedRules:
    """Rows of transfers.txt, types 0 to 3, that name trips or routes."""

    def __init__(self, places: Places, tables: Tables) -> None:
        self.routes = {row["trip_id"]: row["route_id"] for row in tables["trips"]}
        self.rows: dict[tuple[str, str], list[tuple[int, int, dict[str, str]]]] = defaultdict(list)
        for line, row in enumerate(tables["transfers"]):
            names = (row.get("from_stop_id"), row.get("to_stop_id"))
            named = any(row.get(f"{side}_{what}_id") for side in ("from", "to") for what in ("trip", "route"))
            if not named or row.get("transfer_type") in ("4", "5") or not all(name in places.meaning for name in names):
                continue
            loose = sum(name not in places.stops for name in names)
            for pair in product(places.meaning[names[0]], places.meaning[names[1]]):
                self.rows[pair].append((loose, line, row))

    def match(self, row: dict[str, str], side: str, trip: str) -> int | None:
        """2 when the side of the row names this trip, 1 its route, 0 nothing; None when it names others."""
        if row.get(f"{side}_trip_id"):
            return 2 if row[f"{side}_trip_id"] == trip else None
        if row.get(f"{side}_route_id"):
            return 1 if row[f"{side}_route_id"] == self.routes[trip] else None
        return 0

    def find(self, stops: tuple[str, str], trips: tuple[str, str]) -> dict[str, str] | None:
        """The row that rules the change from trip to trip between these stops, if any that names them."""
        applying = []
        for loose, line, row in self.rows.get(stops, []):
            sides = tuple(self.match(row, side, trip) for side, trip in zip(("from", "to"), trips, strict=True))
            if None not in sides:
                applying.append((RANKS[sides], loose, line, row))
        return min(applying, key=lambda found: found[:3])[3] if applying else None


def build_walks(places: Places, transfers: list[dict[str, str]], options: Options) -> Walks:
    """Straight-line links, then what transfers.txt says about each pair."""
    readings = options.readings
    walks = {
        (a, b): walk_seconds(places.metres(a, b))
        for a, b in product(places.stops, repeat=2)
        if a != b and places.metres(a, b) <= options.link_metres
    }
    changes = {pair: Change(seconds + options.change_seconds, seconds) for pair, seconds in walks.items()}
    changes |= {(stop, stop): Change(options.change_seconds, 0) for stop in places.stops}
    for (a, b), row in list_transfers(places, transfers).items():
        if row.get("transfer_type") == "3":
            changes.pop((a, b), None)
            if readings.type_3 == "walk":
                walks.pop((a, b), None)
            continue
        given = read_given(row)
        if a == b:
            changes[a, b] = read_change(row, 0, options)
            continue
        straight = walk_seconds(places.metres(a, b))
        walk = straight if given is None else given
        changes[a, b] = read_change(row, walk, options)
        if readings.walk_of_row == "straight":
            walks[a, b] = straight
        elif readings.walk_of_row == "fastest":
            walks[a, b] = min(walk, walks.get((a, b), walk))
        else:
            walks[a, b] = walk
    return Walks(walks, changes)


# --- runs ------------------------------------------------------------------------------------------------------------


def list_service_days(tables: Tables) -> dict[str, set[date]]:
    """Days of each service, from calendar.txt and calendar_dates.txt, either alone."""
    weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    days: dict[str, set[date]] = defaultdict(set)
    for row in tables["calendar"]:
        day = parse_date(row["start_date"])
        while day <= parse_date(row["end_date"]):
            if row[weekdays[day.weekday()]] == "1":
                days[row["service_id"]].add(day)
            day += timedelta(days=1)
    for row in tables["calendar_dates"]:
        if row["exception_type"] == "1":
            days[row["service_id"]].add(parse_date(row["date"]))
        else:
            days[row["service_id"]].discard(parse_date(row["date"]))
    return days


def begin_day(day: date, zone: ZoneInfo) -> int:
    """Noon minus 12 h, in seconds since 1970."""
    return int(datetime.combine(day, time(12), zone).timestamp()) - 12 * 3600


def fill_gap(rows: list[dict[str, str]], start: int, end: int, places: Places) -> list[int]:
    """Times of the rows strictly inside a gap whose first and last rows are timed."""
    shape = [row.get("shape_dist_traveled", "") for row in rows]
    hops = [places.metres(a["stop_id"], b["stop_id"]) for a, b in pairwise(rows)]
    if all(shape):
        travelled = [float(b) - float(a) for a, b in pairwise(shape)]
        if min(travelled) >= 0 and sum(travelled) > 0:
            hops = travelled
    if sum(hops) == 0:
        hops = [1.0] * len(hops)
    return [start + math.floor(sum(hops[:n]) / sum(hops) * (end - start) + 0.5) for n in range(1, len(hops))]


def time_calls(rows: list[dict[str, str]], places: Places) -> list[tuple[int, int]] | None:
    """Arrival and departure of each row of a trip; None when its first or last has no time."""
    given = [(parse_time(row.get("arrival_time", "")), parse_time(row.get("departure_time", ""))) for row in rows]
    times = [(d if a is None else a, a if d is None else d) for a, d in given]
    known = [n for n, (arrival, _) in enumerate(times) if arrival is not None]
    if not known or known[0] != 0 or known[-1] != len(rows) - 1:
        return None
    filled = dict(enumerate(times))
    for a, b in pairwise(known):
        inside = fill_gap(rows[a : b + 1], times[a][1], times[b][0], places)
        filled |= {a + 1 + n: (seconds, seconds) for n, seconds in enumerate(inside)}
    return [filled[n] for n in range(len(rows))]


def list_offsets(rows: list[dict[str, str]], first_departure: int) -> list[int]:
    """Shifts of a trip's times: one for each departure of its frequencies, else none at all."""
    if not rows:
        return [0]
    return [
        start - first_departure
        for row in rows
        for start in range(parse_time(row["start_time"]), parse_time(row["end_time"]), int(row["headway_secs"]))
    ]


def forbids(row: dict[str, str], column: str) -> bool:
    """Whether a pickup_type or drop_off_type is 1."""
    return row.get(column, "") == "1"


def list_runs(tables: Tables, places: Places, zone: ZoneInfo) -> list[Run]:
    """Every trip on every day it runs."""
    stop_times = defaultdict(list)
    for row in tables["stop_times"]:
        stop_times[row["trip_id"]].append(row)
    frequencies = defaultdict(list)
    for row in tables["frequencies"]:
        frequencies[row["trip_id"]].append(row)
    days = list_service_days(tables)
    runs = []
    for trip in tables["trips"]:
        name = trip["trip_id"]
        rows = sorted(stop_times[name], key=lambda row: int(row["stop_sequence"]))
        times = time_calls(rows, places) if len(rows) > 1 else None
        if times is None:
            continue
        for day, offset in product(sorted(days[trip["service_id"]]), list_offsets(frequencies[name], times[0][1])):
            base = begin_day(day, zone) + offset
            calls = tuple(
                Call(
                    row["stop_id"],
                    base + arrival,
                    base + departure,
                    boards=not forbids(row, "pickup_type"),
                    alights=not forbids(row, "drop_off_type"),
                )
                for row, (arrival, departure) in zip(rows, times, strict=True)
            )
            runs.append(Run(name, day, calls, offset + times[0][1], offset + times[-1][0]))
    return runs


# --- staying seated --------------------------------------------------------------------------------------------------


def overlaps(first: Run, second: Run) -> bool:
    """Whether the second leaves before the first has arrived."""
    return second.calls[0].departure < first.calls[-1].arrival


def list_seams(tables: Tables, runs: list[Run], readings: Readings) -> dict[int, list[int]]:
    """For each run (by index) the runs in which one who stays seated finds oneself."""
    trips = {row["trip_id"]: row for row in tables["trips"]}
    route_types = {row["route_id"]: row["route_type"] for row in tables["routes"]}
    repeated = {row["trip_id"] for row in tables["frequencies"]}
    vehicles = defaultdict(list)
    for index, run in enumerate(runs):
        block = trips[run.trip].get("block_id")
        if block and run.trip not in repeated:
            vehicles[block, run.day].append(index)
    seams: dict[int, list[int]] = defaultdict(list)
    for members in vehicles.values():
        ordered = sorted(members, key=lambda n: (runs[n].calls[0].departure, runs[n].calls[-1].arrival))
        clash = any(overlaps(runs[a], runs[b]) for n, a in enumerate(ordered) for b in ordered[n + 1 :])
        if clash and readings.overlapping_block == "void":
            continue
        for a, b in pairwise(ordered):
            modes = {route_types[trips[runs[n].trip]["route_id"]] for n in (a, b)}
            if len(modes) == 1 and not overlaps(runs[a], runs[b]):
                seams[a].append(b)
    if readings.linked_trips:
        link_trips(tables["transfers"], {n: run for n, run in enumerate(runs) if run.trip not in repeated}, seams)
    if readings.seam_stops == "same":
        for a, nexts in seams.items():
            seams[a] = [b for b in nexts if runs[a].calls[-1].stop == runs[b].calls[0].stop]
    return seams


def link_trips(transfers: list[dict[str, str]], runs: dict[int, Run], seams: dict[int, list[int]]) -> None:
    """Add the seams of type 4, take away those of type 5."""
    joined = defaultdict(list)
    cut = set()
    for row in transfers:
        kind, names = row.get("transfer_type", ""), (row.get("from_trip_id"), row.get("to_trip_id"))
        if kind not in ("4", "5") or not all(names):
            continue
        for (a, first), (b, second) in product(runs.items(), repeat=2):
            if (first.trip, second.trip) == names and follows(first, second):
                if kind == "4":
                    joined[a].append(b)
                else:
                    cut.add((a, b))
    seams.update(joined)
    for a, b in cut:
        if b in seams[a]:
            seams[a] = [other for other in seams[a] if other != b]


def follows(first: Run, second: Run) -> bool:
    """Whether the second is the run that a row joins to the first: of the same day, or where its times begin earlier
    in the day than the first's end, of the day after."""
    same = second.starts >= first.ends
    return (second.day - first.day).days == (0 if same else 1) and not overlaps(first, second)


# --- the search ------------------------------------------------------------------------------------------------------


class Aboard(NamedTuple):
    """Sitting in run `run` as it reaches its call `call`, having left the origin at `left`."""

    left: int
    run: int
    call: int


class Boarding(NamedTuple):
    """How one came aboard: from `before` (None: from the origin), at call `call` of the run."""

    before: Aboard | None
    call: int
    seated: bool = False


def dominates(a: Triple, b: Triple) -> bool:
    """Whether a is no worse in anything and better in something."""
    return a != b and a.departure >= b.departure and a.arrival <= b.arrival and a.transfers <= b.transfers


class Oracle:
    """A feed, ready to be asked."""

    def __init__(self, source: Path | dict[str, str], options: Options | None = None) -> None:
        tables = read_tables(source)
        self.options = options or Options()
        self.places = Places(tables)
        self.zone = ZoneInfo(tables["agency"][0]["agency_timezone"])
        self.runs = list_runs(tables, self.places, self.zone)
        self.tables = tables
        self.seams = list_seams(tables, self.runs, self.options.readings)
        if self.options.footpaths is None:
            self.walks, self.changes = build_walks(self.places, tables["transfers"], self.options)
            self.named = NamedRules(self.places, tables)
        else:
            self.named = NamedRules(self.places, defaultdict(list, trips=tables["trips"]))
            self.walks, self.changes = read_footpaths(self.places, self.options.footpaths, self.options.change_seconds)
        self.boardings = self.list_boardings()

    def list_boardings(self) -> list[tuple[int, int]]:
        """Where one may get on: runs and calls."""
        return [
            (run, call)
            for run, calls in enumerate(run.calls for run in self.runs)
            for call in range(len(calls) - 1)
            if calls[call].boards
        ]

    def parse_query(self, row: dict[str, str]) -> Query:
        """Read a row of the queries file; KeyError for a stop the feed does not know."""
        for column in ("from_stop", "to_stop"):
            if row[column] not in self.places.meaning:
                raise KeyError(f"query {row['id']}: {column} {row[column]} is not in stops.txt")
        return Query(
            row["id"],
            row["from_stop"],
            row["to_stop"],
            parse_instant(row["time"], self.zone),
            row.get("direction") == "arrive",
            int(row.get("window_minutes") or 0) * 60,
            int(row.get("max_transfers") or DEFAULT_MAX_TRANSFERS),
        )

    def answer(self, row: dict[str, str]) -> Answer:
        """All journeys of a query that no other dominates, with an example of legs for each."""
        query = self.parse_query(row)
        return select(query, self.list_journeys(query), self.walk_alone(query), self.options.readings)

    def walk_alone(self, query: Query) -> tuple[int, tuple[Leg, ...]] | None:
        """Seconds and legs of walking all the way, the shortest; no legs when one is already there."""
        origins, targets = self.places.meaning[query.from_stop], self.places.meaning[query.to_stop]
        if set(origins) & set(targets):
            return 0, ()
        ways = [(self.walks[pair], pair) for pair in product(origins, targets) if pair in self.walks]
        if not ways:
            return None
        seconds, (a, b) = min(ways)
        start = query.time - seconds if query.arrive else query.time
        return seconds, (Leg(None, a, b, start, start + seconds),)

    def shortest(self, ends: list[str], *, leaving: bool) -> dict[str, tuple[int, str]]:
        """Seconds, and from or to which of the ends, by stop one can walk to (or from)."""
        found = {}
        for stop in self.places.stops:
            ways = [(0, end) for end in ends if end == stop]
            for end in ends:
                pair = (end, stop) if leaving else (stop, end)
                if pair in self.walks:
                    ways.append((self.walks[pair], end))
            if ways:
                found[stop] = min(ways)
        return found

    def list_journeys(self, query: Query) -> Answer:
        """Every (departure, arrival, transfers) that vehicles make possible, whatever the time asked."""
        access = self.shortest(self.places.meaning[query.from_stop], leaving=True)
        egress = self.shortest(self.places.meaning[query.to_stop], leaving=False)
        boarded: dict[Aboard, Boarding] = {}
        self.board_first(query, access, boarded)
        journeys: Answer = {}
        fresh = list(boarded)
        transfers = 0
        while fresh:
            for aboard in fresh:
                call = self.runs[aboard.run].calls[aboard.call]
                if call.alights and call.stop in egress:
                    triple = Triple(aboard.left, call.arrival + egress[call.stop][0], transfers)
                    if triple not in journeys:
                        journeys[triple] = self.describe(aboard, boarded, access, egress)
            if transfers == query.max_transfers:
                break
            fresh = [new for aboard in fresh for new in self.change(aboard, boarded)]
            transfers += 1
        return journeys

    def board_first(self, query: Query, access: dict[str, tuple[int, str]], boarded: dict[Aboard, Boarding]) -> None:
        """Come aboard every run that can be reached from the origin when leaving within the time asked."""
        for run, call in self.boardings:
            place = self.runs[run].calls[call]
            if place.stop not in access:
                continue
            left = place.departure - access[place.stop][0]
            late = not query.arrive and query.window and left > query.time + query.window
            if query.arrive or (left >= query.time and not late):
                self.ride(left, run, Boarding(None, call), boarded)

    def ride(self, left: int, run: int, boarding: Boarding, boarded: dict[Aboard, Boarding]) -> list[Aboard]:
        """Stay aboard to every later call, and through the seams of the block; what is new."""
        new = []
        for call in range(boarding.call + 1, len(self.runs[run].calls)):
            aboard = Aboard(left, run, call)
            if aboard not in boarded:
                boarded[aboard] = boarding
                new.append(aboard)
        for following in self.seams.get(run, []):
            seated = Boarding(Aboard(left, run, len(self.runs[run].calls) - 1), 0, seated=True)
            if new:
                new += self.ride(left, following, seated, boarded)
        return new

    def change(self, aboard: Aboard, boarded: dict[Aboard, Boarding]) -> list[Aboard]:
        """Get off and come aboard every run that can be reached in time; what is new."""
        off = self.runs[aboard.run].calls[aboard.call]
        if not off.alights:
            return []
        new = []
        for run, call in self.boardings:
            on = self.runs[run].calls[call]
            change = self.find_change((off.stop, on.stop), (self.runs[aboard.run].trip, self.runs[run].trip))
            if change is not None and off.arrival + change.seconds <= on.departure:
                new += self.ride(aboard.left, run, Boarding(aboard, call), boarded)
        return new

    def find_change(self, stops: tuple[str, str], trips: tuple[str, str]) -> Change | None:
        """What the change from trip to trip between two stops takes; None where there is none."""
        row = self.named.find(stops, trips)
        if row is None:
            return self.changes.get(stops)
        if row.get("transfer_type") == "3":
            return None
        if stops[0] == stops[1]:
            return read_change(row, 0, self.options)
        straight = walk_seconds(self.places.metres(*stops))
        given = read_given(row)
        return read_change(row, self.walks.get(stops, straight if given is None else given), self.options)

    def describe(
        self,
        aboard: Aboard,
        boarded: dict[Aboard, Boarding],
        access: dict[str, tuple[int, str]],
        egress: dict[str, tuple[int, str]],
    ) -> tuple[Leg, ...]:
        """Legs of the journey that ends by getting off here."""
        legs: list[Leg] = []
        off = self.runs[aboard.run].calls[aboard.call]
        seconds, target = egress[off.stop]
        if target != off.stop:
            legs.append(Leg(None, off.stop, target, off.arrival, off.arrival + seconds))
        step: Aboard | None = aboard
        while step is not None:
            run = self.runs[step.run]
            before, call, seated = boarded[step]
            on, off = run.calls[call], run.calls[step.call]
            legs.append(Leg(run.trip, on.stop, off.stop, on.departure, off.arrival))
            if before is None:
                seconds, origin = access[on.stop]
                if origin != on.stop:
                    legs.append(Leg(None, origin, on.stop, on.departure - seconds, on.departure))
            else:
                last = self.runs[before.run].calls[before.call]
                if last.stop != on.stop and not seated:
                    change = self.find_change((last.stop, on.stop), (self.runs[before.run].trip, run.trip))
                    assert change is not None
                    legs.append(Leg(None, last.stop, on.stop, last.arrival, last.arrival + change.seconds))
            step = before
        return tuple(reversed(legs))


def select(query: Query, journeys: Answer, walk: tuple[int, tuple[Leg, ...]] | None, readings: Readings) -> Answer:
    """Keep what lies within the time asked and is not dominated."""
    inside = {triple: legs for triple, legs in journeys.items() if lies_within(query, triple)}
    if walk is not None:
        seconds, legs = walk
        there = seconds == 0 and not legs
        if readings.walk_in_window == "dominates" or there:
            slow = query.window or there
            inside = {
                triple: ride
                for triple, ride in inside.items()
                if not slow or triple.arrival - triple.departure < seconds
            }
        start = query.time - seconds if query.arrive else query.time
        if not there or readings.already_there == "row":
            inside.setdefault(Triple(start, start + seconds, 0), legs)
    kept = {triple: legs for triple, legs in inside.items() if not any(dominates(other, triple) for other in inside)}
    return kept if query.window else keep_points(query, kept)


def lies_within(query: Query, triple: Triple) -> bool:
    """Whether the journey leaves (or arrives) in the time asked."""
    if query.arrive:
        return triple.arrival <= query.time and (not query.window or triple.arrival >= query.time - query.window)
    return triple.departure >= query.time and (not query.window or triple.departure <= query.time + query.window)


def keep_points(query: Query, journeys: Answer) -> Answer:
    """Of Pareto journeys, those that are best by the one time that counts in a point search, and by transfers."""

    def worse(a: Triple, b: Triple) -> bool:
        """Whether b beats a by arrival (or, arriving by a time, by departure) and transfers."""
        if query.arrive:
            return (
                b.departure >= a.departure
                and b.transfers <= a.transfers
                and (b.departure, b.transfers) != (a.departure, a.transfers)
            )
        return (
            b.arrival <= a.arrival
            and b.transfers <= a.transfers
            and (b.arrival, b.transfers) != (a.arrival, a.transfers)
        )

    return {triple: legs for triple, legs in journeys.items() if not any(worse(triple, other) for other in journeys)}


def write_instant(seconds: int, zone: ZoneInfo) -> str:
    """ISO 8601 with the offset of the feed's zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).isoformat()
