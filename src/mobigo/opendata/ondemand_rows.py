"""Services on demand as they are in force, beside the rows of their feeds: what the staff wrote, withdrew or promised.

Trips of a feed are published as the feed has them, unless the staff changed or withdrew their service, or the feed
follows a draft of GTFS-Flex: then they are left out, and what is in force is written in their place. Sources that no
feed has, but the staff, stand by themselves.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from psycopg import sql

from mobigo.ondemand import services_store
from mobigo.ondemand.catalogue import read_catalogue, source_of
from mobigo.ondemand.flex_apart import AGENCY, CALENDAR, PLACE, RULE, SHAPE, tell_apart
from mobigo.ondemand.flex_write import draw_zone, make_extension, make_tables
from mobigo.transit.flex_store import list_active_versions, read_flex_rows
from mobigo.transit.gtfs import BY_NAME, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from psycopg import Connection

    from mobigo.ondemand.catalogue import Catalogue
    from mobigo.ondemand.flex_apart import Key
    from mobigo.ondemand.model import Calendar, Service
    from mobigo.transit.flex_store import FlexRows

Row = dict[str, str]

SPACES = {
    "agency": (AGENCY, "agency_id"), "calendar": (CALENDAR, "service_id"), "calendar_dates": (CALENDAR, "service_id"),
    "booking_rules": (RULE, "booking_rule_id"), "shapes": (SHAPE, "shape_id"),
    "location_groups": (PLACE, "location_group_id"), "locations": (PLACE, "location_id"),
}  # fmt: skip
"""Of files with things that services have, too: the space of their ids, and the column."""


@dataclass(frozen=True)
class Beside:
    """What stands in an archive beside the rows of the feeds; ids are ``source:id``."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By file."""
    zones: Sequence[dict[str, Any]] = ()
    """Features of locations.geojson."""
    extension: Sequence[Row] = ()
    """Rows of `transit.gtfs.EXTENSION`."""
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By source: trips of its feed, ids as there, that are not ridden as it says."""
    first: date | None = None
    last: date | None = None
    """Days on which anything of it may run."""


@dataclass(frozen=True)
class InForce:
    """The services of a source."""

    source: str
    services: tuple[Service, ...]
    """All of them, as they are in force; ids within are told apart from each other's and from the feed's."""
    written: frozenset[str]
    """Ids of those whose trips are not the rows of the feed."""
    left_out: frozenset[str]
    """Trips of the feed that are left out."""


_kept: WeakKeyDictionary[Connection[Any], Catalogue] = WeakKeyDictionary()
"""The catalogue as a connection read it last: what did not change since is not read again."""


def read_services(connection: Connection[Any]) -> Catalogue:
    """Read all services in force; a connection that asks again is answered from what it read."""
    _kept[connection] = read_catalogue(connection, _kept.get(connection))
    return _kept[connection]


def list_staff_sources(connection: Connection[Any]) -> list[str]:
    """List sources of services that no feed in service has."""
    feeds = {source for source, _ in list_active_versions(connection)}
    return sorted({source_of(id_) for id_ in read_services(connection).services} - feeds)


def list_staff_names(connection: Connection[Any]) -> dict[str, str]:
    """Name the sources of `list_staff_sources` by the agencies of their services."""
    names: dict[str, set[str]] = {source: set() for source in list_staff_sources(connection)}
    for service in read_services(connection).services.values():
        if source_of(service.id) in names:
            names[source_of(service.id)].add(service.agency.get("agency_name", ""))
    return {source: ", ".join(sorted(found - {""})) or source for source, found in names.items()}


def read_in_force(connection: Connection[Any], sources: Sequence[str]) -> list[InForce]:
    """Read the services of sources that have any, or had."""
    catalogue = read_services(connection)
    versions = dict(list_active_versions(connection))
    said = {one.id: one for one in services_store.list_newest(connection)}
    changed = {id_ for id_, one in said.items() if one.withdrawn or (one.document or {}).get("form") == WHOLE}
    found = [_read_source(connection, catalogue, source, versions.get(source), changed) for source in sources]
    return [one for one in found if one.services or one.left_out]


WHOLE = services_store.WHOLE


def _read_source(
    connection: Connection[Any], catalogue: Catalogue, source: str, version: int | None, changed: set[str]
) -> InForce:
    now = [one for one in catalogue.services.values() if source_of(one.id) == source]
    if version is None:
        return InForce(source, tuple(tell_apart(now)), frozenset(one.id for one in now), frozenset())
    told = catalogue.feeds[source, version]
    rows = read_flex_rows(connection, source, version) if told else None
    modern = {one.id for one in told if rows is not None and not _is_as_read(one, rows)}
    changed = {id_ for id_ in changed | modern if source_of(id_) == source}
    written = [one for one in now if one.id in changed or one.id not in {each.id for each in told}]
    kept = [one for one in now if one not in written]
    # what the feed says keeps its ids, also of services that are changed: most of them is as it was
    apart = tell_apart([*told, *written], _list_taken(connection, version, told)) if written else []
    left_out = frozenset(trip.id for one in told if one.id in changed for trip in one.trips)
    services = sorted([*kept, *apart[len(told) :]], key=lambda one: one.id)
    return InForce(source, tuple(services), frozenset(one.id for one in written), left_out)


def _is_as_read(service: Service, rows: FlexRows) -> bool:
    """Tell whether reading a service changed nothing: records and what may be done at them are those of the feed."""
    route = service.id.partition(":")[2]
    trips = {row["trip_id"]: row for row in rows.trips if row["route_id"] == route}
    calls = Counter(row["trip_id"] for row in rows.stop_times)
    types = {
        (row["trip_id"], row["stop_sequence"]): (row["pickup_type"], row["drop_off_type"]) for row in rows.stop_times
    }
    return all(
        len(trip.calls) == calls[trip.id]
        and (trip.safe_factor, trip.safe_offset)
        == (trips[trip.id]["safe_duration_factor"], trips[trip.id]["safe_duration_offset"])
        and all(types.get((trip.id, call.sequence)) == (call.pickup_type, call.drop_off_type) for call in trip.calls)
        for trip in service.trips
    )


def _list_taken(connection: Connection[Any], version: int, told: Sequence[Service]) -> set[Key]:
    """List what the feed has besides its services, by the spaces of their ids."""
    used = {
        *((CALENDAR, key) for one in told for key in one.calendars),
        *((RULE, key) for one in told for key in one.rules),
        *((SHAPE, key) for one in told for key in one.shapes),
        *((PLACE, key) for one in told for key in (*one.groups, *one.zones)),
        *((AGENCY, one.agency.get("agency_id", "")) for one in told),
    }
    found = set()
    for table, (space, column) in SPACES.items():
        found |= {(space, key) for key in _list_ids(connection, version, table, column) if key}
    return found - used


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def make_beside(connection: Connection[Any], every: Sequence[InForce], sources: Sequence[str]) -> Beside:
    """Make what services in force add to an archive of some sources."""
    tables: dict[str, list[Row]] = {}
    zones, extension = [], []
    days: list[date] = []
    versions = dict(list_active_versions(connection))
    for one in every:
        written = [service for service in one.services if service.id in one.written]
        there = _list_there(connection, versions.get(one.source))
        for name, rows in make_tables(written).items():
            key = SPACES.get(name, ("", KEYS.get(name, "")))[1]
            known = there.get("location_groups" if name == "location_group_stops" else name, set())
            fresh = (row for row in rows if not key or row.get(key, "") not in known)
            tables.setdefault(name, []).extend(prefix(name, row, one.source) for row in fresh)
        drawn = {zone.id: draw_zone(zone) for service in written for zone in service.zones.values()}
        fresh_zones = [zone for id_, zone in sorted(drawn.items()) if id_ not in there["locations"]]
        zones += [_prefix_zone(zone, one.source) for zone in fresh_zones]
        extension += [_prefix_extension(make_extension(service), one.source) for service in one.services]
        days += [day for service in written for calendar in service.calendars.values() for day in _bounds(calendar)]
    _join_stops(
        tables, _list_shared_stops(connection, every, {name: versions[name] for name in sources if name in versions})
    )
    return Beside(
        {name: rows for name, rows in tables.items() if rows},
        zones,
        extension,
        {one.source: one.left_out for one in every if one.left_out},
        min(days, default=None),
        max(days, default=None),
    )


KEYS = {"stops": "stop_id", "routes": "route_id", "location_group_stops": "location_group_id"}
"""Of further files whose rows a feed may have already."""


def _list_there(connection: Connection[Any], version: int | None) -> dict[str, set[str]]:
    """List the ids that a feed has, by file."""
    columns = {name: column for name, (_, column) in SPACES.items()} | {"stops": "stop_id", "routes": "route_id"}
    return {name: _list_ids(connection, version, name, column) for name, column in columns.items()}


def _list_ids(connection: Connection[Any], version: int | None, table: str, column: str) -> set[str]:
    query = sql.SQL("SELECT DISTINCT coalesce({}, '') FROM {} WHERE version_id = %s")
    rows = connection.execute(query.format(sql.Identifier(column), sql.Identifier(table)), [version])
    return {str(key) for (key,) in rows}


def prefix(name: str, row: Row, source: str) -> Row:
    """Write a row with ids that are of its source."""
    told = {
        column.name: f"{source}:{row[column.name]}" if column.kind is Kind.ID else row[column.name]
        for column in BY_NAME[name].columns
        if row.get(column.name)
    }
    if name in {"agency", "routes"}:  # one without an id has an empty one
        told["agency_id"] = f"{source}:{row.get('agency_id', '')}"
    return told


def _prefix_zone(zone: dict[str, Any], source: str) -> dict[str, Any]:
    said = dict(zone["properties"])
    if said.get("zone_id"):
        said["zone_id"] = f"{source}:{said['zone_id']}"
    return {**zone, "id": f"{source}:{zone['id']}", "properties": said}


def _prefix_extension(row: Row, source: str) -> Row:
    return {**row, "route_id": f"{source}:{row['route_id']}"}


def _bounds(calendar: Calendar) -> Iterator[date]:
    for day in (calendar.first, calendar.last, *calendar.added):
        if day is not None:
            yield day


def _list_shared_stops(
    connection: Connection[Any], every: Sequence[InForce], versions: Mapping[str, int]
) -> dict[str, str]:
    """Map stops of services that are stops of feeds in the archive to those."""
    wanted = {
        f"{one.source}:{stop.id}": stop.same_as
        for one in every
        for service in one.services
        if service.id in one.written
        for stop in service.stops.values()
        if stop.same_as is not None and source_of(stop.same_as) in versions
    }
    known: set[str] = set()
    for source in {source_of(id_) for id_ in wanted.values()}:
        rows = connection.execute("SELECT stop_id FROM stops WHERE version_id = %s", [versions[source]])
        known |= {f"{source}:{id_}" for (id_,) in rows}
    return {own: id_ for own, id_ in wanted.items() if id_ in known and own != id_}


def _join_stops(tables: dict[str, list[Row]], same: Mapping[str, str]) -> None:
    """Write stops that are others' as those."""
    tables["stops"] = [row for row in tables.get("stops", ()) if row["stop_id"] not in same]
    for name in ("stop_times", "location_group_stops"):
        tables[name] = [
            {**row, "stop_id": same.get(row["stop_id"], row["stop_id"])} if row.get("stop_id") else row
            for row in tables.get(name, ())
        ]
