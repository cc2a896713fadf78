"""HTTP: journeys from door to door, what is reached from one end, and isochrones."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from shapely import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from mobigo.db.session import Database
from mobigo.facades.navitia.answers import REGION, Around, Asker, again, answer, link_objects, schema
from mobigo.facades.navitia.errors import NavitiaError, bad_format, unknown_object
from mobigo.facades.navitia.ids import read_id
from mobigo.facades.navitia.journeys_parameters import MOST_REACHED, AskedJourneys
from mobigo.facades.navitia.places import find_place, tell_address, tell_places
from mobigo.facades.navitia.sections import Told, as_planned
from mobigo.facades.navitia.selection import read_coord
from mobigo.facades.navitia.times import write_instant
from mobigo.facades.navitia.view import View
from mobigo.journeys import combine, service
from mobigo.journeys.access import find_access, find_direct, find_end
from mobigo.journeys.api import hail, lift, till
from mobigo.journeys.model import Journey, JourneyRequest, Label, Mode, Plan, Reason
from mobigo.journeys.reach import Reach, find_reach
from mobigo.journeys.reach_answer import area_as_json

router = APIRouter()

Json = dict[str, Any]

PAGES = 6
"""Further stretches of time that are looked at for as many journeys as there must be."""
LINKED = (
    "line",
    "route",
    "vehicle_journey",
    "stop_point",
    "stop_area",
    "network",
    "physical_mode",
    "commercial_mode",
)
ANSWERED = schema(
    journeys="With `sections`; exactly one is of `type` `best`. Without one end: a journey per stop point, no sections",
    tickets="What the journeys' `fare` links to",
    error="`no_solution`, with status 200, and why there is none",
)
TYPES = (
    (Label.FASTEST, "fastest"),
    (Label.FEWEST_TRANSFERS, "comfort"),
    (Label.LEAST_WALKING, "less_fallback_walk"),
    (Label.GREENEST, "ecologic"),
)
"""What a journey is called by what it is best at, the more telling first."""
WITHOUT = {Mode.WALK: "non_pt_walk", Mode.BICYCLE: "non_pt_bike", Mode.CAR: "car"}
"""What a journey without public transport is called."""
SAID = {
    Reason.NO_STOP_IN_RANGE: "no stop lies within the longest way to it",
    Reason.NO_SERVICE_THAT_DAY: "no vehicle runs on that day",
    Reason.WALKING_BETTER: "walking arrives first",
    Reason.NOTHING_IN_WINDOW: "no vehicle makes this journey within the time asked for",
    Reason.NO_CONNECTION: "no vehicle makes this journey on any of the days looked at",
    Reason.FILTERED_OUT: "what was allowed and forbidden leaves no journey",
    Reason.NO_ACCESSIBLE_PATH: "no journey is known to be possible in a wheelchair",
}


@router.get("/v1/coverage/{region}/journeys", tags=["journeys"], responses=ANSWERED)
def journeys(
    around: Asker,
    session: Database,
    asked: Annotated[AskedJourneys, Query()],
    region: Annotated[str, Path(description=f"`{REGION}`, or a point in it as `LON;LAT`")],
) -> Response:
    """Plan journeys from door to door; with one end only, list all stop points that are reached."""
    around.check_region(region)
    return _answer_journeys(around, session, asked)


@router.get("/v1/journeys", tags=["journeys"], responses=ANSWERED)
def journeys_anywhere(around: Asker, session: Database, asked: Annotated[AskedJourneys, Query()]) -> Response:
    """Plan journeys, the coverage being told by the ends."""
    return _answer_journeys(around, session, asked)


@router.get("/v1/coverage/{region}/{resource_path:path}/journeys", tags=["journeys"], responses=ANSWERED)
def journeys_of(
    around: Asker,
    session: Database,
    asked: Annotated[AskedJourneys, Query()],
    region: Annotated[str, Path(description=f"`{REGION}`, or a point in it as `LON;LAT`")],
    resource_path: Annotated[str, Path(description="Of the origin: `stop_areas/ID`, `coords/LON;LAT`, `places/ID`")],
) -> Response:
    """Plan journeys from an object, or list all stop points that are reached from it."""
    around.check_region(region)
    origin = resource_path.rpartition("/")[2]
    return _answer_journeys(around, session, asked.model_copy(update={"from_": asked.from_ or origin}))


def _answer_journeys(around: Around, session: Database, asked: AskedJourneys) -> Response:
    view = around.view(running=asked.running, depth=asked.depth, language=asked.language)
    ends = [_read_end(around, session, view, name) for name in (asked.from_, asked.to)]
    if ends == [None, None]:
        raise bad_format("journeys need `from`, `to`, or both: LON;LAT or the id of a place")
    if asked.from_ is not None and asked.from_ == asked.to:
        raise bad_format("`from` and `to` are the same place: there is no journey to make")
    (origin, start), (destination, end) = (one or ("", {}) for one in ends)
    question = asked.request(around, origin or destination, destination or origin)
    _check_day(around, question)
    if not start or not end:
        return _answer_reached(around, view, asked, replace(question, arrive_by=not start), start or end)
    told = Told(view, (start, end), question.at, drawn=not asked.disable_geojson)
    found, error, tags = _plan(around, asked, question)
    kinds = _name_types(asked, found)
    shown = [
        told.journey(one, kind, tags.get(one.id, ())) | {"links": _link_journey(around, asked, one)}
        for one, kind in zip(found, kinds, strict=True)
    ]
    items: Json = {"journeys": shown, "tickets": list(told.tickets.values())}
    links = [*_link_times(around, found), *link_objects(around, LINKED)]
    return answer(around, view, items, links=links, error=error)


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_end(around: Around, session: Database, view: View, name: str | None) -> tuple[str, Json] | None:
    """Read an end of a journey: what the planner calls it, and the place as Navitia writes it."""
    if name is None:
        return None
    point = read_coord(name)
    if point is not None:
        return f"{point.lat:.7f},{point.lon:.7f}", tell_address(session, view, point)
    kind, own = read_id(name)
    stop = around.network.stop_index.get(own)
    if kind in {"stop_area", "stop_point"}:
        if stop is None:
            raise unknown_object(f"The entry point: {name} is not valid: no {kind} has this id")
        told = view.stop_area(stop) if kind == "stop_area" else view.stop_point(stop)
        return own, view.place(kind, told)
    if kind in {"admin", "poi"}:
        place = find_place(session, name)
        return f"{place.lat:.7f},{place.lon:.7f}", next(tell_places(view, place))
    raise unknown_object(f"The entry point: {name} is not valid; give LON;LAT, or an id of a place or stop")


def _check_day(around: Around, question: JourneyRequest) -> None:
    catalogue, day = around.catalogue, question.at.date()
    # what began the day before may still run
    if not catalogue.first_day <= day <= catalogue.last_day + timedelta(days=1):
        said = f"date is not in data production period: {catalogue.first_day} to {catalogue.last_day}, not {day}"
        raise NavitiaError(404, "date_out_of_bounds", said)


# ── from end to end ───────────────────────────────────────────────────────────────────────────────────────────────────


def _plan(
    around: Around, asked: AskedJourneys, question: JourneyRequest
) -> tuple[list[Journey], NavitiaError | None, dict[str, tuple[str, ...]]]:
    """Plan, also in later (earlier) stretches of time until there are as many journeys as there must be."""
    if asked.direct_path in {"only", "only_with_alternatives"}:
        found = _plan_direct(around, question)
        error = None if found else NavitiaError(200, "no_solution", "no way without public transport is short enough")
        return found, error, {}
    request, now = around.request, around.now
    hailed = hail(request, around.network, question, now)
    lifted = lift(request, around.network, question, now)
    sold = till(request, question, now)
    plan = service.plan(around.network, question, hailed, lifted, sold)
    request.app.state.notes.note(request, around.network, question, plan, now)
    error = _find_error(around, plan)
    found = _fitting(asked, question, [*plan.journeys, *plan.direct])
    tags: dict[str, tuple[str, ...]] = {}
    cursor = plan.earlier if asked.arrival else plan.later
    for _ in range(PAGES):
        if len(found) >= asked.least or cursor is None or error is not None:
            break
        page = service.plan(around.network, replace(question, cursor=cursor), hailed, lifted, sold)
        more = [one for one in _fitting(asked, question, page.journeys) if one.rides]
        tags |= {one.id: ("prev" if asked.arrival else "next",) for one in more}
        found += more
        cursor = page.earlier if asked.arrival else page.later
    if not found and error is None:
        said = "there are journeys, but none fits what was asked of transfers, direct paths and durations"
        error = NavitiaError(200, "no_solution", said)
    return _choose(asked, found), error if not found else None, tags


def _plan_direct(around: Around, question: JourneyRequest) -> list[Journey]:
    """Find the ways without public transport."""
    network = around.network.seen(question.realtime)
    origin = find_access(network, find_end(network, question.origin), question, backward=False)
    destination = find_access(network, find_end(network, question.destination), question, backward=True)
    at = int(question.at.timestamp())
    return [
        combine.describe_alone(network, way, at - way.seconds if question.arrive_by else at, question)
        for way in find_direct(network, origin, destination, question)
    ]


def _fitting(asked: AskedJourneys, question: JourneyRequest, found: Sequence[Journey]) -> list[Journey]:
    """Keep the journeys that fit what the planner is not asked."""
    span = timedelta(seconds=asked.max_duration)
    kept = []
    for one in found:
        rides = [leg for leg in one.legs if leg.trip_id is not None or leg.booking is not None]
        if not rides:
            if asked.direct_path != "none" and one.legs[0].mode in question.direct:
                kept.append(one)
            continue
        late = rides[0].departure < question.at - span if asked.arrival else rides[-1].arrival > question.at + span
        if not late and one.transfers >= asked.min_nb_transfers:
            kept.append(one)
    return kept


def _choose(asked: AskedJourneys, found: list[Journey]) -> list[Journey]:
    """Keep as many journeys as there may be: those by vehicle first, the best one among them."""
    if asked.most is not None and len(found) > asked.most:
        best = _find_best(asked, found)
        order = sorted(found, key=lambda one: (one is not best, not one.rides, _rank(asked, one)))
        found = order[: asked.most]
    return sorted(found, key=lambda one: (one.departure, one.arrival))


def _rank(asked: AskedJourneys, one: Journey) -> tuple[float, float]:
    leaves, arrives = one.departure.timestamp(), one.arrival.timestamp()
    return (-leaves, arrives) if asked.arrival else (arrives, -leaves)


def _find_best(asked: AskedJourneys, found: Sequence[Journey]) -> Journey:
    """Return the journey to show if it is only one: by vehicle or on foot, which the planner calls the earliest."""
    usual = [one for one in found if one.rides or one.legs[0].mode is Mode.WALK] or list(found)
    labelled = [one for one in usual if Label.EARLIEST in one.labels] or usual
    return min(labelled, key=lambda one: (*_rank(asked, one), one.transfers))


def _name_types(asked: AskedJourneys, found: Sequence[Journey]) -> list[str]:
    """Say what each journey is best at; exactly one is the best."""
    if not found:
        return []
    best = _find_best(asked, found)
    kinds = []
    for one in found:
        if one is best:
            kinds.append("best")
        elif not one.rides:
            kinds.append(WITHOUT.get(one.legs[0].mode, "non_pt_walk"))
        else:
            kinds.append(next((name for label, name in TYPES if label in one.labels), "rapid"))
    return kinds


def _find_error(around: Around, plan: Plan) -> NavitiaError | None:
    """Say why there is no journey by vehicle, in Navitia's words."""
    if plan.reason is None:
        return None
    if plan.reason is Reason.OUTSIDE_AREA:
        name, what = {
            "from": ("no_origin", "the origin"),
            "to": ("no_destination", "the destination"),
        }.get(plan.reason_about or "", ("no_origin_nor_destination", "neither the origin nor the destination"))
        raise NavitiaError(404, name, f"{what} is near no street and no stop of the coverage {REGION!r}")
    if plan.reason is Reason.OUTSIDE_SERVICE_PERIOD:
        catalogue = around.catalogue
        said = f"date is not in data production period: {catalogue.first_day} to {catalogue.last_day}"
        raise NavitiaError(404, "date_out_of_bounds", said)
    if plan.reason is Reason.BUDGET_REACHED:
        raise NavitiaError(
            503, "service_unavailable", "the time for computing was over before a journey was found; try again"
        )
    said = f"no solution found for this journey: {SAID.get(plan.reason, plan.reason)}"
    zone = around.network.manifest.zone
    if plan.next_departure is not None:
        said += f"; the next one leaves {write_instant(plan.next_departure, zone)}"
    if plan.previous_departure is not None:
        said += f"; the one before leaves {write_instant(plan.previous_departure, zone)}"
    return NavitiaError(200, "no_solution", said)


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _link_times(around: Around, found: Sequence[Journey]) -> list[Json]:
    """Link later and earlier journeys, and the first and last ones of the day."""
    if not found:
        return []
    zone = around.network.manifest.zone
    first, last = found[0], found[-1]
    day, end = first.departure.astimezone(zone), last.arrival.astimezone(zone)
    targets = {
        "next": (first.departure + timedelta(seconds=1), "departure"),
        "prev": (first.arrival - timedelta(seconds=1), "arrival"),
        "first": (day.replace(hour=0, minute=0, second=0), "departure"),
        "last": (end.replace(hour=23, minute=59, second=59), "arrival"),
    }
    return [
        {
            "href": again(around, {"datetime": write_instant(at, zone), "datetime_represents": what}),
            "rel": rel,
            "type": rel,
            "templated": False,
        }
        for rel, (at, what) in targets.items()
    ]


def _link_journey(around: Around, asked: AskedJourneys, one: Journey) -> list[Json]:
    """Link the same journey, and others by the same lines."""
    zone = around.network.manifest.zone
    legs = one.legs if asked.running else as_planned(one.legs)
    timetable = around.network.timetable
    lines = [timetable.route_ids.find(leg.line.id) for leg in legs if leg.line is not None and leg.trip_id is not None]
    names = list(dict.fromkeys(_line_id(around, line) for line in lines if line >= 0))
    same: dict[str, str | list[str] | None] = {
        "datetime": write_instant(legs[0].departure, zone),
        "datetime_represents": "departure",
        "allowed_id[]": names or None,
        "min_nb_transfers": str(one.transfers),
        "max_nb_transfers": str(one.transfers),
        "direct_path": None if one.rides else "only",
        "timeframe_duration": None,
        "count": None,
    }
    targets = {"this_journey": same | {"min_nb_journeys": None, "max_nb_journeys": "1"}}
    if names:
        targets["same_journey_schedules"] = same | {
            "is_journey_schedules": "true",
            "min_nb_journeys": "5",
            "max_nb_journeys": None,
            "direct_path": "none",
        }
    return [
        {"href": again(around, changes), "rel": rel, "type": "journeys", "templated": False}
        for rel, changes in targets.items()
    ]


def _line_id(around: Around, line: int) -> str:
    told: str = around.view(running=False, quiet=True).line(line, 0)["id"]
    return told


# ── from one end ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _answer_reached(
    around: Around, view: View, asked: AskedJourneys, question: JourneyRequest, place: Json
) -> Response:
    """List the stop points reached from one end, each as a journey without sections."""
    limit = min(asked.max_duration, MOST_REACHED)
    found = _reach(around, question, limit)
    notes = []
    if asked.max_duration > MOST_REACHED:
        notes.append(f"stop points within {MOST_REACHED} seconds are listed; give a lower max_duration for fewer")
    zone = view.zone
    told = []
    changes = zip(found.stops.tolist(), found.seconds.tolist(), found.changes.tolist(), strict=True)
    for stop, seconds, transfers in changes:
        if not around.catalogue.is_point[stop] or transfers > question.max_transfers:
            continue
        other = view.place("stop_point", view.stop_point(stop, 0))
        span = timedelta(seconds=seconds)
        begin, end = (question.at - span, question.at) if question.arrive_by else (question.at, question.at + span)
        told.append(
            {
                "duration": seconds,
                "nb_transfers": transfers,
                "departure_date_time": write_instant(begin, zone),
                "arrival_date_time": write_instant(end, zone),
                "requested_date_time": write_instant(question.at, zone),
                "from": other if question.arrive_by else place,
                "to": place if question.arrive_by else other,
                "type": "",
                "status": "",
                "tags": [],
                "links": [],
            }
        )
    told = told[: asked.most]
    return answer(around, view, {"journeys": told, "tickets": []}, notes=notes, links=link_objects(around, LINKED))


def _reach(around: Around, question: JourneyRequest, limit: int) -> Reach:
    begin = time.monotonic()
    found = find_reach(around.network, question, limit)
    if not found.located:
        name = "no_destination" if question.arrive_by else "no_origin"
        raise NavitiaError(404, name, f"the place is near no street and no stop of the coverage {REGION!r}")
    if not found.complete:
        spent = time.monotonic() - begin
        raise NavitiaError(503, "service_unavailable", f"the search was not over after {spent:.1f} s; try again")
    return found


class AskedIsochrones(AskedJourneys):
    """What may be asked of isochrones."""

    boundary_duration: list[Annotated[int, Field(ge=60, le=MOST_REACHED)]] = Field(
        default_factory=list,
        alias="boundary_duration[]",
        max_length=8,
        description="Seconds; each is drawn, widest first",
    )
    min_duration: int = Field(
        default=0, ge=0, le=MOST_REACHED, description="Beside `max_duration`: leave out what is nearer"
    )


@router.get(
    "/v1/coverage/{region}/isochrones", tags=["journeys"], responses=schema(isochrones="MultiPolygons, widest first")
)
def isochrones(
    around: Asker,
    session: Database,
    asked: Annotated[AskedIsochrones, Query()],
    region: Annotated[str, Path(description=f"`{REGION}`, or a point in it as `LON;LAT`")],
) -> Response:
    """Draw what is reached from a place, or from where a place is reached, within so long."""
    around.check_region(region)
    return _answer_isochrones(around, session, asked)


@router.get("/v1/isochrones", tags=["journeys"], responses=schema(isochrones="MultiPolygons, widest first"))
def isochrones_anywhere(around: Asker, session: Database, asked: Annotated[AskedIsochrones, Query()]) -> Response:
    """Draw what is reached, the coverage being told by the place."""
    return _answer_isochrones(around, session, asked)


def _answer_isochrones(around: Around, session: Database, asked: AskedIsochrones) -> Response:
    view = around.view(running=asked.running, depth=asked.depth, language=asked.language)
    arrive_by = asked.from_ is None
    end = _read_end(around, session, view, asked.from_ or asked.to)
    if end is None:
        raise bad_format("an isochrone needs `from` or `to`: LON;LAT or the id of a place")
    question = replace(asked.request(around, end[0], end[0]), arrive_by=arrive_by, window=None)
    _check_day(around, question)
    wide = sorted(
        {*asked.boundary_duration, *([asked.max_duration] if "max_duration" in asked.model_fields_set else [])}
    )
    if not wide:
        raise bad_format("an isochrone needs boundary_duration[] or max_duration: seconds, at most 10800")
    if wide[-1] > MOST_REACHED:
        raise bad_format(f"{wide[-1]} s are too long for an isochrone; at most {MOST_REACHED}")
    if any(one % 60 for one in wide) or asked.min_duration % 60:
        raise bad_format("areas are drawn for whole minutes: give multiples of 60 seconds")
    found = _reach(around, question, wide[-1])
    bounds = [asked.min_duration, *(one for one in wide if one > asked.min_duration)]
    return answer(around, view, {"isochrones": _draw(view, question, end[1], found, bounds)})


def _draw(view: View, question: JourneyRequest, place: Json, found: Reach, bounds: Sequence[int]) -> list[Json]:
    """Draw what is reached between each two bounds, the widest first."""
    areas = dict(zip(bounds, found.areas([bound // 60 for bound in bounds]), strict=True))
    told = []
    for nearer, bound in pairwise(bounds):
        sign = -1 if question.arrive_by else 1
        instants = [question.at + sign * timedelta(seconds=seconds) for seconds in (nearer, bound)]
        ring = areas[bound].difference(areas[nearer]) if nearer else areas[bound]
        told.append(
            {
                "geojson": area_as_json(_polygons(ring)),
                "min_duration": nearer,
                "max_duration": bound,
                "requested_date_time": write_instant(question.at, view.zone),
                "min_date_time": write_instant(min(instants), view.zone),
                "max_date_time": write_instant(max(instants), view.zone),
                "to" if question.arrive_by else "from": place,
            }
        )
    return told[::-1]


def _polygons(area: BaseGeometry) -> MultiPolygon:
    """Keep the surfaces of a geometry."""
    parts = getattr(area, "geoms", [area])
    return MultiPolygon([one for one in parts if isinstance(one, Polygon) and not one.is_empty])
