"""The departure board of a stop, as a page to read or print."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from mobigo.journeys.modes import mode_of
from mobigo.kit.requests import Now
from mobigo.transit import boards
from mobigo.transit.api import find_network
from mobigo.transit.timetable import Timetable, zone_of
from mobigo.web import words
from mobigo.web.colours import Paint, paint
from mobigo.web.html import READ, page
from mobigo.web.question import read_moment

router = APIRouter(include_in_schema=False)

SHOWN = 30
"""Departures on a page."""
AHEAD = timedelta(hours=24)
"""How far a page looks."""


@router.api_route("/stops/{stop_id:path}", methods=READ)
def stop_page(request: Request, now: Now, stop_id: str) -> Response:
    """Show what leaves a stop, the posts of its name around and the other feeds' stops there."""
    speak = words.choose(request)
    network = find_network(request)
    stop = network.stop_index.get(stop_id) if network else None
    if network is None or stop is None:
        problem = speak("stop_unknown" if network else "unavailable")
        return page(request, "stop.html", speak, status=404 if network else 503, name="", problem=problem)
    timetable = network.timetable
    local = now.astimezone(zone_of(timetable))
    fields = request.query_params
    try:
        at = read_moment(fields.get("date", ""), fields.get("time", ""), local)
    except ValueError:
        at = local
    found = boards.list_calls(timetable, boards.stops_of_place(timetable, stop), at, AHEAD, SHOWN)
    paints: dict[int, Paint] = {}
    for one in found:
        route = int(timetable.trip_route[one.trip])
        paints[route] = paint(timetable.route_colors.at(route), timetable.route_text_colors.at(route))
    name = timetable.stop_names.at(stop)
    return page(
        request,
        "stop.html",
        speak,
        name=name,
        problem="",
        at=at,
        departures=[_row(timetable, one) for one in found],
        paints=paints,
        later=_later(request, found[-1].time) if len(found) == SHOWN else None,
        start=urlencode({"from": name, "from_place": f"{stop_id}|{name}"}),
    )


def _row(timetable: Timetable, found: boards.BoardCall) -> dict[str, object]:
    route = int(timetable.trip_route[found.trip])
    return {
        "departure": found.time,
        "route": route,
        "line": timetable.route_short_names.at(route) or timetable.route_long_names.at(route),
        "mode": mode_of(int(timetable.route_type[route])),
        "headsign": boards.headsign(timetable, found.trip, found.row),
        "platform": timetable.stop_platforms.at(found.stop),
    }


def _later(request: Request, last: datetime) -> str:
    after = last + timedelta(minutes=1)
    moved = {"date": after.date().isoformat(), "time": f"{after:%H:%M}"}
    return f"?{urlencode({**request.query_params, **moved})}"
