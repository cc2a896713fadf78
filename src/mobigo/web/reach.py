"""The page of what is reached from a place, or from where one can be there: a map in bands, communes and stops."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from mobigo.db.session import Database, driver
from mobigo.journeys.communes import list_communes_in
from mobigo.journeys.model import JourneyRequest
from mobigo.journeys.reach import Reach, find_reach
from mobigo.journeys.reach_answer import Here, bound_box, list_reached, stops_as_json
from mobigo.kit.errors import InvalidInput, MobigoError
from mobigo.kit.requests import Now
from mobigo.places import service as places
from mobigo.places.model import AmbiguousPlace, UnknownPlace
from mobigo.web import words
from mobigo.web.html import READ, page
from mobigo.web.question import End, read_end, settle
from mobigo.web.words import Words

router = APIRouter(include_in_schema=False)

HOME_ZONE = "Europe/Paris"
"""Zone of the form while no network says its own."""
LONG = 200
"""Characters of a field that are read."""
MINUTES = ("30", "60", "90", "120", "180")
"""How far one may ask."""
USUAL = "60"
BANDS = 4
"""Areas of one map."""
CHANGES = ("", "0", "1", "2", "3")
WIDTH, TALLEST = 800, 700
"""Units of the drawing."""
FINE = 0.6
"""Units below which a bend is not drawn."""
NAMED = 12
"""Communes named on the map: those with most people."""
APART = 60
"""Units between two names."""
SHOWN = 400
"""Communes and stops of a list."""
FIELDS = ("from", "from_place", "date", "time", "by", "minutes", "changes", "wheelchair", "lang")


class Mark(NamedTuple):
    """A name on the map."""

    name: str
    x: float
    y: float


class Drawing(NamedTuple):
    """The map."""

    height: int
    bands: list[tuple[int, str]]
    """Number of each band and its outline, the widest first."""
    marks: list[Mark]
    place: tuple[float, float]
    scale: tuple[int, float]
    """Kilometres, and how long they are."""


@router.api_route("/reach", methods=READ)
def reach_page(request: Request, session: Database, now: Now) -> Response:
    """Show the form and, when it is filled in, what is reached."""
    speak = words.choose(request)
    fields = {name: request.query_params.get(name, "").strip()[:LONG] for name in FIELDS}
    network = request.app.state.networks.find_current()
    zone = network.manifest.zone if network else ZoneInfo(HOME_ZONE)
    at, malformed = _read_moment(fields, now.astimezone(zone))
    minutes = int(fields["minutes"] if fields["minutes"] in MINUTES else USUAL)
    end = read_end(fields["from"], fields["from_place"])
    if end.text:
        end = _understand(session, end, speak)
    problem, shown = "" if network else speak("unavailable"), None
    if network and end.place:
        question = JourneyRequest(
            end.place,
            end.place,
            at,
            arrive_by=fields["by"] == "arrive",
            max_transfers=int(fields["changes"] if fields["changes"] in CHANGES[1:] else JourneyRequest.max_transfers),
            wheelchair=bool(fields["wheelchair"]),
        )
        try:
            found = find_reach(network, question, 60 * minutes)
            here = list_reached(found, list_communes_in(driver(session), bound_box(found)))
            shown = _show(found, here, minutes)
        except MobigoError as error:
            problem = str(error)
    return page(
        request,
        "reach.html",
        speak,
        status=200 if network else 503,
        end=end,
        at=at,
        by="arrive" if fields["by"] == "arrive" else "depart",
        minutes=minutes,
        choices=[int(one) for one in MINUTES],
        changes=fields["changes"] if fields["changes"] in CHANGES else "",
        most_changes=CHANGES,
        wheelchair=bool(fields["wheelchair"]),
        malformed=malformed,
        problem=problem,
        shown=shown,
        settle=settle,
        address=lambda chosen: _address(fields, chosen),
        file=_file(end, at, minutes, fields),
        commune_page=lambda one: f"/communes/{quote(one.commune.insee or one.commune.name)}",
    )


def _read_moment(fields: dict[str, str], now: datetime) -> tuple[datetime, bool]:
    """Read date and time; what cannot be read is now."""
    if not (fields["date"] or fields["time"]):
        return now, False
    text = f"{fields['date'] or now.date().isoformat()}T{fields['time'] or '08:00'}"
    with suppress(ValueError):
        return datetime.fromisoformat(text).replace(tzinfo=now.tzinfo), False
    return now, True


def _understand(session: Session, end: End, speak: Words) -> End:
    """Find what place is meant."""
    if end.place:
        return end
    try:
        return settle(end, places.resolve(session, end.text))
    except AmbiguousPlace as error:
        return replace(end, choices=tuple(error.alternatives))
    except (UnknownPlace, InvalidInput):
        return replace(end, problem=speak("unknown_place", text=end.text))


def _address(fields: dict[str, str], chosen: End) -> str:
    """Write the address of the same question from a place chosen."""
    query = {**fields, "from": chosen.text, "from_place": chosen.pinned}
    return f"/reach?{urlencode({name: value for name, value in query.items() if value})}"


def _file(end: End, at: datetime, minutes: int, fields: dict[str, str]) -> str:
    """Write the address of the same answer for programs."""
    query: dict[str, object] = {
        "from": end.place or "",
        "at": at.isoformat(timespec="minutes"),
        "minutes": ",".join(map(str, _bands(minutes))),
    }
    if fields["by"] == "arrive":
        query["arrive_by"] = "true"
    if fields["changes"] in CHANGES[1:]:
        query["max_transfers"] = fields["changes"]
    if fields["wheelchair"]:
        query["wheelchair"] = "true"
    return f"/v1/reach?{urlencode(query)}"


def _bands(minutes: int) -> list[int]:
    return [round(minutes * part / BANDS) for part in range(1, BANDS + 1)]


def _show(found: Reach, here: Sequence[Here], minutes: int) -> dict[str, Any]:
    """Lay out the answer."""
    bands = _bands(minutes)
    stops: dict[str, dict[str, Any]] = {}
    for one in stops_as_json(found):
        stops.setdefault(one["name"], {**one, "minutes": -(-one["seconds"] // 60)})
    counts = [
        {
            "minutes": band,
            "stops": sum(one["seconds"] <= 60 * band for one in stops.values()),
            "communes": sum(one.seconds <= 60 * band for one in here),
            "people": sum(one.commune.population or 0 for one in here if one.seconds <= 60 * band),
        }
        for band in bands
    ]
    return {
        "located": found.located,
        "complete": found.complete,
        "counts": counts,
        "drawing": _draw(found, here, bands) if found.located else None,
        "communes": [(one, -(-one.seconds // 60)) for one in here[:SHOWN]],
        "stops": list(stops.values())[:SHOWN],
        "more": max(0, len(here) - SHOWN) + max(0, len(stops) - SHOWN),
    }


def _draw(found: Reach, here: Sequence[Here], bands: Sequence[int]) -> Drawing:
    """Draw the bands, what is known of communes, and the place."""
    areas = found.areas(bands)
    lat = found.end.point.lat
    stretch = float(np.cos(np.radians(lat)))
    around = shapely.Point(found.end.point).buffer(0.01).union(shapely.box(*_bounds(areas, found)))
    west, south, east, north = around.bounds
    scale = min(WIDTH / ((east - west) * stretch), TALLEST / (north - south))
    left = (WIDTH - (east - west) * stretch * scale) / 2

    def put(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack([left + (points[:, 0] - west) * stretch * scale, (north - points[:, 1]) * scale])

    outlines = []
    for number, area in reversed(list(enumerate(areas))):
        drawn = shapely.simplify(shapely.transform(area, put), FINE, preserve_topology=False)
        rings = [ring for one in shapely.get_parts(drawn) for ring in (one.exterior, *one.interiors)]
        path = "".join(
            "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)[:-1].tolist()) + "Z"
            for ring in rings
        )
        outlines.append((number, path))
    marks: list[Mark] = []
    for one in sorted(here, key=lambda one: (-(one.commune.population or 0), one.commune.name)):
        x, y = put(np.array([one.commune.point])).tolist()[0]
        if all(abs(x - mark.x) > 2 * APART or abs(y - mark.y) > APART / 2 for mark in marks):
            marks.append(Mark(one.commune.name, x, y))
        if len(marks) == NAMED:
            break
    x, y = put(np.array([found.end.point])).tolist()[0]
    kilometres = next(km for km in (50, 20, 10, 5, 2, 1) if km / 111.195 * scale < WIDTH / 4 or km == 1)
    return Drawing(
        int((north - south) * scale) + 1, outlines, marks, (x, y), (kilometres, kilometres / 111.195 * scale)
    )


def _bounds(areas: Sequence[shapely.MultiPolygon], found: Reach) -> tuple[float, float, float, float]:
    """Return the box around the widest area."""
    if areas[-1].is_empty:
        return (*found.end.point, *found.end.point)
    bounds: tuple[float, float, float, float] = areas[-1].bounds
    return bounds
