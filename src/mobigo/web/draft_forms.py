"""A change of a draft as a form has it: stops by their names, departures and days as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import shapely
from shapely.geometry import shape

from mobigo.kit.errors import InvalidInput
from mobigo.usage.communes import list_communes
from mobigo.usage.draft import SOURCE, AddLine, AddStop, OpenZone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from psycopg import Connection

    from mobigo.journeys.network import Network
    from mobigo.ondemand.model import Service
    from mobigo.usage.draft import Change
    from mobigo.web.forms import Fields

NAMED = 3
"""Stops of a name that a sentence lists."""

MOST_LINES = 200
"""Stops that a text names."""

TEXTS = ("id", "name", "service", "end")
NUMBERS = ("lat", "lon", "minutes", "saves", "adds", "after")


class Names:
    """Names of lines, stops and services, and ids by names, of the network that serves."""

    def __init__(self, network: Network | None, services: Mapping[str, Service]) -> None:
        self.lines: dict[str, str] = {}
        self._stops: dict[str, int] = {}
        self._timetable = None if network is None else network.timetable
        if network is not None:
            timetable = network.timetable
            short, long = timetable.route_short_names.all(), timetable.route_long_names.all()
            told = [f"{a} {b}".strip() if a != b else a for a, b in zip(short, long, strict=True)]
            self.lines = dict(zip(timetable.route_ids.all(), told, strict=True))
            self._stops = network.stop_index
        self.services: dict[str, str] = {
            id_: one.route.get("route_short_name") or one.route.get("route_long_name") or id_
            for id_, one in services.items()
        }

    def own(self, changes: Sequence[Change]) -> Callable[[str], str]:
        """Return what names everything, also what the draft adds."""
        added = {f"{SOURCE}:{one.id}": one.name for one in changes if isinstance(one, AddStop | AddLine | OpenZone)}

        def name(id_: str) -> str:
            if id_ in added:
                return added[id_]
            if id_ in self._stops and self._timetable is not None:
                return self._timetable.stop_names.at(self._stops[id_]) or id_
            return self.lines.get(id_) or self.services.get(id_) or id_

        return name

    def find_stop(self, text: str, changes: Sequence[Change]) -> str:
        """Return the stop that somebody wrote: by its id, or by a name that only one has.

        Raises
        ------
        InvalidInput
            When there is none, or several.
        """
        text = text.strip()
        own = {f"{SOURCE}:{one.id}": one.name for one in changes if isinstance(one, AddStop)}
        if text in self._stops or text in own or self._timetable is None:
            return text
        names, kinds = self._timetable.stop_names.all(), self._timetable.stop_type
        found = [id_ for id_, name in own.items() if name.casefold() == text.casefold()]
        found += [
            id_ for id_, row in self._stops.items() if kinds[row] == 0 and names[row].casefold() == text.casefold()
        ]
        if len(found) == 1:
            return found[0]
        if not found:
            raise InvalidInput(f"there is no stop {text[:60]!r}; write its name as it is on signs, or its id")
        shown = ", ".join(found[:NAMED])
        raise InvalidInput(f"{len(found)} stops are called {text[:60]!r}; write the id of one: {shown}")


def read_change(connection: Connection[Any], form: Fields, names: Names, known: Sequence[Change]) -> dict[str, Any]:
    """Read one change as a document has it.

    Parameters
    ----------
    known : sequence of Change
        Those before it, whose stops it may name.

    Raises
    ------
    InvalidInput
        Naming what is missing or wrong.
    """
    kind = form.get("kind")
    raw: dict[str, Any] = {"kind": kind}
    raw |= {name: form.get(name) for name in TEXTS if form.get(name)}
    raw |= {name: _number(form, name) for name in NUMBERS if form.get(name)}
    raw |= {name: names.find_stop(form.get(name), known) for name in ("stop", "behind") if form.get(name)}
    if form.get("line"):
        raw["which"] = _read_which(form)
    if form.get("way") == "earlier" and "minutes" in raw:
        raw["minutes"] = -raw["minutes"]
    return raw | _read_more(connection, form, names, known)


def _read_more(connection: Connection[Any], form: Fields, names: Names, known: Sequence[Change]) -> dict[str, Any]:
    """Read what is particular to a kind of change."""
    days = {"days": _read_days(form) or {}}
    hours = {"first": form.get("first") or "06:00", "last": form.get("last") or "20:00"}
    match form.get("kind"):
        case "add_line":
            back = {"back": _read_departures(form.get("back"))} if form.get("back") else {}
            there = {"there": _read_departures(form.get("there"))}
            return {"stops": [_read_halt(line, names, known) for line in _lines(form)]} | days | there | back
        case "extend_trips":
            return {"stops": [_read_halt(line, names, known) for line in _lines(form)]}
        case "open_zone":
            stops = [names.find_stop(line, known) for line in _lines(form)]
            return {"hours": [hours], "area": _read_area(connection, form), "stops": stops} | days
        case "run_on":
            return days
        case "change_hours":
            return {"hours": hours}
        case _:
            return {}


def _lines(form: Fields) -> list[str]:
    """Return the stops of a text, one a line, or after semicolons."""
    found = form.values.get("stops", ("",))[0].replace(";", "\n").splitlines()
    return [line.strip() for line in found if line.strip()][:MOST_LINES]


def _number(form: Fields, name: str) -> float:
    try:
        return float(form.get(name).replace(",", "."))
    except ValueError:
        raise InvalidInput(f"{form.get(name)[:20]!r} is no number; correct {name}") from None


def _read_which(form: Fields) -> dict[str, Any]:
    which: dict[str, Any] = {"line": form.get("line")}
    if form.get("direction"):
        which["direction"] = form.count("direction", 9)
    for name in ("first", "last"):
        if form.get(name):
            which[name] = form.get(name)
    days = _read_days(form) if form.get("kind") != "run_on" else None
    return which | ({"days": days} if days else {})


def _read_days(form: Fields) -> dict[str, Any] | None:
    """Read weekdays and what schools do; None: every day."""
    weekdays = sorted({int(one) for one in form.list("weekday") if one in set("1234567")})
    school = form.get("school") or "any"
    days: dict[str, Any] = {"weekdays": weekdays} if weekdays else {}
    return (days | ({"school": school} if school != "any" else {})) or None


def _read_halt(line: str, names: Names, known: Sequence[Change]) -> dict[str, Any]:
    """Read a stop and the minutes to it: ``Semur Gare, 12``."""
    name, _, minutes = line.rpartition(",")
    if not name:
        return {"stop": names.find_stop(line, known)}
    try:
        after = float(minutes)
    except ValueError:
        raise InvalidInput(
            f"{line[:60]!r} is no stop with its minutes; write it like Semur Gare, 12 (the minutes to it)"
        ) from None
    return {"stop": names.find_stop(name, known), "after": after}


def _read_departures(text: str) -> dict[str, Any]:
    """Read departures: ``06:30 07:15``, and ``09:00-17:00/60`` for one an hour."""
    times, every = [], []
    for part in text.replace(",", " ").split():
        span, _, minutes = part.partition("/")
        if minutes:
            first, _, last = span.partition("-")
            every.append({"first": first, "last": last, "minutes": int(minutes) if minutes.isdigit() else 0})
        else:
            times.append(part)
    return {"times": times, "every": every}


def _read_area(connection: Connection[Any], form: Fields) -> dict[str, Any]:
    """Read the area of a zone: communes that were chosen, else GeoJSON."""
    chosen = set(form.list("commune"))
    if chosen:
        outlines = [one.outline for one in list_communes(connection).values() if one.id in chosen]
        known = [shape(outline) for outline in outlines if outline is not None]
        if not known:
            raise InvalidInput("the outlines of these communes are not known; give the area as GeoJSON")
        joined: dict[str, Any] = orjson.loads(shapely.to_geojson(shapely.union_all(known)))
        return joined
    try:
        found = orjson.loads(form.get("area", long=200_000))
    except orjson.JSONDecodeError:
        raise InvalidInput("choose communes, or give the area as a Polygon of GeoJSON") from None
    return found if isinstance(found, dict) else {}
