"""LocationInformation: places by name, by position, within a shape, and by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobigo.facades.ojp.view import REFS
from mobigo.facades.ojp.wire import error, position, said
from mobigo.kit.errors import InvalidInput
from mobigo.opendata.siri_xml import frame, trim, unframe
from mobigo.places import service, store
from mobigo.places.model import NAMED_KINDS, Kind

if TYPE_CHECKING:
    from mobigo.facades.ojp.view import View
    from mobigo.facades.ojp.wire import Node
    from mobigo.kit.geo import Point
    from mobigo.opendata.siri_xml import Tree
    from mobigo.places.model import Place

KINDS = {
    "stop": (Kind.STOP,),
    "address": (Kind.ADDRESS,),
    "poi": (Kind.POI,),
    "topographicPlace": (Kind.COMMUNE,),
    "location": (Kind.STOP, Kind.ADDRESS, Kind.POI),
    "coord": (),
}
"""What each type of place is here."""
MOST, USUAL = 100, 10
"""Places of one answer."""
AROUND = 2_000.0
"""Metres around a position in which stops are looked for."""
MOST_METRES = 100_000.0
STREET = 2
"""Slashes in the id of a street: ``street/COMMUNE/NAME``; one more before a house number."""


def answer(view: View, asked: Node) -> Tree:
    """Answer a request for places."""
    limits = asked.child("Restrictions")
    types = limits.texts("Type") if limits else []
    unknown = [one for one in types if one not in KINDS]
    if unknown:
        return _miss("LOCATION_UNSUPPORTEDTYPE", f"Type {unknown[0]!r} is none of {', '.join(KINDS)}")
    kinds = [kind for one in types for kind in KINDS[one]] or ([] if "coord" in types else list(NAMED_KINDS))
    count = limits.number("NumberOfResults", USUAL, MOST) if limits else USUAL
    skipped = limits.number("ContinueAt", 0, MOST * 10) if limits else 0
    found = _find(view, asked, kinds, skipped + count + 1)
    page = found[skipped : skipped + count]
    if not page:
        return _miss("LOCATION_NORESULTS", "nothing here is called so, or lies there")
    with_modes = limits is None or limits.flag("IncludePtModes", default=True)
    return trim(
        {
            "ContinueAt": skipped + count if len(found) > skipped + count else None,
            "PlaceResult": [_result(view, place, with_modes=with_modes, first=found[0].score) for place in page],
        }
    )


def _miss(code: str, sentence: str) -> Tree:
    return {"ErrorCondition": error("LocationProblemType", code, sentence)}


def _find(view: View, asked: Node, kinds: list[Kind], limit: int) -> list[Place]:
    """Find places, best first.

    Raises
    ------
    InvalidInput
        When nothing was asked for.
    """
    ref, initial = asked.child("PlaceRef"), asked.child("InitialInput")
    if ref is not None:
        where = ref.child("GeoPosition")
        if where is not None:
            return _find_around(view, where.point(), AROUND, kinds, limit)
        named = next((said_ for said_ in (ref.text(one) for one in REFS) if said_ is not None), None)
        found = store.find_by_id(view.session, unframe(named or "").replace("\0", ""))
        return [found] if found is not None else []
    if initial is None:
        raise InvalidInput("a request for places has an InitialInput or a PlaceRef")
    name, where = initial.text("Name"), initial.child("GeoPosition")
    near = where.point() if where is not None else None
    if name is not None:
        clean = "".join(sign for sign in name if sign.isprintable())[:200]
        return service.find(view.session, clean, near=near, limit=limit, kinds=kinds)
    if near is not None:
        return _find_around(view, near, AROUND, kinds, limit)
    shape = initial.child("GeoRestriction")
    if shape is None:
        raise InvalidInput("InitialInput has a Name, a GeoPosition or a GeoRestriction")
    return _find_within(view, shape, kinds, limit)


def _find_around(view: View, point: Point, radius: float, kinds: list[Kind], limit: int) -> list[Place]:
    """Find the stops around a point and the address that it is at, nearest first."""
    found: list[tuple[float, Place]] = []
    if Kind.STOP in kinds:
        page = service.list_stops(view.session, text=None, near=point, radius=radius, box=None, after=None, limit=limit)
        found += [(metres or 0.0, place) for place, _, metres in page.stops]
    address = service.find_address_at(view.session, point) if Kind.ADDRESS in kinds else None
    if address is not None and address[1] <= radius:
        found.append((address[1], address[0]))
    return [place for _, place in sorted(found, key=lambda one: one[0])][:limit]


def _find_within(view: View, shape: Node, kinds: list[Kind], limit: int) -> list[Place]:
    """Find the stops within a circle, or within the rectangle around a shape.

    Raises
    ------
    InvalidInput
        When it is none.
    """
    circle = shape.child("Circle")
    if circle is not None:
        centre = circle.child("Center")
        radius = circle.number("Radius", int(AROUND), int(MOST_METRES))
        if centre is None:
            raise InvalidInput("a Circle has a Center and a Radius in metres")
        return _find_around(view, centre.point(), max(1.0, float(radius)), kinds, limit)
    corners = [
        one.point()
        for path in ("Rectangle/UpperLeft", "Rectangle/LowerRight", "Area/PolylinePoint")
        for one in shape.all(path)
    ]
    if len(corners) < 2:  # noqa: PLR2004 - two corners
        raise InvalidInput("a GeoRestriction is a Circle, a Rectangle of two corners, or an Area")
    if Kind.STOP not in kinds:
        return []
    west, east = min(one.lon for one in corners), max(one.lon for one in corners)
    south, north = min(one.lat for one in corners), max(one.lat for one in corners)
    box = store.Box(west, south, east, north)
    page = service.list_stops(view.session, text=None, near=None, radius=None, box=box, after=None, limit=limit)
    return [place for place, _, _ in page.stops]


def _result(view: View, place: Place, *, with_modes: bool, first: float) -> Tree:
    """Write a place that was found; how well it fits is told beside the first."""
    probability = min(1.0, max(0.0, place.score / first)) if first > 0 else 1.0
    stops = place.stop_ids or (place.id,)
    written: Tree = {
        _CLASS[place.kind]: _inside(place),
        "Name": said(place.label or place.name),
        "GeoPosition": position(place.lon, place.lat),
    }
    if place.kind is Kind.STOP and with_modes:
        written |= trim({"Mode": view.modes_at(stops)})
    complete = place.kind is not Kind.ADDRESS or place.id.count("/") > STREET  # a street without a number is not
    return {"Place": written, "Complete": complete, "Probability": f"{probability:.3f}"}


_CLASS = {
    Kind.STOP: "StopPlace",
    Kind.COMMUNE: "TopographicPlace",
    Kind.ADDRESS: "Address",
    Kind.POI: "PointOfInterest",
}


def _inside(place: Place) -> Tree:
    """Write what a place of its kind is."""
    if place.kind is Kind.STOP:
        return {"StopPlaceRef": frame("StopPlace", place.id), "StopPlaceName": said(place.name)}
    if place.kind is Kind.COMMUNE:
        return {"TopographicPlaceCode": place.id, "TopographicPlaceName": said(place.name)}
    return {"PublicCode": place.id, "Name": said(place.name)}
