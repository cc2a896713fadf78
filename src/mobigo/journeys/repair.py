"""Broken promises, seen from the journey: what a late or cancelled train means for rides booked to it, and what to do.

Run by the worker every few seconds. A ride that meets a train is kept as `ondemand.keeping` can, for when the traveller
now is there: with the same train later, or with the one that they can still take. Who loses a train or a ride for good
is told once how they still get there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mobigo.db.session import driver
from mobigo.journeys import service
from mobigo.journeys.identity import read_id
from mobigo.journeys.model import Access, JourneyRequest, Realtime
from mobigo.journeys.refresh import BREAKING, refresh
from mobigo.journeys.rides import find_gone
from mobigo.kit.errors import InvalidInput, MobigoError, NotFound
from mobigo.ondemand import keeping, store
from mobigo.ondemand.keeping import Fate
from mobigo.ondemand.model import PinSide, Promise
from mobigo.ondemand.notices import Notices, about
from mobigo.ondemand.store import moment
from mobigo.transit.overlay import GoneKind
from mobigo.transit.timetable import NOT_ALLOWED, begin_day, day_number

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray
    from sqlalchemy.engine import Engine

    from mobigo.journeys.model import Journey, Leg
    from mobigo.journeys.network import Network
    from mobigo.ondemand.model import BookedLeg, Pin
    from mobigo.ondemand.supply import Supply
    from mobigo.transit.overlay import Overlay
    from mobigo.transit.timetable import Timetable

log = structlog.get_logger()

BUDGET = 1.0
"""Seconds of computing for another way."""
LATEST = 6 * 3600
"""Seconds after a train was to come until which a ride still waits for those who take another one."""


class Train(NamedTuple):
    """A train at the stop that a ride is pinned to, as it goes now."""

    at: int | None
    """Instant of its arrival (departure) there; None: it does not come, or does not call."""
    line: str
    """As people call it."""
    instead: Journey | None = None
    """How one gets there, where that is not as was planned."""


class _Followed(NamedTuple):
    """A journey as it goes now."""

    rides: list[Leg]
    pinned: int
    """Which of the rides is pinned to."""
    broken: int | None
    """The first that cannot be ridden as planned."""
    place: str
    """Where one would get on there."""
    ready: datetime
    """When one is there."""


@dataclass(frozen=True)
class Repair:
    """Looks after the rides that are booked to trains.

    Parameters
    ----------
    engine : Engine
    network : Network
        With what is known of now.
    supply : Supply
    now : datetime
    """

    engine: Engine
    network: Network
    supply: Supply
    now: datetime

    def run(self) -> list[keeping.Kept]:
        """Look at every ride booked to a train around now, each in its own transaction; return those changed."""
        with Session(self.engine) as session:
            legs = keeping.list_pinned(session, self.now)
            journeys = {leg.booking: store.get_booking(driver(session), leg.booking).journey for leg in legs}
        changed = []
        for leg in legs:
            try:
                kept = self._look_after(leg, journeys[leg.booking])
            except (MobigoError, SQLAlchemyError) as error:  # the others' trains are late too
                log.warning("a ride could not be looked after", leg=leg.id, why=str(error).partition("\n")[0])
                continue
            if kept is not None and kept.fate not in {Fate.KEPT, Fate.OVER}:
                log.info("a ride was repaired", leg=leg.id, fate=kept.fate, run=kept.leg.run)
                changed.append(kept)
        return changed

    def _look_after(self, leg: BookedLeg, journey: str | None) -> keeping.Kept | None:
        pin = leg.offer.pin
        assert pin is not None
        train = find_train(self.network, pin)
        if train is None:
            return None
        if pin.side is PinSide.BEFORE:
            self._look_onward(leg, pin, train, journey)
            return None
        arrival = self._find_arrival(pin, train, journey)
        at = arrival and arrival.at
        if arrival is None or at is None or at > pin.instant + LATEST:
            kept = self._lose(leg, train)
        else:
            service = self.supply.catalogue.find(leg.offer.service)
            promise = service.promise if service else Promise()
            walk = min(promise.connection_buffer, max(0, leg.offer.pickup[0] - pin.instant))
            if not keeping.delay_of(leg, at + walk) and not leg.shifted:
                return None
            kept = self._meet(leg, at + walk, arrival.line)
            if arrival.instead is not None and kept.fate in {Fate.HELD, Fate.MOVED, Fate.TAXI}:
                self._tell(leg, arrival.instead)
        if kept.fate is Fate.FAILED:
            goal = read_id(journey).request.destination if journey else _write_point(leg.offer.destination.point)
            here = _write_point(leg.offer.origin.point)
            self._tell_other_way(leg, here, goal, moment(max(at or 0, pin.instant)))
        return kept

    def _meet(self, leg: BookedLeg, ready: int, line: str) -> keeping.Kept:
        with Session(self.engine) as session:
            kept = keeping.meet(session, self.supply, leg.id, ready=ready, line=line, now=self.now)
            session.commit()
        return kept

    def _lose(self, leg: BookedLeg, train: Train) -> keeping.Kept:
        with Session(self.engine) as session:
            kept = keeping.lose(session, self.supply, leg.id, line=train.line, now=self.now)
            session.commit()
        return kept

    def _find_arrival(self, pin: Pin, train: Train, journey: str | None) -> Train | None:
        """Find when the traveller is at the stop of a pin now, and with what; None: not today."""
        if journey is not None:
            try:
                return self._follow(pin, journey)
            except NotFound:
                pass  # of another timetable: its train is all that is known
        return train if train.at is not None else self._find_next(pin, train)

    def _follow(self, pin: Pin, journey: str) -> Train | None:
        """Follow the traveller's whole journey to the stop of a pin, around what is broken in it."""
        followed = self._refresh(pin, journey)
        ride = followed.rides[followed.pinned]
        if followed.broken is None or followed.broken > followed.pinned:
            return Train(int(ride.arrival.timestamp()), _call(ride))
        other = self._plan(followed.place, pin.stop_id, followed.ready)
        if other is None:
            return None
        ridden = [leg for leg in other.legs if leg.trip_id is not None]
        return Train(int(other.arrival.timestamp()), _call(ridden[-1] if ridden else ride), other)

    def _refresh(self, pin: Pin, journey: str) -> _Followed:
        """Look up a journey as it goes now.

        Raises
        ------
        NotFound
            When it is of another timetable, or does not ride what is pinned to.
        """
        found = refresh(self.network, journey, self.now)
        rides = [leg for leg in found.journey.legs if leg.trip_id is not None]
        pinned = next((n for n, leg in enumerate(rides) if leg.trip_id == pin.trip_id), None)
        if pinned is None:
            raise NotFound(f"the journey does not ride {pin.trip_id} any more", code="unknown_journey")
        broken = [n for n, leg in enumerate(rides) if leg.canceled or leg.missed]
        broken += [one.ride for one in found.differences if one.change in BREAKING and one.ride < len(rides)]
        first = min(broken, default=None)
        if first is None:
            return _Followed(rides, pinned, None, "", self.now)
        here = rides[first].start.stop_id or read_id(journey).request.origin
        leaves = rides[first - 1].arrival if first else rides[0].planned_departure or rides[0].departure
        return _Followed(rides, pinned, first, here, max(self.now, leaves))

    def _look_onward(self, leg: BookedLeg, pin: Pin, train: Train, journey: str | None) -> None:
        """Tell travellers who are brought to a train how they get on where it, or one after it, is lost."""
        if journey is None:
            return  # nobody knows where they go
        try:
            followed = self._refresh(pin, journey)
        except NotFound:
            if train.at is None:
                self._tell_other_way(leg, pin.stop_id, read_id(journey).request.destination, moment(pin.instant))
            return
        if followed.broken is not None:
            goal = read_id(journey).request.destination
            self._tell_other_way(leg, followed.place, goal, followed.ready)

    def _find_next(self, pin: Pin, lost: Train) -> Train | None:
        """Find what comes next the way of a train that is lost, for travellers of whom nothing more is known."""
        timetable = self.network.timetable
        trip = timetable.trip_ids.find(pin.trip_id)
        first = int(timetable.call_first[trip])
        begin = begin_day(day_number(pin.service_date), self.network.zones[int(timetable.trip_zone[trip])])
        origin = timetable.stop_ids.at(int(timetable.call_stop[first]))
        leaves = moment(begin + int(timetable.call_departure[first]))
        other = self._plan(origin, pin.stop_id, leaves)
        return None if other is None else Train(int(other.arrival.timestamp()), lost.line)

    def _plan(self, origin: str, destination: str, at: datetime) -> Journey | None:
        """Find the first to arrive of the journeys as vehicles run now."""
        request = JourneyRequest(
            origin,
            destination,
            at,
            window=0,
            realtime=Realtime.ON,
            access=(Access.WALK,),
            budget=BUDGET,
            ondemand=False,
        )
        found = [one for one in service.plan(self.network, request).journeys if one.rides]
        return min(found, key=lambda one: one.arrival, default=None)

    # ── another way ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell_other_way(self, leg: BookedLeg, origin: str, goal: str, at: datetime) -> None:
        """Tell the traveller how they get on from a place."""
        try:
            other = self._plan(origin, goal, max(self.now, at))
        except (NotFound, InvalidInput):  # of another network
            return
        if other is not None:
            self._tell(leg, other)

    def _tell(self, leg: BookedLeg, other: Journey) -> None:
        """Tell the traveller of another way; the same one once."""
        ridden = [one for one in other.legs if one.trip_id is not None]
        with Session(self.engine) as session:
            booking = store.get_booking(driver(session), leg.booking)
            Notices(session, self.supply.catalogue, self.now).tell(
                "alternative_found",
                booking,
                leg,
                key=f"{about(leg)}/{'+'.join(f'{one.trip_id}@{one.service_date}' for one in ridden)}",
                legs=[
                    {
                        "departure": one.departure,
                        "arrival": one.arrival,
                        "origin": one.start.name,
                        "destination": one.end.name,
                        "line": _call(one),
                    }
                    for one in ridden
                ],
            )
            session.commit()


def _call(leg: Leg) -> str:
    """Name what somebody rides, as people do."""
    if leg.line is None:
        return leg.headsign or ""
    return leg.line.name or leg.line.long_name


def _write_point(point: tuple[float, float]) -> str:
    lon, lat = point
    return f"{lat:.6f},{lon:.6f}"


# ── trains ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def find_train(network: Network, pin: Pin) -> Train | None:
    """Find when a train is at the stop that a ride is pinned to, as it goes now; None: the timetable has it no more."""
    timetable = network.timetable
    trip = timetable.trip_ids.find(pin.trip_id)
    if trip < 0:
        return None
    day = day_number(pin.service_date)
    begin = begin_day(day, network.zones[int(timetable.trip_zone[trip])])
    row = _find_row(timetable, trip, pin, begin)
    if row is None:
        return None
    line = _line(timetable, trip)
    planned = begin + int(_times(timetable, pin)[row])
    shifts = timetable.run_shift[timetable.run_trip == trip].tolist()
    shift = min(shifts, key=lambda one: abs(planned + one - pin.instant), default=0)
    gone = find_gone(network.live.overlay, trip, day, shift) if network.live else None
    if network.live is None or gone is None:
        return Train(planned + shift, line)
    return Train(_find_now(network.live.overlay, gone, pin, begin, row - int(timetable.call_first[trip])), line)


def _find_now(overlay: Overlay, gone: tuple[int, int], pin: Pin, begin: int, position: int) -> int | None:
    """Return when the trip that live data put in the place of another is at the stop of a pin; None: not at all."""
    kind, extra = gone
    if kind != GoneKind.REPLACED or extra < 0:
        return None
    row = _find_row(overlay.timetable, extra, pin, begin, position)
    if row is None or _permission(overlay.timetable, pin)[row] == NOT_ALLOWED:
        return None
    return begin + int(_times(overlay.timetable, pin)[row])


def _find_row(timetable: Timetable, trip: int, pin: Pin, begin: int, position: int | None = None) -> int | None:
    """Find the call of a trip at the stop of a pin, or at another platform there: at its position, else nearest it."""
    first, last = int(timetable.call_first[trip]), int(timetable.call_first[trip + 1])
    stop = timetable.stop_ids.find(pin.stop_id)
    if stop < 0:
        return None
    calls = timetable.call_stop[first:last]
    if position is not None and position < len(calls) and calls[position] == stop:
        return first + position
    here = np.flatnonzero(calls == stop)
    if not len(here):
        here = np.flatnonzero(timetable.stop_station[calls] == timetable.stop_station[stop])
    if not len(here):
        return None
    off = np.abs(_times(timetable, pin)[first + here].astype(np.int64) + begin - pin.instant)
    return first + int(here[off.argmin()])


def _times(timetable: Timetable, pin: Pin) -> NDArray[np.int32]:
    return timetable.call_arrival if pin.side is PinSide.AFTER else timetable.call_departure


def _permission(timetable: Timetable, pin: Pin) -> NDArray[np.int8]:
    return timetable.call_drop_off if pin.side is PinSide.AFTER else timetable.call_pickup


def _line(timetable: Timetable, trip: int) -> str:
    route = int(timetable.trip_route[trip])
    if route < 0:
        return str(timetable.trip_headsigns.at(trip))
    return str(timetable.route_short_names.at(route) or timetable.route_long_names.at(route))
