"""Journeys of the planner as itineraries of MOTIS.

Two things that MOTIS has no words for come along as fields of our own, which its clients skip: `co2` (grams of CO2
equivalent for one traveller, of legs and itineraries) and how a ride is booked (`pickupBookingRule`,
`dropOffBookingRule`). That a ride has to be booked, until when and where also stands in its `alerts`, which every
client shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mobigo.facades.motis.fares import write_fares
from mobigo.facades.motis.ids import write_id, write_time, write_trip
from mobigo.facades.motis.modes import STREET, Mode
from mobigo.facades.motis.scribe import KNOWN
from mobigo.journeys.model import BOOKED_MODES, SHARED_MODES
from mobigo.journeys.model import Mode as OwnMode
from mobigo.kit.geo import Point, haversine
from mobigo.transit.timetable import NOT_ALLOWED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mobigo.facades.motis.parameters import Detail
    from mobigo.facades.motis.scribe import Scribe
    from mobigo.journeys.model import Journey, Leg, Place, ToBook
    from mobigo.transit.printed import Cell, Column

URIS = {"web": "rentalUriWeb", "ios": "rentalUriIOS", "android": "rentalUriAndroid"}

START, END = "START", "END"
"""What MOTIS calls the ends of a journey that are points."""

SAY = {
    "here": ("À réserver ici avant le {until}.", "To be booked here until {until}."),
    "web": ("À réserver sur {url} avant le {until}.", "To be booked at {url} until {until}."),
    "phone": ("À réserver au {phone} avant le {until}.", "To be booked by telephone ({phone}) until {until}."),
    "call": ("À demander par téléphone : {phone}.", "Call before: {phone}."),
    "header": ("Réservation obligatoire", "Booking required"),
}
"""In French and in English."""


@dataclass(frozen=True)
class Writer:
    """Writes the itineraries of one answer."""

    scribe: Scribe
    detail: Detail
    flex: bool = False
    """Rides on demand were asked for as FLEX, and are called so."""
    with_fares: bool = False

    def itinerary(self, journey: Journey, *, since: datetime | None = None) -> dict[str, Any]:
        """Write a journey.

        Parameters
        ----------
        since : datetime, optional
            The instant from which (with the journey before it: until which) the wait counts.
        """
        legs = self.legs(journey)
        begin, end = journey.departure, journey.arrival
        if since is not None:
            begin, end = min(begin, since), max(end, since)
        found: dict[str, Any] = {
            "duration": int((end - begin).total_seconds()),
            "startTime": write_time(journey.departure),
            "endTime": write_time(journey.arrival),
            "transfers": journey.transfers,
            "id": journey.id,
            "legs": legs,
        }
        if journey.co2 is not None:
            found["co2"] = journey.co2
        if self.with_fares and journey.priced is not None:
            transfers, of_leg = write_fares(journey.priced, "fr" if self.scribe.speaks_french else "en")
            found["fareTransfers"] = transfers
            for leg, number in zip(legs, self.numbers(journey), strict=True):
                if number in of_leg:
                    leg["fareTransferIndex"], leg["effectiveFareLegIndex"] = of_leg[number], 0
        return found

    def numbers(self, journey: Journey) -> list[int]:
        """Return for each leg that is written the number of the first of ours that it is."""
        joined = self.detail.join_interlined_legs
        return [n for n, leg in enumerate(journey.legs) if not (joined and n and leg.stay_seated)]

    def legs(self, journey: Journey) -> list[dict[str, Any]]:
        """Write the legs of a journey."""
        last = len(journey.legs) - 1
        written: list[dict[str, Any]] = []
        points: list[tuple[tuple[float, float], ...]] = []
        for n, leg in enumerate(journey.legs):
            rides = leg.trip_id is not None or leg.mode in BOOKED_MODES
            between = 0 < n < last and leg.mode is OwnMode.WALK
            drawn = self.detail.details_transfers if between else self.detail.detailed_legs
            found = self.ride(leg) if leg.trip_id is not None else self.way(leg, drawn=drawn)
            if not rides and n == 0 and leg.start.stop_id is None:
                found["from"]["name"] = START
            if not rides and n == last and leg.end.stop_id is None:
                found["to"]["name"] = END
            if leg.stay_seated and written and leg.trip_id is not None:
                if self.detail.join_interlined_legs:
                    points[-1] += leg.geometry
                    wait = leg.departure - journey.legs[n - 1].arrival
                    _join(written[-1], found, int(wait.total_seconds()))
                    continue
                found["interlineWithPreviousLeg"] = True
            written.append(found)
            points.append(leg.geometry if drawn else ())
        for found, course in zip(written, points, strict=True):
            found["legGeometry"] = self.scribe.course(course)
        return written

    # ── rides ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def ride(self, leg: Leg) -> dict[str, Any]:
        """Write a ride in a vehicle of the timetable."""
        assert leg.trip_id is not None
        assert leg.service_date is not None
        scribe = self.scribe
        planned = leg.planned_departure or leg.departure, leg.planned_arrival or leg.arrival
        found: dict[str, Any] = {
            **_times(leg, planned),
            "realTime": leg.planned_departure is not None or leg.planned_arrival is not None or leg.added,
            "scheduled": not leg.added,
            "cancelled": leg.canceled,
            "headsign": leg.headsign or "",
        }
        match = find_run(scribe.columns(leg.trip_id, leg.service_date), leg, scribe)
        if match is None:
            trip = scribe.timetable.trip_ids.find(leg.trip_id)
            found |= scribe.line(trip)
            found |= {"from": self.place(leg.start), "to": self.place(leg.end), "intermediateStops": []}
            begin = leg.departure - leg.departure.replace(hour=0, minute=0, second=0)
            found["tripId"] = write_trip(leg.service_date, int(begin.total_seconds()), leg.trip_id)
        else:
            column, board, alight = match
            found |= scribe.line(column.trip) | self.run(column, board, alight)
            found["tripId"] = scribe.trip_name(column, leg.service_date)
        if leg.metres is not None:
            found["distance"] = leg.metres
        if leg.alerts:
            found["alerts"] = scribe.alerts(leg.alerts)
        if leg.co2 is not None:
            found["co2"] = leg.co2
        if leg.booking is not None:
            self._add_booking(found, leg.booking)
        elif "phone" in {leg.pickup, leg.drop_off} and leg.phone:
            self._add_call(found, leg)
        return found

    def run(self, column: Column, board: int, alight: int) -> dict[str, Any]:
        """Write the calls of a run from where one boards to where one alights, and its ends."""
        scribe, cells = self.scribe, column.cells
        between = [cell for cell in cells[board + 1 : alight] if self._is_shown(cell)]
        return {
            "from": scribe.call(cells[board], arrives=False, departs=True),
            "to": scribe.call(cells[alight], arrives=True, departs=False),
            "tripFrom": scribe.call(cells[0], arrives=False, departs=True),
            "tripTo": scribe.call(cells[-1], arrives=True, departs=False),
            "intermediateStops": [scribe.call(cell, arrives=True, departs=True) for cell in between],
        }

    def _is_shown(self, cell: Cell) -> bool:
        """Tell whether somebody may board or alight at a call by the timetable, or skipped ones are asked for."""
        timetable = self.scribe.timetable
        allowed = timetable.call_pickup[cell.row] != NOT_ALLOWED or timetable.call_drop_off[cell.row] != NOT_ALLOWED
        return self.detail.with_scheduled_skipped_stops or allowed or cell.state in KNOWN

    # ── ways ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def way(self, leg: Leg, *, drawn: bool) -> dict[str, Any]:
        """Write a way on foot or wheels, or a ride that is in no timetable."""
        found: dict[str, Any] = {
            "mode": self._mode(leg),
            "from": self.place(leg.start) | {"departure": write_time(leg.departure)},
            "to": self.place(leg.end) | {"arrival": write_time(leg.arrival)},
            **_times(leg, (leg.departure, leg.arrival)),
            "realTime": False,
            "scheduled": True,
        }
        for place, event, instant in (("from", "Departure", leg.departure), ("to", "Arrival", leg.arrival)):
            found[place][f"scheduled{event}"] = write_time(instant)
        if leg.metres is not None:
            found["distance"] = leg.metres
        if leg.co2 is not None:
            found["co2"] = leg.co2
        if leg.mode in SHARED_MODES:
            found["rental"] = _rental(leg)
            for place in ("from", "to"):
                found[place]["vertexType"] = "BIKESHARE"
        if leg.booking is not None or leg.mode in BOOKED_MODES:
            found |= self._booked(leg)
        elif drawn and leg.steps:
            found["steps"] = self.steps(leg)
        return found

    def _mode(self, leg: Leg) -> str:
        mode = STREET.get(leg.mode, Mode.OTHER)
        if leg.mode is OwnMode.CAR and leg.place_id is not None:
            mode = Mode.CAR_PARKING
        elif leg.mode is OwnMode.ON_DEMAND and self.flex:
            mode = Mode.FLEX
        return self.scribe.mode(mode)

    def _booked(self, leg: Leg) -> dict[str, Any]:
        """Write what is to be said of a ride that is in no timetable."""
        line, booking = leg.line, leg.booking
        name = line.name if line is not None else ""
        service = line.id if line is not None else ""
        at = leg.departure
        trip_id = booking.trip_id if booking is not None else service
        day = leg.service_date or at.date()
        seconds = int((at.replace(tzinfo=None) - at.replace(tzinfo=None, hour=0, minute=0, second=0)).total_seconds())
        found: dict[str, Any] = {
            "tripId": write_trip(day, seconds + 86_400 * (at.date() - day).days, trip_id),
            "routeId": write_id(service),
            "routeShortName": name,
            "routeLongName": line.long_name if line is not None else "",
            "displayName": name,
            "tripShortName": "",
            "headsign": leg.headsign or leg.end.name,
            "agencyId": "",
            "agencyName": (booking.operator if booking is not None else None) or (line.agency if line else ""),
            "agencyUrl": "",
            "reservation": "COMPULSORY",
            "cancelled": leg.canceled,
            "intermediateStops": [],
        }
        colours = {"routeColor": line and line.color, "routeTextColor": line and line.text_color}
        found |= {key: value for key, value in colours.items() if value}
        if booking is not None:
            self._add_booking(found, booking)
        return found

    def place(self, place: Place) -> dict[str, Any]:
        """Write a place of a journey."""
        index = self.scribe.network.stop_index.get(place.stop_id or "")
        if index is None:
            return self.scribe.point(place.name, place.lat, place.lon)
        track = {"track": place.platform, "scheduledTrack": place.platform} if place.platform else {}
        return self.scribe.stop(index, **track)

    def steps(self, leg: Leg) -> list[dict[str, Any]]:
        """Write the instructions of a way, each with its part of the course."""
        parts = cut(leg.geometry, [step.metres for step in leg.steps])
        return [
            {
                "relativeDirection": step.direction.upper(),
                "distance": step.metres,
                "fromLevel": 0,
                "toLevel": 0,
                "polyline": self.scribe.course(part),
                "streetName": step.street,
                "exit": "",
                "stayOn": False,
                "area": False,
            }
            for step, part in zip(leg.steps, parts, strict=True)
        ]

    # ── booking ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _say(self, what: str, **words: object) -> str:
        return SAY[what][0 if self.scribe.speaks_french else 1].format(**words)

    def _add_alert(self, found: dict[str, Any], text: str) -> None:
        told = {"headerText": self._say("header"), "descriptionText": text, "severityLevel": "INFO"}
        found["alerts"] = [*found.get("alerts", []), told]

    def _add_booking(self, found: dict[str, Any], booking: ToBook) -> None:
        """Say how a ride is booked."""
        rule: dict[str, Any] = {
            "how": booking.how,
            "bookableUntil": write_time(booking.bookable_until),
            "bookableFrom": booking.opens and write_time(booking.opens),
            "pickupWindowStart": write_time(booking.pickup_window[0]),
            "pickupWindowEnd": write_time(booking.pickup_window[1]),
            "arriveBy": write_time(booking.arrive_by),
            "priceCents": booking.price_cents,
            "phoneNumber": booking.phone,
            "bookingUrl": booking.url,
            "message": booking.message,
            "operator": booking.operator,
            "quote": booking.quote,
            "quoteExpires": booking.quote_expires and write_time(booking.quote_expires),
        }
        rule = {key: value for key, value in rule.items() if value is not None}
        found["pickupBookingRule"] = found["dropOffBookingRule"] = rule
        found["reservation"] = "COMPULSORY"
        for place in ("from", "to"):
            if place in found:
                found[place]["flexStartPickupDropOffWindow"] = rule["pickupWindowStart"]
                found[place]["flexEndPickupDropOffWindow"] = rule["pickupWindowEnd" if place == "from" else "arriveBy"]
        until = f"{booking.bookable_until:%d/%m/%Y %H:%M}"
        told = self._say(booking.how, until=until, url=booking.url or "", phone=booking.phone or "")
        self._add_alert(found, " ".join(filter(None, [told, booking.message])))

    def _add_call(self, found: dict[str, Any], leg: Leg) -> None:
        """Say that the agency is called before one boards or alights."""
        for asked, key in ((leg.pickup, "pickupBookingRule"), (leg.drop_off, "dropOffBookingRule")):
            if asked == "phone":
                found[key] = {"how": "phone", "phoneNumber": leg.phone}
        self._add_alert(found, self._say("call", phone=leg.phone))


def _times(leg: Leg, planned: tuple[datetime, datetime]) -> dict[str, Any]:
    return {
        "duration": int((leg.arrival - leg.departure).total_seconds()),
        "startTime": write_time(leg.departure),
        "endTime": write_time(leg.arrival),
        "scheduledStartTime": write_time(planned[0]),
        "scheduledEndTime": write_time(planned[1]),
    }


def _join(before: dict[str, Any], after: dict[str, Any], wait: int) -> None:
    """Let a leg go on as the next one of the same vehicle, so many seconds after it arrived."""
    stay = before["to"] | {
        key: value for key, value in after["from"].items() if "eparture" in key or key == "pickupType"
    }
    before["intermediateStops"] = [*before["intermediateStops"], stay, *after["intermediateStops"]]
    for key in ("to", "tripTo", "endTime", "scheduledEndTime"):
        if key in after:
            before[key] = after[key]
    before["duration"] += wait + after["duration"]
    before["realTime"] = before["realTime"] or after["realTime"]
    before["cancelled"] = before["cancelled"] or after["cancelled"]
    for key in ("distance", "co2"):
        if key in before and key in after:
            before[key] += after[key]
    alerts = [
        *before.get("alerts", []),
        *(one for one in after.get("alerts", []) if one not in before.get("alerts", [])),
    ]
    if alerts:
        before["alerts"] = alerts


def find_run(columns: Sequence[Column], leg: Leg, scribe: Scribe) -> tuple[Column, int, int] | None:
    """Find which run of a trip a ride is in, and at which of its calls it begins and ends."""
    ids, stops = scribe.timetable.stop_ids, scribe.timetable.call_stop
    for column in columns:
        names = [ids.at(int(stops[cell.row])) for cell in column.cells]
        for n, cell in enumerate(column.cells):
            if names[n] != leg.start.stop_id or leg.departure not in (cell.departure, cell.planned_departure):
                continue
            for m, end in enumerate(column.cells[n + 1 :], n + 1):
                if names[m] == leg.end.stop_id and leg.arrival in (end.arrival, end.planned_arrival):
                    return column, n, m
    return None


def cut(course: Sequence[tuple[float, float]], metres: Sequence[float]) -> list[Sequence[tuple[float, float]]]:
    """Cut a course at its points nearest to where parts of such lengths end; each part begins where one ended."""
    run = [0.0]
    for a, b in pairwise(course):
        run.append(run[-1] + haversine(Point(*a), Point(*b)))
    whole = sum(metres) or 1.0
    parts: list[Sequence[tuple[float, float]]] = []
    at, done = 0, 0.0
    for n, length in enumerate(metres):
        done += length
        mark = run[-1] * done / whole
        end = len(course) - 1
        if n + 1 < len(metres):
            end = min(range(at, len(course)), key=lambda place: abs(run[place] - mark))
        parts.append(course[at : end + 1])
        at = end
    return parts


def _rental(leg: Leg) -> dict[str, Any]:
    """Write the shared vehicle of a ride."""
    system = (leg.place_id or "").partition(":")[0]
    rented = leg.rented
    found: dict[str, Any] = {
        "providerId": system,
        "providerGroupId": system,
        "systemId": system,
        "systemName": rented.system if rented is not None else system,
        "fromStationName": leg.start.name,
        "toStationName": leg.end.name,
    }
    if rented is None:
        return found
    found["formFactor"] = rented.form_factor.upper()
    found["returnConstraint"] = "ANY_STATION" if rented.at_station else "NONE"
    if rented.propulsion is not None:
        found["propulsionType"] = rented.propulsion.upper()
    return found | {key: rented.uris[platform] for platform, key in URIS.items() if platform in rented.uris}


def is_within(journey: Journey, first: int, last: int) -> bool:
    """Tell whether the ways to the first vehicle and from the last take no longer than so many seconds."""
    rides = [n for n, leg in enumerate(journey.legs) if leg.trip_id is not None or leg.mode in BOOKED_MODES]
    if not rides:
        return True
    before, after = journey.legs[: rides[0]], journey.legs[rides[-1] + 1 :]
    return all(
        sum((leg.arrival - leg.departure for leg in legs), timedelta()) <= timedelta(seconds=longest)
        for legs, longest in ((before, first), (after, last))
    )
