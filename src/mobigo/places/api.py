"""HTTP: places by name; stations and stops by name, place or rectangle."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from mobigo.db.session import Database
from mobigo.kit.errors import InvalidInput
from mobigo.kit.parameters import BOX_PATTERN, POINT_PATTERN, Cursor, link_next, read_point
from mobigo.kit.problems import problems
from mobigo.places import service
from mobigo.places.model import NAMED_KINDS, Kind, Place
from mobigo.places.store import Box

router = APIRouter(prefix="/v1", tags=["places"])

CURSOR_PATTERN = r"^-?[0-9]{1,9}\.[0-9]{6}~"
"""Sort key and id of the last stop of a page."""

StopIds = Annotated[
    list[str],
    Field(
        description="`source:gtfs_id` of the stops (platforms) of this place, or serving this commune; main one first",
        examples=[["ter:StopPoint:OCETrain TER-87713412"]],
    ),
]
Near = Annotated[
    str | None,
    Query(
        max_length=60,
        description="`LAT,LON` in degrees (WGS84) of the person who asks",
        json_schema_extra={"pattern": POINT_PATTERN},
        openapi_examples={"Semur": {"value": "47.4906,4.3347"}},
    ),
]


class PlaceAnswer(BaseModel):
    """A place that has a name."""

    id: str = Field(
        description="Of a stop its `source:gtfs_id`, which `/v1/journeys` takes; give it `lat,lon` of the others",
        examples=["commune/n26692777"],
    )
    kind: Literal["stop", "commune", "address", "poi"]
    name: str = Field(examples=["Semur-en-Auxois"])
    label: str = Field(description="The name with what tells it apart", examples=["Rue de la Liberté, Semur-en-Auxois"])
    lat: float = Field(description="Degrees, WGS84", examples=[47.4906])
    lon: float = Field(description="Degrees, WGS84", examples=[4.3347])
    stop_ids: StopIds
    score: float = Field(description="How well it fits; only comparable within one answer", examples=[4.1])
    page: str | None = Field(
        default=None,
        description="Of a commune: the address of the page that says what exists there; null of other places",
        examples=["/communes/n26692777"],
    )


class PlacesAnswer(BaseModel):
    """Places, best first."""

    places: list[PlaceAnswer]


class StopAnswer(BaseModel):
    """A station with its platforms, or a stop with its posts on both sides of the street."""

    id: str = Field(description="`source:gtfs_id`", examples=["ter:StopArea:OCE87713412"])
    name: str = Field(examples=["Montbard"])
    label: str = Field(description="The name with its commune, where it does not say so itself")
    commune: str | None = Field(description="Commune it lies in; null where none is known")
    lat: float = Field(description="Degrees, WGS84", examples=[47.6228])
    lon: float = Field(description="Degrees, WGS84", examples=[4.3375])
    stop_ids: StopIds
    metres: float | None = Field(description="From `near`, as the crow flies; null without it", examples=[412.5])


class StopsAnswer(BaseModel):
    """A page of stations and stops."""

    stops: list[StopAnswer]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last. Also as `Link` header")


@router.get("/places", responses=problems(400, 422))
def find_places(
    *,
    session: Database,
    q: Annotated[
        str,
        Query(
            min_length=1,
            max_length=200,
            description="What a person types: stop, commune, street with or without house number, point of interest;"
            " any accents, hyphens and small errors",
            openapi_examples={
                "town": {"value": "semur"},
                "address": {"value": "12 rue de la Liberté, Semur"},
            },
        ),
    ],
    near: Near = None,
    kind: Annotated[
        list[Literal["stop", "commune", "address", "poi"]] | None,
        Query(description="Only places of these kinds (repeat the parameter); default all"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="Places, at most")] = 10,
) -> PlacesAnswer:
    """Find places by name, as for a field that completes while one types.

    Names that begin as asked come first, towns and main stations before small stops, near places before far ones.
    """
    kinds = [Kind(one) for one in kind] if kind else NAMED_KINDS
    found = service.find(session, q, near=read_point(near) if near is not None else None, limit=limit, kinds=kinds)
    return PlacesAnswer(places=[_describe(place) for place in found])


def _describe(place: Place) -> PlaceAnswer:
    """Return a place as the API tells it; the page of a commune finds it by its number, too."""
    told = PlaceAnswer.model_validate(place, from_attributes=True)
    if place.kind is Kind.COMMUNE:
        told.page = f"/communes/{place.id.partition('/')[2]}"
    return told


@router.get("/stops", responses=problems(400, 422))
def list_stops(
    *,
    request: Request,
    response: Response,
    session: Database,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="A name or the beginning of one, with or without accents and hyphens; `St` is `Saint`; several"
            " words in any order; the commune may follow",
            openapi_examples={"stop": {"value": "semur gare"}, "town": {"value": "semur en auxois"}},
        ),
    ] = None,
    near: Near = None,
    radius: Annotated[
        float | None,
        Query(
            gt=0,
            le=100_000,
            description="Metres around `near`; without it, no bound",
            openapi_examples={"on foot": {"value": 800}},
        ),
    ] = None,
    bbox: Annotated[
        str | None,
        Query(
            max_length=120,
            description="`WEST,SOUTH,EAST,NORTH` in degrees (WGS84), as in GeoJSON; across the 180th meridian the west"
            " is greater than the east",
            json_schema_extra={"pattern": BOX_PATTERN},
            openapi_examples={"Auxois": {"value": "4.2,47.4,4.5,47.7"}},
        ),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Stops per page")] = 50,
    cursor: Annotated[Cursor, Query(pattern=CURSOR_PATTERN)] = None,
) -> StopsAnswer:
    """List stations and stops: with `q` best fit first, with `near` nearest first, else in a fixed order.

    Platforms of a station are one entry. All filters may be combined.
    """
    page = service.list_stops(
        session,
        text=q,
        near=read_point(near) if near is not None else None,
        radius=radius,
        box=_read_box(bbox) if bbox is not None else None,
        after=_read_after(cursor) if cursor is not None else None,
        limit=limit,
    )
    stops = [
        StopAnswer(
            id=place.id,
            name=place.name,
            label=place.label,
            commune=commune or None,
            lat=place.lat,
            lon=place.lon,
            stop_ids=list(place.stop_ids),
            metres=None if metres is None else round(metres, 1),
        )
        for place, commune, metres in page.stops
    ]
    next_cursor = "~".join(page.last) if page.last else None
    link_next(request, response, next_cursor)
    return StopsAnswer(stops=stops, next_cursor=next_cursor)


def _read_box(text: str) -> Box:
    if not re.fullmatch(BOX_PATTERN, text):
        raise InvalidInput(
            f"bbox {text!r} is not WEST,SOUTH,EAST,NORTH within longitude ±180, latitude ±90;"
            " write it like 4.2,47.4,4.5,47.7"
        )
    west, south, east, north = (float(side) for side in text.split(","))
    return Box(west, min(south, north), east, max(south, north))


def _read_after(cursor: str) -> tuple[Decimal, str]:
    key, _, id_ = cursor.partition("~")
    return Decimal(key), id_.replace("\0", "")
