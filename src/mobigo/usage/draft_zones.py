"""Changes of a draft applied to the services on demand, and these as everybody may ride them who asks in time.

A trial asks what a service could do for people, not whether somebody remembered to telephone: booking rules are taken
off on both sides, and vehicles are not counted. How many are needed is said beside, by the hours that rides take.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from shapely.geometry import shape

from mobigo.journeys.rideleg import Hail
from mobigo.journeys.served import Served
from mobigo.kit.geo import Point
from mobigo.ondemand.calendars import list_days
from mobigo.ondemand.catalogue import build_catalogue
from mobigo.ondemand.checking import keep_sound
from mobigo.ondemand.fleet import Fleet
from mobigo.ondemand.flex_read import BY_ARRANGEMENT, is_flexible
from mobigo.ondemand.model import Calendar, Call, PlaceKind, Service, ServiceKind, Stop, StopGroup, Trip, Zone
from mobigo.ondemand.supply import Supply
from mobigo.usage.draft import SOURCE, ChangeHours, CloseZone, OfZones, OpenZone, read_clock
from mobigo.usage.draft_edit import Fault, WrongChangeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from mobigo.journeys.network import Network
    from mobigo.transit.tables import FeedTables
    from mobigo.usage.draft import Change, Days, Hours

FORBIDDEN = 1
"""pickup_type and drop_off_type: not here."""

LARGEST = 10_000
"""Square kilometres of a zone: a department is smaller."""

NOBODY = b"nobody books by a trial"
"""What quotes would be signed with; none is given."""


def edit_services(
    services: Mapping[str, Service], tables: FeedTables, changes: Sequence[Change]
) -> tuple[dict[str, Service], list[Fault]]:
    """Apply the changes that are about services on demand.

    Parameters
    ----------
    services : mapping
        Those of today, by id.
    tables : FeedTables
        Of the timetable with the other changes made: whose stops are named, and in whose days services run.

    Returns
    -------
    dict of Service, list of Fault
        The services by id; a change that cannot be made is left out, and a fault says why.
    """
    found = dict(services)
    faults: list[Fault] = []
    for number, change in enumerate(changes):
        if not isinstance(change, OfZones):
            continue
        try:
            _apply(found, tables, change)
        except WrongChangeError as wrong:
            faults.append(Fault(number, *wrong.args))
    return found, faults


def _apply(found: dict[str, Service], tables: FeedTables, change: OfZones) -> None:
    if isinstance(change, OpenZone):
        service = _open(tables, change)
        if service.id in found:
            raise WrongChangeError("id_taken", f"the draft has a zone {change.id} already; take another id")
        found[service.id] = service
        return
    if change.service not in found:
        what = f"there is no service {change.service!r}; /v1/ondemand/services lists them"
        raise WrongChangeError("unknown_service", what)
    if isinstance(change, CloseZone):
        del found[change.service]
    else:
        found[change.service] = _change_hours(found[change.service], change)


def _open(tables: FeedTables, change: OpenZone) -> Service:
    """Make the service of a new zone."""
    places = tables.stops.filter(pl.col("stop_id").is_in(change.stops), pl.col("stop_lat").is_not_null())
    known = {row["stop_id"]: row for row in places.iter_rows(named=True)}
    lost = [stop for stop in change.stops if stop not in known]
    if lost:
        raise WrongChangeError(
            "unknown_stop", f"there is no stop {lost[0]!r}; /v1/stops lists them, add_stop before it adds one"
        )
    late = [one for one in change.hours if read_clock(one.last) <= read_clock(one.first)]
    if late:
        raise WrongChangeError(
            "no_hours", f"hours from {late[0].first} to {late[0].last} are none; let them end after they begin"
        )
    days = change.days.of(_days_of(tables))
    if not days:
        raise WrongChangeError("no_days", "the zone is open on none of the days of the timetables; correct its days")
    stops = {
        name: Stop(name, row["stop_name"] or name, Point(row["stop_lon"], row["stop_lat"]), {}, name)
        for name, row in known.items()
    }
    zone = Zone("zone", change.area.model_dump(), change.name)
    service = Service(
        id=f"{SOURCE}:{change.id}",
        kind=ServiceKind.ZONE_TO_STOPS if stops else ServiceKind.STOP_TO_STOP,
        timezone=str(tables.agency["agency_timezone"][0]),
        route={"route_id": change.id, "route_short_name": change.name, "route_type": "715"},
        agency={"agency_name": SOURCE, "agency_url": "https://draft.invalid"},
        trips=tuple(_trips(change.hours, to_stops=bool(stops))),
        calendars={"days": Calendar("days", added=frozenset(days))},
        rules={},
        zones={"zone": zone},
        groups={"stops": StopGroup("stops", tuple(sorted(stops)))} if stops else {},
        stops=stops,
    )
    kept, faults = keep_sound(service)
    if kept is None or faults:
        raise WrongChangeError(
            "invalid_zone", f"zone {change.id}: {faults[0].what if faults else 'nothing of it can be used'}"
        )
    area = _square_kilometres(change.area.model_dump())
    if area > LARGEST:
        raise WrongChangeError(
            "zone_too_large",
            f"zone {change.id} has {area:.0f} km², {LARGEST} at most; draw it smaller",
        )
    return service


def _days_of(tables: FeedTables) -> list[date]:
    return tables.services["date"].unique().sort().to_list()


def _square_kilometres(geometry: Mapping[str, object]) -> float:
    outline = shape(geometry)
    return float(outline.area) * 111.195**2 * float(np.cos(np.radians(outline.centroid.y)))


def _trips(hours: Sequence[Hours], *, to_stops: bool) -> list[Trip]:
    """List the trips of a zone: within it, or from it to the stops and back, for each of its hours."""
    ends = (((PlaceKind.ZONE, "zone"), (PlaceKind.GROUP, "stops")),) if to_stops else ()
    pairs = [*ends, *((b, a) for a, b in ends)] or [((PlaceKind.ZONE, "zone"), (PlaceKind.ZONE, "zone"))]
    return [
        Trip(
            f"{number}.{way}",
            "days",
            tuple(
                Call(
                    kind,
                    place,
                    at + 1,
                    window_start=read_clock(one.first),
                    window_end=read_clock(one.last),
                    pickup_type=FORBIDDEN if at else BY_ARRANGEMENT,
                    drop_off_type=BY_ARRANGEMENT if at else FORBIDDEN,
                )
                for at, (kind, place) in enumerate(pair)
            ),
        )
        for number, one in enumerate(hours)
        for way, pair in enumerate(pairs)
    ]


def _change_hours(service: Service, change: ChangeHours) -> Service:
    """Give a service other hours and days."""
    if change.hours is None and change.days is None:
        raise WrongChangeError(
            "nothing_said", f"neither hours nor days of {change.service} are given; say what changes"
        )
    if change.hours is not None:
        first, last = read_clock(change.hours.first), read_clock(change.hours.last)
        if last <= first:
            raise WrongChangeError(
                "no_hours", f"hours from {change.hours.first} to {change.hours.last} are none; end after they begin"
            )
        if not any(is_flexible(call) for trip in service.trips for call in trip.calls):
            raise WrongChangeError(
                "no_windows", f"{change.service} runs at fixed times; change its trips (move_trips, retime_trip)"
            )
        service = replace(
            service,
            trips=tuple(
                replace(
                    trip,
                    calls=tuple(
                        replace(call, window_start=first, window_end=last) if is_flexible(call) else call
                        for call in trip.calls
                    ),
                )
                for trip in service.trips
            ),
        )
    if change.days is not None:
        calendars = {id_: _restrict(one, change.days) for id_, one in service.calendars.items()}
        if not any(one.added for one in calendars.values()):
            raise WrongChangeError("no_days", f"{change.service} would run on none of its days; close_zone closes it")
        service = replace(service, calendars=calendars)
    return service


def _restrict(calendar: Calendar, days: Days) -> Calendar:
    """Let a calendar have these days of its period, whatever days it had."""
    bounds = [day for day in (calendar.first, calendar.last, *calendar.added) if day is not None]
    if not bounds:
        return calendar
    every = Calendar(calendar.id, (True,) * 7, min(bounds), max(bounds))
    return Calendar(calendar.id, added=frozenset(days.of(list_days(every, min(bounds), max(bounds)))))


def free(service: Service) -> Service:
    """Return a service without booking rules and without vehicles of ours: everybody asks in time, all are taken."""
    trips = tuple(
        replace(trip, calls=tuple(replace(call, pickup_rule=None, drop_off_rule=None) for call in trip.calls))
        for trip in service.trips
    )
    return replace(service, rules={}, operator=None, trips=trips)


class Offer(NamedTuple):
    """Services on demand of a network, as a value that other processes understand."""

    services: Mapping[str, Service]
    """By id."""
    revision: str
    feeds: Mapping[tuple[str, int], tuple[Service, ...]]
    """What feeds say today: by it, trips are known that are in the timetable and run for those only who booked."""


def open_hail(offer: Offer, network: Network) -> tuple[Supply, Served] | None:
    """Prepare to ask for rides on demand on a network; None where there has never been a service."""
    if not offer.services and not any(offer.feeds.values()):
        return None
    catalogue = build_catalogue([free(one) for one in offer.services.values()], offer.revision, offer.feeds)
    return Supply(catalogue, Fleet([]), network.drives), Served(catalogue, network)


def hail_at(opened: tuple[Supply, Served] | None, instant: int) -> Hail | None:
    """Return what is offered to somebody who asks at an instant."""
    return None if opened is None else Hail(*opened, NOBODY, instant)
