"""GBFS 1.1, 2.x and 3.0 read into stations and bicycles; what is not as it should be is left out, never guessed.

References
----------
https://github.com/MobilityData/gbfs, versions 1.1, 2.3 and 3.0
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry import shape

from mobigo.kit.errors import Refused
from mobigo.kit.geo import MAX_LAT, MAX_LON
from mobigo.kit.packed import pack_strings
from mobigo.sharing.model import UNKNOWN, UNLIMITED, Ends, Service, SharedBikes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FEEDS = (
    "system_information", "vehicle_types", "station_information", "station_status", "free_bike_status",
    "vehicle_status", "geofencing_zones",
)  # fmt: skip
"""What is read of a system, where it is published."""

LANGUAGES = ("fr", "en")
"""Whose feeds and names are taken first."""

BICYCLES = {"bicycle", "cargo_bicycle"}
"""Form factors that are ridden as a bicycle."""

SHORT_RANGE = 2000.0
"""Metres: a bicycle whose battery lasts no longer is left alone."""

RETURNS = {
    "free_floating": Ends.ANYWHERE, "hybrid": Ends.ANYWHERE | Ends.STATIONS, "any_station": Ends.STATIONS,
    "roundtrip_station": Ends(0),
}  # fmt: skip
"""``return_constraint``: where a ride may end that does not end where it began."""

MOST = 100_000
"""Stations, and bicycles, of one system."""

MAX_SECONDS = 4_102_444_800
"""The year 2100; later is a mistake."""


class Station(NamedTuple):
    """One station."""

    id: str
    name: str
    lon: float
    lat: float
    capacity: int
    bikes: int
    docks: int
    service: Service


class Vehicle(NamedTuple):
    """A bicycle in the street."""

    id: str
    lon: float
    lat: float
    ends: Ends


class Zone(NamedTuple):
    """Where rides may end, or not."""

    shape: str
    """Hexadecimal WKB; empty: everywhere."""
    may_end: bool


class Contents(NamedTuple):
    """What a system says."""

    title: str
    made_at: int
    """Seconds since 1970 UTC; 0 where it does not say."""
    ttl: int
    """Seconds for which it asks not to be asked again."""
    stations: list[Station]
    vehicles: list[Vehicle]
    zones: list[Zone]


def list_feeds(content: bytes) -> dict[str, str]:
    """Read ``gbfs.json``: the address of each feed.

    Raises
    ------
    Refused
        When it lists none that we read.
    """
    data = _data("gbfs", content)
    feeds = data.get("feeds")
    if feeds is None:
        languages = {name: one for name, one in data.items() if isinstance(one, dict) and "feeds" in one}
        chosen = next((languages[name] for name in LANGUAGES if name in languages), next(iter(languages.values()), {}))
        feeds = chosen.get("feeds")
    listed = {
        one["name"]: one["url"]
        for one in (feeds if isinstance(feeds, list) else [])
        if isinstance(one, dict) and one.get("name") in FEEDS and isinstance(one.get("url"), str)
    }
    if not {"station_information", "free_bike_status", "vehicle_status"} & set(listed):
        raise Refused(
            "gbfs.json lists neither station_information nor vehicle_status; give the address of a GBFS system",
            code="broken_gbfs",
        )
    return listed


def read_system(documents: Mapping[str, bytes]) -> Contents:
    """Read a system.

    Parameters
    ----------
    documents : mapping
        Content by name of the feed, those of `FEEDS` that there are.

    Raises
    ------
    Refused
        When one of them is no JSON object of GBFS, or there are stations without status.
    """
    if "station_information" in documents and "station_status" not in documents:
        raise Refused(
            "station_status is missing beside station_information; without it nothing is known", code="broken_gbfs"
        )
    types = _read_types(documents)
    live = [name for name in ("station_status", "vehicle_status", "free_bike_status") if name in documents]
    heads = [_header(name, documents[name]) for name in live]
    information = (
        _data("system_information", documents["system_information"]) if "system_information" in documents else {}
    )
    return Contents(
        title=_text(information.get("name")),
        made_at=min((made_at for made_at, _ in heads), default=0),
        ttl=max((ttl for _, ttl in heads), default=0),
        stations=_read_stations(documents, types),
        vehicles=_read_vehicles(documents, types),
        zones=_read_zones(documents),
    )


def pack_systems(systems: Sequence[tuple[str, Contents]]) -> SharedBikes:
    """Put the systems, by name, side by side."""
    stations = [(i, name, one) for i, (name, found) in enumerate(systems) for one in found.stations]
    vehicles = [(i, name, one) for i, (name, found) in enumerate(systems) for one in found.vehicles]
    zones = [(i, one) for i, (_, found) in enumerate(systems) for one in found.zones]
    return SharedBikes(
        systems=pack_strings(name for name, _ in systems),
        titles=pack_strings(found.title for _, found in systems),
        made_at=np.array([found.made_at for _, found in systems], np.int64),
        station_ids=pack_strings(f"{name}:{one.id}" for _, name, one in stations),
        station_names=pack_strings(one.name for _, _, one in stations),
        station_system=_int32(i for i, _, _ in stations),
        station_lon=np.array([one.lon for _, _, one in stations], np.float64),
        station_lat=np.array([one.lat for _, _, one in stations], np.float64),
        capacity=_int32(one.capacity for _, _, one in stations),
        bikes=_int32(one.bikes for _, _, one in stations),
        docks=_int32(one.docks for _, _, one in stations),
        service=np.array([one.service for _, _, one in stations], np.uint8),
        vehicle_ids=pack_strings(f"{name}:{one.id}" for _, name, one in vehicles),
        vehicle_system=_int32(i for i, _, _ in vehicles),
        vehicle_lon=np.array([one.lon for _, _, one in vehicles], np.float64),
        vehicle_lat=np.array([one.lat for _, _, one in vehicles], np.float64),
        vehicle_ends=np.array([one.ends for _, _, one in vehicles], np.uint8),
        zone_system=_int32(i for i, _ in zones),
        zone_may_end=np.array([one.may_end for _, one in zones], np.uint8),
        zone_shapes=pack_strings(one.shape for _, one in zones),
    )


def _int32(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(list(values), np.int32)


# ── stations and bicycles ─────────────────────────────────────────────────────────────────────────────────────────────


def _read_types(documents: Mapping[str, bytes]) -> dict[str, Ends] | None:
    """Return where bicycles of each type may be left, types of other vehicles left out; None where nothing is said."""
    if "vehicle_types" not in documents:
        return None
    found = {}
    for one in _list("vehicle_types", documents["vehicle_types"], "vehicle_types"):
        if one.get("form_factor") in BICYCLES and _text(one.get("vehicle_type_id")):
            ends = RETURNS.get(str(one.get("return_constraint", "")), Ends.ANYWHERE | Ends.STATIONS)
            found[_text(one["vehicle_type_id"])] = ends
    return found


def _read_stations(documents: Mapping[str, bytes], types: dict[str, Ends] | None) -> list[Station]:
    if "station_information" not in documents:
        return []
    statuses = {
        _text(one.get("station_id")): one for one in _list("station_status", documents["station_status"], "stations")
    }
    found: dict[str, Station] = {}
    for one in _list("station_information", documents["station_information"], "stations"):
        id_, at = _text(one.get("station_id")), _position(one)
        if not id_ or at is None or id_ in found:
            continue
        status = statuses.get(id_, {})
        serves = bool(status) and _flag(status.get("is_installed"))
        service = Service.RENTS * (serves and _flag(status.get("is_renting")))
        service |= Service.TAKES_BACK * (serves and _flag(status.get("is_returning")))
        found[id_] = Station(
            id_, _text(one.get("name")), *at, _count(one.get("capacity")), _bikes(status, types), _docks(status, types),
            Service(service),
        )  # fmt: skip
    return list(found.values())


def _bikes(status: Mapping[str, Any], types: dict[str, Ends] | None) -> int:
    """Count the bicycles that can be taken for a ride that ends elsewhere."""
    total = _count(status.get("num_vehicles_available", status.get("num_bikes_available")))
    by_type = status.get("vehicle_types_available")
    if types is None or not isinstance(by_type, list):
        return total
    return sum(
        max(_count(one.get("count")), 0)
        for one in by_type
        if isinstance(one, dict) and types.get(_text(one.get("vehicle_type_id")), Ends(0))
    )


def _docks(status: Mapping[str, Any], types: dict[str, Ends] | None) -> int:
    """Count the docks that take a bicycle back; where a status names none there is always room."""
    by_type = status.get("vehicle_docks_available")
    if types is not None and isinstance(by_type, list):
        fitting = [
            one for one in by_type
            if isinstance(one, dict) and isinstance(one.get("vehicle_type_ids"), list)
            and any(_text(name) in types for name in one["vehicle_type_ids"])
        ]  # fmt: skip
        return sum(max(_count(one.get("count")), 0) for one in fitting)
    if not status:
        return UNKNOWN
    return _count(status["num_docks_available"]) if "num_docks_available" in status else UNLIMITED


def _read_vehicles(documents: Mapping[str, bytes], types: dict[str, Ends] | None) -> list[Vehicle]:
    found: dict[str, Vehicle] = {}
    for feed, key, id_key in (("vehicle_status", "vehicles", "vehicle_id"), ("free_bike_status", "bikes", "bike_id")):
        for one in _list(feed, documents[feed], key) if feed in documents else []:
            id_, at, ends = _text(one.get(id_key)), _position(one), Ends.ANYWHERE | Ends.STATIONS
            if types is not None:
                ends = types.get(_text(one.get("vehicle_type_id")), Ends(0))
            reach = one.get("current_range_meters")
            tired = isinstance(reach, int | float) and reach < SHORT_RANGE
            taken = _flag(one.get("is_reserved"), default=False) or _flag(one.get("is_disabled"), default=False)
            if id_ and at is not None and ends and not (taken or tired or one.get("station_id")):
                found.setdefault(id_, Vehicle(id_, *at, ends))
    return list(found.values())


def _read_zones(documents: Mapping[str, bytes]) -> list[Zone]:
    if "geofencing_zones" not in documents:
        return []
    data = _data("geofencing_zones", documents["geofencing_zones"])
    collection = data.get("geofencing_zones")
    features = collection.get("features") if isinstance(collection, dict) else None
    zones = []
    for one in features if isinstance(features, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("properties"), dict):
            continue
        may_end = _may_end(one["properties"].get("rules"))
        drawn = _draw(one.get("geometry"))
        if may_end is not None and drawn:
            zones.append(Zone(drawn, may_end))
    everywhere = _may_end(data.get("global_rules"))
    return [*zones, Zone("", everywhere)] if everywhere is not None else zones


def _may_end(rules: object) -> bool | None:
    """Return what the first rule says about ending a ride; 2.x says it with one word for both ends."""
    for one in rules if isinstance(rules, list) else []:
        if isinstance(one, dict) and ("ride_end_allowed" in one or "ride_allowed" in one):
            return _flag(one.get("ride_end_allowed", one.get("ride_allowed")))
    return None


def _draw(geometry: object) -> str:
    """Return an area as hexadecimal WKB; empty when it is none."""
    try:
        drawn = shape(geometry)
        usable = drawn.geom_type in {"Polygon", "MultiPolygon"} and not drawn.is_empty
        return str(shapely.to_wkb(drawn, hex=True)) if usable else ""
    except (ValueError, TypeError, AttributeError, KeyError, IndexError, shapely.errors.ShapelyError):
        return ""


# ── values ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _document(name: str, content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(f"{name} is no JSON object of GBFS; check the address with its publisher", code="broken_gbfs")
    return found


def _data(name: str, content: bytes) -> dict[str, Any]:
    data = _document(name, content).get("data")
    if not isinstance(data, dict):
        raise Refused(f"{name} holds no data; check the address with its publisher", code="broken_gbfs")
    return data


def _list(name: str, content: bytes, key: str) -> list[dict[str, Any]]:
    rows = _data(name, content).get(key)
    if not isinstance(rows, list):
        raise Refused(f"{name} holds no list of {key}; check the address with its publisher", code="broken_gbfs")
    if len(rows) > MOST:
        raise Refused(f"{name} holds {len(rows):,} {key}, {MOST:,} are accepted; is it one system?", code="broken_gbfs")
    return [one for one in rows if isinstance(one, dict)]


def _header(name: str, content: bytes) -> tuple[int, int]:
    found = _document(name, content)
    return _instant(found.get("last_updated")), max(_count(found.get("ttl")), 0)


def _instant(value: object) -> int:
    """Read seconds since 1970, or RFC 3339 as 3.0 has it; 0 for anything else."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
            value = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 < value < MAX_SECONDS else 0


def _position(one: Mapping[str, Any]) -> tuple[float, float] | None:
    lon, lat = one.get("lon"), one.get("lat")
    if isinstance(lon, bool) or isinstance(lat, bool):
        return None
    if not isinstance(lon, int | float) or not isinstance(lat, int | float):
        return None
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= MAX_LON and abs(lat) <= MAX_LAT):
        return None
    return None if lon == lat == 0 else (float(lon), float(lat))


def _count(value: object) -> int:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST
    return int(value) if usable else UNKNOWN  # type: ignore[call-overload]


def _flag(value: object, *, default: bool = True) -> bool:
    """Read a boolean, which 1.x writes as 0 and 1."""
    return bool(value) if isinstance(value, bool | int) else default


def _text(value: object) -> str:
    """Read a text; of the translations of 3.0 that of the first language that there is."""
    if isinstance(value, list):
        texts = {one.get("language"): one.get("text") for one in value if isinstance(one, dict)}
        value = next((texts[name] for name in LANGUAGES if name in texts), next(iter(texts.values()), ""))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value[:300] if isinstance(value, str) else ""
