"""Findings: what the checks say of journeys, each with its reason; those it is about may answer, staff decide.

A finding holds back the journeys it is about: they are neither charged nor paid until somebody has looked. Journeys are
looked at together with those of the same people around them, so that it does not matter in which order they came in.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from mobigo.carpool import checks, findings_store, proving_store, register_store, terms
from mobigo.carpool.checks import Finding, Fix, Kind, Shared
from mobigo.carpool.findings_store import STANDING, FindingState, Kept
from mobigo.carpool.terms import Travelled, Violation
from mobigo.db.session import driver
from mobigo.kit.errors import Conflict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from psycopg import Connection
    from sqlalchemy.orm import Session

    from mobigo.carpool.proving_store import Located, Proven

    Measure = Callable[[Proven], tuple[int, int] | None]
    """Metres and seconds that the road takes; None where that is not known."""

DAYS_AROUND = timedelta(days=2)
"""Before and after a journey, within which other ones of the same people may speak against it."""

DAYS_OF_RING = timedelta(days=45)
"""Before a journey, within which people may have driven one another in a circle."""

WORDS = {
    Kind.TOO_SHORT: ("trop court pour un trajet en voiture", "too short for a journey by car"),
    Kind.TIME: ("la durée ne correspond pas à la route", "its time does not fit the road"),
    Kind.DISTANCE: ("la distance ne correspond pas à la route", "its distance does not fit the road"),
    Kind.OVERLAP: ("le passager était dans deux voitures à la fois", "the passenger was in two cars at once"),
    Kind.SEVERAL_OPERATORS: ("deux opérateurs au même moment", "two operators at the same time"),
    Kind.TOO_CLOSE: ("les deux mêmes personnes, trop peu de temps après", "the same two people again too soon"),
    Kind.TOO_MANY: ("trop de trajets ce jour-là", "too many trips on that day"),
    Kind.TOO_EARLY: ("prouvé bien avant le départ prévu", "proven long before it was planned"),
    Kind.SPEED: ("des positions que nulle voiture ne relie", "positions that no car can have between them"),
    Kind.SAME_DEVICE: ("un seul téléphone pour les deux", "one phone for both"),
    Kind.REGISTER: ("le registre national le conteste", "the national register disputes it"),
    Kind.RING: ("des trajets en cercle entre les mêmes personnes", "trips in a circle between the same people"),
}
"""What is found, for people: in French and in English."""

BY_TERMS = {
    Violation.TOO_MANY_TRIPS_BY_DAY: (
        Kind.TOO_MANY,
        f"the driver or the passenger had more than {terms.MOST_OTHER_TRIPS} other trips on that day",
    ),
    Violation.TOO_CLOSE_TRIPS: (
        Kind.TOO_CLOSE,
        f"another trip of the same two people was less than {terms.CLOSE.total_seconds() / 60:.0f} minutes away",
    ),
}
"""What the national terms forbid and is held back here too."""

OWN = "own"
"""The operator of journeys made here; a finding that compares operators needs others."""

LONGEST_APPEAL = 2_000
"""Characters."""


def examine(
    connection: Connection[Any], run: str, located: Sequence[Located], measure: Measure, now: datetime
) -> list[Kept]:
    """Look at what was proven of a run, alone and beside other journeys of the same people; keep what is found.

    Parameters
    ----------
    located : sequence of Located
        Positions of those in the car.

    Returns
    -------
    list of Kept
        What was not known before.
    """
    own = [one for one in proving_store.list_journeys(connection, run) if one.struck_at is None]
    if not own:
        return []
    keys = {key for one in own for key in (one.driver_key, one.passenger_key)}
    first, last = min(one.started_at for one in own), max(one.started_at for one in own)
    near = proving_store.list_journeys_of(connection, keys, first - DAYS_AROUND, last + DAYS_AROUND)
    long = proving_store.list_journeys_of(connection, keys, first - DAYS_OF_RING, last)
    devices = _list_devices(connection, own, located)
    found = [
        finding
        for one in own
        for finding in checks.check_journey(_share(one, located=located, devices=devices, road=measure(one)))
    ]
    ids = {one.booking for one in own}
    found += [one for one in checks.check_together([_share(one) for one in near]) if ids.intersection(one.journeys)]
    found += [one for one in checks.check_rings([_share(one) for one in long]) if ids.intersection(one.journeys)]
    found += _check_terms(near)
    found += _ask_register(connection, own)
    by_booking = {one.booking: one for one in (*near, *long, *own)}
    kept = []
    for finding in found:
        one = _keep(finding, now)
        if findings_store.add_finding(connection, _name(finding, by_booking), one):
            kept.append(one)
    return kept


def _share(
    one: Proven,
    *,
    located: Sequence[Located] = (),
    devices: Mapping[str, Collection[str]] | None = None,
    road: tuple[int, int] | None = None,
) -> Shared:
    """Return a journey as the checks look at it."""
    driver_device, passenger_device = _choose_devices(one, devices or {})
    metres, seconds = road or (None, None)
    return Shared(
        id=one.booking,
        trip=one.run,
        operator=one.operator or OWN,
        proof=one.proof.value,
        driver=one.driver_key,
        passenger=one.passenger_key,
        start=one.started_at,
        end=one.ended_at,
        metres=one.metres,
        routed_metres=metres,
        routed_seconds=seconds,
        planned_start=one.planned_at,
        driver_fixes=list_fixes(one.driver, located),
        passenger_fixes=list_fixes(one.passenger, located),
        driver_device=driver_device,
        passenger_device=passenger_device,
    )


def list_fixes(person: str | None, located: Sequence[Located]) -> tuple[Fix, ...]:
    """List the positions of one person."""
    return tuple(one.fix for one in located if one.person == person)


def _list_devices(
    connection: Connection[Any], own: Sequence[Proven], located: Sequence[Located]
) -> dict[str, set[str]]:
    """List the devices with which each person proved something."""
    used: dict[str, set[str]] = {}
    scans = proving_store.list_scans(connection, [one.booking for one in own])
    told = [(one.person, one.device) for one in scans] + [(one.person, one.device) for one in located]
    for person, device in told:
        if device is not None:
            used.setdefault(person, set()).add(device)
    return used


def _choose_devices(one: Proven, devices: Mapping[str, Collection[str]]) -> tuple[str | None, str | None]:
    """Return a device of driver and passenger each: the same where they shared any."""
    of_driver, of_passenger = set(devices.get(one.driver, ())), set(devices.get(one.passenger or "", ()))
    common = of_driver & of_passenger
    if common:
        return min(common), min(common)
    return min(of_driver, default=None), min(of_passenger, default=None)


def _check_terms(near: Sequence[Proven]) -> list[Finding]:
    """Find what the national terms forbid, whichever came in first: the later journeys are those too many."""
    travelled = {
        one.booking: Travelled(one.run, one.driver_key, one.passenger_key, one.started_at, one.ended_at, one.metres)
        for one in near
    }
    found = []
    for place, one in enumerate(near):
        before = [travelled[other.booking] for other in near[:place]]
        for violation in terms.check(travelled[one.booking], one.started_at, before):
            if violation in BY_TERMS:
                kind, reason = BY_TERMS[violation]
                found.append(Finding(kind, (one.booking,), reason))
    return found


def _ask_register(connection: Connection[Any], own: Sequence[Proven]) -> list[Finding]:
    """Find what the national register disputes."""
    found = []
    for one in register_store.list_disputed(connection, [one.booking for one in own]):
        labels = ", ".join(one.labels) or "without a reason"
        found.append(Finding(Kind.REGISTER, (one.booking,), f"the national register answered {one.status}: {labels}"))
    return found


def _name(finding: Finding, journeys: Mapping[str, Proven]) -> str:
    """Name what was found, so that it is the same when it is found again, also with more journeys."""
    if finding.kind is Kind.RING:
        people = sorted({journeys[id_].driver_key for id_ in finding.journeys if id_ in journeys})
        return f"{finding.kind}/{sha256(' '.join(people).encode()).hexdigest()}"
    return f"{finding.kind}/{' '.join(finding.journeys)}"


HOLDS_ALL = frozenset({Kind.RING, Kind.TOO_MANY})
"""Findings that hold back every journey they name; of the others only the first named."""


def _keep(finding: Finding, now: datetime) -> Kept:
    held = finding.journeys if finding.kind in HOLDS_ALL else finding.journeys[:1]
    return Kept(
        id=f"f{secrets.token_urlsafe(12)}",
        kind=finding.kind,
        reason=finding.reason,
        found_at=now,
        state=FindingState.OPEN,
        bookings={id_: id_ in held for id_ in finding.journeys},
    )


# ── what follows ──────────────────────────────────────────────────────────────────────────────────────────────────────


def appeal(session: Session, id_: str, person: str, text: str, now: datetime) -> Kept:
    """Answer a finding that one is in; said again before it is decided on, the answer is replaced.

    Raises
    ------
    NotFound
        When there is none about that person (``unknown_finding``).
    Conflict
        When it is decided on already (``finding_decided``).
    """
    connection = driver(session)
    one = findings_store.lock_finding(connection, id_)
    if show(connection, one, person) is None:
        raise findings_store.unknown_finding(id_)
    check_standing(one)
    findings_store.set_appeal(
        connection,
        replace(one, state=FindingState.APPEALED, appeal=text.strip(), appealed_by=person, appealed_at=now),
    )
    return findings_store.get_finding(connection, id_)


def say(kind: Kind, language: str) -> str:
    """Say what a check found, in somebody's language."""
    french, english = WORDS[kind]
    return english if language == "en" else french


def check_standing(one: Kept) -> None:
    """Refuse to go on with a finding that is decided on."""
    if one.state not in STANDING:
        raise Conflict(f"finding {one.id} is {one.state} since {one.decided_at:%Y-%m-%d}", code="finding_decided")


def show(connection: Connection[Any], one: Kept, person: str) -> Kept | None:
    """Return a finding as somebody it is about may see it, without the rides of others; None where it is about none."""
    own = proving_store.list_own(connection, one.bookings, person)
    if not own:
        return None
    return replace(one, bookings={booking: held for booking, held in one.bookings.items() if booking in own})


list_held = findings_store.list_held
