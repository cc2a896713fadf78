"""Changes of a draft applied to the tables of a timetable: what `transit.timetable.build` makes a network of.

The tables are those of all feeds in service, every id ``source:id``. They are never changed in place; what comes out
is sorted as what is read from the database, so that a draft that changes nothing gives the very same tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from mobigo.kit.errors import Refused
from mobigo.transit.tables import COLUMNS, FeedTables
from mobigo.transit.timetable import STATION
from mobigo.usage.draft import (
    SOURCE,
    AddLine,
    AddStop,
    CloseStop,
    ExtendTrips,
    InsertStop,
    MoveStop,
    MoveTrips,
    OfZones,
    RemoveTrips,
    RetimeTrip,
    RunOn,
    SkipStop,
    read_clock,
    write_clock,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mobigo.usage.draft import Change, Days, Departures, Halt, Which

MINUTE = 60

MOST_NEW_CALLS = 500_000
"""Stop times that a draft may add."""

SHOWN = 5
"""Ids that a sentence names."""

CALL = COLUMNS["stop_times"]


@dataclass(frozen=True)
class Fault:
    """Why a change cannot be made."""

    change: int
    """Its place in the document, from 0."""
    code: str
    what: str
    """What is wrong, and what to do."""


@dataclass
class Edited:
    """What became of the tables."""

    tables: FeedTables
    faults: list[Fault] = field(default_factory=list)
    routes: set[str] = field(default_factory=set)
    """Lines some trip of which was added, changed or removed."""
    trips: set[str] = field(default_factory=set)
    """Trips that were, by the id they have now, or had."""
    stops: set[str] = field(default_factory=set)
    """Stops that were added, moved, or at which calls were added, changed or removed."""


def edit(tables: FeedTables, changes: Sequence[Change]) -> Edited:
    """Apply changes in their order; those of zones on demand are left out.

    A change that cannot be made is left out, and a fault says why; the others are made.
    """
    editor = _Editor(tables)
    for number, change in enumerate(changes):
        if isinstance(change, OfZones):
            continue
        editor.apply(number, change)
    return editor.finish()


def refuse_faults(faults: Sequence[Fault]) -> None:
    """Refuse a draft that has faults, naming the first in the sentence and all of them beside it.

    Raises
    ------
    Refused
        Code ``invalid_draft``.
    """
    if not faults:
        return
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise Refused(
        f"change {faults[0].change + 1} of the draft cannot be made: {faults[0].what}{more}",
        code="invalid_draft",
        members={"faults": [{"change": one.change, "code": one.code, "what": one.what} for one in faults]},
    )


class WrongChangeError(Exception):
    """A change that cannot be made: code, and what is wrong with it and what to do."""

    def __init__(self, code: str, what: str) -> None:
        super().__init__(code, what)


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(ids[:SHOWN])
    return shown + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")


class _Editor:
    """Tables on which changes are made one after the other."""

    def __init__(self, tables: FeedTables) -> None:
        self.before = tables
        self.stops, self.routes, self.trips = tables.stops, tables.routes, tables.trips
        self.calls, self.services, self.frequencies = tables.stop_times, tables.services, tables.frequencies
        self.touched = Edited(tables)
        self.added_calls = 0
        self.added_services = 0
        self._apply: Mapping[type, Callable[[Any], None]] = {
            AddStop: self.add_stop,
            MoveStop: self.move_stop,
            CloseStop: self.close_stop,
            AddLine: self.add_line,
            MoveTrips: self.move_trips,
            RetimeTrip: self.retime_trip,
            RunOn: self.run_on,
            RemoveTrips: self.remove_trips,
            ExtendTrips: self.extend_trips,
            SkipStop: self.skip_stop,
            InsertStop: self.insert_stop,
        }

    def apply(self, number: int, change: Change) -> None:
        """Make a change, or keep the fault and everything as it was."""
        kept = self.stops, self.routes, self.trips, self.calls, self.services, self.frequencies
        added = self.added_calls
        try:
            self._apply[type(change)](change)
            self._check_size()
        except WrongChangeError as wrong:
            self.stops, self.routes, self.trips, self.calls, self.services, self.frequencies = kept
            self.added_calls = added
            self.touched.faults.append(Fault(number, *wrong.args))

    def _check_size(self, more: int = 0) -> None:
        if self.added_calls + more > MOST_NEW_CALLS:
            what = f"the draft adds more than {MOST_NEW_CALLS} stop times; add fewer trips"
            raise WrongChangeError("too_many_calls", what)

    def finish(self) -> Edited:
        """Return the tables in the order in which the database gives them."""
        tables = self.before._replace(
            stops=self.stops.sort("stop_id"),
            routes=self.routes.sort("route_id"),
            trips=self.trips.sort("trip_id"),
            stop_times=self.calls.sort("trip_id", "stop_sequence"),
            services=self.services.sort("service_id", "date"),
            frequencies=self.frequencies,
        )
        self.touched.tables = tables
        return self.touched

    # ── which ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _stop(self, id_: str) -> dict[str, Any]:
        """Return a stop at which vehicles can call."""
        found = self.stops.filter(pl.col("stop_id") == id_)
        if not found.height:
            raise WrongChangeError("unknown_stop", f"there is no stop {id_!r}; /v1/stops lists them, add_stop adds one")
        row = found.row(0, named=True)
        if row["location_type"] == STATION:
            below = self.stops.filter(pl.col("parent_station") == id_, pl.col("location_type") == 0)
            raise WrongChangeError(
                "not_a_stop",
                f"{id_} ({row['stop_name']}) is a station, at which no vehicle stops by itself; name one of its stops: "
                f"{_some(below['stop_id'].to_list()) or 'it has none'}",
            )
        if row["stop_lat"] is None or row["stop_lon"] is None:
            raise WrongChangeError(
                "stop_without_place", f"stop {id_} has no coordinates; take another one, or add_stop"
            )
        return row

    def _meant(self, id_: str) -> list[str]:
        """List a stop, or all stops of a station."""
        below = self.stops.filter((pl.col("stop_id") == id_) | (pl.col("parent_station") == id_))["stop_id"].to_list()
        if id_ not in below:
            raise WrongChangeError("unknown_stop", f"there is no stop {id_!r}; /v1/stops lists them")
        return below

    def _line(self, id_: str) -> None:
        if not self.routes.filter(pl.col("route_id") == id_).height:
            raise WrongChangeError("unknown_line", f"there is no line {id_!r}; /v1/lines lists them, add_line adds one")

    def _select(self, which: Which) -> list[str]:
        """List the trips meant; of days that are named, as trips of those days only."""
        trips = self.trips
        if which.line is not None:
            self._line(which.line)
            trips = trips.filter(pl.col("route_id") == which.line)
        if which.trips is not None:
            unknown = sorted(set(which.trips) - set(self.trips["trip_id"].to_list()))
            if unknown:
                raise WrongChangeError(
                    "unknown_trip", f"there is no trip {_some(unknown)}; /v1/lines/ID/timetable lists them"
                )
            trips = trips.filter(pl.col("trip_id").is_in(which.trips))
        if which.direction is not None:
            trips = trips.filter(pl.col("direction_id") == which.direction)
        if which.first is not None or which.last is not None:
            leaves = self._leaving(trips["trip_id"])
            first = read_clock(which.first) if which.first is not None else -(2**31)
            last = read_clock(which.last) if which.last is not None else 2**31 - 1
            trips = trips.filter(
                pl.Series(
                    [first <= leaves.get(one, -1) <= last for one in trips["trip_id"].to_list()], dtype=pl.Boolean
                )
            )
        ids = trips["trip_id"].to_list()
        if which.days is not None:
            ids = self._split(trips, which.days)
        if not ids:
            raise WrongChangeError(
                "no_such_trips", "no trip fits all that is said of them; widen what they have in common"
            )
        self._touch(ids)
        return ids

    def _leaving(self, ids: pl.Series) -> dict[str, int]:
        """Return when trips leave their first stop, seconds after midnight."""
        calls = self.calls.filter(pl.col("trip_id").is_in(ids.implode())).sort("stop_sequence")
        firsts = calls.group_by("trip_id").agg(pl.col("departure_time").drop_nulls().first())
        found = dict(firsts.iter_rows())
        often = self.frequencies.filter(pl.col("trip_id").is_in(ids.implode()))
        return found | dict(often.group_by("trip_id").agg(pl.col("start_time").min()).iter_rows())

    def _split(self, trips: pl.DataFrame, days: Days) -> list[str]:
        """Part trips into those of some days and those of the others; return the former."""
        chosen: list[str] = []
        for (service,), mine in trips.group_by(["service_id"], maintain_order=True):
            runs = self.services.filter(pl.col("service_id") == service)["date"].to_list()
            inside = days.of(runs)
            ids = mine["trip_id"].to_list()
            if len(inside) == len(runs):
                chosen += ids if runs else []
            elif inside:
                on = self._add_service(inside)
                rest = self._add_service(sorted(set(runs) - set(inside)))
                copies = {id_: f"{SOURCE}:{id_}~{self.added_services}" for id_ in ids}
                self._copy_trips(copies, on)
                self._set_service(ids, rest)
                chosen += copies.values()
        return chosen

    def _add_service(self, days: Sequence[date]) -> str:
        self.added_services += 1
        id_ = f"{SOURCE}:days{self.added_services}"
        rows = pl.DataFrame({"service_id": [id_] * len(days), "date": days}, schema=COLUMNS["services"])
        self.services = pl.concat([self.services, rows])
        return id_

    def _copy_trips(self, copies: Mapping[str, str], service: str) -> None:
        """Add trips like others, by the ids of those; they are in no block, since the vehicle before has not split."""
        old = list(copies)
        for name, frame in (("trips", self.trips), ("calls", self.calls), ("frequencies", self.frequencies)):
            rows = frame.filter(pl.col("trip_id").is_in(old)).with_columns(pl.col("trip_id").replace_strict(copies))
            if name == "trips":
                rows = rows.with_columns(service_id=pl.lit(service), block_id=pl.lit(None, pl.String))
            if name == "calls":
                self.added_calls += rows.height
            setattr(self, name, pl.concat([frame, rows]))

    def _set_service(self, ids: Sequence[str], service: str) -> None:
        self.trips = self.trips.with_columns(
            service_id=pl.when(pl.col("trip_id").is_in(list(ids))).then(pl.lit(service)).otherwise(pl.col("service_id"))
        )

    def _touch(self, ids: Sequence[str]) -> None:
        mine = pl.col("trip_id").is_in(list(ids))
        self.touched.trips.update(ids)
        self.touched.routes.update(self.trips.filter(mine)["route_id"].to_list())
        self.touched.stops.update(self.calls.filter(mine)["stop_id"].unique().to_list())

    # ── stops ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_stop(self, change: AddStop) -> None:
        """Add a stop."""
        id_ = f"{SOURCE}:{change.id}"
        if self.stops.filter(pl.col("stop_id") == id_).height:
            raise WrongChangeError("id_taken", f"the draft has a stop {change.id} already; take another id")
        row = dict.fromkeys(COLUMNS["stops"]) | {
            "stop_id": id_,
            "stop_name": change.name,
            "stop_lat": change.lat,
            "stop_lon": change.lon,
            "location_type": 0,
            "wheelchair_boarding": 0,
            "station_id": id_,
        }
        self.stops = pl.concat([self.stops, pl.DataFrame([row], schema=COLUMNS["stops"])])
        self.touched.stops.add(id_)

    def move_stop(self, change: MoveStop) -> None:
        """Put a stop elsewhere."""
        self._stop(change.stop)
        here = pl.col("stop_id") == change.stop
        self.stops = self.stops.with_columns(
            stop_lat=pl.when(here).then(pl.lit(change.lat)).otherwise(pl.col("stop_lat")),
            stop_lon=pl.when(here).then(pl.lit(change.lon)).otherwise(pl.col("stop_lon")),
        )
        self.touched.stops.add(change.stop)
        self._leave_shape(self.calls.filter(pl.col("stop_id") == change.stop)["trip_id"].unique().to_list())

    def close_stop(self, change: CloseStop) -> None:
        """Let no vehicle call at a stop."""
        stops = self._meant(change.stop)
        ids = self.calls.filter(pl.col("stop_id").is_in(stops))["trip_id"].unique().to_list()
        if not ids:
            raise WrongChangeError("no_such_trips", f"no vehicle calls at {change.stop}; leave this change out")
        self._touch(ids)
        self._skip(ids, stops, 0)

    def _leave_shape(self, ids: Sequence[str]) -> None:
        """Let trips follow no shape any more, since they stop elsewhere: from stop to stop they go straight."""
        mine = pl.col("trip_id").is_in(list(ids))
        self.trips = self.trips.with_columns(shape_id=pl.when(mine).then(None).otherwise(pl.col("shape_id")))
        self.calls = self.calls.with_columns(
            shape_dist_traveled=pl.when(mine).then(None).otherwise(pl.col("shape_dist_traveled"))
        )

    # ── trips ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_line(self, change: AddLine) -> None:
        """Add a line with its trips."""
        id_ = f"{SOURCE}:{change.id}"
        if self.routes.filter(pl.col("route_id") == id_).height:
            raise WrongChangeError("id_taken", f"the draft has a line {change.id} already; take another id")
        agency = change.agency or self.before.agency["agency_id"].to_list()[0]
        if agency not in self.before.agency["agency_id"].to_list():
            raise WrongChangeError(
                "unknown_agency", f"there is no agency {agency!r}; leave it out, or name one that is"
            )
        for halt in change.stops:
            self._stop(halt.stop)
        days = change.days.of(self._period())
        if not days:
            raise WrongChangeError("no_days", "the line runs on none of the days of the timetables; correct its days")
        row = dict.fromkeys(COLUMNS["routes"]) | {
            "route_id": id_,
            "agency_id": agency,
            "route_short_name": change.name,
            "route_long_name": change.long_name or None,
            "route_type": change.route_type,
        }
        self.routes = pl.concat([self.routes, pl.DataFrame([row], schema=COLUMNS["routes"])])
        service = self._add_service(days)
        self._add_trips(id_, service, 0, _offsets(change.stops), change.there)
        if change.back is not None:
            self._add_trips(id_, service, 1, _turned(change.stops), change.back)
        self.touched.routes.add(id_)

    def _period(self) -> list[date]:
        """List the days from the first to the last on which anything runs in the timetables."""
        days = self.before.services["date"]
        if not days.len():
            return []
        first, last = days.min(), days.max()
        assert isinstance(first, date)
        assert isinstance(last, date)
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def _add_trips(
        self, line: str, service: str, direction: int, halts: Sequence[tuple[str, int, int]], leaving: Departures
    ) -> None:
        starts = leaving.instants()
        if not starts:
            way = "back" if direction else "there"
            raise WrongChangeError("no_departures", f"the line has no departure {way}; give times, or an interval")
        self._check_size(len(starts) * len(halts))
        names = dict(self.stops.select("stop_id", "stop_name").iter_rows())
        ids = [f"{line}~{direction}~{write_clock(start)}" for start in starts]
        base = dict.fromkeys(COLUMNS["trips"]) | {
            "route_id": line,
            "service_id": service,
            "trip_headsign": names[halts[-1][0]],
            "direction_id": direction,
            "wheelchair_accessible": 0,
            "bikes_allowed": 0,
        }
        self.trips = pl.concat(
            [self.trips, pl.DataFrame([base | {"trip_id": id_} for id_ in ids], schema=COLUMNS["trips"])]
        )
        self._add_calls(
            [
                (id_, number, stop, start + arrives, start + leaves)
                for id_, start in zip(ids, starts, strict=True)
                for number, (stop, arrives, leaves) in enumerate(halts, 1)
            ]
        )
        self.touched.trips.update(ids)
        self.touched.stops.update(stop for stop, _, _ in halts)

    def _add_calls(self, rows: Sequence[tuple[str, int, str, int, int]]) -> None:
        """Add stop times: trip, sequence, stop, arrival, departure; one may get on and off at all of them."""
        names = ("trip_id", "stop_sequence", "stop_id", "arrival_time", "departure_time")
        columns: dict[str, Any] = {name: [row[at] for row in rows] for at, name in enumerate(names)}
        columns |= {"pickup_type": [0] * len(rows), "drop_off_type": [0] * len(rows)}
        columns |= {name: [None] * len(rows) for name in ("stop_headsign", "shape_dist_traveled")}
        self.calls = pl.concat([self.calls, pl.DataFrame(columns, schema=CALL)])
        self.added_calls += len(rows)

    def move_trips(self, change: MoveTrips) -> None:
        """Move trips by minutes."""
        ids = self._select(change.which)
        self._shift(ids, round(change.minutes * MINUTE))

    def _shift(self, ids: Sequence[str], seconds: int) -> None:
        mine = pl.col("trip_id").is_in(list(ids))
        earliest = self.calls.filter(mine)["arrival_time"].min()
        if isinstance(earliest, int) and earliest + seconds < 0:
            raise WrongChangeError(
                "before_midnight",
                f"a trip that begins at {write_clock(earliest)} cannot be {-seconds // MINUTE} minutes earlier, before "
                "its service day begins; let it run on the day before (run_on) at a time beyond 24:00",
            )
        self.calls = self.calls.with_columns(
            pl.when(mine).then(pl.col(name) + seconds).otherwise(pl.col(name)).alias(name)
            for name in ("arrival_time", "departure_time")
        )
        self.frequencies = self.frequencies.with_columns(
            pl.when(mine).then(pl.col(name) + seconds).otherwise(pl.col(name)).alias(name)
            for name in ("start_time", "end_time")
        )

    def retime_trip(self, change: RetimeTrip) -> None:
        """Give a trip other times."""
        if not self.trips.filter(pl.col("trip_id") == change.trip).height:
            raise WrongChangeError("unknown_trip", f"there is no trip {change.trip}; /v1/lines/ID/timetable lists them")
        mine = self.calls.filter(pl.col("trip_id") == change.trip).sort("stop_sequence")
        if mine.height != len(change.times):
            raise WrongChangeError(
                "wrong_number_of_times",
                f"trip {change.trip} has {mine.height} stops, the draft gives {len(change.times)} times; give one each",
            )
        pairs = [
            (read_clock(first), read_clock(last or first))
            for first, _, last in (one.partition("-") for one in change.times)
        ]
        self._touch([change.trip])
        new = mine.with_columns(
            arrival_time=pl.Series([pair[0] for pair in pairs], dtype=CALL["arrival_time"]),
            departure_time=pl.Series([pair[1] for pair in pairs], dtype=CALL["departure_time"]),
        )
        self._put([change.trip], new)

    def _put(self, ids: Sequence[str], new: pl.DataFrame) -> None:
        """Put other stop times in the place of those of some trips.

        Raises
        ------
        WrongChangeError
            When a trip of them goes back in time.
        """
        timed = new.filter(pl.col("departure_time").is_not_null()).sort("trip_id", "stop_sequence")
        before = pl.col("departure_time").shift(1).over("trip_id")
        back = timed.filter((pl.col("arrival_time") < before) | (pl.col("departure_time") < pl.col("arrival_time")))
        if back.height:
            row = back.row(0, named=True)
            raise WrongChangeError(
                "times_go_back",
                f"trip {row['trip_id']} would be at {row['stop_id']} at {write_clock(row['arrival_time'])} and leave "
                f"it at {write_clock(row['departure_time'])}, which goes back in time; correct the minutes",
            )
        old = pl.col("trip_id").is_in(list(ids))
        grown = new.height - self.calls.filter(old).height
        self.calls = pl.concat([self.calls.filter(~old), new.select(self.calls.columns)])
        self.added_calls += max(0, grown)

    def run_on(self, change: RunOn) -> None:
        """Let trips run on other days."""
        ids = self._select(change.which)
        days = change.days.of(self._period())
        if not days:
            raise WrongChangeError(
                "no_days", "the trips would run on no day of the timetables; remove_trips removes them"
            )
        self._set_service(ids, self._add_service(days))

    def remove_trips(self, change: RemoveTrips) -> None:
        """Remove trips."""
        self._remove(self._select(change.which))

    def _remove(self, ids: Sequence[str]) -> None:
        gone = pl.col("trip_id").is_in(list(ids))
        self.trips = self.trips.filter(~gone)
        self.calls = self.calls.filter(~gone)
        self.frequencies = self.frequencies.filter(~gone)

    def extend_trips(self, change: ExtendTrips) -> None:
        """Let trips begin before, or go on after, their end."""
        ids = self._select(change.which)
        for halt in change.stops:
            self._stop(halt.stop)
        mine = self.calls.filter(pl.col("trip_id").is_in(ids)).sort("trip_id", "stop_sequence")
        place = pl.int_range(pl.len()).over("trip_id")
        size = pl.len().over("trip_id")
        more = len(change.stops)
        if change.end == "last":
            mine = mine.with_columns(
                stop_sequence=place + 1,
                pickup_type=pl.when(place == size - 1).then(pl.lit(0, pl.Int8)).otherwise(pl.col("pickup_type")),
            )
            ends = mine.group_by("trip_id", maintain_order=True).last()
            halts = _offsets(change.stops, first=True)
        else:
            mine = mine.with_columns(
                stop_sequence=place + 1 + more,
                drop_off_type=pl.when(place == 0).then(pl.lit(0, pl.Int8)).otherwise(pl.col("drop_off_type")),
            )
            ends = mine.group_by("trip_id", maintain_order=True).first()
            halts = _offsets_before(change.stops)
        self._check_size(ends.height * more)
        rows: list[dict[str, Any]] = []
        for end in ends.iter_rows(named=True):
            at = end["departure_time"] if change.end == "last" else end["arrival_time"]
            if at is None:
                raise WrongChangeError(
                    "stop_without_time", f"trip {end['trip_id']} has no time at its end; retime_trip first"
                )
            first = end["stop_sequence"] + 1 if change.end == "last" else 1
            rows += [
                dict.fromkeys(CALL)
                | {
                    "trip_id": end["trip_id"],
                    "stop_sequence": first + number,
                    "stop_id": stop,
                    "arrival_time": at + arrives,
                    "departure_time": at + leaves,
                    "pickup_type": 0,
                    "drop_off_type": 0,
                }
                for number, (stop, arrives, leaves) in enumerate(halts)
            ]
        if min(row["arrival_time"] for row in rows) < 0:
            raise WrongChangeError(
                "before_midnight", "a trip would begin before its service day; extend later trips only"
            )
        self._put(ids, pl.concat([mine.cast(CALL), pl.DataFrame(rows, schema=CALL)]))  # type: ignore[arg-type] # a schema
        self._leave_shape(ids)
        self.touched.stops.update(halt.stop for halt in change.stops)

    def skip_stop(self, change: SkipStop) -> None:
        """Let trips no longer call at a stop."""
        ids = self._select(change.which)
        stops = self._meant(change.stop)
        mine = pl.col("trip_id").is_in(ids) & pl.col("stop_id").is_in(stops)
        calling = self.calls.filter(mine)["trip_id"].unique().to_list()
        if not calling:
            raise WrongChangeError(
                "no_such_trips", f"none of these trips calls at {change.stop}; leave this change out"
            )
        self._skip(calling, stops, round(change.saves * MINUTE))

    def _skip(self, ids: Sequence[str], stops: Sequence[str], saves: int) -> None:
        mine = self.calls.filter(pl.col("trip_id").is_in(list(ids))).sort("trip_id", "stop_sequence")
        left = pl.col("stop_id").is_in(list(stops))
        passed = left.cum_sum().over("trip_id").cast(pl.Int32) * saves
        new = mine.with_columns(
            arrival_time=pl.col("arrival_time") - passed, departure_time=pl.col("departure_time") - passed
        ).filter(~left)
        short = new.group_by("trip_id").len().filter(pl.col("len") < 2)["trip_id"].to_list()  # noqa: PLR2004 - two ends
        none = sorted(set(ids) - set(new["trip_id"].to_list()))
        self._put(ids, new)
        self._leave_shape(ids)
        if short or none:
            self._remove([*short, *none])

    def insert_stop(self, change: InsertStop) -> None:
        """Let trips call at another stop."""
        ids = self._select(change.which)
        self._stop(change.stop)
        behind = self._meant(change.behind)
        mine = self.calls.filter(pl.col("trip_id").is_in(ids)).sort("trip_id", "stop_sequence")
        mine = mine.with_columns(stop_sequence=(2 * pl.int_range(pl.len()).over("trip_id") + 1).cast(pl.Int32))
        ends = mine.group_by("trip_id").agg(end=pl.col("stop_sequence").max())
        places = (
            mine.filter(pl.col("stop_id").is_in(behind))
            .join(ends, on="trip_id")
            .filter(pl.col("stop_sequence") < pl.col("end"))
            .unique("trip_id", keep="first", maintain_order=True)
        )
        if not places.height:
            raise WrongChangeError(
                "no_such_trips",
                f"none of these trips goes on from {change.behind}; extend_trips adds stops at the ends of trips",
            )
        if places["departure_time"].null_count():
            raise WrongChangeError(
                "stop_without_time", f"trips have no time at {change.behind}; name a stop where they have one"
            )
        new = (
            places.select(
                "trip_id",
                stop_sequence=pl.col("stop_sequence") + 1,
                stop_id=pl.lit(change.stop),
                arrival_time=pl.col("departure_time") + round(change.after * MINUTE),
                departure_time=pl.col("departure_time") + round(change.after * MINUTE),
                pickup_type=pl.lit(0),
                drop_off_type=pl.lit(0),
                stop_headsign=pl.lit(None),
                shape_dist_traveled=pl.lit(None),
            ).cast(CALL)  # type: ignore[arg-type] # a schema
        )
        changed = places["trip_id"].to_list()
        adds = round(change.adds * MINUTE)
        later = (
            mine.filter(pl.col("trip_id").is_in(changed))
            .join(places.select("trip_id", at="stop_sequence"), on="trip_id")
            .with_columns(
                pl.when(pl.col("stop_sequence") > pl.col("at"))
                .then(pl.col(name) + adds)
                .otherwise(pl.col(name))
                .alias(name)
                for name in ("arrival_time", "departure_time")
            )
            .select(self.calls.columns)
        )
        self._put(changed, pl.concat([later, new]))
        self._leave_shape(changed)
        self.touched.stops.add(change.stop)


# ── when a line is where ──────────────────────────────────────────────────────────────────────────────────────────────


def _offsets(halts: Sequence[Halt], *, first: bool = False) -> list[tuple[str, int, int]]:
    """Return stop, arrival and departure in seconds after leaving the first stop, or what comes before it (`first`)."""
    found: list[tuple[str, int, int]] = []
    at = 0
    for number, halt in enumerate(halts):
        arrives = at + (round(halt.after * MINUTE) if number or first else 0)
        at = arrives + (round(halt.dwell * MINUTE) if number or first else 0)
        found.append((halt.stop, arrives, at))
    return found


def _offsets_before(halts: Sequence[Halt]) -> list[tuple[str, int, int]]:
    """Return stop, arrival and departure in seconds (negative) before the stop that follows the last one.

    `after` counts from the stop before; the last one's counts to the stop that follows, and all others to their next.
    """
    found: list[tuple[str, int, int]] = []
    at = 0
    for halt in reversed(halts):
        leaves = at - round(halt.after * MINUTE)
        at = leaves - round(halt.dwell * MINUTE)
        found.append((halt.stop, at, leaves))
    return found[::-1]


def _turned(halts: Sequence[Halt]) -> list[tuple[str, int, int]]:
    """Return the way back: the same stops the other way round, each stretch and each wait as long as there."""
    found: list[tuple[str, int, int]] = []
    at = 0
    for number in range(len(halts) - 1, -1, -1):
        last = number == len(halts) - 1
        arrives = at + (0 if last else round(halts[number + 1].after * MINUTE))
        at = arrives + (0 if last else round(halts[number].dwell * MINUTE))
        found.append((halts[number].stop, arrives, at))
    return found
