"""The departures and arrivals of a stop, live, as a page to read or print."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from mobigo.journeys.modes import mode_of
from mobigo.kit.requests import Now
from mobigo.transit import alerts, boards
from mobigo.transit.answers import find_network
from mobigo.transit.timetable import Timetable, zone_of
from mobigo.web import words
from mobigo.web.colours import Paint, paint
from mobigo.web.html import READ, page
from mobigo.web.planner import say_alerts
from mobigo.web.question import read_moment

router = APIRouter(include_in_schema=False)

SHOWN = 30
"""Departures on a page."""
AHEAD = timedelta(hours=24)
"""How far a page looks."""


@router.api_route("/stops/{stop_id:path}", methods=READ)
def stop_page(request: Request, now: Now, stop_id: str) -> Response:
    """Show what leaves a stop (or arrives there), the posts of its name around and the other feeds' stops there."""
    speak = words.choose(request)
    network = find_network(request)
    stop = network.stop_index.get(stop_id) if network else None
    if network is None or stop is None:
        problem = speak("stop_unknown" if network else "unavailable")
        return page(request, "stop.html", speak, status=404 if network else 503, name="", problem=problem)
    live = network.live
    timetable = live.overlay.timetable if live else network.timetable
    local = now.astimezone(zone_of(timetable))
    fields = request.query_params
    try:
        at = read_moment(fields.get("date", ""), fields.get("time", ""), local)
    except ValueError:
        at = local
    arrivals = fields.get("show") == "arrivals"
    stops = boards.stops_of_place(timetable, stop)
    overlay = live.overlay if live else None
    found = boards.list_calls(timetable, stops, at, AHEAD, SHOWN, arrivals=arrivals, overlay=overlay)
    paints: dict[int, Paint] = {}
    for one in found:
        route = int(timetable.trip_route[one.trip])
        paints[route] = paint(timetable.route_colors.at(route), timetable.route_text_colors.at(route))
    name = timetable.stop_names.at(stop)
    until = (found[-1].time if found else at + AHEAD).timestamp()
    concern = alerts.concern_of_place(timetable, stops.tolist())
    messages = live.messages.find(concern, at.timestamp(), until) if live else []
    return page(
        request,
        "stop.html",
        speak,
        name=name,
        problem="",
        at=at,
        arrivals=arrivals,
        turned=f"?{urlencode({**fields, 'show': 'departures' if arrivals else 'arrivals'})}",
        day=f"?{urlencode({**fields, 'time': '00:00', 'date': at.date().isoformat()})}",
        calls=[view_call(timetable, one, arrivals=arrivals) for one in found],
        messages=say_alerts({key: live.alerts[key] for key in messages}, speak.language) if live else {},
        live_at=datetime.fromtimestamp(live.at, at.tzinfo) if live else None,
        paints=paints,
        later=_later(request, found[-1].time) if len(found) == SHOWN else None,
        at_point=f"{timetable.stop_lat[stop]:.6f},{timetable.stop_lon[stop]:.6f}",
        start=urlencode({"from": name, "from_place": f"{stop_id}|{name}"}),
    )


def view_call(timetable: Timetable, found: boards.BoardCall, *, arrivals: bool) -> dict[str, object]:
    """Write a call as boards show it."""
    route = int(timetable.trip_route[found.trip])
    first = int(timetable.call_stop[timetable.call_first[found.trip]])
    toward = timetable.stop_names.at(first) if arrivals else boards.headsign(timetable, found.trip, found.row)
    changed = found.planned_stop not in (-1, found.stop)
    return {
        "time": found.time,
        "planned": found.planned,
        "state": found.state,
        "route": route,
        "route_id": timetable.route_ids.at(route),
        "line": timetable.route_short_names.at(route) or timetable.route_long_names.at(route),
        "mode": mode_of(int(timetable.route_type[route])),
        "toward": toward,
        "platform": timetable.stop_platforms.at(found.stop),
        "planned_platform": timetable.stop_platforms.at(found.planned_stop) if changed else "",
        "repeats": found.repeats,
    }


def _later(request: Request, last: datetime) -> str:
    after = last + timedelta(minutes=1)
    moved = {"date": after.date().isoformat(), "time": f"{after:%H:%M}"}
    return f"?{urlencode({**request.query_params, **moved})}"
