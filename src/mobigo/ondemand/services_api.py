"""HTTP: on-demand services, as documents, as zones on a map, as GTFS-Flex; written by the staff."""

from datetime import date, datetime
from typing import Annotated, Any, cast

import shapely
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from psycopg import Connection
from pydantic import BaseModel, Field
from shapely.geometry import shape

from mobigo.accounts.api import require
from mobigo.accounts.model import Person, Role
from mobigo.db.session import Database, driver
from mobigo.kit.errors import NotFound
from mobigo.kit.geo import Point, parse_point
from mobigo.kit.parameters import BOX_PATTERN, POINT_PATTERN
from mobigo.kit.problems import problems
from mobigo.kit.requests import Now
from mobigo.ondemand import services, services_store
from mobigo.ondemand.catalogue import Catalogue, Catalogues, read_catalogue, source_of
from mobigo.ondemand.checking import Fault
from mobigo.ondemand.documents import PRINTABLE, ServiceBody, SupplementBody, to_document, zone_properties
from mobigo.ondemand.flex_write import write_flex
from mobigo.ondemand.model import How, PlaceKind, Service, ServiceKind
from mobigo.ondemand.services import Author
from mobigo.ondemand.services_store import SUPPLEMENT, WHOLE, Revision
from mobigo.transit.flex_store import read_accompanying

router = APIRouter(prefix="/v1/ondemand", tags=["on demand"])

Reader = Annotated[Person, Depends(require(Role.DISPATCHER, Role.DESK))]
Writer = Annotated[Person, Depends(require(Role.DISPATCHER, Role.ADMIN))]

Id = Annotated[str, Path(max_length=262, pattern=PRINTABLE, description="`source:route_id`", examples=["mobigo:TAD"])]
Seen = Annotated[
    int | None,
    Query(
        alias="revision",
        ge=0,
        le=2**31 - 1,
        description="The revision you read: when somebody changed it since, yours is refused",
    ),
]


class FaultAnswer(BaseModel):
    """One thing that is wrong."""

    where: str = Field(description="Path into the document")
    what: str
    code: str


class BriefAnswer(BaseModel):
    """A service in a list."""

    id: str
    name: str
    kind: ServiceKind
    how: How = Field(description="Where it is booked: here, on the operator's page, or by telephone")
    operator: str | None
    agency: str
    timezone: str
    phone: str | None
    booking_url: str | None
    info_url: str | None
    color: str | None = Field(description="Six hexadecimal digits")
    fare_cents: int | None
    first_day: date | None
    last_day: date | None
    box: tuple[float, float, float, float] | None = Field(description="West, south, east, north")
    zones: int
    stops: int
    trips: int
    left_out: int = Field(description="Faults for which parts of it do not serve")


class ServicesAnswer(BaseModel):
    """On-demand services."""

    services: list[BriefAnswer]
    revision: str = Field(description="Changes whenever any of them does")


class ServiceAnswer(BaseModel):
    """A service as a whole."""

    id: str
    how: How
    written: str = Field(description="`feed`, `staff` (instead of a feed's, or alone) or `feed_and_staff`")
    revision: int = Field(description="Counts the staff's changes; give it back when you change it")
    faults: list[FaultAnswer] = Field(description="What of it does not serve, and why")
    service: ServiceBody


class RevisionAnswer(BaseModel):
    """What the staff wrote."""

    id: str
    revision: int
    withdrawn: bool
    written_by: str
    written_at: datetime
    document: dict[str, Any] | None = Field(description="Null: withdrawn, or as in its feed")


class HistoryAnswer(BaseModel):
    """Everything the staff wrote of a service."""

    history: list[RevisionAnswer] = Field(description="Newest first")


class CheckAnswer(BaseModel):
    """What would happen to a document."""

    faults: list[FaultAnswer] = Field(description="Empty: it would be stored")


class FeatureAnswer(BaseModel):
    """A zone, a group of stops or a stop of a service."""

    type: str = "Feature"
    id: str
    geometry: dict[str, Any]
    properties: dict[str, Any]


class ZonesAnswer(BaseModel):
    """GeoJSON."""

    type: str = "FeatureCollection"
    features: list[FeatureAnswer]


def read_current(request: Request, connection: Connection[Any]) -> Catalogue:
    """Return the services there are now, for all requests: not to be asked after a change that may yet be undone."""
    return cast("Catalogues", request.app.state.catalogues).current(connection)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.get("/services", responses=problems(400, 422, 503))
def list_services(
    *,
    request: Request,
    session: Database,
    at: Annotated[
        str | None, Query(pattern=POINT_PATTERN, description="Only those one of whose zones it is in")
    ] = None,
    stop: Annotated[
        str | None, Query(max_length=262, description="Only those that name this stop, `source:stop_id`")
    ] = None,
    kind: ServiceKind | None = None,
    source: Annotated[str | None, Query(max_length=60, description="Only those of this feed")] = None,
) -> ServicesAnswer:
    """List on-demand services."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    dispatched = services_store.list_dispatched(connection)
    wanted = set(catalogue.services)
    if at is not None:
        wanted &= set(catalogue.services_at(parse_point(at)))
    if stop is not None:
        wanted &= set(catalogue.services_of_stop(stop))
    found = [
        service
        for service in catalogue.services.values()
        if service.id in wanted and kind in {None, service.kind} and source in {None, source_of(service.id)}
    ]
    return ServicesAnswer(
        services=[brief_service(catalogue, service, dispatched) for service in found], revision=catalogue.revision
    )


@router.get("/zones", responses=problems(400, 404, 422, 503))
def list_zones(
    *,
    request: Request,
    session: Database,
    box: Annotated[str | None, Query(pattern=BOX_PATTERN, description="West, south, east, north in degrees")] = None,
    service: Annotated[str | None, Query(max_length=262, description="Only those of this service")] = None,
    stops: Annotated[bool, Query(description="Also groups of stops and stops")] = False,
) -> ZonesAnswer:
    """Give the areas that services run in, as GeoJSON."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    dispatched = services_store.list_dispatched(connection)
    frame = None if box is None else shapely.box(*(float(part) for part in box.split(",")))
    chosen = [catalogue.get(service)] if service is not None else list(catalogue.services.values())
    features = [
        feature
        for one in chosen
        for feature in _features(one, services.how_to_book(one, dispatched), stops=stops)
        if frame is None or frame.intersects(_outline(catalogue, feature))
    ]
    return ZonesAnswer(features=features)


@router.get(
    "/gtfs-flex.zip",
    response_class=Response,
    responses={
        200: {"content": {"application/zip": {}}, "description": "A ZIP archive"},
        **problems(404, 409, 422, 503),
    },
)
def export_services(
    *,
    request: Request,
    session: Database,
    source: Annotated[
        str, Query(max_length=60, description="The source whose services are wanted", examples=["mobigo"])
    ],
) -> Response:
    """Give the services of a source as GTFS with all Flex files, the staff's changes included."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    found = [one for one in catalogue.services.values() if source_of(one.id) == source]
    if not found:
        raise NotFound(f"there is no on-demand service of source {source!r}; /v1/ondemand/services lists them all")
    content = write_flex(found, read_accompanying(connection, source))
    name = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "-_.") else "_" for sign in source)
    headers = {"Content-Disposition": f'attachment; filename="{name}-gtfs-flex.zip"'}
    return Response(content, media_type="application/zip", headers=headers)


@router.get("/services/{id:path}/history", responses=problems(401, 403, 404, 422, 503))
def list_service_history(
    *,
    session: Database,
    person: Reader,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
) -> HistoryAnswer:
    """Read everything the staff wrote of a service."""
    return HistoryAnswer(history=[_revision(one) for one in services.list_history(driver(session), id)])


@router.get("/services/{id:path}", responses=problems(404, 422, 503))
def get_service(
    *,
    request: Request,
    session: Database,
    id: Id,  # noqa: A002 - the path's own name
) -> ServiceAnswer:
    """Read a service as a whole; what was read can be written again."""
    connection = driver(session)
    return answer_service(connection, read_current(request, connection), id)


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.put("/services/{id:path}", responses=problems(400, 401, 403, 409, 422, 503))
def write_service(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    body: ServiceBody,
    seen: Seen = None,
) -> ServiceAnswer:
    """Write a service as a whole, new or instead of a feed's. A broken document changes nothing."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    services.write(connection, catalogue, id, body, Author(person.user, now, seen))
    return answer_service(connection, read_catalogue(connection, catalogue), id)


@router.patch("/services/{id:path}", responses=problems(401, 403, 404, 409, 422, 503))
def supplement_service(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    body: SupplementBody,
    seen: Seen = None,
) -> ServiceAnswer:
    """Say who dispatches a service, its kind or its promise; its timetable goes on coming from its feed."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    services.add(connection, catalogue, id, body, Author(person.user, now, seen))
    return answer_service(connection, read_catalogue(connection, catalogue), id)


@router.post("/services/{id:path}/check", responses=problems(400, 401, 403, 422, 503))
def check_service(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Reader,  # noqa: ARG001 - only guards
    id: Id,  # noqa: A002 - the path's own name
    body: ServiceBody,
) -> CheckAnswer:
    """Say what is wrong with a document, without storing it."""
    connection = driver(session)
    faults = services.find_faults(connection, read_current(request, connection), id, body, now)
    return CheckAnswer(faults=_faults(tuple(faults)))


@router.post("/services/{id:path}/undo", responses=problems(401, 403, 404, 409, 422, 503))
def undo_service(
    *,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
    to: Annotated[
        int | None, Query(ge=0, le=2**31 - 1, description="Go back to this revision; 0: as in its feed, if any")
    ] = None,
) -> RevisionAnswer:
    """Take the last change back, or go back to an earlier revision: what was then is written again."""
    return _revision(services.undo(driver(session), id, Author(person.user, now, seen), to))


@router.delete("/services/{id:path}", responses=problems(401, 403, 404, 409, 422, 503))
def withdraw_service(
    *,
    request: Request,
    session: Database,
    now: Now,
    person: Writer,
    id: Id,  # noqa: A002 - the path's own name
    seen: Seen = None,
    with_rides: Annotated[bool, Query(description="Although rides are booked; they stay booked")] = False,
) -> RevisionAnswer:
    """Take a service out of use, also a feed's. It can be undone."""
    connection = driver(session)
    catalogue = read_current(request, connection)
    author = Author(person.user, now, seen)
    return _revision(services.withdraw(connection, catalogue, id, author, with_rides=with_rides))


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def name_service(service: Service) -> str:
    """Return what a service is called."""
    route = service.route
    names = [route.get("route_short_name", ""), route.get("route_long_name", "")]
    return " ".join(dict.fromkeys(name for name in names if name)) or service.id


def brief_service(catalogue: Catalogue, service: Service, dispatched: frozenset[str]) -> BriefAnswer:
    """Sum a service up, as lists show it."""

    def first(name: str) -> str | None:
        told = [getattr(rule, name) for rule in service.rules.values()]
        return next((value for value in told if value), None)

    calendars = [service.calendars[key] for key in {trip.calendar for trip in service.trips}]
    days = [day for one in calendars for day in (one.first, one.last, *one.added) if day is not None]
    points = [stop.point for stop in service.stops.values() if stop.point is not None]
    bounds = [catalogue.outlines[service.id, zone].bounds for zone in service.zones]
    bounds += [(point.lon, point.lat, point.lon, point.lat) for point in points]
    return BriefAnswer(
        id=service.id,
        name=name_service(service),
        kind=service.kind,
        how=services.how_to_book(service, dispatched),
        operator=service.operator,
        agency=service.agency.get("agency_name", ""),
        timezone=service.timezone,
        phone=first("phone_number") or service.agency.get("agency_phone"),
        booking_url=first("booking_url"),
        info_url=first("info_url") or service.route.get("route_url"),
        color=service.route.get("route_color"),
        fare_cents=service.promise.fare_cents,
        first_day=min(days, default=None),
        last_day=max(days, default=None),
        box=(
            min(one[0] for one in bounds),
            min(one[1] for one in bounds),
            max(one[2] for one in bounds),
            max(one[3] for one in bounds),
        )
        if bounds
        else None,
        zones=len(service.zones),
        stops=len(service.stops),
        trips=len(service.trips),
        left_out=len(catalogue.faults.get(service.id, ())),
    )


def _features(service: Service, how: How, *, stops: bool) -> list[FeatureAnswer]:
    told = {
        "service_id": service.id,
        "service_name": name_service(service),
        "kind": service.kind,
        "how": how,
        "color": service.route.get("route_color"),
    }
    found = [
        FeatureAnswer(
            id=f"{service.id}/{zone.id}",
            geometry=dict(zone.geometry),
            properties={**zone_properties(zone), **told, "zone_id": zone.id, "name": zone.name or zone.id},
        )
        for zone in service.zones.values()
    ]
    if not stops:
        return found
    for group in service.groups.values():
        points = [service.stops[stop].point for stop in group.stop_ids]
        found.append(
            FeatureAnswer(
                id=f"{service.id}/{group.id}",
                geometry={"type": "MultiPoint", "coordinates": [list(point) for point in points if point]},
                properties={**told, "group_id": group.id, "name": group.name or group.id},
            )
        )
    named = {call.place for trip in service.trips for call in trip.calls if call.kind is PlaceKind.STOP}
    for stop in (service.stops[key] for key in sorted(named)):
        where = stop.point or Point(0, 0)
        found.append(
            FeatureAnswer(
                id=f"{service.id}/{stop.id}",
                geometry={"type": "Point", "coordinates": [where.lon, where.lat]},
                properties={**told, "stop_id": stop.id, "name": stop.name},
            )
        )
    return found


def _outline(catalogue: Catalogue, feature: FeatureAnswer) -> shapely.Geometry:
    told = feature.properties
    known = catalogue.outlines.get((told["service_id"], told.get("zone_id", "")))
    return shape(feature.geometry) if known is None else known


def _faults(found: tuple[Fault, ...]) -> list[FaultAnswer]:
    return [FaultAnswer(where=one.where, what=one.what, code=one.code) for one in found]


WRITTEN = {WHOLE: "staff", SUPPLEMENT: "feed_and_staff"}


def answer_service(connection: Connection[Any], catalogue: Catalogue, id_: str) -> ServiceAnswer:
    """Show a service as a whole."""
    service = catalogue.get(id_)
    newest = next(iter(services_store.list_revisions(connection, id_)), None)
    document = newest.document if newest else None
    return ServiceAnswer(
        id=id_,
        how=services.how_to_book(service, services_store.list_dispatched(connection)),
        written=WRITTEN.get((document or {}).get("form", ""), "feed"),
        revision=newest.number if newest else 0,
        faults=_faults(catalogue.faults.get(id_, ())),
        service=to_document(service),
    )


def _revision(one: Revision) -> RevisionAnswer:
    return RevisionAnswer(
        id=one.id,
        revision=one.number,
        withdrawn=one.withdrawn,
        written_by=one.written_by,
        written_at=one.written_at,
        document=one.document,
    )
