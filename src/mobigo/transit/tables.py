"""What a feed hands over: its files as typed tables."""

from __future__ import annotations

from typing import NamedTuple

import polars as pl


class FeedTables(NamedTuple):
    """GTFS as typed tables with GTFS column names; hands a feed or the whole database over to the timetable.

    Absent text is null, except where a default is named. The columns of each table are exactly those of `COLUMNS`.
    """

    agency: pl.DataFrame
    """agency_id ("" when the feed names none), agency_name, agency_url, agency_timezone, agency_phone."""
    stops: pl.DataFrame
    """station_id is the consolidated station: the parent, or the joint station of several feeds; else stop_id."""
    routes: pl.DataFrame
    """agency_id is filled in when the feed has one agency and the route names none."""
    trips: pl.DataFrame
    stop_times: pl.DataFrame
    """Sorted by trip_id, stop_sequence; times in seconds after noon minus 12 h, null where the feed has none (the
    timetable interpolates); rows without stop_id (flex zones) or with pickup/drop-off windows are left out."""
    services: pl.DataFrame
    """service_id, date: calendar and calendar_dates already expanded, each pair once."""
    frequencies: pl.DataFrame
    transfers: pl.DataFrame
    shapes: pl.DataFrame
    """Sorted by shape_id, shape_pt_sequence."""
    pathways: pl.DataFrame
    levels: pl.DataFrame


COLUMNS: dict[str, dict[str, type[pl.DataType]]] = {
    "agency": {
        "agency_id": pl.String,
        "agency_name": pl.String,
        "agency_url": pl.String,
        "agency_timezone": pl.String,
        "agency_phone": pl.String,
    },
    "stops": {
        "stop_id": pl.String,
        "stop_code": pl.String,
        "stop_name": pl.String,
        "stop_lat": pl.Float64,
        "stop_lon": pl.Float64,
        "location_type": pl.Int8,  # 0 when absent
        "parent_station": pl.String,
        "platform_code": pl.String,
        "stop_timezone": pl.String,
        "wheelchair_boarding": pl.Int8,  # 0 when absent
        "level_id": pl.String,
        "stop_access": pl.Int8,  # null when absent
        "station_id": pl.String,
    },
    "routes": {
        "route_id": pl.String,
        "agency_id": pl.String,
        "route_short_name": pl.String,
        "route_long_name": pl.String,
        "route_type": pl.Int32,
        "route_color": pl.String,
        "route_text_color": pl.String,
    },
    "trips": {
        "trip_id": pl.String,
        "route_id": pl.String,
        "service_id": pl.String,
        "trip_headsign": pl.String,
        "trip_short_name": pl.String,
        "direction_id": pl.Int8,  # null when absent
        "block_id": pl.String,
        "shape_id": pl.String,
        "wheelchair_accessible": pl.Int8,  # 0 when absent
        "bikes_allowed": pl.Int8,  # 0 when absent
    },
    "stop_times": {
        "trip_id": pl.String,
        "stop_sequence": pl.Int32,
        "stop_id": pl.String,
        "arrival_time": pl.Int32,
        "departure_time": pl.Int32,
        "pickup_type": pl.Int8,  # 0 when absent
        "drop_off_type": pl.Int8,  # 0 when absent
        "stop_headsign": pl.String,
        "shape_dist_traveled": pl.Float64,
    },
    "services": {"service_id": pl.String, "date": pl.Date},
    "frequencies": {
        "trip_id": pl.String,
        "start_time": pl.Int32,
        "end_time": pl.Int32,
        "headway_secs": pl.Int32,
        "exact_times": pl.Int8,  # 0 when absent
    },
    "transfers": {
        "from_stop_id": pl.String,
        "to_stop_id": pl.String,
        "from_route_id": pl.String,
        "to_route_id": pl.String,
        "from_trip_id": pl.String,
        "to_trip_id": pl.String,
        "transfer_type": pl.Int8,  # 0 when absent
        "min_transfer_time": pl.Int32,
    },
    "shapes": {
        "shape_id": pl.String,
        "shape_pt_sequence": pl.Int32,
        "shape_pt_lat": pl.Float64,
        "shape_pt_lon": pl.Float64,
        "shape_dist_traveled": pl.Float64,
    },
    "pathways": {
        "from_stop_id": pl.String,
        "to_stop_id": pl.String,
        "pathway_mode": pl.Int8,
        "is_bidirectional": pl.Int8,
        "length": pl.Float64,
        "traversal_time": pl.Int32,
        "stair_count": pl.Int32,
        "max_slope": pl.Float64,
        "min_width": pl.Float64,
        "signposted_as": pl.String,
        "reversed_signposted_as": pl.String,
    },
    "levels": {"level_id": pl.String, "level_index": pl.Float64, "level_name": pl.String},
}
"""Column types of each table of `FeedTables`."""


def empty_table(name: str) -> pl.DataFrame:
    """Return a table of `FeedTables` without rows."""
    return pl.DataFrame(schema=COLUMNS[name])
