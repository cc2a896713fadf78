"""The national register of proofs: what it is told of a journey, in the shape of its interface, version 3.

It is told what is proven within a day, whatever is still looked into here, because it takes nothing later; what is
found not to count is cancelled there. What its terms forbid is not sent at all. Everything waits in an outbox that is
written with the proof; `mobigo.carpool.register_post` carries it.

References
----------
Registre de preuve de covoiturage: POST and PATCH /journeys, /journeys/:id/cancel, GET /journeys/:id
(createJourneySchemaV3, patch.schema).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mobigo.carpool import policies_store, proving_store, register_store, store, terms
from mobigo.carpool.awards import Aboard, Awards, Ride
from mobigo.carpool.identity import find_number, truncate_number
from mobigo.carpool.register_store import Entry, Outcome, Wanted
from mobigo.carpool.terms import Travelled
from mobigo.carpool.territories import find_codes
from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection

    from mobigo.carpool.model import Person, Run
    from mobigo.carpool.proving_store import Proven
    from mobigo.kit.geo import Point

MOST_REVENUE = 1_000_000
"""Cents."""

FARTHEST = 1_000_000
"""Metres."""

DECIMALS = 6
"""Of degrees."""

STRUCK = "struck"
"""Label of what was found not to count before it was sent."""

KEPT = timedelta(days=30)
"""After which what was sent is forgotten; the register has decided long before."""


def write_journey(
    one: Proven, run: Run, people: Mapping[str, Person], *, revenue: int, siret: str | None
) -> dict[str, Any]:
    """Write a journey as the register takes it.

    Parameters
    ----------
    revenue : int
        Cents that the driver receives for this passenger.
    siret : str, optional
        Of the authority that pays the driver more than the passenger pays; without it no incentive is named.
    """
    supplement = max(revenue - one.cents, 0)
    journey: dict[str, Any] = {
        "operator_journey_id": find_journey_id(one.booking),
        "operator_trip_id": _find_trip_id(one.run),
        "operator_class": one.proof.value,
        "incentives": [{"index": 0, "siret": siret, "amount": supplement}] if siret and supplement else [],
        "start": _write_end(one.started_at, one.origin),
        "end": _write_end(one.ended_at, one.destination),
        "distance": min(max(one.metres, 1), FARTHEST),
        "driver": {
            "identity": _write_identity(one.driver, one.driver_key, people.get(one.driver)),
            "revenue": min(revenue, MOST_REVENUE),
        },
        "passenger": {
            "identity": _write_identity(
                one.passenger or one.passenger_key, one.passenger_key, people.get(one.passenger or "")
            ),
            "contribution": one.cents,
            "seats": one.seats,
        },
    }
    if run.plate:
        journey["licence_plate"] = run.plate
    return journey


def write_change(document: Mapping[str, Any]) -> dict[str, Any]:
    """Write what may be changed of a journey that the register knows."""
    names = ("operator_journey_id", "operator_trip_id", "operator_class", "incentives", "start", "end", "distance")
    return {name: document[name] for name in names}


def find_journey_id(booking: str) -> str:
    """Return the id of a journey there: small letters and digits only."""
    return UUID(booking).hex


def _find_trip_id(run: str) -> str:
    """Return the id that the passengers of one car share there: small letters and digits, however ids are made here."""
    return run.encode().hex()


def _write_end(at: datetime, point: Point) -> dict[str, Any]:
    return {
        "datetime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "lat": round(point.lat, DECIMALS),
        "lon": round(point.lon, DECIMALS),
    }


def _write_identity(id_: str, key: str, person: Person | None) -> dict[str, Any]:
    identity: dict[str, Any] = {"identity_key": key, "operator_user_id": id_}
    if person is not None:
        identity["over_18"] = True if person.adult else None
        number = find_number(person)
        if number is not None:
            identity["phone_trunc"] = truncate_number(number)
    return identity


def share_out(cents: int, journeys: Sequence[Proven]) -> dict[str, int]:
    """Share what a run pays its driver out over its journeys, by seats and metres, to the cent.

    The cents left by rounding down go to those that lost most by it.
    """
    weights = {one.booking: one.seats * one.metres for one in journeys}
    total = sum(weights.values())
    if not total:
        return dict.fromkeys(weights, 0)
    exact = {booking: Fraction(cents * weight, total) for booking, weight in weights.items()}
    shares = {booking: int(share) for booking, share in exact.items()}
    left = cents - sum(shares.values())
    for booking in sorted(exact, key=lambda booking: (shares[booking] - exact[booking], booking))[:left]:
        shares[booking] += 1
    return shares


# ── the outbox ────────────────────────────────────────────────────────────────────────────────────────────────────────


def announce(connection: Connection[Any], run: Run, *, siret: str | None, now: datetime) -> None:
    """Have the register told of what is proven of a run: what is new, and what has changed."""
    journeys = [one for one in proving_store.list_journeys(connection, run.id) if one.struck_at is None]
    ids = {id_ for one in journeys for id_ in (one.driver, one.passenger) if id_ is not None}
    people = store.list_people(connection, ids)
    shares = share_out(find_revenue(connection, run, journeys), journeys)
    for one in journeys:
        document = write_journey(one, run, people, revenue=shares[one.booking], siret=siret)
        _want(connection, one, document, now)


def find_revenue(connection: Connection[Any], run: Run, journeys: Sequence[Proven]) -> int:
    """Return what the driver of a run will be paid for these journeys, in cents, by the rules of its day."""
    on_line = {stop.metres for stop in run.stops if stop.line_stop is not None}
    aboard = tuple(
        Aboard(
            booking=one.booking,
            passenger=one.passenger or one.passenger_key,
            seats=one.seats,
            board=one.board_metres,
            alight=one.alight_metres,
            on_line={one.board_metres, one.alight_metres} <= on_line,
            proof=one.proof.value,
            fare=one.cents,
            start_at=one.started_at,
            ends=(one.origin, one.destination),
            adult=True,
        )
        for one in journeys
    )
    departs_at = run.stops[0].planned_at.astimezone(terms.FRANCE)
    ride = Ride(run.id, run.driver, run.line, run.service_date, departs_at, run.stops[-1].metres, aboard)
    rules = policies_store.read_rules(connection)
    return Awards(rules, territories=find_codes(connection, rules, [ride])).pay(ride).cents


def _want(connection: Connection[Any], one: Proven, document: Mapping[str, Any], now: datetime) -> None:
    known = register_store.find_entry(connection, one.booking)
    if known is not None and (known.document == document or not _is_changeable(known)):
        return
    labels = () if known is not None and known.there else _list_violations(connection, one, now)
    register_store.save_entry(
        connection,
        Entry(
            booking=one.booking,
            journey=find_journey_id(one.booking),
            started_at=one.started_at,
            document=document,
            wanted=Wanted.UPDATE if known is not None and known.there else Wanted.CREATE,
            state=Outcome.WITHHELD if labels else Outcome.WAITING,
            there=known is not None and known.there,
            attempts=0,
            next_at=None if labels else now,
            problem=None,
            status=None,
            status_at=None,
            labels=labels,
            revision=0,
        ),
        now,
    )


def _is_changeable(known: Entry) -> bool:
    return known.wanted is not Wanted.CANCEL and known.state is not Outcome.WITHHELD and known.document is not None


def _list_violations(connection: Connection[Any], one: Proven, now: datetime) -> tuple[str, ...]:
    """List the register's terms that a journey breaks."""
    first, last = terms.local_day(one.started_at)
    keys = [one.driver_key, one.passenger_key]
    others = proving_store.list_journeys_of(connection, keys, first - terms.CLOSE, last)
    place = one.started_at, one.booking
    earlier = [_as_travelled(other) for other in others if (other.started_at, other.booking) < place]
    return tuple(violation.value for violation in terms.check(_as_travelled(one), now, earlier))


def _as_travelled(one: Proven) -> Travelled:
    return Travelled(one.run, one.driver_key, one.passenger_key, one.started_at, one.ended_at, one.metres)


def withdraw(connection: Connection[Any], booking: str, now: datetime) -> None:
    """Have the register forget a journey that was found not to count."""
    known = register_store.find_entry(connection, booking)
    if known is None:
        return
    # being sent, it may be there already: a cancellation of what is not there is answered so, and done
    sent = known.there or known.state is Outcome.SENDING or known.attempts > 0
    register_store.save_entry(
        connection,
        replace(
            known,
            wanted=Wanted.CANCEL,
            state=Outcome.WAITING if sent else Outcome.WITHHELD,
            next_at=now if sent else None,
            labels=() if sent else (STRUCK,),
            problem=None,
        ),
        now,
    )


def send_again(connection: Connection[Any], booking: str, now: datetime) -> Entry:
    """Have sent again what the register refused or what failed.

    Raises
    ------
    NotFound
        ``unknown_register_entry``.
    Conflict
        When it is not refused or failed (``register_entry_not_resendable``).
    """
    known = register_store.get_entry(connection, booking)
    if known.state not in {Outcome.REFUSED, Outcome.FAILED} or known.document is None:
        raise Conflict(
            f"what the register is told of booking {booking} is {known.state}; only what it refused, or what failed,"
            " is sent again",
            code="register_entry_not_resendable",
        )
    register_store.save_entry(connection, replace(known, state=Outcome.WAITING, next_at=now, problem=None), now)
    return register_store.get_entry(connection, booking)


def forget(connection: Connection[Any], now: datetime) -> int:
    """Forget what was sent of journeys that the register has long decided on; return how many."""
    return register_store.forget_documents(connection, now - KEPT)
