"""What journeys cost: their rides as fares see them, and who travels."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
import structlog

from mobigo.db.engine import libpq_conninfo
from mobigo.fares.explain import name_of, say
from mobigo.fares.model import FareRide, Fellow, Held, RideKind
from mobigo.fares.service import list_in_force
from mobigo.fares.shelf import open_shelf
from mobigo.journeys.model import Booked, Mode
from mobigo.journeys.rides import is_seat_kept
from mobigo.journeys.streetlegs import local_time
from mobigo.kit.errors import InvalidInput, NotFound
from mobigo.kit.geo import arc_metres
from mobigo.transit.model import Ride, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from sqlalchemy.engine import Engine

    from mobigo.fares.model import Item, Price
    from mobigo.fares.pricebook import PriceBook
    from mobigo.fares.shelf import Shelf
    from mobigo.journeys.model import Journey, Leg, Place
    from mobigo.journeys.network import Network
    from mobigo.transit.model import TransitJourney
    from mobigo.transit.timetable import Timetable

log = structlog.get_logger()

FRESH = 5.0
"""Seconds for which the catalogue that was read is taken to be in force."""

HOME = ZoneInfo("Europe/Paris")
"""Where days of sale are counted."""

PATIENCE = 2
"""Seconds in which the database must take a connection."""

MOST_TRAVELLERS = 50


@dataclass(frozen=True)
class Till:
    """What journeys are priced with: what is sold, and who travels."""

    shelf: Shelf
    fellows: tuple[Fellow, ...]
    media: frozenset[str] | None = None
    """What tickets may be on; None: anything."""
    agencies: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Of the lines looked up so far."""


class Priced(NamedTuple):
    """The price of a journey, and which of its legs each ride of the price is."""

    price: Price
    legs: tuple[tuple[int, ...], ...]
    shelf: Shelf


class Fares:
    """Hands out the catalogues in force, kept per process; it goes on while the database is away.

    It has a connection of its own: whoever plans may hold none of the pool's.
    """

    def __init__(self, engine: Engine) -> None:
        self._url = engine.url.render_as_string(hide_password=False)
        self._connection: psycopg.Connection[Any] | None = None
        self._lock = threading.Lock()
        self._asked_at = -FRESH
        self._shelf: Shelf | None = None
        self._day: date | None = None

    def current(self, now: datetime) -> Shelf | None:
        """Return what is sold on the day of an instant; None where nothing is, or nothing is known."""
        day = now.astimezone(HOME).date()
        if day == self._day and time.monotonic() - self._asked_at < FRESH:
            return self._shelf
        waits = self._day is None
        if self._lock.acquire(blocking=waits):
            try:
                if day != self._day or time.monotonic() - self._asked_at >= FRESH:
                    self._read(day)
            finally:
                self._lock.release()
        return self._shelf

    def expect_change(self) -> None:
        """Look again when somebody asks next."""
        self._asked_at = -FRESH

    def close(self) -> None:
        """Give the connection back; it is opened again when somebody asks."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _read(self, day: date) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(libpq_conninfo(self._url), autocommit=True, connect_timeout=PATIENCE)
            found = list_in_force(self._connection, day)
        except psycopg.Error as error:
            log.warning("fares_not_read", error=str(error))
            self._connection = None
        else:
            self._shelf = open_shelf(found)
        self._day = day
        self._asked_at = time.monotonic()


def open_till(shelf: Shelf, travellers: Sequence[str], persons: int) -> Till:
    """Say who travels.

    Parameters
    ----------
    travellers : words
        Each a category, and what one has after plus signs: ``youth+rail_card``. Empty: so many persons of the category
        that prices are shown for.

    Raises
    ------
    InvalidInput
        ``unknown_category``.
    NotFound
        ``unknown_product``.
    """
    words = travellers or (shelf.default,) * max(1, persons)
    return Till(shelf, tuple(_read_fellow(shelf, str(n), word) for n, word in enumerate(words, 1)))


def _read_fellow(shelf: Shelf, name: str, word: str) -> Fellow:
    category, *products = word.split("+")
    check_category(shelf, category)
    held = tuple(Held(f"{name}.{n}", one, version_of(shelf, one), None, None) for n, one in enumerate(products, 1))
    return Fellow(name, category, held)


def check_category(shelf: Shelf, category: str) -> None:
    """Refuse a category that no catalogue has.

    Raises
    ------
    InvalidInput
        ``unknown_category``.
    """
    known = list(dict.fromkeys(one.id for book in shelf.books for one in book.catalogue.categories)) or [shelf.default]
    if category not in known:
        raise InvalidInput(
            f"no category of travellers {category!r}; there are {', '.join(known[:30])}", code="unknown_category"
        )


def version_of(shelf: Shelf, product: str) -> int:
    """Return the version of the catalogue that sells a product.

    Raises
    ------
    NotFound
        ``unknown_product``.
    """
    found = next((book.catalogue.version for book in shelf.books if product in book.products), None)
    if found is None:
        raise NotFound(
            f"no product {product!r} is sold now; GET /v1/fares/products lists those there are", code="unknown_product"
        )
    return found


# rides as fares see them


def price_journey(network: Network, journey: Journey, till: Till) -> Priced | None:
    """Price a journey; None where no vehicle is ridden that one pays for."""
    rides, legs = read_rides(network, journey, len(till.fellows), till.agencies)
    return Priced(till.shelf.price(rides, till.fellows, till.media), legs, till.shelf) if rides else None


def add_price(network: Network, journey: Journey, till: Till) -> Journey:
    """Return a journey with its price."""
    return replace(journey, priced=price_journey(network, journey, till))


def find_cents(
    network: Network, found: TransitJourney, till: Till, booked: Callable[[Ride | Walk], list[Leg]]
) -> int | None:
    """Price a journey that nobody describes; None where a ride has no price, or none is paid for.

    Parameters
    ----------
    booked : function
        Describes a part that must be booked; gives nothing for the others.
    """
    rides = list_rides(network, found.legs, till, booked)
    return till.shelf.cents(rides, till.fellows, till.media) if rides else None


def list_rides(
    network: Network, parts: Sequence[Ride | Walk], till: Till, booked: Callable[[Ride | Walk], list[Leg]]
) -> list[FareRide]:
    """List the rides of a journey, or of a part of it, as fares see them: who stays seated is on one ride."""
    passing = till.shelf.passing
    rides: list[FareRide] = []
    before: Ride | None = None
    previous: Ride | Walk | None = None
    for part in parts:
        told = booked(part)
        if told:
            rides += (
                _read_ride(network, [leg], len(till.fellows), till.agencies) for leg in told if leg.booking is not None
            )
            before = None
        elif isinstance(part, Ride):
            ride = _read_line(network, part, ends=not passing)
            seated = before is not None and previous is before and is_seat_kept(network.timetable, before, part)
            if seated:
                rides[-1] = _go_on(rides[-1], ride)
            else:
                rides.append(ride)
            before = part
        previous = part
    return rides


def _go_on(before: FareRide, after: FareRide) -> FareRide:
    """Return a ride that goes on as another one."""
    return replace(
        before,
        alight=after.alight,
        arrival=after.arrival,
        metres=before.metres + after.metres,
        passes=tuple(dict.fromkeys((*before.passes, *after.passes))),
        stations=(before.stations[0], after.stations[1]),
    )


def _read_line(network: Network, ride: Ride, *, ends: bool) -> FareRide:
    """Return a ride by timetable as fares see it; with its ends only, where it does not matter what it passes."""
    timetable = network.timetable
    first = int(timetable.call_first[ride.trip])
    route, zone = int(timetable.trip_route[ride.trip]), int(timetable.trip_zone[ride.trip])
    agency = int(timetable.route_agency[route])
    begin, metres = int(timetable.pattern_first[timetable.trip_pattern[ride.trip]]), network.days.metres
    stops = timetable.call_stop[first + ride.from_pos : first + ride.to_pos + 1].tolist()
    names = [timetable.stop_ids.at(stop) for stop in ((stops[0], stops[-1]) if ends else stops)]
    return FareRide(
        RideKind.LINE,
        timetable.agency_ids.at(agency) if agency >= 0 else "",
        timetable.route_ids.at(route),
        (),
        names[0],
        names[-1],
        local_time(network, ride.departure, zone),
        local_time(network, ride.arrival, zone),
        int(metres[begin + ride.to_pos] - metres[begin + ride.from_pos]),
        ride.service_date,
        timetable.trip_ids.at(ride.trip),
        passes=() if ends else tuple(dict.fromkeys(names)),
        stations=(_station(network, names[0]), _station(network, names[-1])),
    )


def rides_of(network: Network, journey: Journey, persons: int = 1) -> tuple[FareRide, ...]:
    """Return the rides of a journey as fares see them.

    Parameters
    ----------
    persons : int
        For whom what must be booked was priced together.
    """
    return read_rides(network, journey, persons, {})[0]


def read_rides(
    network: Network, journey: Journey, persons: int, agencies: dict[str, str]
) -> tuple[tuple[FareRide, ...], tuple[tuple[int, ...], ...]]:
    """Return the rides of a journey as fares see them, and which legs each is: who stays seated is on one ride."""
    groups: list[list[int]] = []
    for n, leg in enumerate(journey.legs):
        if leg.trip_id is None and leg.booking is None:
            continue
        if leg.stay_seated and groups and groups[-1][-1] == n - 1:
            groups[-1].append(n)
        else:
            groups.append([n])
    rides = tuple(_read_ride(network, [journey.legs[n] for n in group], persons, agencies) for group in groups)
    return rides, tuple(tuple(group) for group in groups)


def _read_ride(network: Network, legs: list[Leg], persons: int, agencies: dict[str, str]) -> FareRide:
    first, last = legs[0], legs[-1]
    booking = first.booking
    kind = RideKind.LINE
    if booking is not None:
        kind = RideKind.CARPOOL if booking.kind is Booked.CARPOOL else RideKind.ON_DEMAND
    elif first.mode is Mode.ON_DEMAND:
        kind = RideKind.ON_DEMAND
    quoted, shares = _shares(booking.price_cents if booking is not None else None, persons)
    route = first.line.id if first.line is not None and kind is RideKind.LINE else ""
    if booking is not None:
        route = booking.service_id
    agency = agencies.get(route, "")
    if kind is RideKind.LINE and not agency:
        agency = agencies[route] = _agency(network.timetable, route)
    places = [place for leg in legs for place in (leg.start, *(call.place for call in leg.calls), leg.end)]
    day = first.service_date or first.departure.date()
    return FareRide(
        kind,
        agency,
        route,
        (),
        first.start.stop_id,
        last.end.stop_id,
        first.planned_departure or first.departure,
        last.planned_arrival or last.arrival,
        _measure(legs, places),
        day,
        first.trip_id,
        quoted,
        shares,
        tuple(dict.fromkeys(place.stop_id for place in places if place.stop_id is not None)),
        (_station(network, first.start.stop_id), _station(network, last.end.stop_id)),
    )


def _shares(cents: int | None, persons: int) -> tuple[int | None, tuple[int, ...]]:
    """Divide what is paid for all: equally, the first ones a cent more."""
    if cents is None:
        return None, ()
    each, over = divmod(cents, persons)
    if not over:
        return each, ()
    return each, tuple(each + (n < over) for n in range(persons))


def _measure(legs: list[Leg], places: Sequence[Place]) -> int:
    """Metres of a ride: by timetable those that the search counts, of one that is booked in straight lines."""
    if legs[0].trip_id is not None and legs[0].booking is None:
        return sum(round(leg.metres or 0) for leg in legs)
    lat, lon = np.radians([place.lat for place in places]), np.radians([place.lon for place in places])
    return int(np.rint(np.nan_to_num(arc_metres(lat[:-1], lon[:-1], lat[1:], lon[1:]))).sum())


def _agency(timetable: Timetable, route: str) -> str:
    index = timetable.route_ids.find(route)
    agency = int(timetable.route_agency[index]) if index >= 0 else -1
    return timetable.agency_ids.at(agency) if agency >= 0 else ""


def _station(network: Network, stop_id: str | None) -> str | None:
    stop = None if stop_id is None else network.stop_index.get(stop_id)
    if stop is None:
        return None
    parent = int(network.timetable.stop_parent[stop])
    return network.timetable.stop_ids.at(parent) if parent >= 0 else None


# in JSON


def price_as_json(priced: Priced | None) -> dict[str, Any] | None:
    """Write a price with its reasons."""
    if priced is None:
        return None
    found, legs, shelf = priced
    return {
        "cents": found.cents,
        "currency": found.currency,
        "complete": found.complete,
        "demonstration": any(shelf.book_of(item.version).catalogue.demonstration for item in found.items),
        "version": shelf.books[0].catalogue.version,
        "items": [_item_as_json(shelf.book_of(item.version), item, legs) for item in found.items],
        "unknown_legs": [leg for ride in found.unknown for leg in legs[ride]],
    }


def _item_as_json(book: PriceBook, item: Item, legs: Sequence[Sequence[int]]) -> dict[str, Any]:
    return {
        "product": item.product,
        "name": {language: name_of(book, item.product, language) for language in ("fr", "en")},
        "version": item.version,
        "travellers": item.fellows,
        "legs": [leg for ride in item.rides for leg in legs[ride]],
        "cents": item.cents,
        "vat_permille": item.vat_permille,
        "valid_from": item.valid_from,
        "valid_until": item.valid_until,
        "medium": item.medium,
        "held": item.held,
        "why": [
            {
                "code": reason.code,
                "about": dict(reason.about),
                "text": {language: say(book, item, reason, language) for language in ("fr", "en")},
            }
            for reason in item.why
        ],
    }
