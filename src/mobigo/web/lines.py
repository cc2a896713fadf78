"""The timetable of a line on a day, as it hangs at stops: stops in rows, trips in columns; to read or print."""

from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from mobigo.journeys.modes import mode_of
from mobigo.kit.requests import Now
from mobigo.transit import printed
from mobigo.transit.answers import Network, find_network
from mobigo.transit.timetable import Timetable, zone_of
from mobigo.web import words
from mobigo.web.colours import paint
from mobigo.web.html import READ, page

router = APIRouter(include_in_schema=False)


@router.api_route("/lines/{line_id:path}", methods=READ)
def line_page(request: Request, now: Now, line_id: str) -> Response:
    """Show all trips of a line on a day, each direction a table."""
    speak = words.choose(request)
    network = find_network(request)
    timetable = _timetable(network) if network else None
    ids = timetable.route_ids.all() if timetable else []
    if network is None or timetable is None or line_id not in ids:
        problem = speak("line_unknown" if network else "unavailable")
        return page(request, "line.html", speak, status=404 if network else 503, name="", problem=problem)
    route = ids.index(line_id)
    day = _read_day(request.query_params.get("date", ""), now.astimezone(zone_of(timetable)))
    overlay = network.live.overlay if network.live else None
    tables = printed.print_line(timetable, overlay, route, day)
    return page(
        request,
        "line.html",
        speak,
        problem="",
        name=timetable.route_short_names.at(route) or timetable.route_long_names.at(route),
        long_name=timetable.route_long_names.at(route),
        mode=mode_of(int(timetable.route_type[route])),
        paint=paint(timetable.route_colors.at(route), timetable.route_text_colors.at(route)),
        day=day,
        days={name: _move(request, day + timedelta(days=by)) for name, by in (("before", -1), ("after", 1))},
        tables=[_table(timetable, one) for one in tables],
    )


def _timetable(network: Network) -> Timetable:
    """Return the timetable as it is now."""
    return network.live.overlay.timetable if network.live else network.timetable


def _table(timetable: Timetable, one: printed.Printed) -> dict[str, object]:
    """Set the calls of each trip in the rows of their stops."""
    last = len(one.stops) - 1
    rows: list[list[dict[str, object] | None]] = [[None] * len(one.columns) for _ in one.stops]
    for place, column in enumerate(one.columns):
        for row, cell in zip(column.places, column.cells, strict=True):
            ends = row == last or cell is column.cells[-1]
            rows[row][place] = {
                "at": cell.arrival if ends else cell.departure,
                "planned": cell.planned_arrival if ends else cell.planned_departure,
                "ends": ends,
                "state": cell.state,
            }
    names = [(timetable.stop_names.at(stop), timetable.stop_ids.at(stop)) for stop in one.stops]
    signs = list(dict.fromkeys(column.headsign for column in one.columns))
    return {
        "toward": " / ".join(signs),
        "stops": list(zip(names, rows, strict=True)),
        "often": any(column.repeats for column in one.columns),
    }


def _read_day(text: str, local: datetime) -> date:
    try:
        return date.fromisoformat(text) if text else local.date()
    except ValueError:
        return local.date()


def _move(request: Request, day: date) -> str:
    return f"?{urlencode({**request.query_params, 'date': day.isoformat()})}"
