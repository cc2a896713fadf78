"""A page for each commune: what exists there to get about, to read or to hang up; and the list of all of them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from numpy.typing import NDArray
from psycopg import Connection
from sqlalchemy.orm import Session

from mobigo.db.session import Database, driver
from mobigo.journeys.modes import mode_of
from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point, haversine, parse_point
from mobigo.kit.requests import Now
from mobigo.ondemand import services_store
from mobigo.opendata.api import find_publisher
from mobigo.opendata.commune_map import draw_commune
from mobigo.opendata.commune_offer import Offer, find_offer
from mobigo.opendata.communes import Commune, find_commune_at, find_here, list_communes, match_communes
from mobigo.opendata.score import ZONE
from mobigo.parking.model import Kind
from mobigo.places import service as finding
from mobigo.places import store as places
from mobigo.places.model import Kind as PlaceKind
from mobigo.places.model import Place
from mobigo.transit import boards
from mobigo.transit.answers import Network, find_network
from mobigo.transit.timetable import Timetable, zone_of
from mobigo.web import words
from mobigo.web.colours import paint
from mobigo.web.html import READ, page
from mobigo.web.stops import view_call
from mobigo.web.words import LANGUAGES, Words

router = APIRouter(include_in_schema=False)

SHOWN = 12
"""Departures on a page."""
OFTEN = 2
"""Of one line in one direction."""
LOOKED = 3_000
"""Departures among which these are chosen."""
AHEAD = timedelta(hours=36)
"""How far a page looks for them."""
NEAREST = 3
"""Stops outside that are named where there is none inside."""
FARTHEST = 25_000.0
"""Metres up to which they are looked for."""
WALK = 1_000
"""Metres from the centre of a commune to a stop that people walk."""
NUMBERED = 30
"""Stops that the map numbers."""
LONG_RUN = 3
"""Days in a row that are said as from one to another."""
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
MOST_ADDRESSES = 50_000
"""That a list for search engines may have."""
FEW = 400
"""Communes up to which a list shows all at once."""
MOST_FOUND = 50
LONG = 100
"""Characters of a question that are read."""


@router.api_route("/communes", methods=READ)
def communes_page(request: Request, session: Database) -> Response:
    """List the communes: all where they are few, else by letter or by what is asked."""
    speak = words.choose(request)
    communes = list_communes(driver(session))
    asked = request.query_params.get("q", "").strip()[:LONG]
    letter = request.query_params.get("letter", "").strip().upper()[:1]
    if at := request.query_params.get("at", ""):
        there = _find_at(driver(session), communes, at[:LONG])
        if there is not None:
            return RedirectResponse(_address(there, request), 303)
    found = communes
    if asked:
        known = {place.id for place in _search(session, asked)}
        found = [one for one in communes if one.id in known] or match_communes(communes, asked)
        if len(found) == 1:
            return RedirectResponse(_address(found[0], request), 303)
    elif letter:
        found = [one for one in communes if one.letter == letter]
    elif len(communes) > FEW:
        found = []
    return page(
        request,
        "communes.html",
        speak,
        asked=asked,
        letter=letter,
        letters=sorted({one.letter for one in communes}),
        found=found,
        total=len(communes),
        address=lambda one: _address(one, request),
    )


def _find_at(connection: Connection[Any], communes: Sequence[Commune], text: str) -> Commune | None:
    """Find the commune at ``LAT,LON``."""
    try:
        return find_commune_at(connection, communes, parse_point(text))
    except InvalidInput:
        return None


def _search(session: Session, asked: str) -> list[Place]:
    return finding.find(session, asked, limit=MOST_FOUND, kinds=[PlaceKind.COMMUNE])


@router.api_route("/communes/{key}", methods=READ)
def commune_page(request: Request, session: Database, now: Now, key: str) -> Response:
    """Show what exists in a commune; where it has none of something, what is nearest."""
    speak = words.choose(request)
    connection = driver(session)
    communes = list_communes(connection)
    found = match_communes(communes, key[:LONG])
    if len(found) != 1:
        return page(
            request,
            "communes.html",
            speak,
            status=300 if found else 404,
            asked=key[:LONG],
            letter="",
            letters=sorted({one.letter for one in communes}),
            found=found,
            total=len(communes),
            address=lambda one: _address(one, request),
        )
    commune = found[0]
    if commune.key != key:
        return RedirectResponse(_address(commune, request), 307)
    here = find_here(connection, commune)
    network = find_network(request)
    timetable = _timetable(network) if network else None
    stops = _list_stops(timetable, network, commune) if timetable and network else []
    catalogue = request.app.state.catalogues.current(connection)
    dispatched = services_store.list_dispatched(connection)
    today = now.astimezone(zone_of(timetable) if timetable else ZONE)
    points = [(one["id"], one["point"]) for one in stops]
    offer = find_offer(connection, here, catalogue, dispatched, stops=points, today=today.date())
    board = _board(network, timetable, stops, today) if network and timetable else {"calls": [], "live_at": None}
    lines = _list_lines(timetable, stops) if timetable else []
    sketch = draw_commune(connection, here, _list_marks(commune, _join_posts(stops), offer))
    publisher = find_publisher(request)
    return page(
        request,
        "commune.html",
        speak,
        commune=commune,
        today=today,
        stops=_join_posts(stops),
        lines=lines,
        paints={int(one["route"]): one["paint"] for one in (*lines, *board["calls"])},
        **board,
        offer=offer,
        bare=not (stops or offer.on_demand or offer.carpool_lines),
        nearest=_list_nearest(session, commune) if not stops else [],
        sketch=sketch,
        kinds={one.kind for one in sketch.marks},
        clock=_say_clock,
        weekdays=lambda days: _say_weekdays(days, speak),
        euros=lambda cents: _say_euros(cents, speak),
        park=Kind.PARK_RIDE,
        start=urlencode(_as_end("from", commune, stops)),
        goal=urlencode(_as_end("to", commune, stops)),
        contact=publisher.email,
        here=f"{publisher.url.removesuffix('/opendata')}/communes/{commune.key}",
    )


@router.api_route("/sitemap.xml", methods=READ)
def sitemap(request: Request, session: Database) -> Response:
    """List the pages that search engines should know, each with its twin in the other language."""
    base = find_publisher(request).url.removesuffix("/opendata")
    paths = [
        "/",
        "/communes",
        "/fares",
        "/opendata",
        *(f"/communes/{one.key}" for one in list_communes(driver(session))),
    ]
    root = Element("urlset", {"xmlns": SITEMAP, "xmlns:xhtml": "http://www.w3.org/1999/xhtml"})
    for path in paths[:MOST_ADDRESSES]:
        one = SubElement(root, "url")
        SubElement(one, "loc").text = f"{base}{path}"
        for language in LANGUAGES:
            link = {"rel": "alternate", "hreflang": language, "href": f"{base}{path}?lang={language}"}
            SubElement(one, "xhtml:link", link)
    return Response(tostring(root, "utf-8", xml_declaration=True), media_type="application/xml")


@router.api_route("/robots.txt", methods=READ)
def robots(request: Request) -> Response:
    """Let everybody read, but not plan by machine, and say where the list of pages is."""
    base = find_publisher(request).url.removesuffix("/opendata")
    lines = ("User-agent: *", "Disallow: /v1/", "Disallow: /*?", "Allow: /communes", f"Sitemap: {base}/sitemap.xml")
    return Response("\n".join(lines) + "\n", media_type="text/plain")


def _address(commune: Commune, request: Request) -> str:
    """Write the address of a commune's page, in the language that was asked for."""
    language = request.query_params.get("lang")
    return f"/communes/{quote(commune.key)}" + (f"?lang={language}" if language in LANGUAGES else "")


def _as_end(side: str, commune: Commune, stops: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Write a commune as an end of a journey: its centre, or its main stop where none is a walk from there."""
    near = not stops or min(haversine(commune.point, one["point"]) for one in stops) <= WALK
    place = f"{commune.point.lat:.6f},{commune.point.lon:.6f}" if near else stops[0]["id"]
    return {side: commune.name, f"{side}_place": f"{place}|{commune.name}"}


# ── stops, lines, departures ──────────────────────────────────────────────────────────────────────────────────────────


def _timetable(network: Network) -> Timetable:
    """Return the timetable as it is now."""
    return network.live.overlay.timetable if network.live else network.timetable


def _list_stops(timetable: Timetable, network: Network, commune: Commune) -> list[dict[str, Any]]:
    """List the stops of a commune that the network has, main one first."""
    found = []
    for id_ in commune.stop_ids:
        stop = network.stop_index.get(id_)
        if stop is not None and not np.isnan(timetable.stop_lon[stop]):
            point = Point(float(timetable.stop_lon[stop]), float(timetable.stop_lat[stop]))
            found.append({"id": id_, "index": stop, "name": timetable.stop_names.at(stop), "point": point})
    return found


def _join_posts(stops: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Show posts of one name as one stop, numbered by rank."""
    named: dict[str, dict[str, Any]] = {}
    for one in stops:
        named.setdefault(one["name"], one)
    return [{**one, "number": number} for number, one in enumerate(named.values(), 1)]


def _indices(stops: Sequence[dict[str, Any]]) -> NDArray[np.int32]:
    return np.array(sorted({one["index"] for one in stops}), np.int32)


def _list_lines(timetable: Timetable, stops: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """List the lines that stop in the commune, by mode and name."""
    found = [
        {
            "route": route,
            "id": timetable.route_ids.at(route),
            "name": timetable.route_short_names.at(route) or timetable.route_long_names.at(route),
            "long_name": timetable.route_long_names.at(route),
            "mode": mode_of(int(timetable.route_type[route])),
            "paint": paint(timetable.route_colors.at(route), timetable.route_text_colors.at(route)),
        }
        for route in (boards.lines_at(timetable, _indices(stops)) if stops else [])
    ]
    return sorted(found, key=lambda one: (one["mode"] != "rail", str(one["name"]).zfill(8), one["id"]))


def _board(network: Network, timetable: Timetable, stops: Sequence[dict[str, Any]], at: datetime) -> dict[str, Any]:
    """List what leaves next, as far as is known now: of each line and direction few, from the main one of its stops."""
    if not stops:
        return {"calls": [], "live_at": None}
    live = network.live
    overlay = live.overlay if live else None
    found = boards.list_calls(timetable, _indices(stops), at, AHEAD, LOOKED, overlay=overlay)
    rank = {one["index"]: place for place, one in enumerate(stops)}
    ways: dict[tuple[object, object], list[dict[str, Any]]] = {}
    for one in found:
        route = int(timetable.trip_route[one.trip])
        colours = paint(timetable.route_colors.at(route), timetable.route_text_colors.at(route))
        viewed = {**view_call(timetable, one, arrivals=False), "stop": timetable.stop_names.at(one.stop)}
        ways.setdefault((route, viewed["toward"]), []).append({**viewed, "paint": colours, "rank": rank[one.stop]})
    shown = [call for calls in ways.values() for call in _choose(calls)]
    calls = sorted(shown, key=lambda one: one["time"])[:SHOWN]
    return {"calls": calls, "live_at": datetime.fromtimestamp(live.at, at.tzinfo) if live else None}


def _choose(calls: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose the next calls of a line in one direction, at the main one of its stops."""
    main = min(one["rank"] for one in calls)
    return [one for one in calls if one["rank"] == main][:OFTEN]


def _list_nearest(session: Session, commune: Commune) -> list[dict[str, Any]]:
    """List the stops nearest to a commune that has none."""
    found = places.list_stops(
        session, wanted=None, near=commune.point, radius=FARTHEST, box=None, after=None, limit=NEAREST
    )
    return [{"id": place.id, "label": place.label, "metres": metres} for place, _, metres in found.stops]


def _list_marks(commune: Commune, stops: Sequence[dict[str, Any]], offer: Offer) -> list[tuple[str, str, Point]]:
    """List what the map shows, the stops by their numbers."""
    return [
        ("centre", "", commune.point),
        *(("parking", "P", one.point) for one in offer.parking),
        *(("sales", "€", Point(one.lon, one.lat)) for one in offer.sales_points),
        *(("carpool", "C", stop.point) for one in offer.carpool_lines for stop in one.stops),
        *(("stop", str(one["number"]), one["point"]) for one in reversed(stops[:NUMBERED])),
    ]


# ── how things are said ───────────────────────────────────────────────────────────────────────────────────────────────


def _say_clock(seconds: int) -> str:
    """Write a time of the day; after midnight it begins again."""
    return f"{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}"


def _say_weekdays(days: Iterable[int], speak: Words) -> str:
    """Write weekdays: runs of three and more as from one to another."""
    names = speak("weekdays").split()
    runs: list[list[int]] = []
    for day in sorted(days):
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    said = []
    for run in runs:
        if len(run) >= LONG_RUN:
            said.append(speak("communes.from_to_day", first=names[run[0]], last=names[run[-1]]))
        else:
            said += [names[day] for day in run]
    return ", ".join(said)


def _say_euros(cents: int, speak: Words) -> str:
    text = f"{cents / 100:.2f}"
    return f"{text.replace('.', ',')} €" if speak.language == "fr" else f"€{text}"
