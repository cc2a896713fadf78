"""Fares of an archive: those in force, each author's told to apply to the author's own lines.

What an empty cell of a file of fares means depends on all its other rows. Where rows of several authors stand in one
file, empty cells are filled so that they mean what they meant in the author's own: an empty network becomes the
networks (and the lines of none) that the author's other rules do not name, an empty leg group the groups that they do
not name, and a fare without rules a fare of each line.

References
----------
GTFS Schedule Reference, June 2026: fare_leg_rules.txt, fare_transfer_rules.txt, fare_rules.txt.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mobigo.fares import gtfs_read
from mobigo.fares.feed_rows import read_loaded
from mobigo.fares.gtfs_write import write_fares_among
from mobigo.fares.model import RideKind
from mobigo.fares.service import find_in_force
from mobigo.opendata.gtfs_writer import FARES, NO_FEED, Part, read_rows
from mobigo.opendata.model import Problem, Severity
from mobigo.opendata.ondemand_rows import read_services
from mobigo.transit.flex_store import list_active_versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from psycopg import Connection

    from mobigo.fares.catalogue import Catalogue
    from mobigo.opendata.gtfs_writer import Row

Tables = dict[str, list["Row"]]

SECOND = (
    "timeframes", "rider_categories", "fare_media", "fare_products", "fare_leg_rules", "fare_leg_join_rules",
    "fare_transfer_rules", "areas", "stop_areas", "networks", "route_networks",
)  # fmt: skip
"""Files of version 2."""


@dataclass(frozen=True)
class Fares:
    """What an archive says about fares."""

    rows: Mapping[str, Sequence[Row]] | None
    """By file; None: what the one feed in it says."""
    problems: tuple[Problem, ...] = ()
    """What the files cannot say."""


@dataclass
class _Author:
    """Somebody's fares, and the lines that they are for."""

    name: str
    tables: Tables
    routes: dict[str, str]
    """Agency of each line."""
    ranked: bool = field(init=False)
    """Whether rules are ranked by ``rule_priority``."""

    def __post_init__(self) -> None:
        self.ranked = any(row.get("rule_priority") for row in self.of("fare_leg_rules"))

    def of(self, name: str) -> list[Row]:
        """Return the rows of a file."""
        return self.tables.get(name, [])


def read_fares(connection: Connection[Any], parts: Sequence[Part], day: date) -> Fares:
    """Read the fares in force on a day: the region's for the lines that they speak of, else those of the feeds.

    Example prices of the demonstration are for no feed.
    """
    feeds = [part for part in parts if part.version != NO_FEED]
    every = {part.source: _read_routes(connection, part) for part in feeds}
    region = _find_region(connection, day)
    ours = {} if region is None or region.demonstration else _list_known(region, every)
    if not ours and len(parts) == 1:
        return Fares(None)
    authors, notes = [], []
    if region is not None and ours:
        sources = [source for source, routes in every.items() if routes.keys() & ours.keys()]
        files = write_fares_among(region, [read_loaded(connection, source, whole=True) for source in sources], day)
        authors.append(_Author(region.id, {name: list(rows) for name, rows in files.tables.items()}, ours))
        notes += files.notes
    for part in feeds:
        routes = {route: agency for route, agency in every[part.source].items() if route not in ours}
        if routes:
            authors.append(_Author(part.source, _read_tables(connection, part, routes), routes))
    rows, left = _join([one for one in authors if one.of("fare_products") or one.of("fare_attributes")])
    said = [("fares_not_told", notes), ("fares_left_out", left)]
    problems = [Problem("mobigo", code, Severity.INFO, len(many), many[0][:300]) for code, many in said if many]
    return Fares(rows, tuple(problems))


def _find_region(connection: Connection[Any], day: date) -> Catalogue | None:
    """Find the region's fares; what they say of rides on demand, they say of the lines that run on demand."""
    region = find_in_force(connection, day)
    return None if region is None else spell_out(connection, region)


def spell_out(connection: Connection[Any], catalogue: Catalogue) -> Catalogue:
    """Name the lines of networks that rides are of because they are on demand."""
    services = tuple(sorted(read_services(connection).services))
    networks = [
        replace(one, routes=tuple(dict.fromkeys((*one.routes, *services)))) if RideKind.ON_DEMAND in one.kinds else one
        for one in catalogue.networks
    ]
    return replace(catalogue, networks=tuple(networks))


@dataclass(frozen=True)
class InForce:
    """A catalogue in force for lines of an archive."""

    catalogue: Catalogue
    source: str | None
    """Whose own it is; None: the region's."""
    routes: Mapping[str, str]
    """Agency of each line that it is for."""


def list_catalogues(connection: Connection[Any], parts: Sequence[Part], day: date) -> list[InForce]:
    """List the catalogues whose prices are in force on a day, as `read_fares` chooses among them."""
    feeds = [part for part in parts if part.version != NO_FEED]
    every = {part.source: _read_routes(connection, part) for part in feeds}
    region = _find_region(connection, day)
    ours = {} if region is None or region.demonstration else _list_known(region, every)
    found = [InForce(region, None, ours)] if region is not None and ours else []
    for source, routes in every.items():
        own = {route: agency for route, agency in routes.items() if route not in ours}
        rows = read_loaded(connection, source)
        if own and rows.speaks_of_fares:
            found.append(InForce(gtfs_read.read_fares(rows, valid_from=rows.first_day or day)[0], source, own))
    return found


def list_known_lines(connection: Connection[Any], catalogue: Catalogue) -> dict[str, str]:
    """List the lines in service that fares speak of, with the agency of each."""
    active = list_active_versions(connection)
    every = {source: _read_routes(connection, Part(source, version)) for source, version in active}
    return _list_known(catalogue, every)


def _read_routes(connection: Connection[Any], part: Part) -> dict[str, str]:
    return {row["route_id"]: row.get("agency_id", "") for row in read_rows(connection, "routes", part)}


def _list_known(region: Catalogue, every: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """List the lines that the region's fares speak of."""
    named = {source for tariff in region.tariffs for source in tariff.sources}
    return {
        route: agency
        for source, routes in every.items()
        for route, agency in routes.items()
        if source in named
        or any(
            route in network.routes
            or agency in network.agencies
            or source in network.sources
            or RideKind.LINE in network.kinds
            for network in region.networks
        )
    }


def _read_tables(connection: Connection[Any], part: Part, routes: Mapping[str, str]) -> Tables:
    tables = {name: read_rows(connection, name, part) for name in sorted(FARES)}
    for row in read_rows(connection, "routes", part):
        if (network := row.get("network_id")) is not None:  # routes.txt may say it, too
            tables["route_networks"].append({"network_id": network, "route_id": row["route_id"]})
            if all(one["network_id"] != network for one in tables["networks"]):
                tables["networks"].append({"network_id": network})
    tables["route_networks"] = [row for row in tables["route_networks"] if row["route_id"] in routes]
    return tables


# ── several authors in one file ───────────────────────────────────────────────────────────────────────────────────────


def _join(authors: Sequence[_Author]) -> tuple[Tables, list[str]]:
    """Put the rows of authors together; whoever ranks rules beside others who do not is left out, and named."""
    ranked = {one.ranked for one in authors if one.of("fare_leg_rules")}
    left = []
    joined: Tables = {}
    for one in authors:
        if len(ranked) > 1 and one.ranked:
            left.append(f"{one.name}: its rules are ranked by priority, those of others are not")
            tables = {name: rows for name, rows in one.tables.items() if name not in SECOND}
        else:
            tables = dict(one.tables)
            _fill_networks(one, tables)
            _fill_groups(tables)
        _fill_agencies(one, tables)
        for name, rows in tables.items():
            joined.setdefault(name, []).extend(rows)
    return joined, left


def _fill_networks(one: _Author, tables: Tables) -> None:
    """Name the networks that rules without one are for."""
    rules = one.of("fare_leg_rules")
    if all("network_id" in rule for rule in rules):
        return
    named = set() if one.ranked else {rule.get("network_id") for rule in rules}
    of = {row["route_id"] for row in one.of("route_networks")}
    meant = sorted({row["network_id"] for row in one.of("route_networks")} - named)
    rest = sorted(one.routes.keys() - of)
    if rest:
        other = _free_name(f"{one.name}:lines", {row["network_id"] for row in one.of("networks")})
        meant.append(other)
        tables["networks"] = [*one.of("networks"), {"network_id": other}]
        tables["route_networks"] = [
            *one.of("route_networks"), *({"network_id": other, "route_id": route} for route in rest),
        ]  # fmt: skip
    tables["fare_leg_rules"] = [
        {**rule, "network_id": network}
        for rule in rules
        for network in ([rule["network_id"]] if "network_id" in rule else meant)
    ]


def _free_name(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "."
    return name


def _fill_groups(tables: Tables) -> None:
    """Name the leg groups that transfers without one are for."""
    rules = tables.get("fare_transfer_rules", [])
    groups = sorted({row["leg_group_id"] for row in tables.get("fare_leg_rules", ()) if "leg_group_id" in row})
    meant = {
        column: [group for group in groups if all(rule.get(column) != group for rule in rules)]
        for column in ("from_leg_group_id", "to_leg_group_id")
    }
    filled = []
    for rule in rules:
        ends = [[rule[column]] if column in rule else other for column, other in meant.items()]
        for start in ends[0]:
            for end in ends[1]:
                row = {**rule, "from_leg_group_id": start, "to_leg_group_id": end}
                if start != end:  # only what goes on with the same is counted
                    row.pop("transfer_count", None)
                elif "transfer_count" not in row:
                    row["transfer_count"] = "-1"
                filled.append(row)
    if rules:
        tables["fare_transfer_rules"] = filled


def _fill_agencies(one: _Author, tables: Tables) -> None:
    """Name the agency that fares of version 1 without one are of, and the lines of those without rules."""
    agencies = sorted(set(one.routes.values()))
    only = {"agency_id": agencies[0]} if len(agencies) == 1 else {}
    ruled = {row["fare_id"] for row in one.of("fare_rules")}
    tables["fare_attributes"] = [{**only, **row} for row in one.of("fare_attributes")]
    tables["fare_rules"] = [row for row in one.of("fare_rules") if row.get("route_id", "") in {"", *one.routes}] + [
        {"fare_id": fare["fare_id"], "route_id": route}
        for fare in one.of("fare_attributes")
        if fare["fare_id"] not in ruled and "agency_id" not in fare
        for route in sorted(one.routes)
    ]
