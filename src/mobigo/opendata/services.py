"""What the region runs itself, as data sets: fares and points of sale, school transport, journeys in shared cars."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, time
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mobigo.carpool import openfile_store
from mobigo.fares import tables
from mobigo.fares.service import list_in_force
from mobigo.opendata.archive import hash_members
from mobigo.opendata.carpool_sets import list_carpool_sets
from mobigo.opendata.fare_rows import list_known_lines, spell_out
from mobigo.opendata.licences import OWN
from mobigo.opendata.making import Draft, Made, Maker
from mobigo.opendata.model import Dataset, Said
from mobigo.opendata.netex_fares import FareFrame
from mobigo.opendata.netex_writer import write_netex_of
from mobigo.opendata.netex_xml import add_frame, refer
from mobigo.opendata.ondemand_rows import read_services
from mobigo.school import open_data as school
from mobigo.school import register_store
from mobigo.school.network import read_network

if TYPE_CHECKING:
    from psycopg import Connection

    from mobigo.fares.catalogue import Catalogue
    from mobigo.opendata.making import Making
    from mobigo.school.register_store import Year

CSV = "text/csv; charset=utf-8"
GEOJSON = "application/geo+json"
JSON = "application/json"
TABLE_SCHEMA = "https://specs.frictionlessdata.io/table-schema/"
GEO = "https://www.rfc-editor.org/rfc/rfc7946"
NETEX = "https://normes.transport.data.gouv.fr/normes/netex/"

FARES = Dataset(
    "fares",
    {"fr": "Tarifs et points de vente", "en": "Fares and points of sale"},
    {
        "fr": "Produits tarifaires en vigueur, leurs prix, et les lieux où ils sont vendus. Les prix marqués"
        " « demonstration » sont des exemples.",
        "en": "Fare products in force, their prices, and where they are sold. Prices marked “demonstration” are"
        " examples.",
    },
    "fares",
)
JOURNEYS = Dataset(
    "carpool-journeys",
    {"fr": "Trajets réalisés en covoiturage", "en": "Journeys made by carpooling"},
    {
        "fr": "Un fichier par mois, colonnes du registre de preuve de covoiturage ; lieux et heures arrondis, trajets"
        " trop rares retirés.",
        "en": "One file a month with the columns of the national register; places and times rounded, journeys that"
        " are too rare left out.",
    },
    "carpool",
    "P1M",
)


def list_services(connection: Connection[Any]) -> list[Maker]:
    """List the data sets of what the region runs itself."""
    makers = [Maker(FARES, _make_fares), Maker(JOURNEYS, _make_journeys)]
    makers += [
        Maker(_describe_school(year), partial(_make_school, year)) for year in register_store.list_years(connection)
    ]
    return [*makers, *list_carpool_sets(connection)]


KINDS = {
    ".csv": (CSV, "CSV", TABLE_SCHEMA),
    ".schema.json": (JSON, "JSON", TABLE_SCHEMA),
    ".geojson": (GEOJSON, "GeoJSON", GEO),
    ".zip": ("application/zip", "GTFS", "https://gtfs.org/schedule/reference/"),
}
"""Media type, format and standard of a file, by how its name ends."""


def _write(making: Making, name: str, content: str | bytes) -> Made:
    """Write a file that was made in memory."""
    path = making.folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    key = hash_members(path) if name.endswith(".zip") else sha256(path.read_bytes()).hexdigest()
    media_type, form, standard = next(kind for end, kind in KINDS.items() if name.endswith(end))
    return Made(path, name, media_type, form, key, standard)


def _sample(content: str) -> tuple[tuple[str, ...], ...]:
    rows = csv.reader(io.StringIO(content))
    return tuple(tuple(row) for row, _ in zip(rows, range(4), strict=False))


def describe_table(content: str, said: dict[str, str]) -> str:
    """Write the table schema of a CSV: its columns with their types, as `said` where they are no texts."""
    header = next(csv.reader(io.StringIO(content)))
    fields: list[dict[str, Any]] = [{"name": name, "type": said.get(name, "string")} for name in header]
    return json.dumps({"fields": fields, "missingValues": [""]}, ensure_ascii=False, indent=1)


def _rows(content: str) -> int:
    return sum(1 for _ in csv.reader(io.StringIO(content))) - 1


# ── fares ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

PRICE_TYPES = {
    "since": "date", "until": "date", "amount": "number", "up_to_metres": "integer", "amount_per_km": "number",
    "minimum": "number", "rounded_to": "number", "vat_percent": "number",
}  # fmt: skip


def _make_fares(making: Making) -> Draft | None:
    """Make the catalogue of the region; those of single feeds are published with their timetables."""
    found = list_in_force(making.connection, making.now.date())
    if not found:
        return None
    catalogue = found[0]
    prices = tables.write_prices(catalogue, making.now.date())
    points = tables.write_sales_points(catalogue.sales_points)
    drawn = json.dumps(tables.draw_sales_points(catalogue.sales_points), ensure_ascii=False, sort_keys=True)
    said = Said(
        OWN,
        counts={"products": len(catalogue.products), "prices": _rows(prices), "sales_points": _rows(points)},
        samples={"prices": _sample(prices), "sales_points": _sample(points)},
        features={"sales_points": bool(catalogue.sales_points)},
    )
    files = {
        "prices.csv": prices,
        "prices.schema.json": describe_table(prices, PRICE_TYPES),
        "sales-points.csv": points,
        "sales-points.schema.json": describe_table(points, {"lat": "number", "lon": "number"}),
        "sales-points.geojson": drawn,
    }
    made = [_write(making, name, content) for name, content in files.items()]
    return Draft(said, (*made, _write_netex(making, catalogue)))


def _write_netex(making: Making, catalogue: Catalogue) -> Made:
    """Write the catalogue as NeTEx, for the lines in service that it speaks of."""
    on_demand = read_services(making.connection).services

    def refer_line(route: str) -> str:
        return refer("FlexibleLine" if route in on_demand else "Line", route)

    catalogue = spell_out(making.connection, catalogue)
    routes = list_known_lines(making.connection, catalogue)
    frame = FareFrame(catalogue, owner="", routes=routes, refer_line=refer_line, own_days=True)
    path = making.folder / "netex.zip"
    since = datetime.combine(catalogue.valid_from, time(), UTC)
    with zipfile.ZipFile(path, "w", compresslevel=6) as archive:
        add_frame(archive, "tarifs.xml", ("NETEX_TARIF", "tarifs", catalogue.timezone, since), frame.list_members())
    return Made(path, path.name, "application/zip", "NeTEx", hash_members(path), NETEX)


# ── carpooling ────────────────────────────────────────────────────────────────────────────────────────────────────────

JOURNEY_TYPES = {
    "journey_start_datetime": "datetime", "journey_end_datetime": "datetime", "journey_start_date": "date",
    "journey_end_date": "date", "journey_start_time": "time", "journey_end_time": "time",
    "journey_start_lon": "number", "journey_start_lat": "number", "journey_end_lon": "number",
    "journey_end_lat": "number", "passenger_seats": "integer", "journey_distance": "integer",
    "journey_duration": "integer",
}  # fmt: skip


def _make_journeys(making: Making) -> Draft | None:
    """Make a file for each month that was opened; what is in them was decided when they were."""
    months = openfile_store.list_months(making.connection)
    if not months:
        return None
    files, last = [], ""
    for one in months:
        packed = openfile_store.find_file(making.connection, one.month)
        assert packed is not None
        last = last or gzip.decompress(packed).decode()
        name = f"carpool-journeys-{one.month:%Y-%m}.csv"
        files.append(_write(making, name, gzip.decompress(packed)))
    said = Said(
        OWN,
        first_day=min(one.month for one in months),
        counts={f"{one.month:%Y-%m}": one.published for one in months},
        samples={f"{months[0].month:%Y-%m}": _sample(last)},
    )
    schema = describe_table(last, JOURNEY_TYPES)
    return Draft(said, (*files, _write(making, "carpool-journeys.schema.json", schema)))


# ── school ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _describe_school(year: Year) -> Dataset:
    return Dataset(
        f"school-{year.id}",
        {"fr": f"Transport scolaire {year.id}", "en": f"School transport {year.id}"},
        {
            "fr": "Les circuits scolaires : arrêts, horaires, jours. Rien n'y est dit des élèves.",
            "en": "School circuits: stops, times, days. Nothing in it is about pupils.",
        },
        "school",
    )


def _make_school(year: Year, making: Making) -> Draft | None:
    network = read_network(making.connection, year.id)
    if not school.list_open_runs(network):
        return None
    content = school.write_gtfs(network, year, publisher=making.publisher.name, url=making.publisher.website)
    said = Said(
        OWN,
        first_day=year.first,
        last_day=year.last,
        counts={"circuits": len(network.circuits), "runs": len(school.list_open_runs(network))},
    )
    gtfs = _write(making, "gtfs.zip", content)
    netex = making.folder / "netex.zip"
    since = datetime.combine(year.first, time(), UTC)
    write_netex_of(gtfs.path, f"school-{year.id}", netex, since)
    files = (
        gtfs,
        Made(netex, netex.name, "application/zip", "NeTEx", hash_members(netex), NETEX),
        _write(making, "circuits.geojson", school.write_map(network)),
    )
    return Draft(said, files)
