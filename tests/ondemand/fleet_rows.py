"""Operators, vehicles, runs and the bookings on them, put into the database at once, as if they had been booked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mobigo.ondemand import fleet_store, store
from mobigo.ondemand.model import BookedLeg, Booking, Contact, Event, EventKind, Offer, Party, Run, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from mobigo.ondemand.model import Operator, Vehicle

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def put_operators(connection: Connection[Any], operators: Iterable[Operator]) -> None:
    """Write operators."""
    for one in operators:
        connection.execute(
            "INSERT INTO ondemand_operator (id, name, phone, email, taxi_phone, timezone, written_by, written_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'test', %s)",
            [one.id, one.name, one.phone, one.email, one.taxi_phone, one.timezone, LONG_AGO],
        )
    fleet_store.bump_revision(connection)


def put_vehicles(connection: Connection[Any], vehicles: Iterable[Vehicle]) -> None:
    """Write vehicles."""
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY ondemand_vehicle (id, operator, name, room, seats_per_wheelchair, luggage_on_seats,"
            " child_seats_on_seats, depot, services, shifts, drivers, active, written_by, written_at) FROM STDIN"
        ) as copy,
    ):
        for one in vehicles:
            shifts = [
                {
                    "weekdays": shift.weekdays,
                    "start": shift.start,
                    "end": shift.end,
                    "breaks": shift.breaks,
                    "first": shift.first and shift.first.isoformat(),
                    "last": shift.last and shift.last.isoformat(),
                }
                for shift in one.shifts
            ]
            capacity = one.capacity
            copy.write_row((
                one.id, one.operator, one.name, list(capacity.room), capacity.seats_per_wheelchair,
                capacity.luggage_on_seats, capacity.child_seats_on_seats,
                f"SRID=4326;POINT({one.depot.lon!r} {one.depot.lat!r})", list(one.services), json.dumps(shifts),
                list(one.drivers), one.active, "test", LONG_AGO,
            ))  # fmt: skip
    fleet_store.bump_revision(connection)


def put_runs(
    connection: Connection[Any], runs: Sequence[Run], services: dict[str, str], state: State = State.CONFIRMED
) -> list[Run]:
    """Write runs that are not stored yet (their ids negative) and a booking for each leg on them.

    Parameters
    ----------
    services : dict
        Service of each leg.
    """
    written = fleet_store.write_runs(connection, runs)
    for run in written:
        pickups = {one.leg: one for one in run.events if one.kind is EventKind.PICKUP}
        for number, event in enumerate(run.events):
            if event.kind is EventKind.DROP_OFF and event.leg is not None:
                booking = _booking(run, pickups[event.leg], event, services[event.leg])
                store.add_booking(connection, replace(booking, reference=f"{run.id}-{number}"))
                store.add_leg(connection, replace(booking.legs[0], state=state))
    return written


def _booking(run: Run, pickup: Event, drop_off: Event, service: str) -> Booking:
    assert pickup.leg is not None
    seats, wheelchairs, luggage, bicycles, children = pickup.load
    party = Party(
        adults=seats + wheelchairs, wheelchairs=wheelchairs, luggage=luggage, bicycles=bicycles, children=children
    )
    offer = Offer(
        service=service,
        trip="t",
        service_date=run.day,
        origin=pickup.spot,
        destination=drop_off.spot,
        pickup=(pickup.earliest, pickup.latest),
        drop_off=(drop_off.earliest, drop_off.latest),
        longest_ride=run.longest_ride[pickup.leg],
        party=party,
        bookable_until=pickup.earliest,
        cents=None,
    )
    leg = BookedLeg(
        id=pickup.leg,
        booking=f"b{pickup.leg}",
        offer=offer,
        state=State.CONFIRMED,
        run=run.id,
        operator=run.operator,
        cancel_until=pickup.earliest - 3_600,
        dwell=pickup.dwell,
    )
    return Booking(
        id=leg.booking,
        reference="",
        contact=Contact("Somebody"),
        party=party,
        legs=(leg,),
        created_at=LONG_AGO,
        by="test",
    )
