"""HTTP: what lies on the way to a stop: car parks and shared bicycles, as GeoJSON for maps."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from mobigo.journeys.entrances import KINDS
from mobigo.journeys.network import Network
from mobigo.journeys.sharedbikes import Sharing
from mobigo.kit.parameters import BOX_PATTERN
from mobigo.kit.problems import problems
from mobigo.sharing.model import Ends, Service

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


class SharedBicyclesProperties(BaseModel):
    """A station, or a bicycle that stands in the street."""

    id: str = Field(description="`system:id`; that of a bicycle changes with every rental")
    kind: Literal["station", "bicycle"]
    name: str | None
    system: str = Field(description="How the system calls itself", examples=["Vélodi"])
    bikes: int | None = Field(description="To be taken now; null where nobody says")
    docks: int | None = Field(description="Free now; null where nobody says, or where there is always room")
    capacity: int | None
    rents: bool
    takes_back: bool = Field(description="A bicycle may be left there; of one in the street: anywhere it is allowed")
    at: datetime = Field(description="When this was said")


class SharedBicyclesFeature(BaseModel):
    """A station, or a bicycle that stands in the street."""

    type: Literal["Feature"] = "Feature"
    geometry: PointAnswer
    properties: SharedBicyclesProperties


class SharedBicyclesAnswer(BaseModel):
    """What can be taken where, now."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[SharedBicyclesFeature]


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
def list_shared_bicycles(*, request: Request, box: Box = None, limit: Limit = 1000) -> SharedBicyclesAnswer:
    """Show stations of shared bicycles with what they hold now, and bicycles that stand in the street.

    Systems that were not heard of for a quarter of an hour are left out.
    """
    network = _find_network(request)
    sharing = network.sharing.current() if network is not None and network.sharing is not None else None
    if sharing is None:
        return SharedBicyclesAnswer(features=[])
    found = chain(_stations(sharing, box), _vehicles(sharing, box))
    return SharedBicyclesAnswer(features=list(islice(found, limit)))


def _stations(sharing: Sharing, box: str | None) -> Iterator[SharedBicyclesFeature]:
    held = sharing.bikes
    for i in _inside(box, held.station_lon, held.station_lat).tolist():
        system = int(held.station_system[i])
        if sharing.is_fresh[system]:
            yield SharedBicyclesFeature(
                geometry=PointAnswer(coordinates=(float(held.station_lon[i]), float(held.station_lat[i]))),
                properties=SharedBicyclesProperties(
                    id=held.station_ids.at(i),
                    kind="station",
                    name=held.station_names.at(i) or None,
                    system=held.titles.at(system) or held.systems.at(system),
                    bikes=_known(int(held.bikes[i])),
                    docks=_known(int(held.docks[i])),
                    capacity=_known(int(held.capacity[i])),
                    rents=bool(held.service[i] & Service.RENTS),
                    takes_back=bool(held.service[i] & Service.TAKES_BACK),
                    at=datetime.fromtimestamp(int(held.made_at[system]), UTC),
                ),
            )


def _vehicles(sharing: Sharing, box: str | None) -> Iterator[SharedBicyclesFeature]:
    held = sharing.bikes
    for i in _inside(box, held.vehicle_lon, held.vehicle_lat).tolist():
        system = int(held.vehicle_system[i])
        if sharing.is_fresh[system]:
            yield SharedBicyclesFeature(
                geometry=PointAnswer(coordinates=(float(held.vehicle_lon[i]), float(held.vehicle_lat[i]))),
                properties=SharedBicyclesProperties(
                    id=held.vehicle_ids.at(i),
                    kind="bicycle",
                    name=None,
                    system=held.titles.at(system) or held.systems.at(system),
                    bikes=1,
                    docks=None,
                    capacity=None,
                    rents=True,
                    takes_back=bool(held.vehicle_ends[i] & Ends.ANYWHERE),
                    at=datetime.fromtimestamp(int(held.made_at[system]), UTC),
                ),
            )


def _find_network(request: Request) -> Network | None:
    found: Network | None = request.app.state.networks.find_current()
    return found


def _known(count: int) -> int | None:
    return count if count >= 0 else None


def _inside(box: str | None, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return which places lie in a box; one whose west is east of its east goes round the back of the earth."""
    if box is None:
        return np.arange(len(lon))
    west, south, east, north = (float(part) for part in box.split(","))
    across = (west <= lon) & (lon <= east) if west <= east else (lon >= west) | (lon <= east)
    return np.flatnonzero(across & (south <= lat) & (lat <= north))
