"""HTTP: places by name and around a point, as MOTIS answers them."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from mobigo.db.session import Database
from mobigo.facades.motis.answers import ERRORS, MatchAnswer, answer
from mobigo.facades.motis.ids import read_point, write_id
from mobigo.facades.motis.modes import expand
from mobigo.facades.motis.parameters import Asked, Modes, Spoken, Text, Words
from mobigo.facades.motis.stops import StopModes, list_modes
from mobigo.kit.geo import Point, haversine
from mobigo.kit.names import fold
from mobigo.places import service, store
from mobigo.places.model import Kind, Place

router = APIRouter(tags=["geocode"])

KINDS = {"STOP": (Kind.STOP,), "PLACE": (Kind.COMMUNE, Kind.POI), "ADDRESS": (Kind.ADDRESS,)}
TYPES = {kind: name for name, kinds in KINDS.items() for kind in kinds}
COMMUNE_LEVEL = 8
"""admin_level of communes in France."""
WORD = re.compile(r"\w+")
MOST_MATCHES = 50
WIDE = 3
"""So many times as many places are looked up where some may be left out."""
AROUND = {Kind.STOP: 1000.0, Kind.POI: 300.0, Kind.COMMUNE: 3000.0}
"""Metres within which places of a kind are near a point."""


class AskedName(Spoken):
    """What may be asked of a name; `placeBias` is taken and without effect: near places always come first."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    type: Words = Field(default_factory=list, description="`STOP`, `PLACE`, `ADDRESS`; default: all")
    mode: Modes = Field(default_factory=list, description="Only stops of these modes")
    place: Text = Field(default=None, description="`latitude,longitude` of who asks")
    num_results: int = Field(default=10, ge=1, le=MOST_MATCHES)
    min: Text = Field(default=None, description="A corner, `latitude,longitude`: only what lies within")
    max: Text = Field(default=None, description="The other corner")


class AskedPoint(Asked):
    """What may be asked of a point."""

    place: Annotated[str, Field(min_length=1, max_length=100, description="`latitude,longitude`")]
    type: Words = Field(default_factory=list, description="`STOP`, `PLACE`, `ADDRESS`; default: all")
    num_results: int = Field(default=5, ge=1, le=MOST_MATCHES)


def geocode(request: Request, session: Database, asked: Annotated[AskedName, Query()]) -> Response:
    """Find places by name, as for a field that completes while one types."""
    near = Point(*read_point(asked.place, "place")) if asked.place else None
    kinds = _kinds(asked.type)
    modes = expand(asked.mode) if asked.mode else None
    filtered = modes is not None or (asked.min is not None and asked.max is not None)
    found = service.find(
        session, asked.text, near=near, limit=asked.num_results * (WIDE if filtered else 1), kinds=kinds
    )
    known = StopModes.of(request)
    if asked.min is not None and asked.max is not None:
        (a, b), (c, d) = read_point(asked.min, "min"), read_point(asked.max, "max")
        found = [one for one in found if min(a, c) <= one.lon <= max(a, c) and min(b, d) <= one.lat <= max(b, d)]
    if modes is not None:
        found = [one for one in found if one.kind is not Kind.STOP or modes & known.at(one.id, *one.stop_ids)]
    return answer([_match(one, asked.text, known) for one in found[: asked.num_results]])


def reverse_geocode(request: Request, session: Database, asked: Annotated[AskedPoint, Query()]) -> Response:
    """Find what is near a point: stops, addresses and other places, the nearest first."""
    lon, lat = read_point(asked.place, "place")
    here = Point(lon, lat)
    kinds = _kinds(asked.type)
    found = [
        place
        for kind in kinds
        if kind in AROUND
        for place, _ in store.list_near(session, here, radius=AROUND[kind], kinds=[kind], limit=asked.num_results)
    ]
    if Kind.ADDRESS in kinds:
        address = service.find_address_at(session, here)
        found += [address[0]] if address else []
    found.sort(key=lambda one: haversine(here, Point(one.lon, one.lat)))
    known = StopModes.of(request)
    return answer([_match(one, "", known) for one in found[: asked.num_results]])


def _kinds(types: list[str]) -> list[Kind]:
    chosen = [kind for name in types for kind in KINDS.get(name.upper(), ())]
    return chosen or [kind for kinds in KINDS.values() for kind in kinds]


def _match(place: Place, text: str, known: StopModes) -> dict[str, Any]:
    """Write a place."""
    kind = TYPES[place.kind]
    commune = place.label[len(place.name) + 2 :] if place.label.startswith(f"{place.name}, ") else ""
    area = place.name if place.kind is Kind.COMMUNE else commune
    found: dict[str, Any] = {
        "type": kind,
        "name": place.name,
        "id": write_id(place.id) if place.kind is Kind.STOP else place.id,
        "lat": place.lat,
        "lon": place.lon,
        "tokens": list_tokens(place.name, text),
        "areas": [
            {"name": area, "adminLevel": COMMUNE_LEVEL, "matched": bool(list_tokens(area, text)), "default": True}
        ]
        if area
        else [],
        "score": place.score,
    }
    if place.kind is Kind.STOP:
        found["modes"] = list_modes(known.at(place.id, *place.stop_ids))
        found["tz"] = known.zone
    if place.kind is Kind.ADDRESS:
        number = re.match(r"(\d+(?: (?:bis|ter|quater|[a-z]))?) (.+)", place.name) if place.id.count("/") > 1 else None
        found["street"] = number[2] if number else place.name
        if number:
            found["houseNumber"] = number[1]
    return found


def list_tokens(name: str, text: str) -> list[tuple[int, int]]:
    """List where the words of a question begin words of a name: from which sign on, and how many."""
    wanted = [fold(word) for word in WORD.findall(text)]
    tokens = []
    for word in WORD.finditer(name):
        folded = fold(word[0])
        lengths = [min(len(one), len(word[0])) for one in wanted if one and folded.startswith(one)]
        if lengths:
            tokens.append((word.start(), max(lengths)))
    return tokens


for _name, _route in (("geocode", geocode), ("reverse-geocode", reverse_geocode)):
    router.add_api_route(
        f"/api/v1/{_name}", _route, methods=["GET"], response_model=list[MatchAnswer], responses=ERRORS
    )
