"""What ran: the timetable of a day laid out in metres, and what each line ran and carried.

A trip is as long as the straight lines between its stops, stretched to the length of its shape where the shape leads
from its first stop to its last. On demand and in shared cars, runs say themselves how far they went.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from mobigo.kit.geo import EARTH_RADIUS
from mobigo.trace.model import Deed, Service
from mobigo.usage.punctuality import add_hours

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mobigo.usage.notes import Notes, Ran

SHAPE_ENDS = 500.0
"""Metres that a trip's first and last stop may lie from the ends of its shape."""

MOST_STRETCH = 4.0
"""Times that a shape may be longer than the straight lines between the stops; beyond, it is not believed."""

LINE = ("service", "source", "route")


class Grams(NamedTuple):
    """Grams of CO2 equivalent a kilometre, by the dated factors."""

    by_route_type: dict[int, float]
    """Of one passenger; types without a factor are absent."""
    by_service: dict[str, float]
    """Of one vehicle, for what is no line of the timetable."""


class Laid(NamedTuple):
    """The trips of a day that were not cancelled, in metres."""

    trips: pl.DataFrame
    """``number``, source, route, trip, direction, runs (without those cancelled), route_type, metres, seconds (both of
    one run)."""
    calls: pl.DataFrame
    """``number`` of the trip, sequence, stop, station, departure (never null), local hour of it, metres from the first
    stop, lon, lat; sorted."""


def lay(ran: Ran, told: pl.DataFrame) -> Laid:
    """Lay the timetable of a day out, without the trips that were cancelled as a whole."""
    gone = (
        name_runs(told, ran.trips)
        .group_by("source", "trip", "run")
        .agg(pl.col("cancelled").all())
        .filter("cancelled")
        .group_by("source", "trip")
        .agg(gone=pl.len().cast(pl.Int32))
    )
    calls = ran.calls.with_columns(pl.len().over("source", "line").alias("n")).filter(pl.col("n") > 1).drop("n")
    trips = (
        ran.trips.join(gone, on=["source", "trip"], how="left")
        .with_columns(runs=pl.col("runs") - pl.col("gone").fill_null(0))
        .filter(pl.col("runs") > 0)
        .drop("gone")
        .join(calls.select("source", "line").unique(), on=["source", "line"], how="semi")
        .sort("source", "line")
        .with_row_index("number")
    )
    calls = calls.join(trips.select("source", "line", "number"), on=["source", "line"]).sort("number", "sequence")
    if calls.is_empty():
        nothing = pl.lit(0, pl.Int64)
        return Laid(
            trips.drop("line", "shape").with_columns(metres=pl.lit(0.0), seconds=nothing),
            calls.drop("source", "line", "arrival").with_columns(metres=pl.lit(0.0), hour=pl.lit(0, pl.Int16)),
        )
    number = calls["number"].to_numpy()
    first = np.flatnonzero(np.diff(number, prepend=-1))
    hops = measure(calls["lon"].to_numpy(), calls["lat"].to_numpy())
    hops[first] = 0.0
    straight = np.add.reduceat(hops, first)
    stretch = _stretch(trips, calls, ran.shapes, straight)
    along = np.cumsum(hops * np.repeat(stretch, np.diff(np.append(first, len(calls)))))
    along -= np.repeat(along[first], np.diff(np.append(first, len(calls))))
    last = np.append(first[1:], len(calls)) - 1
    departure = _fill(calls, number, along)
    arrival = calls["arrival"].fill_null(calls["departure"]).to_numpy()[last]
    seconds = np.where(np.isnan(arrival), departure[last], arrival) - departure[first]
    return Laid(
        trips.drop("line", "shape").with_columns(
            metres=pl.Series(along[last]), seconds=pl.Series(np.maximum(seconds, 0).astype(np.int64))
        ),
        add_hours(
            calls.with_columns(departure=pl.Series(departure.astype(np.int32)), metres=pl.Series(along)),
            "departure", ran.day, ran.zones,
        ).drop("source", "line", "arrival"),
    )  # fmt: skip


def name_runs(told: pl.DataFrame, trips: pl.DataFrame) -> pl.DataFrame:
    """Add ``run``, and call runs of trips of frequencies.txt, which are told as ``TRIP@HH:MM:SS``, by their trip."""
    often = trips.filter("often").select("source", trip_often="trip")
    return (
        told.with_columns(run="trip", trip_often=pl.col("trip").str.replace(r"@\d{2,}:\d{2}:\d{2}$", ""))
        .join(often.with_columns(known=pl.lit(value=True)), on=["source", "trip_often"], how="left")
        .with_columns(trip=pl.when("known").then("trip_often").otherwise("trip"))
        .drop("trip_often", "known")
    )


def measure(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure from each place to the one before it, in metres; 0 for the first, and where a place is not known."""
    if not len(lon):
        return np.zeros(0)
    return np.nan_to_num(apart(np.roll(lon, 1), np.roll(lat, 1), lon, lat) * (np.arange(len(lon)) > 0))


def apart(
    lon: NDArray[np.float64], lat: NDArray[np.float64], to_lon: NDArray[np.float64], to_lat: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Great-circle distances in metres, float64[n]; NaN where a place is not known."""
    a, b = np.radians(lat), np.radians(to_lat)
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(to_lon - lon) / 2) ** 2
    metres: NDArray[np.float64] = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(h, 1.0)))
    return metres


def _stretch(
    trips: pl.DataFrame, calls: pl.DataFrame, shapes: pl.DataFrame, straight: NDArray[np.float64]
) -> NDArray[np.float64]:
    ends = calls.group_by("number", maintain_order=True).agg(
        lon=pl.col("lon").first(), lat=pl.col("lat").first(), to_lon=pl.col("lon").last(), to_lat=pl.col("lat").last()
    )
    rows = (
        trips.select("number", "source", "shape")
        .join(shapes, on=["source", "shape"], how="left", maintain_order="left")
        .join(ends, on="number", how="left", maintain_order="left")
    )
    value = {name: rows[name].cast(pl.Float64).to_numpy() for name in rows.columns[3:]}
    begins = apart(value["first_lon"], value["first_lat"], value["lon"], value["lat"])
    finishes = apart(value["last_lon"], value["last_lat"], value["to_lon"], value["to_lat"])
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = value["metres"] / straight
        fits = (begins <= SHAPE_ENDS) & (finishes <= SHAPE_ENDS) & (stretch >= 1) & (stretch <= MOST_STRETCH)
    return np.where(fits, stretch, 1.0)


def _fill(calls: pl.DataFrame, number: NDArray[np.uint32], along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return departures; those the feed leaves out lie between their neighbours as the metres do."""
    told = calls["departure"].fill_null(calls["arrival"]).cast(pl.Float64).to_numpy()
    known = ~np.isnan(told)
    if known.all():
        return told
    where = number * (along.max() + 1.0) * 2 + along  # a trip never reaches into the next one's metres
    return np.where(known, told, np.interp(where, where[known], told[known])) if known.any() else np.zeros(len(told))


def count_supply(laid: Laid, load: pl.DataFrame, notes: Notes, grams: Grams) -> pl.DataFrame:
    """Count what each line ran, carried, was paid and emitted."""
    boarded = (
        notes.rides.filter(pl.col("deed") == Deed.BOARDED)
        .group_by(LINE)
        .agg(boarded=pl.col("passengers").sum(), fares=pl.col("cents").cast(pl.Int64).sum())
    )
    lines = pl.concat(
        [_count_timetable(laid, load, grams), _count_runs(notes.runs, grams), _count_circuits(notes.circuits)]
    )
    return (
        lines.join(boarded, on=LINE, how="full", coalesce=True)
        .with_columns(
            passengers=pl.when(pl.col("service") == Service.TRANSIT)
            .then(pl.col("boarded"))
            .otherwise(pl.coalesce("passengers", "boarded"))
            .fill_null(0),
            fares_cents=pl.col("fares").fill_null(0),
            **{
                name: pl.col(name).fill_null(0)
                for name in ("runs", "metres", "empty_metres", "seconds", "passenger_metres")
            },
        )
        .select(
            *LINE, "runs", "metres", "empty_metres", "seconds", "passengers", "passenger_metres", "cost_cents",
            "subsidy_cents", "fares_cents", "co2_grams",
        )
        .sort(LINE)
    )  # fmt: skip


def _count_timetable(laid: Laid, load: pl.DataFrame, grams: Grams) -> pl.DataFrame:
    trips = laid.trips
    carried = (
        load.join(trips.select("source", "trip", "number"), on=["source", "trip"])
        .join(laid.calls.select("number", "sequence", "metres"), on=["number", "sequence"])
        .sort("number", "sequence")
        .with_columns(hop=pl.col("metres").shift(-1).over("number") - pl.col("metres"))
        .group_by("number")
        .agg(carried=(pl.col("load") * pl.col("hop")).sum())
    )
    factor = pl.col("route_type").replace_strict(grams.by_route_type, default=None, return_dtype=pl.Float64)
    rows = trips.join(carried, on="number", how="left").with_columns(
        carried=pl.col("carried").fill_null(0.0) * pl.col("runs")
    )
    return (
        rows.group_by("source", "route")
        .agg(
            runs=pl.col("runs").sum(),
            metres=(pl.col("metres") * pl.col("runs")).sum().round().cast(pl.Int64),
            empty_metres=pl.lit(0, pl.Int64),
            seconds=(pl.col("seconds") * pl.col("runs")).sum(),
            passengers=pl.lit(None, pl.Int32),
            passenger_metres=pl.col("carried").sum().round().cast(pl.Int64),
            cost_cents=pl.lit(None, pl.Int64),
            subsidy_cents=pl.lit(None, pl.Int64),
            co2_grams=(pl.col("carried") / 1000 * factor).sum().round().cast(pl.Int64),
            known=factor.is_not_null().all(),
        )
        .select(
            service=pl.lit(Service.TRANSIT.value),
            source="source",
            route="route",
            runs=pl.col("runs").cast(pl.Int32),
            metres="metres",
            empty_metres="empty_metres",
            seconds="seconds",
            passengers="passengers",
            passenger_metres="passenger_metres",
            cost_cents="cost_cents",
            subsidy_cents="subsidy_cents",
            co2_grams=pl.when("known").then("co2_grams"),
        )
    )


def _count_circuits(circuits: pl.DataFrame) -> pl.DataFrame:
    """Tell what school circuits drove; whom they carried and what they emitted is not known."""
    return circuits.select(
        service=pl.lit(Service.SCHOOL.value),
        source="source",
        route="route",
        runs="runs",
        metres=pl.col("metres").round().cast(pl.Int64),
        empty_metres=pl.lit(0, pl.Int64),
        seconds="seconds",
        passengers=pl.lit(None, pl.Int32),
        passenger_metres=pl.lit(0, pl.Int64),
        cost_cents=pl.lit(None, pl.Int64),
        subsidy_cents=pl.lit(None, pl.Int64),
        co2_grams=pl.lit(None, pl.Int64),
    )


def _count_runs(runs: pl.DataFrame, grams: Grams) -> pl.DataFrame:
    factor = pl.col("service").replace_strict(grams.by_service, default=None, return_dtype=pl.Float64)
    paid = pl.col("cost_cents").sum()
    return runs.group_by(LINE).agg(
        runs=pl.len().cast(pl.Int32),
        metres=pl.col("metres").sum(),
        empty_metres=pl.col("empty_metres").sum(),
        seconds=pl.lit(0, pl.Int64),
        passengers=pl.col("passengers").sum(),
        passenger_metres=pl.col("passenger_metres").sum(),
        cost_cents=pl.when(paid > 0).then(paid),
        subsidy_cents=pl.when(paid > 0).then(pl.col("subsidy_cents").sum()),
        co2_grams=(pl.col("metres") / 1000 * factor).sum().round().cast(pl.Int64),
    )
