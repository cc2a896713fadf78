"""HTTP: shared vehicles, as MOTIS answers them; every system is a provider and a group of its own."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray
from pydantic import Field

from mobigo.facades.motis.answers import ERRORS, RentalsAnswer, answer
from mobigo.facades.motis.ids import encode_line, read_id, read_point
from mobigo.facades.motis.legs import URIS
from mobigo.facades.motis.parameters import Asked, Text, Words
from mobigo.journeys.fleet import Sharing
from mobigo.journeys.network import Network
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import arc_metres
from mobigo.sharing.model import ALL_ALLOWED, Ends, FormFactor, Propulsion, Says, Service

router = APIRouter(tags=["map"])

PRECISION = 6
WORLD = (-180.0, -90.0, 180.0, 90.0)
PROPELLED = {FormFactor.BICYCLE: Propulsion.HUMAN, FormFactor.CARGO_BICYCLE: Propulsion.HUMAN}
"""What drives a type where nobody says; all others are electric."""


class AskedRentals(Asked):
    """Which shared vehicles; without a part of the map and without providers only the providers are told."""

    min: Text = Field(default=None, description="A corner, `latitude,longitude`")
    max: Text = Field(default=None, description="The other corner")
    point: Text = Field(default=None, description="`latitude,longitude` or a stop id, with `radius`")
    radius: int | None = Field(default=None, ge=0, le=100_000, description="Metres around `point`")
    providers: Words = Field(default_factory=list)
    provider_groups: Words = Field(default_factory=list)
    with_providers: bool = True
    with_stations: bool = True
    with_vehicles: bool = True
    with_zones: bool = True


class Lot:
    """The shared vehicles that were asked for."""

    def __init__(self, sharing: Sharing, asked: AskedRentals, network: Network) -> None:
        self.sharing, self.fleet = sharing, sharing.fleet
        wanted = {*asked.providers, *asked.provider_groups}
        self.systems = [
            number
            for number, name in enumerate(self.fleet.systems.all())
            if sharing.is_fresh[number] and (not wanted or name in wanted)
        ]
        self._box, self._circle = None, None
        if asked.min is not None and asked.max is not None:
            (a, b), (c, d) = read_point(asked.min, "min"), read_point(asked.max, "max")
            self._box = min(a, c), min(b, d), max(a, c), max(b, d)
        if asked.point is not None and asked.radius is not None:
            self._circle = _find_point(network, asked.point), asked.radius
        self.bounded = bool(wanted) or self._box is not None or self._circle is not None

    def inside(self, lon: NDArray[np.float64], lat: NDArray[np.float64], system: NDArray[np.int32]) -> list[int]:
        """List which places are meant."""
        keep = np.isin(system, self.systems)
        if self._box is not None:
            west, south, east, north = self._box
            keep &= (west <= lon) & (lon <= east) & (south <= lat) & (lat <= north)
        if self._circle is not None:
            (x, y), radius = self._circle
            here = np.full(len(lat), np.radians(y)), np.full(len(lon), np.radians(x))
            keep &= arc_metres(*here, np.radians(lat), np.radians(lon)) <= radius
        found: list[int] = np.flatnonzero(keep).tolist()
        return found

    def name(self, system: int) -> str:
        """Return the id of a system."""
        return self.fleet.systems.at(system)

    def owner(self, system: int) -> dict[str, str]:
        """Write whose something is."""
        return {"providerId": self.name(system), "providerGroupId": self.name(system)}

    def types(self, system: int) -> list[int]:
        """List the types of a system."""
        found: list[int] = np.flatnonzero(self.fleet.type_system == system).tolist()
        return found

    def form(self, type_: int) -> str:
        """Write what a type is."""
        return self.sharing.form(type_).upper()

    def propulsion(self, type_: int) -> str:
        """Write what drives a type."""
        told = self.sharing.propulsion(type_) or PROPELLED.get(self.sharing.form(type_), Propulsion.ELECTRIC)
        return told.upper()

    def returned(self, ends: int) -> str:
        """Write where a vehicle is given back."""
        if ends & Ends.ANYWHERE:
            return "NONE"
        return "ANY_STATION" if ends & Ends.STATIONS else "ROUNDTRIP_STATION"

    def forms(self, system: int) -> list[str]:
        """List what a system has."""
        return sorted({self.form(type_) for type_ in self.types(system)})

    # ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────

    def group(self, system: int, *, listed: bool) -> dict[str, Any]:
        """Write a system as a group."""
        name = self.name(system)
        return {
            "id": name,
            "name": self.fleet.titles.at(system) or name,
            "providers": [name] if listed else [],
            "formFactors": self.forms(system),
        }

    def provider(self, system: int) -> dict[str, Any]:
        """Write a system."""
        fleet, types = self.fleet, self.types(system)
        lon, lat = (
            np.concatenate([stations[fleet.station_system == system], vehicles[fleet.vehicle_system == system]])
            for stations, vehicles in ((fleet.station_lon, fleet.vehicle_lon), (fleet.station_lat, fleet.vehicle_lat))
        )
        box = WORLD if not len(lon) else tuple(float(one) for one in (lon.min(), lat.min(), lon.max(), lat.max()))
        return {
            "id": self.name(system),
            "name": fleet.titles.at(system) or self.name(system),
            "groupId": self.name(system),
            "bbox": box,
            "vehicleTypes": [
                {
                    "id": str(type_),
                    "name": fleet.type_names.at(type_),
                    "formFactor": self.form(type_),
                    "propulsionType": self.propulsion(type_),
                    "returnConstraint": self.returned(
                        int(fleet.type_station_ends[type_]) | int(fleet.type_street_ends[type_])
                    ),
                    "returnConstraintGuessed": False,
                }
                for type_ in types
            ],
            "formFactors": self.forms(system),
            "defaultRestrictions": _rules(range(len(types)), ALL_ALLOWED),
            "globalGeofencingRules": [],
        }

    def stations(self) -> Iterator[dict[str, Any]]:
        """List the stations."""
        fleet = self.fleet
        held: dict[int, list[int]] = {}
        for row, station in enumerate(fleet.held_station.tolist()):
            held.setdefault(station, []).append(row)
        for at in self.inside(fleet.station_lon, fleet.station_lat, fleet.station_system):
            lon, lat = float(fleet.station_lon[at]), float(fleet.station_lat[at])
            rows = [(str(fleet.held_type[row]), row) for row in held.get(at, [])]
            vehicles = {type_: max(0, int(fleet.held_vehicles[row])) for type_, row in rows}
            yield {
                "id": fleet.station_ids.at(at),
                **self.owner(int(fleet.station_system[at])),
                "name": fleet.station_names.at(at),
                "lat": lat,
                "lon": lon,
                "isRenting": bool(fleet.service[at] & Service.RENTS),
                "isReturning": bool(fleet.service[at] & Service.TAKES_BACK),
                "numVehiclesAvailable": sum(vehicles.values()) if vehicles else max(0, int(fleet.bikes[at])),
                "formFactors": sorted({self.form(int(type_)) for type_ in vehicles}),
                "vehicleTypesAvailable": vehicles,
                "vehicleDocksAvailable": {type_: max(0, int(fleet.held_docks[row])) for type_, row in rows},
                "bbox": (lon, lat, lon, lat),
                **_uris(fleet.station_uris.at(at)),
            }

    def vehicles(self) -> Iterator[dict[str, Any]]:
        """List the vehicles that stand in the street."""
        fleet = self.fleet
        for at in self.inside(fleet.vehicle_lon, fleet.vehicle_lat, fleet.vehicle_system):
            type_ = int(fleet.vehicle_type[at])
            yield {
                "id": fleet.vehicle_ids.at(at),
                **self.owner(int(fleet.vehicle_system[at])),
                "typeId": str(type_),
                "lat": float(fleet.vehicle_lat[at]),
                "lon": float(fleet.vehicle_lon[at]),
                "formFactor": self.form(type_),
                "propulsionType": self.propulsion(type_),
                "returnConstraint": self.returned(int(fleet.type_street_ends[type_])),
                "isReserved": False,
                "isDisabled": False,
                **_uris(fleet.vehicle_uris.at(at)),
            }

    def zones(self) -> Iterator[dict[str, Any]]:
        """List the zones of the systems, the one that wins first with the highest number."""
        fleet = self.fleet
        alike: dict[tuple[int, int, int], list[int]] = {}
        for row, type_ in enumerate(fleet.rule_type.tolist()):
            key = int(fleet.rule_fence[row]), int(fleet.rule_says[row]), int(fleet.type_system[type_])
            alike.setdefault(key, []).append(type_)
        for number, ((fence, says, system), types) in enumerate(alike.items()):
            drawn = fleet.fence_shapes.at(fence)
            if system not in self.systems or not drawn:
                continue
            shape = shapely.from_wkb(drawn)
            own = self.types(system)
            polygons = [one for one in shapely.get_parts(shape) if one.geom_type == "Polygon"]
            yield {
                **self.owner(system),
                "z": len(alike) - number,
                "bbox": shape.bounds,
                "area": [[_ring(ring) for ring in (one.exterior, *one.interiors)] for one in polygons],
                "rules": [_rules([own.index(type_) for type_ in types], says)],
            }


def _ring(ring: shapely.LinearRing) -> dict[str, Any]:
    points = [(float(lon), float(lat)) for lon, lat in shapely.get_coordinates(ring)]
    return {"points": encode_line(points, PRECISION), "precision": PRECISION, "length": len(points)}


def _rules(types: range | list[int], says: int) -> dict[str, Any]:
    return {
        "vehicleTypeIdxs": list(types),
        "rideStartAllowed": bool(says & Says.START),
        "rideEndAllowed": bool(says & Says.END),
        "rideThroughAllowed": bool(says & Says.THROUGH),
    }


def _uris(written: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(written) if written else {}
    return {key: told[platform] for platform, key in URIS.items() if platform in told}


def _find_point(network: Network, text: str) -> tuple[float, float]:
    stop = network.stop_index.get(read_id(text)) if "_" in text else None
    if stop is not None:
        return float(network.timetable.stop_lon[stop]), float(network.timetable.stop_lat[stop])
    if "_" in text:
        raise NotFound(f"point: no stop {text!r}; geocode and map/stops name those there are", code="unknown_stop")
    return read_point(text, "point")


def list_rentals(request: Request, asked: Annotated[AskedRentals, Query()]) -> Response:
    """List systems of shared vehicles, and of a part of the map or of some systems what stands where now.

    Systems that were not heard of for a quarter of an hour are left out.
    """
    network: Network | None = request.app.state.networks.find_current()
    sharing = network.sharing.current() if network is not None and network.sharing is not None else None
    if network is None or sharing is None:
        return answer({"providerGroups": [], "providers": [], "stations": [], "vehicles": [], "zones": []})
    lot = Lot(sharing, asked, network)
    return answer(
        {
            "providerGroups": [lot.group(system, listed=asked.with_providers) for system in lot.systems],
            "providers": [lot.provider(system) for system in lot.systems] if asked.with_providers else [],
            "stations": list(lot.stations()) if lot.bounded and asked.with_stations else [],
            "vehicles": list(lot.vehicles()) if lot.bounded and asked.with_vehicles else [],
            "zones": list(lot.zones()) if lot.bounded and asked.with_zones else [],
        }
    )


for _path in ("rentals", "map/rentals"):
    router.add_api_route(
        f"/api/v1/{_path}", list_rentals, methods=["GET"], response_model=RentalsAnswer, responses=ERRORS
    )
