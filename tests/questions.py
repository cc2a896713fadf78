"""Questions in ids, asked of the program, and its journeys in ids."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tests.general_oracle import Journey
from tests.random_feeds import write_rows

from mobigo.transit import routing
from mobigo.transit.days import DayViews
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import link_stops, read_footpaths
from mobigo.transit.model import Costs, Direction, Preferences, Query, Ride, Via
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray
    from tests.general_oracle import Prices, Question, Stay, Wishes
    from tests.random_feeds import Case, Rows

    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.model import TransitJourney
    from mobigo.transit.timetable import Timetable


class Ridden(NamedTuple):
    """A ride in ids."""

    trip: str
    day: str
    from_call: int
    to_call: int
    departure: int
    arrival: int


@dataclass
class Asked:
    """A feed as the program has it."""

    timetable: Timetable
    views: DayViews
    trips: list[str]
    """Names by index; a trip that live data appended has that of the one it stands for."""
    folder: Path
    change_seconds: int

    def __post_init__(self) -> None:
        """Number the names."""
        self.stops = {name: row for row, name in enumerate(self.timetable.stop_ids.all())}
        self.routes = self.timetable.route_ids.all()

    def on(self, timetable: Timetable, trips: list[str], *, bare: bool) -> Asked:
        """The same with live data over the timetable, laid out without hops or with them."""
        walks = self.views.footpaths
        views = DayViews(timetable, walks, base=self.views) if bare else DayViews(timetable, walks)
        return Asked(timetable, views, trips, self.folder, self.change_seconds)

    def search(self, question: Question) -> list[TransitJourney]:
        """The program's journeys."""
        return routing.search(self.views, self.put(question))

    def search_quickly(self, question: Question) -> list[TransitJourney]:
        """The journeys of the search that knows no wishes."""
        return routing.search(self.views, replace(self.put(question), preferences=None))

    def put(self, question: Question) -> Query:
        """The question in indices."""
        access, egress = (
            (i32(self.stops[stop] for stop in ends), i32(ends.values())) for ends in (question.access, question.egress)
        )
        return Query(
            *access,
            *egress,
            question.at,
            question.window,
            Direction(int(question.arrive)),
            question.max_transfers,
            question.walk,
            self.put_wishes(question.wishes),
        )

    def put_wishes(self, wishes: Wishes) -> Preferences:
        """The wishes in indices."""
        return Preferences(
            routes=mask(self.routes, wishes.routes),
            trips=mask(self.trips, wishes.trips),
            stops=mask(list(self.stops), wishes.stops),
            walk_factor=wishes.walk_factor,
            longest_walk=wishes.longest_walk,
            min_change=wishes.min_change,
            slack=wishes.slack,
            footpaths=None if wishes.footpaths is None else self.walk_by(wishes.footpaths),
            costs=None if wishes.prices is None else self.put_prices(wishes.prices),
            vias=tuple(self.put_via(via) for via in wishes.vias),
        )

    def put_prices(self, prices: Prices) -> Costs:
        """The prices by index."""
        return Costs(
            prices.walk,
            i32(prices.trips.get(name, 0) for name in self.trips),
            i32(prices.stops.get(name, 0) for name in self.stops),
            i32(prices.kilometres.get(name, 0) for name in self.routes),
        )

    def put_via(self, via: Stay) -> Via:
        """The via in indices."""
        to, back = zip(*via.stops.values(), strict=True)
        return Via(i32(self.stops[stop] for stop in via.stops), i32(to), i32(back), via.seconds)

    def walk_by(self, rows: Rows) -> Footpaths:
        """Walks of a footpaths file."""
        return write_walks(self.folder, self.timetable, rows, self.change_seconds)

    def read(self, journey: TransitJourney) -> tuple[Journey, list[Ridden]]:
        """What a journey claims, and its rides in ids."""
        rides = [
            Ridden(
                self.trips[leg.trip], leg.service_date.isoformat(), leg.from_pos, leg.to_pos, leg.departure, leg.arrival
            )
            for leg in journey.legs
            if isinstance(leg, Ride)
        ]
        return Journey(journey.departure, journey.arrival, journey.transfers, journey.cost), rides


def i32(values: Iterable[int]) -> NDArray[np.int32]:
    return np.array(list(values), np.int32)


def mask(names: list[str], allowed: frozenset[str] | None) -> NDArray[np.bool_] | None:
    """Which rows are allowed; None: all."""
    return None if allowed is None else np.array([name in allowed for name in names], np.bool_)


def write_walks(folder: Path, timetable: Timetable, rows: Rows, change_seconds: int) -> Footpaths:
    """Read rows as a footpaths file."""
    file = folder / "f.csv"
    file.write_text("from_stop,to_stop,seconds\n" + write_rows(rows).partition("\n")[2])
    return read_footpaths(timetable, file, change_seconds=change_seconds)


def open_case(case: Case, folder: Path) -> Asked:
    """Write the feed and lay it out."""
    feed = folder / "feed"
    feed.mkdir(parents=True, exist_ok=True)
    for old in feed.iterdir():
        old.unlink()
    for name, text in case.files.items():
        (feed / name).write_text(text)
    timetable = build(read_feed_tables(feed))
    if case.footpaths is None:
        walks = link_stops(timetable, link_metres=case.link_metres, change_seconds=case.change_seconds)
    else:
        walks = write_walks(folder, timetable, case.footpaths, case.change_seconds)
    return Asked(timetable, DayViews(timetable, walks), timetable.trip_ids.all(), folder, case.change_seconds)
