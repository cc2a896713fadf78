"""What a day is counted from, as tables: the notes of use, and the timetable that ran.

Every identifier is the feed's own; `source` stands beside it. `who` is the eight bytes of a note as an integer, null
where nobody is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

if TYPE_CHECKING:
    from datetime import date

Schema = dict[str, type[pl.DataType]]

SEARCHES: Schema = {
    "hour": pl.Int8,
    "who": pl.Int64,
    "origin": pl.Int32,
    "destination": pl.Int32,
    "travel_day": pl.Date,
    "travel_minute": pl.Int16,
    "outcome": pl.String,
    "reason": pl.String,
    "seconds": pl.Int32,
    "wait": pl.Int32,
}
CHANGES: Schema = {
    "source": pl.String,
    "trip": pl.String,
    "stop": pl.String,
    "arrival": pl.Int32,
    "to_day": pl.Date,
    "to_source": pl.String,
    "to_trip": pl.String,
    "to_stop": pl.String,
    "departure": pl.Int32,
    "walk": pl.Int32,
}
RIDES: Schema = {
    "hour": pl.Int8,
    "deed": pl.String,
    "service": pl.String,
    "who": pl.Int64,
    "source": pl.String,
    "route": pl.String,
    "trip": pl.String,
    "sequence": pl.Int32,
    "stop": pl.String,
    "to_sequence": pl.Int32,
    "origin": pl.Int32,
    "destination": pl.Int32,
    "passengers": pl.Int32,
    "reason": pl.String,
    "cents": pl.Int32,
}
RUNS: Schema = {
    "service": pl.String,
    "source": pl.String,
    "route": pl.String,
    "metres": pl.Int64,
    "empty_metres": pl.Int64,
    "passengers": pl.Int32,
    "passenger_metres": pl.Int64,
    "cost_cents": pl.Int64,
    "subsidy_cents": pl.Int64,
}
TOLD: Schema = {
    "day": pl.Date,
    "source": pl.String,
    "route": pl.String,
    "trip": pl.String,
    "sequence": pl.Int32,
    "stop": pl.String,
    "arrival": pl.Int32,
    "departure": pl.Int32,
    "arrival_delay": pl.Int32,
    "departure_delay": pl.Int32,
    "cancelled": pl.Boolean,
    "passengers": pl.Int32,
}
TRIPS: Schema = {
    "source": pl.String,
    "route": pl.String,
    "trip": pl.String,
    "direction": pl.Int8,
    "shape": pl.String,
    "runs": pl.Int32,
    "often": pl.Boolean,
    "route_type": pl.Int32,
    "line": pl.Int32,
}
CALLS: Schema = {
    "source": pl.String,
    "line": pl.Int32,
    "sequence": pl.Int32,
    "stop": pl.String,
    "station": pl.String,
    "arrival": pl.Int32,
    "departure": pl.Int32,
    "lon": pl.Float64,
    "lat": pl.Float64,
}
SHAPES: Schema = {
    "source": pl.String,
    "shape": pl.String,
    "metres": pl.Float64,
    "first_lon": pl.Float64,
    "first_lat": pl.Float64,
    "last_lon": pl.Float64,
    "last_lat": pl.Float64,
}

CIRCUITS: Schema = {
    "source": pl.String,
    "route": pl.String,
    "runs": pl.Int32,
    "metres": pl.Float64,
    "seconds": pl.Int64,
}


class Ran(NamedTuple):
    """The timetable of one day: what was to run."""

    day: date
    trips: pl.DataFrame
    """As `TRIPS`: ``runs`` is how often a trip of frequencies.txt (``often``) runs, else 1; ``line`` numbers it in its
    feed."""
    calls: pl.DataFrame
    """As `CALLS`, sorted by source, line and sequence: times in seconds after noon minus 12 h, or null; the station of
    a stop that has none is the stop."""
    shapes: pl.DataFrame
    """As `SHAPES`: the lengths of the lines that vehicles draw, and where these begin and end."""
    zones: dict[str, str]
    """IANA time zone by source."""


class Notes(NamedTuple):
    """What was noted of one day."""

    day: date
    searches: pl.DataFrame
    """Asked on the day, whatever day they are for."""
    changes: pl.DataFrame
    rides: pl.DataFrame
    runs: pl.DataFrame
    told: pl.DataFrame
    """Calls of vehicles, of this day and of those that changes of this day go on to."""
    ran: Ran
    circuits: pl.DataFrame
    """What school circuits were to drive."""
