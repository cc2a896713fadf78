"""HTTP: what lies on the way to a stop: car parks and shared vehicles, as GeoJSON for maps."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from pydantic import BaseModel, Field
from shapely.geometry import mapping

from mobigo.journeys.entrances import KINDS
from mobigo.journeys.fleet import Sharing
from mobigo.journeys.network import Network
from mobigo.kit.parameters import BOX_PATTERN
from mobigo.kit.problems import problems
from mobigo.sharing.model import BICYCLES, FORMS, UNKNOWN, Ends, FormFactor, Propulsion, Says, Service

router = APIRouter(prefix="/v1", tags=["journeys"])

Box = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=BOX_PATTERN,
        description="WEST,SOUTH,EAST,NORTH in degrees: only what lies inside",
        openapi_examples={"region": {"value": "2.8,46.1,7.2,48.4"}},
    ),
]
Limit = Annotated[int, Query(ge=1, le=5000, description="Features, at most")]


class PointAnswer(BaseModel):
    """A place, as GeoJSON has it."""

    type: Literal["Point"] = "Point"
    coordinates: tuple[float, float] = Field(description="Longitude, latitude", examples=[(4.3347, 47.4906)])


class CarParkProperties(BaseModel):
    """What is known of a car park."""

    id: str = Field(description="`source:id`; source `osm` for those of OpenStreetMap")
    name: str | None
    kind: Literal["park_ride", "carpool"]
    capacity: int | None = Field(description="Places; null where nobody says")


class CarParkFeature(BaseModel):
    """A car park."""

    type: Literal["Feature"] = "Feature"
    geometry: PointAnswer
    properties: CarParkProperties


class CarParksAnswer(BaseModel):
    """Where a car may be left on the way."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[CarParkFeature]


class HeldAnswer(BaseModel):
    """What a station has for one type of vehicle."""

    vehicle_type: str | None = Field(description="Its name")
    form_factor: FormFactor
    propulsion: Propulsion | None = Field(description="Null: nobody says")
    vehicles: int | None = Field(description="To be taken now; null where nobody says")
    docks: int | None = Field(description="Free now; null where nobody says, or where there is always room")


class SharedVehiclesProperties(BaseModel):
    """A station, or a vehicle that stands in the street."""

    id: str = Field(description="`system:id`; that of a vehicle changes with every rental")
    kind: Literal["station", "bicycle", "vehicle"] = Field(
        description="`bicycle`, also for goods, and `vehicle`, any other, stand in the street"
    )
    name: str | None
    system: str = Field(description="How the system calls itself", examples=["Vélodi"])
    bikes: int | None = Field(description="Bicycles to be taken now; null where nobody says")
    docks: int | None = Field(
        description="For bicycles, free now; null where nobody says, or where there is always room"
    )
    capacity: int | None
    rents: bool
    takes_back: bool = Field(
        description="A vehicle may be left there; of one in the street: anywhere it is allowed, not only at stations"
    )
    held: list[HeldAnswer] = Field(description="By type of vehicle; of a vehicle in the street itself")
    range_metres: int | None = Field(description="That a vehicle in the street still goes; null: nobody says")
    uris: dict[str, str] = Field(description="Where to rent it: `web`, `ios`, `android`")
    at: datetime = Field(description="When this was said")


class SharedVehiclesFeature(BaseModel):
    """A station, or a vehicle that stands in the street."""

    type: Literal["Feature"] = "Feature"
    geometry: PointAnswer
    properties: SharedVehiclesProperties


class SharedVehiclesAnswer(BaseModel):
    """What can be taken where, now."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[SharedVehiclesFeature]


class SharedZoneProperties(BaseModel):
    """What holds in a zone for some types of vehicles of one system."""

    system: str
    form_factors: list[FormFactor]
    vehicle_types: list[str] = Field(description="Their names, where they have some")
    ride_start_allowed: bool
    ride_end_allowed: bool = Field(description="In the street; stations say for themselves whether they take one back")
    ride_through_allowed: bool
    maximum_speed_kph: float | None
    since: datetime | None
    until: datetime | None


class SharedZoneFeature(BaseModel):
    """A zone of a system; its geometry is null where it says what holds everywhere else."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None = Field(description="GeoJSON: Polygon or MultiPolygon")
    properties: SharedZoneProperties


class SharedZonesAnswer(BaseModel):
    """Zones; of those around a place the first one that names a type counts for it."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[SharedZoneFeature]


@router.get("/car-parks", responses=problems(422))
def list_car_parks(*, request: Request, box: Box = None, limit: Limit = 1000) -> CarParksAnswer:
    """Show where a car may be left on the way: park-and-ride, and carpool places."""
    network = _find_network(request)
    if network is None or network.entrances is None:
        return CarParksAnswer(features=[])
    parks = network.entrances.parks
    return CarParksAnswer(
        features=[
            CarParkFeature(
                geometry=PointAnswer(coordinates=(float(parks.lon[i]), float(parks.lat[i]))),
                properties=CarParkProperties(
                    id=parks.ids.at(i),
                    name=parks.names.at(i) or None,
                    kind="park_ride" if KINDS[int(parks.kind[i])] == "park_ride" else "carpool",
                    capacity=_known(int(parks.capacity[i])),
                ),
            )
            for i in _inside(box, parks.lon, parks.lat)[:limit].tolist()
        ]
    )


@router.get("/shared-bicycles", responses=problems(422))
def list_shared_bicycles(*, request: Request, box: Box = None, limit: Limit = 1000) -> SharedVehiclesAnswer:
    """Show stations of shared bicycles with what they hold now, and bicycles that stand in the street.

    Systems that were not heard of for a quarter of an hour are left out.
    """
    return _list_shared(request, box, limit, BICYCLES)


@router.get("/shared-vehicles", responses=problems(422))
def list_shared_vehicles(
    *,
    request: Request,
    box: Box = None,
    limit: Limit = 1000,
    form_factors: Annotated[
        list[FormFactor] | None, Query(max_length=len(FORMS), description="Only these; default: all")
    ] = None,
) -> SharedVehiclesAnswer:
    """Show stations of shared vehicles of all kinds with what they hold now, and vehicles that stand in the street.

    Systems that were not heard of for a quarter of an hour are left out.
    """
    return _list_shared(request, box, limit, frozenset(form_factors or FORMS))


@router.get("/shared-vehicles/zones", responses=problems(422))
def list_shared_vehicle_zones(*, request: Request, box: Box = None, limit: Limit = 1000) -> SharedZonesAnswer:
    """Show the zones in which shared vehicles may not be taken, left or ridden, or only slowly."""
    sharing = _find_sharing(request)
    return SharedZonesAnswer(features=[] if sharing is None else list(islice(_zones(sharing, box), limit)))


def _zones(sharing: Sharing, box: str | None) -> Iterator[SharedZoneFeature]:
    fleet = sharing.fleet
    alike: dict[tuple[int, int, float, int], list[int]] = {}
    for row in range(len(fleet.rule_type)):
        system = int(fleet.type_system[fleet.rule_type[row]])
        key = int(fleet.rule_fence[row]), int(fleet.rule_says[row]), float(fleet.rule_kph[row]), system
        alike.setdefault(key, []).append(int(fleet.rule_type[row]))
    for (fence, says, kph, system), types in sorted(alike.items()):
        drawn = fleet.fence_shapes.at(fence)
        area = shapely.from_wkb(drawn) if drawn else None
        if not sharing.is_fresh[system] or (area is not None and not _touches(box, area.bounds)):
            continue
        names = dict.fromkeys(fleet.type_names.at(type_) for type_ in types)
        yield SharedZoneFeature(
            geometry=None if area is None else mapping(area),
            properties=SharedZoneProperties(
                system=_title(sharing, system),
                form_factors=list(dict.fromkeys(sharing.form(type_) for type_ in types)),
                vehicle_types=[name for name in names if name],
                ride_start_allowed=bool(says & Says.START),
                ride_end_allowed=bool(says & Says.END),
                ride_through_allowed=bool(says & Says.THROUGH),
                maximum_speed_kph=kph or None,
                since=_instant(int(fleet.fence_since[fence])),
                until=_instant(int(fleet.fence_until[fence])),
            ),
        )


def _list_shared(request: Request, box: str | None, limit: int, forms: frozenset[FormFactor]) -> SharedVehiclesAnswer:
    sharing = _find_sharing(request)
    if sharing is None:
        return SharedVehiclesAnswer(features=[])
    found = chain(_stations(sharing, box, forms), _vehicles(sharing, box, forms))
    return SharedVehiclesAnswer(features=list(islice(found, limit)))


def _stations(sharing: Sharing, box: str | None, forms: frozenset[FormFactor]) -> Iterator[SharedVehiclesFeature]:
    fleet = sharing.fleet
    kept: dict[int, list[int]] = {}
    for row, station in enumerate(fleet.held_station.tolist()):
        kept.setdefault(station, []).append(row)
    for i in _inside(box, fleet.station_lon, fleet.station_lat).tolist():
        system = int(fleet.station_system[i])
        rows = [row for row in kept.get(i, []) if sharing.form(int(fleet.held_type[row])) in forms]
        if sharing.is_fresh[system] and (rows or i not in kept):
            yield SharedVehiclesFeature(
                geometry=PointAnswer(coordinates=(float(fleet.station_lon[i]), float(fleet.station_lat[i]))),
                properties=SharedVehiclesProperties(
                    id=fleet.station_ids.at(i),
                    kind="station",
                    name=fleet.station_names.at(i) or None,
                    system=_title(sharing, system),
                    bikes=_known(int(fleet.bikes[i])),
                    docks=_known(int(fleet.docks[i])),
                    capacity=_known(int(fleet.capacity[i])),
                    rents=bool(fleet.service[i] & Service.RENTS),
                    takes_back=bool(fleet.service[i] & Service.TAKES_BACK),
                    held=[
                        _held(
                            sharing,
                            int(fleet.held_type[row]),
                            int(fleet.held_vehicles[row]),
                            int(fleet.held_docks[row]),
                        )
                        for row in rows
                    ],
                    range_metres=None,
                    uris=_uris(fleet.station_uris.at(i)),
                    at=datetime.fromtimestamp(int(fleet.made_at[system]), UTC),
                ),
            )


def _vehicles(sharing: Sharing, box: str | None, forms: frozenset[FormFactor]) -> Iterator[SharedVehiclesFeature]:
    fleet = sharing.fleet
    for i in _inside(box, fleet.vehicle_lon, fleet.vehicle_lat).tolist():
        system, type_ = int(fleet.vehicle_system[i]), int(fleet.vehicle_type[i])
        form = sharing.form(type_)
        if sharing.is_fresh[system] and form in forms:
            yield SharedVehiclesFeature(
                geometry=PointAnswer(coordinates=(float(fleet.vehicle_lon[i]), float(fleet.vehicle_lat[i]))),
                properties=SharedVehiclesProperties(
                    id=fleet.vehicle_ids.at(i),
                    kind="bicycle" if form in BICYCLES else "vehicle",
                    name=None,
                    system=_title(sharing, system),
                    bikes=1 if form in BICYCLES else 0,
                    docks=None,
                    capacity=None,
                    rents=True,
                    takes_back=bool(fleet.type_street_ends[type_] & Ends.ANYWHERE),
                    held=[_held(sharing, type_, 1, UNKNOWN)],
                    range_metres=_known(int(fleet.vehicle_range[i])),
                    uris=_uris(fleet.vehicle_uris.at(i)),
                    at=datetime.fromtimestamp(int(fleet.made_at[system]), UTC),
                ),
            )


def _held(sharing: Sharing, type_: int, vehicles: int, docks: int) -> HeldAnswer:
    return HeldAnswer(
        vehicle_type=sharing.fleet.type_names.at(type_) or None,
        form_factor=sharing.form(type_),
        propulsion=sharing.propulsion(type_),
        vehicles=_known(vehicles),
        docks=_known(docks),
    )


def _of_station(sharing: Sharing, row: int) -> HeldAnswer:
    fleet = sharing.fleet
    return _held(sharing, int(fleet.held_type[row]), int(fleet.held_vehicles[row]), int(fleet.held_docks[row]))


def _title(sharing: Sharing, system: int) -> str:
    return sharing.fleet.titles.at(system) or sharing.fleet.systems.at(system)


def _uris(written: str) -> dict[str, str]:
    return json.loads(written) if written else {}


def _instant(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _find_sharing(request: Request) -> Sharing | None:
    network = _find_network(request)
    return network.sharing.current() if network is not None and network.sharing is not None else None


def _find_network(request: Request) -> Network | None:
    found: Network | None = request.app.state.networks.find_current()
    return found


def _known(count: int) -> int | None:
    return count if count >= 0 else None


def _touches(box: str | None, bounds: tuple[float, float, float, float]) -> bool:
    """Tell whether an area may lie in a box."""
    if box is None:
        return True
    west, south, east, north = (float(part) for part in box.split(","))
    across = bounds[0] <= east and bounds[2] >= west
    return (across if west <= east else bounds[2] >= west or bounds[0] <= east) and (
        bounds[1] <= north and bounds[3] >= south
    )


def _inside(box: str | None, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which places lie in a box; one whose west is east of its east goes round the back of the earth."""
    if box is None:
        return np.arange(len(lon))
    west, south, east, north = (float(part) for part in box.split(","))
    across = (west <= lon) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    return np.flatnonzero(across & (south <= lat) & (lat <= north))
