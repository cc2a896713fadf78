"""A day of on-demand transport replayed: requests come in one after another, vehicles drive as planned.

Every request goes the way a traveller's does: `Supply.find` says what is offered at that instant, the offer's promise
is put into the runs by `ondemand.dispatch`, and between bookings `ondemand.reoptimise` may rearrange them. Nothing is
written anywhere. What comes out are the runs as driven and the figures of the day, the same for the same seed, unless
runs are rearranged: how much of that is found in a given time depends on the machine.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import shapely
from shapely.geometry import shape

from mobigo.kit.errors import InvalidInput
from mobigo.kit.geo import Point
from mobigo.ondemand import dispatch
from mobigo.ondemand.calendars import instant_of, list_days
from mobigo.ondemand.fleet import Fleet, lay_shifts
from mobigo.ondemand.model import Ask, EventKind, Offer, Party, PlaceKind, Run, Spot
from mobigo.ondemand.reoptimise import improve
from mobigo.ondemand.rules import opening, pickup_window, rules_of
from mobigo.ondemand.supply import Offered, Supply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    import numpy as np
    from numpy.typing import NDArray

    from mobigo.ondemand.catalogue import Catalogue, Ride
    from mobigo.ondemand.model import Call, Operator, Service, Vehicle
    from mobigo.ondemand.solver import Solver
    from mobigo.street.drives import Drives

PEAKS = ((8.0, 1.2, 0.3), (17.0, 1.8, 0.35))
"""Rush hours: their middle, their width in hours, the share of requests in them; the others come at any time."""

PARTIES = (
    (Party(), 76),
    (Party(adults=2), 11),
    (Party(luggage=1), 5),
    (Party(adults=1, children=1), 3),
    (Party(adults=1, wheelchairs=1), 2),
    (Party(adults=1, wheelchairs=1, companions=1), 1),
    (Party(adults=1, bicycles=1), 1),
    (Party(adults=4), 1),
)
"""Who travels, of a hundred."""

LEAD = 10_800.0
"""Seconds, on average, between the request and the last moment at which it could have been made."""

AHEAD = 14 * 86_400
"""Seconds before the ride at which nobody asks yet."""

TRIES = 50
"""Draws of a place inside a zone before its middle is taken."""


@dataclass(frozen=True)
class Request:
    """A ride that somebody asks for."""

    id: str
    asked: int
    """Instant at which it is asked for."""
    ready: int
    """Instant from which it is wanted."""
    origin: Spot
    destination: Spot
    party: Party


@dataclass(frozen=True)
class Outcome:
    """What became of a request."""

    request: Request
    offer: Offer | None
    """What was promised; None: nothing could be."""
    why: str
    """Empty, or why not."""


class Rearranged(NamedTuple):
    """Runs rearranged between bookings."""

    at: int
    """Instant."""
    before: int
    """Cost of all runs, as `dispatch.cost` has it."""
    after: int
    moves: int
    """Legs that changed their vehicle."""


@dataclass(frozen=True)
class Figures:
    """The day in numbers. Times are seconds, shares between 0 and 1."""

    requests: int
    served: int
    service_rate: float
    refused: Mapping[str, int]
    """By reason."""
    persons: int
    """Who were carried."""
    wait_mean: float
    """From the wanted instant to the pick-up."""
    wait_p95: float
    detour_mean: float
    """Time aboard over the time of the drive alone; 1: no detour."""
    detour_p95: float
    ride_mean: float
    """Time aboard."""
    kilometres: float
    empty_share: float
    """Of the kilometres, those with nobody aboard."""
    persons_per_kilometre: float
    """Kilometres of all persons aboard over kilometres driven: how well rides are grouped."""
    vehicles_used: int
    vehicle_hours: float
    """From leaving the depot to being back, of all vehicles."""
    persons_per_vehicle_hour: float
    shift_hours: float
    """On duty, driving or not."""
    improvements: int
    """How often the runs were rearranged for the better."""
    saved: float
    """Share of the day's cost that rearranging saved."""


@dataclass(frozen=True)
class Day:
    """A day as it went."""

    outcomes: tuple[Outcome, ...]
    runs: tuple[Run, ...]
    rearranged: tuple[Rearranged, ...]
    figures: Figures


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def draw_requests(
    catalogue: Catalogue, services: Sequence[str], day: date, count: int, *, places: NDArray[np.float64], seed: int
) -> list[Request]:
    """Draw requests for some services on a day, in the order in which they are made.

    Parameters
    ----------
    places : float64[n, 2], lon, lat
        Where people live, one row for each so many of them; those inside a zone are what is drawn in it. Where a zone
        holds none, anywhere in it.

    Raises
    ------
    InvalidInput
        When none of the services runs on that day.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret is drawn
    rides = [
        ride
        for service in services
        for ride in catalogue.rides(service)
        if day in list_days(catalogue.get(service).calendars[ride.trip.calendar], day, day)
        and pickup_window(catalogue.get(service), ride.pickup, day)
    ]
    if not rides:
        raise InvalidInput(
            f"none of {', '.join(services) or 'no service'} runs on {day}; choose another day or service"
        )
    spots = _Spots(catalogue, places, chance)
    requests = []
    for _ in range(count):
        ride = chance.choice(rides)
        service = catalogue.get(ride.service)
        origin, destination = spots.draw(service, ride.pickup), spots.draw(service, ride.drop_off)
        ready = _draw_time(service, ride, day, chance)
        when = opening(rules_of(service, ride.pickup, ride.drop_off), service, ready, day)
        asked = when.until - round(chance.expovariate(1 / LEAD))
        asked = min(ready, max(asked, ready - AHEAD, when.opens if when.opens is not None else asked))
        party = chance.choices([party for party, _ in PARTIES], [weight for _, weight in PARTIES])[0]
        requests.append(Request("", asked, ready, origin, destination, party))
    requests.sort(key=lambda one: (one.asked, one.ready, one.origin.name, one.origin.point))
    return [replace(one, id=f"r{number:05}") for number, one in enumerate(requests, 1)]


def _draw_time(service: Service, ride: Ride, day: date, chance: random.Random) -> int:
    """Draw when a ride is wanted: in the rush hours or at any time, within its window."""
    window = pickup_window(service, ride.pickup, day)
    assert window is not None
    first, last = window
    share = chance.random()
    midnight = instant_of(day, 0, service.timezone)
    for middle, width, part in PEAKS:
        if share < part:
            wanted = midnight + round(3600 * chance.gauss(middle, width))
            if first <= wanted <= last:
                return wanted
        share -= part
    return chance.randint(first, last)


class _Spots:
    """Draws places where somebody gets on or off."""

    def __init__(self, catalogue: Catalogue, places: NDArray[np.float64], chance: random.Random) -> None:
        self._catalogue, self._places, self._chance = catalogue, places, chance
        self._inside: dict[tuple[str, str], NDArray[np.float64]] = {}

    def draw(self, service: Service, call: Call) -> Spot:
        """Draw one of a record: one of its stops, or a place in its zone."""
        if call.kind is not PlaceKind.ZONE:
            stops = [service.stops[stop] for stop in self._catalogue.stops_of(service, call)]
            stop = self._chance.choice([stop for stop in stops if stop.point is not None])
            assert stop.point is not None
            return Spot(stop.name, stop.point, self._catalogue.network_stop(service, stop.id))
        key = (service.id, call.place)
        if key not in self._inside:
            self._inside[key] = self._places[self._catalogue.inside(*key, self._places[:, 0], self._places[:, 1])]
        known = self._inside[key]
        if len(known):
            lon, lat = known[self._chance.randrange(len(known))].tolist()
        else:
            lon, lat = self._draw_inside(shape(service.zones[call.place].geometry))
        return Spot(f"{lat:.5f},{lon:.5f}", Point(lon, lat))

    def _draw_inside(self, area: shapely.Geometry) -> tuple[float, float]:
        west, south, east, north = area.bounds
        for _ in range(TRIES):
            lon, lat = self._chance.uniform(west, east), self._chance.uniform(south, north)
            if shapely.intersects_xy(area, lon, lat):
                return lon, lat
        inside = area.representative_point()
        return inside.x, inside.y


def lay_runs(vehicles: Iterable[Vehicle], operators: Mapping[str, Operator], day: date) -> Fleet:
    """Lay out the shifts of some vehicles on a day, with nobody booked."""
    runs = [
        run
        for vehicle in sorted(vehicles, key=lambda one: one.id)
        if vehicle.active
        for run in lay_shifts(vehicle, operators[vehicle.operator].timezone, day)
    ]
    return Fleet([replace(run, id=number) for number, run in enumerate(runs, 1)])


# ── the day ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def simulate(
    catalogue: Catalogue,
    fleet: Fleet,
    drives: Drives,
    requests: Sequence[Request],
    *,
    solver: Solver | None = None,
    every: int = 3_600,
    seconds: float = 2.0,
    seed: int = 0,
) -> Day:
    """Replay a day.

    Parameters
    ----------
    fleet
        Its runs, as `lay_runs` lays them, without any commitments or with some.
    requests
        In the order in which they are made.
    solver
        Rearranges the runs between bookings; None: they stay as they were booked.
    every, seconds
        How many seconds of the day lie between two such times, and how long each may take.
    """
    services: dict[str, str] = {}
    outcomes: list[Outcome] = []
    rearranged: list[Rearranged] = []
    due = requests[0].asked + every if requests else 0

    def rearrange(fleet: Fleet, now: int) -> Fleet:
        if solver is None:
            return fleet
        runs = list(fleet.runs.values())
        found = improve(runs, drives, solver, now=now, seconds=seconds, services=services, seed=seed + now)
        if found.runs:
            rearranged.append(Rearranged(now, found.before, found.after, len(found.moves)))
        return fleet.with_runs(found.runs)

    for request in requests:
        if request.asked >= due:
            fleet = rearrange(fleet, request.asked)
            due = request.asked + every
        outcome, fleet = _ask(catalogue, fleet, drives, request)
        outcomes.append(outcome)
        if outcome.offer is not None:
            services[request.id] = outcome.offer.service
    if requests:
        fleet = rearrange(fleet, requests[-1].asked)
    runs = tuple(fleet.runs.values())
    return Day(tuple(outcomes), runs, tuple(rearranged), measure(outcomes, runs, rearranged, drives))


def _ask(catalogue: Catalogue, fleet: Fleet, drives: Drives, request: Request) -> tuple[Outcome, Fleet]:
    """Ask for an offer and take it."""
    supply = Supply(catalogue, fleet, drives)
    answers = supply.find(
        request.origin, request.destination, request.ready, party=request.party, now=request.asked, within=0
    )
    if not answers:
        return Outcome(request, None, "no_service"), fleet
    why = ""
    for answer in answers:
        if not isinstance(answer, Offered):
            why = why or answer.reason.value
            continue
        service = catalogue.get(answer.offer.service)
        place = dispatch.find_place(fleet, as_ask(answer.offer, service), drives, now=request.asked)
        if isinstance(place, dispatch.Placement):
            run = fleet.find_run(place.run)
            assert run is not None
            return Outcome(request, answer.offer, ""), fleet.with_runs([dispatch.place(run, place, request.id)])
        why = why or "full"
    return Outcome(request, None, why), fleet


def as_ask(offer: Offer, service: Service) -> Ask:
    """Write an offer as what dispatching decides on."""
    return Ask(
        offer.service,
        offer.origin,
        offer.destination,
        offer.pickup,
        offer.drop_off,
        offer.party.load,
        offer.longest_ride,
        service.promise.dwell,
    )


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Stretch(NamedTuple):
    """A drive between two stops of a run."""

    metres: float
    persons: int
    """Aboard."""


def measure(
    outcomes: Sequence[Outcome], runs: Sequence[Run], rearranged: Sequence[Rearranged], drives: Drives
) -> Figures:
    """Work out the figures of a day from the runs as driven."""
    served = {one.request.id: one for one in outcomes if one.offer is not None}
    waits, rides, detours = [], [], []
    stretches: list[_Stretch] = []
    vehicle_seconds = 0
    for run in runs:
        driven = [event for event in run.events if event.kind is not EventKind.BREAK]
        if not driven:
            continue
        stretches.extend(_drive(run, drives, {leg: one.request.party.persons for leg, one in served.items()}))
        vehicle_seconds += _hours(run, drives)
        boarded = {event.leg: event for event in driven if event.kind is EventKind.PICKUP}
        for event in driven:
            one = served.get(event.leg or "")
            if one is None or event.kind is not EventKind.DROP_OFF:
                continue
            pickup = boarded[event.leg]
            waits.append(pickup.arrival - one.request.ready)
            rides.append(event.arrival - pickup.arrival - pickup.dwell)
            alone = int(drives.seconds([pickup.spot.point], [event.spot.point])[0, 0])
            detours.append(rides[-1] / max(1, alone))
    metres = sum(one.metres for one in stretches)
    persons = sum(one.request.party.persons for one in served.values())
    hours = vehicle_seconds / 3600
    saved = sum(one.before - one.after for one in rearranged)
    cost = sum(dispatch.cost(run, drives) for run in runs)
    return Figures(
        requests=len(outcomes),
        served=len(served),
        service_rate=_share(len(served), len(outcomes)),
        refused=dict(Counter(one.why for one in outcomes if one.offer is None).most_common()),
        persons=persons,
        wait_mean=fmean(waits) if waits else 0.0,
        wait_p95=_p95(waits),
        detour_mean=fmean(detours) if detours else 0.0,
        detour_p95=_p95(detours),
        ride_mean=fmean(rides) if rides else 0.0,
        kilometres=metres / 1000,
        empty_share=_share(sum(one.metres for one in stretches if not one.persons), metres),
        persons_per_kilometre=_share(sum(one.metres * one.persons for one in stretches), metres),
        vehicles_used=len({run.vehicle for run in runs if any(event.leg for event in run.events)}),
        vehicle_hours=hours,
        persons_per_vehicle_hour=_share(persons, hours),
        shift_hours=sum(run.end - run.start for run in runs) / 3600,
        improvements=len(rearranged),
        saved=_share(saved, cost + saved),
    )


def _drive(run: Run, drives: Drives, persons: Mapping[str, int]) -> Iterator[_Stretch]:
    aboard = 0
    stands = run.depot
    for event in run.events:
        if event.spot.point != stands:
            yield _Stretch(_metres(drives, stands, event.spot.point), aboard)
        stands = event.spot.point
        riders = persons.get(event.leg or "", 0)
        aboard += riders if event.kind is EventKind.PICKUP else -riders
    yield _Stretch(_metres(drives, stands, run.depot), aboard)


def _metres(drives: Drives, start: Point, end: Point) -> float:
    return float(max(0, drives.metres([start], [end])[0, 0]))


def _hours(run: Run, drives: Drives) -> int:
    """Seconds from leaving the depot to being back."""
    first, last = run.events[0], run.events[-1]
    out = int(drives.seconds([run.depot], [first.spot.point])[0, 0])
    back = int(drives.seconds([last.spot.point], [run.depot])[0, 0])
    return last.departure + max(0, back) - (first.arrival - max(0, out))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _p95(values: Sequence[float]) -> float:
    return float(sorted(values)[math.ceil(0.95 * len(values)) - 1]) if values else 0.0
