"""Places as Navitia writes them: stop areas, addresses, points of interest, administrative regions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mobigo.facades.navitia.errors import unknown_object
from mobigo.facades.navitia.ids import read_id, write_id
from mobigo.facades.navitia.selection import read_coord
from mobigo.facades.navitia.view import write_coord, write_degrees
from mobigo.kit.geo import Point
from mobigo.places import service, store
from mobigo.places.model import Kind, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from mobigo.facades.navitia.view import View

Json = dict[str, Any]

PREFIXES = {"admin": "commune/", "poi": "poi/"}
"""What our ids of places begin with, by Navitia's kinds."""
COMMUNE_LEVEL = 8
"""admin_level of communes in France."""
BEST_SCORE = 5.0
"""Of a name that is the question, of a great place, nearby."""
POI_TYPE = {"id": "poi_type:mobigo:place", "name": "Lieu"}
"""The extract's points are not parted by kind here."""


def find_place(session: Session, name: str) -> Place:
    """Find a place that is no stop, by its id.

    Raises
    ------
    NavitiaError
        ``unknown_object``.
    """
    kind, own = read_id(name)
    found = store.find_by_id(session, PREFIXES[kind] + own) if kind in PREFIXES else None
    if found is None:
        raise unknown_object(f"no place has the id {name!r}; /places finds places by name")
    return found


def write_point(point: Point) -> str:
    """Write a place as the id of an address."""
    return f"{write_degrees(point.lon)};{write_degrees(point.lat)}"


def tell_address(session: Session, view: View, point: Point) -> Json:
    """Tell a point as a place: with the address there, if one is near."""
    found = service.find_address_at(session, point)
    return tell_point(view, point, *((found[0].name, found[0].label) if found else (None, None)))


def tell_point(view: View, point: Point, name: str | None = None, label: str | None = None) -> Json:
    """Tell a point as a place, by the name it has."""
    told = name or write_point(point)
    number = told.partition(" ")[0]
    digits = "".join(sign for sign in number if sign.isdecimal())
    address = {
        "id": write_point(point),
        "name": told,
        "label": label or told,
        "coord": write_coord(point.lon, point.lat),
        "house_number": int(digits) if name and number[:1].isdecimal() and digits else 0,
        "administrative_regions": [],
    }
    return view.place("address", address)


def tell_places(view: View, place: Place) -> Iterator[Json]:
    """Tell a place that was found; a stop of several stop areas is each of them."""
    quality = max(0, min(100, round(100 * place.score / BEST_SCORE)))
    if place.kind is Kind.STOP:
        index = view.network.stop_index
        stops = [index[stop] for stop in (place.id, *place.stop_ids) if stop in index]
        for area in dict.fromkeys(int(view.catalogue.area[stop]) for stop in stops):
            told = view.stop_area(area) | {"label": place.label}
            yield view.place("stop_area", told, quality)
    elif place.kind is Kind.ADDRESS:
        yield tell_point(view, Point(place.lon, place.lat), place.name, place.label) | {"quality": quality}
    else:
        yield view.place(*_embed(place), quality)


def _embed(place: Place) -> tuple[str, Json]:
    """Tell a commune or a point of interest."""
    commune = place.kind is Kind.COMMUNE
    kind = "admin" if commune else "poi"
    told: Json = {
        "id": write_id(kind, place.id.removeprefix(PREFIXES[kind])),
        "name": place.name,
        "label": place.label,
        "coord": write_coord(place.lon, place.lat),
    }
    if commune:
        return "administrative_region", told | {"level": COMMUNE_LEVEL, "zip_code": "", "insee": ""}
    return "poi", told | {"poi_type": POI_TYPE, "properties": {}, "administrative_regions": [], "address": None}


def tell_object(session: Session, view: View, name: str) -> Json:
    """Tell the place of an id: coordinates, a stop area, a stop point, an administrative region, a point of interest.

    Raises
    ------
    NavitiaError
        ``unknown_object``.
    """
    point = read_coord(name)
    if point is not None:
        return tell_address(session, view, point)
    kind, own = read_id(name)
    stop = view.network.stop_index.get(own)
    if kind == "stop_area" and stop is not None and view.catalogue.area[stop] == stop:
        return view.place("stop_area", view.stop_area(stop))
    if kind == "stop_point" and stop is not None and view.catalogue.is_point[stop]:
        return view.place("stop_point", view.stop_point(stop))
    return next(tell_places(view, find_place(session, name)))
