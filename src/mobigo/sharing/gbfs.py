"""GBFS 1.1, 2.x and 3.0 read into stations and vehicles; what is not as it should be is left out, never guessed.

References
----------
https://github.com/MobilityData/gbfs, versions 1.1, 2.3 and 3.0
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import numpy as np

from mobigo.kit.errors import Refused
from mobigo.kit.packed import pack_strings
from mobigo.sharing.fences import Fence, read_fences, rule_for
from mobigo.sharing.hours import read_opening_hours, read_rental_hours, write_hours
from mobigo.sharing.model import (
    BICYCLES,
    FORMS,
    NO_PROPULSION,
    PROPULSIONS,
    UNKNOWN,
    UNLIMITED,
    Ends,
    FormFactor,
    Propulsion,
    Service,
    SharedFleet,
)
from mobigo.sharing.reading import (
    LANGUAGES,
    read_count,
    read_data,
    read_flag,
    read_header,
    read_position,
    read_rows,
    read_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FEEDS = (
    "system_information", "vehicle_types", "station_information", "station_status", "free_bike_status",
    "vehicle_status", "geofencing_zones", "system_hours", "system_calendar", "system_pricing_plans",
)  # fmt: skip
"""What is read of a system, where it is published."""

SHORT_RANGE = 2000.0
"""Metres: a vehicle that goes no further is left alone."""

FARTHEST = 2_000_000.0
"""Metres: a range beyond it is a mistake."""

FASTEST = 200.0
"""Kilometres per hour, likewise."""

RETURNS = {
    "free_floating": Ends.ANYWHERE, "hybrid": Ends.ANYWHERE | Ends.STATIONS, "any_station": Ends.STATIONS,
    "roundtrip_station": Ends(0),
}  # fmt: skip
"""``return_constraint``: where a ride may end that does not end where it began."""

SPELLINGS = {"scooter": FormFactor.SCOOTER_STANDING}
"""Form factors as earlier versions wrote them."""

PLATFORMS = ("web", "ios", "android")
LONGEST_URI = 2000


class VehicleType(NamedTuple):
    """A type of vehicle."""

    id: str
    name: str
    form: FormFactor
    propulsion: Propulsion | None
    station_ends: Ends
    """Where a ride may end that began at a station."""
    street_ends: Ends
    """Likewise in the street."""
    kph: float
    """0: nobody says."""
    plan: str
    """Id of its pricing plan; empty: nobody says."""


class Held(NamedTuple):
    """What a station has for one type of vehicle."""

    type: str
    vehicles: int
    docks: int


class Station(NamedTuple):
    """One station."""

    id: str
    name: str
    lon: float
    lat: float
    capacity: int
    bikes: int
    """Bicycles to be taken, of types that may be left elsewhere."""
    docks: int
    """Free, of those that take bicycles."""
    service: Service
    held: tuple[Held, ...] = ()
    hours: str = ""
    uris: str = ""


class Vehicle(NamedTuple):
    """A vehicle in the street."""

    id: str
    lon: float
    lat: float
    type: str
    range: int
    """Metres; `UNKNOWN` where nobody says."""
    plan: str
    uris: str


class Contents(NamedTuple):
    """What a system says."""

    title: str
    made_at: int
    """Seconds since 1970 UTC; 0 where it does not say."""
    ttl: int
    """Seconds for which it asks not to be asked again."""
    zone: str
    """Its time zone; empty where it does not say."""
    hours: str
    """As `write_hours` has them."""
    types: list[VehicleType]
    stations: list[Station]
    vehicles: list[Vehicle]
    fences: list[Fence]
    plans: dict[str, str]
    """JSON by id, as `tariff.tell_plan` reads it."""


UNSAID = VehicleType("", "", FormFactor.BICYCLE, None, Ends.STATIONS, Ends.ANYWHERE | Ends.STATIONS, 0.0, "")
"""The type of every vehicle of a system that publishes no types."""


def list_feeds(content: bytes) -> dict[str, str]:
    """Read ``gbfs.json``: the address of each feed.

    Raises
    ------
    Refused
        When it lists none that we read.
    """
    data = read_data("gbfs", content)
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
    heads = [read_header(name, documents[name]) for name in live]
    information = (
        read_data("system_information", documents["system_information"]) if "system_information" in documents else {}
    )
    return Contents(
        title=read_text(information.get("name")),
        made_at=min((made_at for made_at, _ in heads), default=0),
        ttl=max((ttl for _, ttl in heads), default=0),
        zone=_read_zone(information.get("timezone")),
        hours=_read_hours(documents, information),
        types=types,
        stations=_read_stations(documents, types),
        vehicles=_read_vehicles(documents, types),
        fences=read_fences(documents),
        plans=_read_plans(documents),
    )


def pack_systems(systems: Sequence[tuple[str, Contents]]) -> SharedFleet:
    """Put the systems, by name, side by side."""
    stations = [(i, name, one) for i, (name, found) in enumerate(systems) for one in found.stations]
    vehicles = [(i, name, one) for i, (name, found) in enumerate(systems) for one in found.vehicles]
    types = [(i, one) for i, (_, found) in enumerate(systems) for one in found.types]
    number = {(i, one.id): row for row, (i, one) in enumerate(types)}
    plans = [(i, id_, text) for i, (_, found) in enumerate(systems) for id_, text in found.plans.items()]
    plan = {(i, id_): row for row, (i, id_, _) in enumerate(plans)}
    fences = [(i, one) for i, (_, found) in enumerate(systems) for one in found.fences]
    rules = [
        (row, fence, rule)
        for row, (i, one) in enumerate(types)
        for fence, (j, drawn) in enumerate(fences)
        if i == j and (rule := rule_for(drawn, one.id)) is not None
    ]
    held = [(row, number[i, kept.type], kept) for row, (i, _, one) in enumerate(stations) for kept in one.held]
    return SharedFleet(
        systems=pack_strings(name for name, _ in systems),
        titles=pack_strings(found.title for _, found in systems),
        made_at=np.array([found.made_at for _, found in systems], np.int64),
        zones=pack_strings(found.zone for _, found in systems),
        hours=pack_strings(found.hours for _, found in systems),
        station_ids=pack_strings(f"{name}:{one.id}" for _, name, one in stations),
        station_names=pack_strings(one.name for _, _, one in stations),
        station_system=_int32(i for i, _, _ in stations),
        station_lon=np.array([one.lon for _, _, one in stations], np.float64),
        station_lat=np.array([one.lat for _, _, one in stations], np.float64),
        capacity=_int32(one.capacity for _, _, one in stations),
        bikes=_int32(one.bikes for _, _, one in stations),
        docks=_int32(one.docks for _, _, one in stations),
        service=np.array([one.service for _, _, one in stations], np.uint8),
        station_hours=pack_strings(one.hours for _, _, one in stations),
        station_uris=pack_strings(one.uris for _, _, one in stations),
        held_station=_int32(row for row, _, _ in held),
        held_type=_int32(kind for _, kind, _ in held),
        held_vehicles=_int32(one.vehicles for _, _, one in held),
        held_docks=_int32(one.docks for _, _, one in held),
        type_system=_int32(i for i, _ in types),
        type_names=pack_strings(one.name for _, one in types),
        type_form=np.array([FORMS.index(one.form) for _, one in types], np.uint8),
        type_propulsion=np.array(
            [NO_PROPULSION if one.propulsion is None else PROPULSIONS.index(one.propulsion) for _, one in types],
            np.uint8,
        ),
        type_station_ends=np.array([one.station_ends for _, one in types], np.uint8),
        type_street_ends=np.array([one.street_ends for _, one in types], np.uint8),
        type_kph=np.array([one.kph for _, one in types], np.float32),
        type_plan=_int32(plan.get((i, one.plan), -1) for i, one in types),
        vehicle_ids=pack_strings(f"{name}:{one.id}" for _, name, one in vehicles),
        vehicle_system=_int32(i for i, _, _ in vehicles),
        vehicle_type=_int32(number[i, one.type] for i, _, one in vehicles),
        vehicle_lon=np.array([one.lon for _, _, one in vehicles], np.float64),
        vehicle_lat=np.array([one.lat for _, _, one in vehicles], np.float64),
        vehicle_range=_int32(one.range for _, _, one in vehicles),
        vehicle_plan=_int32(plan.get((i, one.plan), -1) for i, _, one in vehicles),
        vehicle_uris=pack_strings(one.uris for _, _, one in vehicles),
        plans=pack_strings(text for _, _, text in plans),
        fence_shapes=pack_strings(one.shape for _, one in fences),
        fence_since=np.array([one.since for _, one in fences], np.int64),
        fence_until=np.array([one.until for _, one in fences], np.int64),
        rule_type=_int32(row for row, _, _ in rules),
        rule_fence=_int32(fence for _, fence, _ in rules),
        rule_says=np.array([rule.says for _, _, rule in rules], np.uint8),
        rule_kph=np.array([rule.kph for _, _, rule in rules], np.float32),
    )


def _int32(values: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(list(values), np.int32)


# ── the system ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_types(documents: Mapping[str, bytes]) -> list[VehicleType]:
    """List the types of vehicles; one that stands for all where nothing is said."""
    if "vehicle_types" not in documents:
        return [UNSAID]
    found: dict[str, VehicleType] = {}
    for one in read_rows("vehicle_types", documents["vehicle_types"], "vehicle_types"):
        id_, form = read_text(one.get("vehicle_type_id")), read_text(one.get("form_factor"))
        if not id_ or (form not in FORMS and form not in SPELLINGS):
            continue
        said = RETURNS.get(read_text(one.get("return_constraint")))
        drive = read_text(one.get("propulsion_type"))
        found[id_] = VehicleType(
            id_,
            read_text(one.get("name")),
            SPELLINGS.get(form) or FormFactor(form),
            Propulsion(drive) if drive in PROPULSIONS else None,
            UNSAID.station_ends if said is None else said,
            UNSAID.street_ends if said is None else said,
            _read_number(one.get("max_permitted_speed"), FASTEST),
            read_text(one.get("default_pricing_plan_id")),
        )
    return list(found.values())


def _read_zone(value: object) -> str:
    name = read_text(value)
    try:
        return ZoneInfo(name).key if name else ""
    except (OSError, ValueError, LookupError):  # no such zone, or none that could be
        return ""


def _read_hours(documents: Mapping[str, bytes], information: Mapping[str, Any]) -> str:
    written = read_text(information.get("opening_hours"))
    if written:
        return write_hours(read_opening_hours(written))
    hours, seasons = (
        read_rows(name, documents[name], key) if name in documents else []
        for name, key in (("system_hours", "rental_hours"), ("system_calendar", "calendars"))
    )
    return write_hours(read_rental_hours(hours, seasons))


def _read_plans(documents: Mapping[str, bytes]) -> dict[str, str]:
    if "system_pricing_plans" not in documents:
        return {}
    found = {}
    for one in read_rows("system_pricing_plans", documents["system_pricing_plans"], "plans"):
        plan = {
            "name": read_text(one.get("name")),
            "description": read_text(one.get("description")),
            "currency": read_text(one.get("currency"))[:3].upper(),
            "url": _read_uri(one.get("url")),
            "price": one.get("price"),
            "per_min_pricing": one.get("per_min_pricing"),
            "per_km_pricing": one.get("per_km_pricing"),
            "taxed_later": read_flag(one.get("is_taxable"), default=False),
        }
        found[read_text(one.get("plan_id"))] = json.dumps(plan)
    return found


# ── stations and vehicles ─────────────────────────────────────────────────────────────────────────────────────────────


def _read_stations(documents: Mapping[str, bytes], types: Sequence[VehicleType]) -> list[Station]:
    if "station_information" not in documents:
        return []
    statuses = {
        read_text(one.get("station_id")): one
        for one in read_rows("station_status", documents["station_status"], "stations")
    }
    found: dict[str, Station] = {}
    for one in read_rows("station_information", documents["station_information"], "stations"):
        id_, at = read_text(one.get("station_id")), read_position(one)
        if not id_ or at is None or id_ in found:
            continue
        status = statuses.get(id_, {})
        serves = bool(status) and read_flag(status.get("is_installed"))
        service = Service.RENTS * (serves and read_flag(status.get("is_renting")))
        service |= Service.TAKES_BACK * (serves and read_flag(status.get("is_returning")))
        held = _read_held(status, types)
        pedalled = {one.id for one in types if one.form in BICYCLES and one.station_ends}
        split = isinstance(status.get("vehicle_types_available"), list) and types[0] is not UNSAID if types else True
        found[id_] = Station(
            id_,
            read_text(one.get("name")),
            *at,
            read_count(one.get("capacity")),
            sum(max(kept.vehicles, 0) for kept in held if kept.type in pedalled) if split else _total(status),
            _free_docks(status, pedalled),
            Service(service),
            held,
            write_hours(read_opening_hours(read_text(one.get("station_opening_hours")))),
            _read_uris(one.get("rental_uris")),
        )
    return list(found.values())


def _total(status: Mapping[str, Any]) -> int:
    return read_count(status.get("num_vehicles_available", status.get("num_bikes_available")))


def _read_held(status: Mapping[str, Any], types: Sequence[VehicleType]) -> tuple[Held, ...]:
    """Tell what a station has for each type; where a status does not tell them apart, any may be of any."""
    counted = status.get("vehicle_types_available")
    vehicles = {
        read_text(one.get("vehicle_type_id")): read_count(one.get("count"))
        for one in (counted if isinstance(counted, list) else [])
        if isinstance(one, dict)
    }
    held = []
    for one in types:
        split = isinstance(counted, list) and one is not UNSAID
        docks = _free_docks(status, {one.id}) if one is not UNSAID else _free_docks(status, None)
        count = vehicles.get(one.id, 0) if split else _total(status)
        if status and not (split and one.id not in vehicles and docks == 0):
            held.append(Held(one.id, count, docks))
    return tuple(held)


def _free_docks(status: Mapping[str, Any], types: set[str] | None) -> int:
    """Count the docks that take a vehicle of some types back; where a status names none there is always room."""
    by_type = status.get("vehicle_docks_available")
    if types is not None and isinstance(by_type, list):
        fitting = [
            one for one in by_type
            if isinstance(one, dict) and isinstance(one.get("vehicle_type_ids"), list)
            and any(read_text(name) in types for name in one["vehicle_type_ids"])
        ]  # fmt: skip
        return sum(max(read_count(one.get("count")), 0) for one in fitting)
    if not status:
        return UNKNOWN
    return read_count(status["num_docks_available"]) if "num_docks_available" in status else UNLIMITED


def _read_vehicles(documents: Mapping[str, bytes], types: Sequence[VehicleType]) -> list[Vehicle]:
    known = {one.id for one in types}
    found: dict[str, Vehicle] = {}
    for feed, key, id_key in (("vehicle_status", "vehicles", "vehicle_id"), ("free_bike_status", "bikes", "bike_id")):
        for one in read_rows(feed, documents[feed], key) if feed in documents else []:
            id_, at = read_text(one.get(id_key)), read_position(one)
            kind = "" if UNSAID in types else read_text(one.get("vehicle_type_id"))
            reach = _read_number(one.get("current_range_meters"), FARTHEST, missing=UNKNOWN)
            tired = UNKNOWN < reach < SHORT_RANGE
            taken = any(read_flag(one.get(name), default=False) for name in ("is_reserved", "is_disabled"))
            if id_ and at is not None and kind in known and not (taken or tired or one.get("station_id")):
                plan, uris = read_text(one.get("pricing_plan_id")), _read_uris(one.get("rental_uris"))
                found.setdefault(id_, Vehicle(id_, *at, kind, int(reach), plan, uris))
    return list(found.values())


def _read_number(value: object, most: float, *, missing: float = 0.0) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most
    return float(value) if usable else missing  # type: ignore[arg-type]


def _read_uri(value: object) -> str | None:
    """Return an address that may be shown as a link; None for any other."""
    try:
        if isinstance(value, str) and len(value) <= LONGEST_URI and urlsplit(value).scheme in {"http", "https"}:
            return value
    except ValueError:
        return None
    return None


def _read_uris(value: object) -> str:
    found = {name: _read_uri(value.get(name)) for name in PLATFORMS} if isinstance(value, dict) else {}
    kept = {name: uri for name, uri in found.items() if uri}
    return json.dumps(kept) if kept else ""
