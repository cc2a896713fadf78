"""Journeys as Navitia writes them: sections, fares, emissions, types, what is known of them now."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Any

from mobigo.facades.navitia.disruptions import ride_id, tell_ride
from mobigo.facades.navitia.modes import physical_of
from mobigo.facades.navitia.places import tell_point
from mobigo.facades.navitia.times import write_day, write_instant
from mobigo.facades.navitia.view import each_once, write_coord
from mobigo.fares.explain import name_of
from mobigo.journeys.model import Booked, Mode
from mobigo.kit.geo import Point
from mobigo.transit.printed import list_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from mobigo.facades.navitia.view import View
    from mobigo.journeys.model import Journey, Leg, Place, Step

Json = dict[str, Any]

STREET_MODES = {Mode.WALK: "walking", Mode.BICYCLE: "bike", Mode.SHARED_BICYCLE: "bike", Mode.CAR: "car"}
TURNS = {
    "DEPART": 0,
    "CONTINUE": 0,
    "SLIGHTLY_RIGHT": 45,
    "RIGHT": 90,
    "HARD_RIGHT": 135,
    "UTURN_RIGHT": 180,
    "SLIGHTLY_LEFT": -45,
    "LEFT": -90,
    "HARD_LEFT": -135,
    "UTURN_LEFT": -180,
}
"""Degrees between a segment and the one before."""
FEWEST_POINTS = 2
EMISSION = "gEC"


class Told:
    """Journeys being told: what they share is told once.

    Parameters
    ----------
    view : View
    ends : tuple of dict
        Places that were asked for.
    requested : datetime
    drawn : bool
        With courses on the map.
    """

    def __init__(self, view: View, ends: tuple[Json, Json], requested: datetime, *, drawn: bool) -> None:
        self.view, self.ends, self.requested, self.drawn = view, ends, requested, drawn
        self.tickets: dict[str, Json] = {}
        self._number = 0

    def at(self, instant: datetime) -> str:
        """Write an instant."""
        return write_instant(instant, self.view.zone)

    # ── a journey ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def journey(self, journey: Journey, kind: str, tags: Sequence[str] = ()) -> Json:
        """Tell a journey."""
        legs = journey.legs if self.view.running else as_planned(journey.legs)
        told = list(self._sections(legs))
        sections = [section for section, _ in told]
        departure, arrival = legs[0].departure, legs[-1].arrival
        spent = _measure(sections)
        return {
            "duration": _seconds(departure, arrival),
            "nb_transfers": journey.transfers,
            "departure_date_time": self.at(departure),
            "arrival_date_time": self.at(arrival),
            "requested_date_time": self.at(self.requested),
            "from": self.ends[0],
            "to": self.ends[1],
            "type": kind,
            "status": status_of(journey.legs),
            "tags": list(tags),
            "sections": sections,
            "fare": self._fare(journey, {n: section["id"] for section, n in told if n is not None}),
            "co2_emission": {"value": float(journey.co2 or 0), "unit": EMISSION if journey.co2 is not None else ""},
            "air_pollutants": None,
            "durations": {"total": _seconds(departure, arrival), **spent["durations"]},
            "distances": spent["distances"],
            "calendars": [],
            "links": [],
        }

    def _sections(self, legs: Sequence[Leg]) -> Iterator[tuple[Json, int | None]]:
        """Tell the legs, each with its number, and what lies between them."""
        if legs[0].trip_id is not None:
            yield self._crow(self.ends[0], self._place(legs[0].start, 0, legs), legs[0].departure), None
        before: Leg | None = None
        for number, leg in enumerate(legs):
            if before is not None:
                if leg.stay_seated:
                    yield self._stay(before, leg), None
                elif before.trip_id is not None and leg.trip_id is not None and before.end.stop_id != leg.start.stop_id:
                    yield self._transfer(before, leg), None
                if not leg.stay_seated and leg.departure > before.arrival:
                    yield self._wait(before.arrival, leg.departure), None
            for section in self._leg(leg, number, legs):
                yield section, number
            before = leg
        if legs[-1].trip_id is not None:
            last = len(legs) - 1
            yield self._crow(self._place(legs[-1].end, last, legs), self.ends[1], legs[-1].arrival), None

    def _leg(self, leg: Leg, number: int, legs: Sequence[Leg]) -> Iterator[Json]:
        ends = self._place(leg.start, number, legs, first=True), self._place(leg.end, number, legs, last=True)
        if leg.trip_id is not None and leg.mode not in {Mode.ON_DEMAND, Mode.CARPOOL}:
            yield self._ride(leg, ends)
        elif leg.booking is not None and leg.booking.kind is Booked.CARPOOL:
            yield self._lift(leg, ends)
        elif leg.booking is not None or leg.mode is Mode.ON_DEMAND:
            yield self._booked(leg, ends)
        elif leg.mode is Mode.SHARED_BICYCLE:
            rent = self._poi(leg.start, leg.place_id, leg.available), self._poi(leg.end, None, None)
            yield self._moment("bss_rent", leg.departure, (ends[0], rent[0]))
            yield self._street(leg, rent)
            yield self._moment("bss_put_back", leg.arrival, (rent[1], ends[1]))
        elif leg.mode is Mode.CAR and leg.place_id is not None:
            park = self._poi(leg.start if number else leg.end, leg.place_id, None)
            if number:
                yield self._moment("leave_parking", leg.departure, (park, park))
                yield self._street(leg, (park, ends[1]))
            else:
                yield self._street(leg, (ends[0], park))
                yield self._moment("park", leg.arrival, (park, park))
        else:
            between = 0 < number < len(legs) - 1 and _between_rides(legs, number)
            yield self._street(leg, ends, between=between, alone=len(legs) == 1)

    # ── places ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(
        self, place: Place, number: int, legs: Sequence[Leg], *, first: bool = False, last: bool = False
    ) -> Json:
        """Tell an end of a leg: what was asked for at the ends of the journey, else a stop point or an address."""
        stop = self.view.network.stop_index.get(place.stop_id) if place.stop_id is not None else None
        if stop is not None:
            told = self.view.stop_point(stop, 1)
            if place.platform:
                told["platform_code"] = place.platform
            return self.view.place("stop_point", told)
        if first and number == 0:
            return self.ends[0]
        if last and number == len(legs) - 1:
            return self.ends[1]
        return tell_point(self.view, Point(place.lon, place.lat), place.name or None)

    def _poi(self, place: Place, name: str | None, bikes: int | None) -> Json:
        kind = {"id": "poi_type:amenity:bicycle_rental", "name": "Station VLS"}
        poi: Json = {
            "id": f"poi:{name or f'{place.lon:.6f}:{place.lat:.6f}'}",
            "name": place.name,
            "label": place.name,
            "coord": write_coord(place.lon, place.lat),
            "poi_type": kind,
            "properties": {},
            "administrative_regions": [],
        }
        if bikes is not None:
            poi["stands"] = {"available_bikes": bikes, "status": "open"}
        return self.view.place("poi", poi)

    # ── sections ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _section(self, kind: str, start: datetime, end: datetime) -> Json:
        self._number += 1
        return {
            "id": f"section_{self._number}",
            "type": kind,
            "duration": _seconds(start, end),
            "departure_date_time": self.at(start),
            "arrival_date_time": self.at(end),
            "links": [],
            "co2_emission": {"value": 0.0, "unit": EMISSION},
        }

    def _moment(self, kind: str, at: datetime, ends: tuple[Json, Json]) -> Json:
        return self._section(kind, at, at) | {"from": ends[0], "to": ends[1]}

    def _wait(self, start: datetime, end: datetime) -> Json:
        return self._section("waiting", start, end)

    def _crow(self, start: Json, end: Json, at: datetime) -> Json:
        """Tell that one is at the stop: nothing lies between it and what was asked for."""
        return self._moment("crow_fly", at, (start, end)) | {"mode": "walking"}

    def _stay(self, before: Leg, leg: Leg) -> Json:
        section = self._section("stay_in", before.arrival, leg.departure)
        place = self._place(leg.start, 1, ())
        return section | {"transfer_type": "stay_in", "from": place, "to": place}

    def _transfer(self, before: Leg, leg: Leg) -> Json:
        """Tell a change between stops that lie together: nobody says which way one goes."""
        ends = self._place(before.end, 1, ()), self._place(leg.start, 1, ())
        return self._moment("transfer", before.arrival, ends) | {"transfer_type": "walking", "mode": "walking"}

    def _draw(self, leg: Leg) -> Json:
        if not self.drawn or len(leg.geometry) < FEWEST_POINTS:
            return {}
        length = round(leg.metres or 0)
        shape = {"type": "LineString", "coordinates": leg.geometry, "properties": [{"length": length}]}
        return {"geojson": shape}

    def _emit(self, leg: Leg) -> Json:
        return {"co2_emission": {"value": float(leg.co2 or 0), "unit": EMISSION if leg.co2 is not None else ""}}

    def _street(self, leg: Leg, ends: tuple[Json, Json], *, between: bool = False, alone: bool = False) -> Json:
        """Tell a way on streets, perhaps from one vehicle to another, perhaps the whole journey."""
        mode = STREET_MODES.get(leg.mode, "walking")
        if mode == "car" and leg.place_id is None and not alone:
            mode = "car_no_park"
        kind = "transfer" if between else "street_network" if self.view.network.streets is not None else "crow_fly"
        section = self._section(kind, leg.departure, leg.arrival) | {"mode": mode, "from": ends[0], "to": ends[1]}
        if between:
            section["transfer_type"] = "walking"
        whole = sum(step.metres for step in leg.steps) or 1.0
        path = [_tell_step(step, section["duration"] * step.metres / whole) for step in leg.steps]
        return section | self._emit(leg) | self._draw(leg) | ({} if kind == "crow_fly" else {"path": path})

    def _ride(self, leg: Leg, ends: tuple[Json, Json]) -> Json:
        """Tell a ride by timetable; one that must be called for is on demand."""
        view = self.view
        called = leg.pickup == "phone" or leg.drop_off == "phone" or leg.booking is not None
        section = self._section("on_demand_transport" if called else "public_transport", leg.departure, leg.arrival)
        trip = view.timetable.trip_ids.find(leg.trip_id or "")
        disruptions = self._disruptions(leg)
        row = int(view.timetable.call_first[trip])
        display = view.display(trip, row) | {"headsign": leg.headsign or ""}
        display["links"] = each_once([*display["links"], *disruptions])
        planned = leg.planned_departure or leg.departure, leg.planned_arrival or leg.arrival
        extra = "odt_with_stop_time" if called else "has_date_time_estimated" if leg.every else "regular"
        section |= {
            "from": ends[0],
            "to": ends[1],
            "display_informations": display,
            "additional_informations": [extra],
            "data_freshness": "realtime" if self._is_live(leg) else "base_schedule",
            "stop_date_times": list(self._calls(leg, ends)),
            "links": view.links_of_ride(trip),
        }
        if not leg.added:
            section |= {
                "base_departure_date_time": self.at(planned[0]),
                "base_arrival_date_time": self.at(planned[1]),
            }
        if called:
            section["booking_rule"] = _rule_of(leg)
        return section | self._emit(leg) | self._draw(leg)

    def _is_live(self, leg: Leg) -> bool:
        """Tell whether the hours of a ride are those of live data."""
        return self.view.running and (leg.planned_departure is not None or leg.planned_arrival is not None)

    def _calls(self, leg: Leg, ends: tuple[Json, Json]) -> Iterator[Json]:
        """Tell the stops of a ride, the first and the last one too."""
        index = self.view.network.stop_index
        first, last = leg.planned_departure or leg.departure, leg.planned_arrival or leg.arrival
        yield self._call(ends[0]["stop_point"], (leg.departure, leg.departure), (first, first))
        for call in leg.calls:
            stop = index.get(call.place.stop_id or "")
            if stop is not None:
                times = call.arrival, call.departure
                planned = None if self._is_live(leg) else times
                yield self._call(self.view.stop_point(stop, 0), times, planned)
        yield self._call(ends[1]["stop_point"], (leg.arrival, leg.arrival), (last, last))

    def _call(self, stop: Json, times: tuple[datetime, datetime], planned: tuple[datetime, datetime] | None) -> Json:
        told = {
            "stop_point": stop,
            "arrival_date_time": self.at(times[0]),
            "departure_date_time": self.at(times[1]),
            "additional_informations": [],
            "links": [],
        }
        if planned is not None:
            told |= {
                "base_arrival_date_time": self.at(planned[0]),
                "base_departure_date_time": self.at(planned[1]),
            }
        return told

    def _disruptions(self, leg: Leg) -> list[Json]:
        """Name the messages about a ride, and what live data change on it."""
        view, live = self.view, self.view.network.live
        if live is None or leg.service_date is None:
            return []
        links = [view.link_to(live.alerts[name]) for name in leg.alerts if name in live.alerts]
        running = live.overlay.timetable
        day = write_day(leg.service_date)
        name = ride_id(leg.trip_id or "", day)
        if name not in view.disruptions:
            columns = list_columns(
                running, live.overlay, running.trip_ids.find_all(leg.trip_id or ""), leg.service_date
            )
            told = next((one for column in columns if (one := tell_ride(view.now_running(), column, day))), None)
            if told is None:
                return links
            view.disruptions[name] = told
        return [*links, view.link_to_told(name, dict)]

    def _booked(self, leg: Leg, ends: tuple[Json, Json]) -> Json:
        """Tell a ride that runs only for those who book it."""
        section = self._section("on_demand_transport", leg.departure, leg.arrival)
        stops = leg.start.stop_id is not None and leg.end.stop_id is not None
        line = leg.line
        physical = physical_of(Mode.ON_DEMAND)
        section |= {
            "from": ends[0],
            "to": ends[1],
            "additional_informations": ["odt_with_stop_point" if stops else "odt_with_zone"],
            "display_informations": {
                "network": line.agency if line else "",
                "physical_mode": physical.name,
                "commercial_mode": physical.name,
                "code": line.name if line else "",
                "label": line.name if line else "",
                "name": line.long_name if line else "",
                "color": (line.color if line else None) or "",
                "text_color": (line.text_color if line else None) or "",
                "direction": leg.headsign or leg.end.name,
                "headsign": leg.headsign or "",
                "trip_short_name": "",
                "description": "",
                "equipments": [],
                "links": [],
            },
            "booking_rule": _rule_of(leg),
        }
        return section | self._emit(leg) | self._draw(leg)

    def _lift(self, leg: Leg, ends: tuple[Json, Json]) -> Json:
        """Tell a place in somebody's car."""
        booking = leg.booking
        assert booking is not None
        inner = self._section("ridesharing", leg.departure, leg.arrival) | self._draw(leg)
        inner |= {
            "from": ends[0],
            "to": ends[1],
            "ridesharing_informations": {
                "operator": booking.operator or (leg.line.name if leg.line else "") or "mobigo",
                "network": leg.line.name if leg.line else "",
                "seats": {"available": None, "total": None},
                "driver": None,
            },
            "links": [
                {"type": "ridesharing_ad", "rel": "ridesharing_ad", "href": booking.url or "", "templated": False}
            ],
        }
        price = _money(booking.price_cents or 0)
        ride = {
            "departure_date_time": self.at(leg.departure),
            "arrival_date_time": self.at(leg.arrival),
            "duration": _seconds(leg.departure, leg.arrival),
            "nb_transfers": 0,
            "type": "",
            "status": "",
            "tags": ["ridesharing"],
            "fare": {"found": booking.price_cents is not None, "total": price, "links": []},
            "sections": [inner],
        }
        section = self._section("street_network", leg.departure, leg.arrival)
        section |= {"mode": "ridesharing", "from": ends[0], "to": ends[1], "ridesharing_journeys": [ride]}
        return section | self._emit(leg) | self._draw(leg) | {"path": []}

    # ── fares ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _fare(self, journey: Journey, names: dict[int, str]) -> Json:
        priced = journey.priced
        if priced is None:
            return {"found": False, "total": {"value": "0.0", "currency": ""}, "links": []}
        price, links = priced.price, []
        for item in price.items:
            sections = [names[leg] for ride in item.rides for leg in priced.legs[ride] if leg in names]
            name = f"ticket_{len(self.tickets) + 1}"
            book = priced.shelf.book_of(item.version)
            self.tickets[name] = {
                "id": name,
                "name": name_of(book, item.product, self.view.language),
                "comment": "",
                "source_id": item.product,
                "found": True,
                "cost": _money(item.cents, price.currency),
                "links": [_inner("section", section) for section in sections],
            }
            links.append(_inner("ticket", name))
        return {"found": price.complete, "total": _money(price.cents, price.currency), "links": links}


def _tell_step(step: Step, seconds: float) -> Json:
    """Tell an instruction; some clients look for its parts one level deeper, as the documentation has them."""
    told = {
        "name": step.street,
        "length": round(step.metres),
        "duration": round(seconds),
        "direction": TURNS.get(step.direction, 0),
    }
    return told | {"path_items": [told]}


def _inner(kind: str, name: str) -> Json:
    return {"type": kind, "rel": f"{kind}s", "id": name, "internal": True, "templated": False}


def _money(cents: int, currency: str = "EUR") -> Json:
    """Write money: a number as text."""
    return {"value": f"{cents / 100:.2f}", "currency": currency}


def _seconds(start: datetime, end: datetime) -> int:
    return ceil((end - start).total_seconds())


def _rule_of(leg: Leg) -> Json:
    """Tell how a ride is booked, and until when."""
    booking = leg.booking
    if booking is None:
        phone = leg.phone or ""
        return {"name": "", "info_url": "", "message": "", "phone_number": phone, "booking_url": "", "applies_on": []}
    return {
        "name": leg.line.name if leg.line else booking.operator or "",
        "info_url": "",
        "message": booking.message or "",
        "phone_number": booking.phone or "",
        "booking_url": booking.url or "",
        "applies_on": [leg.line.name] if leg.line else [],
        "bookable_until": booking.bookable_until.strftime("%Y%m%dT%H%M%S"),
        "service_id": booking.service_id,
        "quote": booking.quote,
    }


def _between_rides(legs: Sequence[Leg], number: int) -> bool:
    """Tell whether a walk leads from one vehicle to another."""
    vehicles = [leg.trip_id is not None or leg.booking is not None for leg in legs]
    return legs[number].mode is Mode.WALK and vehicles[number - 1] and vehicles[number + 1]


def as_planned(legs: Sequence[Leg]) -> list[Leg]:
    """Return a journey as the timetable has it: walks begin when vehicles should arrive."""
    told: list[Leg] = []
    ready: timedelta | None = None
    for leg in legs:
        if leg.trip_id is not None and leg.booking is None:
            planned = replace(
                leg,
                departure=leg.planned_departure or leg.departure,
                arrival=leg.planned_arrival or leg.arrival,
            )
            ready = planned.arrival - leg.arrival
        elif leg.booking is None and ready:
            planned = replace(leg, departure=leg.departure + ready, arrival=leg.arrival + ready)
        else:
            planned = leg
            ready = None if leg.booking is not None else ready
        told.append(planned)
    return told


def status_of(legs: Sequence[Leg]) -> str:
    """Tell what happens to a journey: effects of GTFS-Realtime, empty where it runs as planned."""
    if any(leg.canceled for leg in legs):
        return "NO_SERVICE"
    if any(leg.added for leg in legs):
        return "MODIFIED_SERVICE"
    moved = any(
        (leg.planned_departure is not None and leg.planned_departure != leg.departure)
        or (leg.planned_arrival is not None and leg.planned_arrival != leg.arrival)
        for leg in legs
    )
    return "SIGNIFICANT_DELAYS" if moved else ""


def _measure(sections: Sequence[Json]) -> Json:
    """Add up seconds and metres by mode of the street."""
    names = {"walking": "walking", "bike": "bike", "car": "car", "car_no_park": "car", "ridesharing": "ridesharing"}
    durations = dict.fromkeys(("walking", "bike", "car", "ridesharing", "taxi"), 0)
    distances = dict.fromkeys(("walking", "bike", "car", "ridesharing", "taxi"), 0)
    for section in sections:
        name = names.get(section.get("mode") or "")
        if name is not None:
            durations[name] += section["duration"]
            shape = section.get("geojson")
            distances[name] += shape["properties"][0]["length"] if shape else 0
    return {"durations": durations, "distances": distances}
