"""Carpool lines and carpool places as data sets.

Places of registers keep their licences: those that may be mixed freely stand with the stops of our own lines in one
file, a second one has those that are to be shared alike too, and what states no licence stands alone.

References
----------
https://schema.data.gouv.fr/etalab/schema-lieux-covoiturage/ 0.3.1
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mobigo.carpool.lines import list_lines, list_revisions
from mobigo.carpool.openfile_store import find_communes
from mobigo.opendata import netex_carpool, store
from mobigo.opendata.archive import hash_members
from mobigo.opendata.licences import OWN, UNSTATED, find_licence, join_licences
from mobigo.opendata.making import Draft, Made, Maker
from mobigo.opendata.model import Dataset, Family, Problem, Said, Severity, SourceLicence
from mobigo.parking.model import Kind
from mobigo.parking.service import merge
from mobigo.parking.store import OSM, list_loads, list_places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from mobigo.carpool.model import Hours, Line
    from mobigo.kit.geo import Point
    from mobigo.opendata.making import Making
    from mobigo.parking.model import ParkingPlace

CSV = "text/csv; charset=utf-8"
GEOJSON = "application/geo+json"
JSON = "application/json"
TABLE_SCHEMA = "https://specs.frictionlessdata.io/table-schema/"
PLACES_SCHEMA = "https://schema.data.gouv.fr/schemas/etalab/schema-lieux-covoiturage/0.3.1/schema.json"
GEO = "https://www.rfc-editor.org/rfc/rfc7946"
NETEX = "https://normes.transport.data.gouv.fr/normes/netex/"

Row = dict[str, str]

SHIPPED = datetime(2026, 11, 1, tzinfo=UTC)
"""As of when the lines that ship with the program stand."""

KNOWN = {
    OSM: ("ODbL-1.0", "© les contributeurs d'OpenStreetMap"),
    "bnlc": ("ODbL-1.0", "Base nationale des lieux de covoiturage, transport.data.gouv.fr"),
}
"""Licence and attribution of registers everybody knows, unless staff said otherwise."""

TYPES = {Kind.CARPOOL: "Aire de covoiturage", Kind.PARK_RIDE: "Parking relais", Kind.HITCH_HIKING: "Auto-stop"}
LINE_STOP = "Ligne de covoiturage"
"""``type`` of places in the national schema."""

LINES = Dataset(
    "carpool-lines",
    {"fr": "Lignes de covoiturage", "en": "Carpool lines"},
    {
        "fr": "Les lignes de covoiturage de la région : points de rencontre, heures de service, départs garantis.",
        "en": "The region's carpool lines: meeting points, hours of service, guaranteed departures.",
    },
    "carpool",
)


def list_carpool_sets(connection: Connection[Any]) -> list[Maker]:
    """List the data sets of carpool lines and places."""
    licences = {source: one for source, one in _find_licences(connection).items() if one.published}
    free = [source for source, one in licences.items() if one.licence.family is Family.OPEN]
    alike = [source for source, one in licences.items() if one.licence.family is Family.SHARE_ALIKE]
    makers = [Maker(LINES, _make_lines), _place_maker(PLACES, free)]
    if alike:
        makers.append(_place_maker(PLACES_ALIKE, sorted([*free, *alike])))
    makers += [
        _place_maker(_describe_places(source), [source], with_lines=False)
        for source, one in licences.items()
        if one.licence.family is Family.UNSTATED
    ]
    return makers


def _find_licences(connection: Connection[Any]) -> dict[str, SourceLicence]:
    """Find under what each register may be published: as staff said, else as everybody knows."""
    said = store.list_source_licences(connection)
    found = {}
    for source in list_loads(connection):
        licence, attribution = KNOWN.get(source, (UNSTATED, ""))
        found[source] = said.get(source) or SourceLicence(source, find_licence(licence), attribution, published=True)
    return found


def _place_maker(dataset: Dataset, sources: Sequence[str], *, with_lines: bool = True) -> Maker:
    return Maker(dataset, partial(_make_places, tuple(sources), with_lines))


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

STOP_TYPES = {"sequence": "integer", "lat": "number", "lon": "number", "metres": "integer"}
HOUR_TYPES = {"weekday": "integer", "first": "time", "last": "time", "guaranteed": "boolean", "wait_minutes": "integer"}


def _make_lines(making: Making) -> Draft | None:
    lines = sorted(list_lines(making.connection), key=lambda line: line.id)
    if not lines:
        return None
    stops = [row for line in lines for row in _list_stops(line)]
    hours = [row for line in lines for row in _list_hours(line)]
    netex = making.folder / "netex.zip"
    netex_carpool.write_lines(lines, netex, _find_written(making, lines), publisher=making.publisher.name)
    points = [stop.point for line in lines for stop in line.stops]
    said = Said(
        OWN,
        extent=_bound(points),
        dots=_thin(points),
        counts={"lines": len(lines), "meeting_points": len(stops)},
        features={"guaranteed_departures": any(line.guarantee for line in lines)},
        samples={"stops": _sample(stops), "hours": _sample(hours)},
    )
    texts = {
        "lines.geojson": _collect([_draw_line(line) for line in lines]),
        "meeting-points.geojson": _collect([feature for line in lines for feature in _draw_stops(line)]),
        "stops.csv": _table(stops),
        "stops.schema.json": _describe(stops, STOP_TYPES),
        "hours.csv": _table(hours),
        "hours.schema.json": _describe(hours, HOUR_TYPES),
    }
    return Draft(said, (*(_keep(making, name, content) for name, content in texts.items()), _keep_zip(making)))


def _find_written(making: Making, lines: Sequence[Line]) -> datetime:
    """Find when the last word about these lines was written."""
    return max(_written(making, line) for line in lines)


def _written(making: Making, line: Line) -> datetime:
    newest = next(iter(list_revisions(making.connection, line.id)), None)
    return SHIPPED if newest is None else newest.written_at


def _list_stops(line: Line) -> list[Row]:
    return [
        {
            "line_id": line.id,
            "line_name": line.name,
            "sequence": str(number),
            "stop_id": netex_carpool.name_stop(line, stop),
            "stop_name": stop.name,
            "lat": f"{stop.point.lat:.6f}",
            "lon": f"{stop.point.lon:.6f}",
            "metres": str(stop.metres),
        }
        for number, stop in enumerate(line.stops, 1)
    ]


def _list_hours(line: Line) -> list[Row]:
    """List, by day of the week, when a line runs and when a departure is guaranteed."""
    spans = [(one, False) for one in line.hours]
    if line.guarantee is not None:
        spans += [(one, True) for one in line.guarantee.hours]
    wait = "" if line.guarantee is None else str(line.guarantee.wait // 60)
    return [
        {
            "line_id": line.id,
            "weekday": str(day + 1),
            "first": _clock(one.first),
            "last": _clock(one.last),
            "guaranteed": "true" if guaranteed else "false",
            "directions": _directions(line) if guaranteed else "0 1",
            "wait_minutes": wait if guaranteed else "",
        }
        for one, guaranteed in spans
        for day in sorted(one.weekdays)
    ]


def _directions(line: Line) -> str:
    assert line.guarantee is not None
    return " ".join(str(one) for one in sorted(line.guarantee.directions))


LAST_MINUTE = 24 * 3600 - 1


def _clock(seconds: int) -> str:
    """Write an hour; the end of the day is its last second, since tables know no hour 24."""
    kept = min(seconds, LAST_MINUTE)
    return f"{kept // 3600:02}:{kept // 60 % 60:02}:{kept % 60:02}"


def _draw_line(line: Line) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": line.id,
        "geometry": {"type": "LineString", "coordinates": [_round(stop.point) for stop in line.stops]},
        "properties": {
            "id": line.id,
            "name": line.name,
            "metres": line.stops[-1].metres,
            "stops": [netex_carpool.name_stop(line, stop) for stop in line.stops],
            "hours": [_say_hours(one) for one in line.hours],
            "guaranteed_wait_minutes": None if line.guarantee is None else line.guarantee.wait // 60,
            "demonstration": line.demonstration,
        },
    }


def _say_hours(one: Hours) -> dict[str, Any]:
    return {"weekdays": sorted(day + 1 for day in one.weekdays), "first": _clock(one.first), "last": _clock(one.last)}


def _draw_stops(line: Line) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "id": row["stop_id"],
            "geometry": {"type": "Point", "coordinates": _round(stop.point)},
            "properties": {"id": row["stop_id"], "name": stop.name, "line_id": line.id, "line_name": line.name},
        }
        for row, stop in zip(_list_stops(line), line.stops, strict=True)
    ]


# ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────────

PLACES = Dataset(
    "carpool-places",
    {"fr": "Lieux de covoiturage", "en": "Carpool places"},
    {
        "fr": "Points de rencontre des lignes de covoiturage, aires et parkings relais dont la licence permet la"
        " réunion en un seul fichier, au schéma national 0.3.1.",
        "en": "Meeting points of carpool lines, carpool areas and park-and-ride sites whose licence allows one file"
        " together, by the national schema 0.3.1.",
    },
    "places",
)
PLACES_ALIKE = Dataset(
    "carpool-places-odbl",
    {"fr": "Lieux de covoiturage, avec les sources ODbL", "en": "Carpool places with ODbL sources"},
    {
        "fr": "Les mêmes lieux et ceux des sources sous licence ODbL, réunis sous cette licence.",
        "en": "The same places and those of sources under the ODbL, together under that licence.",
    },
    "places",
)


def _describe_places(source: str) -> Dataset:
    return Dataset(
        f"carpool-places-{source}",
        {"fr": f"Lieux de covoiturage ({source})", "en": f"Carpool places ({source})"},
        {
            "fr": f"Les lieux du registre « {source} », dont la licence n'est pas indiquée.",
            "en": f"The places of the register “{source}”, which states no licence.",
        },
        "places",
    )


@dataclass(frozen=True)
class _Place:
    """A row to write: a place of a register, or a stop of our lines."""

    id: str
    name: str
    type: str
    point: Point
    updated_on: date
    commune: str = ""
    insee: str = ""
    capacity: int | None = None
    disabled: int | None = None
    open: bool = True
    comment: str = ""


def _make_places(sources: Sequence[str], with_lines: bool, making: Making) -> Draft | None:  # noqa: FBT001 - partial
    """Make one file of the places of registers, and of the stops of our lines."""
    loads = list_loads(making.connection)
    chosen = merge(one for one in list_places(making.connection) if one.source in sources)
    found = [_of_register(one, loads[one.source].date()) for one in chosen]
    if with_lines:
        found += _of_lines(making)
    settled, left = _settle(making.connection, found)
    if not settled:
        return None
    settled.sort(key=lambda one: one.id)
    licences = _find_licences(making.connection)
    own = [licences[source] for source in sources]
    netex = making.folder / "netex.zip"
    made_at = max([loads[source] for source in sources], default=SHIPPED)
    netex_carpool.write_places(sorted(chosen, key=lambda one: (one.source, one.id)), netex, made_at)
    rows = [_write_row(one) for one in settled]
    points = [one.point for one in settled]
    said = Said(
        join_licences([one.licence for one in own]).id,
        attributions=tuple(one.attribution for one in own if one.attribution),
        extent=_bound(points),
        dots=_thin(points),
        counts={kind: sum(row["type"] == kind for row in rows) for kind in sorted({row["type"] for row in rows})},
        features={"capacities": any(row["nbre_pl"] for row in rows)},
        samples={"carpool-places": _sample(rows)},
    )
    drawn = [
        {
            "type": "Feature",
            "id": row["id_local"],
            "geometry": {"type": "Point", "coordinates": _round(one.point)},
            "properties": {name: value for name, value in row.items() if value and name not in {"Xlong", "Ylat"}},
        }
        for row, one in zip(rows, settled, strict=True)
    ]
    texts = {
        "carpool-places.csv": _table(rows),
        "carpool-places.schema.json": read_schema(),
        "carpool-places.geojson": _collect(drawn),
    }
    made = [_keep(making, name, content) for name, content in texts.items()]
    if chosen:
        made.append(_keep_zip(making))
    return Draft(said, tuple(made), left)


def read_schema() -> str:
    """Return the national table schema of carpool places."""
    return files("mobigo.opendata").joinpath("carpool-places.schema.json").read_text("utf-8")


def _of_register(one: ParkingPlace, loaded: date) -> _Place:
    return _Place(
        id=one.id if one.source != OSM else f"osm/{one.id}",
        name=one.name,
        type=TYPES[one.kind],
        point=one.point,
        updated_on=one.updated_on or loaded,
        commune=one.commune,
        insee=one.insee,
        capacity=one.capacity,
        disabled=one.disabled,
        open=one.open,
    )


def _of_lines(making: Making) -> list[_Place]:
    """List the stops of our lines, each point once, with the lines that stop there."""
    here: dict[Point, list[tuple[Line, str, str]]] = {}
    lines = sorted(list_lines(making.connection), key=lambda line: line.id)
    for line in lines:
        for stop in line.stops:
            here.setdefault(stop.point, []).append((line, netex_carpool.name_stop(line, stop), stop.name))
    return [
        _Place(
            id=all_here[0][1],
            name=all_here[0][2],
            type=LINE_STOP,
            point=point,
            updated_on=max(_written(making, line) for line, _, _ in all_here).date(),
            comment=_comment([line for line, _, _ in all_here]),
        )
        for point, all_here in here.items()
    ]


def _comment(lines: Sequence[Line]) -> str:
    words = "Ligne" if len(lines) == 1 else "Lignes"
    example = " ; exemple, placé au centre de la commune" if any(line.demonstration for line in lines) else ""
    return f"{words} {', '.join(line.name for line in lines)}{example}"


def _settle(connection: Connection[Any], found: Sequence[_Place]) -> tuple[list[_Place], tuple[Problem, ...]]:
    """Give every place its commune, which the schema wants; without one it is left out, and said."""
    communes = find_communes(connection, {one.point for one in found if not (one.insee and one.name)})
    settled, left = [], []
    for one in found:
        commune = communes.get(one.point)
        insee = one.insee or (commune.insee if commune else "")
        if not insee:
            left.append(one)
            continue
        town = one.commune or (commune.name if commune else "")
        settled.append(
            _Place(**{**one.__dict__, "insee": insee, "commune": town, "name": one.name or town or one.type})
        )
    if not left:
        return settled, ()
    sample = ", ".join(one.name or one.id for one in left[:3])
    return settled, (Problem("mobigo", "no_commune", Severity.INFO, len(left), sample),)


def _write_row(one: _Place) -> Row:
    """Write a place by the national schema, in its order."""
    return {
        "id_local": one.id,
        "nom_lieu": one.name,
        "ad_lieu": "",
        "com_lieu": one.commune,
        "insee": one.insee,
        "type": one.type,
        "date_maj": one.updated_on.isoformat(),
        "ouvert": "true" if one.open else "false",
        "source": "",
        "Xlong": f"{one.point.lon:.6f}",
        "Ylat": f"{one.point.lat:.6f}",
        "nbre_pl": "" if one.capacity is None else str(one.capacity),
        "nbre_pmr": "" if one.disabled is None else str(one.disabled),
        "duree": "",
        "horaires": "",
        "proprio": "",
        "lumiere": "",
        "comm": one.comment,
    }


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

KINDS = {
    ".csv": (CSV, "CSV", TABLE_SCHEMA),
    ".schema.json": (JSON, "JSON", TABLE_SCHEMA),
    ".geojson": (GEOJSON, "GeoJSON", GEO),
}
"""Media type, format and standard of a file, by how its name ends."""
STANDARDS = {"carpool-places.csv": PLACES_SCHEMA}


def _keep(making: Making, name: str, content: str) -> Made:
    path = making.folder / name
    path.write_text(content, encoding="utf-8", newline="")
    media_type, form, standard = next(kind for end, kind in KINDS.items() if name.endswith(end))
    key = sha256(content.encode()).hexdigest()
    return Made(path, name, media_type, form, key, STANDARDS.get(name, standard))


def _keep_zip(making: Making) -> Made:
    path = making.folder / "netex.zip"
    return Made(path, path.name, "application/zip", "NeTEx", hash_members(path), NETEX)


def _table(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else [], lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _describe(rows: Sequence[Row], said: dict[str, str]) -> str:
    fields = [{"name": name, "type": said.get(name, "string")} for name in (rows[0] if rows else {})]
    return json.dumps({"fields": fields, "missingValues": [""]}, ensure_ascii=False, indent=1)


def _sample(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    return (tuple(rows[0]), *(tuple(row.values()) for row in rows[:3])) if rows else ()


def _collect(features: list[dict[str, Any]]) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, separators=(",", ":"))


def _round(point: Point) -> list[float]:
    return [round(point.lon, 6), round(point.lat, 6)]


def _bound(points: Sequence[Point]) -> tuple[float, float, float, float]:
    lons, lats = [point.lon for point in points], [point.lat for point in points]
    return min(lons), min(lats), max(lons), max(lats)


DOTS = 1_500
"""Places on a small map, at most."""


def _thin(points: Sequence[Point]) -> tuple[tuple[float, float], ...]:
    dots = sorted({(round(point.lon, 2), round(point.lat, 2)) for point in points})
    return tuple(dots[:: -(-len(dots) // DOTS) or 1])
