"""The transit kernel beside its peer nigiri: the same pairs, interleaved, in one process; and how it grows.

The unit is the peer's median for the earliest arrival, in the same run: machines differ, ratios do not. Questions that
the peer leaves unanswered are counted apart. Our times hold everything from stop indices and an instant to journeys
with legs, trips and stops; nothing is kept between questions.
"""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from datetime import date, timedelta
from enum import Enum
from statistics import median, quantiles
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pynigiri

from benchmarks.bar import Bar
from mobigo.kit.errors import InvalidInput
from mobigo.settings import read_settings
from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops
from mobigo.transit.model import Direction, Ride
from mobigo.transit.timetable import begin_day, build, day_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mobigo.transit.model import TransitJourney
    from mobigo.transit.tables import FeedTables
    from mobigo.transit.timetable import Timetable

HOUR, DAY = 3_600, 86_400
IN_TURN = 50
"""Questions of one kind asked in a row: each kind is measured warm, and all of them through the whole run."""
ROUNDS = 3
"""How often every question is asked, all others in between: what interrupts a single one is not the question's."""
EARLIEST, LATEST = 6 * HOUR, 20 * HOUR


class Ends(Enum):
    """From what to what is asked."""

    STOPS = "stops"
    STATIONS = "stations"


class Network(NamedTuple):
    """A feed and the day it is asked about."""

    name: str
    file: str
    day: date
    pairs: int
    limits: dict[str, float | None]
    """Limit of the ratio to the unit, by kind of question."""
    tail: float | None = None
    """Limit of the ratio of p95 to the median, for every kind."""
    between: Ends = Ends.STOPS


NETWORKS = (
    Network(
        "rhein-neckar",
        "pairs/rhein-neckar/rnv.gtfs.zip",
        date(2016, 11, 4),
        1_000,
        {"earliest": 0.35, "two hours": 1.5, "full day": None},
    ),
    Network(
        "strasbourg",
        "fr/strasbourg-cts.gtfs.zip",
        date(2026, 2, 6),
        300,
        {"earliest": None, "two hours": None, "full day": None},
    ),
    Network("ter", "fr/sncf-ter-2025.gtfs.zip", date(2025, 2, 21), 300, {"earliest": None, "two hours": None}),
)


def bars() -> Iterator[Bar]:
    """Measure every network, then the growth of the first with its copies."""
    folder = read_settings().test_data
    if not folder.is_dir():
        raise InvalidInput(f"no {folder}; set MOBIGO_TEST_DATA to the folder of real feeds and extracts")
    for network in NETWORKS:
        yield from compare(network, folder / network.file)
    yield from grow(NETWORKS[0], folder / NETWORKS[0].file)


class Question(NamedTuple):
    """From stop to stop (indices), at a whole minute."""

    from_stop: int
    to_stop: int
    at: int


def draw(views: DayViews, day: int, number: int, between: Ends = Ends.STOPS) -> list[Question]:
    """Draw pairs among the stops served on a day between 06:00 and 20:00 local, with an instant in between.

    Between stations: among those that the stops belong to, a stop without one being its own.
    """
    view = views.view(day, Direction.DEPART)
    line = view.trip_line
    events = [
        (int(view.position_stop[position]), int(view.departure[view.trip_shift[trip] + position]))
        for trip in range(len(line))
        if view.trip_day[trip] == day
        for position in range(view.line_position[line[trip]], view.line_position[line[trip] + 1])
    ]
    served = {stop for stop, departure in events if EARLIEST <= departure < LATEST}
    if between is Ends.STATIONS:
        parent = views.timetable.stop_parent
        served = {int(parent[stop]) if parent[stop] >= 0 else stop for stop in served}
    stops = sorted(served)
    rng = random.Random(20161104)
    base = begin_day(day, views.zone)
    return [Question(*rng.sample(stops, 2), base + rng.randrange(EARLIEST, LATEST, 60)) for _ in range(number)]


class Peer:
    """Nigiri over the same feed, days -1 to +1, default options.

    Asked between stations, it takes all of their stops (its match mode EQUIVALENT, as MOTIS does): by default it finds
    nothing there, for no vehicle calls at a station itself. Its other modes that answer take longer.
    """

    match = pynigiri.LocationMatchMode.EXACT

    def __init__(self, file: Path, day: date, stop_ids: list[str], between: Ends = Ends.STOPS) -> None:
        source = pynigiri.TimetableSource()
        source.path, source.tag = str(file), "peer"
        with silence():
            self.timetable = pynigiri.load_timetable(
                [source], str(day - timedelta(days=1)), str(day + timedelta(days=2)), pynigiri.FinalizeOptions()
            )
        self.stop_ids = stop_ids
        if between is Ends.STATIONS:
            self.match = pynigiri.LocationMatchMode.EQUIVALENT

    def earliest(self, question: Question) -> list[Any]:
        """Ask for the earliest arrivals."""
        query = pynigiri.Query()
        query.start = [pynigiri.Offset(self.timetable.find_location(self.stop_ids[question.from_stop]), 0, 0)]
        query.destination = [pynigiri.Offset(self.timetable.find_location(self.stop_ids[question.to_stop]), 0, 0)]
        query.start_match_mode = query.dest_match_mode = self.match
        query.start_time = question.at // 60
        journeys: list[Any] = pynigiri.route(self.timetable, query)
        return journeys


@contextmanager
def silence() -> Iterator[None]:
    """Keep a library's own messages from the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def compare(network: Network, file: Path) -> Iterator[Bar]:
    """Measure one network beside the peer."""
    day = day_number(network.day)
    started = perf_counter()
    timetable = build(read_feed_tables(file))
    views = DayViews(timetable, link_stops(timetable))
    views.lay_bounds(day, Direction.DEPART)
    prepared = perf_counter() - started
    yield Bar(
        f"kernel {network.name}: prepare",
        prepared,
        "s",
        60,
        "lower",
        "read the zip, build, lay one day out with bounds",
    )
    questions = draw(views, day, network.pairs, network.between)
    peer = Peer(file, network.day, timetable.stop_ids.all(), network.between)
    midnight = begin_day(day, views.zone)

    def ours(question: Question, window: int) -> list[list[tuple[str, ...]]]:
        ask = routing.ask(views, question.from_stop, question.to_stop, question.at, window=window)
        return _name(timetable, routing.search(views, ask))

    kinds: dict[str, Callable[[Question], list[Any]]] = {
        "peer": peer.earliest,
        "earliest": lambda question: ours(question, 0),
        "two hours": lambda question: ours(question, 2 * HOUR),
        "full day": lambda question: ours(question._replace(at=midnight), DAY - 1),
    }
    kinds = {kind: run for kind, run in kinds.items() if kind == "peer" or kind in network.limits}
    for run in kinds.values():
        run(questions[0])
    rounds: dict[str, list[list[float]]] = {kind: [[] for _ in questions] for kind in kinds}
    for _ in range(ROUNDS):
        for first in range(0, len(questions), IN_TURN):
            for kind, run in kinds.items():
                for number in range(first, min(first + IN_TURN, len(questions))):
                    started = perf_counter()
                    answered = run(questions[number])
                    elapsed = perf_counter() - started
                    if answered:
                        rounds[kind][number].append(elapsed)
    times = {kind: [median(each) for each in asked if each] for kind, asked in rounds.items()}
    unit = median(times["peer"])
    how = f"{network.pairs} seeded pairs of {network.between.value} served on {network.day}"
    how += f", {IN_TURN} in turn with pynigiri 0.1.5, each the median of {ROUNDS} rounds over all"
    for kind, seconds in times.items():
        said = f"{how}; {len(questions) - len(seconds)} unanswered apart"
        yield Bar(f"kernel {network.name}: {kind}", 1e3 * median(seconds), "ms", None, "lower", f"median; {said}")
        late = quantiles(seconds, n=20)[-1]
        yield Bar(f"kernel {network.name}: {kind} p95", 1e3 * late, "ms", None, "lower", said)
        if kind != "peer":
            limit = network.limits[kind]
            tail = late / median(seconds)
            yield Bar(f"kernel {network.name}: {kind} p95 / median", tail, "", network.tail, "lower", said)
            ratio = median(seconds) / unit
            yield Bar(f"kernel {network.name}: {kind} / peer", ratio, "of the peer", limit, "lower", f"medians; {said}")


def _name(timetable: Timetable, journeys: list[TransitJourney]) -> list[list[tuple[str, ...]]]:
    """Write the legs of journeys with the ids of the feed; what several of them share is looked up once."""
    trips, stops = {-1: ""}, {-1: ""}
    for journey in journeys:
        for leg in journey.legs:
            if isinstance(leg, Ride) and leg.trip not in trips:
                trips[leg.trip] = timetable.trip_ids.at(leg.trip)
            for stop in (leg.from_stop, leg.to_stop):
                if stop not in stops:
                    stops[stop] = timetable.stop_ids.at(stop)
    return [
        [
            (trips[leg.trip if isinstance(leg, Ride) else -1], stops[leg.from_stop], stops[leg.to_stop])
            for leg in journey.legs
        ]
        for journey in journeys
    ]


COPIES = (1, 2, 4, 8)
PAIRS_OF_GROWTH = 100


def grow(network: Network, file: Path) -> Iterator[Bar]:
    """Lay copies of the network beside one another: time must follow the part that matters, not the whole."""
    tables = read_feed_tables(file)
    day = day_number(network.day)
    for copies in COPIES:
        started = perf_counter()
        timetable = build(_copy(tables, copies))
        views = DayViews(timetable, link_stops(timetable))
        views.lay_bounds(day, Direction.DEPART)
        yield Bar(
            f"kernel growth {copies}x: prepare",
            perf_counter() - started,
            "s",
            None,
            "lower",
            "copies 1° of latitude apart",
        )
        size = tables.stops.height
        pairs = draw(views, day, PAIRS_OF_GROWTH * copies * 2)
        questions = [one for one in pairs if one.from_stop // size == one.to_stop // size]
        seconds = []
        for question in questions[:PAIRS_OF_GROWTH]:
            ask = routing.ask(views, question.from_stop, question.to_stop, question.at)
            started = perf_counter()
            routing.search(views, ask)
            seconds.append(perf_counter() - started)
        yield Bar(
            f"kernel growth {copies}x: earliest",
            1e3 * median(seconds),
            "ms",
            None,
            "lower",
            "median, pairs of one copy",
        )


def _copy(tables: FeedTables, copies: int) -> FeedTables:
    """Repeat stops, trips and stop times, each copy a degree further north."""
    parts = []
    for number in range(copies):
        stops, trips, calls = (
            table.with_columns(pl.col(column) + f":{number}" for column in columns)
            for table, columns in (
                (tables.stops, ("stop_id", "station_id", "parent_station")),
                (tables.trips, ("trip_id", "block_id")),
                (tables.stop_times, ("trip_id", "stop_id")),
            )
        )
        stops = stops.with_columns(pl.col("stop_lat") + number)
        parts.append((stops, trips, calls))
    stops, trips, calls = (pl.concat(column) for column in zip(*parts, strict=True))
    return tables._replace(stops=stops, trips=trips, stop_times=calls)
