"""A feed brought to what we and the peer nigiri can both say, so that their answers can be held against ours.

Nigiri counts whole minutes, closes footpaths transitively, takes no walk before the first vehicle, two minutes for a
change at one stop, and links stops of one name. So: stops with names of their own, no stations, groups of near stops
joined by walks of three minutes all to all, times in whole minutes, no block (nigiri goes on seated only where the
next trip begins at the same stop). On that, the sets of (arrival, transfers) must be equal.
"""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pynigiri

from benchmarks.kernel import Peer, Question, silence
from mobigo.transit.feed import read_feed_tables
from mobigo.transit.footpaths import Footpaths, link_stops
from mobigo.transit.model import Query
from mobigo.transit.routing import search
from mobigo.transit.timetable import build

if TYPE_CHECKING:
    from pathlib import Path

    from mobigo.transit.days import DayViews

MOST_IN_A_GROUP = 12
PEERS_MOST_TRANSFERS = 14
PEERS_PATIENCE = 12 * 3_600
"""Seconds; the peer knows three days, and leaves out some journeys that begin with a night's wait."""


def group_stops(footpaths: Footpaths) -> list[list[int]]:
    """List the stops joined by links, however many: what a transitive closure joins."""
    group = list(range(len(footpaths.first) - 1))

    def leader(stop: int) -> int:
        while group[stop] != stop:
            stop = group[stop]
        return stop

    for stop in range(len(group)):
        for other in footpaths.target[footpaths.first[stop] : footpaths.first[stop + 1]].tolist():
            group[leader(other)] = leader(stop)
    members: dict[int, list[int]] = {}
    for stop in range(len(group)):
        members.setdefault(leader(stop), []).append(stop)
    return list(members.values())


def write_common_feed(source: Path, target: Path) -> None:
    """Write what both can say of a feed."""
    timetable = build(read_feed_tables(source))
    names = timetable.stop_ids.all()
    rows = [
        f"{names[a]},{names[b]},2,180"
        for group in group_stops(link_stops(timetable))
        for a in group
        for b in group
        if a != b and len(group) <= MOST_IN_A_GROUP and timetable.stop_type[a] == timetable.stop_type[b] == 0
    ]
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        new.writestr("transfers.txt", "\n".join(["from_stop_id,to_stop_id,transfer_type,min_transfer_time", *rows]))
        for name in ("agency.txt", "calendar.txt", "calendar_dates.txt", "routes.txt"):
            if name in old.namelist():
                new.writestr(name, old.read(name))
        stops = pl.read_csv(old.read("stops.txt"), infer_schema=False)
        if "location_type" in stops.columns:
            stops = stops.filter(pl.col("location_type").fill_null("0") == "0")
        stops = stops.with_columns(("stop " + pl.col("stop_id")).alias("stop_name"))
        new.writestr("stops.txt", stops.select("stop_id", "stop_name", "stop_lat", "stop_lon").write_csv())
        trips = pl.read_csv(old.read("trips.txt"), infer_schema=False)
        new.writestr("trips.txt", trips.select("trip_id", "route_id", "service_id").write_csv())
        calls = pl.read_csv(old.read("stop_times.txt"), infer_schema=False)
        times = ("arrival_time", "departure_time")
        calls = calls.drop_nulls(times).with_columns(pl.col(time).str.replace(r"\d\d$", "00") for time in times)
        new.writestr("stop_times.txt", calls.write_csv())


class MinutePeer(Peer):
    """The peer without links of its own."""

    def __init__(self, file: Path, day: date, stop_ids: list[str]) -> None:
        source = pynigiri.TimetableSource()
        source.path, source.tag = str(file), "peer"
        loader = pynigiri.LoaderConfig()
        loader.link_stop_distance = 0
        source.loader_config = loader
        options = pynigiri.FinalizeOptions()
        options.adjust_footpaths = options.merge_dupes_intra_src = options.merge_dupes_inter_src = False
        with silence():
            self.timetable = pynigiri.load_timetable(
                [source], str(day - timedelta(days=1)), str(day + timedelta(days=2)), options
            )
        self.stop_ids = stop_ids


def ask(footpaths: Footpaths, question: Question) -> Query:
    """From the stop itself to the stop or a walk away from it."""
    rows = slice(footpaths.back_first[question.to_stop], footpaths.back_first[question.to_stop + 1])
    return Query(
        np.array([question.from_stop], np.int32),
        np.array([0], np.int32),
        footpaths.back[rows],
        footpaths.back_seconds[rows],
        question.at,
        max_transfers=PEERS_MOST_TRANSFERS,
    )


def agree(views: DayViews, peer: Peer, question: Question) -> bool:
    """Tell whether all the peer's answers are ours, and ours of the next hours the peer's."""
    ours = {(one.arrival // 60, one.transfers) for one in search(views, ask(views.footpaths, question))}
    theirs = {(one.arrival_time(), one.transfers) for one in peer.earliest(question)}
    return {pair for pair in ours if 60 * pair[0] < question.at + PEERS_PATIENCE} <= theirs <= ours
