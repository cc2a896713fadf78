"""The rules of transfers.txt that name trips or routes: whom they concern, and which of them prevails.

Of the rules for an arriving and a departing vehicle the most specific counts: both trips; a trip and the other's
route; one trip; both routes; one route; only then those for stops alone. Between rules that name as much, the one that
names the stops themselves prevails over one that names their stations, then the first of the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from mobigo.transit.footpaths import FORBIDDEN_CHANGE, stop_metres, walk_seconds
from mobigo.transit.timetable import FORBIDDEN, GUARANTEED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.transit.footpaths import Footpaths
    from mobigo.transit.model import Ride
    from mobigo.transit.timetable import Timetable

LEVELS = 3
"""A place a rule names is the stop itself, what that is part of, or what this is part of in turn."""


class Rule(NamedTuple):
    """What transfers.txt says of a change."""

    type: int
    """transfer_type, 0 to 3."""
    seconds: int
    """min_transfer_time, -1 when there is none."""


class SpecialChanges(NamedTuple):
    """Changes that the rules make differ from what is usual between the stops, by classes of vehicles.

    One row per ordered pair of stops and ordered pair of classes, sorted by those.
    """

    trip_class: NDArray[np.int32]
    """int32[n], class of each trip asked about; trips with one class are treated alike, 0: no rule names them."""
    origin: NDArray[np.int32]
    target: NDArray[np.int32]
    from_class: NDArray[np.int32]
    """int32[m], class of the vehicle left."""
    to_class: NDArray[np.int32]
    """int32[m], class of the vehicle boarded."""
    seconds: NDArray[np.int32]
    """int32[m], seconds on foot."""
    change: NDArray[np.int32]
    """int32[m], seconds from alighting to boarding, -1 where forbidden."""
    guaranteed: NDArray[np.uint8]
    """uint8[m], 1 where the onward vehicle waits."""
    walk: NDArray[np.int32]
    """int32[m], row of the walk in the footpaths, -1 where there is none for others."""


def find_rule(timetable: Timetable, before: Ride, after: Ride) -> Rule | None:
    """Find the rule for changing from one ride to the next; None when transfers.txt says nothing."""
    if len(timetable.named_from):
        rule = _find_named(timetable, before, after)
        if rule is not None:
            return rule
    rows = np.flatnonzero((timetable.rule_from == before.to_stop) & (timetable.rule_to == after.from_stop))
    return Rule(int(timetable.rule_type[rows[0]]), int(timetable.rule_seconds[rows[0]])) if len(rows) else None


def _find_named(timetable: Timetable, before: Ride, after: Ride) -> Rule | None:
    """Find the rule that names trips or routes."""
    a, b = (_places_around(timetable, stop) for stop in (before.to_stop, after.from_stop))
    applies = np.isin(timetable.named_from, a) & np.isin(timetable.named_to, b)
    rows = np.flatnonzero(applies)
    for ride, trips, routes in (
        (before, timetable.named_from_trip, timetable.named_from_route),
        (after, timetable.named_to_trip, timetable.named_to_route),
    ):
        trip, route = timetable.trip_known_as[ride.trip], timetable.trip_route[ride.trip]
        rows = rows[np.isin(trips[rows], (-1, trip)) & np.isin(routes[rows], (-1, route))]
    if len(rows):
        loose = (timetable.named_from[rows] != before.to_stop).astype(np.int8)
        loose += timetable.named_to[rows] != after.from_stop
        best = rows[np.lexsort((rows, loose, _rank(timetable)[rows]))[0]]
        return Rule(int(timetable.named_type[best]), int(timetable.named_seconds[best]))
    return None


def find_special_changes(timetable: Timetable, footpaths: Footpaths, trips: NDArray[np.int32]) -> SpecialChanges:
    """Sort trips into classes that the rules treat alike, and say how changes between those differ."""
    nothing = np.zeros(0, np.int32)
    none = SpecialChanges(
        np.zeros(len(trips), np.int32), *(nothing,) * 6, guaranteed=np.zeros(0, np.uint8), walk=nothing
    )
    if footpaths.change_seconds[0] < 0 or not len(timetable.named_from):
        return none
    present, which = np.unique(trips, return_inverse=True)
    rules = _list_rules(timetable, present)
    if not rules.height:
        return none
    classes, members = _sort_into_classes(timetable, present, rules)
    changes = _match(timetable, rules, classes, present, members)
    changes = _time(timetable, footpaths, changes)
    used = np.unique(np.concatenate([changes["from_class"].to_numpy(), changes["to_class"].to_numpy()]))
    # named ones without any change of their own are all alike, but not like those nobody names if these have some
    number = np.full(len(classes), len(used) if 0 in used else 0, np.int32)
    number[used] = np.arange(len(used)) + (0 if 0 in used else 1)
    columns = {name: np.array(changes[name].to_numpy(), np.int32) for name in changes.columns}
    return SpecialChanges(
        trip_class=number[members][which].astype(np.int32),
        origin=columns["origin"],
        target=columns["target"],
        from_class=number[columns["from_class"]],
        to_class=number[columns["to_class"]],
        seconds=columns["seconds"],
        change=columns["change"],
        guaranteed=columns["guaranteed"].astype(np.uint8),
        walk=columns["walk"],
    )


def _rank(timetable: Timetable) -> NDArray[np.int8]:
    """Rank of each named rule, 1 (both trips) to 5 (one route)."""
    n_trips = (timetable.named_from_trip >= 0).astype(np.int8) + (timetable.named_to_trip >= 0)
    n_routes = (timetable.named_from_route >= 0).astype(np.int8) + (timetable.named_to_route >= 0)
    return np.select(
        [n_trips == 2, (n_trips == 1) & (n_routes == 1), n_trips == 1, n_routes == 2],  # noqa: PLR2004 - both sides
        [np.int8(1), np.int8(2), np.int8(3), np.int8(4)],
        np.int8(5),
    )


def _places_around(timetable: Timetable, stop: int) -> list[int]:
    """Places by which a rule may name a stop: itself and what it is part of."""
    places = [stop]
    while len(places) < LEVELS and timetable.stop_parent[places[-1]] >= 0:
        places.append(int(timetable.stop_parent[places[-1]]))
    return places


def _list_rules(timetable: Timetable, present: NDArray[np.int32]) -> pl.DataFrame:
    """Rules whose both sides can be among the trips that are there."""
    trips = timetable.trip_known_as[present]
    routes = timetable.trip_route[present]
    keep = np.ones(len(timetable.named_from), np.bool_)
    for column, there in (
        (timetable.named_from_trip, trips),
        (timetable.named_to_trip, trips),
        (timetable.named_from_route, routes),
        (timetable.named_to_route, routes),
    ):
        keep &= (column < 0) | np.isin(column, there)
    rows = np.flatnonzero(keep)
    return pl.DataFrame(
        {
            "row": rows.astype(np.int32),
            "rank": _rank(timetable)[rows],
            "from_place": timetable.named_from[rows],
            "to_place": timetable.named_to[rows],
            "from_trip": timetable.named_from_trip[rows],
            "to_trip": timetable.named_to_trip[rows],
            "from_route": timetable.named_from_route[rows],
            "to_route": timetable.named_to_route[rows],
            "given": timetable.named_seconds[rows],
            "type": timetable.named_type[rows],
        }
    )


def _sort_into_classes(
    timetable: Timetable, present: NDArray[np.int32], rules: pl.DataFrame
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the trip and route of each class (-1: none in particular; class 0 has neither), and each trip's class."""
    trip, route = timetable.trip_known_as[present], timetable.trip_route[present]
    named_trips, named_routes = (
        np.unique(np.concatenate([rules[f"from_{what}"].to_numpy(), rules[f"to_{what}"].to_numpy()]))
        for what in ("trip", "route")
    )
    by_trip = np.isin(trip, named_trips) & (trip >= 0)
    by_route = np.isin(route, named_routes) & (route >= 0)
    key = np.full((len(present), 2), -1, np.int32)
    key[by_trip, 0] = trip[by_trip]
    key[by_route | by_trip, 1] = route[by_route | by_trip]
    pairs = np.concatenate([np.full((1, 2), -1, np.int32), key])
    classes, members = np.unique(pairs, axis=0, return_inverse=True)
    return classes.astype(np.int32), members.reshape(-1)[1:].astype(np.int32)


def _match(
    timetable: Timetable,
    rules: pl.DataFrame,
    classes: NDArray[np.int32],
    present: NDArray[np.int32],
    members: NDArray[np.int32],
) -> pl.DataFrame:
    """List the pairs of stops and classes that rules are about, each with the rule that prevails."""
    pattern = timetable.trip_pattern[present]
    pairs = np.unique(np.stack([pattern, members], axis=1)[pattern >= 0], axis=0)
    length = np.diff(timetable.pattern_first)[pairs[:, 0]]
    position = np.repeat(timetable.pattern_first[pairs[:, 0]] - (np.cumsum(length) - length), length) + np.arange(
        int(length.sum())
    )
    calling = np.repeat(pairs[:, 1], length)
    sides = []
    for side, allowed in (("from", timetable.pattern_alight), ("to", timetable.pattern_board)):
        there = allowed[position].astype(np.bool_)
        found = pl.DataFrame({"stop": timetable.pattern_stop[position[there]], "class": calling[there]}).unique()
        number = found["class"].to_numpy()
        found = found.with_columns(
            pl.Series("trip", classes[number, 0], pl.Int32), pl.Series("route", classes[number, 1], pl.Int32)
        )
        place = found["stop"].to_numpy()
        levels = []
        for _ in range(LEVELS):
            levels.append(found.with_columns(pl.Series("place", place, pl.Int32)).filter(pl.col("place") >= 0))
            place = np.where(place >= 0, timetable.stop_parent[place], -1)
        calls = pl.concat(levels)
        by = {
            "trip": pl.col(f"{side}_trip") >= 0,
            "route": pl.col(f"{side}_route") >= 0,
            "": (pl.col(f"{side}_trip") < 0) & (pl.col(f"{side}_route") < 0),
        }
        parts = [
            rules.filter(those)
            .select("row", place=f"{side}_place", **({name: f"{side}_{name}"} if name else {}))
            .join(
                calls.select("place", "stop", "class", *([name] if name else [])), on=["place", *filter(None, [name])]
            )
            .select("row", "stop", "class", (pl.col("place") != pl.col("stop")).cast(pl.Int8).alias("loose"))
            for name, those in by.items()
        ]
        sides.append(pl.concat(parts).rename({name: f"{side}_{name}" for name in ("stop", "class", "loose")}))
    return (
        sides[0]
        .join(sides[1], on="row")
        .join(rules.select("row", "rank", "given", "type"), on="row")
        .sort(
            "from_stop", "to_stop", "from_class", "to_class", "rank", pl.col("from_loose") + pl.col("to_loose"), "row"
        )
        .unique(["from_stop", "to_stop", "from_class", "to_class"], keep="first", maintain_order=True)
    )


def _time(timetable: Timetable, footpaths: Footpaths, changes: pl.DataFrame) -> pl.DataFrame:
    """Say how long each change takes, and keep those that are not as usual between the stops."""
    origin, target = changes["from_stop"].to_numpy(), changes["to_stop"].to_numpy()
    given, kind = changes["given"].to_numpy(), changes["type"].to_numpy()
    walk = _find_walks(footpaths, origin, target)
    joined = walk >= 0
    straight = walk_seconds(stop_metres(timetable, origin, target))
    seconds = np.where(joined, footpaths.seconds[walk], np.where(given >= 0, given, straight))
    change = np.where(given >= 0, given, seconds + footpaths.change_seconds[0])
    change[(seconds < 0) | (kind == FORBIDDEN)] = FORBIDDEN_CHANGE
    guaranteed = (kind == GUARANTEED) & (change >= 0)
    usual = np.where(joined, footpaths.change[walk], FORBIDDEN_CHANGE)
    special = change != usual
    special |= guaranteed != np.where(joined, footpaths.guaranteed[walk], 0).astype(np.bool_)
    return pl.DataFrame(
        {
            "origin": origin,
            "target": target,
            "from_class": changes["from_class"],
            "to_class": changes["to_class"],
            "seconds": seconds,
            "change": change,
            "guaranteed": guaranteed.astype(np.int32),
            "walk": walk,
        }
    ).filter(special)


def _find_walks(footpaths: Footpaths, origin: NDArray[np.int32], target: NDArray[np.int32]) -> NDArray[np.int32]:
    """Row of the walk of each ordered pair of stops, -1 where there is none."""
    n_stops = len(footpaths.first) - 1
    origins = np.repeat(np.arange(n_stops, dtype=np.int64), np.diff(footpaths.first))
    known = origins * n_stops + footpaths.target
    asked = origin.astype(np.int64) * n_stops + target
    row = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[row] == asked, row, -1).astype(np.int32)
