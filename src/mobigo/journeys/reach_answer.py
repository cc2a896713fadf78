"""What is reached, as JSON: the models describe it, the functions write it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import shapely
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry import MultiPolygon

    from mobigo.journeys.communes import Commune
    from mobigo.journeys.reach import Reach

DECIMALS = 6
"""Of degrees."""
DEGREE_KM = 111.19508
"""Kilometres of a degree of latitude."""


class ReachedPlaceAnswer(BaseModel):
    """The place that was asked about."""

    name: str
    lat: float
    lon: float
    stop_id: str | None = Field(description="Where it is a stop")


class ReachedStopAnswer(BaseModel):
    """A stop that is reached."""

    id: str
    name: str
    platform: str | None
    lat: float | None
    lon: float | None
    seconds: int = Field(description="From `at` until one is there; with `arrive_by`, from there until `at`")
    changes: int = Field(description="Of vehicles, on the journey that takes so long")
    on_foot: bool = Field(description="One walks all the way")


class ReachedCommuneAnswer(BaseModel):
    """A commune whose centre is reached."""

    id: str = Field(description="Of `/v1/places`")
    name: str
    insee: str | None
    population: int | None
    lat: float
    lon: float
    seconds: int


class AreaAnswer(BaseModel):
    """An area, as GeoJSON has it."""

    type: Literal["MultiPolygon"] = "MultiPolygon"
    coordinates: list[list[list[tuple[float, float]]]] = Field(description="Longitude, latitude")


class BandProperties(BaseModel):
    """What lies within a band."""

    minutes: int
    stops: int
    communes: int = Field(description="Whose centre is reached")
    population: int = Field(description="Of these communes, where it is known")
    square_kilometres: float


class BandAnswer(BaseModel):
    """Everything within so many minutes; it lies within the next band."""

    type: Literal["Feature"] = "Feature"
    geometry: AreaAnswer
    properties: BandProperties


class BandsAnswer(BaseModel):
    """The bands, as GeoJSON."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[BandAnswer]


class ReachAnswer(BaseModel):
    """Everything that is reached."""

    place: ReachedPlaceAnswer
    at: datetime
    arrive_by: bool
    reason: Literal["outside_area"] | None = Field(description="Why nothing is reached: no street and no stop is near")
    bands: BandsAnswer = Field(description="Drawn along the streets one walks; by minutes, shortest first")
    stops: list[ReachedStopAnswer] = Field(description="Soonest first")
    communes: list[ReachedCommuneAnswer] = Field(description="Soonest first")
    complete: bool = Field(description="False: the time for computing was over; it all holds, but more may be missing")
    live_at: datetime | None = Field(description="When the live data were put together; null: there are none")
    network_version: str


class Here(NamedTuple):
    """A commune that is reached."""

    commune: Commune
    seconds: int


def list_reached(found: Reach, communes: Sequence[Commune]) -> list[Here]:
    """Choose the communes whose centre is reached, soonest first."""
    seconds = found.seconds_at([one.point for one in communes]).tolist() if communes else []
    here = [Here(one, at) for one, at in zip(communes, seconds, strict=True) if at >= 0]
    return sorted(here, key=lambda one: (one.seconds, one.commune.name, one.commune.id))


def bound_box(found: Reach) -> tuple[float, float, float, float]:
    """Return a box around everything reached: west, south, east, north."""
    lon, lat = found.corners()
    margin = 0.02
    return (
        float(np.nanmin(lon)) - margin,
        float(np.nanmin(lat)) - margin,
        float(np.nanmax(lon)) + margin,
        float(np.nanmax(lat)) + margin,
    )


def bands_as_json(found: Reach, minutes: Sequence[int], here: Sequence[Here]) -> dict[str, Any]:
    """Write the bands as a collection of features."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": area_as_json(area),
                "properties": {
                    "minutes": band,
                    "stops": int((found.seconds <= 60 * band).sum()),
                    "communes": sum(one.seconds <= 60 * band for one in here),
                    "population": sum(one.commune.population or 0 for one in here if one.seconds <= 60 * band),
                    "square_kilometres": _square_kilometres(area),
                },
            }
            for band, area in zip(minutes, found.areas(minutes), strict=True)
        ],
    }


def area_as_json(area: MultiPolygon) -> dict[str, Any]:
    """Write an area as GeoJSON has it."""
    parts = [[np.round(shapely.get_coordinates(ring), DECIMALS).tolist() for ring in _rings(one)] for one in area.geoms]
    return {"type": "MultiPolygon", "coordinates": parts}


def _rings(polygon: shapely.Polygon) -> list[shapely.LinearRing]:
    """List the rings of a polygon, turned as GeoJSON wants."""
    turned = shapely.orient_polygons(polygon)
    return [turned.exterior, *turned.interiors]


def _square_kilometres(area: MultiPolygon) -> float:
    if area.is_empty:
        return 0.0
    _, south, _, north = area.bounds
    return round(float(area.area) * DEGREE_KM**2 * float(np.cos(np.radians((south + north) / 2))), 3)


def stops_as_json(found: Reach) -> list[dict[str, Any]]:
    """Write the stops reached."""
    timetable = found.network.timetable
    rows = zip(
        found.stops.tolist(), found.seconds.tolist(), found.changes.tolist(), found.on_foot.tolist(), strict=True
    )
    return [
        {
            "id": timetable.stop_ids.at(stop),
            "name": timetable.stop_names.at(stop),
            "platform": timetable.stop_platforms.at(stop) or None,
            "lat": _degrees(timetable.stop_lat[stop]),
            "lon": _degrees(timetable.stop_lon[stop]),
            "seconds": seconds,
            "changes": changes,
            "on_foot": on_foot,
        }
        for stop, seconds, changes, on_foot in rows
    ]


def _degrees(value: np.floating[Any]) -> float | None:
    return round(float(value), DECIMALS) if np.isfinite(value) else None


def reach_as_json(found: Reach, minutes: Sequence[int], here: Sequence[Here]) -> dict[str, Any]:
    """Write the answer to one question."""
    end, live = found.end, found.network.live
    asked = found.request.origin
    zone = found.network.manifest.zone
    return {
        "place": {
            "name": end.name,
            "lat": round(end.point.lat, DECIMALS),
            "lon": round(end.point.lon, DECIMALS),
            "stop_id": asked if end.stops else None,
        },
        "at": found.request.at.astimezone(zone),
        "arrive_by": found.request.arrive_by,
        "reason": None if found.located else "outside_area",
        "bands": bands_as_json(found, minutes, here),
        "stops": stops_as_json(found),
        "communes": [
            {
                "id": one.commune.id,
                "name": one.commune.name,
                "insee": one.commune.insee,
                "population": one.commune.population,
                "lat": one.commune.point.lat,
                "lon": one.commune.point.lon,
                "seconds": one.seconds,
            }
            for one in here
        ],
        "complete": found.complete,
        "live_at": datetime.fromtimestamp(live.at, zone) if live else None,
        "network_version": found.network.manifest.version,
    }
